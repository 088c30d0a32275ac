# %% [markdown]
# # 8. Routing: one hop at a time
#
# A new server stands in a new subnet. From the application's host, `ip route get` names the right gateway. On the new server
# `tcpdump` shows that the requests arrive, and that the server answers. And yet every connection from the application times out, without any error.
# **Everybody has a route. Where do you look?**
#
# After this chapter you can
#
# - say which bytes of a frame change at a switch, at a router, and which never do;
# - read a routing table, and say which of its routes a packet takes;
# - write the table that routers use, and let it forward packets between two Linux kernels;
# - predict what a router does with any packet: send it on, take it, report about it, or drop it;
# - follow a packet there *and its answer back* through everybody's tables, and find the one that is wrong.
#
# It takes 75 to 90 minutes. You need chapter 4 (networks, prefixes, gateway) and chapter 5 (TTL and checksum).

# %%
from contextlib import ExitStack
from html import escape
from random import Random
from time import perf_counter

from IPython.display import HTML, display

from netlib import (
    EthernetFrame,
    Host,
    ICMPEcho,
    ICMPMessage,
    IPv4Address,
    IPv4Network,
    IPv4Packet,
    MACAddress,
    Parts,
    Simulation,
    decode,
)
from netlib.apps.ping import ping
from netlib.apps.traceroute import traceroute
from netlib.exercises.routing_ways import tables_of
from netlib.grading import NotImplementedYet, check
from netlib.grading.mine import mine
from netlib.host import RAW
from netlib.internet.routes import Route, Routes
from netlib.view import SequenceDiagram, bars, claims, hops, show, table
from netlib.view.trie import prefix_tree
from netlib.wire.ipv4 import ICMP
from netlib.worlds.task import now, sleep

# %% [markdown]
# ## By hand: you are the router
#
# A **switch** connects the hosts of one network, and passes frames on as they are. A **router** stands in two networks or more.
# It takes a frame in, takes the IP packet out of it, decides where that has to go next, and puts it into a *new* frame.
#
# Be one. You are r1, and this frame has just come in from h1. It carries a ping for 10.8.3.3. Look at its three parts: the
# Ethernet header (chapter 3), the IP header (chapter 5), and the echo request (chapter 6).

# %%
came_in = bytes.fromhex(
    "020000000021 020000000011 0800"  # to your own MAC address, from h1's; an IPv4 packet
    "4500001c 1c460000 40014687 0a080102 0a080303"  # TTL 40 hex = 64, checksum 4687
    "0800f7fd 00010001"
)
show(came_in)

# %% [markdown]
# Your table says that 10.8.3.3 lies behind the router r2, and ARP (chapter 7) has told you r2's MAC address. So the frame that you put out is
#
# | bytes of the frame | came in | goes out |
# |---|---|---|
# | 0-5, destination MAC | `02 00 00 00 00 21`: you | `02 00 00 00 00 31`: r2 |
# | 6-11, source MAC | `02 00 00 00 00 11`: h1 | `02 00 00 00 00 22`: you, your *other* interface |
# | 22, TTL | `40` | `3f` |
# | all others | | the same |
#
# Is that all? Type it, and give it to r2. Here, r2 is netlib's `Host` with `forwarding=True`, and nothing else.

# %%
first_try = bytes.fromhex(
    "020000000031 020000000022 0800"  # to r2, from your other interface
    "4500001c 1c460000 3f014687 0a080102 0a080303"  # TTL 3f hex = 63
    "0800f7fd 00010001"  # untouched
)


def give_to_r2(frame: bytes) -> None:
    """r2 takes in a frame; print what it drops, and what it puts out."""
    r2 = Host("r2", Random(8), forwarding=True)
    left = r2.attach("10.8.2.2/24", MACAddress("02:00:00:00:00:31"))
    r2.attach("10.8.3.2/24", MACAddress("02:00:00:00:00:32"))
    r2.receive(left, frame, now=0.0)
    print("dropped:", dict(r2.dropped) or "nothing")
    for interface, out in r2.outbox:
        print(f"put out by {interface.name}:", decode(out))


give_to_r2(first_try)

# %% [markdown]
# r2 drops it in silence. The header checksum covers the TTL, so it has to change with it. The TTL is the high byte of its 16-bit word: the sum has
# fallen by `0100`, so its complement, the checksum, rises by `0100`, from `4687` to `4787`.

# %%
second_try = bytes.fromhex(
    "020000000031 020000000022 0800"  # to r2, from your other interface
    "4500001c 1c460000 3f014787 0a080102 0a080303"  # TTL and checksum
    "0800f7fd 00010001"  # untouched
)
give_to_r2(second_try)
show(second_try, before=came_in, layers=["Ethernet", "IPv4"], title="What you put out; marked is what you changed")

# %% [markdown]
# Now r2 takes it, and asks for the MAC address of 10.8.3.3 to send it on. These are all the bytes that change: **two MAC addresses, the TTL, the header checksum.** The IP addresses
# do not change. They say where the packet comes from and where it goes *in the end*; the MAC addresses say who sends this frame and who takes it *on this link*.
# (A NAT router does change IP addresses, and ports as well: chapter 15. In IPv6 there is no header checksum, so it is the two MAC addresses and the hop limit.)
#
# ## Exercise 8.1: one hop
#
# `forwarded(frame: bytes, own: bytes, next_hop: bytes) -> bytes`
#
# - `frame` is an Ethernet frame that has come in, with an IPv4 packet (EtherType `0800`) whose header and checksum are right. As a network card hands it over, it ends
#   before the frame check sequence.
# - `own` is the MAC address of the interface by which the packet leaves, `next_hop` the one of the next hop. Both are 6 bytes.
# - Return the frame that goes out: the new MAC addresses, the TTL less one, the header checksum to match. All else stays.
# - Frames have at least 60 bytes, so behind a short packet there is **padding**. It is no part of the packet, and it does not go out: the packet ends where its
#   total length (bytes 2 and 3 of the IP header, so 16 and 17 of the frame) says. The next card pads anew where it has to.
# - A packet that comes with TTL 1 or 0 must not be sent on: raise `ValueError`.
#
# For example, `forwarded(came_in, own, next_hop)` is `second_try`, with `own = bytes.fromhex("020000000022")` and `next_hop = bytes.fromhex("020000000031")`.
#
# RFC 1812 sections 5.2.1.2 and 5.3.1; RFC 1624. Worth 3 points, five minutes. Your `decrement_ttl` of chapter 5 takes a whole IP packet, and gives it
# back with its TTL and checksum changed:

# %% live
decrement_ttl = mine("5.4")


# %% solution="8.1"
def forwarded(frame: bytes, own: bytes, next_hop: bytes) -> bytes:
    """The frame that a router puts out for a frame that has come in; ValueError if its packet may not go on."""
    ### BEGIN SOLUTION
    total_length = int.from_bytes(frame[16:18], "big")
    packet = frame[14 : 14 + total_length]
    if packet[8] <= 1:
        raise ValueError(f"TTL {packet[8]}: the packet ends here")
    return next_hop + own + frame[12:14] + decrement_ttl(packet)
    ### END SOLUTION


# %% check="8.1"
check("8.1", forwarded)

# %% needs="8.1"
mac = bytes.fromhex
print("as typed by hand:", forwarded(came_in, mac("020000000022"), mac("020000000031")) == second_try)

# %% [markdown]
# ## Hop by hop
#
# This is the network of the chapter: a host, a switch, two routers and two servers, with cables of 5 ms.


# %%
NETWORK = """
    h1 10.8.1.2/24 -- s1                                                                delay=5ms
    s1 -- 10.8.1.1/24 r1 10.8.2.1/24 -- 10.8.2.2/24 r2 10.8.3.2/24 -- 10.8.3.3/24 h2    delay=5ms
    r2 10.8.4.2/24 -- 10.8.4.4/24 h3                                                    delay=5ms
"""
ROUTES = {  # beside the networks of their own links
    "h1": {"0.0.0.0/0": "10.8.1.1"},
    "r1": {"0.0.0.0/0": "10.8.2.2"},
    "r2": {
        "0.0.0.0/0": "10.8.2.1",
        "203.0.113.0/24": "10.8.3.3",
        "203.0.113.128/25": "10.8.4.4",
        "203.0.113.200/31": "10.8.3.3",
        "203.0.113.201/32": "10.8.4.4",
    },
    "h2": {"0.0.0.0/0": "10.8.3.2"},
    "h3": {"0.0.0.0/0": "10.8.4.2"},
}


def network(parts: dict[str, Parts] | None = None, without: tuple[str, str] = ("", "")) -> Simulation:
    """The chapter's network. `parts`: of nodes, by name; `without`: (node, network), a route that is missing."""
    sim = Simulation.topology(NETWORK, seed=8, parts=parts, routing=False)
    for name, routes in ROUTES.items():
        for destination, via in routes.items():
            if (name, destination) != without:
                sim[name].add_route(destination, via=via)
    return sim


def requests(capture):
    """The echo requests among the frames that crossed, in order."""
    return [c for c in capture.crossings if ICMPEcho in c.packet and c.packet[ICMPEcho].type == 8]


sim = network()
sim.drawing("The network of chapter 8")

# %% [markdown]
# h1 pings h2. The request crosses four cables: h1 to s1, s1 to r1, r1 to r2, r2 to h2.
#
# **Predict**, and write it down: on these four cables, how many different *destination MAC addresses* will you see? How many different *destination IP addresses*? And which TTL on each?

# %%
capture = sim.capture()
print(sim.run(ping(sim["h1"], "10.8.3.3", count=1, size=8)))
on_its_way = requests(capture)
table(
    [
        (
            f"{c.sender} to {c.receiver}",
            c.packet[EthernetFrame].source,
            c.packet[EthernetFrame].destination,
            c.packet[IPv4Packet].source,
            c.packet[IPv4Packet].destination,
            c.packet[IPv4Packet].ttl,
        )
        for c in on_its_way
    ],
    ["cable", "source MAC", "destination MAC", "source IP", "destination IP", "TTL"],
    "One request on four cables",
)

# %% [markdown]
# Three destination MAC addresses, one destination IP address. **s1 changes nothing**: the frame comes out of a switch as it went in, so there are two rows that are the same. **Each router
# takes one off the TTL** and writes a new Ethernet header, with its own address as the source. The server's log will show 10.8.1.2. h1's MAC address has not come further than r1.
#
# Here are the bytes, first of the Ethernet header and then of the IP header. In brackets stands what is not as in the row above.

# %%
places = {f"{c.sender} to {c.receiver}": c.packet for c in on_its_way}
display(hops(places, EthernetFrame, "The Ethernet header on its way"))
hops(places, IPv4Packet, "The IP header on its way")

# %% needs="8.1"
at_r1, behind_r1 = on_its_way[1].packet, on_its_way[2].packet
ours = forwarded(at_r1.data, behind_r1[EthernetFrame].source, behind_r1[EthernetFrame].destination)
print("your frame is the one that netlib's r1 has put out:", ours == behind_r1.data)

# %% [markdown]
# ## The table
#
# How did r1 and r2 know the way? They did not. Each knew only **the next step**. A router has a **routing table**: a list of routes. A route says
# "packets for this network go to this **next hop**". Here is r2's:


# %%
def rows_of(routes):
    return [(r.network, r.via or "straight to the destination", f"eth{r.interface}") for r in routes]


r2_routes = list(sim["r2"].internet.routes)
table(rows_of(r2_routes), ["network", "next hop (via)", "by interface"], "The routing table of r2")

# %% [markdown]
# Three kinds of routes:
#
# - **connected** routes, to the networks of the router's own links. They came with the addresses of its interfaces. There is no next hop: the packet goes straight to its destination;
# - routes **via** another router (or, here, via the servers h2 and h3, behind which 203.0.113.0/24 lies);
# - the **default route**, 0.0.0.0/0: it matches every address.
#
# In netlib a route is a `Route(network, via, interface)`. In Linux it is a line of `ip route`.
#
# The routes overlap, and on purpose. 203.0.113.201 is in five of these networks: 0.0.0.0/0, the /24, the /25, the /31 and the /32. **Which one counts?**
#
# **Predict** for each of these five destinations whether r2 will send it to h2, to h3, or back to r1:
#
#     203.0.113.5    203.0.113.199    203.0.113.200    203.0.113.201    198.51.100.7


# %%
def who_gets(sim: Simulation, destination: str) -> str:
    """Who gets what r2 has for this destination."""
    r2 = sim["r2"]
    cables = {name: sim.capture(sim.between("r2", name)) for name in ("h2", "h3", "r1")}

    async def send():
        packet = IPv4Packet(destination=IPv4Address(destination), ttl=2, payload=ICMPEcho(identifier=8).build())
        r2.socket(RAW, protocol=ICMP).send(packet, await now())
        await sleep(0.05)

    sim.run(send())
    return next(name for name, cable in cables.items() if any(c.sender == "r2" for c in requests(cable)))


DESTINATIONS = ["203.0.113.5", "203.0.113.199", "203.0.113.200", "203.0.113.201", "198.51.100.7"]
rows = []
for destination in DESTINATIONS:
    matching = network()["r2"].internet.routes.matches(IPv4Address(destination))
    rows.append((destination, ", ".join(str(r.network) for r in matching), who_gets(network(), destination)))
table(rows, ["destination", "routes that match", "goes to"], "Where r2 sends it")

# %% [markdown]
# Of all routes that match, the one with the **longest prefix** wins, because it is the most specific: it says something about fewer addresses (RFC 1812 section 5.2.4.3). This is **longest prefix match**.
# The order of the table means nothing, and the default route is not a special case: it has the shortest prefix there is, so it wins when nothing else matches.
#
# It is often told that a routing table is read from top to bottom until a line matches, as firewall rules are. It is not:
#
# | what is often told | RFC 1812 section 5.2.4.3 | netlib |
# |---|---|---|
# | the first route that matches wins | the longest prefix that matches wins | 203.0.113.201 goes by the /32, wherever that stands |
#
# (A **metric** decides too, but only between routes for the very same network. And Linux can have several tables, with rules that say which one to ask: `ip rule`. In each, the longest prefix wins.)
#
# This has a practical side. Does your VPN client add 10.0.0.0/8? Then the office printer in 10.20.0.0/16 stays reachable only if a longer prefix says so. Does somebody's tool add a /32? It takes exactly
# one server away from the route that all the others use. "One of forty machines is unreachable from here" is a good reason to look for a long prefix.
#
# ## Exercise 8.2: longest match
#
# `longest_match(routes: list[Route], destination: bytes) -> Route | None`
#
# - `routes` are `Route`s in any order, no two of them for the same network. What you need of a route is its network: `route.network.bits` is the network's
#   address as a number from 0 to 2³² - 1, and `route.network.prefix` the length of its prefix, from 0 to 32.
# - `destination` is an address, as four bytes: `int.from_bytes(destination, "big")` is its number.
# - Return the route that matches with the longest prefix, or `None` where none matches. A route matches if the first `prefix` bits of the two numbers are the same.
#
# The exercise is to compare the bits, so netlib's `destination in route.network` is not allowed here. Mind the ends: /0 asks for no bits at all, /32 for all of them.
#
# For example, with routes for 10.0.0.0/8 and 10.0.0.2/31, the address 10.0.0.3 goes by the second, 10.0.0.4 by the first, and 11.0.0.0 by none: `None`.
#
# RFC 1812 section 5.2.4.3. Worth 3 points.


# %% solution="8.2"
def longest_match(routes: list[Route], destination: bytes) -> Route | None:
    """The route with the longest prefix that matches, or None."""
    ### BEGIN SOLUTION
    number = int.from_bytes(destination, "big")
    best = None
    for route in routes:
        beyond = 32 - route.network.prefix  # the bits that the prefix says nothing about
        matches = number >> beyond == route.network.bits >> beyond
        if matches and (best is None or route.network.prefix > best.network.prefix):
            best = route
    return best
    ### END SOLUTION


# %% check="8.2"
check("8.2", longest_match)

# %% needs="8.2"
for destination in DESTINATIONS:
    found = longest_match(r2_routes, IPv4Address(destination))
    print(f"{destination:14} {found.network} via {found.via}")

# %% [markdown]
# ## The table as a tree
#
# Your function looks at each route for each packet. A router in the middle of the Internet has about a million of them (see the [BGP reports](https://bgp.potaroo.net/)), and on a link of 10 Gbit/s
# the smallest packets can come every 67 ns. It needs an answer that does not take longer with every route.
#
# Look at the bits. Put the networks into a binary tree: start at the root, take one branch for a 0 and the other for a 1, and write each route where its prefix ends. Such a tree is called a **trie**
# (from re*trie*val). To look up an address, walk along its bits and **remember the last route that you have come past**. When the bits lead no further, that route is the answer. It takes 32 steps at most,
# for ten routes or for a million.
#
# Here is r2's table, with the root on the left; where it branches, the upper line is 0 and the lower one 1. Where bits follow each other without a branch or a route, one line stands for all of them.
# The thick line is the way of 203.0.113.200.

# %%
prefix_tree(r2_routes, "203.0.113.200", "r2's table as a tree, and the way of 203.0.113.200")

# %% [markdown]
# Read the picture from the left: the root has the default route, because its prefix has no bits. The way comes past four routes, and the last one wins. For 203.0.113.199 the way leaves the
# line behind the /25, in the middle of the bits `100100`: there is no route there, so the answer is the last one before: the /25.

# %%
prefix_tree(r2_routes, "203.0.113.199", "And the way of 203.0.113.199")

# %% [markdown]
# ## Exercise 8.3: a trie
#
# `Trie()` is a routing table that is empty at first, with three methods:
#
# | method | meaning |
# |---|---|
# | `add(route)` | adds a `Route`. If there is one for the same network, it is replaced. Returns nothing |
# | `remove(network)` | takes the route for exactly this `IPv4Network` out, if there is one; else nothing happens. Routes inside that network, and around it, stay. Returns nothing |
# | `lookup(destination)` | returns the `Route` with the longest prefix that matches the destination (four bytes), or `None` |
#
# What you have of a network is again `.bits`, a number of 32 bits, and `.prefix`, how many of these count, from the left. Bit number `i` from the left (`i` = 0 to 31) of a number is `number >> (31 - i) & 1`.
#
#     table = Trie()
#     table.add(Route(IPv4Network("10.0.0.0/8"), IPv4Address("192.0.2.1"), 0))
#     table.add(Route(IPv4Network("10.0.0.2/31"), None, 1))
#     table.lookup(IPv4Address("10.0.0.3")).interface         # 1
#     table.lookup(IPv4Address("10.0.0.4")).interface         # 0
#     table.lookup(IPv4Address("11.0.0.0"))                   # None
#     table.remove(IPv4Network("10.0.0.2/31"))
#     table.lookup(IPv4Address("10.0.0.3")).interface         # 0
#
# `Node` is given; you may change it, or do without. You need not remove nodes that lead nowhere any more.
#
# RFC 1812 section 5.2.4.3. Worth 5 points. This class will forward between two kernels below, and goes on to chapter 9.


# %% solution="8.3"
class Node:
    """Where the bits so far have led."""

    def __init__(self):
        self.route = None  # of the network whose prefix ends here
        self.children = [None, None]  # the nodes for the next bit, 0 or 1


class Trie:
    """A routing table as a tree of bits."""

    def __init__(self):
        ### BEGIN SOLUTION
        self.root = Node()

    def find(self, network: IPv4Network, make: bool):
        """The node at which a network's prefix ends; missing ones are made, or else None is returned."""
        node = self.root
        for i in range(network.prefix):
            bit = network.bits >> (31 - i) & 1
            if node.children[bit] is None:
                if not make:
                    return None
                node.children[bit] = Node()
            node = node.children[bit]
        return node
        ### END SOLUTION

    def add(self, route: Route) -> None:
        """Add a route; one for the same network is replaced."""
        ### BEGIN SOLUTION
        self.find(route.network, make=True).route = route
        ### END SOLUTION

    def remove(self, network: IPv4Network) -> None:
        """Forget the route for exactly this network, if there is one."""
        ### BEGIN SOLUTION
        node = self.find(network, make=False)
        if node is not None:
            node.route = None
        ### END SOLUTION

    def lookup(self, destination: bytes) -> Route | None:
        """The route with the longest prefix that matches, or None."""
        ### BEGIN SOLUTION
        number = int.from_bytes(destination, "big")
        node, best = self.root, self.root.route
        for i in range(32):
            node = node.children[number >> (31 - i) & 1]
            if node is None:
                break
            best = node.route or best
        return best
        ### END SOLUTION


# %% check="8.3"
check("8.3", Trie)

# %% [markdown]
# A list and a tree, written in different ways, by the same rule. Do they agree? Random tables, in which networks lie inside each other and /0, /31 and /32 are frequent, and destinations at the edges of
# each network, where mistakes are made:

# %% needs="8.2 8.3"
Trie(), longest_match([], bytes(4))  # waits here until both are solved


def random_network(random: Random, inside: list[IPv4Network]) -> IPv4Network:
    """Any prefix length, the ends more often; half of them inside one of `inside`."""
    prefix = random.choice([0, 31, 31, 32, 32, *range(1, 31)])
    around = random.choice(inside) if inside and random.random() < 0.5 else IPv4Network("0.0.0.0/0")
    return IPv4Network.around(around.bits | random.getrandbits(32 - around.prefix), max(prefix, around.prefix))


random, asked, unlike, lengths = Random(8), 0, 0, set()
for _ in range(200):
    networks = []
    for _ in range(20):
        networks.append(random_network(random, networks))
    routes = [Route(known, None, number) for number, known in enumerate(dict.fromkeys(networks))]
    trie = Trie()
    for one in routes:
        trie.add(one)
    for known in networks:
        lengths.add(known.prefix)
        for number in (known.bits - 1, known.bits, known.bits + known.size - 1, known.bits + known.size):
            destination = IPv4Address.from_int(number % 2**32)
            asked += 1
            unlike += trie.lookup(destination) != longest_match(routes, destination)
print(
    f"{asked} destinations in 200 tables, with prefixes of {len(lengths)} lengths from /{min(lengths)} to /{max(lengths)}"
)
print(f"your list and your trie differ for {unlike} of them")

# %% [markdown]
# Now your trie gets to work. In netlib's host each part can be replaced: with `Parts(routes=Trie)` r1 and r2 keep their routes in your class, and ask it for each packet.

# %% needs="8.3"
Trie()  # waits here until 8.3 is solved
sim = network(parts={"r1": Parts(routes=Trie), "r2": Parts(routes=Trie)})
print(sim.run(ping(sim["h1"], "10.8.3.3", count=2)))
rows = [(d, who_gets(network(), d), who_gets(network(parts={"r2": Parts(routes=Trie)}), d)) for d in DESTINATIONS]
table(rows, ["destination", "netlib's table", "your trie"], "Where r2 sends it")

# %% [markdown]
# And how long does it take? **Predict:** with 100 times as many routes, how many times as long does your list take for a lookup? And your trie?

# %% live needs="8.2 8.3"
Trie(), longest_match([], bytes(4))  # waits here until both are solved


def microseconds(look, questions) -> float:
    """The time for one lookup, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        start = perf_counter()
        for question in questions:
            look(question)
        best = min(best, perf_counter() - start)
    return 1e6 * best / len(questions)


random, timed = Random(8), {}
for size in (40, 400, 4000):
    routes = [Route(IPv4Network.around(random.getrandbits(32), 24), None, number) for number in range(size)]
    trie = Trie()
    for one in routes:
        trie.add(one)
    questions = [one.network.address for one in random.sample(routes, 20)]
    timed[size] = (
        microseconds(lambda question, table=routes: longest_match(table, question), questions),
        microseconds(trie.lookup, questions),
    )
(few_list, few_trie), (many_list, many_trie) = timed[40], timed[4000]
slower = many_list / few_list > 20
flat = many_trie / few_trie < 10
of_list, of_trie = "very much" if slower else "not much", "hardly" if flat else "much"
print(f"100 times as many routes: your list takes {of_list} longer, your trie {of_trie} longer.")
lengths = [(f"list, {size} routes", round(timed[size][0], 1)) for size in timed]
lengths += [(f"trie, {size} routes", round(timed[size][1], 1)) for size in timed]
display(bars(lengths, "µs", "Time for one lookup, on this machine"))

# %% [markdown]
# The list's time grows with its length. The trie's does not: it is 24 steps, whatever the number of routes. Linux keeps its routes in a trie too, whose nodes look at several bits at once (an
# [LC-trie](https://www.kernel.org/doc/html/latest/networking/fib_trie.html)). Many large routers do it in hardware that compares all prefixes at the same time (TCAM). The rule is the same.
#
# ## What a router does with a packet
#
# Finding a route is one step of several. The packet may be for the router itself. It may be too long for the next link, or have no TTL left. Then the order of the questions matters, and RFC 1812 section 5.2.1 has one:
# first, is it for me? Then, is there a route? Then, may it go on?
#
# One of the answers may surprise you: a router can send a packet on *and* complain. If the packet leaves by the interface by which it came, and its sender is on that link, the sender could have sent it to the next hop
# directly. So the router tells it: an ICMP **redirect** (5/1): "for this destination, take that router". Here h1 has r1 as its gateway, and h9 is behind another router on h1's own link.

# %%
sim = Simulation.topology(
    """
    h1 10.8.1.2/24 -- s1                                              delay=5ms
    s1 -- 10.8.1.1/24 r1 10.8.2.1/24 -- 10.8.2.2/24 h2                delay=5ms
    s1 -- 10.8.1.254/24 r9 10.8.9.1/24 -- 10.8.9.9/24 h9              delay=5ms
    """,
    seed=8,
)
sim["r1"].add_route("10.8.9.0/24", via="10.8.1.254")
capture = sim.capture()
print(sim.run(ping(sim["h1"], "10.8.9.9", count=2, interval=0.2)))
crossings = [c for c in capture.crossings if ICMPMessage in c.packet]
SequenceDiagram.from_crossings(
    crossings, hosts=["h1", "s1", "r1", "r9", "h9"], title="A redirect, and what it changes", scale="order"
)

# %% [markdown]
# The first request goes to r1, and r1 sends it to r9 and the redirect to h1. The second goes to r9 at once.
# (Whoever can write to your link can write redirects, so many hosts ignore them: on Linux `net.ipv4.conf.all.accept_redirects`.)
#
# ## Exercise 8.4: the router's verdict
#
# `route(packet: bytes, came_by: int, ports: list[tuple], routes) -> list[tuple]`
#
# - `packet` is an IPv4 packet that a router has taken in, with a header of 20 bytes that is sound. `came_by` is the number of the interface by which it came.
# - `ports` says of each interface `(address, network, mtu)`: an `IPv4Address`, an `IPv4Network`, and how many bytes the link takes. Interface number `n` is `ports[n]`. Of the network you may use
#   everything here: `destination in network`, and `network.is_broadcast(destination)`, which knows that a /31 and a /32 have no broadcast address. An address equals its four bytes.
# - `routes` is a routing table with the method `lookup(destination)`, such as your trie.
# - Return what the router does, as a list of actions, in any order:
#
# | action | meaning |
# |---|---|
# | `("deliver",)` | it is for the router itself |
# | `("forward", interface, next_hop)` | send it on by this interface, to this address (4 bytes): the route's `via`, or the destination where that is `None` |
# | `("report", type, code, rest)` | send this ICMP message to the packet's source; `rest` is the number in the last 4 bytes of its header |
# | no action: `[]` | drop it without a word |
#
# The rules. The first that applies decides:
#
# 1. The source starts with 127, or with 224 or more (loopback, a group, reserved): drop it.
# 2. The destination is any of the router's own addresses, 255.255.255.255, or the broadcast address of the network *by which it came*: deliver it.
# 3. The source starts with 0: drop it. ("I have no address yet" stays on its link.)
# 4. The destination starts with 0, with 127, or with 224 or more: drop it. (Multicast needs another kind of routing.)
# 5. The destination is the broadcast address of *another* of the router's networks: drop it. Such **directed broadcasts** made one packet answer a thousandfold (RFC 2644).
# 6. No route matches: report 3/0, `rest` 0 (network unreachable).
# 7. The TTL is 1 or 0: report 11/0, `rest` 0 (time exceeded).
# 8. It has more bytes than the MTU of the interface by which it leaves, and Don't Fragment is set (bit `40` of byte 6): report 3/4, with that MTU as `rest`. Without that bit a router cuts the packet (your `fragment` of chapter 5): for us, that is forwarding.
# 9. Otherwise forward it. If it leaves by the interface by which it came, and both its source and the next hop are in the network there, *also* report 5/1, with the next hop as a number in `rest`.
#
# Whether a report may really be sent (never about a report, for example) is for your `icmp_error` of chapter 6 to decide.
#
# The next cell makes an example. With its ports and its table, and a packet from 10.8.1.2 that came by interface 0:
#
# | destination | TTL | bytes | DF | answer |
# |---|---|---|---|---|
# | 198.51.100.7 | 64 | 84 | no | `[("forward", 1, IPv4Address("10.8.2.2"))]` |
# | 198.51.100.7 | 1 | 84 | no | `[("report", 11, 0, 0)]` |
# | 198.51.100.7 | 64 | 1500 | yes | `[("report", 3, 4, 1400)]` |
# | 10.8.2.1 | 1 | 84 | no | `[("deliver",)]` |
# | 10.8.1.7 | 64 | 84 | no | `[("forward", 0, IPv4Address("10.8.1.7")), ("report", 5, 1, 0x0a080107)]` |
#
# RFC 1812 sections 5.2.1, 5.2.7.2 and 5.3. Worth 6 points, in part too: a router that forwards and delivers right gets the points of each report that it has right.

# %%
PORTS = [
    (IPv4Address("10.8.1.1"), IPv4Network("10.8.1.0/24"), 1500),  # interface 0: address, network, MTU in bytes
    (IPv4Address("10.8.2.1"), IPv4Network("10.8.2.0/24"), 1400),  # interface 1
]
TABLE = Routes()
TABLE.add(Route(PORTS[0][1], None, 0))
TABLE.add(Route(PORTS[1][1], None, 1))
TABLE.add(Route(IPv4Network("0.0.0.0/0"), IPv4Address("10.8.2.2"), 1))
a_packet = IPv4Packet(
    source=IPv4Address("10.8.1.2"), destination=IPv4Address("198.51.100.7"), ttl=64, payload=bytes(64)
).build()
table(rows_of(TABLE), ["network", "next hop (via)", "by interface"], "The table of the example")


# %% solution="8.4"
def route(packet: bytes, came_by: int, ports: list[tuple], routes) -> list[tuple]:
    """What a router does with a packet, as a list of actions."""
    ### BEGIN SOLUTION
    source, destination = packet[12:16], packet[16:20]
    here = ports[came_by][1]
    if source[0] == 127 or source[0] >= 224:
        return []
    own = destination in [address for address, _, _ in ports]
    if own or destination == b"\xff\xff\xff\xff" or here.is_broadcast(destination):
        return [("deliver",)]
    if source[0] == 0 or destination[0] in (0, 127) or destination[0] >= 224:
        return []
    if any(network.is_broadcast(destination) for _, network, _ in ports):
        return []
    found = routes.lookup(destination)
    if found is None:
        return [("report", 3, 0, 0)]
    if packet[8] <= 1:
        return [("report", 11, 0, 0)]
    mtu = ports[found.interface][2]
    if len(packet) > mtu and packet[6] & 0x40:
        return [("report", 3, 4, mtu)]
    next_hop = destination if found.via is None else found.via
    actions = [("forward", found.interface, next_hop)]
    if found.interface == came_by and source in here and next_hop in here:
        actions.append(("report", 5, 1, int.from_bytes(next_hop, "big")))
    return actions
    ### END SOLUTION


# %% check="8.4"
check("8.4", route)

# %% [markdown]
# The first row of the example, and your verdicts about seven packets that come to r2 from r1:

# %% needs="8.4"
print(route(a_packet, 0, PORTS, TABLE))
r2 = network()["r2"]
r2_ports = [(i.address.address, i.address.network, i.mtu) for i in r2.interfaces]


def verdict(destination: str, **fields) -> str:
    """What your function makes of a packet from h1, in short."""
    packet = IPv4Packet(source=IPv4Address("10.8.1.2"), destination=IPv4Address(destination), **fields).build()
    said = []
    for kind, *rest in sorted(route(packet, 0, r2_ports, r2.internet.routes)):
        if kind == "forward":
            said.append(f"forward by eth{rest[0]} to {IPv4Address(rest[1])}")
        else:
            said.append(f"{kind} {rest[0]}/{rest[1]}" if rest else kind)
    return ", and ".join(said) or "drop"


questions = [
    ("10.8.3.3", {}),
    ("203.0.113.201", {}),
    ("203.0.113.201", {"ttl": 1}),
    ("10.8.4.2", {"ttl": 1}),
    ("203.0.113.5", {"payload": bytes(1500), "dont_fragment": True}),
    ("10.8.3.255", {}),
    ("198.51.100.7", {}),
]
table(
    [(d, f.get("ttl", 64), 20 + len(f.get("payload", b"")), verdict(d, **f)) for d, f in questions],
    ["destination", "TTL", "bytes", "what r2 does"],
    "By your function",
)

# %% [markdown]
# ## Nobody sees the whole way
#
# Look at the last row again: r2 sends 198.51.100.7 to r1, by its default route. And r1? Its default route says r2.
#
# **Predict:** h1 pings 198.51.100.1 with TTL 64. How many times does that *one* request cross the cable between r1 and r2? Who ends it, and what does h1 get to hear?

# %%
sim = network()
capture = sim.capture(sim.between("r1", "r2"))
result = sim.run(ping(sim["h1"], "198.51.100.1", count=1))
crossed = requests(capture)
ttls = [c.packet[IPv4Packet].ttl for c in crossed]
print(f"crossings: {len(ttls)}, with TTL {ttls[0]}, {ttls[1]}, {ttls[2]} ... {ttls[-1]}")
print(result)
SequenceDiagram.from_crossings(
    [*crossed[:3], *crossed[-3:]],
    hosts=["r1", "r2"],
    title="The first three and the last three crossings",
    scale="order",
)

# %% [markdown]
# 63 times. h1 sent it with TTL 64, r1 put it out with 63, r2 sent it back with 62, and so on. What came with 1 was dropped, by r2, and h1 was told: time exceeded. This is a **routing loop**, and what the TTL is for: without
# it, the packet would go round for ever, and the next one too. A traceroute shows a loop as two addresses that take turns:

# %%
sim = network()
seen = sim.run(traceroute(sim["h1"], "198.51.100.1", max_hops=6, probes=1))
table(
    [(ttl, hop[0].address) for ttl, hop in enumerate(seen.hops, 1)],
    ["TTL", "answer from"],
    "A loop, seen by traceroute",
)

# %% [markdown]
# RFC 791 meant the TTL as a time in seconds. In effect it counts hops: each router takes off at least one, however fast it is (RFC 1812 section 5.3.1).
#
# Neither router has made a mistake that *it* could see. Each one did what its own table said. **No router knows the way; each only knows the next step, for this destination.** Two things follow:
#
# - the way is right only if *all* tables on it fit together;
# - **the way back is another question.** The answer is a packet with another destination, and finds its way by other routes, in everybody's tables. It may take another way than the request, and it may find none.
#
# ### The question of the beginning
#
# Take the default route out of r2's table. What is left knows the servers' networks, and not 10.8.1.0/24, where h1 lives. **Predict:** does h1's ping arrive at h2? What does h1 see? Who is told of the trouble?

# %%
sim = network(without=("r2", "0.0.0.0/0"))
captures = [sim.capture(link) for link in sim.links]
result = sim.run(ping(sim["h1"], "10.8.3.3", count=1))
print(result)
asker_told = any(result.answers)
crossings = [c for capture in captures for c in capture.crossings if ICMPMessage in c.packet]
SequenceDiagram.from_crossings(
    crossings, hosts=["h1", "s1", "r1", "r2", "h2"], title="The request arrives. The answer does not", scale="order"
)

# %% [markdown]
# There it is. The request arrives, h2 answers, and r2 has no way for the answer. It says so, as it must: 3/0, network unreachable, **to the sender of the packet that it dropped. That is h2.** h1 hears nothing, and sees a time-out.
# `ip route get` on h1 was right all the time. It says what *h1* would do. It knows nothing of r2.
#
# ## Exercise 8.5: there and back (the challenge)
#
# So write the tool that you would want to have: given everybody's tables, it follows a ping there and its answer back.
#
# `round_trip(tables: dict, homes: dict, routers: set, source: IPv4Address, destination: IPv4Address, ttl: int = 64) -> dict`
#
# - `tables[name]` is a list of `Route`s: the table of the node with this name, host or router.
# - `homes[address]` is the name of the node that has this `IPv4Address`. Addresses that nobody has are not in it.
# - `routers` has the names of the nodes that forward.
# - The node `homes[source]` pings `destination`. The request starts with this `ttl`.
#
# At each node that has the packet, in this order:
#
# 1. The destination is one of the node's own addresses (`homes`): it has arrived.
# 2. The packet has come in from another node, and this one is not in `routers`: it drops the packet without a word. (So does a host to which a packet of its own comes back.)
# 3. No route matches: **"no route"**.
# 4. The packet has come in from another node, with a TTL of 1: **"time exceeded"**. Otherwise a node that forwards takes one off; the node that sends does not.
# 5. The next hop is the route's `via`, or the destination where that is `None`. Nobody has that address: **"host unreachable"** (ARP gets no answer).
# 6. Otherwise the packet goes to the node that has the next hop's address.
#
# A request that has arrived is answered by a **"reply"**. Where a request ended with one of the three reports, the node where it ended sends a report. Either is a new packet, with TTL 64, from that node to `source`,
# and goes its way by the same rules. About *its* loss nobody tells `source`.
#
# Return a dict with
#
# - `"there"`: the names of the nodes that had the request, in order, from the sender on. A name may come several times.
# - `"back"`: the same for the reply or the report. Empty if there was none (rule 2).
# - `"sees"`: what the sender gets to see: `("reply", name)`, `("no route", name)`, `("time exceeded", name)` or `("host unreachable", name)`, with the name of the node that sent it, if that arrives at `source`. Else `("silence", None)`.
#
# For example, in the network of this chapter without r2's default route, from 10.8.1.2 to 10.8.3.3:
#
#     {"there": ["h1", "r1", "r2", "h2"], "back": ["h2", "r2"], "sees": ("silence", None)}
#
# and with TTL 1, from h1 too: `{"there": ["h1", "r1"], "back": ["r1", "h1"], "sees": ("time exceeded", "r1")}`. Switches have no addresses and do not appear. A node may also be asked for its own address: then it is "there" alone, and so it is "back".
#
# RFC 1122 section 3.3.1; RFC 1812 section 5.2. Worth 5 points. Your `longest_match` helps.


# %% solution="8.5"
def round_trip(
    tables: dict, homes: dict, routers: set, source: IPv4Address, destination: IPv4Address, ttl: int = 64
) -> dict:
    """Who has a ping on its way, who has what comes back, and what its sender sees."""

    ### BEGIN SOLUTION
    def follow(start: str, to: IPv4Address, ttl: int):
        """The nodes that have the packet, and how it ends."""
        path = [start]
        while homes.get(to) != path[-1]:
            node, is_sender = path[-1], len(path) == 1
            if not is_sender and node not in routers:
                return path, "dropped"
            found = longest_match(tables[node], to)
            if found is None:
                return path, "no route"
            if not is_sender:
                if ttl == 1:
                    return path, "time exceeded"
                ttl -= 1
            next_node = homes.get(to if found.via is None else found.via)
            if next_node is None:
                return path, "host unreachable"
            path.append(next_node)
        return path, "reply"

    there, end = follow(homes[source], destination, ttl)
    if end == "dropped":
        return {"there": there, "back": [], "sees": ("silence", None)}
    back, arrival = follow(there[-1], source, 64)
    return {"there": there, "back": back, "sees": (end, there[-1]) if arrival == "reply" else ("silence", None)}
    ### END SOLUTION


# %% check="8.5"
check("8.5", round_trip)

# %% [markdown]
# `tables_of` reads the three dicts off a simulation. Now predict with your function what `ping` sees, and let `ping` try:


# %% needs="8.2 8.5"
def told(sim: Simulation, source: str, destination: str, ttl: int = 64) -> tuple[str, str]:
    """What your function says of a ping, and what netlib's ping gets to see."""
    tables, homes, routers = tables_of(node for node in map(sim.__getitem__, ROUTES))
    predicted = round_trip(tables, homes, routers, IPv4Address(source), IPv4Address(destination), ttl)["sees"]
    result = sim.run(ping(sim[homes[IPv4Address(source)]], destination, count=1, ttl=ttl, timeout=5))
    [answer] = result.answers
    names = {0: "reply", 11: "time exceeded"}
    codes = {0: "no route", 1: "host unreachable"}
    if answer is None:
        return predicted, ("silence", None)
    message = answer.message
    return predicted, (names.get(message.type) or codes[message.code], homes[answer.source])


longest_match([], bytes(4))  # waits here until 8.2 is solved
cases = [
    ("all is well", network(), "10.8.3.3", 64),
    ("TTL 2", network(), "10.8.3.3", 2),
    ("an address that nobody has", network(), "10.8.3.99", 64),
    ("a loop", network(), "198.51.100.1", 64),
    ("r1 without its default route", network(without=("r1", "0.0.0.0/0")), "10.8.3.3", 64),
    ("r2 without its default route", network(without=("r2", "0.0.0.0/0")), "10.8.3.3", 64),
    ("h2 without its default route", network(without=("h2", "0.0.0.0/0")), "10.8.3.3", 64),
]
rows = []
for what, world, destination, ttl in cases:
    predicted, seen = told(world, "10.8.1.2", destination, ttl)
    rows.append((what, destination, *(f"{kind}{f' from {name}' if name else ''}" for kind, name in (predicted, seen))))
table(rows, ["case", "h1 pings", "your prediction", "what ping saw"], "Seven pings from h1")

# %% [markdown]
# Two different faults, two rows that look alike: with r2's or h2's default route gone, h1 sees silence. From h1 alone nobody can tell them apart. So look at the other end, and follow the answer.

# %% [markdown]
# ## Live: the Linux kernel
#
# The same network as Linux has it: h1, a bridge s1, two routers and two servers, each with a network stack of its own, inside this machine. Nothing leaves it, and it needs no root. 203.0.113.0/24 stands behind
# h2 *and* h3: each answers for all of it, so that you see which of them got a packet.
#
# Where the lab can't run, its recording plays. What needs your packets says so in one line, and tells what was seen on 23 November 2026 with Linux 6.18.

# %% live
from socket import AF_INET, SOCK_STREAM

from netlib.lab import Lab, LabError
from netlib.worlds.live import Live, PacketDevice


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def recorded(text: str) -> None:
    print(f"Not live here. Recorded on 23 November 2026 with Linux 6.18:\n{text}")


def echo_requests(capture) -> list:
    return [packet for _, packet in capture.packets if ICMPEcho in packet and packet[ICMPEcho].type == 8]


def ping_from_h1(destination: str):
    return lab["h1"].run(f"ping -n -c 1 -W 2 {destination}")


POINTS = ["h1:eth1", "s1:eth1", "s1:eth2", "r1:eth1", "r1:eth2", "r2:eth1", "r2:eth2", "h2:eth1", "r2:eth3", "h3:eth1"]
try:
    lab = Lab("08-routing").up()
    print(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)

# %% [markdown]
# ### Hop by hop
#
# h1's kernel pings 203.0.113.5, and every interface on the way is watched.

# %% live
if lab:
    captures = {point: lab.capture(point) for point in POINTS}
    said = ping_from_h1("203.0.113.5")
    for capture in captures.values():
        capture.stop()
    at_h1, at_r1, at_r2, at_h2 = (echo_requests(captures[f"{name}:eth1"])[0] for name in ("h1", "r1", "r2", "h2"))
    places = {"h1 to s1": at_h1, "s1 to r1": at_r1, "r1 to r2": at_r2, "r2 to h2": at_h2}
    switch_changes = at_h1.data != at_r1.data
    addresses_kept = len({bytes(p[IPv4Packet].source + p[IPv4Packet].destination) for p in places.values()}) == 1
    macs_kept = len({p[EthernetFrame].destination for p in places.values()}) == 1
    print("the switch:", "something changes" if switch_changes else "no byte changes")
    display(hops(places, EthernetFrame, "The kernel's Ethernet headers"))
    display(hops(places, IPv4Packet, "The kernel's IP headers"))
    fold("What ping printed", said)
else:
    switch_changes, addresses_kept, macs_kept = False, True, False
    recorded("the switch: no byte changes. At r1 and r2: both MAC addresses, TTL and checksum")

# %% [markdown]
# Now your `forwarded` gets each frame that went into a router, and the two MAC addresses. Does it make the frame that the kernel put out, byte for byte?

# %% live needs="8.1"
forwarded(came_in, bytes(6), bytes(6))  # waits here until 8.1 is solved
if lab:
    for name, before, after in (("r1", at_r1, at_r2), ("r2", at_r2, at_h2)):
        ethernet = after[EthernetFrame]
        same = forwarded(before.data, ethernet.source, ethernet.destination) == after.data
        print(f"{name}: your frame {'is' if same else 'is NOT'} the kernel's, all {len(after.data)} bytes")
else:
    recorded("r1 and r2: netlib's frames are the kernel's, all 98 bytes")

# %% [markdown]
# ### Which route does the kernel take?
#
# Seven pings from h1. Who gets them, h2 or h3, is for r2's kernel to decide.

# %% live
WAYS = [
    "203.0.113.5",
    "203.0.113.127",
    "203.0.113.128",
    "203.0.113.199",
    "203.0.113.200",
    "203.0.113.201",
    "203.0.113.202",
]


def who_got_it(destination: str) -> str:
    """h1 pings; whose interface sees the request?"""
    with lab.captures("h2:eth1", "h3:eth1") as watched:
        ping_from_h1(destination)
    return " ".join(name for name in ("h2", "h3") if echo_requests(watched[f"{name}:eth1"])) or "nobody"


if lab:
    by_kernel = {destination: who_got_it(destination) for destination in WAYS}
    display(table(by_kernel.items(), ["destination", "arrives at"], "By r2's kernel"))
else:
    by_kernel = dict(zip(WAYS, ["h2", "h2", "h3", "h3", "h2", "h3", "h3"], strict=True))
    recorded("at h2: .5, .127, .200. At h3: .128, .199, .201, .202")
longest_wins = by_kernel["203.0.113.201"] == "h3" and by_kernel["203.0.113.200"] == "h2"

# %% [markdown]
# ### Your verdicts, and the kernel's
#
# Six pings of h1, and r1's kernel as the judge. For this, r1's second link takes 1400 bytes only, and r1 has a route for 203.0.113.0/24 in place of its default route. **Predict** what r1 does with each:
# a ping for 203.0.113.5; the same with TTL 1; one with TTL 1 for 10.8.2.1, which is r1's address on its *other* link; one of 1500 bytes with Don't Fragment; one for 10.8.2.255; and one for 198.51.100.1.
#
# What r1's kernel did is read off its two interfaces. Your `route` gets the bytes of the same requests.

# %% live needs="8.4"
route(a_packet, 0, PORTS, TABLE)  # waits here until 8.4 is solved
SIX = [
    "203.0.113.5",
    "-t 1 203.0.113.5",
    "-t 1 10.8.2.1",
    "-M do -s 1472 203.0.113.6",  # 1472 bytes, 8 of ICMP header and 20 of IP header
    "10.8.2.255",
    "198.51.100.1",
]
R1_TABLE = Routes()
for network_of_r1, via, number in (
    ("10.8.1.0/24", None, 0),
    ("10.8.2.0/24", None, 1),
    ("203.0.113.0/24", "10.8.2.2", 1),
):
    R1_TABLE.add(Route(IPv4Network(network_of_r1), via and IPv4Address(via), number))


def in_short(actions) -> str:
    """Actions without their details."""
    kinds = [f"{kind} {rest[0]}/{rest[1]}" if kind == "report" else kind for kind, *rest in actions]
    return " and ".join(sorted(kinds)) or "drop"


def done_by_r1(watched) -> str:
    """What r1's kernel did with the request that came by its eth1."""
    actions = [("forward",)] if echo_requests(watched["r1:eth2"]) else []
    for _, packet in watched["r1:eth1"].packets:
        if ICMPMessage in packet and str(packet[IPv4Packet].destination) == "10.8.1.2":
            message, source = packet[ICMPMessage], str(packet[IPv4Packet].source)
            if message.is_error and source == "10.8.1.1":
                actions.append(("report", message.type, message.code))
            elif not message.is_error and packet[IPv4Packet].ttl == 64:  # nobody has taken one off
                actions.append(("deliver",))
    return in_short(actions)


if lab:
    lab["r1"].run("ip link set eth2 mtu 1400")
    lab["r1"].run("ip route del default")
    lab["r1"].run("ip route add 203.0.113.0/24 via 10.8.2.2")
    rows = []
    for words in SIX:
        with lab.captures("r1:eth1", "r1:eth2") as watched:
            lab["h1"].run(f"ping -n -c 1 -W 1 {words}")
        asked = echo_requests(watched["r1:eth1"])[0]
        yours = in_short(route(asked[IPv4Packet].build(), 0, PORTS, R1_TABLE))
        rows.append((f"ping {words}", yours, done_by_r1(watched)))
    lab["r1"].run("ip route del 203.0.113.0/24")
    lab["r1"].run("ip route add default via 10.8.2.2")
    lab["r1"].run("ip link set eth2 mtu 1500")
    lab["h1"].run("ip route flush cache")
    display(table(rows, ["h1's ping", "your verdict", "r1's kernel"], "Six packets at r1"))
    agreed = sum(yours == kernels for _, yours, kernels in rows)
    print(f"They agree about {agreed} of {len(rows)}.")
else:
    recorded("netlib and r1's kernel agree about 6 of 6:\n"
             "forward, report 11/0, deliver, report 3/4, drop, report 3/0")  # fmt: skip

# %% [markdown]
# ### The answer that finds no way
#
# r2's kernel loses its default route, as in the question of the beginning.

# %% live
if lab:
    lab["r2"].run("ip route del default")
    with lab.captures("h1:eth1", "h2:eth1") as watched:
        said = ping_from_h1("203.0.113.5")
    lab["r2"].run("ip route add default via 10.8.2.1")
    at_h2 = [packet[ICMPMessage].name for _, packet in watched["h2:eth1"].packets if ICMPMessage in packet]
    at_h1 = [packet[ICMPMessage].name for _, packet in watched["h1:eth1"].packets if ICMPMessage in packet]
    print("h2 sees:", ", ".join(at_h2))
    print("h1 sees:", ", ".join(at_h1))
    sender_told = len(at_h1) > 1
    fold("What ping printed", said)
else:
    sender_told = False
    recorded("h2 sees: echo request, echo reply, network unreachable\nh1 sees: echo request")

# %% [markdown]
# ### Round and round
#
# r1's and r2's default routes point at each other, and h1 pings an address that neither knows. What your simulation said of 64, and of r2, the kernel should say too.

# %% live
if lab:
    with lab.capture("r2:eth1") as watched:
        said = ping_from_h1("198.51.100.1")
    ttls = [packet[IPv4Packet].ttl for packet in echo_requests(watched)]
    span = [time for time, packet in watched.packets if ICMPEcho in packet and packet[ICMPEcho].type == 8]
    print(f"crossings: {len(ttls)}, with TTL from {ttls[0]} to {ttls[-1]}")
    in_seconds = span[-1] - span[0] >= 62
    print("It lived for", "a minute" if in_seconds else "less than a minute", "and 63 hops.")
    ended = "Time to live exceeded" in said.stdout and "10.8.2.2" in said.stdout
    print("r2 (10.8.2.2) told h1: time exceeded" if ended else "nobody told h1")
    fold("What ping printed", said)
else:
    in_seconds = False
    recorded("crossings: 63, with TTL from 63 to 1; r2 (10.8.2.2) told h1: time exceeded")

# %% [markdown]
# (You may find redirects in what ping printed. Linux sends them here although h1 is not on that link, where RFC 1812 section 5.2.7.2 has none: its setting `shared_media` stands for links on which several networks live.)
#
# ### Your trie between two kernels
#
# Now r2's kernel gives up its three addresses, and a netlib host takes its place: on three cables at once, with your trie for its routing table, and your `decrement_ttl` of chapter 5. Before it stands r1, a Linux kernel; behind it
# h2 and h3, Linux kernels. Each frame between them goes through your code.

# %% live needs="8.3"
Trie()  # waits here until 8.3 is solved
R2_ADDRESSES = ["10.8.2.2/24", "10.8.3.2/24", "10.8.4.2/24"]


def take_the_place_of_r2(stack: ExitStack) -> Host:
    """r2's kernel gives up its addresses; a host with your trie has them until `stack` ends."""
    you = Host("you", Random(8), Parts(routes=Trie, decrement_ttl=decrement_ttl), forwarding=True)
    devices = {}
    for number, address in enumerate(R2_ADDRESSES, 1):
        lab["r2"].run(f"ip addr flush dev eth{number}", check=True)
        interface = you.attach(address, MACAddress(f"02:00:00:00:aa:0{number}"))
        devices[interface] = PacketDevice(lab["r2"].packet_socket(f"eth{number}"))
    for destination, via in ROUTES["r2"].items():
        you.add_route(destination, via=via)
    for neighbour in ("r1", "h2", "h3"):
        lab[neighbour].run("ip neigh flush all", check=True)  # they forget r2's MAC addresses
    stack.enter_context(Live(you, devices))
    return you


def upload(size: int) -> int:
    """h1's kernel sends `size` bytes to h2's over TCP; how many arrive."""
    with lab["h2"].socket(AF_INET, SOCK_STREAM) as server, lab["h1"].socket(AF_INET, SOCK_STREAM) as client:
        server.bind(("203.0.113.5", 0))
        server.listen()
        client.settimeout(10)
        client.connect(server.getsockname())
        peer, _ = server.accept()
        with peer:
            peer.settimeout(10)
            client.sendall(bytes(size))
            client.close()
            received = 0
            while chunk := peer.recv(65536):
                received += len(chunk)
            return received


if live:
    with ExitStack() as stack:
        you = take_the_place_of_r2(stack)
        by_you = {destination: who_got_it(destination) for destination in WAYS}
        watched = {point: lab.capture(point) for point in POINTS}
        said = ping_from_h1("203.0.113.201")
        for capture in watched.values():
            capture.stop()
        arrived = upload(60_000)
    rows = [(destination, by_kernel[destination], by_you[destination]) for destination in WAYS]
    display(table(rows, ["destination", "by r2's kernel", "by your trie"], "Who gets it"))
    through = {
        point.replace("r2", "your host"): [
            (time, packet) for time, packet in watched[point].packets if ICMPEcho in packet
        ]
        for point in ("h1:eth1", "r1:eth1", "r1:eth2", "r2:eth1", "r2:eth3", "h3:eth1")
    }
    homes = {"10.8.1.2": "h1", "203.0.113.201": "h3"}
    display(SequenceDiagram.from_captures(through, hosts=homes, title="One ping through your router", scale="order"))
    print("They agree." if by_you == by_kernel else "They differ!")
    print("The answers came back through you:", "yes" if " 1 received" in said.stdout else "NO",
          "with TTL 62: two routers, and one of them is yours" if "ttl=62" in said.stdout else "")  # fmt: skip
    print(f"TCP from kernel to kernel, through you: {arrived} of 60000 bytes arrived.")
    print("dropped by your router:", dict(you.dropped) or "nothing")
else:
    recorded("netlib's trie and r2's kernel agree on all 7 destinations; the answers came back with TTL 62;\n"
             "TCP from kernel to kernel: 60000 of 60000 bytes arrived.")  # fmt: skip

# %% [markdown]
# Two Linux kernels have just talked to each other through a routing table that you wrote.
#
# ### Claims, and what holds

# %% live
rows = [
    ("A switch writes its own MAC address into frames", "IEEE 802.1Q: it passes them on as they are"),
    ("A router passes the frame on", "RFC 1812 5.2.1: the packet, in a new frame"),
    ("IP addresses stay from end to end (but for NAT)", "RFC 791 3.2: routers change TTL and checksum"),
    ("The first route that matches wins", "RFC 1812 5.2.4.3: the longest prefix wins"),
    ("If an answer gets lost, who asked is told", "RFC 1812 4.3: the sender of the lost packet is told"),
    ("The TTL is a time in seconds", "RFC 1812 5.3.1: at least 1 for each router, in effect a count of hops"),
]
in_netlib = [
    on_its_way[0].packet.data != on_its_way[1].packet.data,
    len({c.packet[EthernetFrame].destination for c in on_its_way}) == 1,
    len({c.packet[IPv4Packet].destination for c in on_its_way}) == 1,
    who_gets(network(), "203.0.113.201") != "h3",
    asker_told,
    crossed[-1].time - crossed[0].time >= 62,
]
in_kernel = [switch_changes, macs_kept, addresses_kept, not longest_wins, sender_told, in_seconds]
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
# **The new server** got its requests, because every table on the way *there* had a route. Its answers were lost at a router that knew nothing of the application's subnet: the old routers had been told of
# the new subnet, and the new router had not been told of the old ones. The error message went to the server, for it was the server's packet that had found no route. So: look at the *other* end for ICMP unreachables (`tcpdump icmp`), and ask each router on the way back `ip route get`
# with the *client's* address.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>A packet goes from your laptop through a switch and two routers to a server. Which addresses change where?</summary>
#
# At the switch none. At each router both MAC addresses: the source is then the router's own, the destination the next hop's. The IP addresses stay, unless a router does NAT. The TTL falls by one at each router, and the header checksum follows.
#
# </details>
#
# <details><summary>The table has 10.0.0.0/8 via A, 10.1.0.0/16 via B, and a default route via C. Where do 10.1.2.3, 10.2.3.4 and 11.0.0.1 go?</summary>
#
# To B, A and C. The longest prefix that matches wins; the order of the table means nothing, and the default route is the prefix of length 0.
#
# </details>
#
# <details><summary>How does a router find the longest prefix among a million routes?</summary>
#
# With a trie: walk along the bits of the address and remember the last route on the way. At most 32 steps for IPv4, 128 for IPv6, however many routes there are. Linux looks at several bits in one step (LC-trie); large routers have memory that compares
# all prefixes at once (TCAM).
#
# </details>
#
# <details><summary>What does a routing loop look like from outside?</summary>
#
# Packets to some destinations vanish, and the sender hears "time exceeded". A traceroute shows the same two or three addresses again and again. The cables between these routers carry each packet many times: up to 63 times for one of TTL 64.
#
# </details>
#
# <details><summary>ping from A to B fails, and B's tcpdump shows the requests. What are the three likely reasons?</summary>
#
# B does not answer (its firewall, or a missing route on B itself: then no reply leaves). A router on the way *back* has no route, or a wrong one: the replies leave B, and B may get ICMP unreachables. Something on the way back
# drops them on purpose: a firewall that never saw the request because the two ways differ, or a router that checks whether the source could come that way (reverse path filter, RFC 3704).
#
# </details>
#
# ## Where it goes next
#
# Chapter 9 puts ports on top: **UDP**, and your trie comes along with your switch and your ARP table, as one stack. Who writes routing tables of a million lines? Routing protocols do: inside a network OSPF or IS-IS, between networks **BGP**. They
# are not part of this course; all that they do in the end is `add` and `remove`.
#
# Worth reading, and short:
#
# - RFC 1812 section 5.2: forwarding, step by step; 5.2.4.3 the longest match; 5.3.1 the TTL. Section 4.3: what a router reports, and to whom.
# - RFC 1122 section 3.3.1: how a host finds its first hop. RFC 4632: why prefixes have any length.
# - RFC 2644: why directed broadcasts are off. RFC 3704: reverse path filters.
