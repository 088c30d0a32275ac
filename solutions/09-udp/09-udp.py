# %% [markdown]
# # 9. UDP: a port, a length, and nothing else
#
# Two services send their metrics over UDP to a collector. The collector is restarted, and for a minute nobody listens. The first service notices
# nothing: every `send` succeeds, and its minute is a gap in all graphs. The second one crashes. Its log says `ConnectionRefusedError`, in a protocol
# that has no connections; and the call that raised it was not the one whose datagram got lost, but the next. **Both did what they were told. How?**
#
# After this chapter you can
#
# - write and read a datagram byte by byte, and say what its checksum covers besides itself;
# - predict which of a host's sockets gets a datagram, and write the table that decides it;
# - say who is told when nobody listens, when, and who never is;
# - build a request that survives losses, and say what that costs, in datagrams, in time, and in what it still does not do.
#
# It takes 60 to 90 minutes. You need chapter 5 (the checksum) and chapter 6 (ICMP errors). At the end, your switch, your ARP table, your trie and your
# socket table run together; where you have not written one, netlib's stands in.

# %%
from collections import Counter
from html import escape
from itertools import count
from random import Random

from IPython.display import HTML, display

from netlib import (
    Host,
    ICMPMessage,
    IPv4Address,
    IPv4Packet,
    IPv6Packet,
    MACAddress,
    Parts,
    Simulation,
    UDPDatagram,
)
from netlib.grading import NotImplementedYet, check
from netlib.grading.mine import mine
from netlib.host import DATAGRAM, RAW
from netlib.kernel.errors import SocketError
from netlib.transport.udp import Endpoint
from netlib.view import SequenceDiagram, bars, claims, header_picture, show, table
from netlib.view.datagrams import owners, pieces
from netlib.wire.errors import WireError
from netlib.wire.ipv4 import UDP
from netlib.worlds.task import now, readable, sleep

# %% [markdown]
# ## By hand: eight bytes and two letters
#
# IP brings a packet to a host. Which *program* there is meant, IP does not say. **UDP**, the User Datagram Protocol, adds just that, in a header of eight
# bytes. RFC 768, which defines it, has three pages. A header with its data is a **datagram**. Here is one, typed by hand:
#
# | bytes | meaning |
# |---|---|
# | `9c 40` | **source port** 40000: the program that sends, and where an answer should go |
# | `00 07` | **destination port** 7: the program that is meant. By convention, 7 echoes what it gets |
# | `00 0a` | **length** 10: the header's 8 bytes and 2 of data |
# | `00 00` | **checksum**: 0 says that the sender has left it out |
# | `68 69` | the data: "hi" |

# %%
typed = bytes.fromhex("9c40 0007 000a 0000 6869")
show(typed, like=UDPDatagram)

# %% [markdown]
# That is all, over IPv4 and over IPv6 alike. The header as RFCs draw it, 32 bits to a row:

# %%
header_picture(UDPDatagram)

# %% [markdown]
# A **port** is a number of 16 bits that stands for a program, for as long as the program has a **socket** that is **bound** to it. Servers bind ports that
# their clients know: below 1024 the **system ports**, such as 53 for DNS. A client mostly does not care, and the kernel gives it a free one from its
# **ephemeral** range: 32768 to 60999 on Linux, from 49152 on as IANA has it (RFC 6335 section 6).
#
# Now send it. This world in simulated time has two hosts, `you` and `echo`, and a cable of 10 ms. Here is the whole server. There is no listening, no
# accepting and no connection: one socket, all clients.


# %%
async def echo(host, port=7):
    """A UDP server: send back to each sender what it has sent."""
    socket = host.socket(DATAGRAM)
    socket.bind("0.0.0.0", port)  # this port of any address that the host has
    while await readable(socket):
        data, sender = socket.receive()
        socket.send_to(data, sender)


def send_by_hand(datagram: bytes):
    """Send these bytes in an IP packet to 10.0.0.2.

    Returns what the program on port 40000 gets back, what was on the cable, and what `echo` has dropped.
    """
    sim = Simulation.topology("you 10.0.0.1/24 -- 10.0.0.2/24 echo  delay=10ms", seed=9)
    sim.spawn(echo(sim["echo"]))
    capture = sim.capture()

    async def ask():
        mailbox, wire = sim["you"].socket(DATAGRAM), sim["you"].socket(RAW, protocol=UDP)
        mailbox.bind("0.0.0.0", 40000)
        wire.send(IPv4Packet(destination=IPv4Address("10.0.0.2"), payload=datagram), await now())
        return mailbox.receive()[0] if await readable(mailbox, timeout=1.0) else None

    answer = sim.run(ask())
    return answer, [crossing for crossing in capture.crossings if IPv4Packet in crossing.packet], sim["echo"].dropped


answer, crossings, _ = send_by_hand(typed)
print("the program on port 40000 gets", answer)
SequenceDiagram.from_crossings(crossings, title="Two letters there, two letters back")

# %% [markdown]
# In Python's own `socket` module the server is the same, in the same six lines: `socket(AF_INET, SOCK_DGRAM)`, `bind`, and then `recvfrom` and `sendto` for ever.
#
# **Predict.** What comes back, and from whom,
#
# 1. if you send it to port 8, which nobody has bound?
# 2. if you leave the port alone, and write `00 01` where the checksum stands?

# %%
for words, datagram in [
    ("to port 8", bytes.fromhex("9c40 0008 000a 0000 6869")),
    ("with the checksum 0001", bytes.fromhex("9c40 0007 000a 0001 6869")),
]:
    answer, crossings, dropped = send_by_hand(datagram)
    diagram = SequenceDiagram.from_crossings(crossings, title=f"A datagram {words}: the program gets {answer}")
    for why in dropped:
        diagram.note("echo", crossings[0].arrival, f"{why}: dropped")
    display(diagram)

# %% [markdown]
# 1. `echo`'s *kernel* answers: ICMP port unreachable, as you know it from chapter 6. But look at what the program got: nothing at all, no error either. Hold on to that.
# 2. A damaged datagram has to be dropped in silence (RFC 1122 section 4.1.3.4). Perhaps it is the port that is damaged: who would have to be told?
#
# ## What the checksum covers
#
# The checksum is chapter 5's sum of 16-bit words. What is new is what it covers. IP's covers its header only. UDP's covers the UDP header, the data, and before these a
# **pseudo header**: parts of the IP header that are summed, and *not sent again*.
#
# | | IPv4 (RFC 768) | IPv6 (RFC 8200 section 8.1) |
# |---|---|---|
# | source address | 4 bytes | 16 bytes |
# | destination address | 4 bytes | 16 bytes |
# | then | `00`, `11` (the protocol: 17), length in 2 bytes | length in 4 bytes, `00 00 00`, `11` |
#
# The length is the datagram's, its 8 bytes of header included. So the checksum is `internet_checksum` over pseudo header, UDP header with 0 in the checksum's place, and data, one behind the other. A datagram that was delivered to a wrong host does not check out there, although each of its
# own bytes is right. (It also means that a NAT, which changes addresses, has to change this checksum deep inside the packet. Chapter 15.)
#
# And there are two rules about zero:
#
# - **0 means: left out.** Over IPv4 a sender may do so. Over IPv6 it must not, for IPv6 has no header checksum, and nothing else would guard the addresses. A receiver drops such a
#   datagram. (RFC 6935 makes an exception for some tunnels.)
# - **A sum that comes out as 0 is sent as `ffff`.** In one's complement, both are zero: for whoever verifies, it makes no difference.
#
# ## Exercise 9.1: build a datagram
#
# `build_udp(source: bytes, destination: bytes, source_port: int, destination_port: int, data: bytes) -> bytes`
#
# - `source` and `destination` are IP addresses as raw bytes: both have 4 bytes (IPv4), or both 16 (IPv6).
# - Return the whole datagram: header with its checksum, then the data. All numbers have their high byte first.
# - Raise `ValueError` for a port that is not from 0 to 65535, and for data that does not fit. IPv4's 16-bit length counts its own header of 20 bytes, so there is room
#   for 65535 - 20 - 8 = **65507** bytes of data. IPv6's does not: 65535 - 8 = 65527.
# - Source port 0 is allowed. It says that no answer is wanted.
#
# For example, `build_udp(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), 40000, 7, b"hi")` is `bytes.fromhex("9c40 0007 000a e726 6869")`.
#
# RFC 768; RFC 8200 section 8.1. Worth 3 points, five to ten minutes. `mine` fetches your checksum from chapter 5.

# %% live
internet_checksum = mine("5.1")


# %% solution="9.1"
def build_udp(
    source: bytes, destination: bytes, source_port: int, destination_port: int, data: bytes
) -> bytes:
    """The bytes of a datagram, with its checksum."""
    ### BEGIN SOLUTION
    length = 8 + len(data)
    if len(source) == 4:
        most, pseudo = (
            65_535 - 20,
            source + destination + b"\x00\x11" + length.to_bytes(4, "big")[2:],
        )
    else:
        most, pseudo = (
            65_535,
            source + destination + length.to_bytes(4, "big") + b"\x00\x00\x00\x11",
        )
    if length > most or not (0 <= source_port <= 65_535 and 0 <= destination_port <= 65_535):
        raise ValueError("no such port, or too much data")
    header = b"".join(
        number.to_bytes(2, "big") for number in (source_port, destination_port, length)
    )
    checksum = internet_checksum(pseudo + header + b"\x00\x00" + data) or 0xFFFF
    return header + checksum.to_bytes(2, "big") + data
    ### END SOLUTION


# %% check="9.1"
check("9.1", build_udp)

# %% [markdown]
# Now the echo server gets *your* datagram. Then the same bytes once more, as if for another host: the source that is summed is not the one that the packet has.

# %% needs="9.1"
you, server = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
for words, datagram in [
    ("with your checksum        ", build_udp(you, server, 40000, 7, b"hi")),
    ("summed for another source ", build_udp(bytes([10, 0, 0, 9]), server, 40000, 7, b"hi")),
]:
    answer, crossings, _ = send_by_hand(datagram)
    print(f"{words} {datagram.hex(' ', 2)}   the program gets {answer}")

# %% [markdown]
# ## Boundaries are kept
#
# A datagram is sent whole and received whole. **Predict:** a program sends five datagrams, with 3, 5, 0, 900 and 4000 bytes, over a link that takes packets of 1500 bytes. How many packets are on
# the cable? How often can the other side receive, and how many bytes does it get each time?


# %%
def letters_sent(sizes, lose=()):
    """Send datagrams of these sizes: (the sizes that were received, the IP packets on the cable).

    `lose`: the packets that get lost, by number.
    """
    sim = Simulation.topology(
        "you 10.0.0.1/24 -- 10.0.0.2/24 they  delay=10ms rate=10mbit", seed=9
    )
    inbox, outbox = sim["they"].socket(DATAGRAM), sim["you"].socket(DATAGRAM)
    inbox.bind("0.0.0.0", 7000)

    async def send():
        outbox.send_to(b"", ("10.0.0.2", 9))  # so that ARP is done with
        await sleep(0.1)
        link.drop = frozenset(link.directions[0].sent + number for number in lose)
        before = len(capture)
        for size in sizes:
            outbox.send_to(bytes(size), ("10.0.0.2", 7000))
        await sleep(0.1)
        return before

    link = sim.between("you", "they")
    capture = sim.capture()
    before = sim.run(send())
    got = []
    while received := inbox.receive():
        got.append(len(received[0]))
    return got, capture.crossings[before:]


def size_of(packet) -> str:
    """The words for an arrow."""
    ip = packet[IPv4Packet]
    if UDPDatagram in packet:
        return f"datagram, {packet[UDPDatagram].length - 8} bytes"
    return f"fragment from byte {8 * ip.fragment_offset}, {len(ip.payload)} bytes"


SIZES = [3, 5, 0, 900, 4000]
got, crossings = letters_sent(SIZES)
print(f"{len(crossings)} packets were on the cable")
display(SequenceDiagram.from_crossings(crossings, title="Five datagrams", label=size_of))
pieces({"sent": SIZES, "received": got}, caption="Five sends, five receives")

# %% [markdown]
# Five sends, five receives. Nothing is put together, nothing is split, and an **empty datagram** is one too: it wakes the reader and brings 0 bytes. The one of 4000 bytes was too large for a packet, so IP cut it
# into fragments (chapter 5), and put it together again before UDP saw any of it. (They have 4008 bytes together: UDP's header is in the first one, and only there.)
#
# That has a price. Now the first of the three fragments gets lost:

# %%
arrived, crossings = letters_sent([4000, 3], lose=[1])
display(
    SequenceDiagram.from_crossings(
        crossings, title="A lost fragment takes its datagram along", label=size_of
    )
)
pieces({"sent": [4000, 3], "received": arrived}, caption="Two sends, one receive")

# %% [markdown]
# All or nothing. RFC 8085 (section 3.2) therefore asks applications to send no datagram that does not fit into one packet of the path. Where you don't know the path, 1200 bytes are a common choice: QUIC starts there (RFC 9000 section 14).
#
# TCP keeps no boundaries at all: it carries a stream of bytes. You will see it below, on a kernel. Over TCP a program has to mark the ends of its messages itself, as your `Frames` did in chapter 1. Over UDP,
# one datagram is one message. Your program then has to *read* with a buffer that is large enough: what does not fit into it is cut off and gone, and most languages don't tell.
#
# In many slides "the data section can go up to 65536". You know the number: **65507** over IPv4.

# %%
sender = Simulation.topology("you 10.0.0.1/24 -- 10.0.0.2/24 they")["you"].socket(DATAGRAM)
largest = {}
for size in (65_507, 65_508, 65_536):
    try:
        largest[size] = f"{sender.send_to(bytes(size), ('10.0.0.2', 7000))} bytes are sent"
    except SocketError as error:
        largest[size] = error.name
table(largest.items(), ["bytes of data", "send_to says"], "How large a datagram can be")

# %% [markdown]
# ## Which socket?
#
# A datagram that comes in brings four numbers: source address and port, destination address and port. Many programs share one address that way (**multiplexing**), and the kernel sorts out again what is for whom (**demultiplexing**). A socket can be bound in three ways, each narrower than the one before:
#
# | the socket | takes datagrams |
# |---|---|
# | bound to port 7000 of `0.0.0.0`, the **wildcard** | to port 7000 of any of the host's addresses |
# | bound to port 7000 of 10.0.0.2 | to port 7000 of that address |
# | bound to it, and **connected** to 10.0.0.1 port 40000 | to port 7000 of that address, from that peer and that port only |
#
# To connect a UDP socket sends nothing: it is a note in the kernel about who the **peer** is.
#
# This server has two addresses, one on each of its cables, and all three kinds of sockets on one port. **Predict,** before you run it, which of them gets each of these four datagrams to port 7000: from `you` (10.0.0.1), port 40000 and port 40001, to 10.0.0.2; from `other` (10.0.1.1), the same two ports, to 10.0.1.2.


# %%
def server_with_three_sockets(parts=None):
    """Four datagrams to port 7000, each with the name of the socket that got it."""
    sim = Simulation.topology(
        """
        you 10.0.0.1/24 -- 10.0.0.2/24 server
        other 10.0.1.1/24 -- 10.0.1.2/24 server
        host server
        """,
        seed=9,
        parts={"server": parts} if parts else None,
    )
    sockets = {name: sim["server"].socket(DATAGRAM) for name in ("wildcard", "bound", "connected")}
    # SO_REUSEPORT on all three: else the port would be taken
    sockets["wildcard"].bind("0.0.0.0", 7000, reuse_port=True)
    sockets["bound"].bind("10.0.0.2", 7000, reuse_port=True)
    sockets["connected"].bind("10.0.0.2", 7000, reuse_port=True)
    sockets["connected"].connect("10.0.0.1", 40000)
    rows = []

    async def send():
        for source, port, destination in [
            ("you", 40000, "10.0.0.2"),
            ("you", 40001, "10.0.0.2"),
            ("other", 40000, "10.0.1.2"),
            ("other", 40001, "10.0.1.2"),
        ]:
            client = sim[source].socket(DATAGRAM)
            client.bind("0.0.0.0", port)
            client.send_to(b"who?", (destination, 7000))
            await sleep(0.1)
            owner = [name for name, socket in sockets.items() if socket.receive()]
            rows.append((f"{source}:{port} to {destination}", owner[0] if owner else None))
            client.close()

    sim.run(send())
    return rows


BOUND = {"wildcard": "0.0.0.0", "bound": "10.0.0.2", "connected": "10.0.0.2, peer you:40000"}
netlib_says = server_with_three_sockets()
owners(netlib_says, BOUND, "Three sockets on one port, and who gets what")

# %% [markdown]
# The most exact one wins: first the connected socket, if the datagram comes from its peer; then the one bound to this very address; then the wildcard. The port alone does not decide. A DNS server uses this to answer from the address that it was asked at; others give
# each of their clients a connected socket of its own.
#
# It is often said that UDP is **stateless**. The *protocol* is: nothing in a datagram says what came before. But the kernel keeps this table, and a NAT between the two keeps a mapping for each pair of ports, which it forgets after a while without
# traffic: after two minutes at the earliest, says RFC 4787 (section 4.3), and many are quicker. A UDP "connection" that was silent for too long is cut without a word.
#
# ## Exercise 9.2: the socket table
#
# Write that table. It will then run in netlib's hosts.
#
# `UdpTable()`, with three methods:
#
# | method | meaning |
# |---|---|
# | `add(endpoint)` | a socket was bound or connected: from now on it takes datagrams |
# | `remove(endpoint)` | this endpoint, added before, takes no more of them |
# | `lookup(source, source_port, destination, destination_port)` | the endpoint that gets a datagram with these addresses (bytes) and ports (int), or `None` |
#
# An **endpoint** stands for a socket. You read four of its attributes: `address` (bytes; all zero is the wildcard), `port`, `peer` (bytes; `None` if the socket is not connected) and `peer_port`. No two endpoints are
# equal, though all their attributes may be: `==`, `in` and `list.remove` mean the very same endpoint.
#
# 1. An endpoint *can* take a datagram if its port is the destination port; and its address is the destination, or the wildcard; and it has no peer, or its peer and peer port are the source and the source port.
# 2. It takes datagrams of its own IP version only: its address is as long (4 or 16 bytes) as the destination.
# 3. Of those that can, a connected one comes before one that is not.
# 4. Of those that are left, one bound to the address comes before a wildcard.
# 5. Of those that are left, the one that was added last wins. (Linux does that where `SO_REUSEADDR` lets several sockets have one port. With `SO_REUSEPORT` it shares the clients out by a hash instead; that is chapter 27.)
#
# A connected endpoint always has an address of its own, never the wildcard: to connect chooses one.
#
#     t = UdpTable()
#     wild, bound = Endpoint(bytes(4), 53), Endpoint(bytes([10, 0, 0, 2]), 53)       # address, port
#     t.add(bound); t.add(wild)
#     t.lookup(bytes([10, 0, 0, 1]), 40000, bytes([10, 0, 0, 2]), 53)                # bound
#     t.lookup(bytes([10, 0, 0, 1]), 40000, bytes([10, 0, 0, 3]), 53)                # wild
#     t.remove(wild)
#     t.lookup(bytes([10, 0, 0, 1]), 40000, bytes([10, 0, 0, 3]), 53)                # None
#
# No RFC says this; it is what Linux does (`compute_score` in its `net/ipv4/udp.c`). Worth 4 points.


# %% solution="9.2"
class UdpTable:
    """Decides which socket a datagram is for."""

    def __init__(self):
        ### BEGIN SOLUTION
        self.endpoints = []  # the newest last
        ### END SOLUTION

    def add(self, endpoint) -> None:
        """From now on this endpoint takes datagrams."""
        ### BEGIN SOLUTION
        self.endpoints.append(endpoint)
        ### END SOLUTION

    def remove(self, endpoint) -> None:
        """This endpoint takes no more of them."""
        ### BEGIN SOLUTION
        self.endpoints.remove(endpoint)
        ### END SOLUTION

    def lookup(self, source: bytes, source_port: int, destination: bytes, destination_port: int):
        """The endpoint that gets a datagram with these addresses and ports, or None."""
        ### BEGIN SOLUTION
        best, best_score = None, -1
        for endpoint in self.endpoints:
            wildcard, connected = not any(endpoint.address), endpoint.peer is not None
            if endpoint.port != destination_port or len(endpoint.address) != len(destination):
                continue
            if not wildcard and endpoint.address != destination:
                continue
            if connected and (endpoint.peer, endpoint.peer_port) != (source, source_port):
                continue
            score = 2 * connected + (not wildcard)
            if score >= best_score:
                best, best_score = endpoint, score
        return best
        ### END SOLUTION


# %% check="9.2"
check("9.2", UdpTable)

# %% [markdown]
# The same server, with your table in its kernel:

# %% needs="9.2"
UdpTable().lookup(bytes(4), 1, bytes(4), 1)  # waits here until 9.2 is solved
you_say = server_with_three_sockets(Parts(udp_table=UdpTable))
print(
    "your table and netlib's agree" if you_say == netlib_says else "your table and netlib's DIFFER"
)
owners(you_say, BOUND, "Three sockets on one port, by your table")

# %% [markdown]
# ## Nobody is there: who is told?
#
# Back to the two services. Both send three datagrams, 200 ms apart, to a port that nobody has bound. The first one names the collector in each `send_to`. The second one has *connected* its socket once, and calls `send`. A port unreachable comes back after 20 ms.
#
# **Predict** what each of the three calls returns or raises, for both of them; and what a `receive` afterwards says.


# %%
def knock(how: str):
    """Send three datagrams to a closed port: (what each call said, what was on the cable)."""
    sim = Simulation.topology("service 10.0.0.1/24 -- 10.0.0.2/24 collector  delay=10ms", seed=9)
    said, link = [], sim.between("service", "collector")

    async def send():
        warm = sim["service"].socket(DATAGRAM)
        warm.send_to(b"", ("10.0.0.2", 9))  # so that ARP is done with
        await sleep(0.1)
        capture, start = sim.capture(link), await now()
        socket, send = sim["service"].socket(DATAGRAM), None
        if how == "connected":
            socket.connect("10.0.0.2", 7999)
            send = socket.send
        for number in (1, 2, 3):
            try:
                sent = send(b"metric") if send else socket.send_to(b"metric", ("10.0.0.2", 7999))
                said.append((await now() - start, f"send {number}", f"{sent} bytes"))
            except SocketError as error:
                said.append((await now() - start, f"send {number}", error.name))
            await sleep(0.2)
        try:
            said.append((await now() - start, "receive", str(socket.receive())))
        except SocketError as error:
            said.append((await now() - start, "receive", error.name))
        return capture, start

    capture, start = sim.run(send())
    talk = [crossing for crossing in capture.crossings if IPv4Packet in crossing.packet]
    picture = SequenceDiagram.from_crossings(talk, title=f"A {how} socket", start=start)
    for time, call, result in said:
        if result.isupper():
            picture.note("service", start + time, f"{call}: {result}")
    return said, picture


knocks = {how: knock(how) for how in ("plain", "connected")}
plain, connected = (knocks[how][0] for how in ("plain", "connected"))
rows = [
    (f"{1000 * time:.0f} ms", call, a, b)
    for (time, call, a), (_, _, b) in zip(plain, connected, strict=True)
]
display(
    table(rows, ["at", "call", "not connected", "connected"], "Three datagrams to a closed port")
)
knocks["connected"][1]

# %% [markdown]
# There is the whole mystery.
#
# - The **first `send` succeeds** in both cases. All it says is that the datagram has left your socket. The bad news comes a round trip later.
# - An error that has come in waits in the connected socket. **The next call raises it**, whichever that is, and then it is forgotten: a **pending error**.
# - The second `send` has **not sent** anything: look for it in the picture. A program that catches the error and goes on with its third datagram has lost two by then.
# - The socket that is **not connected hears nothing**. The ICMP message reached the kernel all the same. But such a socket talks to many peers; an error without a name on it would help
#   nobody. RFC 1122 (section 4.1.3.3) says that UDP must pass *all* such errors on. On Linux, a socket that is not connected hears of them only if it asks (`IP_RECVERR`).
#
# How does the kernel know which socket? You do: an ICMP error quotes the packet's header and at least 8 bytes behind it, and those are UDP's header. The kernel looks for the socket that is connected *just so*.
#
# Not all errors are passed on. Host or network unreachable may pass by itself: a **soft error**. These are the **hard** ones, as Linux has them, by the code of a destination unreachable (type 3).
# Code 4, fragmentation needed, is a case of its own, and left out here: the kernel notes the path's MTU (chapter 6), and Linux tells a connected socket `EMSGSIZE`.

# %%
HARD = {
    2: "ENOPROTOOPT",  # protocol unreachable: that host has no UDP
    3: "ECONNREFUSED",  # port unreachable
    6: "ENETUNREACH",
    7: "EHOSTDOWN",
    8: "ENONET",
    9: "ENETUNREACH",  # 9, 10, 13: prohibited by an administrator
    10: "EHOSTUNREACH",
    13: "EHOSTUNREACH",
    14: "EHOSTUNREACH",
    15: "EHOSTUNREACH",
}

# %% [markdown]
# ## Exercise 9.3: which socket is told?
#
# `receive_error(message: bytes, sockets: list[tuple]) -> tuple[int, str] | None`
#
# - `message` is an ICMP message without its IP header. Its checksum has been verified; otherwise it may be anything, and of any length. Behind its 8 bytes stands the quote.
# - `sockets` are tuples `(address, port, peer, peer_port)`: our own address and port, then the peer's. Addresses are 4 bytes, ports are int. A socket that is not connected has the peer `None` and the peer port 0. No two are alike.
# - Return the index of the socket that is told, and the errno name that it gets; `None` if no socket is told. Raise nothing, whatever comes.
#
# A socket is told
#
# 1. of a destination unreachable (type 3) with a code in `HARD`, by the name there; and of a parameter problem (type 12), by `"EPROTO"`. Of nothing else.
# 2. if the quote is of an IPv4 packet (version 4) with protocol 17, is not a later fragment (the low 13 bits of its bytes 6 and 7 are 0), and has at least 8 bytes behind its header. The header says itself
#    how long it is: 4 times the low half of its first byte.
# 3. if it is connected, and the quoted packet went *from* its address and port *to* its peer and peer port.
#
# For example, with `sockets = [(bytes(4), 40000, None, 0), (bytes([10, 0, 0, 1]), 40001, bytes([10, 0, 0, 2]), 7)]`, a port unreachable that quotes a datagram from 10.0.0.1 port 40001 to 10.0.0.2 port 7 gives
# `(1, "ECONNREFUSED")`. One that quotes a datagram from port 40000 gives `None`.
#
# RFC 1122 sections 3.2.2.1 and 4.1.3.3. Worth 3 points.


# %% solution="9.3"
def receive_error(message: bytes, sockets: list[tuple]) -> tuple[int, str] | None:
    """Which socket an ICMP message is about, and the errno name that it gets, or None."""
    ### BEGIN SOLUTION
    if len(message) < 8 + 20 or message[0] not in (3, 12):
        return None
    name = HARD.get(message[1]) if message[0] == 3 else "EPROTO"
    packet = message[8:]
    length = 4 * (packet[0] & 0x0F)
    if name is None or packet[0] >> 4 != 4 or length < 20 or len(packet) < length + 8:
        return None
    if packet[9] != 17 or int.from_bytes(packet[6:8], "big") & 0x1FFF:
        return None
    source_port = int.from_bytes(packet[length : length + 2], "big")
    destination_port = int.from_bytes(packet[length + 2 : length + 4], "big")
    quoted = (packet[12:16], source_port, packet[16:20], destination_port)
    return (sockets.index(quoted), name) if quoted in sockets else None
    ### END SOLUTION


# %% check="9.3"
check("9.3", receive_error)

# %% [markdown]
# Now let it read the report from the picture above:

# %% needs="9.3"
receive_error(b"", [])  # waits here until 9.3 is solved
_, crossings, _ = send_by_hand(bytes.fromhex("9c40 0008 000a 0000 6869"))
report = crossings[-1].packet[IPv4Packet].payload
you, they = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
for words, socket in [
    ("not connected          ", (bytes(4), 40000, None, 0)),
    ("connected to its port 8", (you, 40000, they, 8)),
    ("connected to its port 7", (you, 40000, they, 7)),
]:
    print(f"a socket that is {words}: {receive_error(report, [socket])}")

# %% [markdown]
# Anybody can *forge* such a report. But he would have to guess both ports, and that is one reason why clients get random ones (RFC 6056).
#
# ## What reliability costs
#
# UDP promises nothing: a datagram arrives once, or never, or twice, or after one that was sent later. Let us build a request that is answered all the same. What can go wrong?
#
# - The request gets lost, or its answer. From here the two look alike. So **send it again**, when no answer has come for a while.
# - The answer comes after you have sent again. Then a second answer comes, perhaps when you have already asked something else. So each request carries an **id**, the answer brings it back, and whatever
#   has another id is thrown away.
# - The network is so full that answers are late. Whoever sends again after a fixed time adds to the load just when there is too much of it. So **wait twice as long** each time (**exponential back-off**; RFC 8085 section 3.1.3, which starts with 1 s).
#
# ## Exercise 9.4: a request that is sent again (the challenge)
#
# `async def reliable_request(socket, data: bytes, timeout: float = 1.0, tries: int = 4) -> bytes | None`
#
# - `socket` is a datagram socket that is connected already. It may be used for several requests, one after the other: don't close it.
# - A datagram out is an id of 4 bytes, and then `data`. All tries of a request have the same id, and no two requests do (a counter such as `ids` below will do; a random number is safer).
# - The server answers with the same 4 bytes and then its answer. Return what stands behind them, as soon as it is there.
#
# | you write | what it does |
# |---|---|
# | `socket.send(data)` | sends a datagram to the peer. Raises `SocketError` if an error is pending. **Then nothing was sent** |
# | `await readable(socket, timeout)` | waits for at most `timeout` seconds; `True` as soon as `receive` has something to say |
# | `socket.receive()` | a tuple: the data, and where it came from; `None` if there is nothing. Raises `SocketError` if an error is pending |
# | `await now()` | the time in seconds |
#
# 1. Send at once. Then wait for `timeout` seconds; if no answer came, send again and wait for `2 * timeout`, then for `4 * timeout`, and so on. There are `tries` sends in all. When the last wait is over too, return `None`.
# 2. A wait has a fixed end, worked out when you have sent. What is no answer does not make it longer, nor shorter.
# 3. An answer begins with the id of *this* request. It counts whichever of the tries it is for. Everything else is ignored: another id, or fewer than 4 bytes.
# 4. An error (`SocketError`) is no answer, and no end: the server may be just restarting. If `receive` raises it, go on waiting. If `send` raises it, the datagram was not sent: call `send` once more.
#
# So with `timeout=1.0` and `tries=4` a request that nobody answers is sent at 0, 1, 3 and 7 s, and returns `None` at 15 s.
#
# RFC 8085 section 3.1.3; RFC 1122 section 4.1.3.3. Worth 6 points.


# %% solution="9.4"
ids = count(1)


async def reliable_request(
    socket, data: bytes, timeout: float = 1.0, tries: int = 4
) -> bytes | None:
    """Send `data` until it is answered; the answer, or None."""
    ### BEGIN SOLUTION
    name = next(ids).to_bytes(4, "big")
    for attempt in range(tries):
        try:
            socket.send(name + data)
        except SocketError:  # of an earlier datagram; this one was not sent
            socket.send(name + data)
        end = await now() + timeout * 2**attempt
        while (left := end - await now()) > 0 and await readable(socket, left):
            try:
                received = socket.receive()
            except SocketError:  # nobody is there now
                continue
            if received and received[0][:4] == name:
                return received[0][4:]
    return None
    ### END SOLUTION


# %% check="9.4"
check("9.4", reliable_request)

# %% [markdown]
# Now 200 requests, one after the other, over a path on which a share of all packets gets lost, both ways. The server answers in capitals, and counts how often it *does* what it is asked for. Round trip 20 ms, first wait 200 ms, 8 tries.


# %%
async def capitals(host, done: Counter):
    """A server: the id as it is, the rest in capitals."""
    socket = host.socket(DATAGRAM)
    socket.bind("0.0.0.0", 7007)
    while await readable(socket):
        data, sender = socket.receive()
        done[data] += 1
        socket.send_to(data[:4] + data[4:].upper(), sender)


def over_a_lossy_path(request, loss: int, requests: int = 200):
    """(answered, mean time, slowest 1 %, sent, done twice or more) over a path with `loss` %."""
    sim = Simulation.topology(
        f"client 10.0.0.1/24 -- 10.0.0.2/24 server  delay=10ms loss={loss}%", seed=9
    )
    done, times, link = Counter(), [], sim.between("client", "server")
    sim.spawn(capitals(sim["server"], done))
    capture = sim.capture(link)

    async def ask():
        socket = sim["client"].socket(DATAGRAM)
        socket.connect("10.0.0.2", 7007)
        answered = 0
        for number in range(requests):
            start = await now()
            answer = await request(socket, b"request %d" % number, 0.2, 8)
            answered += answer == b"REQUEST %d" % number
            times.append(await now() - start)
        return answered

    answered = sim.run(ask())
    times.sort()
    sent = sum(
        UDPDatagram in packet and packet[UDPDatagram].destination_port == 7007
        for _, packet in capture
    )
    again = sum(times > 1 for times in done.values())
    return answered, sum(times) / requests, times[requests * 99 // 100], sent, again


# %% needs="9.4"
reliable_request(None, b"").close()  # waits here until 9.4 is solved
LOSSES = (0, 1, 5, 10, 20)
outcomes = {loss: over_a_lossy_path(reliable_request, loss) for loss in LOSSES}
rows = [
    (
        f"{loss} %",
        f"{answered} of 200",
        sent,
        again,
        f"{1000 * mean:.0f} ms",
        f"{1000 * slow:.0f} ms",
    )
    for loss, (answered, mean, slow, sent, again) in outcomes.items()
]
display(
    table(
        rows,
        ["loss each way", "answered", "sent", "done more than once", "mean time", "slowest 1 %"],
        "What losses cost",
    )
)
bars(
    [(f"{loss} % loss", 1000 * outcomes[loss][1]) for loss in LOSSES],
    "ms",
    "Mean time for a request",
)

# %% [markdown]
# All are answered, and few datagrams were needed for it. Yet read the other columns.
#
# - **The price is paid in time.** At 5 % loss each way one request in ten meets a loss, and waits ten round trips for that. Averages hide it; the slowest 1 % show it. With a shorter wait you would pay in datagrams instead, sent for answers that were on their way. So a good
#   wait follows the round-trip time that you *measure*: chapter 14.
# - **Some requests were carried out twice.** Where the *answer* is lost, the server has done its work already. For a read that does not matter. For "transfer 100 euros" it does: a server that executes **at most once** has to remember ids and answers, as yours did in chapter 1.
#
# ### And what the back-off is for
#
# **Predict.** 40 clients send one request of 1000 bytes each at the same moment. The path to the server carries 256 kbit/s, so all that takes 1.3 s; the router before it has room for 20 kB. The clients wait for
# 100 ms, with 12 tries: too short, but who knows that beforehand? How many get an answer if each wait is 100 ms? And if it doubles?


# %%
numbers = count(1)


async def impatient_request(socket, data: bytes, timeout: float, tries: int) -> bytes | None:
    """As yours, but each wait is as long as the first."""
    name = next(numbers).to_bytes(4, "big")
    for _ in range(tries):
        socket.send(name + data)
        end = await now() + timeout
        while (left := end - await now()) > 0 and await readable(socket, left):
            received = socket.receive()
            if received and received[0][:4] == name:
                return received[0][4:]
    return None


def rush(request, clients: int = 40):
    """(datagrams sent, lost at the router, requests answered, seconds until all were done)."""
    cables = "\n".join(f"c{n} 10.0.1.{n}/24 -- s" for n in range(1, clients + 1))
    sim = Simulation.topology(
        f"""{cables}
        s -- 10.0.1.254/24 r
        r 10.0.2.254/24 -- 10.0.2.1/24 server  delay=10ms rate=256kbit queue=20kB""",
        seed=9,
    )
    sim.spawn(capitals(sim["server"], Counter()))
    before, behind = sim.capture(sim.between("s", "r")), sim.capture(sim.between("r", "server"))

    async def one(client):
        socket = client.socket(DATAGRAM)
        socket.connect("10.0.2.1", 7007)
        return await request(socket, bytes(1000), 0.1, 12), await now()

    ends = []

    async def noted(client):
        ends.append(await one(client))

    sim.run(*(noted(sim[f"c{n}"]) for n in range(1, clients + 1)))
    sent = sum(UDPDatagram in c.packet and c.sender == "s" for c in before.crossings)
    lost = sum(
        UDPDatagram in c.packet and c.sender == "r" and c.arrival is None for c in behind.crossings
    )
    return sent, lost, sum(answer is not None for answer, _ in ends), max(time for _, time in ends)


# %% needs="9.4"
reliable_request(None, b"").close()  # waits here until 9.4 is solved
rushes = {"100 ms each time": rush(impatient_request), "doubling (yours)": rush(reliable_request)}
rows = [
    (how, sent, lost, f"{answered} of 40", f"{seconds:.1f} s")
    for how, (sent, lost, answered, seconds) in rushes.items()
]
display(
    table(
        rows,
        ["waits", "datagrams sent", "lost at the router", "answered", "done after"],
        "40 clients at once",
    )
)
bars([(how, sent) for how, (sent, *_) in rushes.items()], "datagrams", "Sent for 40 requests")

# %% [markdown]
# With a fixed wait half of the clients get nothing, *because* they tried so hard: their copies fill the queue, and leave no room for those of others. That is **congestion collapse**, in small. Doubling the wait lets the
# load sink until the path can carry it. This is why RFC 8085 (section 3.1) asks every application on UDP for **congestion control** of its own: the network won't do it, and UDP doesn't.
#
# ### The bill
#
# | what you may want | TCP | UDP with your 15 lines |
# |---|---|---|
# | lost data is sent again | yes | yes, one message at a time: one round trip each |
# | a good time to wait, measured | yes (chapter 14) | no: fixed first wait |
# | not twice | yes, as long as the connection lives | ids on both sides, and a memory at the server |
# | in order | yes | one at a time, so yes; else sequence numbers and a buffer |
# | messages larger than a packet | yes: a stream | cut and number them yourself |
# | a fast sender spares a slow receiver (**flow control**) | yes (chapter 12) | no: the receiver's socket buffer fills up, and the rest is dropped |
# | many senders spare the network (**congestion control**) | yes (chapter 13) | back-off, and no more |
# | boundaries | no | yes |
# | no round trip before the first byte | one, for the handshake (but chapter 26) | yes |
# | a loss delays only what was lost (**no head-of-line blocking**) | no (chapter 28) | yes |
#
# If you need all of the upper rows, use TCP; or QUIC, which is all of the upper rows *and* the last one, built on UDP by people who took years over it. UDP by itself is right where the answer fits into a packet (DNS), where late is as bad as lost (voice, games), or where one message is for many
# receivers (multicast): TCP can't do that at all.
#
# "UDP is faster because there is no handshake" is true of the first round trip, and of nothing else. And what has no handshake has no proof: **the source address of a datagram may be forged**. A server that answers small questions with large answers
# becomes a weapon (**amplification**): somebody asks in his victim's name. QUIC therefore sends at most three times as much as it got until the client has proved its address (RFC 9000 section 8).
#
# ## Exercise 9.5: read what comes in
#
# One piece is missing: you can build datagrams, and not yet read them. A receiver gets bytes from anybody, so it has to be the stricter of the two.
#
# `parse_udp(source: bytes, destination: bytes, datagram: bytes) -> tuple[int, int, bytes]`
#
# - `source` and `destination` are the packet's addresses, as in 9.1. `datagram` is the packet's payload.
# - Return source port, destination port, and data.
# - Raise `ValueError` for what a host has to drop: fewer than 8 bytes; a length below 8, or above what is there; a checksum that does not match; over IPv6, no checksum.
# - What stands behind the `length` bytes is no part of the datagram. Leave it out of the data, and out of the checksum.
# - Over IPv4, a checksum of 0 says that there is nothing to verify.
#
# To verify: the sum over pseudo header, header (its checksum as it came) and data has to give `internet_checksum(...) == 0`. The pseudo header's length is the one that the header says.
#
# For example, `parse_udp(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes.fromhex("9c40 0007 000a e726 6869"))` is `(40000, 7, b"hi")`.
#
# RFC 768; RFC 1122 section 4.1.3.4; RFC 8200 section 8.1. Worth 4 points.


# %% solution="9.5"
def parse_udp(source: bytes, destination: bytes, datagram: bytes) -> tuple[int, int, bytes]:
    """Source port, destination port and data; ValueError for what has to be dropped."""
    ### BEGIN SOLUTION
    if len(datagram) < 8:
        raise ValueError("too short for a header")
    source_port, destination_port, length, checksum = (
        int.from_bytes(datagram[at : at + 2], "big") for at in (0, 2, 4, 6)
    )
    if not 8 <= length <= len(datagram):
        raise ValueError("the length can't be right")
    datagram = datagram[:length]
    is_ipv6 = len(source) == 16
    if is_ipv6:
        pseudo = source + destination + length.to_bytes(4, "big") + b"\x00\x00\x00\x11"
    else:
        pseudo = source + destination + b"\x00\x11" + length.to_bytes(2, "big")
    if is_ipv6 and checksum == 0:
        raise ValueError("IPv6 needs a checksum")
    if checksum and internet_checksum(pseudo + datagram):
        raise ValueError("the checksum does not match")
    return source_port, destination_port, datagram[8:]
    ### END SOLUTION


# %% check="9.5"
check("9.5", parse_udp)

# %% [markdown]
# ## Live: the Linux kernel
#
# Now the same on a lab. A client on a switch, a router, a cable of 10 ms, and a server with two addresses, 10.9.2.1 and 10.9.2.11. On the server's port 7100 are four sockets, bound in different ways.
#
# Where the lab can't run, its recording plays: what needs your packets or your sockets says so in one line then, and tells what was seen on 23 November 2026 with Linux 6.18.

# %% live
from socket import AF_INET, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW

from netlib.lab import Lab, LabError
from netlib.lab.tour import counters


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(
        HTML(
            f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"
        )
    )


def recorded(text: str) -> None:
    print(f"Not live here. Recorded on 23 November 2026 with Linux 6.18:\n{text}")


PROGRAM, HERE, SECOND = "/usr/bin/python3 /srv/lab/client.py", "10.9.2.1", "10.9.2.11"


def client(words: str) -> str:
    """What the lab's client program prints."""
    return lab["client"].run(f"{PROGRAM} {words}", check=True).stdout.strip()


try:
    lab = Lab("09-udp").up()
    display(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)

# %% [markdown]
# **Boundaries.** The client sends 300, 500 and 900 bytes over UDP, and then the same three pieces over TCP. The server says what each of its reads gave. **Predict** both. Then a server that reads with a buffer of four bytes gets `hello`.

# %% live
if lab:
    said = client(f"sizes {HERE} 7001 300 500 900")
    cut = client(f"ask {HERE} 7002 hello")
else:
    said, cut = (
        "UDP: each read gave 300 500 900\nTCP: each read gave 1700",
        "hell, the rest is gone",
    )
    recorded(f"{said}\nhello, read into 4 bytes: {cut}")
reads = {
    line[:3]: [int(size) for size in line.rpartition("gave ")[2].split()]
    for line in said.splitlines()
}
rows = {"sent": [300, 500, 900]} | {
    f"{name}: the server's reads": sizes for name, sizes in reads.items()
}
display(pieces(rows, caption="Three pieces over UDP, and over TCP"))
print("hello, read into 4 bytes:", cut)

# %% [markdown]
# One read, 1700 bytes: TCP does not tell where your messages ended. (It could have been two reads, or five, cut anywhere. This server reads late, when all has come.)
#
# ### Your table, and the kernel's
#
# On the server's port 7100 are four sockets, made in this order: **a** and **b** on the wildcard (with `SO_REUSEADDR`, so that both may), **c** on 10.9.2.1, and **d** on 10.9.2.1 and connected to the client's port 40000. Each
# answers with its letter. Your table gets the same four. **Predict** who answers the client's ports 40000 and 40001, on each of the server's two addresses.

# %% live
ANY, CLIENT = IPv4Address("0.0.0.0"), IPv4Address("10.9.1.1")
answers = {(40000, HERE): "d", (40001, HERE): "c", (40000, SECOND): "b", (40001, SECOND): "b"}
listed = "UNCONN UNCONN UNCONN ESTAB"
if lab:
    listed = lab["server"].run("ss -unaH sport = :7100", check=True).stdout
    answers = {
        (port, address): client(f"ask {address} 7100 who {port}") for port, address in answers
    }
    fold("The server's sockets on that port, as the kernel lists them", listed)
else:
    recorded("d, c, b and b answered.")
LETTERS = {"a": "0.0.0.0", "b": "0.0.0.0, newer", "c": HERE, "d": f"{HERE}, from {CLIENT}:40000"}
arrivals = [(f"client:{port} to {address}", letter) for (port, address), letter in answers.items()]
owners(arrivals, LETTERS, "Four sockets on port 7100, and who answered")

# %% live needs="9.2"
UdpTable().lookup(bytes(4), 1, bytes(4), 1)  # waits here until 9.2 is solved
letters = {
    Endpoint(ANY, 7100): "a",
    Endpoint(ANY, 7100): "b",
    Endpoint(IPv4Address(HERE), 7100): "c",
    Endpoint(IPv4Address(HERE), 7100, CLIENT, 40000): "d",
}
yours = UdpTable()
for endpoint in letters:
    yours.add(endpoint)
rows = [
    (
        f"port {port}",
        address,
        letters[yours.lookup(CLIENT, port, IPv4Address(address), 7100)],
        answer,
    )
    for (port, address), answer in answers.items()
]
display(
    table(
        rows,
        ["from the client's", "to", "your table says", "the kernel says"],
        "Four sockets on one port",
    )
)
print(
    "You and the kernel agree."
    if all(mine == theirs for *_, mine, theirs in rows)
    else "You DIFFER from the kernel."
)

# %% [markdown]
# ### ECONNREFUSED, from a kernel
#
# The two services once more: three datagrams to port 7999, which nobody has bound; with a plain socket, and with a connected one. Then your `receive_error` reads the ICMP messages that came back from the server's kernel.

# %% live
kernel_said = {
    "plain": ["send 1: 5 bytes", "send 2: 5 bytes", "send 3: 5 bytes", "receive: nothing"],
    "connected": [
        "send 1: 5 bytes",
        "send 2: ECONNREFUSED",
        "send 3: 5 bytes",
        "receive: ECONNREFUSED",
    ],
}
reports = {}
if lab:
    for how in kernel_said:
        with lab.capture("client:eth1") as capture:
            kernel_said[how] = client(f"knock {HERE} 7999 {how} 3").splitlines()
        reports[how] = [packet for _, packet in capture.packets if ICMPMessage in packet]
        talk = [(time, packet) for time, packet in capture.packets if IPv4Packet in packet]
    names = {"10.9.1.1": "client", HERE: "server"}
    display(
        SequenceDiagram.from_capture(talk, names, title="The connected socket, seen at the client")
    )
else:
    recorded("as the table says; five ICMP messages came back, 3/3 each.")
rows = [
    (a.partition(":")[0], a.partition(": ")[2], b.partition(": ")[2])
    for a, b in zip(kernel_said["plain"], kernel_said["connected"], strict=True)
]
table(rows, ["call", "not connected", "connected"], "Three datagrams to a closed port, on Linux")

# %% live needs="9.3"
receive_error(b"", [])  # waits here until 9.3 is solved
for how, packets in reports.items():
    first = packets[0][ICMPMessage].original
    port = int.from_bytes(first.payload[:2], "big")
    one = {
        "plain": (bytes(4), port, None, 0),
        "connected": (bytes(CLIENT), port, bytes(IPv4Address(HERE)), 7999),
    }[how]
    print(
        f"{how:9}: {len(packets)} reports came in; of the first, your receive_error says", end=" "
    )
    print(receive_error(packets[0][IPv4Packet].payload, [one]))
if not reports:
    recorded("connected: receive_error says (0, 'ECONNREFUSED'); plain: None.")

# %% [markdown]
# Three datagrams of the plain socket were refused, and only two of the connected one: its second `send` raised the error and sent nothing. The kernel does as netlib did.
#
# ### Nothing was lost, and most are gone
#
# Port 7200 belongs to a program that is busy and does not read; its socket buffer holds a few datagrams. The client sends 60. **Predict:** how many of the client's calls fail? Does ICMP come back?

# %% live
if lab:
    names = ("UdpInErrors", "UdpRcvbufErrors")
    before = counters(lab["server"], *names)
    print(client(f"flood {HERE} 7200 60 1000"))
    after = counters(lab["server"], *names)
    overflowed = after["UdpRcvbufErrors"] - before["UdpRcvbufErrors"]
    print(
        "most of them" if overflowed >= 30 else "few of them",
        "found the buffer full, and are gone",
    )
    fold(
        "What the server's kernel counted",
        f"UdpRcvbufErrors +{overflowed}, UdpInErrors +{after['UdpInErrors'] - before['UdpInErrors']}",
    )
else:
    overflowed = 53
    recorded("60 datagrams sent, 0 calls failed; 53 found the buffer full, and are gone.")

# %% [markdown]
# The port is bound, so there is no ICMP; the network worked; the sender sees success. Only the receiving kernel knows: `nstat -az UdpRcvbufErrors`, or the column of drops in `ss -uam` (`d` among the `skmem` figures). **If UDP data is missing, look there first**, and at `UdpNoPorts` and `UdpInCsumErrors` beside it.
#
# ### Your bytes, and the kernel's
#
# Now your `build_udp` writes what the client sends, and your `parse_udp` reads what the server's kernel has written. The server on port 7007 answers in capitals.

# %% live needs="9.1 9.5"
build_udp(bytes(4), bytes(4), 1, 1, b"")  # waits here until 9.1 is solved
parse_udp(bytes(4), bytes(4), build_udp(bytes(4), bytes(4), 1, 1, b""))  # and here until 9.5 is
if live:
    good = build_udp(bytes(CLIENT), bytes(IPv4Address(HERE)), 40007, 7007, b"0001hello kernel")
    tried = {
        "as you built it": good,
        "one bit of the data changed": good[:-1] + bytes([good[-1] ^ 1]),
        "without a checksum": good[:6] + bytes(2) + good[8:],
    }
    rows = []
    with (
        lab["client"].socket(AF_INET, SOCK_RAW, IPPROTO_UDP) as wire,
        lab["client"].socket(AF_INET, SOCK_DGRAM) as box,
    ):
        box.bind(("10.9.1.1", 40007))
        box.settimeout(0.5)
        for words, datagram in tried.items():
            before = counters(lab["server"], "UdpInCsumErrors").get("UdpInCsumErrors", 0)
            with lab.capture("client:eth1") as capture:
                wire.sendto(datagram, (HERE, 0))
                try:
                    answer = box.recv(1000).decode()
                except TimeoutError:
                    answer = "nothing"
            back = [
                p[IPv4Packet]
                for _, p in capture.packets
                if UDPDatagram in p and str(p[IPv4Packet].source) == HERE
            ]
            read = [
                parse_udp(bytes(p.source), bytes(p.destination), p.payload)[2].decode()
                for p in back
            ]
            wrong = counters(lab["server"], "UdpInCsumErrors").get("UdpInCsumErrors", 0) - before
            rows.append((words, answer, ", ".join(read) or "nothing came", wrong))
    columns = [
        "your datagram",
        "its program gets",
        "parse_udp reads in the answer",
        "checksum errors at the server",
    ]
    display(table(rows, columns, "Three datagrams to a Linux kernel"))
else:
    recorded(
        "answered as built, and without a checksum; with a wrong bit: nothing, and UdpInCsumErrors + 1."
    )

# %% [markdown]
# ### Your request, against a path that loses every fifth packet
#
# The cable to the server now loses 20 % of all frames, each way. Your `reliable_request` runs on a netlib host beside the client, in real time, and asks the kernel's server 20 times.

# %% live needs="9.4"
reliable_request(None, b"").close()  # waits here until 9.4 is solved
if live:
    you = Host("you", Random(9))
    you.attach("10.9.1.9/24", MACAddress("02:00:00:00:aa:09"))
    you.add_route("0.0.0.0/0", via="10.9.1.254")

    async def ask_all():
        socket = you.socket(DATAGRAM)
        socket.connect(HERE, 7007)
        await reliable_request(socket, b"hello", 0.2, 8)  # so that ARP is done with
        return [
            await reliable_request(socket, b"request %d" % number, 0.1, 8) for number in range(20)
        ]

    lab["wan"].set(loss=0.2, seed=9)
    with lab["client"].attach(you) as running, lab.capture("client:eth1") as capture:
        got = running.run(ask_all())
    lab["wan"].set(loss=0)
    answered = sum(answer == b"REQUEST %d" % number for number, answer in enumerate(got))
    sent = (
        sum(
            UDPDatagram in p and p[UDPDatagram].destination_port == 7007
            for _, p in capture.packets
        )
        - 1
    )
    print(f"{answered} of 20 requests were answered, though every fifth packet was lost.")
    print("It took more than 20 datagrams." if sent > 20 else "It took no more than 20 datagrams.")
    fold("How many datagrams", sent)
else:
    recorded(
        "20 of 20 requests were answered, though every fifth packet was lost.\n"
        "It took more than 20 datagrams."
    )

# %% [markdown]
# ### Claims, and what holds

# %% live
from socket import AF_INET6

UNSUMMED = UDPDatagram(40008, 7008, checksummed=False, payload=b"hi").build()


def kernel_sends(size: int) -> bool:
    """Whether the kernel sends so many bytes in one datagram."""
    with lab["client"].socket(AF_INET, SOCK_DGRAM) as one:
        try:
            return one.sendto(bytes(size), ("127.0.0.1", 9)) == size
        except OSError:
            return False


def kernel_takes_unsummed(family: int, address: str) -> bool:
    """Whether a program on the client's loopback interface gets a datagram without a checksum."""
    with (
        lab["client"].socket(family, SOCK_DGRAM) as box,
        lab["client"].socket(family, SOCK_RAW, IPPROTO_UDP) as wire,
    ):
        box.bind((address, 7008))
        box.settimeout(0.3)
        wire.sendto(UNSUMMED, (address, 0))
        try:
            return box.recv(100) == b"hi"
        except TimeoutError:
            return False


def netlib_takes_unsummed(packet) -> bool:
    try:
        return UDPDatagram.parse(UNSUMMED, packet).payload == b"hi"
    except WireError:
        return False


told = [
    ("UDP's data can go up to 65536 bytes", "RFC 791 section 3.1: 65507"),
    ("65507 bytes can be sent", "RFC 768; RFC 791 section 3.1"),
    ("The checksum is optional, over IPv4", "RFC 768"),
    ("The checksum is optional, over IPv6", "RFC 8200 section 8.1: no"),
    ("No connections, so no ECONNREFUSED", "RFC 1122 section 4.1.3.3: errors are passed on"),
    ("A send that succeeds has arrived", "RFC 768: delivery is not guaranteed"),
    ("The port alone says which socket", "not in an RFC"),
    (
        "UDP is stateless: no host knows a peer",
        "RFC 768 needs no state; sockets and NATs keep some",
    ),
]
in_netlib = [
    largest[65_536] != "EMSGSIZE",
    largest[65_507] != "EMSGSIZE",
    netlib_takes_unsummed(IPv4Packet()),
    netlib_takes_unsummed(IPv6Packet(next_header=17)),
    "ECONNREFUSED" not in str(connected),
    len(arrived) == 2,
    len({owner for _, owner in netlib_says}) == 1,
    "connected" not in dict(netlib_says).values(),
]
in_kernel = [
    kernel_sends(65_536) if live else False,
    kernel_sends(65_507) if live else True,
    kernel_takes_unsummed(AF_INET, "127.0.0.1") if live else True,
    kernel_takes_unsummed(AF_INET6, "::1") if live else False,
    "ECONNREFUSED" not in str(kernel_said["connected"]),
    overflowed == 0,
    len(set(answers.values())) == 1,
    "ESTAB" not in listed,
]
rows = [(*row, ours, theirs) for row, ours, theirs in zip(told, in_netlib, in_kernel, strict=True)]
columns = ("What is often told", "RFC", "netlib", "This kernel" if live else "A kernel, recorded")
claims(rows, columns=columns)

# %% [markdown]
# ## Your stack so far
#
# You have written a switch (chapter 3), an ARP table (7), a routing trie (8), and now a socket table. Each was tried alone. Here they work together: in one network, and then between two Linux kernels.
#
# `mine` fetches the three, and tries each of them first, which takes some seconds. Where one of yours is missing, netlib's takes its place, and `mine` says so.

# %% live
LearningSwitch, ArpTable, Trie = mine("3.2"), mine("7.2"), mine("8.3")

# %% [markdown]
# A client and a bystander on your switch, a router, a server. All hosts have your ARP table, your trie and your socket table, the router too. The client sends two requests with your `reliable_request`.
#
# **Predict,** before you run it: which frames does the bystander get to see? How many ARP questions are asked, and by whom?


# %%
def counting(kind, calls: Counter, what: str, *methods: str):
    """The same class, which counts how often these methods are called."""

    def counted(name):
        def method(self, *args):
            calls[f"{what}.{name}"] += 1
            return getattr(kind, name)(self, *args)

        return method

    return type(kind.__name__, (kind,), {name: counted(name) for name in methods})


def whole_stack(calls: Counter):
    """The network with your parts in it; (simulation, capture of all its cables)."""
    parts = Parts(
        neighbours=counting(ArpTable, calls, "ARP table", "send", "receive"),
        routes=counting(Trie, calls, "trie", "lookup"),
        udp_table=counting(UdpTable, calls, "socket table", "lookup"),
    )
    sim = Simulation.topology(
        """
        client 10.0.1.1/24 -- s1       delay=1ms
        bystander 10.0.1.2/24 -- s1    delay=1ms
        s1 -- 10.0.1.254/24 r          delay=1ms
        r 10.0.2.254/24 -- 10.0.2.1/24 server   delay=10ms
        """,
        seed=9,
        parts={"s1": counting(LearningSwitch, calls, "switch", "receive")}
        | dict.fromkeys(("client", "bystander", "r", "server"), parts),
    )
    return sim, sim.capture()


# %% live needs="9.2 9.4"
UdpTable().lookup(bytes(4), 1, bytes(4), 1)  # waits here until 9.2 is solved
reliable_request(None, b"").close()  # and here until 9.4 is
calls = Counter()
sim, everything = whole_stack(calls)
sim.spawn(capitals(sim["server"], Counter()))


async def two_requests():
    socket = sim["client"].socket(DATAGRAM)
    socket.connect("10.0.2.1", 7007)
    return [await reliable_request(socket, words) for words in (b"first", b"second")]


print("answers:", sim.run(two_requests()))
display(sim.drawing("Your stack, and what its cables carried"))
display(table(calls.items(), ["yours", "called"], "What your code was asked"))
SequenceDiagram.from_crossings(
    everything,
    hosts=["bystander", "client", "s1", "r", "server"],
    title="Two requests through your stack",
)

# %% [markdown]
# Read it from the top. The client asks *everybody* who 10.0.1.254 is: the switch floods that, so the bystander sees it. The router answers to the client alone, whom the switch knows by now. Then the router has to ask on the server's cable in turn.
# Two questions, no more: whoever is asked has learned who asks, so neither the router nor the server has to ask back. The second request needs none: three cables there, and three back.
# Where each of these frames went was decided by your code.
#
# ### Between two kernels
#
# Now on the lab. The bridge in `sw` lets go of its two ports, and your switch carries the frames between them. In r's place stands a router with your trie and your ARP tables. On either side of the two are kernels: the client's and the server's.
# Beside the server, a third machine joins its cable: a host with your socket table and your ARP table, 10.9.2.9. The client's program asks port 7007 of both; and then it knocks at a port of your host that nobody has bound.

# %% live needs="9.2"
from contextlib import ExitStack
from select import select
from time import monotonic

from netlib.worlds.live import Live, PacketDevice

UdpTable().lookup(bytes(4), 1, bytes(4), 1)  # waits here until 9.2 is solved


def carried(switch, sockets, words: str) -> str:
    """What the client's program prints, while `switch` carries frames between these sockets."""
    with lab["client"].popen(f"{PROGRAM} {words}") as program:
        while program.poll() is None:
            for ready in select(sockets, [], [], 0.01)[0]:
                switch.receive(sockets.index(ready), ready.recv(65536), monotonic())
            sending, switch.outbox = switch.outbox, []
            for port, frame in sending:
                sockets[port].send(frame)
        return program.stdout.read().strip()


if live:
    parts = Parts(neighbours=ArpTable, routes=Trie, udp_table=UdpTable)
    router = Host("router", Random(9), parts, forwarding=True)
    yours = Host("yours", Random(10), parts)
    yours.attach("10.9.2.9/24", MACAddress("02:00:00:00:aa:29"))
    yours.add_route("0.0.0.0/0", via="10.9.2.254")
    with ExitStack() as stack:
        devices = {}
        for number, address in enumerate(("10.9.1.254/24", "10.9.2.254/24"), 1):
            lab["r"].run(f"ip addr flush dev eth{number}", check=True)
            lab["sw"].run(f"ip link set eth{number} nomaster", check=True)
            interface = router.attach(address, MACAddress(f"02:00:00:00:aa:1{number}"))
            devices[interface] = PacketDevice(lab["r"].packet_socket(f"eth{number}"))
        ends = [PacketDevice(lab["sw"].packet_socket(f"eth{number}")).socket for number in (1, 2)]
        stack.enter_context(Live(router, devices))
        running = stack.enter_context(lab["server"].attach(yours))
        running.spawn(capitals(yours, Counter()))
        for kernel in ("client", "server"):
            lab[kernel].run("ip neigh flush dev eth1", check=True)
        switch = LearningSwitch("sw", 2)
        print(
            "the server's kernel answers:",
            carried(switch, ends, f"ask {HERE} 7007 0001hello-kernel"),
        )
        print("your host answers:", carried(switch, ends, "ask 10.9.2.9 7007 0001hello-you"))
        print(
            "at its closed port:",
            carried(switch, ends, "knock 10.9.2.9 7999 connected 2").splitlines()[1],
        )
        neighbour = lab["client"].run("ip neigh show 10.9.1.254").stdout.split()
    knows = "has" if "02:00:00:00:aa:11" in neighbour else "does NOT have"
    print(f"the client's kernel {knows} your router's MAC address")
    knows = "knows" if set(switch.known(monotonic()).values()) == {0, 1} else "does NOT know"
    print(f"your switch {knows} who is behind each of its two ports")
else:
    recorded(
        "the server's kernel answers: 0001HELLO-KERNEL\nyour host answers: 0001HELLO-YOU\n"
        "at its closed port: send 2: ECONNREFUSED\nthe client's kernel has your router's MAC address\n"
        "your switch knows who is behind each of its two ports"
    )

# %% [markdown]
# Neither kernel noticed. Ethernet, ARP, IP, routing, ICMP and UDP: what carried these bytes from program to program was yours, or replaceable by yours, down to the frames. What is missing is what makes a stream of it: TCP, from chapter 10 on.

# %% live
if lab:
    lab.down()
    print("The lab is down. Nothing is left of it.")

# %% [markdown]
# ## What you can now answer
#
# **The first service** had a socket that was not connected. Each `send_to` handed a datagram to the kernel, and succeeded with that. For each of them the collector's host sent port unreachable; the service's kernel got the reports, and had nobody to tell.
#
# **The second service** had connected its socket. The report about its first datagram became a pending error of that socket; the next `send` raised it, *instead of* sending. It should have caught it, counted it, and sent again.
# Connecting was right: better to know.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>What does it mean to connect a UDP socket?</summary>
#
# Nothing is sent. The kernel notes the peer's address and port, and chooses our own. From then on `send` needs no address, only the peer's datagrams are let in, and ICMP errors about what we sent are raised by the next call. A datagram from the peer goes to this socket before all others on the port.
#
# </details>
#
# <details><summary>How does a UDP server serve a thousand clients with one socket, and a TCP server not?</summary>
#
# Each datagram brings its sender's address, and `sendto` names where to; so one socket bound to a port serves all. In TCP each connection has a state of its own (sequence numbers, windows), so each has a socket of its own, and the listening one only makes them.
#
# </details>
#
# <details><summary>Half of your UDP metrics are missing. Where do you look?</summary>
#
# At the receiver first: `UdpRcvbufErrors` (the program reads too slowly, or its buffer is too small), `UdpNoPorts` (nobody listens), `UdpInCsumErrors`. Then at sizes: are datagrams larger than a packet, so that one lost fragment takes all along? Then the path: loss, a NAT or firewall that has forgotten the mapping. And the sender: is an
# error raised and swallowed?
#
# </details>
#
# <details><summary>Your client sends a request again when no answer came. What can happen at the server, and what do you do about it?</summary>
#
# It may carry the request out twice, for the answer may be what was lost. Either make requests idempotent (set, rather than add), or give each an id, and let the server remember which ids it has done and what it answered: at-most-once execution.
#
# </details>
#
# <details><summary>Why does the UDP checksum cover the IP addresses, and why may it not be left out in IPv6?</summary>
#
# To notice a datagram that was delivered to the wrong host, or whose addresses were damaged. In IPv4 the header has a checksum of its own, so UDP's may be left out. IPv6's header has none: UDP's is then the only thing that guards the addresses.
#
# </details>
#
# ## Where it goes next
#
# Chapter 10 opens the connection that UDP does not have: TCP's handshake, sequence numbers and acknowledgments, which pay for the upper rows of the bill. Your `UdpTable` and your datagrams come back under DNS (chapter 18).
#
# Worth reading, and short:
#
# - RFC 768: UDP, in three pages by Jon Postel, 1980.
# - RFC 1122 section 4.1: what a host does with it.
# - RFC 8085: how to use UDP well. Sections 3.1 (congestion), 3.2 (sizes) and 3.3 (reliability).
# - RFC 4787: what NATs do to UDP.
