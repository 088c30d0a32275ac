# %% [markdown]
# # 6. ICMP: how the network talks back
#
# `traceroute` to your own service shows three stars at the second hop. And yet the page loads.
# So you look elsewhere. A week ago a colleague blocked ICMP at a firewall, "for security". Since then small requests
# work as ever, and uploads hang. Nothing is in the logs. **Are these two things one, and is either a fault?**
#
# After this chapter you can
#
# - build and read the messages by which routers and hosts report trouble, byte by byte;
# - say which conversation a report is about, and why some packets are never reported about;
# - write a traceroute, and read what it prints without being fooled by it;
# - say what breaks when somebody blocks ICMP, show it on a live kernel, and undo it.
#
# It takes 60 to 90 minutes. You need chapter 5: the IPv4 header, its TTL, and the checksum.

# %%
from contextlib import suppress
from html import escape
from random import Random

from IPython.display import HTML, display

from netlib import Host, ICMPMessage, IPv4Address, IPv4Packet, MACAddress, Parts, Simulation, TCPSegment
from netlib.apps.ping import ping
from netlib.apps.traceroute import traceroute
from netlib.exercises.icmp import walk
from netlib.grading import NotImplementedYet, check
from netlib.grading.mine import mine
from netlib.host import RAW
from netlib.internet.icmp import RateLimit
from netlib.view import SequenceDiagram, claims, show, staircase, table
from netlib.wire.icmp import ICMPEcho, ICMPTimeExceeded
from netlib.wire.ipv4 import ICMP
from netlib.worlds.task import now, readable

# %% [markdown]
# ## By hand: eight bytes
#
# **ICMP**, the Internet Control Message Protocol, is how the Internet layer talks about itself. Its messages travel as the
# payload of IP packets, with protocol number 1. There are no ports and no connections. Each message starts with the same
# four bytes: a **type**, a **code** that refines it, and a checksum. What the next four mean depends on the type.
#
# Type 8 is the **echo request**: "send this back to me". It is what `ping` sends. Here is one, typed by hand:
#
# | bytes | meaning |
# |---|---|
# | `08` | type 8: echo request |
# | `00` | code 0: there is no other |
# | `f7 fd` | the checksum of chapter 5, this time over the *whole* ICMP message |
# | `00 01` | **identifier** 1: whose question this is (`ping` takes one for each time that it is run) |
# | `00 01` | **sequence number** 1: which question this is |
#
# Do the checksum in your head: the 16-bit words are `0800`, `0001` and `0001`. Their sum is `0802`, and all bits turned over
# that is `f7fd`. So type it, and look at what you typed.

# %%
request = bytes.fromhex("08 00 f7 fd 00 01 00 01")
show(request, like=ICMPEcho)

# %% [markdown]
# Now send it. The cell below makes a small world of its own in simulated time: you, one cable of 10 ms, and a neighbour. The
# neighbour has no ping server installed. It needs none: answering echoes is a duty of every host ("Every host MUST implement
# an ICMP Echo server function", RFC 1122 section 3.2.2.6).


# %%
def send_by_hand(message: bytes, parts: Parts | None = None):
    """Send `message` to a neighbour who has these `parts`; return the answer, and what was on the cable."""
    sim = Simulation(seed=6)
    you, neighbour = sim.host("you"), sim.host("neighbour", parts)
    cable = sim.link((you, "10.0.0.1/24"), (neighbour, "10.0.0.2/24"), delay=0.010)
    capture = sim.capture(cable)

    async def ask():
        socket = you.socket(RAW, protocol=ICMP)
        socket.send(IPv4Packet(destination=IPv4Address("10.0.0.2"), payload=message), await now())
        return socket.receive()[1].payload if await readable(socket, timeout=1.0) else None

    answer = sim.run(ask())
    return answer, [crossing for crossing in capture.crossings if IPv4Packet in crossing.packet]


def in_hex(message: bytes | None) -> str:
    return "nothing" if message is None else message.hex(" ")


answer, crossings = send_by_hand(request)
print("sent    ", in_hex(request))
print("received", in_hex(answer))
SequenceDiagram.from_crossings(crossings, title="Eight bytes there, eight bytes back")

# %% [markdown]
# Two fields differ. The type is 0 now, **echo reply**. And the checksum has changed, because the type has.
#
# **Predict:** what comes back if you change the sequence number in those bytes to 2, and leave the checksum alone?

# %%
answer, crossings = send_by_hand(bytes.fromhex("08 00 f7 fd 00 01 00 02"))
print("received", in_hex(answer))
SequenceDiagram.from_crossings(crossings, title="With a checksum that does not fit")

# %% [markdown]
# Nothing: no answer, and no error message either. A damaged message is dropped in silence, since nobody can tell which of its bits are wrong. **Silence is an answer that fits many questions.** Keep that
# in mind; most wrong conclusions from `ping` and `traceroute` are wrong readings of silence.
#
# ## Exercise 6.1: answer a ping
#
# Write the part of a host that answers echoes. It will soon answer a real Linux kernel.
#
# `echo_reply(request: bytes) -> bytes | None`
#
# - `request` is a whole ICMP message, without its IP header: of any type, any length, perhaps damaged.
# - Return the echo reply as bytes: type 0, and "the data received in the echo message must be returned in the echo reply
#   message" (RFC 792). Identifier, sequence number and everything behind them come back unchanged. The checksum is new.
# - Return `None`, and raise nothing, for whatever is no sound echo request: fewer than 8 bytes, a type other than 8,
#   a checksum that does not fit.
#
# A checksum is sound if `internet_checksum` over the whole message, the checksum's own two bytes included, gives 0. To work out
# a new one, set those two bytes to 0 first.
#
# For example, `echo_reply(bytes.fromhex("0800 f7fd 0001 0001"))` is `bytes.fromhex("0000 fffd 0001 0001")`.
#
# RFC 792, "Echo or Echo Reply Message"; RFC 1122 section 3.2.2.6. Worth 3 points, five minutes.
#
# You have written the checksum already. `mine` fetches it from your notebook of chapter 5. Where it is missing or not right
# yet, you get netlib's, and `mine` says so.

# %% live
internet_checksum = mine("5.1")


# %% solution="6.1"
def echo_reply(request: bytes) -> bytes | None:
    """The echo reply to an ICMP message, or None where that is no sound echo request."""
    ### BEGIN SOLUTION
    if len(request) < 8 or request[0] != 8 or internet_checksum(request) != 0:
        return None
    reply = b"\x00" + request[1:2] + b"\x00\x00" + request[4:]
    return reply[:2] + internet_checksum(reply).to_bytes(2, "big") + reply[4:]
    ### END SOLUTION


# %% check="6.1"
check("6.1", echo_reply)

# %% [markdown]
# Now the neighbour's host runs *your* function. In netlib's host each part can be replaced: `Parts` says by what.

# %% needs="6.1"
print("your answer:", in_hex(echo_reply(request)))
answer, crossings = send_by_hand(request, Parts(checksum=internet_checksum, echo_reply=echo_reply))
print("received   :", in_hex(answer))
SequenceDiagram.from_crossings(crossings, title="Answered by your function")

# %% [markdown]
# ## Reports about packets
#
# Echoes are one half of ICMP: questions and answers. The other half is **error messages**: a router or host has had trouble with a packet, mostly had to drop it, and says so to the one who sent it. These are the ones that you meet:
#
# | type | code | what it says | who says it |
# |---|---|---|---|
# | 3 | 0, 1 | **destination unreachable**: no route; or nobody there by that address | a router on the way |
# | 3 | 3 | **port unreachable**: no program has this UDP port | the destination itself |
# | 3 | 4 | **fragmentation needed**, and the packet said Don't Fragment; the next link's MTU is in the header | the router before that link |
# | 3 | 9, 10, 13 | **administratively prohibited**: a filter refuses it | a router or firewall |
# | 4 | 0 | **source quench**: slow down. Obsolete, and ignored (RFC 6633) | old routers |
# | 5 | 0 to 3 | **redirect**: forwarded, but there is a shorter way; which router to take is in the header | the first router |
# | 11 | 0 | **time exceeded**: the TTL ran out on the way | a router on the way |
# | 11 | 1 | a packet's fragments did not all arrive in time | the destination |
# | 12 | | **parameter problem**: a field of the header is nonsense, and which | whoever read it |
#
# Let us cause one. This is the network of the whole chapter: two hosts and three routers.
#
#     h1 --- r1 --- r2 --- r3 --- h2          10.0.1.2 to 10.0.4.2; 5 ms for each cable
#
# Each router lowers the TTL by one, and the one that would lower it to 0 drops the packet instead. So a ping with TTL 2 dies at r2.


# %%
def network(router_parts: Parts | None = None, silent: tuple[str, ...] = (), lose: tuple[int, ...] = ()):
    """The chapter's network in simulated time: (simulation, hosts by name, links from left to right).

    `silent`: routers that send no reports. `lose`: the frames that get lost between h1 and r1, by number, each way.
    """
    sim = Simulation(seed=6)
    names = ["h1", "r1", "r2", "r3", "h2"]
    hosts = {name: sim.router(name, router_parts) if name[0] == "r" else sim.host(name) for name in names}
    ends = [("10.0.1.2", "10.0.1.1"), ("10.0.2.1", "10.0.2.2"), ("10.0.3.2", "10.0.3.3"), ("10.0.4.1", "10.0.4.2")]
    links = []
    for i, (left, right) in enumerate(ends):
        a, b = (hosts[names[i]], f"{left}/24"), (hosts[names[i + 1]], f"{right}/24")
        links.append(sim.link(a, b, delay=0.005, drop=set(lose) if i == 0 else set()))
    for i, name in enumerate(names):
        if i < 3:  # r3 is on h2's link
            hosts[name].add_route("0.0.0.0/0" if i == 0 else "10.0.4.0/24", via=ends[i][1])
        if i > 1:  # r1 is on h1's
            hosts[name].add_route("0.0.0.0/0" if i == 4 else "10.0.1.0/24", via=ends[i - 1][0])
    for name in silent:
        hosts[name].internet.reports = RateLimit(rate=0, burst=0)
    return sim, hosts, links


def only_ip(captures):
    """What was captured, without the ARP of chapter 7."""
    return [crossing for capture in captures for crossing in capture.crossings if IPv4Packet in crossing.packet]


sim, hosts, links = network()
captures = [sim.capture(link) for link in links]
print(sim.run(ping(hosts["h1"], "10.0.4.2", count=1, ttl=2, size=8)))
crossings = only_ip(captures)
SequenceDiagram.from_crossings(crossings, hosts=["h1", "r1", "r2", "r3", "h2"], title="A ping with TTL 2")

# %% [markdown]
# h2 never heard of it. (The packet rests at r1 for 10 ms: r1 has to ask for r2's MAC address first. That is ARP, and chapter 7.) The answer comes from 10.0.2.2, which is r2. Here is the message as h1 received it. Move the mouse over the
# bytes, or go through the rows with the Tab key.

# %%
report = crossings[-1].packet
show(report, layers=["ICMP", "quoted IPv4", "quoted ICMP"], title="What r2 sends to h1")

# %% [markdown]
# The report is an envelope with a part of the letter inside: behind its eight bytes of header it **quotes** the packet that was
# dropped. RFC 792 demands the IP header and 8 bytes more. RFC 1812 (section 4.3.2.3) asks routers for as much as fits into
# 576 bytes. Look at the quoted TTL: it is 1, as it arrived at r2. The router shows you the packet in the state in which it died. (`length` in the ICMP
# header is 0 unless something follows the quote, such as MPLS labels: RFC 4884.)
#
# Why *eight* bytes behind the header? Because in UDP and TCP the ports are there, and in an echo request the identifier and the
# sequence number. That is what the sender needs to find out whose packet it was.
#
# ### When a host must keep silent
#
# Reports can do harm. So RFC 1122 (section 3.2.2, for hosts) and RFC 1812 (section 4.3.2.7, for routers) forbid them about
#
# - **an ICMP error message**: else two hosts could report about each other's reports for ever. Reports about echoes and other
#   queries are fine;
# - **a fragment that is not the first** (fragment offset above 0): it has no ports, and the first one will be reported about anyway;
# - **a packet to many**: a destination that is multicast (224.0.0.0 to 239.255.255.255) or the broadcast 255.255.255.255:
#   else one packet would make a thousand hosts report at once;
# - **a packet from no single host**: the source is 0.0.0.0, loopback (127.x.x.x), multicast, or anything above (224.x.x.x to
#   255.x.x.x): a report to such an address goes nowhere, or to many.
#
# Nor may they report about what came as a broadcast of the *link*. That stands in the Ethernet header: your function, which gets the IP packet alone, can't see it.
#
# Besides, routers limit the *rate* of their reports. RFC 1812 (section 4.3.2.8) asks that they can, and it will matter.
#
# ## Exercise 6.2: report about a packet
#
# `icmp_error(packet: bytes, type: int, code: int, rest: int = 0) -> bytes | None`
#
# - `packet` is the IP packet to report about: whole and well-formed, with its header. There may be options in that header.
# - Return the ICMP message, without an IP header of its own: `type`, `code`, checksum, `rest` as 4 bytes with the high one first (the MTU for
#   3/4, else mostly 0), and the quote.
# - The quote starts with the packet's first byte. It has at least the packet's IP header and 8 bytes (or the whole packet, if that
#   is shorter). It is so short that the report, with an IP header of 20 bytes before it, has 576 bytes at most. Any length between is fine.
# - Return `None` for the four kinds of packets above. You can't know which addresses are the broadcast addresses of other
#   people's networks; 255.255.255.255 is enough. ICMP errors are the types 3, 4, 5, 11 and 12.
#
# For example, for a UDP packet `p` of 60 bytes, `icmp_error(p, 11, 0)` may be `0b 00`, two bytes of checksum, `00 00 00 00`, and then `p[:28]`, or all of `p`.
#
# The fields you need: the length of the header in words is the low half of `packet[0]`; flags and fragment offset are `packet[6:8]`,
# and the low 13 bits are the offset; the protocol is `packet[9]`; source and destination are `packet[12:16]` and `packet[16:20]`.
#
# RFC 792; RFC 1122 section 3.2.2; RFC 1812 section 4.3.2. Worth 4 points.


# %% solution="6.2"
def icmp_error(packet: bytes, type: int, code: int, rest: int = 0) -> bytes | None:
    """The ICMP error that reports about a packet, or None where no report may be sent."""
    ### BEGIN SOLUTION
    header_length = 4 * (packet[0] & 0x0F)
    source, destination = packet[12:16], packet[16:20]
    is_error = packet[9] == 1 and packet[header_length] in (3, 4, 5, 11, 12)
    is_later_fragment = int.from_bytes(packet[6:8], "big") & 0x1FFF > 0
    is_to_many = 224 <= destination[0] <= 239 or destination == b"\xff\xff\xff\xff"
    is_from_nobody = source == bytes(4) or source[0] == 127 or source[0] >= 224
    if is_error or is_later_fragment or is_to_many or is_from_nobody:
        return None
    message = bytes((type, code, 0, 0)) + rest.to_bytes(4, "big") + packet[: 576 - 20 - 8]
    return message[:2] + internet_checksum(message).to_bytes(2, "big") + message[4:]
    ### END SOLUTION


# %% check="6.2"
check("6.2", icmp_error)

# %% [markdown]
# Now all three routers report with your function. Four pings, with TTL 1 to 4:

# %% needs="6.2"
icmp_error(crossings[0].packet[IPv4Packet].build(), 11, 0)  # waits here until 6.2 is solved
sim, hosts, links = network(Parts(icmp_error=icmp_error))
rows = []
for ttl in (1, 2, 3, 4):
    for answer in sim.run(ping(hosts["h1"], "10.0.4.2", count=1, ttl=ttl)).answers:
        kind = f"{answer.message.type}/{answer.message.code}"
        rows.append((ttl, answer.source, kind, answer.message.name, f"{1000 * answer.rtt:.0f} ms"))
table(rows, ["TTL", "answer from", "type/code", "what it says", "after"], "Pings that live longer and longer")

# %% [markdown]
# Read that table again. You have just found all routers between h1 and h2, with nothing but `ping`. This is how **traceroute** works.
#
# ## Whose report is it?
#
# ICMP has no ports. When a report comes in, the kernel hands a copy to *every* program that listens for ICMP on a raw socket: two such pings and a traceroute on
# one host all see each other's answers. To take the wrong one for your own is a classic bug in home-made ping tools.
#
# Two things help:
#
# - an **echo reply** brings back identifier and sequence number;
# - an **error** quotes the packet: addresses, protocol, and the first 8 bytes behind the header.
#
# But not everything in the quote is as you sent it. Routers on the way have lowered the TTL, and with it the header's checksum has changed. What stays are the addresses, the protocol, the ports or identifiers, and the payload. (A NAT changes addresses and ports on the way
# out. It has to change them back in the quote: RFC 5508.) And the UDP checksum that you capture may be another than the
# quoted one: many network cards fill it in last (**checksum offload**).

# %%
sent, quoted = crossings[0].packet[IPv4Packet], report[ICMPTimeExceeded].original
table(
    [
        *((name, getattr(sent, name), getattr(quoted, name)) for name in ("source", "destination", "protocol", "ttl")),
        *((name, *(f"{getattr(p, name):04x}" for p in (sent, quoted))) for name in ("identification", "checksum")),
    ],
    ["field", "as sent by h1", "in the quote"],
    "One packet, as sent and as quoted",
)

# %% [markdown]
# ## Exercise 6.3: match
#
# `match(message: bytes, probes: list[bytes]) -> int | None`
#
# - `message` is an ICMP message without its IP header. Its checksum has been verified; otherwise it may be anything, and of any length.
# - `probes` are the IP packets that we have sent, whole and with their headers: UDP, TCP, or ICMP echo requests. No two are alike.
# - Return the index of the probe that the message is about, or `None`.
#
# A message is about a probe
#
# - if it is an echo reply (type 0) with the identifier and sequence number of a probe that is an echo request; or
# - if it is an error (type 3, 4, 5, 11 or 12), and the quoted packet has the probe's source, destination and protocol, and the same ports
#   (UDP and TCP: the first 4 bytes behind the header), or, for ICMP, is an echo request (type 8) with the same identifier and sequence number
#   (bytes 4 to 8 behind the header).
#
# The quoted header says itself how long it is; options make it longer than 20 bytes. A quote with fewer than 8 bytes behind its header
# proves nothing: `None`. Raise nothing, whatever comes.
#
# For example, with two UDP probes from port 40000 to the ports 33434 and 33435, a time exceeded whose quote has the ports `9c40 829b` gives 1:
# `9c40` is 40000, `829b` is 33435.
#
# RFC 792; RFC 1122 section 3.2.2. Worth 3 points.


# %% solution="6.3"
def match(message: bytes, probes: list[bytes]) -> int | None:
    """The index of the probe that an ICMP message is about, or None."""

    ### BEGIN SOLUTION
    def identity(packet: bytes):
        """What tells a packet from others, also when little is left of it."""
        if len(packet) < 20:
            return None
        header_length = 4 * (packet[0] & 0x0F)
        first = packet[header_length : header_length + 8]
        if header_length < 20 or len(first) < 8:
            return None
        mark = first[:1] + first[4:8] if packet[9] == 1 else first[:4]
        return packet[9], packet[12:20], mark

    if len(message) < 8:
        return None
    for index, probe in enumerate(probes):
        protocol, _, mark = identity(probe)
        if message[0] == 0 and protocol == 1 and mark == b"\x08" + message[4:8]:
            return index
        if message[0] in (3, 4, 5, 11, 12) and identity(message[8:]) == identity(probe):
            return index
    return None
    ### END SOLUTION


# %% check="6.3"
check("6.3", match)

# %% needs="6.3"
probes = [crossings[0].packet[IPv4Packet].build()]
message = report[IPv4Packet].payload
print("r2's report is about probe", match(message, probes))
print("about another host's probe:", match(message[:24] + b"\x0a\x00\x09\x09" + message[28:], probes))

# %% [markdown]
# ## Predict: what do the hops of a traceroute say?
#
# In many slides and tutorials a traceroute works like this: "the hops answer with ICMP destination unreachable". You have seen r2's answer
# to an echo request. The `traceroute` of Linux sends UDP, to ports from 33434 upwards, where hopefully nobody listens.
#
# **Before you run the next cell, write down** the ICMP type and code from each of r1, r2, r3 and h2: for UDP probes, and for echo requests (`traceroute -I`).

# %%
rows, results = [], {}
for method in ("udp", "icmp"):
    sim, hosts, links = network()
    results[method] = sim.run(traceroute(hosts["h1"], "10.0.4.2", method=method))
for ttl, (udp_hop, icmp_hop) in enumerate(zip(results["udp"].hops, results["icmp"].hops, strict=True), 1):
    rows.append(
        (ttl, udp_hop[0].address, f"{udp_hop[0].type}/{udp_hop[0].code}", f"{icmp_hop[0].type}/{icmp_hop[0].code}")
    )
table(rows, ["TTL", "answer from", "to a UDP probe", "to an echo request"], "Type and code of each answer")

# %%
staircase(results["udp"])

# %% [markdown]
# Every hop *on the way* says **time exceeded, 11/0**. Only the *end* says something else, because there the packet arrived with TTL to spare: port unreachable (3/3)
# to UDP, an echo reply (0/0) to an echo request. That difference is how traceroute knows that it is done. If routers said "destination unreachable",
# it could not tell a router from a dead end.
#
# | what is often told | RFC | netlib |
# |---|---|---|
# | the hops answer "destination unreachable" | RFC 1812 section 5.3.1: time exceeded, code 0 | 11/0 from r1, r2, r3; 3/3 from h2 only |
#
# What your kernel says to this, you will see below. (The first probe to each hop takes 10 ms longer: ARP again.)
#
# One more thing about those figures. The time at hop 2 is how long it took from h1 to r2, *and for r2's report back to h1*, perhaps on another path. A router forwards in hardware, and
# writes reports when it has the time. So a slow hop in the middle, with fast ones behind it, is a router with more important things to do. It is no slow path.
#
# ## Exercise 6.4: a traceroute that decides, and does not wait (the challenge)
#
# A traceroute has to wait for answers, give up, go on. Code that sleeps is hard to test. So write the part that *decides*, and let others do
# the waiting: a class that is told what happens and when, and says what to do. Such a machine reads no clock and opens no socket (the word is **sans I/O**).
# The same object runs in simulated time below, and against real routers at the end of this chapter.
#
# `Traceroute(max_hops: int = 30, tries: int = 3, timeout: float = 1.0)` (times in seconds)
#
# It sends `tries` probes with TTL 1, then `tries` with TTL 2, and so on. **One probe is out at a time.** Probes have numbers: 0, 1, 2, ... over the whole
# run, so probe number `n` has TTL `n // tries + 1`.
#
# | method | meaning |
# |---|---|
# | `poll(now)` | returns the tuple `(number, ttl)` of the probe to send now, or `None` if one is still out, or if all is done. The probe that is returned counts as sent at `now`. If the probe that is out has reached its deadline (`now >= deadline`), it is given up first |
# | `reply(number, source, type, code, now)` | an answer of this ICMP type and code to probe `number` came from `source`, an address as text. Returns nothing |
# | `deadline()` | returns when the probe that is out will be given up: the time at which it was sent plus `timeout`; `None` if no probe is out |
# | `hops` | for each TTL from 1 a list of what its probes got back, in the order of their numbers: `(source, type, code, rtt)`, or `None` for a probe that was given up. `rtt` is in seconds, from `poll` to `reply` |
# | `done` | `True` when no more probes will be sent, else `False` |
#
# The rules:
#
# 1. An answer counts if it is for the probe that is out, and comes *before* the deadline (`now < deadline`). It ends the wait: the next `poll` gives the next probe.
# 2. Everything else changes nothing: an answer to an earlier probe (a duplicate, or late), to a number that was never sent, or one that comes at the deadline or after it.
# 3. Redirects (type 5) and source quenches (type 4) are no answers: a redirected packet goes on its way, and nobody heeds a source quench. Go on waiting.
# 4. An echo reply (0) and a destination unreachable (3, whatever the code, whoever says it) are **final**. When all `tries` probes of a TTL are over and
#    at least one got a final answer, the traceroute is done. It never breaks off in the middle of a TTL.
# 5. Otherwise it goes on to the next TTL. A TTL that is silent altogether is no reason to stop. After TTL `max_hops` it is done.
#
# `hops`, `done` and `deadline()` are looked at right after a `poll`; `hops` only when all is done. `hops` and `done` may be attributes or properties.
#
#     t = Traceroute(max_hops=2, tries=1, timeout=1.0)
#     t.poll(0.0)                                  # (0, 1): send probe 0 with TTL 1
#     t.deadline()                                 # 1.0
#     t.reply(0, "10.0.1.1", 11, 0, 0.25)
#     t.poll(0.25)                                 # (1, 2)
#     t.poll(1.25)                                 # None: probe 1 is given up, and TTL 2 was the last
#     t.done, t.hops                               # True, [[("10.0.1.1", 11, 0, 0.25)], [None]]
#
# RFC 792, "Time Exceeded Message"; RFC 1122 sections 3.2.2.1 and 3.2.2.4. Worth 6 points.


# %% solution="6.4"
class Traceroute:
    """Decides which probe to send when, and when to stop. Reads no clock, opens no socket."""

    def __init__(self, max_hops: int = 30, tries: int = 3, timeout: float = 1.0):
        ### BEGIN SOLUTION
        self.max_hops, self.tries, self.timeout = max_hops, tries, timeout
        self.hops = []
        self.done = False
        self.number = 0  # of the probe that is out, or will be next
        self.sent = None  # when it was sent; None if it is not out
        ### END SOLUTION

    def poll(self, now: float) -> tuple[int, int] | None:
        """The probe to send now, as (number, ttl); None to wait, or if all is done."""
        ### BEGIN SOLUTION
        if self.sent is not None and now >= self.deadline():
            self.close(None)
        if self.done or self.sent is not None:
            return None
        self.sent = now
        return self.number, self.number // self.tries + 1
        ### END SOLUTION

    def reply(self, number: int, source: str, type: int, code: int, now: float) -> None:
        """Take in an answer to the probe of this number."""
        ### BEGIN SOLUTION
        if self.sent is None or number != self.number or type in (4, 5):
            return
        if now < self.deadline():
            self.close((source, type, code, now - self.sent))
        ### END SOLUTION

    def deadline(self) -> float | None:
        """When the probe that is out will be given up."""
        ### BEGIN SOLUTION
        return None if self.sent is None else self.sent + self.timeout

    def close(self, answer):
        """The probe that is out is over."""
        if self.number % self.tries == 0:
            self.hops.append([])
        hop = self.hops[-1]
        hop.append(answer)
        self.number += 1
        self.sent = None
        if len(hop) == self.tries:
            is_final = any(known and known[1] in (0, 3) for known in hop)
            self.done = is_final or len(self.hops) == self.max_hops
        ### END SOLUTION


# %% check="6.4"
check("6.4", Traceroute)

# %% [markdown]
# Your machine needs somebody who does what it says. That is `walk`, from netlib: it asks your machine for a probe, sends it as UDP to port 33434 plus its number, waits for
# ICMP messages until the deadline, finds out with a `match` like yours which probe a message is about, and tells your machine. It is some twenty lines, and knows nothing of TTLs or tries.
#
# The world is nastier this time. r2 sends no reports. And between h1 and r1 the second frame gets lost, in both directions: first a probe, then a report.

# %% needs="6.3 6.4"
match(b"", [])  # waits here until 6.3 is solved
sim, hosts, links = network(silent=("r2",), lose=(2,))
machine = sim.run(walk(hosts["h1"], "10.0.4.2", Traceroute(max_hops=8, tries=3, timeout=0.5), match))
seen_in_simulation = machine.hops
staircase(
    [[answer and (answer[0], answer[3]) for answer in hop] for hop in machine.hops],
    destination="10.0.4.2",
    title="Your traceroute, in simulated time",
)

# %% [markdown]
# There they are: three stars, in the middle of a path that works. r2 forwards everything. It just does not *talk*.
#
# ## Exercise 6.5: read the path
#
# Now say in words what such a result means. The same symptom, silence, has several causes; and several things look like an end and are none.
#
# `read_path(hops: list, destination: str) -> dict`
#
# `hops` is what your machine collects: for each TTL from 1 a list of `(source, type, code, rtt)` or `None`. There is at least one TTL. Return a dict with
#
# - `"path"`: for each TTL the list of addresses that answered, each once, in the order in which they first appear; an empty list where nobody did. Several
#   addresses at one TTL are no error: routers with equally good ways spread their load (**ECMP**), and each probe may take another one.
# - `"end"`, `"ttl"` and `"code"`: the first of these that applies, from top to bottom. `"code"` is `None` unless the table says something else.
#
# | `"end"` | when | `"ttl"` |
# |---|---|---|
# | `"reached"` | the destination itself answered, with whatever message | the smallest at which it did |
# | `"filtered"` | the first type 3 in the result has code 9, 10 or 13: prohibited. `"code"` is that code | that answer's |
# | `"unreachable"` | the first type 3 in the result has another code. `"code"` is that code | that answer's |
# | `"loop"` | an address answers again, two or more hops after it answered first | the smallest at which that happens |
# | `"unfinished"` | somebody answered at the last TTL: `max_hops` was too small | the last |
# | `"silent"` | nobody answered at the last TTL | the last at which anybody did; 0 if nobody ever did |
#
# "First" goes by TTL, and within a TTL by the order of the probes. Three remarks:
#
# - "reached" asks for the *source*, not for code 3. A firewall can send port unreachable too (Linux's `REJECT` does, unless told otherwise), and from its own address.
# - The same address at two TTLs *in a row* is no loop: some routers forward a packet with TTL 0, so that the next one answers twice; or one probe took a longer way.
# - "silent" is the honest word: dropped probes, dropped answers, a rate limit and a host that is switched off all look the same from here.
#
# For example, `read_path([[("10.0.1.1", 11, 0, 0.1)], [None], [("10.0.4.2", 3, 3, 0.3)]], "10.0.4.2")` is
# `{"path": [["10.0.1.1"], [], ["10.0.4.2"]], "end": "reached", "ttl": 3, "code": None}`.
#
# RFC 792; RFC 1812 section 5.2.7.1 for the codes. Worth 4 points.


# %% solution="6.5"
def read_path(hops: list, destination: str) -> dict:
    """Who answered at each TTL, and how the path ends."""
    ### BEGIN SOLUTION
    path = []
    for hop in hops:
        addresses = []
        for answer in hop:
            if answer is not None and answer[0] not in addresses:
                addresses.append(answer[0])
        path.append(addresses)
    answers = [(ttl, answer) for ttl, hop in enumerate(hops, 1) for answer in hop if answer is not None]
    result = {"path": path, "end": None, "ttl": None, "code": None}

    for ttl, (source, _, _, _) in answers:
        if source == destination:
            return result | {"end": "reached", "ttl": ttl}
    for ttl, (_, type, code, _) in answers:
        if type == 3:
            return result | {"end": "filtered" if code in (9, 10, 13) else "unreachable", "ttl": ttl, "code": code}
    first_seen = {}
    for ttl, (source, _, _, _) in answers:
        if ttl - first_seen.setdefault(source, ttl) >= 2:
            return result | {"end": "loop", "ttl": ttl}
    if path[-1]:
        return result | {"end": "unfinished", "ttl": len(hops)}
    return result | {"end": "silent", "ttl": answers[-1][0] if answers else 0}
    ### END SOLUTION


# %% check="6.5"
check("6.5", read_path)

# %% needs="6.3 6.4 6.5"
match(b"", []), Traceroute(), read_path([[None]], "10.0.4.2")  # waits here until all three are solved
verdict = read_path(seen_in_simulation, "10.0.4.2")
for ttl, addresses in enumerate(verdict["path"], 1):
    print(f"hop {ttl}: {', '.join(addresses) or 'silent'}")
print(f"{verdict['end']} at TTL {verdict['ttl']}")

# %% [markdown]
# ## Live: the Linux kernel
#
# So far netlib has talked to netlib. Now the same network as Linux has it: five network stacks of your own kernel, connected by virtual cables. It starts in a fraction of a
# second, needs no root, and is gone when you are.
#
# The cells below print verdicts, which are the same each time, and fold the raw figures away. Where the lab can't run, its recording plays: pings and captures are those of the
# recording, and say so. It can't take your packets or your sockets: those cells say so in one line and tell what was seen on 23 November 2026 with Linux 6.18.

# %% live
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM

from netlib.lab import Lab, LabError


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def ip_packets(capture, source: str = "") -> list:
    """What was captured, as (time, packet), without ARP; only from this address, if one is given."""
    found = [(time, packet) for time, packet in capture.packets if IPv4Packet in packet]
    return [(time, packet) for time, packet in found if source in ("", str(packet[IPv4Packet].source))]


def recorded(text: str) -> None:
    print(f"Not live here. Recorded on 23 November 2026 with Linux 6.18:\n{text}")


# a rule for the kernel's packet filter: what ICMP of these types a node wants to send is dropped
SILENT = """add table ip t
add chain ip t out { type filter hook output priority 0; }
add rule ip t out icmp type { %s } drop
"""

try:
    lab = Lab("06-icmp").up()
    print(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)

# %% [markdown]
# **First the kernel alone.** Four pings with TTL 1 to 4, and what the kernel's routers say. The picture shows the last two of them, as they were captured at both ends of
# the four cables.

# %% live
if lab:
    points = ["h1:eth1", "r1:eth1", "r1:eth2", "r2:eth1", "r2:eth2", "r3:eth1", "r3:eth2", "h2:eth1"]
    captures = {point: lab.capture(point) for point in points}
    said = [lab["h1"].run(f"ping -n -c 1 -W 1 -t {ttl} 10.0.4.2") for ttl in (1, 2, 3, 4)]
    for capture in captures.values():
        capture.stop()
    fold("What ping printed", "\n\n".join(map(str, said)))
    back = [
        packet for _, packet in ip_packets(captures["h1:eth1"]) if str(packet[IPv4Packet].destination) == "10.0.1.2"
    ]
    kernel_hops = [(str(p[IPv4Packet].source), p[ICMPMessage].type, p[ICMPMessage].code) for p in back]
    for ttl, (source, kind, code) in enumerate(kernel_hops, 1):
        print(f"TTL {ttl}: {kind}/{code} from {source}")
    third = [time for time, packet in ip_packets(captures["h1:eth1"], "10.0.1.2")][2]
    seen = {
        point: [(time, packet) for time, packet in ip_packets(capture) if time >= third]
        for point, capture in captures.items()
    }
    homes = {"10.0.1.2": "h1", "10.0.1.1": "r1", "10.0.2.2": "r2", "10.0.3.3": "r3", "10.0.4.2": "h2"}
    display(SequenceDiagram.from_captures(seen, hosts=homes, title="TTL 3 and TTL 4, through the kernel's routers"))
else:
    kernel_hops = [("10.0.1.1", 11, 0), ("10.0.2.2", 11, 0), ("10.0.3.3", 11, 0), ("10.0.4.2", 0, 0)]
    recorded(
        "TTL 1: 11/0 from 10.0.1.1\nTTL 2: 11/0 from 10.0.2.2\nTTL 3: 11/0 from 10.0.3.3\nTTL 4: 0/0 from 10.0.4.2"
    )

# %% [markdown]
# ### Your echo reply answers the kernel's ping
#
# Now h2's kernel gives up its address, and a netlib host takes its place on the cable. Its checksums and its echo replies are yours. Between it and h1's `ping` are
# three kernel routers, none of which forwards a packet with a wrong header checksum; and `ping` verifies what comes back.

# %% live needs="6.1"
echo_reply(request)  # waits here until 6.1 is solved
if live:
    you = Host("you", Random(6), Parts(checksum=internet_checksum, echo_reply=echo_reply))
    you.attach("10.0.4.2/24", MACAddress("02:00:00:00:aa:02"))
    you.add_route("0.0.0.0/0", via="10.0.4.1")
    with lab["h2"].attach(you):
        said = lab["h1"].run("ping -n -c 5 -i 0.2 -W 1 10.0.4.2")
    if " 5 received" in said.stdout:
        print("The kernel's ping had all 5 of its pings answered by your code.")
    else:
        print("The kernel's ping did NOT get all of its 5 answers.")
    if "ttl=61" in said.stdout:
        print("They came with TTL 61: it was 64, and three routers took one each.")
    fold("What ping printed", said)
else:
    recorded("The kernel's ping had all 5 of its pings answered by netlib's echo_reply, with TTL 61 left.")

# %% [markdown]
# ### Your traceroute finds the kernel's routers
#
# Your machine now runs in real time, on a host beside h1. Then the kernel's own `traceroute` does the same from h1.

# %% live needs="6.3 6.4 6.5"
match(b"", []), Traceroute(), read_path([[None]], "10.0.4.2")  # waits here until all three are solved


def trace_live(timeout: float = 0.3):
    """Your machine, your match and your reading of the result, on a host beside h1."""
    you = Host("you", Random(6))
    you.attach("10.0.1.9/24", MACAddress("02:00:00:00:aa:01"))
    you.add_route("0.0.0.0/0", via="10.0.1.1")
    with lab["h1"].attach(you) as running:
        machine = running.run(walk(you, "10.0.4.2", Traceroute(max_hops=8, tries=3, timeout=timeout), match))
    return machine.hops, read_path(machine.hops, "10.0.4.2")


def drawn(hops, title):
    return staircase(
        [[answer and (answer[0], answer[3]) for answer in hop] for hop in hops], destination="10.0.4.2", title=title
    )


if live:
    hops, verdict = trace_live()
    theirs = lab["h1"].run("traceroute -n -w 0.5 10.0.4.2")
    lines = [line.split() for line in theirs.stdout.splitlines()[1:]]
    their_path = [[words[1]] if words[1] != "*" else [] for words in lines]
    print("your path          ", " > ".join(a[0] if a else "*" for a in verdict["path"]), f"({verdict['end']})")
    print("kernel's traceroute", " > ".join(a[0] if a else "*" for a in their_path))
    print("They agree." if verdict["path"] == their_path else "They differ!")
    display(drawn(hops, "Your traceroute, through the kernel's routers"))
    fold("What the kernel's traceroute printed", theirs)
else:
    recorded("10.0.1.1 > 10.0.2.2 > 10.0.3.3 > 10.0.4.2 (reached), from both.")

# %% [markdown]
# ### Three stars, and yet the page loads
#
# On r2 a rule of the kernel's packet filter now drops each *time exceeded* that r2 wants to send. **Predict:** what does your traceroute say of hop 2? Of hops 3 and 4?
# And what becomes of a ping to h2?

# %% live needs="6.3 6.4 6.5"
match(b"", []), Traceroute(), read_path([[None]], "10.0.4.2")  # waits here until all three are solved
if live:
    lab["r2"].run("nft -f -", input=SILENT % "time-exceeded", check=True)
    hops, verdict = trace_live()
    said = lab["h1"].run("ping -n -c 3 -i 0.2 -W 1 10.0.4.2")
    lab["r2"].run("nft flush ruleset", check=True)
    print("path ", " > ".join(a[0] if a else "*" for a in verdict["path"]), f"({verdict['end']})")
    print("pings", "all answered: the path works" if " 0% packet loss" in said.stdout else "LOST")
    display(drawn(hops, "r2 forwards, and keeps silent"))
else:
    recorded("10.0.1.1 > * > 10.0.3.3 > 10.0.4.2 (reached); all pings answered.")

# %% [markdown]
# A rule as crude as this one gives three stars each time, and so does a router that is set to keep silent. A rate limit gives some stars and some answers: a router that
# has thousands of traceroutes to answer answers a few. **Stars in the middle, with answers behind
# them, say nothing about the path.** Stars from some hop *to the end* are worth a look.
#
# ### Two clients
#
# For the two questions that are left you need programs on h1 that behave as yours at work do: one that knocks at a port, and
# one that uploads. Sockets of a node are ordinary sockets, made inside that node's network stack.

# %%
REFUSED, NOTHING = "connection refused", "silence"


def knock(kind, port: int) -> str:
    """Send one datagram, or open one connection, to a port of h2: what the program sees."""
    with lab["h1"].socket(AF_INET, kind) as client:
        client.settimeout(0.5)
        try:
            client.connect(("10.0.4.2", port))
            if kind == SOCK_STREAM:
                return "connected"
            client.send(b"hello")
            return client.recv(100).decode()
        except ConnectionRefusedError:
            return REFUSED
        except TimeoutError:
            return NOTHING


def upload(size: int, patience: float = 0.7) -> int:
    """Send `size` bytes from h1 to h2 over TCP; how many the server has after `patience` seconds of nothing new."""
    with lab["h2"].socket(AF_INET, SOCK_STREAM) as server, lab["h1"].socket(AF_INET, SOCK_STREAM) as client:
        server.bind(("10.0.4.2", 0))
        server.listen()
        client.settimeout(patience)
        client.connect(server.getsockname())
        peer, _ = server.accept()
        with peer:
            peer.settimeout(patience)
            received = 0
            with suppress(TimeoutError):  # nobody takes, or nothing comes
                client.sendall(bytes(size))
            with suppress(TimeoutError):
                while received < size:
                    received += len(peer.recv(65536))
            return received


# %% [markdown]
# ### Predict: does ICMP tell which ports are open?
#
# It is often said that "ICMP tells you whether a port is open". Let us ask four ports of h2. On UDP 5000 and on TCP 5000 somebody listens; on UDP 5001 and TCP 5001 nobody does.
# **Write down** what comes back from each: an ICMP message, something else, or nothing?

# %% live
if live:
    with lab["h2"].socket(AF_INET, SOCK_DGRAM) as listens_udp, lab["h2"].socket(AF_INET, SOCK_STREAM) as listens_tcp:
        listens_udp.bind(("10.0.4.2", 5000))
        listens_tcp.bind(("10.0.4.2", 5000))
        listens_tcp.listen()
        rows = []
        for name, kind in (("UDP", SOCK_DGRAM), ("TCP", SOCK_STREAM)):
            for port in (5000, 5001):
                with lab.capture("h1:eth1") as capture:
                    seen = knock(kind, port)
                back = [packet for _, packet in ip_packets(capture, "10.0.4.2")]
                # not the last words of the connection before
                back = [p for p in back if TCPSegment not in p or p[TCPSegment].source_port == port]
                if back and ICMPMessage in back[0]:
                    first = f"ICMP {back[0][ICMPMessage].name}"
                else:
                    first = ("TCP RST" if back[0][TCPSegment].rst else "TCP SYN+ACK") if back else "nothing"
                rows.append((f"{name} {port}", "open" if port == 5000 else "closed", first, seen))
    display(table(rows, ["port", "which is", "first packet back", "what the program sees"], "Four ports of h2"))
    port_tells = [row[2] for row in rows]
else:
    port_tells = ["nothing", "ICMP port unreachable", "TCP SYN+ACK", "TCP RST"]
    recorded("UDP open: nothing. UDP closed: ICMP port unreachable. TCP open: SYN+ACK. TCP closed: RST.")

# %% [markdown]
# ICMP speaks about one of the four, and it says that a port is **closed**. An open UDP port is silent unless the program behind it answers. So is a closed one behind a filter, and for some seconds a host that is switched off, until the
# last router gives up asking for its MAC address and says host unreachable (3/1).
# TCP needs no ICMP for this: it has its own RST.
#
# The program at the closed UDP port saw "connection refused", although UDP knows no connections: h1's kernel did what your `match` does,
# found by the quote whose datagram it was, and told that socket.
#
# ### Block ICMP, and uploads hang
#
# Now the second half of the question. The cable between r2 and r3 gets an MTU of 1400 bytes, as a tunnel or a VPN has it. Then h1 uploads 20 bytes, and 50 000 bytes, to a server on h2.
# All of Linux's TCP packets say Don't Fragment. A packet of 1500 bytes can't get through, r2 drops it, and reports **fragmentation needed (3/4), next-hop MTU 1400**. h1's kernel reads this, remembers it,
# and sends smaller packets. That is **Path MTU Discovery** (RFC 1191).
#
# The second time, r2 is not allowed to send reports. **Predict:** which of the four uploads arrive?


# %% live
def seen_by_h1(packets, title: str, scale: str):
    """Packets on h1's cable. Those of 1500 bytes get no further than r2, whose next cable takes 1400."""
    diagram = SequenceDiagram(["h1", "r2", "h2"], title=title, scale=scale)
    for time, packet in packets:
        length = packet[IPv4Packet].total_length
        if ICMPMessage in packet:
            diagram.message("r2", "h1", f"3/4, MTU {packet[ICMPMessage].next_hop_mtu}", sent=time, received=time)
        elif str(packet[IPv4Packet].source) == "10.0.4.2":
            diagram.message("h2", "h1", f"{length} bytes, ACK", sent=time, received=time)
        elif length <= 1400:
            diagram.message("h1", "h2", f"{length} bytes", sent=time, received=time)
        else:
            diagram.message("h1", "r2", f"{length} bytes", sent=time, received=time)
            diagram.note("r2", time, "too long: dropped")
    return diagram


SMALL, LARGE = 20, 50_000
if live:
    lab["r2"].run("ip link set eth2 mtu 1400", check=True)
    lab["r3"].run("ip link set eth1 mtu 1400", check=True)
    uploads, sent = {}, {}
    for blocked in (False, True):
        lab["h1"].run("ip route flush cache", check=True)  # what h1 knows about the path's MTU
        if blocked:
            lab["r2"].run("nft -f -", input=SILENT % "time-exceeded, destination-unreachable", check=True)
        with lab.capture("h1:eth1") as capture:
            uploads[blocked] = upload(SMALL), upload(LARGE)
        sent[blocked] = ip_packets(capture)
        reports = [packet[ICMPMessage] for _, packet in sent[blocked] if ICMPMessage in packet]
        said = (
            f"r2 reported {reports[0].type}/{reports[0].code}, MTU {reports[0].next_hop_mtu}"
            if reports
            else "no report"
        )
        arrived = [
            "arrived" if got == size else "STUCK" for got, size in zip(uploads[blocked], (SMALL, LARGE), strict=True)
        ]
        print(
            f"ICMP {'blocked' if blocked else 'allowed'}: {SMALL} bytes {arrived[0]}, {LARGE} bytes {arrived[1]}; {said}"
        )
    lab["r2"].run("nft flush ruleset", check=True)
    large = [(t, p) for t, p in sent[True] if p[IPv4Packet].total_length == 1500]
    stuck = [(t, p) for t, p in large if p[TCPSegment].sequence == large[0][1][TCPSegment].sequence]
    display(seen_by_h1(stuck, "Blocked: one segment, again and again", "true"))
else:
    uploads = {False: (SMALL, LARGE), True: (SMALL, 0)}
    recorded(
        "ICMP allowed: both arrived; r2 reported 3/4, MTU 1400. ICMP blocked: 20 bytes arrived, 50000 bytes STUCK."
    )

# %% [markdown]
# Connecting works, since a SYN is small. Small requests work. The first full-sized packet vanishes, and TCP sends it again, and again, ever more slowly, as if it had been lost by chance. No error, no log line. This
# is called an MTU **black hole** (RFC 2923).
#
# In some slides it is "the *host* with the smaller MTU that has to fragment and can't". Not so: h2's own link has 1500 bytes, and h2 never sees the packet. It is the **router before the small link** that drops it and reports. In IPv6 the same
# message is called Packet Too Big, and there routers never fragment at all.
#
# Ways out, the best first: let type 3 code 4 pass (for IPv6: type 2). Else, TCP can find out by itself, by trying (**packetisation layer PMTUD**, RFC 4821 and 8899; on Linux
# `net.ipv4.tcp_mtu_probing=1`); or the router lowers the MSS that TCP announces ("MSS clamping"). Chapter 22 does all three.

# %% live
if live:
    told = next(i for i, (_, packet) in enumerate(sent[False]) if ICMPMessage in packet)
    before, after = (
        [packet[IPv4Packet].total_length for _, packet in some if str(packet[IPv4Packet].source) == "10.0.1.2"]
        for some in (sent[False][:told], sent[False][told:])
    )
    print(f"largest packet of h1 before the report: {max(before)} bytes;", end=" ")
    print(f"of the last ten that it sent: {max(after[-10:])} bytes")
    smaller = [
        i for i, (_, packet) in enumerate(sent[False]) if i > told and 1300 < packet[IPv4Packet].total_length <= 1400
    ]
    chosen = [*sent[False][told - 2 : told + 1], *(sent[False][i] for i in smaller[:3])]
    chosen.append(next((t, p) for t, p in sent[False][smaller[2] :] if str(p[IPv4Packet].source) == "10.0.4.2"))
    display(seen_by_h1(chosen, "Allowed: large ones, a report, smaller ones", "order"))
else:
    recorded("largest packet of h1 before the report: 1500 bytes; of the last ten that it sent: 1400 bytes")

# %% [markdown]
# ### Claims, and what holds

# %% live
on_the_way = [reply.type for hop in results["udp"].hops[:-1] for reply in hop]
at_the_end = results["udp"].hops[-1][0]
rows = [
    ("The hops of a traceroute answer destination unreachable", "RFC 1812 5.3.1: time exceeded, 11/0"),
    ("The destination answers UDP probes with port unreachable", "RFC 1122 3.2.2.1: SHOULD, 3/3"),
    ("ICMP tells that a port is open", "RFC 1122 3.2.2.1: it tells that a UDP port is closed"),
    ("A closed TCP port answers with ICMP", "RFC 9293 3.10.7.1: it answers with RST"),
    ("Without ICMP, all that breaks is ping and traceroute", "RFC 1191, RFC 2923: path MTU discovery breaks"),
]
in_netlib = [3 in on_the_way, (at_the_end.type, at_the_end.code) == (3, 3), None, None, None]
in_kernel = [
    any(kind == 3 for _, kind, _ in kernel_hops[:-1]),
    "port unreachable" in port_tells[1],
    "ICMP" in port_tells[0] or "ICMP" in port_tells[2],
    "ICMP" in port_tells[3],
    uploads[True][1] == LARGE,
]
claims(
    [(*row, ours, theirs) for row, ours, theirs in zip(rows, in_netlib, in_kernel, strict=True)],
    columns=("What is often told", "RFC", "netlib", "This kernel" if live else "A kernel, recorded"),
)

# %% live
if lab:
    lab.down()
    print("The lab is down. Nothing is left of it.")

# %% [markdown]
# ## What you can now answer
#
# **The three stars** were a router that forwards packets and does not report about those that die there: by configuration, or because of its rate limit. Hops *behind* it answered, so packets got through. No fault.
#
# **The hanging uploads** were the firewall's doing. It dropped "fragmentation needed" along with everything else called ICMP, somewhere behind it is a link with a smaller MTU, and so every full-sized packet fell
# into a black hole. A fault, and its cure is one line: let type 3 code 4 through.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>How does traceroute find the routers, and how does it know that it is done?</summary>
#
# It sends packets with TTL 1, 2, 3, ... The router at which the TTL runs out drops the packet and sends time exceeded (11/0), and that message's source address is the router's. The destination gets the packet with TTL to spare and answers otherwise:
# port unreachable (3/3) to UDP, echo reply to an echo request, SYN+ACK or RST to TCP. Such an answer, or an unreachable from anybody, is the end.
#
# </details>
#
# <details><summary>Hop 7 shows 40 % loss and hops 8 to 12 show none. Where is the problem?</summary>
#
# There is none. Packets to hops 8 to 12 all went through hop 7. It limits the rate of its reports. Loss is real where it begins at a hop and goes on to the end.
#
# </details>
#
# <details><summary>Why does an ICMP error quote the packet, and why at least 8 bytes behind the IP header?</summary>
#
# The one who is told has to find out which socket it is about. ICMP has no ports; the first 8 bytes of UDP and TCP do, and those of an echo request hold identifier and sequence number. It is also a weak proof: who sends a forged error
# has to guess those bytes. That is why TCP checks the quoted sequence number before it believes an error (RFC 5927).
#
# </details>
#
# <details><summary>Security wants to block ICMP. What do you tell them?</summary>
#
# Not all of it. Type 3 code 4 (IPv6: type 2, Packet Too Big) must pass, or path MTU discovery breaks and large transfers hang. The other unreachables and time exceeded save users from waiting for time-outs. Rate-limit echo if you like; drop redirects
# and what is obsolete, such as source quench. RFC 4890 gives the list for IPv6.
#
# </details>
#
# <details><summary>ping works and the service does not. ping fails and the service works. How can each be?</summary>
#
# ping is answered by the kernel; it proves that IP works both ways between the two, and nothing about a port or a process: the service may be down, or a firewall may drop its port. The other way round: echo may be filtered or rate-limited while TCP passes. So test with what the
# service itself speaks.
#
# </details>
#
# ## Where it goes next
#
# In chapter 7 you look at what stood before every first packet here and was left out of the pictures: **ARP**, the question for the next hop's MAC address. Chapter 8 makes the routers' decision, and chapter 22 comes back to
# path MTU discovery with all its ways out. Your `echo_reply` and `icmp_error` go along: `mine("6.1")` fetches them.
#
# Worth reading, and short:
#
# - RFC 792, all 21 pages: the messages as Jon Postel drew them in 1981.
# - RFC 1122 section 3.2.2: what a host does with each of them. RFC 1812 sections 4.3 and 5.2.7: what a router does.
# - RFC 1191 section 3 to 5: path MTU discovery. RFC 2923: the black holes. RFC 8899: the way without ICMP.
# - RFC 5927: ICMP attacks against TCP. RFC 6633: why source quench is gone.
