# %% [markdown]
# # 2. The layers: whose byte is it, and whose fault?
#
# The checkout fails. The page says "something went wrong". The network team shows you green pings. The team with the
# load balancer says that the balancer is well. Your own log is empty. Each of you is sure that it is one of the others.
# **Which layer failed, and what would prove it?**
#
# In the same week somebody asks for something that sounds simple: send `/images` to other servers than `/orders`. "Ours
# is a layer 4 balancer," is the answer, "it can't." But every byte of every request goes through it. **Why can't it?**
#
# Both questions have one answer: on a wire many parties write into the same frame, and each looks at its own part only.
# After this chapter you can
#
# - say of each byte of a frame who owns it, and what it costs you;
# - wrap a message as TLS, TCP, IP and Ethernet wrap it, so that a Linux kernel takes it;
# - say what a switch, a router, an L4 and an L7 balancer look at, what they change, and what they can't see;
# - read a capture of something that failed, and name the layer, or say honestly that the capture does not tell.
#
# It takes 60 to 90 minutes. You need Python's `bytes`, and the round trips of chapter 1.

# %%
import hashlib
import hmac
from html import escape

from IPython.display import HTML, ProgressBar, display

from netlib import (
    EthernetFrame,
    IPv4Address,
    IPv4Packet,
    MACAddress,
    Simulation,
    TCPSegment,
    decode,
    internet_checksum,
)
from netlib.exercises.osi_model import story
from netlib.grading import NotImplementedYet, check
from netlib.host import RAW
from netlib.view import SequenceDiagram, bars, claims, hops, show, table
from netlib.view.nesting import nesting
from netlib.wire.ipv4 import TCP
from netlib.wire.packet import Packet, stack

# %% [markdown]
# ## By hand: a request, and five bytes around it
#
# This is what your program wants to say. In HTTP/1.1 a request is text: a first line, header fields, an empty line, and
# then the body.

# %%
order = b'{"book":7,"qty":1}'
request = b"POST /orders HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 18\r\n\r\n" + order
print(request.decode())
print()
print(len(request), "bytes, of which", len(order), "are the order")

# %% [markdown]
# Hardly anybody sends that in the clear any more. **TLS** puts it into a **record**. In TLS 1.3 (RFC 8446 section 5.2) a record
# with your data looks like this:
#
# | bytes | what they are |
# |---|---|
# | `17` | the type: 0x17 = 23, application data |
# | `03 03` | a version that no longer means anything: it says TLS 1.2, so that old boxes on the way keep calm |
# | two bytes | the length of what follows |
# | your data and one byte more, encrypted | the byte more is the *real* type, which nobody on the way may see |
# | 16 bytes | a tag: the proof that nobody has changed anything |
#
# So 83 bytes become 83 + 1 + 16 = 100, which is `64` in hex, with 5 bytes before them. Here are
# these five, typed by hand. Change one, and see below what no longer fits; then put it back:

# %%
record_header = bytes.fromhex("17 03 03 00 64")

# %% [markdown]
# The cipher below is a stand-in, made of SHA-256, so that this notebook needs nothing but Python. It makes things as long
# as the ciphers of TLS 1.3 do, and that is all that matters here. Chapter 19 does it properly, and the kernel at the end
# of this chapter gets the real thing, from OpenSSL.


# %%
def seal(data: bytes, kind: int = 23, key: bytes = b"a key that both ends know") -> bytes:
    """Data and its type, encrypted, and a tag of 16 bytes behind it. A toy: never use it."""
    inner = data + bytes([kind])
    blocks = range(len(inner) // 32 + 1)
    noise = b"".join(hashlib.sha256(key + number.to_bytes(4, "big")).digest() for number in blocks)
    sealed = bytes(a ^ b for a, b in zip(inner, noise, strict=False))
    return sealed + hmac.digest(key, sealed, "sha256")[:16]


record = record_header + seal(request)
print("announced", int.from_bytes(record[3:5], "big"), "bytes, and there are", len(record) - 5)
print(record[:5].hex(" "), "|", record[5:29].hex(" "), "...")

# %% [markdown]
# Left of the bar stands what everybody on the way can read. Right of it is noise to all but the two who have the key.
#
# You have just done what every layer does: **take bytes from above, don't look into them, put something of your own
# around them, and hand the result down.** That is called **encapsulation**. Three more layers do the same. Each adds a
# **header**: a few fields, in an order that both ends know.

# %%
client, server = IPv4Address("10.0.1.2"), IPv4Address("10.0.2.80")
ethernet = EthernetFrame(MACAddress("02:00:00:00:00:01"), MACAddress("02:00:00:00:00:02"))  # to, from
ip = IPv4Packet(source=client, destination=server, protocol=TCP, identification=1, dont_fragment=True)
tcp = TCPSegment(40000, 443, sequence=1000, acknowledgment=2000, ack=True, psh=True, window=502)
tcp.payload = record
frame = stack(ethernet, ip, tcp)
packet = decode(frame)
show(packet, payload=16, title="One POST, as it leaves the card")

# %% [markdown]
# Move the mouse over the bytes, or go through the rows with the Tab key. And here is whose they are:

# %%
wrapped = {"ethernet": ethernet.header_length, "ip": ip.header_length, "tcp": tcp.header_length}
wrapped |= {"tls": len(record_header), "sealed": len(record) - len(record_header)}
nesting(wrapped.items(), "Whose bytes they are")

# %% [markdown]
# The names of these units differ, and people who mix them up talk past each other:
#
# | who | adds | calls the whole | names, in its header | promises to those above |
# |---|---|---|---|---|
# | HTTP | a request line and fields | **message** | a host and a path: a resource | an answer to each request |
# | TLS | 5 + 1 + 16 bytes | **record** | nobody | nobody reads it, nobody changes it, and the server is who it says |
# | TCP | 20 bytes, and options | **segment** (UDP: **datagram**) | two **ports**: a program's socket | every byte, once, in order; or an error |
# | IP | 20 bytes (IPv6: 40) | **packet** | two **IP addresses**: hosts, across networks | nothing: it does its best |
# | Ethernet | 14 bytes before, 4 behind | **frame** | two **MAC addresses**: cards on one link | what arrives is whole; it may not arrive |
#
# The 4 bytes behind are the **FCS**, a checksum. The card adds it and takes it off again, so captures don't have it.
#
# ## Two models: seven layers, and four
#
# You hear "layer 4" and "layer 7" every day. The numbers are from the **OSI** model (ISO 7498, 1984), a plan for a
# family of protocols of which hardly anything is in use. What we do run, **TCP/IP**, was built by others, and has four layers
# (RFC 1122 section 1.1.3). The numbers stayed, as words:
#
# | OSI | its name | TCP/IP | in our POST |
# |---|---|---|---|
# | 7 | application | **application** | HTTP |
# | 6 | presentation: how data is written | (application) | JSON, character sets. TLS? |
# | 5 | session: a dialogue | (application) | cookies, a login. TLS? |
# | 4 | transport: program to program | **transport** | TCP: its connection, its ports |
# | 3 | network: host to host | **internet** | IP |
# | 2 | data link: card to card | **link** | Ethernet, Wi-Fi |
# | 1 | physical: signals | (link) | copper, glass, radio |
#
# Why layers at all? Because each can be exchanged alone. Your program does not notice when the laptop goes from cable to
# Wi-Fi; the switch did not notice when TLS 1.3 came. HTTP needs a stream of bytes and does not ask how it is made. (Boxes
# that look deeper than they should did notice TLS 1.3: it is for them that its records still say `03 03`.)
#
# It has a price, and you are going to pay both halves of it in this chapter: bytes, and *ignorance*. TCP can't know why a
# packet was lost. A router does not know what a request is. RFC 3439 (section 3) goes as far as to call layering harmful.
#
# **Where is TLS?** Above TCP and below HTTP, and in no layer of OSI: it encrypts (presentation, said OSI), it has sessions
# (session, said OSI), and what runs over it takes it for a transport. It is often told that "layer 5 is where the connection is made,
# and TLS". About TLS there is little to argue. About the connection there is: it is TCP's own, layer 4, and you will see
# below that the frame that opens one carries nothing at all above TCP.
#
# ## What it costs: bytes
#
# **Predict:** your program sends one letter over TLS. How many bytes does it take up on the cable? Write a number down.

# %%
sealed_letter = seal(b"a")
letter = {
    "your letter": len(b"a"),
    "TLS": len(record_header) + len(sealed_letter) - len(b"a"),
    "TCP": tcp.header_length,
    "IP": ip.header_length,
    "Ethernet header and FCS": ethernet.header_length + 4,
    "preamble, gap": 8 + 12,
}
print(sum(letter.values()), "bytes on the cable")
bars(letter.items(), "B", "One letter over TLS, in bytes")

# %% [markdown]
# 101 bytes for 1. The last line surprises most: before each frame a card sends 8 bytes of **preamble**, by which the other
# end finds the beat, and after each it keeps still for the time of 12 bytes. Nobody else can use that time, so it counts.
#
# ## Exercise 2.1: goodput
#
# `goodput(size: int, mtu: int = 1500, tls: bool = True, timestamps: bool = False) -> float`
#
# Which share of the bytes on the cable is yours, if your program sends `size` bytes at once, over a connection that
# stands already? Return your bytes divided by all bytes, between 0.0 and 1.0. Count one direction only, no
# acknowledgments. Five steps:
#
# 1. With `tls`, your data go into records of at most **16384** bytes of data each, and each record adds **22** bytes
#    (5 of header, 1 type, 16 of tag). Only the last record may be shorter. Without, they stay as they are.
# 2. TCP takes all that as *one* stream of bytes and cuts it into segments. It does not care where a record ends.
# 3. Each segment travels in one IP packet, and the packet may have `mtu` bytes: that is what **MTU** limits, the packet,
#    not the frame. IP's header takes **20** of them, TCP's **20**, or **32** with `timestamps` (an option that Linux
#    always sends). Every packet but the last is full.
# 4. Each packet travels in one frame, which takes **38** bytes more on the cable: 14 of header, 4 of FCS, 20 of preamble
#    and gap. A packet of less than **46** bytes is filled up to 46, since a frame may not be shorter than 64.
# 5. For a `size` of 0 nothing is sent: return 0.0. Raise `ValueError` for a `size` below 0, or an `mtu` below 68.
#
# For example, `goodput(1)` is 1/101: a record of 23 bytes, a packet of 63, a frame that takes 101.
# And `goodput(2000, tls=False)` is 2000/2156: packets of 1500 and 580 bytes (1460 and 540 of data), and twice 38.
#
# RFC 8446 section 5; RFC 9293 section 3.1; the 38 and 46 are IEEE 802.3's. Worth 2 points, five minutes.


# %% solution="2.1"
def goodput(size: int, mtu: int = 1500, tls: bool = True, timestamps: bool = False) -> float:
    """Which share of the bytes on the cable is the application's own."""
    ### BEGIN SOLUTION
    if size < 0 or mtu < 68:
        raise ValueError(f"no such size or MTU: {size}, {mtu}")
    stream = size
    if tls:
        records = (size + 16383) // 16384
        stream += 22 * records
    headers = 20 + (32 if timestamps else 20)
    on_the_cable = 0
    while stream > 0:
        segment = min(stream, mtu - headers)
        on_the_cable += max(headers + segment, 46) + 38
        stream -= segment
    return size / on_the_cable if on_the_cable else 0.0
    ### END SOLUTION


# %% check="2.1"
check("2.1", goodput)

# %% needs="2.1"
sizes = [1, 10, 100, 1000, 1438, 1439, 10_000, 1_000_000]
shares = [(f"{size:,} B", round(100 * goodput(size), 1)) for size in sizes]
bars(shares, "%", "The share of the cable that is yours")

# %% [markdown]
# Look at 1438 and 1439. One byte more, and a second frame has to carry it. And look at where it ends: however much you
# send, about 95 % is the most at 1500 bytes of MTU. Small messages are what costs: a thousand writes of one
# byte each, each sent at once, take ninety times what one write of a thousand takes. (TCP tries to help, with Nagle's
# algorithm: chapter 23.)
#
# ## The way up: who is next?
#
# Now be the receiver. A frame comes in, and is nothing but bytes. How does anybody know what is inside? Each header has a
# field that names the next, and most have one that says how long they are. Reading up, layer by layer, and handing on to
# whoever is named, is called **demultiplexing**.
#
# | header | how long is it? | what is inside? | where does it end? |
# |---|---|---|---|
# | Ethernet | 14 bytes | bytes 12-13, the **EtherType**: `0800` IPv4, `86dd` IPv6, `0806` ARP | with the frame |
# | IPv4 | the *low* half of byte 0, times 4 | byte 9, the **protocol**: 1 ICMP, 6 TCP, 17 UDP | bytes 2-3: the whole packet's length |
# | IPv6 | 40 bytes | byte 6: 6 TCP, 17 UDP, 58 ICMPv6 | bytes 4-5: the length *behind* the header |
# | TCP | the *high* half of byte 12, times 4 | nothing says; the **ports** say which socket gets it | with the packet |
# | UDP | 8 bytes | the same | with the packet |
# | TLS record | 5 bytes | byte 0, the **type**: 20 to 23 | bytes 3-4: the length of what follows |
#
# Three things go wrong in most first tries:
#
# - **Options.** IP and TCP headers may be longer than 20 bytes. The SYN that opens a connection practically always has options.
# - **Padding.** A card fills short frames up to 60 bytes (64 with the FCS). What lies behind the packet's own length is
#   nobody's data.
# - **A VLAN tag.** Between source address and EtherType a switch may have put 4 bytes: `81 00` and a number. So if bytes
#   12-13 are `8100`, the header is 18 bytes long, and the real EtherType is in bytes 16-17.
#
# And one is worth a second look: **nothing in TCP's header says what its data are.** Port 443 is a habit, not a proof.
# Tools such as Wireshark guess by the first bytes, and so will you.
#
# ## Exercise 2.2: owners
#
# `owners(frame: bytes) -> list[tuple[str, int]]`
#
# Return whose bytes the frame's are, from its first byte to its last: a list of `(owner, number of bytes)`. The numbers
# add up to `len(frame)`. Neighbours with the same owner are one entry; entries with 0 bytes are left out.
#
# | owner | which bytes |
# |---|---|
# | `"ethernet"` | the header of 14 bytes, or 18 with a VLAN tag (there is at most one) |
# | `"arp"` | the 28 bytes of an ARP packet (EtherType `0806`) |
# | `"ip"` | the header of IPv4 or IPv6, options included. IPv6 has no extension headers here |
# | `"tcp"`, `"udp"` | their headers, TCP's options included |
# | `"icmp"` | all that a packet of protocol 1 or 58 carries |
# | `"tls"` | the 5 bytes before each record; and the content of records of the types 20, 21 and 22 |
# | `"sealed"` | the content of records of type 23: only the two ends can read it |
# | `"application"` | what UDP carries; and what TCP carries, if it is no TLS |
# | `"padding"` | what lies behind the IP packet's own length, or behind an ARP packet |
# | `"unknown"` | everything behind the Ethernet header, if the EtherType is another one; all that a packet of another protocol carries |
#
# What TCP carries is TLS if it has at least 5 bytes, the first is 20 to 23, and the second is 3. Then it is records to
# the end, one behind the other. The last one may be cut off, in its header or behind it, because it goes on in the
# next segment: what is there counts as usual.
#
# Raise `ValueError` if the frame can't be: when it ends inside a header (Ethernet's, the tag, ARP's, IP's, TCP's, UDP's); when an
# EtherType of IPv4 or IPv6 is followed by another version (the high half of the first byte); when a header says that
# it has less than 20 bytes (IPv4, TCP); when lengths don't fit into each other: an IP packet longer than what is there,
# or shorter than its header; a TCP or UDP header that goes beyond the packet. No fragments here; they are for chapter 5.
#
# For example, `owners(frame)` for the POST above is
# `[("ethernet", 14), ("ip", 20), ("tcp", 20), ("tls", 5), ("sealed", 100)]`.
#
# RFC 791 section 3.1, RFC 8200 section 3, RFC 9293 section 3.1, RFC 8446 section 5.1. Worth 4 points.


# %% solution="2.2"
def owners(frame: bytes) -> list[tuple[str, int]]:
    """Whose bytes these are, from the first to the last."""
    ### BEGIN SOLUTION
    parts = []
    at = 0  # what lies before this is told

    def take(owner: str, size: int, end: int) -> None:
        nonlocal at
        if at + size > end:
            raise ValueError(f"{owner}: {size} bytes, and only {end - at} are left")
        if parts and parts[-1][0] == owner:
            parts[-1] = (owner, parts[-1][1] + size)
        elif size:
            parts.append((owner, size))
        at += size

    def number(offset: int, size: int) -> int:
        return int.from_bytes(frame[at + offset : at + offset + size], "big")

    take("ethernet", 14, len(frame))
    if frame[12:14] == b"\x81\x00":
        take("ethernet", 4, len(frame))
    ethertype = int.from_bytes(frame[at - 2 : at], "big")
    if ethertype == 0x0806:
        take("arp", 28, len(frame))
    elif ethertype in (0x0800, 0x86DD):
        is_four = ethertype == 0x0800
        if len(frame) - at < (20 if is_four else 40) or frame[at] >> 4 != (4 if is_four else 6):
            raise ValueError("no IP header")
        header = 4 * (frame[at] & 0x0F) if is_four else 40
        length = number(2, 2) if is_four else 40 + number(4, 2)
        protocol = number(9 if is_four else 6, 1)
        end = at + length
        if header < 20 or length < header or end > len(frame):
            raise ValueError(f"an IP packet of {length} bytes, of which {header} are its header")
        take("ip", header, end)
        if protocol == 6:
            if end - at < 20 or number(12, 1) >> 4 < 5:
                raise ValueError("no TCP header")
            take("tcp", 4 * (number(12, 1) >> 4), end)
            if end - at >= 5 and frame[at] in (20, 21, 22, 23) and frame[at + 1] == 3:
                while at < end:
                    kind, size = frame[at], number(3, 2)
                    take("tls", min(5, end - at), end)
                    take("sealed" if kind == 23 else "tls", min(size, end - at), end)
            else:
                take("application", end - at, end)
        elif protocol == 17:
            take("udp", 8, end)
            take("application", end - at, end)
        else:
            take("icmp" if protocol in (1, 58) else "unknown", end - at, end)
    else:
        take("unknown", len(frame) - at, len(frame))
    take("padding", len(frame) - at, len(frame))
    return parts
    ### END SOLUTION


# %% check="2.2"
check("2.2", owners)

# %% needs="2.2"
syn = stack(
    EthernetFrame(),
    IPv4Packet(source=client, destination=server, protocol=TCP),
    TCPSegment(40000, 443, syn=True, options=bytes.fromhex("020405b4")),
).ljust(60, b"\0")
print("the POST:", owners(frame))
print("a SYN:   ", owners(syn))
nesting(owners(syn), "The frame that opens a connection")

# %% [markdown]
# There it is: the frame that opens a TCP connection carries *nothing* above TCP. A connection is made by TCP, known to
# TCP and ended by TCP. It is layer 4.
#
# ### Predict: one record, three segments
#
# You post 4000 bytes. TLS makes one record of them, of 4022 bytes. TCP can put 1460 into a packet. It is often drawn and
# told that "IP packets are assembled into segments". **Write down:** how many segments are there, how many IP packets,
# and where do they begin, seen from the record?

# %% needs="2.2"
long_record = bytes.fromhex("17 03 03") + (4017).to_bytes(2, "big") + seal(bytes(4000))
segments = [long_record[at : at + 1460] for at in range(0, len(long_record), 1460)]
rows = []
for number, data in enumerate(segments, 1):
    sent = stack(EthernetFrame(), IPv4Packet(protocol=TCP), TCPSegment(40000, 443, payload=data))
    above_ip = ", ".join(f"{owner} {size}" for owner, size in owners(sent)[2:])
    rows.append((f"packet {number}", len(sent) - 14, above_ip))
columns = ["", "bytes", "what your function says of TCP and what it carries"]
table(rows, columns, "One record of 4022 bytes on its way")

# %% [markdown]
# One packet carries one segment, and one segment travels in one packet. Nothing is assembled between IP and TCP. It is
# the **stream** that is put together from segments, by TCP, and the **record** that is then cut out of the stream, by TLS.
#
# (Two things can hide this from you. A router may cut a packet into fragments, chapter 5; then IP puts them together
# before TCP sees any of it. And a capture on your own machine may show segments of 30 000 bytes: there the kernel leaves the
# cutting to the network card, which is called offload. The labs have that switched off.)
#
# And your function was wrong about packets 2 and 3: it says "application", and they are the rest of a sealed record. No
# rule could have known. Seen alone, these packets have no mark of TLS in them. Only whoever keeps the whole stream can tell.
# Remember this when a box between you and the server claims to understand your requests packet by packet.
#
# ## The way down
#
# Now the other way: write what you have read. Two of the headers have a **checksum**, so that damage is noticed. It is
# always the same sum, the one's complement of the one's complement sum of 16-bit words, which you build in chapter 5.
# Until then `internet_checksum(data)`, imported above, works it out. Where does it stand, and over what does it go?
#
# - IP: bytes 10-11 of the header, over the IP header alone.
# - TCP: bytes 16-17 of the header, over a **pseudo header**, TCP's header with its options, and all data. The pseudo header
#   is never sent: source address, destination address, a byte 0, a byte 6 (the protocol), and the length of the segment
#   (header, options and data) in two bytes, 12 in all. It makes sure that a segment that was brought to the wrong host
#   is noticed.
#
# In both cases the two bytes of the checksum are 0 while you work it out. A layer that looks at the addresses of the layer
# below: yes, that breaks the rules of layering. It is also why a NAT has to touch TCP (chapter 15).
#
# ## Exercise 2.3: encapsulate
#
# `encapsulate(data: bytes, fields: dict) -> bytes`
#
# Wrap `data` into a TLS record, a TCP segment, an IPv4 packet and an Ethernet frame, and return the frame. No padding, no
# FCS: the card adds those. `fields` has all of these:
#
# | key | value | where it goes |
# |---|---|---|
# | `"record"` | int, or `None` | the type of the TLS record: the type, `03 03`, and the length of `data` in 2 bytes, before `data`. `None`: no record header, TCP carries `data` as it is. (`data` are sealed already; nothing is encrypted here) |
# | `"source_port"`, `"destination_port"` | int | TCP bytes 0-1 and 2-3 |
# | `"sequence"`, `"acknowledgment"` | int | TCP bytes 4-7 and 8-11 |
# | `"flags"` | int | TCP byte 13, as it is (0x02 SYN, 0x10 ACK, 0x18 ACK and PSH) |
# | `"window"` | int | TCP bytes 14-15. Then come the checksum and two bytes 0 |
# | `"options"` | bytes | behind TCP's 20 bytes. Its length in words of 4 bytes, 5 without options, is the high half of byte 12; the low half is 0 |
# | `"identification"`, `"ttl"` | int | IP bytes 4-5 and byte 8 |
# | `"source_ip"`, `"destination_ip"` | 4 bytes each | IP bytes 12-15 and 16-19 |
# | `"source_mac"`, `"destination_mac"` | 6 bytes each | Ethernet: destination in 0-5, *then* source in 6-11; then `08 00` |
#
# The rest of the IP header: byte 0 is `45` (version 4, 5 words), byte 1 is 0, bytes 2-3 are the length of the whole packet,
# bytes 6-7 are `40 00` (Don't Fragment), byte 9 is 6. All numbers have their high byte first.
#
# Raise `ValueError` if the packet would have more than 1500 bytes (TCP should have cut the data before), or if the options
# are no whole words of 4 bytes or more than 40. All other values fit their fields.
#
# For example, `encapsulate(b"hi", fields)` for the fields in the next cell starts with `02 00 00 00 00 01 02 00 00 00 00 02 08 00
# 45 00 00 2f` and ends with `17 03 03 00 02 68 69`: 47 bytes of packet, 0x2f.
#
# RFC 8446 section 5.1, RFC 9293 section 3.1, RFC 791 section 3.1, RFC 894. Worth 4 points: one each for IP's header,
# TCP's, what TCP carries, and rejecting what has to be rejected.

# %%
fields = {
    "record": 23,
    "source_port": 40000, "destination_port": 443, "sequence": 1000, "acknowledgment": 2000,
    "flags": 0x18, "window": 502, "options": b"",
    "identification": 1, "ttl": 64,
    "source_ip": bytes([10, 0, 1, 2]), "destination_ip": bytes([10, 0, 2, 80]),
    "source_mac": bytes.fromhex("02 00 00 00 00 02"), "destination_mac": bytes.fromhex("02 00 00 00 00 01"),
}  # fmt: skip
print("checksum of 4 bytes:", f"{internet_checksum(bytes.fromhex('0001 0002')):04x}")


# %% solution="2.3"
def encapsulate(data: bytes, fields: dict) -> bytes:
    """The Ethernet frame that carries `data`."""
    ### BEGIN SOLUTION
    def number(name: str, size: int) -> bytes:
        return fields[name].to_bytes(size, "big")

    def with_checksum(header: bytes, at: int, before: bytes = b"") -> bytes:
        return header[:at] + internet_checksum(before + header).to_bytes(2, "big") + header[at + 2 :]

    options = fields["options"]
    if len(options) % 4 or len(options) > 40:
        raise ValueError(f"{len(options)} bytes of options")
    if fields["record"] is not None:
        data = bytes([fields["record"], 3, 3]) + len(data).to_bytes(2, "big") + data
    segment = number("source_port", 2) + number("destination_port", 2)
    segment += number("sequence", 4) + number("acknowledgment", 4)
    segment += bytes([(20 + len(options)) // 4 << 4]) + number("flags", 1) + number("window", 2)
    segment += bytes(4) + options + data
    length = 20 + len(segment)
    if length > 1500:
        raise ValueError(f"a packet of {length} bytes")
    addresses = fields["source_ip"] + fields["destination_ip"]
    segment = with_checksum(segment, 16, addresses + b"\x00\x06" + len(segment).to_bytes(2, "big"))
    header = b"\x45\x00" + length.to_bytes(2, "big") + number("identification", 2) + b"\x40\x00"
    header += number("ttl", 1) + b"\x06\x00\x00" + addresses
    return fields["destination_mac"] + fields["source_mac"] + b"\x08\x00" + with_checksum(header, 10) + segment
    ### END SOLUTION


# %% check="2.3"
check("2.3", encapsulate)

# %% [markdown]
# The POST once more, now by your hand; and then back up again, with your `owners`.

# %% needs="2.2 2.3"
made = encapsulate(seal(request), fields)
parts = owners(made)
print("netlib reads:   ", decode(made))
print("wrong with it:  ", decode(made).problems or "nothing")
print("netlib's frame: ", "the same, bit for bit" if made == frame else "another")
print("your owners:    ", parts)
print("and back on top:", "what was sealed" if made[-parts[-1][1] :] == seal(request) else "something else")

# %% [markdown]
# ## How deep do they look?
#
# Between the client and the program stand boxes. What tells them apart is *how far up they read* before they decide:
#
# | device | reads, to decide | changes | ends whose connection? |
# |---|---|---|---|
# | **hub**, cable (L1) | nothing: repeats every bit to everybody | nothing | nobody's |
# | **switch** (L2) | the destination MAC address (and learns from the source) | nothing | nobody's |
# | **router** (L3) | the destination IP address; and the TTL, so that nothing goes round for ever | both MAC addresses (it makes a new frame), the TTL, IP's checksum | nobody's |
# | **L4 balancer**, as NAT | protocol, both addresses, both ports: the **five-tuple** | as a router, and the destination's address and port, and so TCP's checksum | nobody's |
# | **L7 balancer** (reverse proxy) | the HTTP request: method, host, path, cookies | everything: it is a *client* of the server behind it | TCP's and TLS's |
#
# How deep that is, in bytes of our POST, if it comes in the clear:

# %%
clear = stack(ethernet, ip, TCPSegment(40000, 80, ack=True, psh=True, payload=request))
starts = dict(zip(("ethernet", "ip", "tcp"), decode(clear).offsets, strict=True))
depth = {
    "hub": 0,
    "switch: a MAC address": 6,
    "router: an IP address": starts["ip"] + 20,
    "L4: ports": starts["tcp"] + 4,
    "L7: the head of the request": clear.index(b"\r\n\r\n") + 4,
}
bars(depth.items(), "B", "How much of the frame each has to read before it can decide")

# %% [markdown]
# Two truths that are often left out. An L4 balancer can also be a *proxy* that ends TCP and makes a second connection, without
# looking at what it copies. And one that passes TLS through may still read the server's *name* from the first message of
# the handshake, which is in the clear (chapter 19). What products are called is not so strict.
#
# ### Predict: what changes on the way?
#
# Your POST goes through a switch, and then through a router. **Write down:** how many fields differ after the switch,
# how many after the router, and which?

# %%
sim = Simulation.topology("""
    client 10.0.1.2/24 -- sw
    sw -- 10.0.1.1/24 r1 10.0.2.1/24 -- 10.0.2.80/24 server
""")
places = {"client to sw": ("client", "sw"), "sw to r1": ("sw", "r1"), "r1 to server": ("r1", "server")}
captures = {place: sim.capture(sim.between(*ends)) for place, ends in places.items()}


async def send_segment() -> None:
    outer = IPv4Packet(source=client, destination=server, protocol=TCP)
    outer.payload = packet[TCPSegment].build(outer)
    sim["client"].socket(RAW, protocol=TCP).send(outer, 0.0)


sim.run(send_segment())
sim.run()
seen = {place: next(one for _, one in capture if TCPSegment in one) for place, capture in captures.items()}
display(sim.drawing("The way of the POST"))
display(hops(seen, EthernetFrame, "The Ethernet header at three places"))
display(hops(seen, IPv4Packet, "The IP header at three places"))
tcp_and_more = {one[IPv4Packet].payload for one in seen.values()}
print("TCP, TLS, and all in them:", "the same at all three places" if len(tcp_and_more) == 1 else "changed!")

# %% [markdown]
# (The other frames on these cables are ARP, chapter 7, and an ICMP report: on this server no TCP runs.)
#
# After the switch: nothing, not one bit. After the router: the two MAC addresses, the TTL, and the header's checksum, since the TTL
# is under it. It touched no byte above IP. **A MAC address lives for one link, an IP address for the whole way** (unless a NAT changes it).
#
# ## Exercise 2.4: what does it look at?
#
# `looks_at(device: str, frame: bytes) -> tuple | None`
#
# Return what the device decides by, from a frame that it receives: two frames with the same result go the same way.
# `None` means that this frame gives it nothing to go by.
#
# | `device` | returns | `None` when |
# |---|---|---|
# | `"hub"` | the empty tuple `()` | never |
# | `"switch"` | `(destination MAC,)`, as 6 bytes | never |
# | `"router"` | `(destination address,)`, as 4 bytes | it is not IPv4; or the TTL (IP byte 8) is 1 or 0: it may go no further |
# | `"l4"` | `(protocol, source address, source port, destination address, destination port)`: int, 4 bytes, int, 4 bytes, int | it is not IPv4; or the protocol is neither TCP nor UDP |
# | `"l7"` | `(method, host, target)`, three `str` | it is not IPv4 and TCP, or the data are no HTTP request with a whole head |
#
# Any other device: `ValueError`. The frames have no VLAN tag and are sound; headers may have options, and there may be
# padding. IPv6 counts as "not IPv4": these devices are old.
#
# An HTTP request with a whole head: what TCP carries has an empty line (`\r\n\r\n`) in it, and what stands before the
# first such line is the **head**. Its first line has three words with one space between them: the method, the target, and
# `HTTP/1.1` or `HTTP/1.0`. One of the other lines is the field `Host`: the name, in any case (`host`, `HOST`), a colon, and the
# value. Spaces around the value are left out; nothing else is changed. Without that line: `None`. What stands behind the head is the
# body, and not looked at.
#
# For example, with `request` in the clear, `looks_at("l7", ...)` is `("POST", "shop.example", "/orders")`; for the sealed POST
# it is `None`.
#
# IEEE 802.1Q; RFC 1812 section 5.2.1; RFC 9293 section 3.1; RFC 9112 section 3. Worth 4 points.


# %% solution="2.4"
def looks_at(device: str, frame: bytes) -> tuple | None:
    """What this device decides by, or None."""
    ### BEGIN SOLUTION
    if device not in ("hub", "switch", "router", "l4", "l7"):
        raise ValueError(f"{device!r} is no device of ours")
    if device == "hub":
        return ()
    if device == "switch":
        return (frame[:6],)
    if frame[12:14] != b"\x08\x00":
        return None
    ip = frame[14:]
    if device == "router":
        return (ip[16:20],) if ip[8] > 1 else None
    protocol = ip[9]
    if protocol not in (6, 17):
        return None
    carried = ip[4 * (ip[0] & 0x0F) : int.from_bytes(ip[2:4], "big")]
    if device == "l4":
        ports = int.from_bytes(carried[:2], "big"), int.from_bytes(carried[2:4], "big")
        return protocol, ip[12:16], ports[0], ip[16:20], ports[1]
    if protocol != 6:
        return None
    head, empty_line, _ = carried[4 * (carried[12] >> 4) :].partition(b"\r\n\r\n")
    if not empty_line:
        return None
    first, *others = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        return None
    for line in others:
        name, _, value = line.partition(":")
        if name.lower() == "host":
            return words[0], value.strip(), words[1]
    return None
    ### END SOLUTION


# %% check="2.4"
check("2.4", looks_at)

# %% [markdown]
# Now a balancer's morning: one browser with two connections, from the ports 40000 and 40001, and three requests on each:
# two for `/orders`, four for pictures, all for one address. In the clear first, then the same six over TLS. **Predict**: into how many heaps can each device sort
# these six? One heap means: all to the same server.


# %% needs="2.4"
def six(sealed: bool) -> list[bytes]:
    frames = []
    for port in (40000, 40001):
        for target in ("/orders", "/images/1", "/images/2"):
            data = f"GET {target} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode()
            if sealed:
                data = bytes.fromhex("17 03 03") + (len(data) + 17).to_bytes(2, "big") + seal(data)
            segment = TCPSegment(port, 443 if sealed else 80, ack=True, psh=True, payload=data)
            frames.append(stack(ethernet, ip, segment))
    return frames


rows = []
for device in ("hub", "switch", "router", "l4", "l7"):
    clear, sealed = ([looks_at(device, one) for one in six(over_tls)] for over_tls in (False, True))
    rows.append((device, len(set(clear)), len(set(sealed)), "yes" if None in sealed else ""))
columns = ["device", "heaps, in the clear", "heaps, over TLS", "blind for TLS"]
table(rows, columns, "Six requests on two connections")

# %% [markdown]
# That is the answer to the second question. The L4 balancer sorts *connections*: two heaps, whatever is asked on them. On one
# connection an order and a picture go to the same server, and no setting can change that, because it decides when the
# connection begins, before there is any request. The L7 balancer sorts *requests*. But over TLS it is as blind as
# everybody else, with one heap for all: "can't read". So it has to **be the other end**: it has the certificate and the key, ends TLS, reads the
# request in the clear, and asks the server behind it as a client of its own. "TLS termination" is that.
#
# ## Which layer failed?
#
# A rule to think by: **an answer proves every layer below it.** A layer can only be carried by those under it. So what comes back counts, and what you
# send yourself proves nothing:
#
# | you see | it proves | and says |
# |---|---|---|
# | no carrier | | the signal is not there: layer 1 |
# | ARP requests of yours, and nothing comes back | your card sends | nobody on *your* link has the next hop's address: layer 2 |
# | ICMP 3/1, host unreachable | your link, and the way to the last router | that router asked on *its* link, and nobody answered: layer 2, far away |
# | other ICMP errors: 3/0 no route, 3/13 prohibited, 3/4 too large, 11/0 a loop | your link, and the way to whoever says so | layer 3 can't or won't bring it there |
# | RST to your SYN; or ICMP 3/3, port unreachable | IP, there *and* back | nobody listens at this port: layer 4 (or a firewall says so in the host's name) |
# | a TLS alert | TCP, both ways | TLS can't go on, and its number says why |
# | `HTTP/1.1 404`, or `503` | *everything below* | the application has an opinion |
# | silence | nothing | a host that is off, a filter, a way back that is missing, a packet that was too large |
#
# Silence is the hard one. It fits many causes, so the honest verdict is "unknown", and the next step another capture, nearer to the server.
#
# ## Exercise 2.5: which layer failed? (the challenge)
#
# `which_layer(packets: list[Packet], me: IPv4Address, carrier: bool = True) -> str`
#
# - `packets` are those that the client captured on its own card, in order, about one attempt to talk to one server over HTTP or HTTPS.
#   `me` is the client's address. `carrier` is False if the card says that there is no signal.
# - Return one word, by the **first row that fits**:
#
# | return | when |
# |---|---|
# | `"physical"` | there is no carrier |
# | `"none"` or `"application"` | an HTTP answer was received: data that start with `HTTP/1.`, then one more character, a space and three digits. `"application"` if the status is 400 or more, else `"none"`. With several answers, the last counts |
# | `"tls"` | a TLS alert was received in the clear: the data start with a record of type 21 whose length is 2, and its second byte of content, the description, is not 0 (0 is close_notify, a friendly goodbye) |
# | `"sealed"` | a record of type 23 was received, anywhere among the records of a segment (read as in 2.2): TLS is on its way, and more can't be read from here |
# | `"transport"` | ICMP 3/2 or 3/3 was received; or a RST was received, and no SYN (with ACK) |
# | `"link"` | ICMP 3/1 was received |
# | `"internet"` | any other ICMP of type 3, 11 or 12 was received |
# | `"link"` | an ARP request (operation 1) was sent by us, no ARP reply (operation 2) from anybody else is there, and nothing was received |
# | `"unknown"` | otherwise |
#
# **Received** is an IP packet whose *destination* is `me`. Other packets may be there too: our own, and what others tell each
# other or everybody (ARP requests, a switch that speaks to a group). They say nothing.
#
# You get netlib's `Packet`s, as every capture in this course gives them:
#
# | you write | you get |
# |---|---|
# | `ARPPacket in packet` | whether it has this layer; also `IPv4Packet`, `ICMPMessage`, `TCPSegment` |
# | `packet[ARPPacket].operation`, `.sender_ip` | 1 request, 2 reply; who sent it |
# | `packet[IPv4Packet].source`, `.destination` | addresses, to compare with `me` |
# | `packet[ICMPMessage].type`, `.code` | 3 and 1, say |
# | `packet[TCPSegment].syn`, `.rst`, `.payload` | flags as bool; the data as bytes |
# | `packet.data` | the whole frame, for your own `owners` |
#
# For example, ARP request, ARP reply, SYN, RST is `"transport"`. SYN, SYN+ACK, request, RST is `"unknown"`: somebody did listen, and then something broke
# off, and it may have been a crash, a proxy or a firewall.
#
# RFC 826; RFC 792; RFC 9293 section 3.10.7; RFC 8446 section 6; RFC 9110 section 15. Worth 6 points.

# %%
from netlib import ARPPacket, ICMPMessage

refused = story("arp?", "arp!", "syn", "rst")
for one in refused:
    print(one)
print()
last = refused[-1]
print("the last one: RST", last[TCPSegment].rst, "| SYN", last[TCPSegment].syn, "| ICMP", ICMPMessage in last)


# %% solution="2.5"
def which_layer(packets: list[Packet], me: IPv4Address, carrier: bool = True) -> str:
    """Which layer failed, as far as this capture tells."""
    ### BEGIN SOLUTION
    if not carrier:
        return "physical"
    received = [packet for packet in packets if IPv4Packet in packet and packet[IPv4Packet].destination == me]
    segments = [packet[TCPSegment] for packet in received if TCPSegment in packet]
    records = []  # (type, content) of all TLS records that begin in a segment
    first_records = []
    for segment in segments:
        data, found = segment.payload, []
        while len(data) >= 5 and data[0] in (20, 21, 22, 23) and data[1] == 3:
            length = int.from_bytes(data[3:5], "big")
            found.append((data[0], length, data[5 : 5 + length]))
            data = data[5 + length :]
        records += found
        first_records += found[:1]

    statuses = [int(segment.payload[9:12]) for segment in segments if segment.payload.startswith(b"HTTP/1.")]
    if statuses:
        return "application" if statuses[-1] >= 400 else "none"
    if any(kind == 21 and length == 2 and content[1] != 0 for kind, length, content in first_records):
        return "tls"
    if any(kind == 23 for kind, _, _ in records):
        return "sealed"

    errors = {(p[ICMPMessage].type, p[ICMPMessage].code) for p in received if ICMPMessage in p}
    was_reset = any(segment.rst for segment in segments) and not any(segment.syn for segment in segments)
    if was_reset or errors & {(3, 2), (3, 3)}:
        return "transport"
    if (3, 1) in errors:
        return "link"
    if any(kind in (3, 11, 12) for kind, _ in errors):
        return "internet"

    arps = [packet[ARPPacket] for packet in packets if ARPPacket in packet]
    asked = any(arp.operation == 1 and arp.sender_ip == me for arp in arps)
    answered = any(arp.operation == 2 and arp.sender_ip != me for arp in arps)
    return "link" if asked and not answered and not received else "unknown"
    ### END SOLUTION


# %% check="2.5"
check("2.5", which_layer)

# %% needs="2.5"
stories = {
    "green ping, no page at once": ["pong", "syn", "rst"],
    "green ping, no page after a minute": ["pong", "syn", "syn", "syn"],
    "small requests work, uploads hang": ["syn", "syn+ack", "ack", "post", "icmp 3/4"],
    "only the old phones fail": ["syn", "syn+ack", "ack", "hello", "alert 70"],
    "all is green, and the page is an error": ["syn", "syn+ack", "ack", "post", "http 503"],
}
table(
    [(title, ", ".join(words), which_layer(story(*words), client)) for title, words in stories.items()],
    ["the complaint", "the capture", "your verdict"],
    "Five tickets",
)

# %% [markdown]
# Ping says nothing about ports, and green lamps nothing about requests. The capture does.
#
# ## Live: real kernels, a real balancer, real TLS
#
# Now your functions get bytes that no author has made up. The lab has six Linux network stacks: a client, a switch, a
# router, a balancer and two web servers. The balancer is **HAProxy** on the ports 80 and 443, where it goes by requests, and the
# kernel's own **NAT** on port 8080, where it goes by connections. (The drawing calls it a router, for that is what its kernel is.)
#
#     client --- sw --- r1 --- lb --- web1
#                                \--- web2
#
# Where the lab can't run, its recording plays, and says so. What needs your packets says so too, and tells what was seen on
# 23 November 2026 with Linux 6.18.

# %% live
from netlib.lab import Lab, LabError
from netlib.lab.tour import counters, until

ME = IPv4Address("10.2.1.2")
SHOP = "shop.lab.example"
CURL = ["curl", "-sS", "--http1.1", "--cacert", "/opt/lab/ca.crt", "--connect-timeout", "1"]
POST = [*CURL, "-H", "Content-Type: application/json", "-d", '{"book":7,"qty":1}', f"https://{SHOP}/orders"]
STATUS = [*CURL, "-o", "/dev/null", "-w", "%{http_code}"]
PLACES = ("client:eth1", "r1:eth1", "lb:eth1", "web1:eth1", "web2:eth1")


def recorded(text: str) -> None:
    print(f"Not live here. Recorded on 23 November 2026 with Linux 6.18:\n{text}")


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def watched(command: list[str], places: tuple[str, ...] = PLACES):
    """Run a command on the client: what it printed, and for each place the packets that were seen there."""
    captures = {place: lab.capture(place) for place in places}
    done = lab["client"].run(command, timeout=20)
    for capture in captures.values():
        capture.stop()
    return done, {place: [found for _, found in capture.packets] for place, capture in captures.items()}


def of_tcp(packets: list[Packet]) -> list[Packet]:
    return [found for found in packets if TCPSegment in found]


try:
    lab = Lab("02-osi-model").up()
    display(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)

# %% [markdown]
# ### Every byte of a real POST
#
# `curl` on the client posts the order over TLS. Your `owners` goes over every frame: those with ARP, the handshake of TCP, that of
# TLS, the request, the answer, the goodbye; in front of the balancer and behind it. **Predict:** which owners are there in front of the balancer, and
# which of them are missing behind it?

# %% live
if lab:
    said, posted = watched(POST)
    from_client = [one for one in of_tcp(posted["client:eth1"]) if one[IPv4Packet].source == ME]
    print("the server answered:", said.stdout.strip())
    fold("All frames at the client", "\n".join(str(found) for found in posted["client:eth1"]))
else:
    recorded("the server answered: server=web1 peer=10.2.3.1 forwarded=10.2.1.2 path=/orders")

# %% live needs="2.2"
owners(frame)  # waits here until 2.2 is solved
if lab:
    for place in ("client:eth1", "web1:eth1"):
        every = [owners(found.data) for found in posted[place]]
        whole = [sum(size for _, size in one) for one in every] == [len(found.data) for found in posted[place]]
        who = sorted({owner for one in every for owner, _ in one})
        print(f"{place:12} {'every byte has an owner' if whole else 'BYTES ARE MISSING'}: {', '.join(who)}")
    real_post = max(from_client, key=lambda one: dict(owners(one.data)).get("sealed", 0))
    display(nesting(owners(real_post.data), "The POST of curl, as it left the client"))
else:
    recorded(
        "client:eth1  every byte has an owner: arp, ethernet, ip, sealed, tcp, tls\n"
        "web1:eth1    every byte has an owner: application, arp, ethernet, ip, tcp"
    )

# %% [markdown]
# In front of the balancer no byte is "application": all is sealed. Behind it there is no TLS at all: the balancer is the end of it, and in this shop everybody in the
# data centre can read the orders. (TCP's header has 32 bytes here: Linux sends the timestamps of 2.1.)
#
# What *can* be read by somebody who watches the client's cable?

# %% live
if lab:
    on_the_wire = {
        place: b"".join(one[TCPSegment].payload for one in of_tcp(packets)) for place, packets in posted.items()
    }
    rows = []
    for word in (SHOP, "POST /orders", '"book":7', "10.2.1.2"):
        outside, inside = (word.encode() in on_the_wire[place] for place in ("client:eth1", "web1:eth1"))
        rows.append((word, outside, inside))
    display(table(rows, ["these bytes", "at the client", "at web1"], "Is it there to read, in what TCP carries?"))
    readable = [row[1] for row in rows]
else:
    readable = [True, False, False, False]
    recorded("At the client only shop.lab.example. At web1 all four.")

# %% [markdown]
# The name of the server passes in the clear: it is in the first message of the TLS handshake (**SNI**), so that a server with
# many names knows which certificate to show. And the client's address is at web1 in what TCP *carries*: the balancer
# has added a line, `x-forwarded-for`, because the packets themselves now come from the balancer. Hold that thought.
#
# (Encrypted Client Hello, RFC 9849 of 2026, hides the name where both ends can do it. The addresses nothing can hide.)
#
# ### Your frames, and the kernel's
#
# Your `encapsulate` gets the fields of each captured segment, and has to make the kernel's frame again: bit for bit, with both checksums.

# %% live needs="2.3"
encapsulate(b"", fields)  # waits here until 2.3 is solved


def fields_of(found: Packet) -> dict:
    """What `encapsulate` needs, from a captured segment."""
    outer, ip, segment = found.layers
    names = ("source_port", "destination_port", "sequence", "acknowledgment", "window", "options")
    return {name: getattr(segment, name) for name in names} | {
        "flags": found.data[14 + ip.header_length + 13], "identification": ip.identification, "ttl": ip.ttl,
        "record": None, "source_ip": bytes(ip.source), "destination_ip": bytes(ip.destination),
        "source_mac": bytes(outer.source), "destination_mac": bytes(outer.destination),
    }  # fmt: skip


if lab:
    theirs = of_tcp(posted["client:eth1"])
    same = [encapsulate(one[TCPSegment].payload, fields_of(one)) == one.data for one in theirs]
    verdict = "bit for bit the kernel's" if all(same) else f"{same.count(False)} differ"
    print("all frames of the connection, made again:", verdict)
else:
    recorded("all frames of the connection, made again: bit for bit the kernel's")

# %% [markdown]
# Then the proof by the other side. You send a SYN of your own, from a port that nobody on the client uses, straight into the client's cable. If everything in it is
# right, the balancer's kernel answers. Then the same with one wrong bit in TCP's checksum. **Predict:** what does the kernel answer to that?

# %% live needs="2.3"
encapsulate(b"", fields)  # waits here until 2.3 is solved
if live:
    router_mac = lab["r1"].run("cat /sys/class/net/eth1/address", check=True).stdout.strip()
    opening = fields_of(from_client[0]) | {"source_port": 50505, "sequence": 7, "flags": 0x02}
    opening |= {"destination_mac": bytes(MACAddress(router_mac)), "options": bytes.fromhex("020405b4")}
    by_hand = encapsulate(b"", opening)
    wire = lab["client"].packet_socket("eth1")
    with lab.capture("client:eth1") as capture:
        wire.send(by_hand)
        until(lambda: len(of_tcp([found for _, found in capture.packets])) > 1, what="an answer to your SYN")
    answer = of_tcp([found for _, found in capture.packets])[1][TCPSegment]
    print("your SYN was answered by:", "SYN+ACK" if answer.syn and answer.ack else answer)
    print("it acknowledges sequence number", answer.acknowledgment)

    damaged = by_hand[:50] + bytes([by_hand[50] ^ 1]) + by_hand[51:]
    before = counters(lab["lb"], "TcpInCsumErrors")["TcpInCsumErrors"]
    with lab.capture("client:eth1") as capture:
        wire.send(damaged)
        until(lambda: counters(lab["lb"], "TcpInCsumErrors")["TcpInCsumErrors"] > before, what="the kernel's count")
    back = [one for _, one in capture.packets if IPv4Packet in one and one[IPv4Packet].destination == ME]
    print("with one wrong bit it was answered by:", back or "nothing, and counted as TcpInCsumErrors")
else:
    recorded(
        "your SYN was answered by: SYN+ACK\nit acknowledges sequence number 8\n"
        "with one wrong bit it was answered by: nothing, and counted as TcpInCsumErrors"
    )

# %% [markdown]
# ### What each device changes
#
# One SYN through the NAT of port 8080, at four places of its way; and beside it one through HAProxy. **Predict** for each of the two: whose addresses, whose
# ports, whose sequence numbers does web1 see?


# %% live
def opened(packets: list[Packet]) -> Packet | None:
    """The first SYN."""
    return next((one for one in of_tcp(packets) if one[TCPSegment].syn and not one[TCPSegment].ack), None)


def row_of(place: str, one: Packet, first: Packet) -> tuple:
    ip, segment = one[IPv4Packet], one[TCPSegment]
    port = "the client's" if segment.source_port == first[TCPSegment].source_port else "another"
    number = "the client's" if segment.sequence == first[TCPSegment].sequence else "another"
    to = str(one[EthernetFrame].destination)
    return place, to, ip.source, port, f"{ip.destination}:{segment.destination_port}", ip.ttl, number


if lab:
    by_nat = by_proxy = None
    for what, port in (("NAT", ":8080"), ("HAProxy", "")):
        said, passed = watched([*CURL, f"http://{SHOP}{port}/orders"])
        syns = {place: one for place in PLACES if (one := opened(passed[place]))}
        first = syns["client:eth1"]
        rows = [row_of(place, one, first) for place, one in syns.items()]
        columns = ["seen at", "to MAC", "from", "its port", "to", "TTL", "sequence number"]
        display(table(rows, columns, f"One SYN through {what}"))
        if what == "NAT":
            by_nat = syns
            display(hops(syns, IPv4Packet, "Its IP header, on the way through NAT"))
        else:
            by_proxy = syns
else:
    recorded(
        "NAT: web1 gets the client's own SYN, from 10.2.1.2, its port and sequence number; to 10.2.3.2:80, TTL 62.\n"
        "HAProxy: web1 gets a SYN from 10.2.3.1, with another port, another sequence number, and TTL 64."
    )

# %% [markdown]
# NAT carries *one* connection through, with another label on it. The proxy makes *two*: from its own address, with its own numbers and a fresh TTL. No packet of the
# client ever arrives at the server. That is why the proxy has to tell who asked, and writes it into the request (`x-forwarded-for`).
#
# ### Requests, or connections?
#
# Three requests on *one* connection: an order, a picture, an order. Once through NAT, once through HAProxy, which has the rule "paths that begin with
# `/images` go to web2". What your `looks_at` says of the frames at the client should tell in advance.

# %% live needs="2.4"
looks_at("hub", frame)  # waits here until 2.4 is solved
mixed = ["/orders", "/images/cat", "/orders"]
if lab:
    served = {}
    for what, port, device in (("NAT", ":8080", "l4"), ("HAProxy", "", "l7")):
        said, passed = watched([*CURL, *(f"http://{SHOP}{port}{path}" for path in mixed)])
        asked = [one for one in of_tcp(passed["client:eth1"]) if one[IPv4Packet].source == ME]
        keys = {looks_at(device, one.data) for one in asked if one[TCPSegment].payload}
        served[what] = [line.split()[0].removeprefix("server=") for line in said.stdout.splitlines()]
        print(f"{what:8} your looks_at({device!r}) tells {len(keys)} heap(s); ", end="")
        same = len(set(served[what])) == 1
        print("all three went to one server" if same else f"they went to {', '.join(served[what])}")
else:
    served = {"NAT": ["web1"] * 3, "HAProxy": ["web1", "web2", "web1"]}
    recorded(
        "NAT      your looks_at('l4') tells 1 heap(s); all three went to one server\n"
        "HAProxy  your looks_at('l7') tells 2 heap(s); they went to web1, web2, web1"
    )

# %% [markdown]
# ### Break every layer
#
# Now nine attempts. Each is broken at another place, or not at all, and your `which_layer` gets what the client captured. **Write down your own verdicts first.** Some take a
# second, since silence takes time.
#
# | what is broken | address |
# |---|---|
# | nobody has the address on our own link | `10.2.1.99` |
# | no route behind r1 | `10.9.9.9` |
# | nobody has the address on the link behind r1 | `10.2.2.77` |
# | nobody listens at the port | `lb:81` |
# | a firewall drops what comes to the port | `lb:9999` |
# | a client that only knows TLS 1.2, and a server that wants 1.3 | `https://lb` |
# | no such page | `lb/missing` |
# | nothing | `lb/orders` |
# | the switch's port is switched off | |

# %% live needs="2.5"
which_layer([], ME, False)  # waits here until 2.5 is solved
attempts = [
    ("nobody there, on our link", [*STATUS, "http://10.2.1.99/orders"]),
    ("no route behind r1", [*STATUS, "http://10.9.9.9/orders"]),
    ("nobody there, behind r1", [*STATUS, "http://10.2.2.77/orders"]),
    ("nobody listens", [*STATUS, f"http://{SHOP}:81/orders"]),
    ("a firewall drops it", [*STATUS, f"http://{SHOP}:9999/orders"]),
    ("no TLS version in common", [*POST[:-1], "--tls-max", "1.2", POST[-1]]),
    ("no such page", [*STATUS, f"http://{SHOP}/missing"]),
    ("nothing is broken", [*STATUS, f"http://{SHOP}/orders"]),
]
if lab:
    rows, verdicts = [], {}
    for _, (what, command) in zip(ProgressBar(len(attempts)), attempts, strict=False):
        said, passed = watched(command, PLACES[:1])
        verdicts[what] = which_layer(passed["client:eth1"], ME)
        program = said.stderr.split(") ", 1)[-1].strip() or f"HTTP {said.stdout}"
        program = "Timeout was reached" if "Timeout was reached" in program else program.split(": Couldn't")[0]
        program = program.split(" after ")[0].split("routines::")[-1].split(" port ")[0]
        rows.append((what, verdicts[what], program))
    lab["sw"].run("ip link set eth1 down", check=True)
    said, passed = watched([*STATUS, f"http://{SHOP}/orders"], PLACES[:1])
    card = lab["client"].run("ip link show eth1", check=True).stdout
    lab["sw"].run("ip link set eth1 up", check=True)
    until(lambda: lab["client"].run("ping -c 1 -W 1 10.2.1.1"), what="the cable to be alive again")
    verdicts["the cable is dead"] = which_layer(passed["client:eth1"], ME, "NO-CARRIER" not in card)
    rows.append(("the cable is dead", verdicts["the cable is dead"], "Timeout was reached"))
    display(table(rows, ["what was broken", "your verdict", "what the program saw"], "Nine attempts"))
else:
    recorded(
        "link, internet, link, transport, unknown, tls, application, none, physical: in this order. The program saw only\n"
        "timeouts and failures to connect where it was not TLS or HTTP."
    )

# %% [markdown]
# Compare the last two columns. To the program the layers 1 to 4 look alike: "failed to connect", or a timeout. The capture tells
# them apart, but for one: of a firewall that drops in silence there is nothing to see.
#
# ### And the checkout?
#
# One more. The path `/broken` is for a server behind the balancer whose program has died. The client asks over TLS, as real ones do. Two captures: at the client, and at the
# balancer's *inner* side. **Predict** both verdicts.

# %% live needs="2.5"
which_layer([], ME, False)  # waits here until 2.5 is solved


def in_short(one: Packet) -> str:
    """What a segment says, in a word or two; nothing for a mere acknowledgment or the end."""
    segment = one[TCPSegment]
    if segment.syn:
        return "SYN+ACK" if segment.ack else "SYN"
    if segment.payload:
        kinds = {22: "TLS handshake", 20: "TLS handshake", 23: "sealed"}
        return f"{kinds.get(segment.payload[0], 'data')}, {len(segment.payload)} bytes"
    return "RST" if segment.rst and one[IPv4Packet].source != ME else ""


if lab:
    outside, inside = lab.capture("client:eth1"), lab.capture("lb:eth2")
    said = lab["client"].run([*STATUS, f"https://{SHOP}/broken"], timeout=20)
    outside.stop(), inside.stop()
    outer = which_layer([one for _, one in outside.packets], ME)
    inner = which_layer([one for _, one in inside.packets], IPv4Address("10.2.3.1"))
    print("the program got:               ", "HTTP", said.stdout)
    print("the client's capture:          ", outer)
    print("the capture behind the balancer:", inner)
    both = [(time, one) for time, one in [*outside.packets, *inside.packets] if TCPSegment in one]
    both = [(time, one) for time, one in both if in_short(one)]
    homes = {"10.2.1.2": "client", "10.2.2.2": "balancer", "10.2.3.1": "balancer", "10.2.3.2": "web1"}
    title = "One checkout, two connections"
    display(SequenceDiagram.from_capture(both, homes, label=in_short, title=title, scale="order"))
else:
    outer, inner = "sealed", "transport"
    recorded(
        "the program got:                HTTP 503\nthe client's capture:           sealed\n"
        "the capture behind the balancer: transport"
    )

# %% [markdown]
# Look for the one short exchange on the right: no capture at the client could ever show it.
#
# Everybody was right, each about their own connection. The network is green. The balancer is well, and says 503 because that is its job. Your program's log is empty, because no request
# ever arrived. And on the *second* connection, between balancer and server, layer 4 says it plainly: RST, nobody listens.
#
# **A proxy is where one stack of layers ends and another begins.** Ask "which layer?" only after "of which connection?".
#
# ### Claims, and what holds

# %% live
if lab:
    every = of_tcp(posted["client:eth1"])
    kernel = [
        opened(every)[TCPSegment].payload != b"",
        any([type(layer) for layer in one.layers].count(TCPSegment) != 1 for one in every),
        by_nat["client:eth1"].data != by_nat["r1:eth1"].data,
        by_nat["r1:eth1"][IPv4Packet].payload != by_nat["lb:eth1"][IPv4Packet].payload,
        by_proxy["client:eth1"][TCPSegment].sequence == by_proxy["web1:eth1"][TCPSegment].sequence,
        not readable[0],
    ]
else:
    kernel = [False] * 6
in_netlib = [
    story("syn")[0].payload != b"",
    [type(layer) for layer in packet.layers].count(TCPSegment) != 1,
    seen["client to sw"].data != seen["sw to r1"].data,
    len(tcp_and_more) > 1,
    None,
    None,
]
rows = [
    ("A TCP connection is layer 5, session", "RFC 1122 1.1.3: transport. A SYN carries nothing above"),
    ("IP packets are assembled into segments", "RFC 9293 3.1: a segment travels in one datagram"),
    ("A switch rewrites the MAC addresses", "IEEE 802.1Q: it passes frames on as they are"),
    ("A router looks into TCP", "RFC 1812 5.2.1: it goes by the IP header"),
    ("An L7 balancer passes your connection on", "RFC 9110 3.7: a gateway is a server, and a client"),
    ("HTTPS hides whom you talk to", "RFC 6066 3: addresses, ports and, without ECH, SNI are clear"),
]
claims(
    [(*row, ours, theirs) for row, ours, theirs in zip(rows, in_netlib, kernel, strict=True)],
    columns=("What is often told", "RFC", "netlib", "This kernel" if live else "A kernel, recorded"),
)

# %% live
if lab:
    lab.down()
    print("The lab is down. Nothing is left of it.")

# %% [markdown]
# ## What you can now answer
#
# **Which layer failed?** Layer 4, of the connection that nobody looked at: behind the balancer. The proof is a RST in a capture taken there. Pings prove layer 3 and say
# nothing about ports; a 503 proves that all layers between you and the balancer work.
#
# **Why can't the L4 balancer route by path?** It decides when a connection begins, by five numbers, and there is no path in them. Later there is one, in the clear or sealed, but the connection has its
# server already. Who wants to decide by path has to end the connection, and TLS with it: that is layer 7, and costs a second connection.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>In which layer is TLS?</summary>
#
# Between TCP and the application. In the four layers of TCP/IP it is part of the application layer; in OSI's seven it is in none: it encrypts (6), keeps sessions (5), and programs use it as a transport (4). A good
# answer says what it needs below (a reliable stream) and gives above (the same, private and authenticated), not a number.
#
# </details>
#
# <details><summary>The MTU is 1500. How large is the largest frame on the cable, and how much of it is your program's, over TLS?</summary>
#
# The MTU is the packet: 1500. The frame has 14 bytes before and 4 behind, 1518; with preamble and gap it takes the time of 1538 bytes. TCP gets 1460 of it, or 1448 with timestamps; a record of TLS takes 22, once per record and not per packet.
#
# </details>
#
# <details><summary>Ping works and the page does not load. What do you know, and what do you do?</summary>
#
# IP works, there and back, for small packets, as far as that host, and its kernel runs. Nothing about a port, a process, TLS or large packets. Then knock at the port (`nc`, `curl -v`) and capture: RST means
# that nobody listens, silence a filter or a way that swallows packets, an alert TLS, a status the application.
#
# </details>
#
# <details><summary>A server's log shows one client address for all users. Why, and what is the cure?</summary>
#
# There is a proxy in front: TCP ends there, and the server sees *its* connections. Let the proxy tell: `X-Forwarded-For` or `Forwarded` (RFC 7239) in HTTP mode, the PROXY protocol in TCP mode. And believe these only when they come from your own proxy: every client can write such
# a header.
#
# </details>
#
# <details><summary>Which addresses in a packet change on its way from your laptop to a server abroad?</summary>
#
# The MAC addresses at every router, since they name two cards on one link. The IP addresses and ports only where somebody is a NAT, mostly your own router for the source. At a proxy nothing changes, because nothing passes: it writes a new packet.
#
# </details>
#
# ## Where it goes next
#
# Chapter 3 builds the switch that you have only looked at, and shows what MAC address, IP address and port each do that the others can't. The headers come one by one: IP in chapters 4 and 5, ARP in 7, TCP from 10 on, TLS in 19; the balancers in 29.
# When something breaks in those chapters, come back to the table of symptoms.
#
# Worth reading, and short:
#
# - RFC 1122 section 1.1.3: the four layers, by those who run them. Two pages.
# - RFC 3439 section 3: layering considered harmful.
# - RFC 9293 section 3.1 and RFC 791 section 3.1: the two headers that you have written.
# - RFC 8446 sections 5 and 6: records and alerts. RFC 9110 section 3.7: what proxies and gateways are.
