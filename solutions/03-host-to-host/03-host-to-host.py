# %% [markdown]
# # 3. Host to host: MAC address, IP address, port
#
# A colleague copies a virtual machine, gives the copy a new name and a new IP address, and starts both. Each works, alone. With both running, requests *to* them get lost, most of
# the time, now of the one, now of the other. Requests *from* them all work. Nothing is in the logs. The IP addresses differ, you checked twice. **What is the same, and how can
# it hurt?**
#
# After this chapter you can
#
# - read the 14 bytes in front of every packet, and say which hosts take a frame;
# - build a switch: a box that nobody configures and that finds out by itself who is where;
# - say what MAC address, IP address and port are each for, and why no two of them are enough;
# - see when a switch sends your traffic to everybody, on a live kernel too, and who may have brought it there.
#
# It takes 60 to 90 minutes. You need no earlier chapter. Where bytes of an IP packet come up, the text says where they are; chapter 5 has the rest.

# %%
from html import escape

from IPython.display import HTML, display

from netlib import EthernetFrame, IPv4Packet, MACAddress, Simulation, Switch, UDPDatagram, decode
from netlib.apps.ping import ping
from netlib.grading import NotImplementedYet, check
from netlib.host import DATAGRAM
from netlib.view import bars, claims, show, table
from netlib.view.switching import Watched, passed, switching
from netlib.worlds.task import readable, sleep

# %% [markdown]
# ## By hand: fourteen bytes
#
# Computers that share a cable, or a switch, send each other **frames**. A frame of **Ethernet** starts with 14 bytes of header, and then comes what it carries. Here is one, typed by hand:
#
# | bytes | meaning |
# |---|---|
# | `ff ff ff ff ff ff` | who it is for: the **destination MAC address**. All ones are **broadcast**: everybody |
# | `02 00 00 00 00 01` | who sent it: the **source MAC address** |
# | `88 b5` | what is inside: the **ethertype**. `08 00` is IPv4, `08 06` ARP, `86 dd` IPv6; `88 b5` is set aside for experiments |
# | `68 69` | the payload: here two letters |
#
# (On a cable there is more: a preamble before it, zeros that fill a short frame up to 60 bytes, and a checksum of 4 bytes at its end. The card that sends adds these. The one that receives takes preamble and checksum off, so programs never see them. RFC 894 says how
# IP travels in such a frame.)

# %%
by_hand = bytes.fromhex("ff ff ff ff ff ff  02 00 00 00 00 01  88 b5  68 69")
cards = [bytes(MACAddress(f"02:00:00:00:00:0{n}")) for n in (1, 2, 3)]  # three cards, for later
show(by_hand, like=EthernetFrame)

# %% [markdown]
# A **MAC address** (for *medium access control*) names a network card, not a computer: a machine with two cards has two. Three things can be read off one:
#
# - The lowest bit of the *first* byte: 1 means a **group**, so the frame is for several; 0 means one card, **unicast**. That is why `ff:…` is for many, and so is `01:00:5e:00:00:fb`.
# - The bit next to it: 1 means that somebody here made the address up (**locally administered**); 0 means that the maker of the card had it from the IEEE.
# - If the maker had it from there, the first three bytes say who the maker is.

# %%
rows = []
for text in ("02:00:00:00:00:01", "00:1b:21:3c:9d:f8", "da:a1:19:5e:07:42", "01:00:5e:00:00:fb", "ff:ff:ff:ff:ff:ff"):
    first = MACAddress(text)[0]
    rows.append(
        (
            text,
            f"{first:08b}",
            "a group" if first & 1 else "one card",
            "made up here" if first & 2 else "given by the IEEE",
        )
    )
table(rows, ["MAC address", "first byte", "lowest bit: for", "next bit: address"], "Two bits of a MAC address")

# %% [markdown]
# "A MAC address is burned into the card, and unique in the world" is what is often told. It was the plan. The address `da:…` has the second bit set: so do those of virtual machines, containers, and of phones that take a
# new one for each Wi-Fi network. Nobody guarantees that a made-up address is unique, and even a given one can be changed with one command. RFC 9542 section 2.1 has the bits. (Of a group, only the lowest bit matters to us.)
#
# ### Who takes it?
#
# A card hears every frame on its cable, and takes only some of them: its host hears nothing of the others. It takes what is for its own address, what is for everybody, and what is for a group that its host has **joined**.
# A packet sniffer switches that filter off: then the card is **promiscuous**, and takes all.
#
# ## Exercise 3.1: accepts
#
# `accepts(frame: bytes, mac: bytes, groups: set[bytes], promiscuous: bool = False) -> bool`
#
# - `frame` is a frame as above: it starts with the destination. `mac` is the card's own address, 6 bytes. `groups` are the group addresses that its host has joined, each 6 bytes.
# - Return `True` if the card passes the frame up to its host, else `False`.
# - What has fewer than 14 bytes is no frame: `False`, also for a promiscuous card.
#
# For example, `accepts(by_hand, bytes.fromhex("020000000002"), set())` is `True`: it is a broadcast. With `by_hand[6:] + by_hand[:6]`, which is for somebody else, it is `False`.
#
# IEEE 802.3 clause 3.2.3; for groups RFC 1112 section 6.4. Worth 2 points, five minutes.


# %% solution="3.1"
def accepts(frame: bytes, mac: bytes, groups: set[bytes], promiscuous: bool = False) -> bool:
    """Whether a card passes this frame up to its host."""
    ### BEGIN SOLUTION
    if len(frame) < 14:
        return False
    destination = frame[:6]
    return promiscuous or destination == mac or destination == b"\xff" * 6 or destination in groups
    ### END SOLUTION


# %% check="3.1"
check("3.1", accepts)

# %% [markdown]
# Four frames come by three cards. The second has joined the group of multicast DNS, and the third is a sniffer.

# %% needs="3.1"
mdns = bytes.fromhex("01005e0000fb")
rows = []
for what, to in (
    ("for the first card", cards[0]),
    ("for a card elsewhere", b"\x02\x00\x00\x00\x00\x09"),
    ("for the group", mdns),
    ("for everybody", b"\xff" * 6),
):
    frame = to + cards[0] + b"\x88\xb5hi"
    rows.append(
        (what, accepts(frame, cards[0], set()), accepts(frame, cards[1], {mdns}), accepts(frame, cards[2], set(), True))
    )
table(rows, ["a frame", "card 1", "card 2, in the group", "card 3, promiscuous"], "Who takes it?")

# %% [markdown]
# ## Does everybody get it?
#
# On a shared cable every card hears every frame. "Everyone gets the frame, and the one whose address it is takes it", so it is often drawn. That is how Ethernet began, and how a **hub** works, a box that repeats what comes in by one port out of all others.
# Hubs are gone from the shops. What you have is a **switch**.
#
# Here are three hosts, each with a cable to the box in the middle, in netlib's **simulation**: a little world with a clock of its own, in which you can see every frame. Each cable takes 1 ms.
#
#     h1 ------.
#     h2 ------- s1          10.3.0.1, .2, .3; MAC addresses 02:00:00:00:00:01, :02, :03
#     h3 ------'
#
# h1 sends h2 two pings. (A **ping** is a small packet that the other host sends back. Chapter 6.) That is four packets, there and back. Before the first, h1 has to ask for h2's MAC address ("who has 10.3.0.2?", a broadcast), and h2 answers. That is **ARP**, and chapter 7. So six frames in all.
#
# **Predict, and write it down:** how many of the six does h3's card get if s1 is a hub? And if it is a switch that was just switched on?

# %%
NAMES = dict(zip(cards, ("h1", "h2", "h3"), strict=True))


def three_hosts(part):
    """Three hosts on a box of your choice, in simulated time; and what their cables see."""
    sim = Simulation.topology(
        """
        h1 10.3.0.1/24 -- s1
        h2 10.3.0.2/24 -- s1
        h3 10.3.0.3/24 -- s1
        """,
        seed=3,
        parts={"s1": lambda name, ports: Watched(part(name, ports), NAMES)},
    )
    return sim, {f"h{n}": sim.capture(sim.between(f"h{n}", "s1")) for n in (1, 2, 3)}


def hub(name, ports):
    return Switch(name, ports, ageing=0)  # forgets at once who is where


at_h3 = {}
for name, part in (("hub", hub), ("switch", Switch)):
    sim, cables = three_hosts(part)
    answered = sim.run(ping(sim["h1"], "10.3.0.2", count=2)).received
    at_h3[name] = len(cables["h3"])
    print(f"with a {name}: {answered} pings answered, and h3's card got {at_h3[name]} of {len(cables['h1'])} frames")
sim.drawing("Two pings from h1 to h2, across a switch")

# %% [markdown]
# One. Not even the first ping came to h3, although nobody has told the switch where h2 is. Here is what the switch did with each of the six frames. A black dot is where the frame came in, an arrow where it went out:

# %%
sim["s1"].picture("A switch learns")

# %% [markdown]
# Go through it line by line.
#
# 1. h1's question is for everybody: out of every other port. That is called to **flood** a frame. But look at the table: the switch has read the *source* address, and notes that h1 is at port 0. It **learns**.
# 2. h2's answer is for h1, and h1 is known: out of port 0 and no other. That is to **forward** it. And from this frame the switch learns where h2 is.
# 3. From now on both are known, and h3 gets nothing of what they say.
#
# The switch was not configured, has no address of its own in this, and the hosts do not know that it is there: frames leave it as they came, byte for byte. All it does is listen to who is *speaking*.
# Two details more:
#
# - A frame for somebody who is behind *the very port it came by* goes nowhere: they have it already. That is to **filter** it. (It happens when another switch, or a hub, is at that port.)
# - Entries are forgotten when nothing was heard from their address for the **ageing time**, 300 s unless somebody sets it. Hosts move, and are switched off.
#
# ### Predict: after a break
#
# Nobody says anything for 400 seconds. The switch has forgotten everybody. But h1 still knows h2's MAC address. (Hosts have tables of their own, and another opinion on when to forget. Chapter 7.) So h1 sends no question to everybody, it just sends the next
# ping, to h2 alone.
#
# **Predict:** how much of the next two pings does h3's card get?

# %%
sim.run(until=400.0)
so_far = len(sim["s1"].passages)
print("the switch knows", sim["s1"].switch.known(sim.now) or "nobody")
sim.run(ping(sim["h1"], "10.3.0.2", count=2))
again = len(cables["h3"]) - at_h3["switch"]
print(f"h3's card got {again} more")
sim["s1"].picture("After 400 s of silence", since=so_far)

# %% [markdown]
# One frame again: the first ping's request. It is for h2 alone, and h3 got it all the same. For **unknown unicast** is flooded too: the switch has no better way to reach h2, and h2's answer shows where it is.
# **A frame floods once, and then not.** h3's card drops it (your `accepts` would), unless it is promiscuous.
#
# | what is often told | what holds | netlib |
# |---|---|---|
# | everyone gets the frame | of a hub: yes. A switch floods broadcasts, groups, and whom it has not heard; the rest goes out of one port (IEEE 802.1Q clauses 8.6 to 8.8) | h3 gets 6 of 6 frames from a hub, 1 of 6 from a switch |
#
# Two consequences at work. A switch is *no protection* against listening: it spares others your traffic most of the time, not always. And a server that only *receives*, such as
# a log collector, is forgotten 300 s after its last word: then all that is sent to it goes to everybody.
#
# ## Exercise 3.2: build the switch
#
# `LearningSwitch(name: str, ports: int, ageing: float = 300.0, limit: int = 1024)`
#
# The ports have the numbers 0 to `ports` - 1. `ageing` is in seconds. `limit` is how many addresses the table holds: anybody can send frames with any source address, so a table without a bound
# would take all memory.
#
# | | meaning |
# |---|---|
# | `receive(port, frame, now)` | a frame (bytes) has come in by `port` at the time `now` (seconds; time never runs backwards). Returns nothing |
# | `outbox` | a list of what is to be sent: a tuple `(port, frame)` for each port by which the frame goes out, in any order. Whoever drives the switch takes them, and sets `outbox` to a new empty list: so put them into `self.outbox` each time |
# | `known(now)` | returns the table at that time as a dict: MAC address (6 bytes) -> port |
#
# The rules, in this order:
#
# 1. What has fewer than 14 bytes is dropped. So is a frame whose *source* is a group (the lowest bit of its first byte is 1): nobody has such an address. Nothing is learned from either.
# 2. **Learn:** the source is behind `port` as of `now`. If it was known elsewhere, it has moved. Each frame starts its ageing time anew.
# 3. An entry counts while less than `ageing` seconds have passed since its address was heard last. At `ageing` seconds exactly, it is forgotten.
# 4. If `limit` addresses are known already (the forgotten ones don't count), a *new* address is not learned. Whoever is known can still move, and is still renewed. The frame itself is sent on as any other.
# 5. **Flood** a frame for a group or for everybody, or for an address that is not known: out of every port but `port`.
# 6. **Filter** a frame for an address behind `port` itself: nothing goes out.
# 7. **Forward** the rest: out of the one port.
#
# Frames go out as they came, unchanged. For example:
#
#     s = LearningSwitch("s1", 3)
#     s.receive(0, to_b_from_a, 0.0)       # s.outbox is [(1, to_b_from_a), (2, to_b_from_a)]: B is unknown
#     s.outbox = []
#     s.receive(2, to_a_from_b, 1.0)       # s.outbox is [(0, to_a_from_b)]
#     s.known(1.0)                         # {a: 0, b: 2}
#     s.known(300.0)                       # {b: 2}
#
# A switch that you buy has some rules more: frames for 01:80:c2:00:00:00 to :0f never leave it; it has VLANs; and it guards against loops. **Loops** of switches are poison to your rules: a broadcast would go round
# for ever, as frames have no TTL. So they speak the spanning tree protocol with each other. netlib refuses to run a network with a loop.
#
# IEEE 802.1Q clauses 8.6 (forwarding), 8.7 (learning) and 8.8 (the table). Worth 6 points.


# %% solution="3.2"
class LearningSwitch:
    """Sends frames where their destination was heard last, and everywhere when it was not."""

    def __init__(self, name: str, ports: int, ageing: float = 300.0, limit: int = 1024):
        ### BEGIN SOLUTION
        self.name, self.ports, self.ageing, self.limit = name, ports, ageing, limit
        self.outbox = []
        self.table = {}  # MAC address -> (port, when it was heard last)
        ### END SOLUTION

    def receive(self, port: int, frame: bytes, now: float) -> None:
        """Take in a frame that came by `port` at the time `now`, and put what is to be sent into `outbox`."""
        ### BEGIN SOLUTION
        if len(frame) < 14 or frame[6] & 1:
            return
        destination, source = frame[:6], frame[6:12]
        known = self.known(now)
        if source in known or len(known) < self.limit:
            self.table = {mac: self.table[mac] for mac in known}  # the forgotten make room
            self.table[source] = (port, now)
        out = self.known(now).get(destination)
        if out is None:
            self.outbox += [(other, frame) for other in range(self.ports) if other != port]
        elif out != port:
            self.outbox.append((out, frame))
        ### END SOLUTION

    def known(self, now: float) -> dict[bytes, int]:
        """The table: MAC address -> port."""
        ### BEGIN SOLUTION
        return {mac: port for mac, (port, heard) in self.table.items() if now - heard < self.ageing}
        ### END SOLUTION


# %% check="3.2"
check("3.2", LearningSwitch)

# %% [markdown]
# Now *your* switch stands between the three hosts. Below it will meet a clone and an attacker, then it carries live traffic between real kernels. In later chapters `mine("3.2")` brings it back.

# %% needs="3.2"
sim, cables = three_hosts(LearningSwitch)
sim.run(ping(sim["h1"], "10.3.0.2", count=1))
sim.run(ping(sim["h3"], "10.3.0.1", count=1))
sim["s1"].picture("Your switch at work")

# %% [markdown]
# ## Why is one address not enough?
#
# Every frame of yours carries *three* pairs of addresses: MAC, IP, port. Let us see what each does, on a way that leads through a router: a client, two switches, a router, a server.
#
#     client --- s1 --- r1 --- s2 --- server         10.0.1.1 to 10.0.2.2
#
# A **port** is a number from 0 to 65535 by which a host tells its programs apart. The client asks the program at port 7001 of the server, over UDP (chapter 9). The **TTL** is a number in the IP header that says how many routers more a packet may pass (chapter 5).
# **Predict:** of the six addresses, and the TTL, which are the same in the frame on the client's cable and in the frame on the server's cable?


# %%
async def ask(host, address: str, port: int) -> str:
    """Send one datagram, and wait a second for an answer."""
    socket = host.socket(DATAGRAM)
    socket.send_to(b"who are you?", (address, port))
    return socket.receive()[0].decode() if await readable(socket, timeout=1.0) else "no answer"


async def serve(host, port: int, name: str) -> None:
    """Answer every datagram to this port with a name."""
    socket = host.socket(DATAGRAM)
    socket.bind("0.0.0.0", port)
    while await readable(socket):
        _, sender = socket.receive()
        socket.send_to(name.encode(), sender)


sim = Simulation.topology(
    """
    client 10.0.1.1/24 -- s1 -- 10.0.1.254/24 r1 10.0.2.254/24 -- s2 -- 10.0.2.2/24 server
    """,
    seed=3,
)
near, far = sim.capture(sim.between("client", "s1")), sim.capture(sim.between("s2", "server"))
sim.spawn(serve(sim["server"], 7001, "the time service"))
sim.spawn(serve(sim["server"], 7002, "the weather service"))
for port in (7001, 7002):
    print(f"port {port}: {sim.run(ask(sim['client'], '10.0.2.2', port))}")


def addresses(capture) -> list:
    """The addresses of the first question in a capture."""
    packet = next(packet for _, packet in capture.packets if UDPDatagram in packet)
    frame, ip, udp = packet[EthernetFrame], packet[IPv4Packet], packet[UDPDatagram]
    return [frame.source, frame.destination, ip.source, ip.destination, udp.source_port, udp.destination_port, ip.ttl]


FIELDS = ["MAC address, from", "MAC address, to", "IP address, from", "IP address, to", "port, from", "port, to", "TTL"]
rows = [
    (name, a, b, "the same" if a == b else "CHANGED")
    for name, a, b in zip(FIELDS, addresses(near), addresses(far), strict=True)
]
table(rows, ["field", "on the client's cable", "on the server's cable", ""], "One question on two cables")

# %% [markdown]
# Both MAC addresses are others, and the rest, but for the TTL, is the same. The client's frame is *for the router*: that is the destination MAC address on its cable, although the IP address is the server's. The router takes it out of
# that frame and puts it into a new one. (The two switches changed nothing, as ever. A NAT on the way would change more: chapter 15.)
#
# | address | what it says | how far it reaches | why the others can't do its job |
# |---|---|---|---|
# | **MAC address** | who on *this* link takes the frame | one link: up to the next router | an IP address can't say "the router, please": it names the far end. And before it has an IP address, a host can only be reached by its MAC address, or by broadcast |
# | **IP address** | which host in the *world* it is for | the whole way | a MAC address says who, not where: nothing in it tells a router which way to send |
# | **port** | which *program* on that host | end to end, inside the hosts | the other two end at the host, and there are fifty programs on it |
#
# So three questions, and each is asked by somebody else: which card (the cards on the link), which host (the routers), which program (the host's kernel).
#
# (An IP address is often drawn as four bytes. That is IPv4; an IPv6 address has sixteen, RFC 8200. All of this section holds for both.)
#
# ### Why not MAC addresses alone?
#
# They are unique enough, so why not one switch, or many, for the whole world? Because a MAC address does not tell where it is, a switch needs an entry for *each* address. IP addresses come in blocks, and a router needs one entry for a whole block
# (chapter 4). Let a switch with room for 1024 addresses stand between ever more hosts that talk at random, and count what it has to flood:


# %%
def flooded_share(hosts: int, frames: int = 20_000, limit: int = 1024) -> float:
    """The share of frames, in percent, that a switch with 48 ports floods when so many hosts talk at random."""
    from random import Random

    dice, switch = Random(3), Switch("s", 48, limit=limit)
    macs = [b"\x02" + n.to_bytes(5, "big") for n in range(hosts)]
    for number in range(frames):
        a, b = dice.sample(range(hosts), 2)
        switch.receive(a % 48, macs[b] + macs[a] + b"\x08\x00", number / 1000)
        switch.outbox.clear()
    return 100 * switch.flooded / frames


bars(
    [(f"{n} hosts", round(flooded_share(n), 1)) for n in (100, 1000, 2000, 10_000)],
    "%",
    "Frames that a switch with a table of 1024 floods",
)

# %% [markdown]
# Up to the table's size, it floods each host's frames only until it has heard them. Beyond, it is hardly more than a hub, and each of those frames goes to *everybody*. Switches that you can buy have room for some thousand to some hundred thousand addresses; the Internet has billions of
# hosts, and gets by with about a million routes ([bgp.potaroo.net](https://bgp.potaroo.net/) counts them).
#
# **And why not IP addresses alone?** On a link that only two share, that does: a dial-up line or a tunnel (TUN) carries IP packets with no MAC addresses. Where more than two share one, somebody has to say which of them takes it, and Ethernet carries more than IP.
#
# ## Exercise 3.3: deliver
#
# Be the receiving host. A frame is on your cable; who gets what is in it?
#
# `deliver(frame: bytes, mac: bytes, addresses: set[bytes], programs: dict[tuple[int, int], str]) -> str`
#
# - `mac` is the address of your card (6 bytes), `addresses` are the IP addresses of your host (4 bytes each), and `programs` says who listens: `(protocol, port)` -> the program's name. The protocol is 6 for TCP, 17 for UDP.
# - Return the name of the program that gets it; or else, from top to bottom, the first of these that applies:
#
# | | return | when | where it stands |
# |---|---|---|---|
# | 1 | `"not my MAC"` | the destination is neither `mac` nor broadcast (we have joined no groups) | `frame[0:6]` |
# | 2 | `"not IPv4"` | the ethertype is not `08 00` | `frame[12:14]` |
# | 3 | `"not my IP"` | the destination IP address is none of `addresses` | the IP header starts at `frame[14]`; the address is its bytes 16 to 19 |
# | 4 | `"no ports"` | the protocol is neither TCP nor UDP | its byte 9 |
# | 5 | `"nobody listens"` | no program has this protocol *and* this destination port | the port is bytes 2 and 3 *behind* the IP header, the high one first |
#
# - How long the IP header is, it says itself: 4 times the low half of its first byte, `4 * (frame[14] & 15)`. It is 20 bytes, or more where there are options.
# - `"cut off"`: if the frame is too short. That is looked at step by step: before 1, a frame needs its 14 bytes of header; before 3, 20 bytes behind those; before 5, the IP header and 4 bytes (the two ports) behind it. So a short frame that is for
#   another card is `"not my MAC"` already.
#
# Checksums and everything else you may leave to later chapters. For example, with `programs = {(17, 53): "dns"}`, a UDP datagram to port 53 gives `"dns"` if both addresses are yours; over TCP it gives `"nobody listens"`.
#
# RFC 894; RFC 791 section 3.1; RFC 768; RFC 9293 section 3.1; RFC 1122 section 3.2.1.3. Worth 4 points.


# %% solution="3.3"
def deliver(frame: bytes, mac: bytes, addresses: set[bytes], programs: dict[tuple[int, int], str]) -> str:
    """Which program gets what is in this frame, or what stops it."""
    ### BEGIN SOLUTION
    if len(frame) < 14:
        return "cut off"
    if frame[:6] not in (mac, b"\xff" * 6):
        return "not my MAC"
    if frame[12:14] != b"\x08\x00":
        return "not IPv4"
    packet = frame[14:]
    if len(packet) < 20:
        return "cut off"
    if packet[16:20] not in addresses:
        return "not my IP"
    protocol, header_length = packet[9], 4 * (packet[0] & 15)
    if protocol not in (6, 17):
        return "no ports"
    if len(packet) < header_length + 4:
        return "cut off"
    port = int.from_bytes(packet[header_length + 2 : header_length + 4], "big")
    return programs.get((protocol, port), "nobody listens")
    ### END SOLUTION


# %% check="3.3"
check("3.3", deliver)

# %% [markdown]
# Every frame that arrived on the server's cable, judged as the server would, and as another host on that cable would if the switch flooded it there:

# %% needs="3.3"
PROGRAMS = {(17, 7001): "the time service", (17, 7002): "the weather service"}
server = bytes(sim["server"].interfaces[0].mac), {bytes([10, 0, 2, 2])}, PROGRAMS
stranger = b"\x02\x00\x00\x00\x00\x77", {bytes([10, 0, 2, 77])}, PROGRAMS
rows = [
    (packet.summary(), deliver(packet.data, *server), deliver(packet.data, *stranger))
    for crossing in far.crossings
    if crossing.receiver == "server" and (packet := crossing.packet)
]
table(rows, ["frame on the server's cable", "the server", "somebody else there"], "Who gets it?")

# %% [markdown]
# ## The clone
#
# Now the question from the beginning. h3 is a copy of h2: another name, another IP address, and the *same MAC address*, since that is kept with a virtual machine's settings. h1 pings h2, once a second, 20 times. Meanwhile h3 pings h1 every
# three seconds, six times.
#
# **Predict:** how many of h1's 20 pings are answered? How many of h3's 6?


# %%
def cloned(part):
    """The same three hosts, but h3's card has h2's MAC address."""
    sim = Simulation(seed=3)
    names = {cards[0]: "h1", cards[1]: "h2 or h3"}
    s1 = sim.switch("s1", ports=3, part=lambda name, ports: Watched(part(name, ports), names))
    cables = {}
    for n in (1, 2, 3):
        if n == 3:
            sim.interfaces -= 1  # so that the next card gets the same MAC address as the one before
        cables[f"h{n}"] = sim.capture(sim.link((sim.host(f"h{n}"), f"10.3.0.{n}/24"), s1))
    return sim, cables


sim, cables = cloned(Switch)
for n in (1, 2, 3):
    print(f"h{n}: {sim[f'h{n}'].interfaces[0].address}, {sim[f'h{n}'].interfaces[0].mac}")

# %% needs="3.2 3.3"
LearningSwitch("s1", 3), deliver(by_hand, cards[0], set(), {})  # waits here until both are solved
sim, cables = cloned(LearningSwitch)
copy = []


async def the_copy_works() -> None:
    await sleep(0.5)
    copy.append(await ping(sim["h3"], "10.3.0.1", count=6, interval=3.0))


sim.spawn(the_copy_works())
result = sim.run(ping(sim["h1"], "10.3.0.2", count=20))
sim.run(until=25.0)
print(f"h1's pings to h2: {result.received} of 20 answered; h3's pings to h1: {copy[0].received} of 6")
arrived = [c.packet.data for c in cables["h3"].crossings if c.receiver == "h3"]
said = [deliver(frame, cards[1], {bytes([10, 3, 0, 3])}, {}) for frame in arrived]
print(
    "what h3's host says to the frames that it gets:",
    ", ".join(f"{said.count(word)} x {word!r}" for word in sorted(set(said))),
)
switching(
    sim["s1"].passages[4:21],
    ["h1", "h2", "h3, its copy"],
    "From the copy's first word on: where is 02:00:00:00:00:02?",
)

# %% [markdown]
# To the switch there is *one* address that moves ("h2 or h3" in the picture, for who could tell?). When h3 speaks, the address is at port 2, and h1's next pings to h2 go there. h3's card takes them, for the MAC address is right. Its IP layer throws them away, for the IP address is not
# ("not my IP", 18 times; the "no ports" are the answers to h3's own six pings, and "not IPv4" is ARP). No error, no log line. And h2, which gets nothing, says nothing, and so does not come back. Only when it happens to speak itself does the address move back: here with a question of ARP after 5 s, so that
# the ping at 6 s is answered, the second of the two.
#
# h3's own pings all work, for its request has just told the switch where "it" is. **Whoever spoke last gets the answers.** That is why requests from each machine work, and requests *to* them do not: the answer to the question of this chapter. The cure is a new MAC
# address for the copy. To find it: `ip link` on both; the neighbour table of a third host (two IP addresses, one MAC address); and switches that write "MAC flapping" in their logs.
#
# ## The attack: fill the table
#
# The table of a switch has a bound, and anybody may write any source address. So let h3 be hostile: it sends 200 frames with 200 made-up addresses. This switch has room for 64. Only then do h1 and h2 start to talk.
#
# **Predict:** of the 12 frames that five pings take (two of them ARP), how many does h3 get? Without the attack it is one.


# %% needs="3.2"
async def attack(host, count: int) -> None:
    """Send frames from made-up addresses, to themselves, so that nobody else hears of it."""
    card = host.interfaces[0]
    for number in range(count):
        made_up = b"\x02\xbd" + number.to_bytes(4, "big")
        host.outbox.append((card, EthernetFrame(MACAddress(made_up), MACAddress(made_up), 0x88B5).build()))
        await sleep(0.01)


def under_attack(part) -> int:
    """How many frames of h1 and h2 come to h3's card after its attack."""
    sim, cables = three_hosts(part)
    sim.run(attack(sim["h3"], 200))
    before = sum(crossing.receiver == "h3" for crossing in cables["h3"].crossings)
    sim.run(ping(sim["h1"], "10.3.0.2", count=5))
    known = sim["s1"].switch.known(sim.now)
    print(f"in the table: {len(known)} addresses, {sum(mac in known for mac in cards[:2])} of them h1's and h2's")
    return sum(crossing.receiver == "h3" for crossing in cables["h3"].crossings) - before


got = under_attack(lambda name, ports: LearningSwitch(name, ports, limit=64))
print(f"h3's card got {got} of the 12 frames of h1 and h2")

# %% [markdown]
# All twelve. The switch has become a hub, because there is no room to learn where h1 and h2 are. This is called **MAC flooding**. Your rule 4 makes it no worse than that: whoever was *in* the table before the attack
# stays in it. With a rule by which newcomers push others out, the attacker could empty it at any time.
#
# The defence is simple, as one cable mostly has one host at its end, and two or three where a telephone or some virtual machines are. A port with a hundred senders is an attack, a loop, or a broken card.
#
# ## Exercise 3.4: a guard that can't be flooded itself (the challenge)
#
# `FloodGuard(limit: int, window: float)`: `limit` senders by one port within `window` seconds are fine, more are a flood. `limit` is 1 at least.
#
# | method | meaning |
# |---|---|
# | `saw(port, source, now)` | a frame from the MAC address `source` has come by `port` at the time `now` (seconds; never backwards). Returns `True` if by this port there are now more than `limit` different senders, else `False` |
# | `remembered()` | returns how many senders it keeps in memory, over all ports |
#
# 1. A sender counts for a port while less than `window` seconds have passed since its *last* frame by that port. At `window` seconds exactly, it no longer counts. The one just seen counts.
# 2. Each port has its own count. A sender seen by two ports counts at both.
# 3. It is judged anew with each frame: when senders have left the window, it is `False` again.
# 4. A guard that remembers every made-up address could be flooded as the switch can. So it keeps **at most `limit + 1` senders for each port that it has seen**, and still gives the exact answer. Which ones are enough?
#
# For example:
#
#     guard = FloodGuard(limit=2, window=10.0)
#     guard.saw(0, a, 0.0), guard.saw(0, b, 1.0)     # (False, False)
#     guard.saw(0, c, 2.0)                           # True: a, b and c
#     guard.saw(1, d, 2.0)                           # False: another port
#     guard.saw(0, c, 10.0)                          # False: a has left the window
#     guard.remembered()                             # 4 or less: up to 3 for port 0, and 1 for port 1
#
# On bounded tables: IEEE 802.1Q clause 8.8. Worth 4 points.


# %% solution="3.4"
class FloodGuard:
    """Tells a port with too many senders, and remembers no more of them than it needs."""

    def __init__(self, limit: int, window: float):
        ### BEGIN SOLUTION
        self.limit, self.window = limit, window
        self.ports = {}  # port -> {sender: when it was heard last}, those heard longest ago first
        ### END SOLUTION

    def saw(self, port: int, source: bytes, now: float) -> bool:
        """Whether more than `limit` senders came by this port within the window."""
        ### BEGIN SOLUTION
        senders = self.ports.setdefault(port, {})
        senders.pop(source, None)
        senders[source] = now
        if len(senders) > self.limit + 1:
            del senders[next(iter(senders))]
        return sum(now - heard < self.window for heard in senders.values()) > self.limit
        ### END SOLUTION

    def remembered(self) -> int:
        """How many senders it keeps, over all ports."""
        ### BEGIN SOLUTION
        return sum(len(senders) for senders in self.ports.values())
        ### END SOLUTION


# %% check="3.4"
check("3.4", FloodGuard)

# %% [markdown]
# Now both together: your switch, with your guard at its door. A port that is found flooding is switched off. (Vendors call that **port security**.)

# %% needs="3.2 3.4"
LearningSwitch("s1", 3), FloodGuard(4, 10.0)  # waits here until both are solved


class GuardedSwitch(LearningSwitch):
    """Your switch. A port by which more than 4 senders come within 10 s is switched off."""

    def __init__(self, name, ports, ageing=300.0, limit=64):
        super().__init__(name, ports, ageing, limit)
        self.guard, self.off = FloodGuard(limit=4, window=10.0), set()

    def receive(self, port, frame, now):
        if port not in self.off and self.guard.saw(port, frame[6:12], now):
            print(f"port {port} is switched off after {now:.2f} s")
            self.off.add(port)
        if port not in self.off:
            super().receive(port, frame, now)


got = under_attack(GuardedSwitch)
print(f"h3's card got {got} of the 12 frames of h1 and h2")

# %% [markdown]
# One: the broadcast, as it should be.
#
# ## Live: the Linux kernel
#
# So far netlib has talked to netlib. Linux has a learning switch too. It is called a **bridge**, and many a machine with containers or virtual machines on it has one. The lab is the network that you know, made of real network stacks: three hosts, and a node `sw` whose kernel
# is the switch. It starts in a fraction of a second, needs no root, and is gone when you are.
#
# The cells below print verdicts, which are the same each time, and fold the raw figures away. Where the lab can't run, its recording plays, and says so. It can't carry your frames: those cells tell what was seen on 23 November 2026 with Linux 6.18.

# %% live
import json
from collections import Counter
from random import Random
from select import select
from time import monotonic
from time import sleep as wait

from netlib.lab import Lab, LabError
from netlib.wire.icmp import ICMPMessage

PORTS = ["eth1", "eth2", "eth3"]  # of the bridge: ports 0, 1 and 2


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def recorded(text: str) -> None:
    print(f"Not live here. Recorded on 23 November 2026 with Linux 6.18:\n{text}")


def forget() -> None:
    """Empty the bridge's table."""
    for port in PORTS:
        lab["sw"].run(f"ip link set {port} type bridge_slave fdb_flush", check=True)


def bridge_table(when: str) -> dict[str, str]:
    """What the bridge has learned: MAC address -> its port. (A recording tells one look from another by the remark.)"""
    rows = json.loads(lab["sw"].sh(f"bridge -j fdb show br br0  # {when}", check=True).stdout)
    return {row["mac"]: row["ifname"] for row in rows if row.get("state", "") == "" and "self" not in row["flags"]}


def pings(capture) -> list:
    """The frames in a capture that carry pings or their answers."""
    return [packet for _, packet in capture.packets if ICMPMessage in packet]


try:
    lab = Lab("03-host-to-host").up()
    display(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)

# %% [markdown]
# ### Your table beside the kernel's
#
# h1 knows h2's MAC address. Then the bridge's table is emptied, and h1 pings h2, once and again, and then h3, whose MAC address it has to ask for. All three ports of the bridge are captured: what comes in by one of them goes out of others, and so we see what the kernel decided. Its
# table is printed by `bridge fdb show` (**fdb**: forwarding database).
#
# **Predict:** which of the frames does the kernel's bridge flood?

# %% live
if lab:
    lab["h1"].run("ping -n -c 1 -W 5 -s 30 10.3.0.2", check=True)  # h1 knows h2's MAC address now
    lab["h1"].run("ip neigh flush to 10.3.0.3", check=True)  # and not h3's
    forget()
    with lab.captures("sw:eth1", "sw:eth2", "sw:eth3") as captures:
        lab["h1"].run("ping -n -c 1 -W 5 -s 31 10.3.0.2", check=True)
        lab["h1"].run("ping -n -c 1 -W 5 -s 32 10.3.0.2", check=True)
        lab["h1"].run("ping -n -c 1 -W 5 -s 33 10.3.0.3", check=True)
    kernel_table = bridge_table("after three pings")
    seen = passed({number: captures[f"sw:{port}"].packets for number, port in enumerate(PORTS)})
    rows = [
        (decode(frame.frame).summary(), PORTS[frame.came], ", ".join(PORTS[port] for port in frame.left))
        for frame in seen
    ]
    display(table(rows, ["frame", "came in by", "the kernel sent it out of"], "What the kernel's bridge did"))
    floods = [frame for frame in seen if len(frame.left) == 2]
    kernel_unicast_floods = sum(not frame.frame[0] & 1 for frame in floods)
    print(f"The kernel flooded {len(floods)} of the frames, {kernel_unicast_floods} of them for one host alone.")
else:
    kernel_unicast_floods = 1
    recorded("The kernel flooded 2 of the frames, 1 of them for one host alone.")

# %% [markdown]
# The first ping's request, for h2 alone, was flooded, since the table was empty; the second ping's was not. A frame floods once, and then not. (And the question for h3's MAC address was for everybody anyway.) What would *your* switch have done?

# %% live needs="3.2"
LearningSwitch("sw", 3)  # waits here until 3.2 is solved
if lab:
    hosts = {frame.frame[6:12]: f"h{frame.came + 1}" for frame in seen}
    yours = Watched(LearningSwitch("sw", 3), {mac: hosts[mac] for mac in sorted(hosts, key=hosts.get)})
    for frame in seen:
        yours.receive(frame.came, frame.frame, frame.time)
        yours.outbox = []
    alike = [sorted(passage.left) == frame.left for passage, frame in zip(yours.passages, seen, strict=True)]
    display(yours.picture("What came in at the bridge, and what your switch does with it"))
    print(f"Your switch sends {sum(alike)} of {len(seen)} frames where the kernel's bridge sent them.")
    known = {str(MACAddress(mac)): PORTS[port] for mac, port in yours.switch.known(seen[-1].time).items()}
    rows = [
        (yours.name(MACAddress(mac)), mac, kernel_table.get(mac, "-"), known.get(mac, "-"))
        for mac in sorted(known | kernel_table)
    ]
    display(table(rows, ["host", "MAC address", "bridge fdb", "your switch"], "Two tables"))
    print("They agree." if known == kernel_table else "They differ!")
else:
    recorded("The switch sends 8 of 8 frames where the kernel's bridge sent them. Both tables have the three hosts.")

# %% [markdown]
# Eight frames are few. So the three hosts now send 300 more, from and to eight made-up addresses, a group and everybody; now and then an address moves to another port. Whatever the kernel does with each of them, your switch should do too.

# %% live needs="3.2"
LearningSwitch("sw", 3)  # waits here until 3.2 is solved
if live:
    dice, yours = Random(3), LearningSwitch("sw", 3)
    stations = [b"\x02\x03\x00\x00\x00" + bytes([n]) for n in range(8)]
    forget()
    senders = [lab[f"h{n}"].packet_socket("eth1") for n in (1, 2, 3)]
    with lab.captures("sw:eth1", "sw:eth2", "sw:eth3") as captures:
        for number in range(300):
            who = dice.randrange(8)
            to = dice.choice([*stations, *stations, b"\x01\x00\x5e\x00\x00\xfb", b"\xff" * 6])
            at = who % 3 if dice.random() < 0.9 else dice.randrange(3)
            senders[at].send(to + stations[who] + b"\x88\xb5" + number.to_bytes(4, "big"))
    for sender in senders:
        sender.close()
    random_frames = [
        frame
        for frame in passed({number: captures[f"sw:{port}"].packets for number, port in enumerate(PORTS)})
        if frame.frame[12:14] == b"\x88\xb5"
    ]
    agreed, kinds = 0, Counter()
    for frame in random_frames:
        yours.receive(frame.came, frame.frame, frame.time)
        agreed += sorted(port for port, _ in yours.outbox) == frame.left
        kinds[("filtered", "forwarded", "flooded")[len(frame.left)]] += 1
        yours.outbox = []
    theirs = bridge_table("after 300 frames")
    known = {str(MACAddress(mac)): PORTS[port] for mac, port in yours.known(random_frames[-1].time).items()}
    print(f"{agreed} of {len(random_frames)} random frames: your switch and the kernel's bridge agree")
    same = all(theirs.get(mac) == port for mac, port in known.items()) and len(known) == 8
    print("their tables", "agree on all 8 addresses" if same else "DIFFER")
    fold("How many of each", "\n".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds)))
else:
    recorded(
        "300 of 300 random frames: netlib's switch and the kernel's bridge agree\ntheir tables agree on all 8 addresses"
    )

# %% [markdown]
# ### Ageing, and a hub
#
# The kernel forgets after 300 s, too. That is long to wait, so we set it to one second. Then to 0: what was a hub again? **Predict:** of the four packets of two pings between h1 and h2, how many does h3's card get then, and how many does its IP layer hear of? (The kernel counts those:
# `IpInReceives`.)

# %% live
if lab:
    lab["sw"].run("ip link set br0 type bridge ageing_time 100", check=True)  # hundredths of a second
    lab["h1"].run("ping -n -c 1 -W 5 -s 41 10.3.0.2", check=True)
    at_once = bridge_table("at once")
    if live:
        wait(2.5)
    later = bridge_table("2.5 seconds later")
    print(
        "ageing time 1 s:",
        "h1 and h2 are in the table;" if len(at_once) >= 2 else "SOMEBODY IS MISSING;",
        "2.5 s later",
        "nobody is" if not later else "SOMEBODY STILL IS",
    )

    lab["sw"].run("ip link set br0 type bridge ageing_time 0", check=True)
    before = lab["h3"].sh("nstat -asz IpInReceives  # before", check=True).stdout.split()
    with lab.capture("h3:eth1") as capture:
        lab["h1"].run("ping -n -c 2 -i 0.2 -W 5 -s 51 10.3.0.2", check=True)
    after = lab["h3"].sh("nstat -asz IpInReceives  # after", check=True).stdout.split()
    lab["sw"].run("ip link set br0 type bridge ageing_time 30000", check=True)
    hub_got = len(pings(capture))
    print(
        f"ageing time 0 s: h3's card got {hub_got} of 4 packets, and its IP layer",
        "none of them" if before[-2:] == after[-2:] else "SOME OF THEM",
    )
    fold("What h3's card got", capture)
else:
    hub_got = 4
    recorded(
        "ageing time 1 s: h1 and h2 are in the table; 2.5 s later nobody is\nageing time 0 s: h3's card got 4 of 4 packets, and its IP layer none of them"
    )

# %% [markdown]
# ### Your card beside the kernel's
#
# The kernel puts a label on each frame that comes in: for this host, for everybody, for a group, or for *another host* (`PACKET_OTHERHOST`). A sniffer's socket gets all of them, and can read the label; IP gets only the first three kinds. So let the bridge be a hub once more, and ask your
# `accepts` about each frame on h3's cable while h1 pings h2, pings h3, and asks everybody for an address that nobody has.

# %% live needs="3.1"
accepts(by_hand, cards[0], set())  # waits here until 3.1 is solved
OTHERHOST, OUTGOING = 3, 4  # linux/if_packet.h
if live:
    lab["sw"].run("ip link set br0 type bridge ageing_time 0", check=True)
    own = bytes(MACAddress(lab["h3"].run("cat /sys/class/net/eth1/address", check=True).stdout.strip()))
    verdicts = []
    with lab["h3"].packet_socket("eth1") as sniffer:
        for address, patience in (("10.3.0.2", 5), ("10.3.0.3", 5), ("10.3.0.77", 1)):
            lab["h1"].run(f"ping -n -c 1 -W {patience} {address}")
        while select([sniffer], [], [], 0.1)[0]:
            frame, (_, _, label, *_) = sniffer.recvfrom(65536)
            if label != OUTGOING:  # a sniffer hears its own host's frames, too
                verdicts.append((accepts(frame, own, set()), label != OTHERHOST))
    lab["sw"].run("ip link set br0 type bridge ageing_time 30000", check=True)
    agree = all(yours == kernel for yours, kernel in verdicts)
    both = {yours for yours, _ in verdicts} == {True, False}
    print(
        f"Your accepts and the kernel {'agree on every frame' if agree else 'DIFFER'}; there were frames of both kinds: {'yes' if both else 'NO'}."
    )
    fold("How many", f"{len(verdicts)} frames, {sum(yours for yours, _ in verdicts)} of them for h3")
else:
    recorded("accepts and the kernel agree on every frame; there were frames of both kinds: yes.")

# %% [markdown]
# ### The right IP address, the wrong MAC address
#
# Is the IP address not enough, on one cable? We tell h1 a wrong MAC address for h2 (`ip neigh replace`), and let it ping. The bridge has never heard of that address. **Predict:** does the frame come to h2's card? Does h2 answer?

# %% live
if lab:
    lab["h1"].run("ip neigh replace 10.3.0.2 lladdr 02:00:00:00:99:99 dev eth1 nud permanent", check=True)
    with lab.capture("h2:eth1") as capture:
        answered = bool(lab["h1"].run("ping -n -c 1 -W 1 -s 61 10.3.0.2"))
    lab["h1"].run("ip neigh del 10.3.0.2 dev eth1", check=True)
    (packet,) = pings(capture)
    print(
        f"came to h2's card: a packet for {packet[IPv4Packet].destination}, in a frame for {packet[EthernetFrame].destination}"
    )
    print("h2 answered" if answered else "h2 did not answer")
else:
    answered = False
    recorded("came to h2's card: a packet for 10.3.0.2, in a frame for 02:00:00:00:99:99\nh2 did not answer")

# %% [markdown]
# ### The right MAC address, the wrong IP address: the clone
#
# Now h3 gets h2's MAC address (`ip link set eth1 address`), as the copy of a virtual machine has it. All hosts are told all MAC addresses by hand (`nud permanent`), so that nobody asks by ARP in between. Then one ping at a time. **Predict** for each: is it answered, and where does the bridge believe the address to be afterwards?

# %% live
KNOWN = [("h1", "10.3.0.2", 3), ("h1", "10.3.0.3", 3), ("h2", "10.3.0.1", 2), ("h3", "10.3.0.1", 2)]
STEPS = [("h3", "10.3.0.1", 71), ("h1", "10.3.0.2", 72), ("h2", "10.3.0.1", 73), ("h1", "10.3.0.2", 74)]


def refused(when: str) -> int:
    """How many packets h3's kernel has dropped because their IP address is not its own."""
    words = lab["h3"].sh(f"nstat -asz IpInAddrErrors  # {when}", check=True).stdout.split()
    return int(words[words.index("IpInAddrErrors") + 1])


if lab:
    lab["h3"].run("ip link set eth1 address 02:00:00:00:03:01", check=True)  # h2's
    for name, address, number in KNOWN:
        entry = f"{address} lladdr 02:00:00:00:0{number}:01 dev eth1 nud permanent"
        lab[name].run(f"ip neigh replace {entry}", check=True)
    before, rows = refused("before"), []
    for name, address, size in STEPS:
        done = bool(lab[name].run(f"ping -n -c 1 -W 1 -s {size} {address}"))
        at = bridge_table(f"after -s {size}").get("02:00:00:00:03:01", "")
        rows.append((f"{name} pings {address}", "answered" if done else "no answer", at, f"h{at[3:]}"))
    refusals = refused("after") - before
    for name, address, _ in KNOWN:
        lab[name].run(f"ip neigh del {address} dev eth1", check=True)
    lab["h3"].run("ip link set eth1 address 02:00:00:00:04:01", check=True)
    display(table(rows, ["one ping", "", "02:00:00:00:03:01 is at", "that is"], "Two hosts with one MAC address"))
    print(f"packets that h3's IP layer refused: {refusals}")
    clone_is_fine = all(row[1] == "answered" for row in rows)
else:
    clone_is_fine = False
    recorded(
        "h3 pings h1: answered, the address is at h3. h1 pings h2: no answer, still at h3.\n"
        "h2 pings h1: answered, now at h2. h1 pings h2: answered.\npackets that h3's IP layer refused: 1"
    )

# %% [markdown]
# The kernel does as the simulation did. h1's ping to h2 came to h3's card, which took it. h3's IP layer refused it, counted it (`IpInAddrErrors`), and said nothing to anybody. One word of h2, and the next ping was answered.
#
# ### The port says which program
#
# Two programs run on h2: the time service on UDP port 7001, the weather service on 7002. h1 asks both. Your `deliver` gets the frames from h2's cable.

# %% live needs="3.3"
deliver(by_hand, cards[0], set(), {})  # waits here until 3.3 is solved
if lab:
    with lab.capture("h2:eth1") as capture:
        said = [
            lab["h1"].run(f"/usr/bin/python3 /srv/lab/say.py ask 10.3.0.2 {port}", check=True).stdout.strip()
            for port in (7001, 7002)
        ]
    questions = [
        packet
        for _, packet in capture.packets
        if UDPDatagram in packet and packet[UDPDatagram].payload == b"who are you?"
    ]
    own = bytes(questions[0][EthernetFrame].destination)
    for question, line in zip(questions, said, strict=True):
        print(f"your deliver: {deliver(question.data, own, {bytes([10, 3, 0, 2])}, PROGRAMS):20} the kernel: {line}")
else:
    recorded("the time service and the weather service, as 10.3.0.2 port 7001 and 7002 answered")

# %% [markdown]
# ### Your switch carries the kernel's traffic
#
# Now the bridge is taken to pieces: its three ports are out of it, and nothing connects the hosts any more. In its place stands *your* switch, in this notebook. Frames that come in at `sw`'s three interfaces are handed to your `receive`, and what it puts
# into `outbox` is sent. h1's kernel, which has forgotten h2's MAC address, pings h2's kernel three times. **Predict:** what does h3's card get?

# %% live needs="3.2"
LearningSwitch("sw", 3)  # waits here until 3.2 is solved


def carry(switch, sockets, until) -> None:
    """Be the cable between a switch and these sockets, until something ends."""
    while not until():
        for socket in select(sockets, [], [], 0.02)[0]:
            switch.receive(sockets.index(socket), socket.recv(65536), monotonic())
            sending, switch.outbox = switch.outbox, []
            for port, frame in sending:
                sockets[port].send(frame)


if live:
    for port in PORTS:
        lab["sw"].run(f"ip link set {port} nomaster", check=True)
    lab["h1"].run("ip neigh flush dev eth1", check=True)
    unconnected = lab["h1"].run("ping -n -c 1 -W 0.3 10.3.0.2")
    print("without a switch:", "answered?!" if unconnected else "no answer")
    lab["h1"].run("ip neigh flush dev eth1", check=True)
    switch = LearningSwitch("sw", 3)
    sockets = [lab["sw"].packet_socket(port) for port in PORTS]
    with lab.capture("h3:eth1") as capture, lab["h1"].popen("ping -n -c 3 -i 0.2 -W 2 10.3.0.2") as pinging:
        carry(switch, sockets, lambda: pinging.poll() is not None)
        printed = pinging.stdout.read()
    found = {str(MACAddress(mac)): PORTS[port] for mac, port in switch.known(monotonic()).items()}
    for socket in sockets:
        socket.close()
    print("through your switch:", "3 of 3 pings answered" if " 3 received" in printed else "NOT all pings answered")
    right = all(kernel_table.get(mac) == port for mac, port in found.items()) and len(found) >= 2
    print("its table", "has h1 and h2 where the bridge had them" if right else "is NOT as the bridge's was")
    print(
        "h3's card got",
        "the question to everybody, and none of the pings" if len(capture) and not pings(capture) else "SOMETHING ELSE",
    )
    fold("What ping printed", printed)
    for port in PORTS:
        lab["sw"].run(f"ip link set {port} master br0", check=True)
else:
    recorded(
        "without a switch: no answer\nthrough a learning switch: 3 of 3 pings answered\n"
        "its table has h1 and h2 where the bridge had them\nh3's card got the question to everybody, and none of the pings"
    )

# %% [markdown]
# That is a switch: a few lines of yours between kernels that never noticed.
#
# ### Claims, and what holds

# %% live
sim, cables = cloned(Switch)
one_each = [
    sim.run(ping(sim[host], f"10.3.0.{to}", count=1)).received for host, to in (("h1", 2), ("h3", 1), ("h1", 2))
]
sim, cables = three_hosts(Switch)
sim.run(ping(sim["h1"], "10.3.0.2", count=1))
sent = next(c.packet.data for c in cables["h1"].crossings if ICMPMessage in c.packet)
h2 = sim["h2"]
h2.receive(h2.interfaces[0], b"\x02\x00\x00\x00\x99\x99" + sent[6:], sim.now)  # h2's IP address, another MAC address
came = [c.packet.data for c in cables["h2"].crossings if ICMPMessage in c.packet]
rows = [
    (
        "Everyone gets the frame",
        "IEEE 802.1Q 8.6: only what is for a group, or for an unknown address",
        at_h3["switch"] == 6,
        kernel_unicast_floods > 1,
    ),
    (
        "A switch finds out by itself who is where",
        "IEEE 802.1Q 8.7: from the source addresses of frames",
        len(sim["s1"].switch.known(sim.now)) == 2,
        None if not lab else len(kernel_table) == 3,
    ),
    (
        "A switch never sends a frame for one host to others",
        "IEEE 802.1Q 8.6: while it does not know where that host is, it does",
        again == 0,
        kernel_unicast_floods == 0,
    ),
    (
        "A switch puts its own MAC address into the frames, as a router does",
        "IEEE 802.1Q 8.6: their addresses stay",
        sent not in came,
        None if not lab else not all(f.left for f in seen),
    ),
    (
        "A MAC address is burned in, and unique in the world",
        "RFC 9542 2.1: a bit says where it was made up locally",
        not cards[0][0] & 2,
        None if not lab else not all(int(mac[:2], 16) & 2 for mac in kernel_table),
    ),
    (
        "Two hosts are fine as long as their IP addresses differ",
        "RFC 894, RFC 826: on one link their MAC addresses have to, too",
        all(one_each),
        clone_is_fine,
    ),
    (
        "With the right IP address the frame gets there",
        "RFC 826: that is why hosts ask for the MAC address first",
        bool(h2.outbox),
        answered,
    ),
]
claims(rows, columns=("What is often told", "The standard", "netlib", "This kernel" if live else "A kernel, recorded"))

# %% live
if lab:
    lab.down()
    print("The lab is down. Nothing is left of it.")

# %% [markdown]
# ## What you can now answer
#
# **The copied machine** kept its MAC address. The switch has one entry for that address, and each of the two moves it to its own port by speaking. Whoever spoke last gets what is for both: requests to the other one arrive at the wrong machine, whose
# card takes them and whose IP layer drops them in silence. Give the copy a MAC address of its own.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>How does a switch know where to send a frame, and what does it do when it does not know?</summary>
#
# It notes the source address of each frame that comes in, with the port. A frame for an address in that table goes out of that one port. A frame for an address that is not there, for a group, or for everybody is flooded: out of every port but the one it came by. Entries
# age (300 s by default), and move when the address is heard elsewhere.
#
# </details>
#
# <details><summary>Why does a packet need both a MAC and an IP address?</summary>
#
# The IP address names the far end, and stays the same all the way (unless there is a NAT). The MAC address names who on this link takes the frame, which mostly is the next router, and is another on each link. IP addresses come in blocks, so routers need few entries; MAC addresses
# say nothing of where, so a world of switches would need an entry for each host.
#
# </details>
#
# <details><summary>You run a packet sniffer on your machine at the office. What do you see of your neighbour's traffic?</summary>
#
# On a switch: broadcasts, groups that the switch floods, and now and then a frame for a host that it has not heard lately. Promiscuous mode only makes the card take what arrives; it makes nothing arrive. To see the rest, someone has to set up a mirror port on the switch, or attack: fill its table
# (MAC flooding), or forge ARP (chapter 7).
#
# </details>
#
# <details><summary>After maintenance, a quiet log server makes all ports of a switch blink. Why?</summary>
#
# It only receives. So its entry ages out after 300 s of silence, and all that is sent to it is flooded to every port. The senders go on, because they still have its MAC address in their own tables: routers
# often keep those for hours. (Linux checks after a minute or so, by ARP, and the answer keeps the switch's entry alive.) So let the server speak now and then, put a fixed entry into the switch, or make the routers forget before the switches do.
#
# </details>
#
# <details><summary>Two programs on one host use port 443, and both work. How?</summary>
#
# One has TCP port 443, the other UDP port 443: the protocol is part of the key, as in your `deliver`. (So it is with HTTPS and QUIC.) Different IP addresses of the host would do as well: chapters 9 and 27.
#
# </details>
#
# ## Where it goes next
#
# Chapter 4 shows what IP addresses have that MAC addresses lack: blocks, and so a way to say "all of those are over there". Chapter 7 fills the gap that this one left open: how a host finds the MAC address for an IP address. Your switch goes along: `mine("3.2")` fetches it.
#
# Worth reading, and short:
#
# - RFC 894, three pages: IP in Ethernet frames. RFC 9542 section 2: what the bits of a MAC address mean.
# - RFC 1122 section 2, the link layer as seen by hosts; RFC 1112 section 6.4: groups on Ethernet.
# - IEEE 802.1Q clauses 8.6 to 8.8 (free from the IEEE after registration): forwarding, learning, and the table.
# - The Linux manual pages `bridge(8)` and `packet(7)`: the table, and the labels on frames.
