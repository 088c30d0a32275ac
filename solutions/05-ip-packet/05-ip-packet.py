# %% [markdown]
# # 5. The IP packet: twenty bytes on every hop
#
# Your service sends messages of 8 KB over UDP to a collector in another region. The network team measures that 1 % of
# all packets get lost. You measure that 6 % of your messages get lost. None arrives damaged and none arrives in part.
# **Both numbers are right. How can that be?**
#
# At the end of this chapter you can
#
# - read and write an IPv4 header byte by byte, and say what each field is for;
# - say what happens to a packet at each router, and which bytes of it change;
# - predict into how many pieces a packet is cut, by whom, and what a lost piece costs;
# - show code of your own whose packets a Linux kernel accepts, and which answers that kernel's `ping`.
#
# You will write five functions and a class. Together they are the bottom of a network stack, and it is yours.

# %%
import random
import socket
import time
from itertools import pairwise

from IPython.display import display

from netlib import Host, ICMPEcho, IPv4Address, IPv4Packet, Lab, MACAddress, Parts, Simulation, WireError, decode
from netlib.apps.ping import ping
from netlib.grading import NotImplementedYet, check
from netlib.lab import LabError
from netlib.view import claims, header_picture, hops, ruler, show, table
from netlib.worlds.task import sleep

# %% [markdown]
# ## 1. By hand first: twenty bytes
#
# An **IP packet** is a **header** followed by the data that it carries, its **payload**. Here is a whole packet as it
# goes over the wire, typed as **hex**: two digits for each byte. The first 20 bytes are the header. The other 8 are an
# echo request, the message that `ping` sends (chapter 06 is about it).

# %%
header = bytes.fromhex("4500 001c 1c46 0000 4001 0000 0a050102 0a050202")
message = bytes.fromhex("0800 f7fd 0001 0001")
len(header), len(message)

# %% [markdown]
# Decode it with your eyes before a program does. Bytes 0 to 19, in the order in which they are sent:
#
# | bytes | value | it says |
# |---|---|---|
# | 0 | `45` | two numbers of 4 bits: **version** 4, and a header of 5 **words** of 4 bytes = 20 bytes |
# | 1 | `00` | nothing special about this packet |
# | 2-3 | `001c` | **total length**: 0x1c = 28 bytes, header and payload |
# | 4-5 | `1c46` | **identification**, a number for this packet |
# | 6-7 | `0000` | about fragments; this is none |
# | 8 | `40` | **time to live**: 64 |
# | 9 | `01` | the payload's **protocol**: 1 is ICMP, 6 is TCP, 17 is UDP |
# | 10-11 | `0000` | the header's **checksum**, which is still to be worked out |
# | 12-15 | `0a050102` | source address 10.5.1.2 |
# | 16-19 | `0a050202` | destination address 10.5.2.2 |
#
# Numbers of more than one byte are sent high byte first. This is called **network byte order**, or big-endian.
#
# Now send it. `Host` is netlib's host: frames or packets go in, what it answers comes out. Nothing else in this cell
# is hidden: no kernel, no sockets.

# %%
h2 = Host("h2", random.Random(1))
eth0 = h2.attach("10.5.2.2/24")
h2.add_route("0.0.0.0/0", via="10.5.2.1")

h2.receive(eth0, header + message, now=0.0)
print("answers:", len(h2.outbox), " dropped:", dict(h2.dropped))

# %% [markdown]
# No answer: the checksum is wrong, and a host drops such a packet **silently**. That is not rude, it is required: who
# should be told, if the source address may be the damaged part? (RFC 1122 section 3.2.1.2.)
#
# So work it out. The rule fits into a sentence: **add all 16-bit words of the header; what does not fit into 16 bits is
# added back in at the bottom; then flip every bit.**

# %%
total, steps = 0, []
for at in range(0, 20, 2):
    word = int.from_bytes(header[at : at + 2], "big")
    total += word
    if total > 0xFFFF:  # the carry comes round
        total = total - 0x10000 + 1
    steps.append((f"{at}-{at + 1}", f"{word:04x}", f"{total:04x}"))
checksum = total ^ 0xFFFF
steps.append(("", "every bit flipped", f"{checksum:04x}"))
table(steps, ["bytes", "word", "sum so far"], "The checksum of the header, by hand (hex)")

# %%
packet = header[:10] + checksum.to_bytes(2, "big") + header[12:] + message
h2.receive(eth0, packet, now=0.0)
_, answer = h2.outbox.pop()
print("sent:    ", decode(packet, "ip"))
print("answered:", decode(answer, "ip"))

# %% [markdown]
# That was a ping, by hand. Here is your packet as a picture. Move the mouse over it, or press Tab: bytes and fields
# light each other up.

# %%
show(decode(packet, "ip"))

# %% [markdown]
# ## 2. What the header is for
#
# RFC 791 drew this header in 1981, 32 bits to a row. One byte has changed its meaning since: byte 1 was the *type of
# service*, and has been *dscp* and *ecn* since RFC 2474 and RFC 3168. The picture is drawn from the declaration that
# netlib's parser is compiled from, so the two can't disagree.

# %%
header_picture(IPv4Packet)

# %% [markdown]
# Read it as answers to five questions.
#
# 1. **Where does it end?** *header words* (the RFC says **IHL**, Internet Header Length) counts the header in units of
#    4 bytes: 5 to 15, so 20 to 60 bytes. What is beyond 20 are **options**. *total length* counts header and payload in
#    bytes. Both are needed: the frame around the packet may be longer, because Ethernet pads short frames with zeroes.
# 2. **Who and what?** Source, destination, and the *protocol* that the payload goes to.
# 3. **How long may it live?** *ttl* is a number of hops: every router takes one off. (RFC 791 meant seconds;
#    RFC 1812 section 5.3.1 says what became of that.)
# 4. **How is it to be treated?** *dscp*, 6 bits, names a class of service. *ecn*, 2 bits, is for **explicit congestion
#    notification**: a router that is about to be overloaded can mark a packet in place of dropping it.
# 5. **Is it whole?** *identification*, three flags and *fragment offset* are about packets that were cut. The flags are
#    one reserved bit, **DF** (don't fragment) and **MF** (more fragments). Section 6.
#
# And the checksum guards all of that, and nothing else: **the header only**, not the payload.
#
# ### Predict
#
# You will hear these three sentences. Which of them are true? Decide before you run the next cell.
#
# 1. "The data of an IP packet can be up to 65 536 bytes."
# 2. "ECN is a bit in the IP header."
# 3. "Identification, flags and offset are for jumbo packets."

# %%
def builds(payload_length: int) -> bool:
    """Whether netlib can build a packet with so much payload."""
    try:
        IPv4Packet(payload=bytes(payload_length)).build()
        return True
    except WireError as error:
        print(error)
        return False


largest = max(length for length in (65515, 65516, 65535, 65536) if builds(length))
ecn = next(field for field in IPv4Packet.fields if field.name == "ecn")
table(
    [
        ("Data of up to 65 536 bytes",
         f"16 bits count to 65 535, header included: {largest} bytes of data at most", "RFC 791, 3.1"),
        ("ECN is a bit",
         f"{ecn.width} bits, four values: not capable, ECT(0), ECT(1), congestion experienced", "RFC 3168, 5"),
        ("Jumbo packets",
         "these fields are about cutting packets into pieces; jumbo frames are a long Ethernet MTU", "RFC 791, 3.2"),
    ],
    ["What is said", "What holds", "Where it says so"],
    "Reconcile",
)  # fmt: skip

# %% [markdown]
# Why do these go wrong so often?
#
# - A field of 16 bits has 65 536 values, but one of them is 0. And the total length counts the header too. UDP takes 8
#   bytes more, so a UDP message has 65 507 bytes at most.
# - A sender that can do ECN says so (ECT). Only then may a router say "congestion" (CE) in place of dropping. One bit
#   could not tell "I can't" from "no congestion". With TCP both hosts agree on it in the handshake.
# - A **jumbo frame** is an Ethernet frame with more than 1500 bytes of payload. A **jumbogram** is an IPv6 packet of over
#   65 535 bytes (RFC 2675). Neither has to do with these fields.

# %% [markdown]
# ## 3. The checksum
#
# ### Exercise 5.1 `internet_checksum` (2 points)
#
# Turn section 1 into a function. You will use it in this chapter for headers, and later for ICMP, UDP and TCP, which have
# the same checksum.
#
# `internet_checksum(data: bytes) -> int`
#
# - `data`: any number of bytes, also none, also an odd number. If it is odd, pad it with one zero byte **behind** it.
# - Take it as 16-bit words, high byte first, and add them up. Add what lies above 16 bits back in at the bottom, until
#   nothing lies there any more (the **end-around carry**).
# - Return the **complement**: all 16 bits flipped, so a number from 0 to 65535.
#
# Example: `12 34 56` gives the words 0x1234 and 0x5600, their sum is 0x6834, and its complement is 0x97cb = 38859.
# Of no bytes at all the sum is 0 and the checksum 65535.
#
# RFC 1071 section 1.

# %% solution="5.1"
def internet_checksum(data: bytes) -> int:
    """The Internet checksum of some bytes: the complement of the one's complement sum of their 16-bit words."""
    ### BEGIN SOLUTION
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
    ### END SOLUTION

# %% check="5.1"
check("5.1", internet_checksum)

# %% [markdown]
# A receiver need not take the checksum out to test it. The sum of all words **with** the checksum in its place is 0xFFFF,
# so the function gives 0.
#
# ### Predict
#
# A checksum of 16 bits can't notice everything. Which of these three damages does it miss?
#
# 1. One bit of the TTL flips.
# 2. Source and destination are swapped.
# 3. Byte 2 becomes one larger, byte 4 one smaller.

# %% needs="5.1"
good = packet[:20]
damages = {
    "one bit of the TTL": good[:8] + bytes([good[8] ^ 1]) + good[9:],
    "source and destination swapped": good[:12] + good[16:20] + good[12:16],
    "byte 2 one larger, byte 4 one smaller": good[:2] + bytes([good[2] + 1, good[3], good[4] - 1]) + good[5:],
}
table(
    [(name, f"{internet_checksum(data):04x}", "noticed" if internet_checksum(data) else "not noticed")
     for name, data in damages.items()],
    ["damage", "checksum of what arrived", "verdict"],
    "Your checksum on damaged headers",
)  # fmt: skip

# %% [markdown]
# A sum does not care about order: words may be swapped, and one may grow by what another shrinks. That is why a host that
# answers can swap the two addresses without touching the checksum. And it is why the checksum is no protection against
# anybody who means harm. It finds accidents: every single wrong bit, and all but about 1 in 65 536 of random damages.
#
# There is one more oddity. In this arithmetic 0x0000 and 0xFFFF are the same number, zero: adding either changes nothing.
# Keep it in mind for section 5.

# %% [markdown]
# ## 4. Write headers, read headers
#
# ### Exercise 5.2 `build_header` (3 points)
#
# From named fields to bytes. From here on an exercise may call what you wrote before it. So when a check speaks of a checksum
# and you can't see why, look whether 5.1 has passed.
#
# `build_header(fields: dict, payload_length: int) -> bytes`
#
# `fields` always has `"source"` and `"destination"` (4 bytes each) and `"protocol"` (0-255). It may have these besides;
# what it does not have is as in `DEFAULTS` in the cell below:
#
# | name | value |
# |---|---|
# | `"dscp"` | 0-63, the high 6 bits of byte 1 |
# | `"ecn"` | 0-3, the low 2 bits of byte 1 |
# | `"identification"` | 0-65535 |
# | `"dont_fragment"`, `"more_fragments"` | bool: DF is 0x4000 of the 16 bits in bytes 6-7, MF is 0x2000 |
# | `"fragment_offset"` | 0-8191, the low 13 bits of bytes 6-7, in units of 8 bytes (just as it is on the wire) |
# | `"ttl"` | 0-255 |
# | `"options"` | up to 40 bytes; fill them up with zero bytes to a multiple of 4 |
#
# Anything else in `fields`, ignore. Version is 4; you work out IHL, total length and the checksum (of the header with its
# options, taken with zero in its own place). The highest bit of byte 6 is reserved: send it as 0.
#
# Raise `ValueError` for a number that does not fit its field (a negative one too), an address that is not 4 bytes, more
# than 40 bytes of options, and a total length over 65535.
#
# Example: `build_header({"source": bytes([10, 5, 1, 2]), "destination": bytes([10, 5, 2, 2]), "protocol": 1,
# "identification": 0x1c46}, 8)` is the header of section 1, checksum `47 8e`.
#
# RFC 791 section 3.1. `int.to_bytes(2, "big")` and `struct.pack(">H", ...)` both write two bytes, high byte first.

# %% solution="5.2"
DEFAULTS = {
    "dscp": 0,
    "ecn": 0,
    "identification": 0,
    "dont_fragment": False,
    "more_fragments": False,
    "fragment_offset": 0,
    "ttl": 64,
    "options": b"",
}


def build_header(fields: dict, payload_length: int) -> bytes:
    """The bytes of an IPv4 header for a payload of so many bytes. ValueError for what does not fit."""
    ### BEGIN SOLUTION
    fields = DEFAULTS | fields
    for name, bits in {"dscp": 6, "ecn": 2, "identification": 16, "fragment_offset": 13, "ttl": 8, "protocol": 8}.items():
        if not 0 <= fields[name] < 1 << bits:
            raise ValueError(f"{name}: {fields[name]} does not fit into {bits} bits")
    for name in ("source", "destination"):
        if len(fields[name]) != 4:
            raise ValueError(f"{name}: {len(fields[name])} bytes are no IPv4 address")
    options = fields["options"] + bytes(-len(fields["options"]) % 4)
    length = 20 + len(options)
    if length > 60 or length + payload_length > 0xFFFF:
        raise ValueError(f"a header of {length} bytes and {payload_length} of payload are too long")
    flags = 0x4000 * fields["dont_fragment"] | 0x2000 * fields["more_fragments"]
    head = bytes([4 << 4 | length // 4, fields["dscp"] << 2 | fields["ecn"]])
    head += (length + payload_length).to_bytes(2, "big") + fields["identification"].to_bytes(2, "big")
    head += (flags | fields["fragment_offset"]).to_bytes(2, "big") + bytes([fields["ttl"], fields["protocol"], 0, 0])
    head += fields["source"] + fields["destination"] + options
    return head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:]
    ### END SOLUTION

# %% check="5.2"
check("5.2", build_header)

# %% needs="5.2"
fields = {"source": bytes([10, 5, 1, 2]), "destination": bytes([10, 5, 2, 2]), "protocol": 1, "dscp": 46, "ttl": 9}
mine = build_header(fields, len(message)) + message
header_picture(decode(mine, "ip")[IPv4Packet])

# %% [markdown]
# ### What a receiver has to refuse
#
# A header comes from outside, so nothing in it can be trusted. Each length field is an invitation to read beyond the end
# of a buffer. RFC 1122 section 3.2.1 therefore begins with what a host *must silently discard*.
#
# ### Exercise 5.3 `parse_header` (4 points)
#
# `parse_header(data: bytes) -> dict`
#
# `data` begins with a packet. Behind it there may be **frame padding**, which is not part of the packet: leave it alone.
# Return a dict with the fields of exercise 5.2 under the same names (the offset in units of 8 bytes, flags as bool,
# addresses as 4 bytes, `"options"` as the raw bytes between byte 20 and the end of the header), and besides
#
# | name | value |
# |---|---|
# | `"header_length"` | in **bytes**, 20-60 |
# | `"total_length"` | in bytes, as it stands |
# | `"checksum"` | as it stands |
# | `"payload"` | the bytes from the end of the header to total length |
#
# Ignore the reserved bit. Do not look into the options, but do count them.
#
# Raise `ValueError`, and no other exception, when
#
# - there are fewer than 20 bytes, or the version is not 4;
# - IHL is less than 5, or tells of a header that is longer than the data;
# - the total length is less than the header's, or more than the data's;
# - the checksum of the header (options included) is wrong.
#
# Example: of the packet of section 1, `"header_length"` is 20, `"total_length"` 28, `"ttl"` 64, `"checksum"` 0x478e and
# `"payload"` the 8 bytes `08 00 f7 fd 00 01 00 01`. With 18 zero bytes behind it, all of that stays the same.
#
# RFC 791 section 3.1, RFC 1122 section 3.2.1.

# %% solution="5.3"
def parse_header(data: bytes) -> dict:
    """The fields of the IPv4 packet that `data` begins with. ValueError for what is malformed."""
    ### BEGIN SOLUTION
    if len(data) < 20:
        raise ValueError(f"{len(data)} bytes are no IPv4 header")
    if data[0] >> 4 != 4:
        raise ValueError(f"version {data[0] >> 4}")
    length, total = 4 * (data[0] & 15), int.from_bytes(data[2:4], "big")
    if not 20 <= length <= total <= len(data):
        raise ValueError(f"a header of {length} bytes in a packet of {total}, of which {len(data)} are there")
    if internet_checksum(data[:length]) != 0:
        raise ValueError("the header checksum is wrong")
    word = int.from_bytes(data[6:8], "big")
    return {
        "header_length": length,
        "dscp": data[1] >> 2,
        "ecn": data[1] & 3,
        "total_length": total,
        "identification": int.from_bytes(data[4:6], "big"),
        "dont_fragment": bool(word & 0x4000),
        "more_fragments": bool(word & 0x2000),
        "fragment_offset": word & 0x1FFF,
        "ttl": data[8],
        "protocol": data[9],
        "checksum": int.from_bytes(data[10:12], "big"),
        "source": data[12:16],
        "destination": data[16:20],
        "options": data[20:length],
        "payload": data[length:total],
    }
    ### END SOLUTION

# %% check="5.3"
check("5.3", parse_header)

# %% [markdown]
# The two functions are each other's reverse. Take a packet apart, and put it together from what you got:

# %% needs="5.1 5.2 5.3"
found = parse_header(packet + bytes(18))  # as it lies in a short Ethernet frame
again = build_header(found, len(found["payload"])) + found["payload"]
print("the same bytes:", again == packet)

# %% [markdown]
# ## 5. On the way: what routers change
#
# A **router** forwards: it takes a packet in on one link and puts it out on another. Here are three of them between two
# hosts, in a simulation: `h1 - r1 - r2 - r3 - h2`. The first cell builds them; the second sends a ping through and looks at
# it on each link.

# %%
def chain(parts: Parts) -> tuple:
    """h1 - r1 - r2 - r3 - h2, all with these parts: the simulation, h1, and a capture of each link."""
    sim = Simulation(seed=1)
    nodes = [sim.host("h1", parts), *(sim.router(f"r{i}", parts) for i in (1, 2, 3)), sim.host("h2", parts)]
    captures = {}
    for i, (left, right) in enumerate(pairwise(nodes), 1):
        link = sim.link((left, f"10.0.{i}.1/24"), (right, f"10.0.{i}.2/24"), delay=0.002)
        captures[f"{left.name} to {right.name}"] = sim.capture(link)

    h1, r1, r2, r3, h2 = nodes
    for node, gateway in ((h1, "10.0.1.2"), (r1, "10.0.2.2"), (r2, "10.0.3.2")):
        node.add_route("10.0.4.0/24", via=gateway)  # there
    for node, gateway in ((h2, "10.0.4.1"), (r3, "10.0.3.1"), (r2, "10.0.2.1")):
        node.add_route("10.0.1.0/24", via=gateway)  # and back
    return sim, h1, captures


def request_on(capture):
    """The echo request that passed this link."""
    return next(p for _, p in capture if IPv4Packet in p and p[IPv4Packet].destination == IPv4Address("10.0.4.2"))


# %%
sim, first, captures = chain(Parts())
print(sim.run(ping(first, "10.0.4.2", count=1)))
hops({place: request_on(capture) for place, capture in captures.items()}, IPv4Packet, "One packet on four links")

# %% [markdown]
# (32 ms is twice what four links there and back take. Each host first had to ask for its neighbour's Ethernet address: chapter 07.)
#
# Two bytes of twenty. The TTL falls by one at each router, and the checksum has to follow. A router that reached TTL 0 would
# drop the packet and tell the sender; so a packet in a routing loop dies, and `traceroute` works (chapter 06).
#
# Look at the checksum. Its high byte rises by exactly one where the TTL falls by one, and that is no accident. The TTL is the
# high byte of its word, so the sum of all words falls by 0x0100, and its complement rises by 0x0100. **Nobody has to add up
# the header again.** Old checksum, old word and new word are enough. RFC 1624 writes it so:
#
# > HC' = ~(~HC + ~m + m')
#
# *HC* is the old checksum, *m* the old 16-bit word, *m'* the new one; `~` flips 16 bits (in Python `~x & 0xFFFF`), and
# `+` brings the carry round as before.
#
# It is faster. But there is a better reason. Think of a router whose memory is faulty: *after* it has tested the
# checksum, and before it sends the packet on, a bit of the destination flips. What does the next host notice,
#
# - if the router changes the checksum by what it changed itself?
# - if it adds up the header anew?
#
# ### Exercise 5.4 `decrement_ttl` (3 points)
#
# `decrement_ttl(packet: bytes) -> bytes`
#
# The packet with a TTL that is one less, and its checksum brought up to date by equation 3 of RFC 1624. All other bytes
# stay as they are, also where the header is damaged: it must stay just as detectably damaged. Raise `ValueError` when the TTL
# is 0 already. (TTL 1 becomes 0. That such a packet is not sent on is for the caller to see to.)
#
# Example: TTL 64, protocol 1, checksum 0x478e. *m* = 0x4001, *m'* = 0x3f01. ~HC + ~m + m' = 0xb871 + 0xbffe + 0x3f01 =
# 0x1b770, with the carry brought round 0xb771, and its complement is 0x488e.
#
# Mind the two zeroes. With the old checksum 0xfeff the equation gives 0x0000. "Just add 0x0100" gives 0xffff, a value that
# no sender writes into a header.
#
# RFC 1624 section 3; RFC 1812 section 5.3.1.

# %% solution="5.4"
def decrement_ttl(packet: bytes) -> bytes:
    """The packet with one hop less to live, and its checksum changed by just that."""
    ### BEGIN SOLUTION
    if packet[8] == 0:
        raise ValueError("TTL is 0")
    old, new = packet[8:10], bytes([packet[8] - 1, packet[9]])
    total = sum(int.from_bytes(word, "big") ^ turn for word, turn in ((packet[10:12], 0xFFFF), (old, 0xFFFF), (new, 0)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return packet[:8] + new + (total ^ 0xFFFF).to_bytes(2, "big") + packet[12:]
    ### END SOLUTION

# %% check="5.4"
check("5.4", decrement_ttl)

# %% [markdown]
# Now the faulty router. One bit of the destination flips inside it, and both kinds of router send the packet on.

# %% needs="5.1 5.3 5.4"
def from_scratch(packet: bytes) -> bytes:
    """What a careless router does."""
    head = packet[:8] + bytes([packet[8] - 1, packet[9], 0, 0]) + packet[12:20]
    return head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:] + packet[20:]


flipped = packet[:19] + bytes([packet[19] ^ 8]) + packet[20:]
for name, router in (("changes the checksum by its own change", decrement_ttl), ("adds up anew", from_scratch)):
    try:
        arrived = parse_header(router(flipped))
        print(f"{name}: accepted, on its way to {IPv4Address(arrived['destination'])}, which nobody meant")
    except ValueError as error:
        print(f"{name}: dropped by the next host ({error})")

# %% [markdown]
# The same three routers, and now they run your checksum and your `decrement_ttl`. `Parts` is how code of yours takes the
# place of netlib's.

# %% needs="5.1 5.4"
sim, first, captures = chain(Parts(checksum=internet_checksum, decrement_ttl=decrement_ttl))
result = sim.run(ping(first, "10.0.4.2", count=3))
print(f"{result.received} of 3 answered through three routers of yours; TTLs on the way:",
      [request_on(capture)[IPv4Packet].ttl for capture in captures.values()])  # fmt: skip

# %% [markdown]
# ## 6. Too long for the link: fragments
#
# Every link has an **MTU**, a maximum transmission unit: the largest *IP packet* that it carries, in bytes. On Ethernet that
# is 1500. It is often called the size of the frame, but the frame's own header and trailer come on top (18 bytes).
#
# When a packet is longer than the MTU of the link that it has to go over, there are two ways. If DF is set, the packet is
# dropped and the sender is told the MTU. If not, it is cut into **fragments**: packets of their own, each with a header and
# a piece of the payload.
#
# - All fragments have the identification of the packet, so that they can be found to belong together.
# - *fragment offset* says where the piece belongs, in **units of 8 bytes**: 13 bits are enough for 65 535 bytes that way. So
#   every piece but the last has to be a multiple of 8 bytes long.
# - MF is 1 in all but the last. Only the last fragment tells how long the whole is.
# - A fragment that meets a link with a still smaller MTU is cut again. Nothing shows afterwards that it happened twice.
# - Every link has to carry 68 bytes, the longest header and 8 bytes of data. Every host has to be able to take packets of 576
#   bytes, whole or in fragments (RFC 791). More than that is a favour.
#
# ### Predict
#
# A packet with 1480 bytes of payload, 1500 in all, meets a link with an MTU of 1000. How many fragments, and how long is
# each? And what will be the offset *field* of the second?

# %%
from netlib.internet.fragments import fragment as netlib_fragment

big = IPv4Packet(
    source=IPv4Address("10.5.1.2"),
    destination=IPv4Address("10.5.2.2"),
    protocol=17,
    identification=7,
    payload=bytes(1480),
).build()
ruler(netlib_fragment(big, 1000), "1500 bytes, cut for an MTU of 1000")

# %% [markdown]
# 980 bytes of data would fit behind a header of 20, but 980 is not a multiple of 8. So it is 976, and 504 remain: packets of
# 996 and 524 bytes, and 976 / 8 = 122 in the offset field. The second header costs 20 bytes more, in a frame of its own.
#
# **Who cuts?** It is often said that "the host with the smaller MTU" has to fragment. No: whoever *sends into* a link with too
# small an MTU. That is the sending host for its own link, and for a link farther on the *router* in front of it (RFC
# 791; in IPv6 only the sending host may cut, RFC 8200 section 4.5). **Nobody on the way puts them together again**, only the
# destination does. The receiving host never cuts what it receives.
#
# ### Exercise 5.5 `fragment` (4 points)
#
# `fragment(packet: bytes, mtu: int) -> list[bytes]`
#
# - `packet`: a well-formed packet. If it fits (`len(packet) <= mtu`), return it alone, unchanged.
# - Otherwise, raise `ValueError` if DF is set, or if the MTU leaves no room for 8 bytes of data behind the header.
# - Otherwise, return the fragments, first to last: whole packets of at most `mtu` bytes, with right lengths, offsets, MF
#   and checksums. All other fields are as in `packet`. Make no more of them than needed: in each but the last, as
#   many multiples of 8 bytes as the MTU allows behind a header as long as `packet`'s.
# - `packet` may be a fragment itself. Then its own offset is added to each, and if it had MF set, its last piece has too.
# - **Options** are one after the other in the header: byte 0 ends the list, byte 1 is a single byte of padding, and all others
#   are a type, a length (which counts both these bytes) and a value. The highest bit of the type (0x80) is the **copied
#   flag**. The first fragment keeps all options. Later ones have only those with the copied flag, filled up with zero bytes to
#   a multiple of 4.
#
# Once your fragments fit, hold all of the data and say where it belongs, four things earn a point each, also without the
# others: MF, the options, no more fragments than needed, and refusing what can't be cut.
#
# Example: the packet above, with an MTU of 1000, gives fragments of 996 and 524 bytes; their bytes 6-7 are `20 00` and
# `00 7a`.
#
# RFC 791 section 3.2, "An Example Fragmentation Procedure"; section 3.1 for the copied flag.

# %% solution="5.5"
def fragment(packet: bytes, mtu: int) -> list[bytes]:
    """The packet, cut into packets of at most `mtu` bytes. ValueError where that can't be."""
    ### BEGIN SOLUTION
    if len(packet) <= mtu:
        return [packet]
    length, word = 4 * (packet[0] & 15), int.from_bytes(packet[6:8], "big")
    room = (mtu - length) // 8 * 8
    if word & 0x4000 or room < 8:
        raise ValueError(f"{len(packet)} bytes can't be cut to {mtu}")

    options, copied, at = packet[20:length], b"", 0
    while at < len(options) and options[at] != 0:
        size = 1 if options[at] == 1 else options[at + 1]
        if options[at] & 0x80:
            copied += options[at : at + size]
        at += size
    copied += bytes(-len(copied) % 4)

    pieces, data = [], packet[length:]
    for start in range(0, len(data), room):
        piece, more = data[start : start + room], start + room < len(data)
        behind = copied if start else options
        head = bytes([0x45 + len(behind) // 4, packet[1]]) + (20 + len(behind) + len(piece)).to_bytes(2, "big")
        head += packet[4:6] + ((word | 0x2000 * more) + start // 8).to_bytes(2, "big")
        head += packet[8:10] + b"\0\0" + packet[12:20] + behind
        pieces.append(head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:] + piece)
    return pieces
    ### END SOLUTION

# %% check="5.5"
check("5.5", fragment)

# %% [markdown]
# Your fragments, cut a second time on a link with an MTU of 576:

# %% needs="5.1 5.5"
twice = [again for piece in fragment(big, 1000) for again in fragment(piece, 576)]
ruler(twice, "1500 bytes, cut for 1000 and then for 576")

# %% [markdown]
# Compare with what a direct cut to 576 would give: three pieces of up to 552 bytes. Cutting twice gave one short piece in
# the middle, and the receiver has to live with that.
#
# ## 7. Together again
#
# The destination collects. Fragments come in any order, some twice, some never. And some are made by people who mean harm:
#
# - Pieces that **overlap**. A firewall that looks at the first version and a host that keeps the second see different packets.
#   So if pieces overlap, the whole packet goes (RFC 5722 for IPv6; Linux does so for IPv4 too).
# - A last piece that ends beyond 65 535 bytes: the "ping of death" that crashed systems in 1996.
# - First pieces without end: a host that waits for the rest of all of them runs out of memory. So there is a **timer**, and
#   a **limit**.
#
# ### Exercise 5.6 `Reassembler` (4 points, the challenge)
#
# A class. It reads no clock: whoever owns it says what time it is (`now`, in seconds), and that never runs backwards. So its
# timer can be tested in no time.
#
# `Reassembler(packets: int = 64)`
#
# **`add(packet: bytes, now: float) -> bytes | None`** takes in one fragment (`parse_header` accepts it, and there is nothing
# behind it). It returns the whole packet if this was the piece that was missing, else `None`.
#
# - Fragments belong together when source, destination, protocol **and** identification are the same.
# - The whole packet has the header of the **first** fragment (offset 0), options too, with MF 0, offset 0, and the new total
#   length and checksum. Then it is forgotten.
# - The same data in the same place again is a **repetition**: ignore it, whatever its header says. What came first is kept.
# - A fragment *can't be true* in three cases. Then drop the **whole packet**, and whatever else comes of it until its time is
#   up. Until then it still counts as unfinished.
#     1. It overlaps what is there, and is no repetition.
#     2. It contradicts the end of the packet, which a last fragment (MF 0) sets: it goes beyond an end that is known, or
#        it is a last fragment itself and its end is another one, or lies before the end of data that came earlier.
#     3. The end of its data and the length of its own header add up to more than 65535.
# - No more than `packets` packets may be unfinished. When one too many begins, forget the oldest, and tell nobody.
#
# **`expire(now: float) -> list[bytes]`** forgets all packets whose time is up: 60 s after the first of their fragments came (at
# 60.0, not later; RFC 1122 asks for 60 to 120 s). It returns the first fragments (offset 0) of those that had one, oldest first, just as they came; their senders
# get to know, by an ICMP message. Of packets that were dropped because something could not be true, nobody is told.
#
# **`deadline() -> float | None`** says when `expire` is next needed: when the time of the oldest unfinished packet is up. `None`
# when there is none.
#
# `add` itself forgets nothing that is late. The owner calls `expire` when `deadline` says so.
#
# Example: fragments with bytes 0-7 (MF), 8-15 (MF) and 16-18 come in the order 3, 1, 2 at second 0. `add` returns `None`, `None`,
# and then a packet with 19 bytes of payload. Without the second, `deadline()` is 60.0, `expire(59.5)` is `[]`, and
# `expire(60.0)` is a list with fragment 1.
#
# RFC 791 section 3.2; RFC 1122 section 3.3.2; RFC 5722.

# %% solution="5.6"
class Reassembler:
    """Puts fragments together again."""

    def __init__(self, packets: int = 64) -> None:
        ### BEGIN SOLUTION
        self.packets = packets
        self.unfinished = {}  # key -> [when its time is up, {start: data} or None if dropped, first fragment, end]
        ### END SOLUTION

    def add(self, packet: bytes, now: float) -> bytes | None:
        """Take in a fragment; the whole packet if this was the missing piece."""
        ### BEGIN SOLUTION
        found = parse_header(packet)
        key = found["source"], found["destination"], found["protocol"], found["identification"]
        if key not in self.unfinished:
            if len(self.unfinished) >= self.packets:
                del self.unfinished[next(iter(self.unfinished))]
            self.unfinished[key] = [now + 60.0, {}, None, None]
        state = self.unfinished[key]
        _, pieces, first, end = state
        data, start = found["payload"], 8 * found["fragment_offset"]
        stop, is_last = start + len(data), not found["more_fragments"]
        if pieces is None or pieces.get(start) == data:
            return None

        overlaps = any(start < at + len(piece) and at < stop for at, piece in pieces.items())
        behind_end = end is not None and (stop > end or is_last)
        leaves_data = is_last and any(at >= stop for at in pieces)
        if overlaps or behind_end or leaves_data or stop + found["header_length"] > 0xFFFF:
            state[1:] = None, None, None
            return None

        pieces[start] = data
        if start == 0:
            first = state[2] = packet
        if is_last:
            end = state[3] = stop
        if end is None or sum(map(len, pieces.values())) < end:
            return None
        del self.unfinished[key]
        length = 4 * (first[0] & 15)
        head = first[:2] + (length + end).to_bytes(2, "big") + first[4:6] + bytes([first[6] & 0x40, 0])
        head += first[8:10] + b"\0\0" + first[12:length]
        payload = b"".join(pieces[at] for at in sorted(pieces))
        return head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:] + payload
        ### END SOLUTION

    def expire(self, now: float) -> list[bytes]:
        """Forget what has waited too long; the first fragments of that."""
        ### BEGIN SOLUTION
        late = [key for key, state in self.unfinished.items() if state[0] <= now]
        firsts = [self.unfinished.pop(key)[2] for key in late]
        return [first for first in firsts if first is not None]
        ### END SOLUTION

    def deadline(self) -> float | None:
        """When `expire` is next needed."""
        ### BEGIN SOLUTION
        return next((state[0] for state in self.unfinished.values()), None)
        ### END SOLUTION

# %% check="5.6"
check("5.6", Reassembler)

# %% [markdown]
# Shuffle your own fragments, and let your own reassembler put them together:

# %% needs="5.1 5.3 5.5 5.6"
pieces = fragment(big, 300)
random.Random(5).shuffle(pieces)
mine = Reassembler()
for number, piece in enumerate(pieces, 1):
    whole = mine.add(piece, now=0.0)
    at = 8 * parse_header(piece)["fragment_offset"]
    print(f"{number}. the piece from byte {at:4}:", "that makes it whole" if whole else "something is still missing")
print("the same packet as before:", whole == big)

# %% [markdown]
# ## 8. Live: a real kernel
#
# Now the same on Linux. The **lab** has two hosts and a router, each with a network of its own, all inside this machine. The
# second link takes only 1000 bytes:
#
#     h1 10.5.1.2  --- MTU 1500 ---  r1  --- MTU 1000 ---  10.5.2.2 h2
#
# Where a lab can't run (in the browser, on some servers), its recording plays: commands and captures are those of the recording,
# and say so. It can't take packets of yours; the cells that send some say in one line what was seen where they could.

# %% live
RECORDED = "no live lab here. Seen on Linux 6.18, November 2026:"
try:
    lab = Lab("05-ip-packet").up()
    h1, r1, h2 = lab["h1"], lab["r1"], lab["h2"]
    if lab.live:
        kernel = h1.run("uname -r").stdout.split("-")[0].strip()
        print(f"the lab is up, on Linux {kernel}: {', '.join(lab.nodes)}")
    else:
        print(lab.badge)
except LabError as error:
    lab = None
    print(f"no lab here: {error}")
live = bool(lab and lab.live)

# %% [markdown]
# Two cells of helpers; skim them. The first asks a kernel what it has counted, the second makes packets with your functions.

# %%
def counters(node, *names: str) -> dict[str, int]:
    """What a node's kernel has counted so far, by the names that `nstat` knows."""
    lines = node.run(["nstat", "-asz", *names]).stdout.splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines if line and not line.startswith("#")}


def counted(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What was added between two counts."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def sent_by(address: str, packets: list) -> list:
    """Those packets that have this source."""
    return [p for p in packets if p[IPv4Packet].source == IPv4Address(address)]


def settle(condition, seconds: float = 2.0) -> bool:
    """Wait until `condition()` holds, but not for ever."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return bool(condition())

# %%
def ethernet(node, router, packet: bytes) -> bytes:
    """A frame from this node's eth1 to that router's eth1."""
    ends = [each.run("cat /sys/class/net/eth1/address").stdout.strip().replace(":", "") for each in (router, node)]
    return bytes.fromhex("".join(ends) + "0800") + packet


def echo(number: int, data: bytes) -> bytes:
    """An echo request, its checksum worked out by you."""
    head = bytes([8, 0, 0, 0]) + (0x0505).to_bytes(2, "big") + number.to_bytes(2, "big")
    return head[:2] + internet_checksum(head + data).to_bytes(2, "big") + head[4:] + data


def packet_to(destination: str, payload: bytes, **fields) -> bytes:
    """A packet from h1 to this address, built by you."""
    ends = {"source": bytes([10, 5, 1, 2]), "destination": bytes(map(int, destination.split("."))), "protocol": 1}
    return build_header(ends | fields, len(payload)) + payload


def sealed(packet: bytes) -> bytes:
    """With a checksum that is right for these 20 bytes."""
    return packet[:10] + internet_checksum(packet[:10] + b"\0\0" + packet[12:20]).to_bytes(2, "big") + packet[12:]

# %% [markdown]
# ### Your header, a real kernel
#
# Now your `build_header` and your checksum stand in front of a kernel that knows nothing of netlib. A **raw socket** would take
# whole packets, header and all; but Linux fills in total length and checksum itself in what goes through one (see `raw(7)`).
# So we go one step below and send a *frame*, through an `AF_PACKET` socket. That one the kernel does not touch.

# %% live needs="5.1 5.2 5.3"
request = packet_to("10.5.2.2", echo(1, b"hello, kernel"), identification=0x1C46)
if not live:
    print(RECORDED, "h2 answered; the request left with TTL 64 and arrived with TTL 63; nothing else changed but the checksum")
else:
    wire = h1.packet_socket("eth1")
    with lab.capture("h1:eth1") as here, lab.capture("h2:eth1") as there:
        wire.send(ethernet(h1, r1, request))
        settle(lambda: len([p for _, p in here.packets if ICMPEcho in p]) == 2)
    asked, replied = ([p for _, p in there.packets if ICMPEcho in p] + [None, None])[:2]
    if replied is None:
        print("no answer: is your header right?")
    else:
        got = parse_header(asked[IPv4Packet].build())
        print("h2 answered:", replied[ICMPEcho].payload)
        print(f"the request left with TTL 64 and arrived with TTL {got['ttl']}")
        display(hops({"h1 to r1": request, "r1 to h2": asked}, IPv4Packet, "Your packet, before and after a Linux router"))

# %% [markdown]
# ### Predict: what does the kernel do with malformed headers?
#
# Your `parse_header` refuses them. A kernel drops them too, and counts them in `IpInHdrErrors`, which `nstat` shows. Of these
# nine packets six are malformed, and one of the six goes into another counter. Which?

# %%
def trials() -> dict[str, bytes]:
    """Nine packets for r1, six of them malformed."""
    plain = packet_to("10.5.1.1", echo(2, bytes(8)))
    return {
        "as it should be": plain,
        "with 18 bytes of frame padding": plain + bytes(18),
        "a wrong checksum": plain[:10] + b"\x12\x34" + plain[12:],
        "version 6": sealed(b"\x65" + plain[1:]),
        "IHL 4": sealed(b"\x44" + plain[1:]),
        "IHL 15, beyond the data": sealed(b"\x4f" + plain[1:]),
        "total length 19": sealed(plain[:2] + b"\0\x13" + plain[4:]),
        "total length beyond the data": sealed(plain[:2] + b"\5\0" + plain[4:]),
        "the reserved bit set": sealed(plain[:6] + b"\x80\0" + plain[8:]),
    }

# %% live needs="5.1 5.2 5.3"
WATCHED = ("IpInHdrErrors", "IpInDelivers", "IpExtInTruncatedPkts", "IpExtInCsumErrors")
if not live:
    print(RECORDED, "all as your parser, and the total length beyond the data in IpExtInTruncatedPkts")
else:
    rows = []
    for name, data in trials().items():
        try:
            parse_header(data)
            yours = "accepts"
        except ValueError:
            yours = "refuses"
        before = counters(r1, *WATCHED)
        wire.send(ethernet(h1, r1, data))
        settle(lambda then=before: counters(r1, *WATCHED) != then, 1.0)
        change = counted(before, counters(r1, *WATCHED))
        kernels = "accepts" if "IpInDelivers" in change else "refuses"
        rows.append((name, yours, kernels, ", ".join(change)))
    display(table(rows, ["header", "your parser", "the kernel", "what the kernel counted"], "Nine packets for r1"))

# %% [markdown]
# A right parser agrees with the kernel in all nine. A packet that is cut short is counted as truncated, not as a header error, because its
# header is all right; it is the rest that is missing. And a wrong checksum is counted twice, the second time under its own name:
# when `IpExtInCsumErrors` grows on a server, look for broken hardware.
#
# ### Predict: who cuts?
#
# h1 sends a ping of 3000 bytes with DF off. Its own link takes 1500, the next one 1000. How many fragments leave h1, how many
# arrive at h2, and how many come back?

# %% live
if not lab:
    print(RECORDED, "3 fragments left h1, 5 arrived at h2, and 4 of 1000 bytes at most came back to h1")
else:
    with lab.capture("h1:eth1") as here, lab.capture("h2:eth1") as there:
        ping_output = h1.run("ping -c 1 -W 2 -M dont -s 3000 10.5.2.2")
    ours = [p for _, p in here.packets if IPv4Packet in p]
    theirs = [p for _, p in there.packets if IPv4Packet in p]
    left, arrived, back = sent_by("10.5.1.2", ours), sent_by("10.5.1.2", theirs), sent_by("10.5.2.2", ours)
    print(f"{len(left)} fragments left h1, {len(arrived)} arrived at h2, and {len(back)} came back to h1")
    display(ruler(left, "Leaving h1 (MTU 1500)"), ruler(arrived, "Arriving at h2: r1 has cut again (MTU 1000)"))

# %% [markdown]
# Both the sending host and the router cut. The reply was cut by h2 itself, for its own link, and r1 passed it on as it was:
# nobody joins fragments on the way, though they would have fitted into fewer.
#
# With DF set, the same router drops the packet and says why. Here is what h1 gets to hear; `-M do` sets DF:

# %% live
if not lab:
    print(RECORDED, "Frag needed and DF set (mtu = 1000)")
else:
    refused = h1.run("ping -c 1 -W 2 -M do -s 1400 10.5.2.2").stdout
    heard = [line for line in refused.splitlines() if "Frag needed" in line or "mtu" in line]
    print(heard[0] if heard else refused)
    h1.run("ip route flush cache")  # forget the smaller MTU again

# %% [markdown]
# ### Your fragments, their kernel
#
# Now the other way round. You cut an echo request of 2000 bytes for an MTU of 576, and send the pieces **backwards**. h2's
# kernel has to put them together. Then once more with a piece sent twice, and once with two pieces that overlap.

# %% live needs="5.1 5.2 5.5"
REASSEMBLY = ("IpReasmReqds", "IpReasmOKs", "IpReasmFails", "IpExtReasmOverlaps", "IcmpInEchos")


def deliver(pieces: list) -> dict[str, int]:
    """Send these to h2; what its kernel counted."""
    before = counters(h2, *REASSEMBLY)
    for piece in pieces:
        wire.send(ethernet(h1, r1, piece))
    settle(lambda: counted(before, counters(h2, *REASSEMBLY)).get("IpReasmReqds", 0) == len(pieces))
    return counted(before, counters(h2, *REASSEMBLY))


def cut(identification: int) -> list:
    return fragment(packet_to("10.5.2.2", echo(3, bytes(2000)), identification=identification), 576)


one, two, three = cut(101), cut(102), cut(103)
fields = {"source": three[1][12:16], "destination": three[1][16:20], "protocol": 1, "identification": 103}
overlapping = build_header(fields | {"more_fragments": True, "fragment_offset": 68}, 552) + bytes(552)  # 8 bytes too early
if not live:
    print(RECORDED, "backwards: answered. One twice: answered. Overlapping: dropped, 1 failure, 1 overlap")
else:
    verdicts = [
        ("backwards", deliver(one[::-1])),
        ("one of them twice", deliver([two[0], *two])),
        ("two that overlap", deliver([three[0], overlapping])),
    ]
    rows = [(name, "an echo request was taken in" if "IcmpInEchos" in found else "nothing was taken in",
             ", ".join(f"{key} +{value}" for key, value in found.items())) for name, found in verdicts]  # fmt: skip
    display(table(rows, ["sent", "h2's kernel", "what it counted"], "Your fragments at a Linux kernel"))

# %% [markdown]
# The kernel does what your `Reassembler` does: order does not matter, a repetition is ignored, an overlap costs the packet.
# These counters are what to look at on a server: when `IpReasmFails` grows, fragments get lost on the way to
# you, or their buffer overflows.
#
# ### Their fragments, your Reassembler
#
# The fragments of the 3000-byte ping, as they arrived at h2 a moment ago, captured from the wire:

# %% live needs="5.1 5.3 5.6"
if not lab:
    print(RECORDED, "5 fragments of the kernel made an echo request of 3008 bytes, its ICMP checksum right")
else:
    mine, whole = Reassembler(), None
    for p in arrived:
        whole = mine.add(p[IPv4Packet].build(), now=0.0) or whole
    if whole is None:
        print("something is still missing")
    else:
        inside = parse_header(whole)["payload"]
        right = "right" if internet_checksum(inside) == 0 else "wrong"
        print(f"{len(arrived)} fragments of the kernel made an echo request of {len(inside)} bytes, its ICMP checksum {right}")

# %% [markdown]
# ### Your stack in the kernel's place
#
# And now all of it. `attach` takes the address 10.5.2.2 away from h2's kernel and gives it to a netlib host with **your** parts: your
# checksum, your `fragment`, your `Reassembler`. h1's kernel pings it with 3000 bytes. Requests come in five pieces,
# and replies go out in four.

# %% live needs="5.1 5.2 5.3 5.4 5.5 5.6"
parts = Parts(checksum=internet_checksum, decrement_ttl=decrement_ttl, fragment=fragment, reassembler=Reassembler)
if not live:
    print(RECORDED, "3 of 3 pings of 3000 bytes answered by your code; nothing was dropped, nothing raised")
else:
    you = Host("you", random.Random(5), parts)
    you.attach("10.5.2.2/24", MACAddress("02:00:00:00:05:05"), mtu=1000)
    you.add_route("0.0.0.0/0", via="10.5.2.1")
    with h2.attach(you, "eth1") as running:
        output = h1.run("ping -c 3 -i 0.2 -W 2 -M dont -s 3000 10.5.2.2").stdout
    summary = next((line for line in output.splitlines() if "received" in line), output)
    print("the kernel says:", summary.split(", ")[0] + ",", summary.split(", ")[1])
    print("dropped by your host:", dict(you.dropped) or "nothing", "  raised in it:", len(running.errors) or "nothing")

# %% [markdown]
# ### What is said, what the RFC says, what netlib and this kernel do
#
# The claims of this chapter once more, each tried in netlib's simulation and on the kernel. What could not be tried here, the
# last column says.

# %%
sim = Simulation(seed=1)
a, r, b = sim.host("h1"), sim.router("r1"), sim.host("h2")
wide = sim.capture(sim.link((a, "10.5.1.2/24"), (r, "10.5.1.1/24")))
narrow = sim.capture(sim.link((r, "10.5.2.1/24"), (b, "10.5.2.2/24"), mtu=1000))
a.add_route("0.0.0.0/0", via="10.5.1.1")
b.add_route("0.0.0.0/0", via="10.5.2.1")
sim.run(ping(a, "10.5.2.2", count=1, size=3000))


def requests(packets) -> list:
    """Those packets of a capture that go to h2."""
    return [p for _, p in packets if IPv4Packet in p and p[IPv4Packet].destination == IPv4Address("10.5.2.2")]


def observed(before: list, after: list) -> dict[str, bool]:
    """What holds for a long packet, seen on the wide link and then on the narrow one."""
    return {
        "hosts cut": len(before) > 1,
        "routers cut": len(after) > len(before),
        "receivers cut": any(len(p[IPv4Packet].payload) > 980 for p in after),
        "frames are the MTU": max(len(p.data) for p in before) <= 1500,
    }


netlib_says = observed(requests(wide), requests(narrow))
netlib_says |= {"65 536": largest >= 65536, "one bit": 2**ecn.width == 2}
print("netlib:", ", ".join(f"{name}: {'yes' if holds else 'no'}" for name, holds in netlib_says.items()))

# %% live
kernel_says = dict.fromkeys(netlib_says)  # None: not tried here
if lab:
    kernel_says |= observed(left, arrived)
    with lab.capture("h2:eth1") as there:
        for codepoint in range(4):
            h1.run(f"ping -c 1 -W 2 -Q {codepoint} 10.5.2.2")
    kernel_says["one bit"] = len({p[IPv4Packet].ecn for p in requests(there.packets)}) == 2
if live:
    try:
        h1.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(65536 - 8), ("10.5.2.2", 9))
        kernel_says["65 536"] = True
    except OSError:  # EMSGSIZE: message too long
        kernel_says["65 536"] = False
said = {
    "65 536": ("The data can have 65 536 bytes", "no: 65 535 with the header (791, 3.1)"),
    "one bit": ("ECN is a bit", "no: 2 bits, 4 values (3168, 5)"),
    "frames are the MTU": ("The MTU is the size of the frame", "no: of the packet in it (894)"),
    "hosts cut": ("A sending host cuts for its own link", "yes (791, 3.2)"),
    "routers cut": ("A router cuts for its next link, if DF is off", "yes (791, 3.2)"),
    "receivers cut": ("The host behind the small link has to cut", "no: what reaches it has been cut (791, 3.2)"),
}
claims([(*said[name], netlib_says[name], kernel_says[name]) for name in said])

# %% live
if lab:
    lab.down()
print("nothing of the lab is left")

# %% [markdown]
# ## 9. What you can now answer
#
# ### 1 % and 6 %
#
# A UDP message of 8 KB is one IP packet of 8 220 bytes (8 192 of data, 8 of UDP, 20 of header). Over an MTU of 1500 it
# travels as six fragments. Each may get lost, and IP sends nothing twice. If one is missing, the other five wait for 60 s (30 s on
# Linux) and are thrown away. All six have to arrive:
#
# > 1 - 0.99⁶ = 5.9 %
#
# Both teams are right. One counts packets on the wire, the other messages. Try it: a simulated link that loses 1 % of the frames,
# and 1000 messages.

# %%
def messages_lost(size: int, loss: float, count: int = 1000) -> float:
    """The share of messages of `size` bytes (UDP header included) that never arrive over a link with this loss."""
    sim = Simulation(seed=4)
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"), loss=loss)
    inbox, outbox = b.socket(protocol=253), a.socket(protocol=253)  # 253: for experiments (RFC 3692)
    arrived = 0

    async def send() -> None:
        nonlocal arrived
        for _ in range(count):
            outbox.send(IPv4Packet(destination=IPv4Address("10.0.0.2"), payload=bytes(size)), sim.now)
            await sleep(0.1)
            while inbox.receive():
                arrived += 1

    sim.run(send())
    return 1 - arrived / count


rows = []
for size in (1480, 1481, 8200):
    pieces = len(netlib_fragment(IPv4Packet(payload=bytes(size)).build(), 1500))
    rows.append((f"{size} bytes", pieces, f"{1 - 0.99**pieces:.1%}", f"{messages_lost(size, 0.01):.1%}"))
table(rows, ["message", "fragments", "expected", "lost of 1000, simulated"], "Messages lost where 1 % of the packets are lost")

# %% [markdown]
# So keep datagrams below the path's MTU (DNS and QUIC do), or use TCP, which cuts its stream into segments that fit and sends again
# only what was lost. And what of the half messages that never arrived? There are none: an application gets the
# whole packet or nothing. That is what your `Reassembler` is for.
#
# ### Five questions that an interviewer asks
#
# <details><summary>1. tcpdump on your server shows "bad cksum" on packets that it sends, and yet all works. Why?</summary>
#
# The network card works the checksum out (checksum offload), after tcpdump has seen the packet. Only what arrives, or
# what is captured on another machine, tells about damage on the wire. For IP's own header checksum the kernel does it itself in
# most cases; it is TCP's and UDP's that are left to the card.
# </details>
#
# <details><summary>2. Why does the header checksum not cover the payload?</summary>
#
# The header changes at every router, so every router has to update its checksum; it should not have to touch the data for it.
# And some payloads can stand damage or guard themselves: UDP, TCP and ICMP have checksums of their own, from
# end to end. IPv6 has dropped the header checksum altogether, because link and transport check already.
# </details>
#
# <details><summary>3. A packet of 4000 bytes of payload, MTU 1500, no options. How many fragments, and what offsets?</summary>
#
# Three. 1480 bytes fit (a multiple of 8). Offsets in bytes 0, 1480 and 2960; in the field 0, 185 and 370. The last has 1040
# bytes and MF 0.
# </details>
#
# <details><summary>4. Why do many firewalls and load balancers have trouble with fragments?</summary>
#
# Only the first fragment has the UDP or TCP header with the ports. Who decides by ports has to keep state or to reassemble, or
# lets the later ones pass unseen, or drops them all. Equal-cost routing by ports sends them over different paths. RFC 8900
# collects the reasons why fragments are fragile.
# </details>
#
# <details><summary>5. The identification has 16 bits. When is that too few?</summary>
#
# At high rates between two hosts it wraps around within a packet's lifetime: at 1 Gbit/s with 1500-byte packets in under a second.
# Then pieces of different packets may be joined, and a 16-bit checksum misses some of it. That is why the field has a meaning only
# in fragments (RFC 6864), and why one sets DF.
# </details>
#
# ### Where it goes next
#
# Chapter 06 sends and answers ICMP, with the checksum that you have written. Chapter 07 finds out which Ethernet address to put on
# the frame. Chapter 22 comes back to DF and the path's MTU, and to what happens when nobody gets to hear "Frag needed".
#
# ### Worth reading
#
# - RFC 791, sections 3.1 and 3.2: the whole protocol in twenty pages.
# - RFC 1122, sections 3.2.1 and 3.3: what a host must do, written after ten years of experience.
# - RFC 1071 and RFC 1624: all about the checksum, and a lesson in how a wrong equation lived for years.
# - RFC 6864: what identification means today. RFC 5722: why overlaps are poison. RFC 8900: why not to fragment at all.
