# %% [markdown]
# # 4. IP addresses: who is a neighbour?
#
# The company's wiki, 172.17.3.9, opens on every desk but yours. Yesterday it opened on yours, too. `ping` says `From 172.17.0.1 ... Destination Host
# Unreachable`, and 172.17.0.1 is no router: it is *your own machine*. Nobody has changed the network. All you did was install Docker.
# **Who decided that the wiki is unreachable, and from what?**
#
# After this chapter you can
#
# - read an address and its mask as 32 bits, and refuse what only looks like an address;
# - say which addresses a network has, and which of them are for hosts;
# - predict for each packet to whom a host hands it: to the destination itself, or to the gateway;
# - write that decision in code, and show that a Linux kernel decides the same, 500 times out of 500;
# - plan networks: join them, cut pieces out, and tell private addresses from those of the Internet.
#
# It takes 60 to 90 minutes. You need chapter 3: hosts on a switch, and MAC addresses.

# %%
import json
import socket

from netlib import ARPPacket, IPv4Address, IPv4Network, IPv6Address, Parts, Simulation
from netlib.apps.ping import ping
from netlib.exercises.ip_addressing import answered, asked, destinations
from netlib.grading import NotImplementedYet, check
from netlib.internet import addressing
from netlib.internet.routes import Route
from netlib.view import SequenceDiagram, address_bits, claims, number_line, table, zoom
from netlib.wire.address import IPv4Interface
from netlib.wire.address6 import IPv6Interface
from netlib.wire.ethernet import EthernetFrame
from netlib.wire.icmp import ICMPMessage
from netlib.wire.ipv4 import IPv4Packet

# %% [markdown]
# ## By hand: an address is a number
#
# An IPv4 address is a number of 32 bits. Nothing else goes into a packet: the dots are for people. They write each of the four bytes in decimal, the highest first (**dotted quad**).
# So 10.4.0.10 is 10 · 2²⁴ + 4 · 2¹⁶ + 0 · 2⁸ + 10. Do it with your calculator, then run the cell.
#
# These two functions go both ways. Use them in your answers. Mind that `number` believes everything it is told; that will be your first exercise.


# %%
def number(text: str) -> int:
    """10.4.0.10 as a number. The text has to be an address: nothing is checked here."""
    a, b, c, d = text.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def dotted(value: int) -> str:
    """A number from 0 to 2**32 - 1 as an address."""
    return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def spaced(value: int) -> str:
    """1234567 as 1 234 567."""
    return f"{value:,}".replace(",", " ")


print("10.4.0.10 is", spaced(number("10.4.0.10")))
print(
    f"the next one is {dotted(number('10.4.0.10') + 1)}, and after 10.4.0.255 comes {dotted(number('10.4.0.255') + 1)}"
)

# %% [markdown]
# Such a number has two parts. The first bits say **which network** a host is in, the others **which host** of that network it is. Where the one ends and the other begins is not in the address. It stands beside it, written in
# one of two ways:
#
# - as a **mask**: a number with ones for the network's bits and zeroes for the host's, such as 255.255.255.0;
# - as a **prefix length**, the number of those ones: /24. This is **CIDR** notation (say "cider": Classless Inter-Domain Routing, RFC 4632).
#
# The two say the same. 10.4.0.10/24 and 10.4.0.10 with the mask 255.255.255.0 are the same host in the same network.

# %%
address_bits("10.4.0.10/24")

# %% [markdown]
# The third row is the address **and** the mask, bit by bit: where the mask has a 0, a 0 comes out. That is the number of the *network*. It is written with its prefix length, 10.4.0.0/24, since 10.4.0.0 alone
# could be the start of many networks, large and small.
#
# The boundary need not lie between two bytes. Where it lies inside one, you can't see the network in the decimal numbers any more. Do this one by hand: 203 is `1100 1011`. Of these 8 bits, 4 belong to the network, so its third number is `1100 0000`.

# %%
address_bits("172.17.203.9/20")

# %% [markdown]
# ## Predict: what do programs read?
#
# Before you write a reader for such texts, look at how others do it. Here are five texts. The first is an address. **Which address, if any, do you expect for each of the others?**
#
# | text | |
# |---|---|
# | `10.4.0.20` | as it should be |
# | `010.4.0.20` | a zero in front, as in a nicely aligned log file |
# | `10.4.20` | a number too few |
# | `0x0a.4.0.20` | hex |
# | `168034324` | one number |
#
# `inet_aton` is the C library's old function that turns texts into addresses. `ping` and many other programs still go by its rules.


# %%
def read_by(function, text: str) -> str:
    """The address that `function` makes of a text, or that it refuses."""
    try:
        return socket.inet_ntoa(function(text))
    except (OSError, ValueError):
        return "refused"


def inet_pton(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, text)


readers = {"inet_aton": socket.inet_aton, "inet_pton": inet_pton, "netlib": IPv4Address}
texts = ["10.4.0.20", "010.4.0.20", "10.4.20", "0x0a.4.0.20", "168034324"]
rows = [(text, *(read_by(reader, text) for reader in readers.values())) for text in texts]
table(rows, ["text", *readers], "One text, three readers")

# %% [markdown]
# `010` is *octal* for inet_aton, so eight: those packets go to somebody else's network. A number too few is filled up: the last one takes all the bytes that are left. `inet_pton`, its successor (RFC 3493 section 6.3), refuses all of that.
#
# This is no curiosity. A service that fetches web pages for its users must not fetch from 127.0.0.1. It checks the text with one reader, connects with another, and `0177.0.0.1` is two
# things at once (RFC 6943 section 3.1.1 is about that; Python's own `ipaddress` took 010 for 10 in its versions 3.8 and 3.9, until 2021: [CVE-2021-29921](https://nvd.nist.gov/vuln/detail/CVE-2021-29921)). The cure: **refuse whatever can be read in two ways, and say why in one line.**
#
# ## Exercise 4.1: parse
#
# `parse(text: str) -> tuple[int, int]`
#
# Return the number of the address, and the prefix length.
#
# - `text` is an address; or an address, a slash, and a prefix length; or an address, a slash, and a mask in dots. An address alone is one host, so its prefix length is 32.
# - The address comes back as it stands: its host bits are not cleared.
# - Raise `ValueError`, with a line that says what is wrong, for everything else.
#
# What an address is: exactly four numbers from 0 to 255, with dots between them. Each is written with the digits 0 to 9 and nothing else, without a zero in front (0 itself is fine). A prefix length is
# a number from 0 to 32, written in the same way. A mask is written like an address, and its ones stand together at the left: 255.255.240.0 is one, 0.0.0.0 and 255.255.255.255 are, too; 255.0.255.0 has a **hole**, and 0.0.0.255 is turned round.
# Both are refused. (RFC 950 once allowed holes. CIDR has no way to write them, and no use for them.)
#
# | text | result |
# |---|---|
# | `10.4.0.10/24` | `(168034314, 24)` |
# | `10.4.0.10/255.255.255.0` | `(168034314, 24)` |
# | `10.4.0.10` | `(168034314, 32)` |
# | `010.1.1.1`, `1.2.3`, `1.2.3.4/33`, `10.4.0.10/08`, `10.4.0.10/255.0.255.0` | `ValueError` |
#
# Don't leave it to `int` what a number is: it takes `" 7"`, `"+7"`, `"1_0"` and the digits of other scripts. `part.isascii() and part.isdigit()` is true of plain digits only.
#
# RFC 4632 section 3.1; RFC 6943 section 3.1.1. Worth 3 points. The modules `ipaddress` and `socket` are no help here: write it yourself.


# %% solution="4.1"
def parse(text: str) -> tuple[int, int]:
    """The number and the prefix length of an address, with a prefix length, a mask or nothing behind it."""

    ### BEGIN SOLUTION
    def decimal(part: str, most: int) -> int:
        if not (part.isascii() and part.isdigit()) or (part[0] == "0" and part != "0") or int(part) > most:
            raise ValueError(f"{text!r}: {part!r} is not a number from 0 to {most}, written without a zero in front")
        return int(part)

    def quad(four: str) -> int:
        parts = four.split(".")
        if len(parts) != 4:
            raise ValueError(f"{text!r}: {four!r} is not four numbers with dots between them")
        return sum(decimal(part, 255) << shift for part, shift in zip(parts, (24, 16, 8, 0), strict=True))

    address, slash, rest = text.partition("/")
    if not slash:
        return quad(address), 32
    if "." not in rest:
        return quad(address), decimal(rest, 32)
    bits = f"{quad(rest):032b}"
    if "01" in bits:
        raise ValueError(f"{text!r}: the ones of the mask {rest} don't stand together at the left")
    return quad(address), bits.count("1")
    ### END SOLUTION


# %% check="4.1"
check("4.1", parse)

# %% [markdown]
# Your words beside netlib's. What would help a colleague at three in the morning?

# %% needs="4.1"
parse("10.4.0.10/24")  # waits here until 4.1 is solved


def refusal(function, text: str) -> str:
    """The line with which `function` refuses a text."""
    try:
        return f"takes it: {function(text)}"
    except ValueError as error:
        return str(error)


def read_by_netlib(text: str) -> IPv4Interface:
    address, _, rest = text.partition("/")
    return IPv4Interface.from_mask(address, rest) if "." in rest else IPv4Interface(text)


BAD = ["010.1.1.1/8", "1.2.3/8", "1.2.3.4/33", "10.4.0.10/255.0.255.0", "10.4.0.10/0.0.0.255"]
table(
    [(text, refusal(parse, text), refusal(read_by_netlib, text)) for text in BAD], ["text", "you", "netlib"], "Refused"
)

# %% [markdown]
# ## A network is a stretch of numbers
#
# All addresses that share the network's bits lie side by side on the line of numbers. So a network is a stretch of that line. Each bit more cuts it in half. This is where the office is, on the line of all addresses:

# %%
zoom(
    ["0.0.0.0/0", "10.0.0.0/8", "10.4.0.0/16", "10.4.0.0/24"],
    {"network": "10.4.0.0", "gateway": "10.4.0.1", "h1": "10.4.0.10", "h2": "10.4.0.20", "broadcast": "10.4.0.255"},
    "From all addresses to the office's",
)

# %% [markdown]
# With a prefix of 24 bits, 8 are left for hosts, and 2⁸ = 256 addresses. Two of them are not for hosts:
#
# - all host bits 0: 10.4.0.0, the name of the **network** itself;
# - all host bits 1: 10.4.0.255, the **broadcast** address. It means everybody in this network (RFC 919, RFC 1122 section 3.2.1.3).
#
# So 254 are left. Two sizes are different. A **/31** has two addresses and would have none left; it is for a link with two ends, and both are hosts' (RFC 3021). A **/32** is one host.
#
# ## Exercise 4.2: subnet
#
# `subnet(address: str, prefix: int) -> dict`
#
# - `address` is a sound address, `prefix` a length from 0 to 32.
# - Return a dict with these six keys. Addresses are text, as `dotted` writes it.
#
# | key | value | for `subnet("10.4.0.10", 24)` |
# |---|---|---|
# | `"network"` | the network's first address, without its prefix length | `"10.4.0.0"` |
# | `"mask"` | the mask | `"255.255.255.0"` |
# | `"broadcast"` | the broadcast address; `None` for /31 and /32, which have none | `"10.4.0.255"` |
# | `"first"` | the lowest address that a host can have | `"10.4.0.1"` |
# | `"last"` | the highest one | `"10.4.0.254"` |
# | `"count"` | how many hosts can have an address: an `int` | `254` |
#
# For a /31, `first` and `last` are its two addresses and `count` is 2. For a /32, both are the address itself and `count` is 1. Down to /0 the rule is the same as for /24, however little sense that makes.
#
# A hint for the mask: `0xFFFFFFFF << (32 - prefix)` has its ones in the right place, and some above bit 31 that have to go: `& 0xFFFFFFFF`.
#
# RFC 4632 section 3.1; RFC 1122 section 3.2.1.3; RFC 3021. Worth 3 points.


# %% solution="4.2"
def subnet(address: str, prefix: int) -> dict:
    """What follows from an address and a prefix length."""
    ### BEGIN SOLUTION
    mask = 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF
    low = number(address) & mask
    high = low | ~mask & 0xFFFFFFFF
    spared = 1 if prefix < 31 else 0
    return {
        "network": dotted(low),
        "mask": dotted(mask),
        "broadcast": dotted(high) if spared else None,
        "first": dotted(low + spared),
        "last": dotted(high - spared),
        "count": high - low + 1 - 2 * spared,
    }
    ### END SOLUTION


# %% check="4.2"
check("4.2", subnet)

# %% [markdown]
# ## Predict: what is said of a /24
#
# A slide that many have learned from says: "/24: **2²⁴ networks, and each network has 2⁸ (255) hosts**". And of private addresses: "192.168.x.x and 10.0.0.x". Others will tell you that no host's address ends with 255, and that a /31 is of no use. **What of this holds?** Decide, then run.

# %% needs="4.2"
office, pair, store = subnet("10.4.0.10", 24), subnet("10.4.16.0", 31), subnet("10.4.8.10", 22)
not_for_hosts = sum(IPv4Network(text).size // 256 for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"))
ten = IPv4Network("10.0.0.0/8")
table(
    [
        ("255 hosts in a /24", f"{office['count']} hosts: {office['first']} to {office['last']}", "RFC 1122 3.2.1.3"),
        ("2²⁴ networks of /24", f"{spaced(2**24 - not_for_hosts)} at most: 0, 127 and 224 to 255 are out", "RFC 6890"),
        ("a /31 is useless", f"{pair['count']} hosts: {pair['first']} and {pair['last']}", "RFC 3021"),
        ("hosts never end with 255", f"10.4.8.255 lies between {store['first']} and {store['last']}", "RFC 4632 3.1"),
        ("10.0.0.x is private", f"all of {ten}: {spaced(ten.size)} addresses. And 172.16.0.0/12", "RFC 1918 3"),
    ],
    ["What is said", "What holds", "Where it says so"],
    "Reconcile",
)  # fmt: skip

# %% [markdown]
# 2⁸ is 256, not 255. And the 2²⁴ counts all prefixes of 24 bits, among them those of multicast (224.0.0.0/4) and of loopback. (Before CIDR, **class C** networks had 24 bits, of which 3 were fixed: 2²¹ of them. Classes A, B and C are history since
# 1993: today the mask alone says how large a network is, and 10.4.0.0/24 is as good as 192.168.0.0/24.)
#
# ## The decision
#
# Now the question for which addresses have two parts at all. h1 has a packet for some destination. There are two ways to hand it over:
#
# - the destination is **on the link**, in one of h1's own networks: it is a neighbour. The frame is addressed to the *destination's* MAC address;
# - it is not: the frame is addressed to the MAC address of the **gateway**, a router that is a neighbour, and that knows more of the world. Configuring "the gateway" means adding a **default route** by way of it.
#
# h1 decides that alone. It compares its own address, its mask and the destination; nobody is asked. The IP address that gets the frame on this link is called the **next hop**. Here is an office network; the wiki is in another network behind r1:


# %%
def office_network(prefix: int = 24, parts: Parts | None = None) -> Simulation:
    """h1, with a mask of so many bits, and what is around it, in simulated time. Every cable takes 1 ms."""
    return Simulation.topology(
        f"""
        h1 10.4.0.10/{prefix} -- s1                                        delay=1ms
        h2 10.4.0.20/24 -- s1                                              delay=1ms
        s1 -- 10.4.0.1/24 r1 172.17.3.1/24 -- 172.17.3.9/24 wiki           delay=1ms
        """,
        seed=4,
        parts={"h1": parts} if parts else {},
    )


office_network().drawing("The office, and the wiki")

# %% [markdown]
# Now h1 pings its neighbour h2, and then the wiki. To whom does it address its frames?


# %%
def pinged(sim: Simulation, destination: str):
    """h1 pings once; returns the result, and the frames that crossed any cable."""
    capture = sim.capture()
    result = sim.run(ping(sim["h1"], destination, count=1, size=8, timeout=4))
    return result, capture.crossings


def addressed(crossings, sender: str = "h1"):
    """Of the first echo request that `sender` sent: MAC destination and IP destination."""
    for crossing in crossings:
        if crossing.sender == sender and ICMPMessage in crossing.packet:
            return str(crossing.packet[EthernetFrame].destination), str(crossing.packet[IPv4Packet].destination)
    return "none sent", ""


owner = {"02:00:00:00:00:01": "h1", "02:00:00:00:00:02": "h2", "02:00:00:00:00:03": "r1"}
rows = []
for destination in ("10.4.0.20", "172.17.3.9"):
    result, crossings = pinged(office_network(), destination)
    mac, ip = addressed(crossings)
    rows.append((destination, f"{mac} ({owner[mac]})", ip, f"TTL {result.answers[0].ttl} left of 64"))
table(rows, ["h1 pings", "MAC address on h1's frame", "IP address in it", "answer"], "To whom h1 hands its packets")

# %% [markdown]
# Look at the second row. The frame is addressed to the gateway, the *packet* is not: its destination stays the wiki all the way. "The packet is sent to the gateway's IP address" is a
# misunderstanding that makes the rest impossible to understand. The gateway's IP address never goes into a packet for the wiki. All that it is good for is to find the gateway's MAC address, by a question on the link
# (**ARP**, chapter 7), with which the picture begins. Watch who asks for whom:

# %%
not_flooded = [crossing for crossing in crossings if crossing.receiver != "h2"]  # the switch asks h2 for r1, too
SequenceDiagram.from_crossings(
    not_flooded, hosts=["h1", "s1", "r1", "wiki"], title="h1 pings the wiki: handed to the gateway"
)

# %% [markdown]
# ## Exercise 4.3: next_hop
#
# `next_hop(destination: str, interfaces: dict[str, str], gateway: str | None) -> tuple[str, str] | None`
#
# - `destination` is a sound address. In this exercise it is never multicast.
# - `interfaces` has at least one entry: from the interface's name to its address with prefix length, such as `{"eth1": "10.4.0.10/24", "eth2": "10.4.8.10/22"}`. No two have the same address.
# - `gateway` is the address of the default gateway, or `None`. It is never one of the host's own.
# - Return `(name of the interface, next hop)` as a tuple of two texts, or `None` where there is no way.
#
# The rules, the first that applies from top to bottom:
#
# 1. A gateway has to be a neighbour: if one is given, and it is in none of the networks, raise `ValueError`. Do so whatever the destination is: a host with such a gateway is set up wrongly.
# 2. The destination is one of the host's own addresses, or in 127.0.0.0/8: the packet does not leave the host. Return `("lo", destination)`; `lo` is the **loopback** interface.
# 3. The destination is in the network of an interface: a neighbour. Return that interface, and the destination itself. Broadcast addresses need no rule of their own: everybody is a neighbour.
#    If several networks hold it, the one with the **longest prefix** wins: it says most about the address. Of equally long ones, the first in `interfaces`.
# 4. There is a gateway: return the interface that leads to it, found as in rule 3, and the gateway.
# 5. Else `None`. (The kernel says "Network is unreachable".)
#
# For example, with `interfaces = {"eth1": "10.4.0.10/24"}`:
#
#     next_hop("10.4.0.20", interfaces, "10.4.0.1")        ("eth1", "10.4.0.20")
#     next_hop("172.17.3.9", interfaces, "10.4.0.1")       ("eth1", "10.4.0.1")
#     next_hop("172.17.3.9", interfaces, None)             None
#     next_hop("10.4.0.20", interfaces, "10.9.9.9")        ValueError
#
# The texts in `interfaces` are sound. So split them at the slash and take `number` and `int` for the two parts, or your `parse` for the whole.
# It gives you the host's own address: the network's is what is left when its host bits are cleared.
#
# RFC 1122 section 3.3.1.1. Worth 4 points.


# %% solution="4.3"
def next_hop(destination: str, interfaces: dict[str, str], gateway: str | None) -> tuple[str, str] | None:
    """The interface that a packet leaves by, and the address on that link that it is handed to."""

    ### BEGIN SOLUTION
    def link(address: str) -> str | None:
        best, longest = None, -1
        for name, text in interfaces.items():
            own, prefix = text.split("/")
            host_bits = 32 - int(prefix)
            if number(own) >> host_bits == number(address) >> host_bits and int(prefix) > longest:
                best, longest = name, int(prefix)
        return best

    if gateway is not None and link(gateway) is None:
        raise ValueError(f"the gateway {gateway} is in none of the networks {', '.join(interfaces.values())}")
    own_addresses = [text.split("/")[0] for text in interfaces.values()]
    if destination in own_addresses or destination.startswith("127."):
        return "lo", destination
    if link(destination) is not None:
        return link(destination), destination
    if gateway is not None:
        return link(gateway), gateway
    return None
    ### END SOLUTION


# %% check="4.3"
check("4.3", next_hop)

# %% [markdown]
# Now your function decides for h1. In netlib's host the routing table is a part like others. The class below is one that keeps no table: it asks `next_hop`.


# %% needs="4.3"
class AsksYou:
    """A routing table for `Parts(routes=...)`: remembers networks and gateway, and asks your next_hop."""

    def __init__(self):
        self.interfaces, self.gateway = {}, None

    def add(self, route):
        if route.via is None:
            self.interfaces[str(route.interface)] = str(route.network)  # the network's name does for our own address
        else:
            self.gateway = str(route.via)

    def remove(self, network):
        self.gateway = None

    def lookup(self, destination):
        way = next_hop(str(IPv4Address(destination)), self.interfaces, self.gateway)
        if way is None or way[0] == "lo":
            return None
        name, hop = way
        via = IPv4Address(hop) if hop == self.gateway and hop != str(IPv4Address(destination)) else None
        return Route(IPv4Network.around(destination, 32), via, int(name))


next_hop("10.4.0.20", {"eth1": "10.4.0.10/24"}, None)  # waits here until 4.3 is solved
for destination in ("10.4.0.20", "172.17.3.9"):
    result, crossings = pinged(office_network(parts=Parts(routes=AsksYou)), destination)
    mac, _ = addressed(crossings)
    print(f"{destination}: your next_hop hands it to {owner[mac]}; {result.received} of 1 answered")

# %% [markdown]
# ## Predict: a wrong mask
#
# A mask is typed in once and then forgotten. Suppose that it is wrong. It can be too **short** (/5 for /24: h1 takes everybody from 8.0.0.0 to 15.255.255.255 for a neighbour) or too **long** (/28 for /24: h1 takes h2 for a stranger).
# **Predict** for both: h1 pings h2 (10.4.0.20), the wiki (172.17.3.9) and 8.8.8.8, which stands for the rest of the world and is nobody here. What happens, and who says so?

# %%
rows, long_mask = [], []
for prefix in (24, 5, 28):
    for destination in ("10.4.0.20", "172.17.3.9", "8.8.8.8"):
        sim = office_network(prefix)
        result, crossings = pinged(sim, destination)
        asked_for = next(c.packet[ARPPacket].target_ip for c in crossings if c.sender == "h1" and ARPPacket in c.packet)
        answer = result.answers[0]
        end = f"answered, TTL {answer.ttl}" if answer.is_reply else f"{answer.message.name}, says {answer.source}"
        if result.redirects:
            end += f"; redirect, says {result.redirects[1].source}"
        rows.append((f"/{prefix}", destination, asked_for, end))
        if (prefix, destination) == (28, "10.4.0.20"):
            long_mask = crossings
table(rows, ["h1's mask", "pings", "asks for the MAC address of", "and then"], "Three masks")

# %% [markdown]
# Read it row by row:
#
# - **Right** (/24): r1 knows no way to 8.8.8.8, and says so. That is as it should be, in so small a world.
# - **Too short** (/5): for 8.8.8.8 h1 asks its own link. Nobody answers, and h1 tells *itself* that the host is unreachable. Nothing has left the building. The wiki still works, since 172.17.3.9 lies outside 8.0.0.0/5 (8.0.0.0 to 15.255.255.255). So a mask that is too short breaks *some* destinations: those that it
#   wrongly covers. It also breaks them when *they* begin: their packets arrive, and h1's answers don't leave.
# - **Too long** (/28): it works. Only h1 hands packets for h2 to r1, and r1 brings them back to the same link, with a TTL of one less. r1 notices, and says so: an ICMP **redirect**, "h2 is right there" (RFC 792; RFC 1812 section 5.2.7.2).
#   Hardly anybody looks at redirects, so such a mask may stay wrong for years, while h1's packets to its neighbours take a detour through the gateway.

# %%
SequenceDiagram.from_crossings(
    [c for c in long_mask if IPv4Packet in c.packet],
    hosts=["h1", "s1", "h2", "r1"],
    title="A mask that is too long: to a neighbour by way of the gateway (without ARP)",
)

# %% [markdown]
# ## Many networks, one line
#
# The gateway, in turn, knows the rest of the world by a list of networks, its **routing table** (chapter 8). So do firewalls and cloud providers. The shorter such a list, the better, and halves help: 10.4.0.0/25 and 10.4.0.128/25 together are exactly 10.4.0.0/24.
# To join networks like that is called **aggregation**. It is what CIDR was made for, when in 1993 the Internet's routers were running out of memory.
#
# Not any two neighbours can be joined, though. **Predict:** which of these pairs are one network?

# %%
pairs = [("10.4.0.0/24", "10.4.1.0/24"), ("10.4.1.0/24", "10.4.2.0/24"), ("10.4.2.0/24", "10.4.3.0/24")]
rows = []
for left, right in pairs:
    parent = IPv4Network(left).parent
    first_bits = [f"{number(text.split('/')[0]) >> 8 & 3:02b}" for text in (left, right)]
    joined = f"{parent}" if parent == IPv4Network(right).parent else "no: they differ in more than the last bit"
    rows.append((left, right, " and ".join(first_bits), joined))
table(rows, ["one", "and the next", "last two bits of their prefixes", "together one network?"], "Neighbours")

# %%
number_line(
    {
        "/24": ["10.4.0.0/24", "10.4.1.0/24", "10.4.2.0/24", "10.4.3.0/24"],
        "/23": ["10.4.0.0/23", "10.4.2.0/23"],
        "/22": ["10.4.0.0/22"],
    },
    caption="Halves, and what they are halves of",
)

# %% [markdown]
# A network of n addresses begins at a multiple of n. 10.4.1.0/24 and 10.4.2.0/24 lie side by side, but a /23 of both would begin at 10.4.1.0, and that is no multiple of 512.
# Two networks are the halves of one if they have the same length, and their prefixes differ in the last bit only.
#
# ## Exercise 4.4: aggregate
#
# `aggregate(networks: list[str]) -> list[str]`
#
# - `networks` are sound, such as `"10.4.0.0/24"`: no host bits are set. They come in any order; some may lie inside others, or be there twice. The list may be empty.
# - Return the **fewest** networks that hold exactly the same addresses: not one more, not one less. In the order of their addresses, the lowest first (as numbers: 9.0.0.0 comes before 10.0.0.0).
#
# For example, `aggregate(["10.4.2.0/23", "10.4.1.0/24", "10.4.0.0/24", "10.4.3.7/32"])` is `["10.4.0.0/22"]`: the two /24 make a /23, that and the other one make a /22, and the single host was inside already.
#
# For each input there is one right answer: in a cover with the fewest networks none lies inside another, and no two are the halves of one.
#
# RFC 4632 section 3.1. Worth 4 points.


# %% solution="4.4"
def aggregate(networks: list[str]) -> list[str]:
    """The fewest networks that hold exactly the addresses of these, in order."""
    ### BEGIN SOLUTION
    known = sorted((number(text.split("/")[0]), int(text.split("/")[1])) for text in networks)  # wider ones first
    cover: list[tuple[int, int]] = []
    for start, prefix in known:
        if cover and cover[-1][0] >> 32 - cover[-1][1] == start >> 32 - cover[-1][1]:
            continue  # inside the last one
        cover.append((start, prefix))
        while len(cover) > 1:
            (left, length), (right, other) = cover[-2:]
            if length != other or left ^ right != 1 << 32 - length:
                break
            cover[-2:] = [(left, length - 1)]
    return [f"{dotted(start)}/{prefix}" for start, prefix in cover]
    ### END SOLUTION


# %% check="4.4"
check("4.4", aggregate)

# %% needs="4.4"
given = ["10.4.0.0/24", "10.4.1.0/24", "10.4.2.0/25", "10.4.2.128/26", "10.4.2.192/26", "10.4.3.64/26"]
cover = aggregate(given)
print(f"{len(given)} networks become {len(cover)}: {', '.join(cover)}")
number_line(
    {"given": given, "your cover": cover}, "10.4.0.0/22", caption="Six networks, and the fewest for the same addresses"
)

# %% [markdown]
# ## Docker and the wiki
#
# Docker makes a network of its own inside your machine: an interface `docker0`, with the address 172.17.0.1/16. The wiki is at 172.17.3.9. On the line of numbers:

# %%
number_line(
    {"docker0": ["172.17.0.0/16"], "the wiki's network": ["172.17.3.0/24"]},
    points={"your machine": "172.17.0.1", "wiki": "172.17.3.9"},
    caption="Two networks that want the same addresses",
)

# %% needs="4.3"
before = next_hop("172.17.3.9", {"eth1": "10.4.0.10/24"}, "10.4.0.1")
after = next_hop("172.17.3.9", {"eth1": "10.4.0.10/24", "docker0": "172.17.0.1/16"}, "10.4.0.1")
print("yesterday:", before)
print("today:    ", after)

# %% [markdown]
# There is the answer. Your machine did what rule 3 says: the wiki's address is in docker0's network, so the wiki must be a neighbour there. It asks docker0 for the wiki's MAC address, nobody answers, and *your own machine* tells `ping` that the host is unreachable. Nothing ever left by eth1.
# VPNs do the same when both ends use 192.168.1.0/24, and cloud networks that are to be connected after they were both set up as 10.0.0.0/16.
#
# How can that happen, with four billion addresses? Because these are **private** addresses: everybody may use them, and so everybody does.
#
# ## Not all addresses are alike
#
# IANA keeps a registry of address ranges with a special purpose (RFC 6890, with changes). These are the ones that you meet:
#
# | range | word | what for |
# |---|---|---|
# | 0.0.0.0/8 | `this network` | as a source: "I have no address yet" (RFC 1122 section 3.2.1.3). To sockets, 0.0.0.0 is "all my addresses" when they listen, and to most kernels this host when they connect |
# | 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 | `private` | anybody's, inside their own network (RFC 1918) |
# | 100.64.0.0/10 | `shared` | between a provider and its customers, when the provider does NAT, too (RFC 6598) |
# | 127.0.0.0/8 | `loopback` | this host, all 16 million of them (RFC 1122 section 3.2.1.3) |
# | 169.254.0.0/16 | `link-local` | made up by a host that got none, never forwarded (RFC 3927). Clouds answer on 169.254.169.254 with credentials |
# | 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 | `documentation` | for examples in texts (RFC 5737) |
# | 198.18.0.0/15 | `benchmarking` | for tests of devices (RFC 2544) |
# | 224.0.0.0/4 | `multicast` | groups of hosts (RFC 5771) |
# | 240.0.0.0/4 | `reserved` | for "future use" since 1989 (RFC 1112 section 4) |
# | 255.255.255.255/32 | `broadcast` | everybody on this link (RFC 919) |
#
# Where they lie, among all addresses (there are more in netlib's copy of the registry: `netlib.internet.addressing.REGISTRY`):

# %%
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
number_line(
    {
        "not for hosts": ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"],
        "private": PRIVATE,
        "others": ["100.64.0.0/10", "169.254.0.0/16", "198.18.0.0/15"],
    },
    "0.0.0.0/0",
    points={
        "this network": "0.0.0.0",
        "private (/8)": "10.0.0.0",
        "shared": "100.64.0.0",
        "loopback": "127.0.0.0",
        "link-local": "169.254.0.0",
        "private (/12)": "172.16.0.0",
        "private (/16)": "192.168.0.0",
        "benchmarking": "198.18.0.0",
        "multicast": "224.0.0.0",
        "reserved": "240.0.0.0",
    },
    caption="Special ranges among all addresses",
)

# %% [markdown]
# ## Exercise 4.5: special
#
# A service of yours fetches a URL for its users: a preview, a webhook. Then a user may ask it for `http://169.254.169.254/`, and it hands out the cloud's credentials. (This is **SSRF**, server-side request forgery.) Before it connects, it has to know what kind of address it has got.
#
# `special(address: str) -> str`
#
# - `address` is a sound address.
# - Return the word from the table above, or `"global"` for an address that is in none of these ranges. Where ranges lie inside each other, the longest prefix wins again.
#
# For example, `special("172.31.0.1")` is `"private"`, and `special("172.32.0.1")` is `"global"`.
#
# RFC 6890 section 2.2.2. Worth 2 points.


# %% solution="4.5"
def special(address: str) -> str:
    """What an address is set apart for, in a word; "global" for an ordinary address."""
    ### BEGIN SOLUTION
    ranges = [
        ("255.255.255.255/32", "broadcast"),
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "shared"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("192.0.2.0/24", "documentation"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("198.18.0.0/15", "benchmarking"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    ]
    for text, word in ranges:
        network, prefix = text.split("/")
        if number(network) >> 32 - int(prefix) == number(address) >> 32 - int(prefix):
            return word
    return "global"
    ### END SOLUTION


# %% check="4.5"
check("4.5", special)

# %% [markdown]
# Now the guard of that service. A user hands in hosts as text; the guard reads them strictly, and lets pass what is global.

# %% needs="4.1 4.5"
parse("10.4.0.10"), special("10.4.0.10")  # waits here until both are solved
rows = []
for text in ("93.184.216.34", "169.254.169.254", "127.0.0.53", "010.1.1.1", "0177.0.0.1", "172.20.1.7", "2130706433"):
    try:
        value, prefix = parse(text)
        word = special(dotted(value))
    except ValueError:
        word = "no address"
    rows.append((text, read_by(socket.inet_aton, text), word, "fetch" if word == "global" else "REFUSE"))
table(rows, ["what the user wrote", "where inet_aton would go", "your verdict", "so"], "A guard")

# %% [markdown]
# Look at the second column: a guard that looked for the text "127." would have let two of these pass to this very machine. (A real guard checks the address that it *connects to*, after DNS and after each redirect. Chapter 18 says why.)
#
# ## Exercise 4.6: carve (the challenge)
#
# A VPN is to carry everything *but* the office: all traffic of your laptop goes into the tunnel, except what is for private addresses. But a VPN such as WireGuard takes a list of what goes in (`AllowedIPs`), not of what stays out. So you need the *rest* of 0.0.0.0/0 once
# the private ranges are cut out, as networks.
#
# `carve(network: str, holes: list[str]) -> list[str]`
#
# - `network` and `holes` are sound networks. Holes may lie inside the network, inside each other, around it or elsewhere; there may be none.
# - Return the fewest networks that hold exactly those addresses of `network` which are in none of the holes, in the order of their addresses. If nothing is left, return an empty list.
#
# For example, `carve("10.4.0.0/24", ["10.4.0.64/26"])` is `["10.4.0.0/26", "10.4.0.128/25"]`.
#
# A hint: two networks are either apart, or one is inside the other. So there are three cases for a network and the holes: a hole holds all of it; no hole touches it; or there is a hole inside. In the third case, what could you do with its two halves?
#
# RFC 4632 section 3.1. Worth 4 points.


# %% solution="4.6"
def carve(network: str, holes: list[str]) -> list[str]:
    """The fewest networks that hold what is left of one when the holes are cut out, in order."""

    ### BEGIN SOLUTION
    def cut(text: str) -> tuple[int, int]:
        address, prefix = text.split("/")
        return number(address), int(prefix)

    def covers(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
        return outer[1] <= inner[1] and outer[0] >> 32 - outer[1] == inner[0] >> 32 - outer[1]

    def left(whole: tuple[int, int]) -> list[tuple[int, int]]:
        if any(covers(hole, whole) for hole in out):
            return []
        if not any(covers(whole, hole) for hole in out):
            return [whole]
        start, prefix = whole
        return left((start, prefix + 1)) + left((start | 1 << 31 - prefix, prefix + 1))

    out = [cut(hole) for hole in holes]
    return [f"{dotted(start)}/{prefix}" for start, prefix in left(cut(network))]
    ### END SOLUTION


# %% check="4.6"
check("4.6", carve)

# %% needs="4.6"
kept = carve("0.0.0.0/0", PRIVATE)
print(f"AllowedIPs = {', '.join(kept[:4])}, ... {len(kept)} networks in all")
number_line({"in the tunnel": kept, "stays out": PRIVATE}, "0.0.0.0/0", caption="Everything but the private ranges")

# %% [markdown]
# Three holes, and a long list. Each bit that a hole is longer than the network leaves one piece behind, on the way down to it: 8 + 12 + 16 bits, less what the holes share.
#
# ## The same with 128 bits
#
# "An IP address has four bytes" is true of IPv4. An IPv6 address has sixteen. Most of this chapter stays: prefixes, halves, the longest one, neighbours and gateways. Some things do not:

# %%
v6 = IPv6Interface("2001:db8:4:0:0:0:0:10/64")
table(
    [
        ("bits", 32, 8 * len(v6.address)),
        ("written", "10.4.0.10/24; a mask or a length", f"{v6}; always a length"),
        ("network", IPv4Interface("10.4.0.10/24").network, v6.network),
        ("a usual link", "/24, 254 hosts", f"/64, 2**{128 - v6.network.prefix} addresses (RFC 4291 2.5.1)"),
        ("broadcast address", "all host bits 1", "none; multicast groups instead (RFC 4291 2)"),
        ("this host", "127.0.0.0/8", f"one: {IPv6Address.LOOPBACK}"),
        ("private", "RFC 1918", "unique local, fc00::/7 (RFC 4193)"),
        ("the gateway", "configured, or by DHCP: 10.4.0.1", "announced by the router: fe80::... (RFC 4861)"),
        ("who is a neighbour", "who is in my network", "who is in a prefix announced as on-link (RFC 5942)"),
    ],
    ["", "IPv4", "IPv6"],
    "What changes",
)  # fmt: skip

# %% [markdown]
# The last row is easily overlooked. In IPv4, an address and its mask say who is a neighbour. In IPv6 an address says nothing of the kind: a host sends everything to the router, unless that has said that a prefix is on this link.
#
# ## Live: the Linux kernel
#
# Now the same office with Linux in it: network stacks of your own kernel, connected by virtual cables. h1 has a second interface: on a cable of its own is a store, 10.4.8.255/22.
#
#     h1 (.10) ---- sw ---- (.1) r1 (172.17.3.1) ---- (172.17.3.9) wiki
#      |            |
#      |       h2 (.20)                10.4.0.0/24 at the switch, 172.17.3.0/24 behind r1
#      |
#     eth2 (10.4.8.10) ------------------------------ (10.4.8.255) store         10.4.8.0/22
#
# Where the lab can't run, its recording plays: your functions then work on what the kernel said on 23 November 2026. The one cell in which your code sends packets of its own says so in one line.

# %% live
from html import escape
from random import Random

from IPython.display import HTML, display

from netlib import Host, MACAddress
from netlib.lab import Lab, LabError

R1, WIKI = "10.4.0.1", "172.17.3.9"
POINTS = "h1:eth1", "h2:eth1", "r1:eth1", "r1:eth2", "wiki:eth1"


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def recorded(text: str) -> None:
    print(f"Not live here. Recorded on 23 November 2026 with Linux 6.18:\n{text}")


def on_h1(*commands: str) -> None:
    """Commands that have to succeed."""
    for command in commands:
        lab["h1"].run(command, check=True)


def kernel_pings(address: str):
    return lab["h1"].run(f"ping -n -c 1 -W 5 {address}")


def said_by(done) -> str:
    """What a ping came to, in a few words."""
    if done:
        return "answered"
    words = [line for line in (done.stdout + done.stderr).splitlines() if "nreachable" in line]
    return words[0].replace(" icmp_seq=1", "").removeprefix("ping: connect: ") if words else "no answer"


try:
    lab = Lab("04-ip-addressing").up()
    print(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)

# %% [markdown]
# **First your `parse` and your `subnet` read the kernel's own words.** `ip addr` knows addresses and prefix lengths; in its table the kernel keeps routes to its networks, made from them.

# %% live needs="4.1 4.2"
parse("10.4.0.10/24"), subnet("10.4.0.10", 24)  # waits here until both are solved
if lab:
    shown = json.loads(lab["h1"].run("ip -4 -j addr show", check=True).stdout)
    routes = lab["h1"].run("ip -4 route", check=True)
    rows = []
    for link in shown:
        for entry in link["addr_info"]:
            value, prefix = parse(f"{entry['local']}/{entry['prefixlen']}")
            found = subnet(dotted(value), prefix)
            network = f"{found['network']}/{prefix}"
            there = network in routes.stdout or link["ifname"] == "lo"
            same = found["broadcast"] == entry.get("broadcast", found["broadcast"])
            rows.append(
                (
                    link["ifname"],
                    f"{dotted(value)}/{prefix}",
                    network,
                    f"{found['first']} to {found['last']}",
                    there and same,
                )
            )
    display(table(rows, ["interface", "the kernel says", "your network", "your hosts", "agreed"], "h1's interfaces"))
    fold("ip -4 route", routes)
else:
    recorded("lo 127.0.0.1/8, eth1 10.4.0.10/24, eth2 10.4.8.10/22: the networks are those of subnet.")

# %% [markdown]
# **To whom is a frame addressed?** h1's kernel pings h2 and the wiki; all that passes is captured.

# %% live
if lab:
    with lab.captures(*POINTS) as captures:
        kernel_pings("10.4.0.20")
        kernel_pings(WIKI)
    owners = {
        lab[name].run("cat /sys/class/net/eth1/address", check=True).stdout.strip(): name for name in ("h2", "r1")
    }
    requests = [p for _, p in captures["h1:eth1"].packets if ICMPMessage in p and p[ICMPMessage].type == 8]
    for packet in requests:
        mac = str(packet[EthernetFrame].destination)
        print(f"to {packet[IPv4Packet].destination}: h1's frame is addressed to {owners.get(mac, mac)}")
    seen = {point: [(t, p) for t, p in captures[point].packets if IPv4Packet in p] for point in POINTS}
    homes = {"10.4.0.10": "h1", "10.4.0.20": "h2", "10.4.0.1": "r1", WIKI: "wiki"}
    display(SequenceDiagram.from_captures(seen, hosts=homes, title="To a neighbour, and to the wiki (without ARP)"))
else:
    recorded("to 10.4.0.20: h1's frame is addressed to h2\nto 172.17.3.9: h1's frame is addressed to r1")

# %% [markdown]
# ### 500 destinations
#
# `ip route get ADDRESS` asks the kernel for its decision, without sending anything. Here are 500 random destinations: half of them from anywhere on the Internet, half in three networks and just beyond their edges. And because chance seldom
# meets the corners, eight chosen ones: h1's own addresses of now and later, the gateway, broadcast addresses. The kernel decides, and your `next_hop` decides. **How often will you agree?**

# %% live needs="4.3"
next_hop("10.4.0.20", {"eth1": "10.4.0.10/24"}, None)  # waits here until 4.3 is solved
FIVE_HUNDRED = destinations(["10.4.0.0/24", "10.4.8.0/22", "172.17.0.0/16"], 500, seed=4)
CHOSEN = ["10.4.0.10", "10.4.8.10", "172.17.0.1", "10.4.9.1", "10.4.0.1", "10.4.0.255", "10.4.11.255", "127.0.0.1"]
INTERFACES = {"eth1": "10.4.0.10/24", "eth2": "10.4.8.10/22"}


def decide(address: str, interfaces: dict[str, str], gateway: str | None):
    """Your decision, or the error that it ended in."""
    try:
        return next_hop(address, interfaces, gateway)
    except Exception as error:
        return repr(error)


def compare(interfaces: dict[str, str], gateway: str | None) -> list:
    """Your decisions beside the kernel's: says how often they are the same, and returns (address, yours, kernel's)."""
    done = lab["h1"].run("ip -j -force -batch -", input=asked(FIVE_HUNDRED + CHOSEN))
    kernel = dict(answered(done.stdout))  # where the kernel says "unreachable", nothing is in here
    found = [(each, decide(each, interfaces, gateway), kernel.get(each)) for each in FIVE_HUNDRED + CHOSEN]
    same = [yours == theirs for _, yours, theirs in found]
    count = len(FIVE_HUNDRED)
    print(
        f"You and the kernel agree on {sum(same[:count])} of {count}, and on {sum(same[count:])} of {len(CHOSEN)} chosen."
    )
    for address, yours, theirs in found:
        if yours != theirs:
            print(f"first difference: {address}: you {yours}, the kernel {theirs}")
            break
    return found


if lab:
    counted = {}
    for _, yours, theirs in compare(INTERFACES, R1):
        to = "nobody" if theirs is None else "the gateway" if theirs[1] == R1 else "the destination itself"
        counted.setdefault((theirs and theirs[0], to), []).append(yours == theirs)
    rows = [(name, to, len(same), sum(same)) for (name, to), same in sorted(counted.items())]
    columns = ["the kernel: by", "to", "destinations", "you say the same"]
    display(table(rows, columns, "500 random destinations, and 8 chosen"))
else:
    recorded("You and the kernel agree on 500 of 500, and on 8 of 8 chosen, if your next_hop is right.")

# %% [markdown]
# Now packets of your own. A netlib host with your `next_hop` in it stands beside h1 on the switch, as 10.4.0.99. The gateway, h2 and the wiki are Linux.

# %% live needs="4.3"
next_hop("10.4.0.20", {"eth1": "10.4.0.10/24"}, None)  # waits here until 4.3 is solved
if live:
    you = Host("you", Random(4), Parts(routes=AsksYou))
    you.attach("10.4.0.99/24", MACAddress("02:00:00:00:aa:04"))
    you.add_route("0.0.0.0/0", via=R1)
    with lab["h1"].attach(you) as running:
        for destination in ("10.4.0.20", WIKI):
            result = running.run(ping(you, destination, count=2, interval=0.1, timeout=5))
            left = {answer.ttl for answer in result.answers}
            print(f"{destination}: {result.received} of 2 answered, TTL {', '.join(map(str, left))}")
else:
    recorded("10.4.0.20: 2 of 2 answered, TTL 64\n172.17.3.9: 2 of 2 answered, TTL 63")

# %% [markdown]
# ### Which addresses are for hosts?
#
# Ask the kernel. It has a word for addresses that mean everybody: `broadcast`. And two hosts on a cable get the two addresses of a /31.

# %% live
if lab:
    kinds = {}
    for address in ("10.4.0.255", "10.4.8.255", "10.4.11.255"):
        kinds[address] = "broadcast" if "broadcast" in lab["h1"].run(f"ip -j route get {address}").stdout else "a host"
    store_answers = bool(kernel_pings("10.4.8.255"))
    on_h1("ip addr add 10.4.16.0/31 dev eth2")
    lab["store"].run("ip addr add 10.4.16.1/31 dev eth1", check=True)
    end = "broadcast" if "broadcast" in lab["h1"].run("ip -j route get 10.4.16.1").stdout else "a host"
    pair_works = bool(kernel_pings("10.4.16.1"))
    on_h1("ip addr del 10.4.16.0/31 dev eth2")
    lab["store"].run("ip addr del 10.4.16.1/31 dev eth1", check=True)
    for address, kind in kinds.items():
        print(f"{address}: {kind}")
    print(f"10.4.8.255 {'answers' if store_answers else 'does NOT answer'} a ping")
    print(f"10.4.16.1/31: {end}, and {'answers' if pair_works else 'does NOT answer'} 10.4.16.0")
else:
    kinds, store_answers, pair_works = {"10.4.0.255": "broadcast"}, True, True
    recorded(
        "10.4.0.255: broadcast\n10.4.8.255: a host\n10.4.11.255: broadcast\n10.4.8.255 answers a ping\n"
        "10.4.16.1/31: a host, and answers 10.4.16.0"
    )

# %% [markdown]
# ### What do ping and ip read?
#
# **Predict:** `ping 010.4.0.20`, `ping 10.4.20`, `ping 1.2.3`: where do they go? And which address does `ip addr add 010.1.1.1/24` give to an interface, and `ip addr add 1.2.3/24`?

# %% live
if lab:
    rows = []
    for text in ("010.4.0.20", "10.4.20", "1.2.3"):
        first = lab["h1"].run(f"ping -n -c 1 -W 1 {text}").stdout.splitlines()[0]
        rows.append((f"ping {text}", first.split("(")[1].split(")")[0]))
    on_h1("ip link add test type bridge", "ip addr add 010.1.1.1/24 dev test", "ip addr add 1.2.3/24 dev test")
    taken = lab["h1"].run("ip -4 -br addr show dev test", check=True).stdout.split()[2:]
    rows += [("ip addr add 010.1.1.1/24", taken[0]), ("ip addr add 1.2.3/24", taken[1])]
    for text in ("1.2.3.4/33", "1.2.3.4/255.0.255.0"):
        done = lab["h1"].run(f"ip addr add {text} dev test")
        rows.append((f"ip addr add {text}", "taken" if done else "refused"))
    on_h1("ip link del test")
    display(table(rows, ["command", "what it took it for"], "Two programs read addresses"))
else:
    recorded("ping: 8.4.0.20, 10.4.0.20 and 1.2.0.3. ip: 8.1.1.1/24 and 1.2.3.0/24; the others are refused.")

# %% [markdown]
# Two programs of the same system don't even agree on 1.2.3: ping fills up in front of the last number, ip behind it. Your `parse` refuses all of these.
#
# ### The wiki is gone
#
# Now "install Docker" on h1. **Predict** what the kernel says to `ping 172.17.3.9`, who says it, and what eth1 sees. And what would bring the wiki back?
#
# For the comparison there is a VPN besides, whose network 10.4.9.0/24 lies *inside* eth2's 10.4.8.0/22: two networks of h1 hold the same addresses, as in rule 3.

# %% live needs="4.3"
next_hop("10.4.0.20", {"eth1": "10.4.0.10/24"}, None)  # waits here until 4.3 is solved
if lab:
    refused = lab["h1"].run("ip route replace default via 10.9.9.9")
    print("a gateway that is no neighbour:", refused.stderr.strip())
    on_h1(
        "ip link add docker0 address 02:42:0a:04:00:0a type bridge",
        "ip addr add 172.17.0.1/16 dev docker0",
        "ip link set docker0 up",
    )
    with lab.capture("h1:eth1") as capture:
        lost = kernel_pings(WIKI)
    out = [p for _, p in capture.packets if IPv4Packet in p and str(p[IPv4Packet].destination) == WIKI]
    print(f"with docker0: {said_by(lost)}; packets for the wiki on eth1: {len(out)}")
    on_h1("ip link add vpn0 type bridge", "ip addr add 10.4.9.1/24 dev vpn0", "ip link set vpn0 up")
    compare({**INTERFACES, "docker0": "172.17.0.1/16", "vpn0": "10.4.9.1/24"}, R1)
    on_h1(f"ip route add 172.17.3.0/24 via {R1}")
    print(f"with a route for 172.17.3.0/24: {said_by(kernel_pings(WIKI))}")
    on_h1("ip route del 172.17.3.0/24", "ip link del vpn0", "ip link del docker0")
else:
    recorded(
        "a gateway that is no neighbour: Error: Nexthop has invalid gateway.\n"
        "with docker0: From 172.17.0.1 Destination Host Unreachable; packets for the wiki on eth1: 0\n"
        "You and the kernel agree on 500 of 500, and on 8 of 8 chosen, if your next_hop is right.\n"
        "with a route for 172.17.3.0/24: answered"
    )

# %% [markdown]
# The cure in the last line is rule 3 once more: 172.17.3.0/24 is longer than 172.17.0.0/16, so it wins. Any network can be cut out of a larger one with a longer prefix. That is **longest prefix match**, and chapter 8 is about it. (The better cure is to tell
# Docker to use other addresses: `bip` and `default-address-pools` in its `daemon.json`.)
#
# ### No gateway, and two wrong masks

# %% live needs="4.3"
next_hop("10.4.0.20", {"eth1": "10.4.0.10/24"}, None)  # waits here until 4.3 is solved
if lab:
    on_h1("ip route del default")
    compare(INTERFACES, None)
    print(f"no gateway: h2 {said_by(kernel_pings('10.4.0.20'))}; the wiki: {said_by(kernel_pings(WIKI))}")
    on_h1(
        f"ip route add default via {R1}",
        "ip addr flush dev eth1",
        "ip addr add 10.4.0.10/28 dev eth1",
        f"ip route add default via {R1}",
    )
    with lab.captures("h1:eth1", "h2:eth1", "r1:eth1") as captures:
        done = lab["h1"].run("ping -n -c 4 -i 0.2 -W 5 10.4.0.20")
    ttl = {p[IPv4Packet].ttl for _, p in captures["h2:eth1"].packets if ICMPMessage in p and p[ICMPMessage].type == 8}
    told = [line.replace(" icmp_seq=1", "") for line in done.stdout.splitlines() if "Redirect" in line] or [
        "no redirect"
    ]
    print(f"/28: h2 gets h1's pings with TTL {', '.join(map(str, ttl))}; {told[0]}")
    on_h1("ip addr flush dev eth1", "ip addr add 10.4.0.10/24 dev eth1", f"ip route add default via {R1}")
    on_h1("ip addr flush dev eth1", "ip addr add 10.4.0.10/5 dev eth1", f"ip route add default via {R1}")
    with lab.capture("h1:eth1") as capture:
        lost = kernel_pings("8.8.8.8")
    questions = [str(p) for _, p in capture.packets if "who has 8.8.8.8?" in str(p)]
    print(f"/5: {len(questions)} questions for the MAC address of 8.8.8.8; {said_by(lost)}")
    on_h1("ip addr flush dev eth1", "ip addr add 10.4.0.10/24 dev eth1", f"ip route add default via {R1}")
else:
    recorded(
        "You and the kernel agree on 500 of 500, and on 8 of 8 chosen, if your next_hop is right.\n"
        "no gateway: h2 answered; the wiki: Network is unreachable\n"
        "/28: h2 gets h1's pings with TTL 63; From 10.4.0.1 Redirect Host(New nexthop: 10.4.0.20)\n"
        "/5: 3 questions for the MAC address of 8.8.8.8; From 10.4.0.10 Destination Host Unreachable"
    )

# %% [markdown]
# Three different ends, and each has its own words. "Network is unreachable": h1 has no way at all, and says so at once. "Host Unreachable" *from your own address*: h1 thinks that it is a neighbour, and nobody answered to ARP; that takes 3 s. A redirect: it works, but by a detour.
#
# ### Claims, and what holds

# %% live
rows = [
    ("A /24 has 255 hosts", "RFC 1122 3.2.1.3: 254; .0 is the network, .255 everybody"),
    ("An address that ends with 255 is a broadcast address", "RFC 4632 3.1: that depends on the mask"),
    ("A /31 has no room for hosts", "RFC 3021: it has two"),
    ("A packet to another network is addressed to the gateway", "RFC 1122 3.3.1.1: only its frame is"),
    ("Private addresses: 192.168.x.x and 10.0.0.x", "RFC 1918 3: 10/8, 172.16/12, 192.168/16"),
]
in_netlib = [
    IPv4Network("10.4.0.0/24").usable == 255,
    IPv4Network("10.4.8.0/22").is_broadcast(IPv4Address("10.4.8.255")),
    IPv4Network("10.4.16.0/31").usable == 0,
    addressed(pinged(office_network(), "172.17.3.9")[1])[1] == "10.4.0.1",
    "Private" not in addressing.special("172.16.0.1").name,
]
to_the_gateway = bool(lab) and str(requests[1][IPv4Packet].destination) == R1
in_kernel = [kinds["10.4.0.255"] != "broadcast", not store_answers, not pair_works, to_the_gateway, None]
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
# **Who decided that the wiki is unreachable?** Your own machine, before a single packet left it, from three numbers: the wiki's address, docker0's address and docker0's mask. 172.17.3.9 is in 172.17.0.0/16, so it had to be a neighbour on docker0. Nobody there answered for it,
# and "Destination Host Unreachable" came from 172.17.0.1, yourself. Give Docker other addresses, or a longer prefix to the wiki.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>How many hosts fit into 10.4.8.0/22, and is 10.4.9.255 one of them?</summary>
#
# 2¹⁰ - 2 = 1022. Yes: the network reaches from 10.4.8.0 to 10.4.11.255, and only these two are not for hosts.
#
# </details>
#
# <details><summary>What does a host do with a packet for 10.4.1.20, if its address is 10.4.0.10/24, or 10.4.0.10/23?</summary>
#
# /24: 10.4.1.20 is in another network, so the frame goes to the gateway's MAC address. /23 (10.4.0.0 to 10.4.1.255): it is a neighbour, so the frame goes to its own. In both the packet's IP destination is 10.4.1.20.
#
# </details>
#
# <details><summary>"Network is unreachable" and "Host unreachable": what is the difference?</summary>
#
# The first comes at once, from your own kernel: no network and no gateway fits (ENETUNREACH). The second (EHOSTUNREACH) means that somebody tried to find the last neighbour by ARP and got no answer. Look who says it: if it is your own address, your host
# took the destination for a neighbour; if it is a router's, the packet came as far as that.
#
# </details>
#
# <details><summary>A server reaches everything, but its neighbours in one half of the network only slowly. What do you look at?</summary>
#
# Its mask. If that is too long, half of the neighbours are strangers to it, and its packets to them go by way of the gateway, which sends redirects. `ip addr`, `ip route get NEIGHBOUR` (it must not say `via`), and `tcpdump icmp`.
#
# </details>
#
# <details><summary>You are to connect two cloud networks. Both are 10.0.0.0/16. What now?</summary>
#
# They can't just be connected: for every host in one, all addresses of the other are neighbours, so no packet goes to the gateway between them. One has to be renumbered, or NAT has to give one other addresses (chapter 15). Plan networks so that they don't overlap: aggregate what belongs
# together, and leave 172.17.0.0/16 and 192.168.0.0/24 to Docker and to people's homes.
#
# </details>
#
# ## Where it goes next
#
# In chapter 5 you look into the packet that these addresses stand in. Chapter 7 asks for the next hop's MAC address. In chapter 8 your rule 3 grows into a router's table of a million networks. Your functions go along: in any later notebook, `mine("4.3")` fetches your `next_hop`.
#
# Worth reading, and short:
#
# - RFC 4632 sections 3 and 5: CIDR, and why it was needed.
# - RFC 1122 sections 3.2.1.3 and 3.3.1: addresses that are not hosts', and a host's decision.
# - RFC 1918 section 3: private addresses. RFC 6890 section 2: the registry of all special ones, whose [current state IANA keeps](https://www.iana.org/assignments/iana-ipv4-special-registry/).
# - RFC 3021: two hosts in a /31. RFC 5942: who is a neighbour in IPv6.
# - RFC 6943 section 3.1: what goes wrong when two programs read the same address.
