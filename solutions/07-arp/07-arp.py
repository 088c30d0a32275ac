# %% [markdown]
# # 7. ARP: who has this address?
#
# A service has the address 10.7.1.1, and a standby machine beside it. The first machine dies, and the standby takes the address over, within a second.
# Some clients go on as if nothing had happened. Others time out, for the better part of a minute, and then work again. No routing table has changed, no DNS name, no firewall.
# **Where do those clients keep the dead machine? And who else could write there?**
#
# After this chapter you can
#
# - ask for a MAC address and answer, byte by byte, and say whose MAC address is asked for;
# - read `ip neigh`: what INCOMPLETE, REACHABLE, STALE, DELAY, PROBE and FAILED mean, and what comes next;
# - take an address over so that everybody notices, and find out whether it is free before you do;
# - explain ARP poisoning, see it happen in a lab, and detect it, with a number for how well.
#
# It takes 75 to 90 minutes. You need chapter 3 (MAC addresses, the switch) and the default gateway of chapter 4.

# %%
from html import escape
from random import Random

from IPython.display import HTML, display

from netlib import (
    ARPPacket,
    EthernetFrame,
    Host,
    IPv4Address,
    IPv4Packet,
    MACAddress,
    Parts,
    Simulation,
)
from netlib.apps.ping import ping
from netlib.exercises.arp import claim_log, drive, link_trace, marks, traces
from netlib.grading import NotImplementedYet, check
from netlib.internet.icmp import RateLimit
from netlib.link.suspicion import score
from netlib.view import SequenceDiagram, claims, show, table, waiting
from netlib.view.matching import describe
from netlib.view.states import state_line
from netlib.wire.arp import REPLY, REQUEST
from netlib.worlds.task import now, sleep

# %% [markdown]
# ## By hand: a question of 42 bytes
#
# An IP packet travels in an Ethernet frame, and the frame needs the MAC address of the machine that is to take it off the cable. A host knows the *IP* address of its neighbour. **ARP**, the Address Resolution
# Protocol (RFC 826), finds the MAC address that goes with it: "Who has 10.7.1.1? Tell 10.7.1.2."
#
# ARP is no part of IP. It travels in Ethernet frames of its own, with the EtherType `0806`. Here is one question, typed by hand. The first three lines are the Ethernet header of chapter 3; the 28 bytes behind it are ARP:
#
# | bytes | meaning |
# |---|---|
# | `ff ff ff ff ff ff` | to everyone on this link: **broadcast** |
# | `02 00 00 00 00 01` | from h1 |
# | `08 06` | EtherType: ARP |
# | `00 01` | hardware type 1: Ethernet |
# | `08 00` | protocol type: the one whose addresses are asked for, IPv4 |
# | `06` `04` | their lengths: a MAC address has 6 bytes, an IPv4 address 4 |
# | `00 01` | **operation**: 1 is a question (request), 2 is an answer (reply) |
# | `02 00 00 00 00 01` | sender's MAC address |
# | `0a 07 01 02` | sender's IP address: 10.7.1.2 |
# | `00 00 00 00 00 00` | target's MAC address: that is the question |
# | `0a 07 01 01` | target's IP address: 10.7.1.1 |

# %%
question = bytes.fromhex("""
    ffffffffffff 020000000001 0806
    0001 0800 06 04 0001
    020000000001 0a070102
    000000000000 0a070101
""")
show(question, title="A question, typed by hand")

# %% [markdown]
# This is the link of the whole chapter: three machines on one switch. r1 is the router, and the way to h2. What mallory is up to, you will see.
#
# **Predict:** you send these 42 bytes from h1. Which of r1 and mallory gets the question? Which of h1 and mallory gets the answer?

# %%
LINK = """
    h1 10.7.1.2/24 -- sw
    r1 10.7.1.1/24 -- sw
    mallory 10.7.1.66/24 -- sw
    r1 10.7.2.1/24 -- 10.7.2.2/24 h2
    router mallory
"""
COLUMNS = ["mallory", "h1", "sw", "r1"]


def network(parts: Parts | None = None):
    """The chapter's link in simulated time, 1 ms a cable; h1 has these parts. (simulation, what passes the switch)."""
    sim = Simulation.topology(LINK, seed=7, parts={"h1": parts} if parts else None)
    sim["mallory"].internet.reports = RateLimit(0, 0)  # it keeps quiet about what it forwards
    return sim, sim.capture(*[sim.between(name, "sw") for name in ("h1", "r1", "mallory")])


def put_on_the_cable(sim, name: str, frame: bytes) -> None:
    """Send a frame as it is, from the first interface of the machine of this name."""
    host = sim[name]
    host.outbox.append((host.interfaces[0], frame))


def short(packet) -> str:
    """A few words for an arrow; MAC addresses by their last byte."""
    if ARPPacket not in packet:
        return describe(packet)
    arp = packet[ARPPacket]
    asks = f"who has {arp.target_ip}?" + " (probe)" * (arp.sender_ip == IPv4Address.ANY)
    if arp.sender_ip == arp.target_ip:
        asks = f"{arp.sender_ip} is mine!"
    return asks if arp.operation == REQUEST else f"{arp.sender_ip} is at ..:{str(arp.sender_mac)[-2:]}"


sim, capture = network()
put_on_the_cable(sim, "h1", question)
sim.run(until=0.1)
SequenceDiagram.from_crossings(capture, hosts=COLUMNS, label=short, title="A question to everyone, an answer to one")

# %% [markdown]
# The question goes to everyone, because nobody knows yet whom to ask. The answer goes to h1 alone: the question had h1's MAC address in it. mallory's card took the question up, saw another's IP address in it, and kept silent.

# %%
reply = capture.crossings[-1].packet
show(reply, title="What r1 answers")

# %% [markdown]
# ## Exercise 7.1: answer
#
# `arp_reply(packet: bytes, address: bytes, mac: bytes) -> bytes | None`
#
# - `packet` is what stood behind the Ethernet header of a frame with EtherType `0806`. Anything may be in it. Behind the 28 bytes there may be more: an Ethernet frame carries at least 46 bytes, so cards pad shorter ones with zeros.
# - `address` is our own IP address (4 bytes), `mac` our own MAC address (6 bytes).
# - If the packet is a question about IPv4 over Ethernet (its first 8 bytes are `0001 0800 06 04 0001`) for our address, return the reply: 28 bytes, operation 2. Its *sender* is us, and its *target* the one who asked: the MAC and IP address
#   that were the question's sender, in the same order.
# - Return `None` for everything else: fewer than 28 bytes, other types or lengths, another operation, a question for another address.
# - A question whose sender IP address is 0.0.0.0 is answered like any other. Somebody asks so who has no address yet; more of that below.
#
# For example, for the question above, without its Ethernet header, with `address` 10.7.1.1 and `mac` `02:00:00:00:00:02`, the answer is
# `0001 0800 06 04 0002 020000000002 0a070101 020000000001 0a070102`.
#
# RFC 826, "Packet Reception". Worth 3 points, five minutes.


# %% solution="7.1"
def arp_reply(packet: bytes, address: bytes, mac: bytes) -> bytes | None:
    """The ARP reply to a question for our address; None for every other packet."""
    ### BEGIN SOLUTION
    is_question = packet[:8] == bytes.fromhex("0001 0800 06 04 0001")
    if len(packet) < 28 or not is_question or packet[24:28] != address:
        return None
    asker = packet[8:18]  # its MAC and its IP address
    return packet[:7] + b"\x02" + mac + address + asker
    ### END SOLUTION


# %% check="7.1"
check("7.1", arp_reply)

# %% needs="7.1"
answer = arp_reply(question[14:], IPv4Address("10.7.1.1"), MACAddress("02:00:00:00:00:02"))
print("yours :", answer.hex(" "))
print("r1's  :", reply[ARPPacket].build().hex(" "))

# %% [markdown]
# ## What is kept
#
# To ask everyone before each packet would drown the link in questions. So a host keeps what it has learned, in its **neighbour table**, also called ARP cache. Linux shows it with `ip neigh`. Each entry has an IP address, a
# MAC address, and a **state**.
#
# Below h1 pings r1. Beside the arrows stands what happens in h1's table.


# %%
def ladder(sim, capture, title: str, name: str = "h1", **options) -> SequenceDiagram:
    """What passed the switch, with what changed in the neighbour table of one machine."""
    diagram = SequenceDiagram.from_crossings(capture, hosts=COLUMNS, label=short, title=title, scale="order", **options)
    for change in sim[name].interfaces[0].neighbours.changes:
        diagram.note(name, change.time, change.after)
    return diagram


def neighbour_table(sim, *names: str):
    """What these machines know of their neighbours, as `ip neigh` would show it."""
    rows = [(name, row["address"], row["mac"] or "-", row["state"]) for name in names for row in sim[name].neighbours()]
    return table(rows, ["who", "knows", "MAC address", "state"], f"Neighbour tables at {sim.now:g} s")


sim, capture = network()
print(sim.run(ping(sim["h1"], "10.7.1.1", count=1)))
display(ladder(sim, capture, "The first ping, and h1's entry for 10.7.1.1"))
neighbour_table(sim, "h1", "r1", "mallory")

# %% [markdown]
# Read it from top to bottom. The ping could not be sent: no MAC address. So it waited, the entry became **INCOMPLETE**, and the question went out. With the answer the entry became **REACHABLE**, and the ping left.
# That is the extra time of a first packet.
#
# Now look at the table. r1 knows h1, and never asked. It was *asked* by h1, so it will have to answer h1 soon, and the question had h1's addresses in it. (r1 has it as DELAY: learned, used, and yet to be checked. See below.)
#
# **mallory has no entry.** It heard the question too. "Every host that hears an ARP question learns from it" is often told, and wrong. RFC 826 has a host *update* an entry that it has from whatever it hears, and *add* one only if the packet was meant for it.
#
# ### Predict: whose MAC address?
#
# h1 now pings h2, 10.7.2.2, behind the router. **Write down** before you run it: which IP address will h1 ask for? And which machine's MAC address is in the frame that carries the ping?

# %%
sim, capture = network()
print(sim.run(ping(sim["h1"], "10.7.2.2", count=1)))
asked = [p[ARPPacket].target_ip for _, p in capture if ARPPacket in p and p[ARPPacket].operation == REQUEST]
pings = [p for _, p in capture if IPv4Packet in p]
owners = {str(interface.mac): name for name in ("h1", "r1", "mallory", "h2") for interface in sim[name].interfaces}
print("h1 asked for", asked[0])
print(
    "the ping is for",
    pings[0][IPv4Packet].destination,
    "in a frame to",
    owners[str(pings[0][EthernetFrame].destination)],
)

# %% [markdown]
# h2 is not on h1's link, so nobody there could answer for it: a broadcast ends at the router. h1's routing table says "10.7.2.2: by way of 10.7.1.1", and ARP asks for *that*, the **next hop**. IP addresses stay the same from end to end; MAC addresses change at every router.
#
# ### A wrong address costs three seconds
#
# What if nobody answers? Below h1 pings 10.7.1.99, which nobody has.

# %%
sim, capture = network()
result = sim.run(ping(sim["h1"], "10.7.1.99", count=1, timeout=5))
print(result)
print(f"after {result.answers[0].rtt:.2f} s, and the ping itself was never on the cable")
ladder(sim, capture, "Nobody has 10.7.1.99, and h1's entry for it")

# %% [markdown]
# Three questions, a second apart, and one more second for the last: then the entry is **FAILED**, and the packet that waited comes back as "host unreachable", from h1 itself. RFC 1122 (section 2.3.2.1) asks for at most one question a second for each address, or else a busy server would flood its link with
# questions about a machine that is switched off. The number three comes from RFC 4861 (section 10): Linux uses the machine of IPv6's Neighbour Discovery for ARP as well.
#
# ### What is known grows old
#
# Nobody says when an answer stops being true. A card is replaced, a cable moved, an address given to another machine. So an answer is trusted for a while, and then checked. But when? A check before use would cost each packet a round trip. Linux, and netlib with it, do it like this (RFC 4861 section 7.3.3):
#
# | state | means | a packet for it | how it ends |
# |---|---|---|---|
# | (no entry) | never heard of | asks; waits | |
# | **INCOMPLETE** | asked everyone, no answer yet | waits | an answer; or 3 questions without one |
# | **REACHABLE** | answered, not long ago | goes | after 30 s |
# | **STALE** | known; nobody has looked for a while | goes, and starts the check | with a packet for it |
# | **DELAY** | in use, the check is put off: perhaps something else shows that the neighbour is there | goes | after 5 s |
# | **PROBE** | being checked: asked by **unicast** | goes | an answer; or 3 questions without one |
# | **FAILED** | no answer | asks again; waits | with a packet for it |
#
# **Predict:** h1 pings r1 at 0 s and at 40 s. Then r1 is unplugged. h1 pings it once more at 100 s. Which states does the entry go through?

# %%
LANES = ["REACHABLE", "STALE", "DELAY", "PROBE", "INCOMPLETE", "FAILED"]


def life_of_an_entry(sim):
    """Pings at 0 s and 40 s; then r1's cable is pulled, and there is one more ping at 100 s."""
    h1 = sim["h1"]
    sim.run(ping(h1, "10.7.1.1", count=1))
    sim.run(until=40.0)
    sim.run(ping(h1, "10.7.1.1", count=1))
    sim.run(until=100.0)
    sim.between("r1", "sw").loss = 1.0
    sim.run(ping(h1, "10.7.1.1", count=1, timeout=1))
    sim.run(until=115.0)


sim, capture = network()
life_of_an_entry(sim)
changes = sim["h1"].interfaces[0].neighbours.changes
state_line(
    [(change.time, change.after, change.because) for change in changes],
    lanes=LANES,
    until=sim.now,
    title="h1's entry for 10.7.1.1",
)

# %% [markdown]
# Three things that are often told otherwise:
#
# - An old entry is not thrown away, and nobody is asked before it is used. The ping at 40 s went at once, to the MAC address that was 40 s old.
# - The check is a **unicast**, to the one machine that should have the address. If it is there, nobody else is bothered.
# - A neighbour that has died is *used* for a while: up to 30 s REACHABLE, 5 s DELAY, 3 s PROBE.
#
# (Linux draws the 30 s anew from between 15 and 45 s, so that the machines of a link do not all ask at once: RFC 4861 section 6.3.2. And TCP says to the table "it is there" whenever its data are acknowledged, so that
# on a busy connection no check is needed. And an entry whose 30 s end while it is in use, used in the last 5 s, goes to DELAY at once there, without being STALE first.)
#
# ## Exercise 7.2: the table
#
# Now write that machine. Like the traceroute of chapter 6 it is told what happens and when; it reads no clock and sends nothing itself. What it wants sent it puts into a list, and the host empties the list. So the same class runs in simulated time, and beside
# Linux kernels at the end of this chapter; chapter 9 uses it again.
#
# `ArpTable(address: IPv4Address, mac: MACAddress)`: our own two addresses on this link. It has three lists, which the host empties (it sets a new list):
#
# | list | of | |
# |---|---|---|
# | `outbox` | `(MACAddress, ARPPacket)` | ARP packets to send, each with the MAC address that its frame is for |
# | `resolved` | `(MACAddress, bytes)` | IP packets that may go now, each with the MAC address of its next hop |
# | `failed` | `bytes` | IP packets whose next hop did not answer |
#
# | method | |
# |---|---|
# | `send(packet: bytes, next_hop: IPv4Address, now: float)` | an IP packet is to go to this neighbour |
# | `receive(packet: ARPPacket, now: float)` | an ARP packet has come in |
# | `tick(now: float)` | do what is due. The host calls it at the time that `deadline` named, before anything else that happens then |
# | `deadline()` | returns the time at which the next timer ends, or `None` if none runs |
# | `rows() -> list[dict[str, str]]` | each entry as `{"address": "10.7.1.1", "mac": "02:00:00:00:00:02", "state": "REACHABLE"}`, in any order; `"mac"` is text too, and `""` where it is not known |
#
# Times are in seconds. The rules:
#
# 1. **A packet for a known MAC address** (REACHABLE, STALE, DELAY, PROBE) goes to `resolved` at once. If the entry is STALE, it becomes DELAY for 5 s. Otherwise its state and its timer stay.
# 2. **A packet for an address without an entry, or with a FAILED one**: the entry becomes INCOMPLETE, a question is broadcast at once, and the packet waits. While the entry is INCOMPLETE more packets may come; they wait as well, and ask nothing. At most 64 wait for
#    one address: if there is one more, the oldest is dropped. Questions are broadcast 1 s and 2 s after the first as well. One second after the third the entry is FAILED, and what waited goes to `failed`, in order.
# 3. **An answer to us** (operation 2, target IP address ours) from an address that has an entry, in whatever state: the entry takes its MAC address and is REACHABLE for 30 s from now. What waited goes to `resolved`, in order. Without an entry it is ignored: nobody had asked.
# 4. **A question for us** (operation 1, target IP address ours): put a reply into `outbox`, for the sender's MAC address. And learn who asked. If the sender's address has no entry, it gets one, STALE. If it has one with another MAC address, or with none (INCOMPLETE,
#    FAILED), that takes the MAC address and is STALE. If the MAC address is known already, nothing changes. But 0.0.0.0 is nobody's address: answer, and learn nothing.
# 5. **Any other packet** (a question for somebody else, an announcement, an answer to another) makes no entry. If the sender's address has one with another MAC address, or none, that takes the MAC address and is STALE. And before all other rules: a packet whose sender IP address is *our own* changes
#    nothing and is not answered: see exercise 7.3. Whenever an entry becomes STALE by rule 4 or 5 and packets wait for it, they go at once, which makes it DELAY, by rule 1.
# 6. **Time.** REACHABLE becomes STALE after its 30 s. STALE has no timer. DELAY becomes PROBE after its 5 s: a question to the known MAC address, alone, at once, 1 s and 2 s later. An answer to us ends it by rule 3. One second after the third question the entry is FAILED and has no MAC address any more.
#
# An `ARPPacket` has `operation` (`REQUEST` is 1, `REPLY` is 2), `sender_mac`, `sender_ip`, `target_mac` and `target_ip`. In a question of yours `target_mac` may be anything. Make packets with `ARPPacket(operation=REQUEST, sender_mac=..., sender_ip=..., target_ip=...)`; `MACAddress.BROADCAST` is everyone.
#
# **In two stages, if you like.** Rules 1 to 3, the answer in rule 4, and the failure in rule 2 are worth 4 points by themselves. STALE, DELAY and PROBE (the rest of 4, 5 and 6) bring the other 3. The check tells which of the two is missing something.
#
#     t = ArpTable(IPv4Address("10.7.1.2"), MACAddress("02:00:00:00:00:01"))
#     t.send(b"hello", IPv4Address("10.7.1.1"), 0.0)    # t.outbox: [(broadcast, who has 10.7.1.1? tell 10.7.1.2)]
#     t.deadline()                                      # 1.0: the second question
#     t.receive(the_answer, 0.25)                       # t.resolved: [(02:00:00:00:00:02, b"hello")]
#     t.deadline()                                      # 30.25
#     t.tick(30.25)
#     t.rows()                                          # [{"address": "10.7.1.1", "mac": "02:...", "state": "STALE"}]
#
# RFC 826, "Packet Reception"; RFC 1122 section 2.3.2; RFC 4861 section 7.3.3. Worth 7 points.


# %% solution="7.2"
class ArpTable:
    """Which MAC address an IP address has: asked for, waited for, believed for a while, checked."""

    def __init__(self, address: IPv4Address, mac: MACAddress):
        self.outbox, self.resolved, self.failed = [], [], []
        ### BEGIN SOLUTION
        self.address, self.mac = address, mac
        self.entries = {}  # IPv4Address -> dict: state, mac, due, asked, waiting
        ### END SOLUTION

    def send(self, packet: bytes, next_hop: IPv4Address, now: float) -> None:
        """An IP packet is to go to this neighbour."""
        ### BEGIN SOLUTION
        entry = self.entries.get(next_hop)
        if entry is None or entry["state"] == "FAILED":
            entry = self.entries[next_hop] = {"mac": None, "waiting": []}
            self.enter(next_hop, "INCOMPLETE", now)
        if entry["mac"] is None:
            entry["waiting"] = [*entry["waiting"], packet][-64:]
            return
        if entry["state"] == "STALE":
            self.enter(next_hop, "DELAY", now)
        self.resolved.append((entry["mac"], packet))
        ### END SOLUTION

    def receive(self, packet: ARPPacket, now: float) -> None:
        """An ARP packet has come in."""
        ### BEGIN SOLUTION
        sender, for_us = packet.sender_ip, packet.target_ip == self.address
        if sender == self.address:
            return
        if for_us and packet.operation == REQUEST:
            reply = ARPPacket(
                operation=REPLY,
                sender_mac=self.mac,
                sender_ip=self.address,
                target_mac=packet.sender_mac,
                target_ip=sender,
            )
            self.outbox.append((packet.sender_mac, reply))
            if sender != IPv4Address("0.0.0.0"):
                self.entries.setdefault(sender, {"mac": None, "waiting": []})
        if sender not in self.entries:
            return
        entry = self.entries[sender]
        is_answer = for_us and packet.operation == REPLY
        if not is_answer and entry["mac"] == packet.sender_mac:
            return
        entry["mac"] = packet.sender_mac
        self.enter(sender, "REACHABLE" if is_answer else "STALE", now)
        waiting, entry["waiting"] = entry["waiting"], []
        for each in waiting:
            self.send(each, sender, now)
        ### END SOLUTION

    def tick(self, now: float) -> None:
        """Do what is due."""
        ### BEGIN SOLUTION
        for address, entry in self.entries.items():
            if entry["due"] is None or entry["due"] > now:
                continue
            if entry["state"] == "REACHABLE":
                self.enter(address, "STALE", now)
            elif entry["state"] == "DELAY":
                self.enter(address, "PROBE", now)
            elif entry["asked"] < 3:
                self.ask(address, now)
            else:
                entry["mac"] = None
                self.enter(address, "FAILED", now)
                self.failed += entry["waiting"]
                entry["waiting"] = []
        ### END SOLUTION

    def deadline(self) -> float | None:
        """When the next timer ends."""
        ### BEGIN SOLUTION
        return min((entry["due"] for entry in self.entries.values() if entry["due"] is not None), default=None)

    def enter(self, address, state, now):
        """Bring an entry into a state."""
        entry = self.entries[address]
        lasts = {"REACHABLE": 30.0, "DELAY": 5.0}
        entry["state"], entry["asked"] = state, 0
        entry["due"] = now + lasts[state] if state in lasts else None
        if state in ("INCOMPLETE", "PROBE"):
            self.ask(address, now)

    def ask(self, address, now):
        """Ask everyone for an address, or the one who is believed to have it."""
        entry = self.entries[address]
        entry["asked"] += 1
        entry["due"] = now + 1.0
        question = ARPPacket(operation=REQUEST, sender_mac=self.mac, sender_ip=self.address, target_ip=address)
        self.outbox.append((entry["mac"] or MACAddress.BROADCAST, question))
        ### END SOLUTION

    def rows(self) -> list[dict[str, str]]:
        """The entries, as `ip neigh` would show them."""
        ### BEGIN SOLUTION
        return [
            {"address": str(address), "mac": str(entry["mac"] or ""), "state": entry["state"]}
            for address, entry in self.entries.items()
        ]
        ### END SOLUTION


# %% check="7.2"
check("7.2", ArpTable)

# %% [markdown]
# If the check finds something, play with your table: `drive` does with it what a host does, and prints what comes out. `until` lets time pass. (Here our own address is 10.7.1.1.)

# %% needs="7.2"
drive(
    ArpTable,
    [
        ("send", "1", "10.7.1.2", 0.0),
        ("receive", "10.7.1.2 is at 02:00:00:00:00:0a (for 10.7.1.1 at 02:00:00:00:00:01)", 0.25),
        ("until", 30.25),
        ("send", "2", "10.7.1.2", 40.0),
        ("until", 60.0),
    ],
)

# %% [markdown]
# Your table now runs in h1, in netlib's host, on the same link and with the same story as above. The last column is netlib's.


# %% needs="7.2"
def states_of(sim, address: str, story, every: float = 0.5) -> list[tuple[float, str]]:
    """The states that h1's entry for `address` goes through while `story(sim)` runs, looked at again and again."""
    seen: list[tuple[float, str]] = []

    async def look():
        while True:
            state = next((row["state"] for row in sim["h1"].neighbours() if row["address"] == address), "(none)")
            if not seen or seen[-1][1] != state:
                seen.append((await now(), state))
            await sleep(every)

    sim.spawn(look())
    story(sim)
    return seen


ArpTable(IPv4Address("10.7.1.2"), MACAddress("02:00:00:00:00:01")).rows()  # waits here until 7.2 is solved
yours = states_of(network(Parts(neighbours=ArpTable))[0], "10.7.1.1", life_of_an_entry)
netlibs = states_of(network()[0], "10.7.1.1", life_of_an_entry)
rows = [(f"{time:g} s", state, theirs) for (time, state), (_, theirs) in zip(yours, netlibs, strict=False)]
display(table(rows, ["seen at", "your table", "netlib's"], "h1's entry for r1, looked at every 0.5 s"))
print("They agree." if yours == netlibs else "They differ!")

# %% [markdown]
# ## To take an address over
#
# Back to the question. `old` has 10.7.1.1, and a client pings it each second. At 10 s `old` dies, and `new` takes its address over, on the same switch, with a MAC address of its own.
#
# **Predict:** for how many seconds is the client without an answer, if `new` says nothing? And if `new`, once, sends everyone an ARP packet that nobody has asked for?


# %%
def failover(announce: bool, parts: Parts | None = None):
    """One ping each second for 80 s; at 10 s the address goes from one machine to another. What the client got."""
    sim = Simulation(seed=7)
    switch = sim.switch("sw", ports=3)
    client = sim.host("client", parts)
    sim.link((client, "10.7.1.2/24"), switch)
    cable = sim.link((sim.host("old"), "10.7.1.1/24"), switch)

    async def changing():
        await sleep(9.5)
        cable.loss = 1.0  # the old one is gone
        new = sim.host("new")
        sim.link((new, "10.7.1.1/24"), switch)
        if announce:
            new.announce(new.interfaces[0], await now())

    result = sim.run(ping(client, "10.7.1.1", count=80, interval=1.0), changing())
    return result, client.interfaces[0].neighbours


outages = {}
for announce in (False, True):
    result, neighbours = failover(announce)
    lost = [second for second, answer in enumerate(result.answers) if not (answer and answer.is_reply)]
    outages[announce] = f"{len(lost)} s (from {lost[0]} s to {lost[-1]} s)" if lost else "none"
    if not announce:
        entry = [(change.time, change.after, change.because) for change in neighbours.changes]
        picture = state_line(entry, lanes=LANES, until=80.0, title="The client's entry, where nobody says anything")
display(picture)
table(outages.items(), ["announced", "without an answer"], "What the client noticed")

# %% [markdown]
# There they are, the time-outs. The client went on sending to a MAC address that nobody has any more. Its entry was REACHABLE for what was left of its 30 s, STALE until the next ping, 5 s DELAY, 3 s PROBE, and only then FAILED: now it asked everyone. Here that took 29 s. At worst it takes 30 + 5 + 3 = 38 s, and
# with Linux, which draws up to 45 s for REACHABLE, 53 s. A client that had no entry noticed nothing.
#
# The remedy is an **announcement**, or **gratuitous ARP**: a question for one's *own* address, broadcast, with that address as sender and as target. Nobody answers. But everybody who has an entry for the sender updates it: your rule 5. Failover software (VRRP: RFC 9568 section 6.4.2) sends it the moment it takes over;
# so does a host when it gets an address or a new card.
#
# Two claims to keep apart: an announcement *moves* an entry where there is one. It does not *make* one in "everybody's cache". Linux adds nothing to its table because of it (unless `arp_accept` is set), as in your rule 5.
#
# ### Is the address free at all?
#
# Before a machine takes an address, it should know that no other machine has it. Two machines with one address are a miserable fault: each client talks to whichever answered first, and changes its mind now and then. RFC 5227 says how to find out. A **probe** is a question for
# the address one would like to have, with the sender's IP address **0.0.0.0**: so nobody's table learns anything from it that may turn out wrong. If anybody answers, the address is taken.
#
# ## Exercise 7.3: claim an address
#
# `AddressClaim(address: IPv4Address, mac: MACAddress, waits: tuple[float, float, float])`
#
# It claims `address` for the card with the MAC address `mac`. `waits` are three pauses in seconds, which somebody has drawn: from 0 to 1 for the first, from 1 to 2 for the others. (They are random so that machines that are switched on together do not all speak at once.)
# It has a list `outbox` of `ARPPacket`s, all of them to be broadcast; the owner empties it. And a `state`: `"PROBING"`, `"ANNOUNCING"`, `"DEFENDING"` or `"LOST"`.
#
# | method | |
# |---|---|
# | `start(now: float)` | begin; is called once, first |
# | `receive(packet: ARPPacket, now: float)` | an ARP packet was heard, of whatever kind |
# | `tick(now: float)`, `deadline()` | as in 7.2 |
#
# 1. **PROBING.** The first probe goes out `waits[0]` after the start, the second `waits[1]` after the first, the third `waits[2]` after the second. A probe is a request: `sender_mac` ours, `sender_ip` 0.0.0.0, `target_mac` zeros, `target_ip` the address.
# 2. 2 s after the third probe the address is ours. **ANNOUNCING**: announce it at once, and 2 s later again. With the second announcement the state is **DEFENDING**, and no timer runs any more. An announcement is a request with the address as `sender_ip` *and* as `target_ip`, and `target_mac` zeros.
# 3. A **conflict while PROBING**: a packet of any kind from another MAC address (`sender_mac` is not ours) whose sender IP address is the address; or another's *probe* for it (a request with sender IP 0.0.0.0 and target IP the address). The state is **LOST** at once.
# 4. A **conflict in ANNOUNCING or DEFENDING**: a packet from another MAC address whose sender IP address is the address. If the conflict before it was less than 10 s ago, give up: LOST. Else defend it: announce it once, now. (The announcements of rule 2 go on as planned.) Another's probe is no conflict any more: the ARP table answers it.
# 5. LOST is for good: nothing more is sent, and no timer runs.
#
# For example, with `waits` (0.5, 1.25, 1.5) and nobody else: probes at 0.5, 1.75 and 3.25 s, announcements at 5.25 and 7.25 s.
#
# `receive`, `tick` and `start` return nothing. RFC 5227 sections 2.1, 2.3 and 2.4 (b). Worth 4 points.


# %% solution="7.3"
class AddressClaim:
    """One address of one card, from the first probe to its loss."""

    def __init__(self, address: IPv4Address, mac: MACAddress, waits: tuple[float, float, float]):
        self.state, self.outbox = "", []
        ### BEGIN SOLUTION
        self.address, self.mac, self.waits = address, mac, waits
        self.due = None
        self.probes = 0
        self.last_conflict = None
        ### END SOLUTION

    def start(self, now: float) -> None:
        """Begin to probe."""
        ### BEGIN SOLUTION
        self.state, self.due = "PROBING", now + self.waits[0]
        ### END SOLUTION

    def receive(self, packet: ARPPacket, now: float) -> None:
        """An ARP packet was heard."""
        ### BEGIN SOLUTION
        if packet.sender_mac == self.mac or self.state == "LOST":
            return
        nobody = IPv4Address("0.0.0.0")
        uses = packet.sender_ip == self.address
        wants = packet.operation == REQUEST and packet.sender_ip == nobody and packet.target_ip == self.address
        if self.state == "PROBING":
            if uses or wants:
                self.state, self.due = "LOST", None
        elif uses:
            if self.last_conflict is not None and now - self.last_conflict < 10:
                self.state, self.due = "LOST", None
            else:
                self.say(self.address)
            self.last_conflict = now
        ### END SOLUTION

    def tick(self, now: float) -> None:
        """Send what is due."""
        ### BEGIN SOLUTION
        if self.due is None or now < self.due:
            return
        if self.state == "PROBING" and self.probes < 3:
            self.say(IPv4Address("0.0.0.0"))
            self.probes += 1
            self.due = now + (self.waits[self.probes] if self.probes < 3 else 2.0)
        elif self.state == "PROBING":
            self.say(self.address)
            self.state, self.due = "ANNOUNCING", now + 2.0
        else:
            self.say(self.address)
            self.state, self.due = "DEFENDING", None
        ### END SOLUTION

    def deadline(self) -> float | None:
        """When `tick` is next needed."""
        ### BEGIN SOLUTION
        return self.due

    def say(self, sender_ip):
        """A probe, from nobody, or an announcement, from the address itself."""
        self.outbox.append(ARPPacket(sender_mac=self.mac, sender_ip=sender_ip, target_ip=self.address))
        ### END SOLUTION


# %% check="7.3"
check("7.3", AddressClaim)

# %% [markdown]
# To play with it: `claim_log` drives your claim to 10.7.1.77, and prints what it says. Here somebody else announces the same address twice, five seconds apart.

# %% needs="7.3"
rival = "announcement of 10.7.1.77 by 02:00:00:00:00:0a"
claim_log(AddressClaim, [("start", 0.0), ("until", 8.0), ("receive", rival, 20.0), ("receive", rival, 25.0)])

# %% [markdown]
# Put together: a table that uses its address only when the claim has succeeded. Two machines are switched on at the same moment, and want the same address. Both run *your* code.


# %% needs="7.2 7.3"
class CarefulTable(ArpTable):
    """Your table, and your claim in front of it. The wish comes with the address, the luck with the draw."""

    draw = Random(5)

    def __init__(self, address, mac):
        super().__init__(address, mac)
        waits = tuple(round(self.draw.uniform(low, low + 1), 2) for low in (0, 1, 1))
        self.claim = AddressClaim(address, mac, waits)
        self.claim.start(0.0)

    def receive(self, packet, now):
        self.claim.receive(packet, now)
        if self.claim.state in ("ANNOUNCING", "DEFENDING"):
            super().receive(packet, now)
        self.speak()

    def tick(self, now):
        self.claim.tick(now)
        super().tick(now)
        self.speak()

    def deadline(self):
        return min((due for due in (self.claim.deadline(), super().deadline()) if due is not None), default=None)

    def speak(self):
        said, self.claim.outbox = self.claim.outbox, []
        self.outbox += [(MACAddress.BROADCAST, packet) for packet in said]


AddressClaim(IPv4Address("10.7.1.77"), MACAddress("02:00:00:00:00:01"), (0.5, 1.25, 1.5)).start(0.0)  # waits for 7.3
ArpTable(IPv4Address("10.7.1.77"), MACAddress("02:00:00:00:00:01")).rows()  # and for 7.2
sim = Simulation(seed=7)
switch = sim.switch("sw", ports=2)
rivals = [sim.host(name, Parts(neighbours=CarefulTable)) for name in ("one", "two")]
cables = [sim.link((rival, "10.7.1.77/24"), switch) for rival in rivals]
capture = sim.capture(*cables)
sim.run(until=12.0)
display(
    SequenceDiagram.from_crossings(capture, hosts=["one", "sw", "two"], label=short, title="Two that want 10.7.1.77")
)
for rival in rivals:
    print(f"{rival.name}: {rival.interfaces[0].neighbours.claim.state}")

# %% [markdown]
# The one that probed first went on; the other heard a rival's probe, and let go before it had ever used the address. Both could have seen each other; then both let go, and each has to try another address.
#
# ## Nobody checks what is said
#
# Look at your rules 3 to 5 once more, as somebody with bad intentions. An entry believes whoever speaks for it. There is no signature, no number that only the right machine could know, not even a rule that an answer needs a question.
# So a machine on the same link can tell h1 that the router is at *its* MAC address. That is **ARP poisoning** (or ARP spoofing).
#
# > **Where you may do this.** In this simulation, and in the lab below: both are closed in themselves. On any other network it is an attack on everybody who is on it, many switches log it with the port that it came from, and in most countries it is a crime. The functions below can't reach a real network.
#
# **Predict:** mallory, whose table and routes are sound, sends h1 one forged answer: "10.7.1.1 is at" mallory's MAC address. Then h1 pings h2. Does the ping still work? Does the switch notice?


# %%
def lie(sim, liar: str, about: str, victim: str) -> ARPPacket:
    """In the simulation: `liar` tells `victim`, unasked, that the address `about` is at its own MAC address."""
    own, target = sim[liar].interfaces[0], sim[victim].interfaces[0]
    forged = ARPPacket(
        operation=REPLY,
        sender_mac=own.mac,
        sender_ip=IPv4Address(about),
        target_mac=target.mac,
        target_ip=target.address.address,
    )
    put_on_the_cable(sim, liar, EthernetFrame(target.mac, own.mac, 0x0806, forged.build()).build())
    return forged


sim, capture = network()
sim.run(ping(sim["h1"], "10.7.2.2", count=1))
sim.run(ping(sim["mallory"], "10.7.2.2", count=1))
sim.run(until=8.0)
before = len(capture)
print(lie(sim, "mallory", about="10.7.1.1", victim="h1"))
sim.run(until=8.01)
behind_r1 = sim.capture(sim.between("r1", "h2"))
print(sim.run(ping(sim["h1"], "10.7.2.2", count=1)))
print("TTL at h2:", behind_r1.packets[0][1][IPv4Packet].ttl, "(r1 alone would have left 63)")
print(sim["sw"])
lied = capture.crossings[before:]
display(SequenceDiagram.from_crossings(lied, hosts=COLUMNS, label=short, title="One lie, and then a ping"))
neighbour_table(sim, "h1")

# %% [markdown]
# The ping works. That is the trouble: nobody notices. h1's packets go to mallory, which reads them, and passes them on to r1. (The answers come straight from r1. To get those too, mallory lies to r1 about h1.) The **switch** does not help: it sends each frame where its destination
# MAC address lives, and all MAC addresses in the frames are true. The lie is *inside* the packet.
#
# What gives it away: a TTL that is lower by one than it should be; two addresses with one MAC address in `ip neigh`, once h1 has spoken to mallory itself; and an answer that nobody had asked for.
#
# What helps:
#
# - **a fixed entry** (`ip neigh replace ... nud permanent`) for what matters most. It does not scale, and breaks every failover;
# - **the switch looks into ARP** (dynamic ARP inspection): it knows from DHCP who has which address, and drops lies. In data centres and clouds the virtual switch does so;
# - **a router between** those who do not trust each other: ARP never crosses one;
# - **TLS and SSH**, which assume from the start that somebody is in the middle. That is the one that scales: mallory then has ciphertext, and can only cut the line.
#
# ## How to tell a liar
#
# To *detect* poisoning sounds easy: an address that changes its MAC address. But honest links change, too. The next table is what happens on a link; below it, a piece of a trace, as somebody sees it who hears all of the link (a switch can copy all frames to one port, a "mirror").
#
# | honest | forged |
# |---|---|
# | a question to everyone, and one answer, within 2 s or so; some frames are heard twice | an answer that nobody asked for, to one victim, again and again, so that the truth never lasts |
# | a check: a question to one machine, and its answer | an announcement of the router's address, repeated; the router is still there, and speaks now and then |
# | a machine announces itself, as a question or as an answer to everyone | a question *in the router's name*, with the attacker's MAC address as sender: the victim learns from it, and honestly answers |
# | a newcomer probes, announces its address, uses it | to a question for the router, an answer by the attacker besides the router's, sooner or later than it |
# | **a takeover**: a machine announces an address that another had; from then on the old one is *silent*, and the new one uses it | an answer with a MAC address that no machine has, so that the victim talks into the void; the *frame's* source is the attacker's |
# | an address is used again after a minute or more without its old owner, by a newcomer that probes and announces itself | a victim *checks* its poisoned entry with the attacker, who answers |
#
# In the traces below all forged packets are about the router's address 10.7.1.1, or tell the router of a victim, and they come from a machine that is an ordinary one otherwise, 10.7.1.66. Don't use that: your detector has to judge by what is said, not by who says it.

# %%
trace = link_trace(3, "announcements", "takeover")
first = next(i for i, heard in enumerate(trace) if heard.forged)
rows = []
for heard in trace[first - 5 : first + 9]:
    packet = heard.packet
    what = f"{packet.sender_ip} is at {packet.sender_mac}" if packet.operation == REPLY else str(packet)[4:]
    sender = str(packet.sender_mac)[-5:]
    rows.append(
        (f"{heard.time:.2f} s", sender, what.replace("02:00:00:", "..:"), "FORGED" if heard.forged else "", heard.about)
    )
table(rows, ["heard at", "sender MAC", "ARP", "", "what it was"], "A piece of a trace")

# %% [markdown]
# ## Exercise 7.4: a detector (the challenge)
#
# `PoisonDetector()`, with one method: `hear(frame: bytes, now: float) -> bool`
#
# It hears every frame of a link, in order of time. `frame` is a whole Ethernet frame with a well-formed ARP packet for IPv4 in it; `EthernetFrame.parse(frame)` has `source`, `destination` and `payload`, and `ARPPacket.parse(payload)` has the rest. `now` is in seconds.
# Return `True` if this frame is forged, else `False`. You have to say it at once: what comes later you don't know yet. There is no perfect answer, so you are judged by two numbers, over fourteen traces of two minutes at a time:
#
# - **recall**: of the forged frames, the share that you named. Who names everything has a recall of 1;
# - **precision**: of the frames that you named, the share that was forged. Who names nothing is never wrong.
#
# | you get | for a recall of | and a precision of |
# |---|---|---|
# | 3 points | 0.80 or more | 0.50 or more |
# | 6 points | 0.85 or more | 0.90 or more |
#
# Each trace gets a detector of its own. The first seconds of a trace are honest.
#
# Where to begin: remember for each address which MAC address it had, and when it was last heard with it. What must a machine do that takes over honestly? And what happens if the old one was not gone at all? To look at traces yourself: `link_trace(seed)` gives one, `traces(seed)` the fourteen of a check;
# each item has `time`, `frame`, `packet`, `forged` and `about`. `marks(PoisonDetector, seed=1)` gives your two numbers.
#
# For example, a detector that takes the MAC address with which an address was heard *first* for the true one, for ever, reaches a recall of 1.00 and, as the traces fall, a precision between 0.65 and 0.9: 3 points. Why does it have false alarms?
#
# RFC 5227 section 5 says in so many words that ARP has nothing against this. Worth 6 points.


# %% solution="7.4"
class PoisonDetector:
    """Hears a link, and says of each ARP packet whether it is forged."""

    def __init__(self):
        ### BEGIN SOLUTION
        self.owner = {}  # address -> its MAC address
        self.heard = {}  # address -> when its owner was last heard with it
        self.claim = {}  # address -> another MAC address that has announced it, and when
        ### END SOLUTION

    def hear(self, frame: bytes, now: float) -> bool:
        """Whether this frame is forged."""
        ### BEGIN SOLUTION
        ethernet = EthernetFrame.parse(frame)
        packet = ARPPacket.parse(ethernet.payload)
        address, mac = packet.sender_ip, packet.sender_mac
        if ethernet.source != mac:
            return True  # it speaks of another card than its own
        if address == IPv4Address("0.0.0.0"):
            return False  # a probe claims nothing
        gone = now - self.heard.get(address, now) > 60
        if gone or self.owner.get(address, mac) == mac:
            self.owner[address], self.heard[address] = mac, now
            return False
        # another machine than the one that was heard with it not long ago
        claimant, since = self.claim.get(address, (None, None))
        if claimant != mac:
            if packet.target_ip != address:
                return True  # an honest successor would announce itself first
            self.claim[address] = mac, now
            return False
        return self.heard[address] > since  # the owner is not gone at all
        ### END SOLUTION


# %% check="7.4"
check("7.4", PoisonDetector)

# %% needs="7.4"
PoisonDetector().hear(question, 0.0)  # waits here until 7.4 is solved
rows = []
for attack in ("replies", "announcements", "questions", "race", "ghost"):
    named, forged, frames = set(), set(), 0
    for seed in range(6):
        detector = PoisonDetector()
        for heard in link_trace(seed, attack):
            frames += 1
            forged |= {frames} if heard.forged else set()
            named |= {frames} if detector.hear(heard.frame, heard.time) else set()
    marked = score(named, forged)
    rows.append((attack, len(forged), f"{marked.recall:.2f}", f"{marked.precision:.2f}"))
table(rows, ["attack", "forged frames", "recall", "precision"], "How well your detector does, attack by attack")

# %% [markdown]
# Mind the base rate. On a link with a thousand honest packets for one that is forged, a detector with one false alarm in a hundred packets gives ten false alarms for each true one, and nobody looks any more. That is why precision counts here as much as recall.
#
# ## Live: the Linux kernel
#
# Now the same link as Linux has it: h1, r1, mallory and h2 are network stacks of your own kernel, in namespaces of their own; a Linux bridge is the switch. **The lab is isolated**: its cables end in the lab, and nothing that is sent in it can leave it.
#
# Cells print verdicts, and fold the raw figures away. Where no lab can run, its recording plays what needs no packets of yours; the other cells say so in one line, and tell what was seen on 23 November 2026 with Linux 6.18.

# %% live
from time import monotonic

from netlib.lab import Lab, LabError


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def recorded(text: str) -> None:
    print(f"Not live here. Seen on 23 November 2026 with Linux 6.18:\n{text}")


def entry_of(name: str, address: str) -> tuple[str, str]:
    """What a node's kernel knows of an address: (MAC address, state), or two empty strings."""
    words = lab[name].run(["ip", "neigh", "show", address, "dev", "eth1"]).stdout.split()
    return (words[words.index("lladdr") + 1] if "lladdr" in words else "", words[-1]) if words else ("", "")


def mac_of(name: str) -> str:
    return lab[name].run("cat /sys/class/net/eth1/address").stdout.strip()


def ping_from(name: str, address: str, wait: str = "5"):
    return lab[name].run(["ping", "-n", "-c", "1", "-W", wait, address])


def arp_packets(capture) -> list:
    """(time, frame, ARP packet) for each that was captured."""
    return [(time, p[EthernetFrame], p[ARPPacket]) for time, p in capture.packets if ARPPacket in p]


try:
    lab = Lab("07-arp").up()
    print(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)
kernel = {}  # what this kernel says to the claims at the end

# %% [markdown]
# **The kernel's states.** So that we need not wait for minutes, h1's kernel gets shorter times: `base_reachable` 2 s (drawn anew: 1 to 3 s), `delay_probe` 0.8 s, and 0.3 s from question to question. The script `neigh.py` on h1 sends the pings, and writes down what `ip neigh` says, each time that it has changed.
# First r1 is there; then its cable is pulled. It takes seven to ten seconds.

# %% live
QUICK = "ip ntable change name arp_cache dev eth1 base_reachable 2000 delay_probe 800 retrans 300"
USUAL = "ip ntable change name arp_cache dev eth1 base_reachable 30000 delay_probe 5000 retrans 1000"
WATCH = "/usr/bin/python3 /srv/lab/neigh.py 10.7.1.1 "


def kernel_states(done) -> list[tuple[float, str]]:
    return [(float(line.split()[0]) / 1000, line.split()[1]) for line in done.stdout.splitlines()]


if lab:
    with waiting("for h1's kernel, from REACHABLE to FAILED", 9):
        lab["h1"].run(QUICK)
        lab["h1"].run("ip neigh flush dev eth1")
        with lab.capture("h1:eth1") as capture:
            there = kernel_states(lab["h1"].run(WATCH + "ping STALE ping REACHABLE STALE"))
        asked_at = [
            str(frame.destination)
            for _, frame, p in arp_packets(capture)
            if str(p.sender_ip) == "10.7.1.2" and p.operation == REQUEST
        ]
        lab["r1"].run("ip link set eth1 down")
        gone = kernel_states(lab["h1"].run(WATCH + "ping FAILED"))
        lab["r1"].run("ip link set eth1 up")
        lab["h1"].run(USUAL)
    print("r1 is there:", " > ".join(state for _, state in there))
    print("its cable is pulled:", " > ".join(state for _, state in gone))
    print(
        "h1 asked everyone, then r1 alone"
        if asked_at == ["ff:ff:ff:ff:ff:ff", mac_of("r1")]
        else f"h1 asked {asked_at}"
    )
    kernel["asks before use"] = asked_at.count("ff:ff:ff:ff:ff:ff") > 1
    later = [(there[-1][0] + 0.5 + time, state) for time, state in gone]
    display(state_line(there + later, lanes=LANES, until=later[-1][0] + 0.5, title="h1's kernel: its entry for r1"))
    fold("What neigh.py printed", "\n".join(f"{time:6.3f} s  {state}" for time, state in there + later))
    kernel_saw = [state for _, state in there + gone]
else:
    kernel["asks before use"] = False
    kernel_saw = ["REACHABLE", "STALE", "DELAY", "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED"]
    recorded(
        "r1 is there: REACHABLE > STALE > DELAY > REACHABLE > STALE; its cable is pulled: DELAY > PROBE > FAILED.\nh1 asked everyone, then r1 alone"
    )

# %% [markdown]
# INCOMPLETE, and the first PROBE, are over in a fraction of a millisecond: r1 answers at once. So `ip neigh` hardly ever shows them. In the simulation above, with cables a hundred times as long, they could be seen. But for that, did your table go through the same states?

# %% live needs="7.2"
ArpTable(IPv4Address("10.7.1.50"), MACAddress("02:00:00:00:aa:50")).rows()  # waits here until 7.2 is solved


def lasting(states: list[str]) -> list[str]:
    """Without what is over at once: (none), INCOMPLETE, and a PROBE that is answered."""
    pairs = zip(states, [*states[1:], ""], strict=True)
    return [now for now, then in pairs if now not in ("(none)", "INCOMPLETE") and (now, then) != ("PROBE", "REACHABLE")]


print("the kernel:", " > ".join(lasting(kernel_saw)))
print("your table:", " > ".join(lasting([state for _, state in yours])))
print(
    "The same states, in the same order." if lasting(kernel_saw) == lasting([s for _, s in yours]) else "They differ!"
)

# %% [markdown]
# ### Your answer, to a kernel's question
#
# Nobody in the lab has 10.7.1.99. Below, a socket in mallory's namespace hears whole frames, and *your* `arp_reply` answers for 10.7.1.99 with a MAC address that no card has. h1's kernel then pings it. There will be no answer to the ping: but what does `ip neigh` say?

# %% live needs="7.1"
arp_reply(question[14:], IPv4Address("10.7.1.1"), MACAddress("02:00:00:00:00:02"))  # waits here until 7.1 is solved
if live:
    here, card = IPv4Address("10.7.1.99"), MACAddress("02:00:00:00:aa:99")
    with lab["mallory"].packet_socket("eth1") as cable:
        cable.settimeout(0.2)
        pinging = lab["h1"].popen(["ping", "-n", "-c", "1", "-W", "1", str(here)])
        answered, end = 0, monotonic() + 1.5
        while monotonic() < end and not answered:
            try:
                frame = EthernetFrame.parse(cable.recv(2000))
            except TimeoutError:
                continue
            answer = arp_reply(frame.payload, here, card) if frame.ethertype == 0x0806 else None
            if answer:
                cable.send(EthernetFrame(MACAddress(answer[18:24]), card, 0x0806, answer).build())
                answered += 1
        pinging.wait(5)
    mac, state = entry_of("h1", str(here))
    print(f"h1's kernel says: {here} at {mac}, {state}" if answered else "h1's question did not come")
    lab["h1"].run(["ip", "neigh", "del", str(here), "dev", "eth1"])
else:
    recorded("h1's kernel says: 10.7.1.99 at 02:00:00:00:aa:99, REACHABLE")

# %% [markdown]
# ### Your table, beside kernels
#
# A netlib host with your `ArpTable` joins the link as 10.7.1.50. It and h1's kernel do the same: a ping to the gateway, and a ping to 10.7.1.99, which nobody has again. Then h1 pings your host, which has to answer the kernel's question. Both tables, side by side:

# %% live needs="7.2"
ArpTable(IPv4Address("10.7.1.50"), MACAddress("02:00:00:00:aa:50")).rows()  # waits here until 7.2 is solved
if live:
    you = Host("you", Random(7), Parts(neighbours=ArpTable))
    you.attach("10.7.1.50/24", MACAddress("02:00:00:00:aa:50"))
    with waiting("until both tables have given 10.7.1.99 up", 4):
        lab["h1"].run("ip neigh flush dev eth1")
        theirs = lab["h1"].popen(["ping", "-n", "-c", "1", "-W", "5", "10.7.1.99"])  # three seconds, beside yours
        ping_from("h1", "10.7.1.1")
        with lab["mallory"].attach(you) as running:
            got = running.run(ping(you, "10.7.1.1", count=1))
            running.run(ping(you, "10.7.1.99", count=1, timeout=5))
            theirs.wait(10)
            ours = {row["address"]: (row["mac"], row["state"]) for row in you.neighbours()}
            back = ping_from("h1", "10.7.1.50")
            errors = running.errors
    rows = [
        (address, *ours[address], *entry_of("h1", address)) for address in ("10.7.1.1", "10.7.1.99") if address in ours
    ]
    display(
        table(
            rows, ["address", "your table", "your state", "h1's kernel", "its state"], "The same questions, two tables"
        )
    )
    agree = len(rows) == 2 and all(row[1:3] == row[3:5] for row in rows)
    print("They agree." if agree else "They differ!")
    print("Your host's ping to r1:", "answered" if got.received else "NO answer")
    print(
        "h1's ping to your host:", "answered" if back else "NO answer", "- h1 has it at", entry_of("h1", "10.7.1.50")[0]
    )
    print("Raised in your host:", *errors or ["nothing"])
else:
    recorded("10.7.1.1 at 02:00:00:00:03:01 REACHABLE, and 10.7.1.99 FAILED, in both tables. They agree.")

# %% [markdown]
# ### Your claim, to a kernel's address
#
# Your `AddressClaim` now wants h1's own address, 10.7.1.2. Will it notice, before it has done any harm? Then it wants one that is free. (For that it has to be patient: some four seconds.)

# %% live needs="7.3"
AddressClaim(IPv4Address("10.7.1.2"), MACAddress("02:00:00:00:aa:77"), (0.0, 1.0, 1.0)).start(0.0)  # waits for 7.3


def claim_live(address: str) -> AddressClaim:
    """Your claim, in real time, on mallory's cable, until it knows."""
    mac = MACAddress("02:00:00:00:aa:77")
    claim = AddressClaim(IPv4Address(address), mac, (0.0, 1.0, 1.0))
    with lab["mallory"].packet_socket("eth1") as cable:
        claim.start(monotonic())
        while claim.state == "PROBING":
            claim.tick(monotonic())
            said, claim.outbox = claim.outbox, []
            for packet in said:
                cable.send(EthernetFrame(MACAddress.BROADCAST, mac, 0x0806, packet.build()).build())
            cable.settimeout(0.02)
            try:
                frame = EthernetFrame.parse(cable.recv(2000))
            except TimeoutError:
                continue
            if frame.ethertype == 0x0806:
                claim.receive(ARPPacket.parse(frame.payload), monotonic())
    return claim


if live:
    with waiting("for two claims, one of them patient", 5):
        found = {address: claim_live(address).state for address in ("10.7.1.2", "10.7.1.77")}
    print("\n".join(f"{address}: {state}" for address, state in found.items()))
    print("h1's kernel still has its address, and has answered the probe:", bool(ping_from("h1", "10.7.1.1")))
else:
    recorded("10.7.1.2: LOST\n10.7.1.77: ANNOUNCING")

# %% [markdown]
# ### Poisoning, in the lab
#
# On mallory there is a small script, `arp.py`, that sends a forged answer. It speaks of the lab's addresses only. mallory forwards, and keeps quiet about it. Linux leaves an entry alone for one second after it has changed (`locktime`), unless the news is an announcement; so mallory repeats the lie for somewhat longer.
#
# **Predict:** what will h1's `ip neigh` say, what will its ping say, and with which TTL does the ping arrive at h2?


# %% live
def forge(*times: str) -> None:
    """In the lab: mallory tells h1 that the gateway is at mallory's MAC address, once or so many times."""
    lab["mallory"].run(["/usr/bin/python3", "/srv/lab/arp.py", "claim", "10.7.1.1", "10.7.1.2", mac_of("h1"), *times])


if lab:
    ping_from("h1", "10.7.2.2")
    names = {mac_of(name): name for name in ("h1", "r1", "mallory")}
    before = entry_of("h1", "10.7.1.1")[0]
    forge("5")
    after = lab["h1"].run(["ip", "neigh", "show", "to", "10.7.1.1", "dev", "eth1"]).stdout.split()[2]
    print("h1's gateway was at", names.get(before, before), "and is at", names.get(after, after), "now")
    with lab.capture("mallory:eth1") as at_mallory, lab.capture("h2:eth1") as at_h2:
        said = ping_from("h1", "10.7.2.2")
    through = [p for _, p in at_mallory.packets if IPv4Packet in p and str(p[IPv4Packet].source) == "10.7.1.2"]
    ttl = [p[IPv4Packet].ttl for _, p in at_h2.packets if IPv4Packet in p and str(p[IPv4Packet].source) == "10.7.1.2"]
    print("h1's ping:", "answered, as ever" if said else "NOT answered")
    print(
        f"mallory saw it {len(through)} times: as it came, and as it went on to",
        names.get(str(through[-1][EthernetFrame].destination)),
    )
    print(f"TTL at h2: {ttl[0]}; r1 alone would have left 63")
    ports = {
        line.split()[0]: line.split()[2]
        for line in lab["sw"].run("bridge fdb show br br0").stdout.splitlines()
        if "permanent" not in line
    }
    print("the switch:", ", ".join(f"{name} is at port {ports.get(mac, '?')}" for mac, name in names.items()))
    diagram = SequenceDiagram(["h1", "mallory", "r1", "h2"], title="h1's ping, as mallory and h2 saw it", scale="order")
    for time, p in at_mallory.packets:
        if IPv4Packet in p:
            ends = [names[str(end)] for end in (p[EthernetFrame].source, p[EthernetFrame].destination)]
            diagram.message(*ends, describe(p), sent=time, received=time)
    for time, p in at_h2.packets:
        if IPv4Packet in p:
            ends = ("r1", "h2") if str(p[IPv4Packet].source) == "10.7.1.2" else ("h2", "r1")
            diagram.message(*ends, describe(p), sent=time, received=time)
    display(diagram)
    fold("What h1's ping printed", said)
    kernel["believes what nobody asked for"] = names.get(after) == "mallory"
    kernel["a switch stops it"] = len(through) == 0
else:
    kernel["believes what nobody asked for"], kernel["a switch stops it"] = True, False
    recorded(
        "h1's gateway was at r1 and is at mallory now. h1's ping: answered, as ever. TTL at h2: 62. The switch has each MAC address at its own port."
    )

# %% [markdown]
# (What r1 then sent to h1 is not in the picture: it went there directly, and nobody listened on that cable.)
#
# **A fixed entry** holds against it. h1 gets one by hand; then come three lies.

# %% live
if lab:
    r1 = mac_of("r1")
    lab["h1"].run(["ip", "neigh", "replace", "10.7.1.1", "lladdr", r1, "dev", "eth1", "nud", "permanent"])
    for _ in range(3):
        forge()
    words = lab["h1"].run("ip neigh show nud permanent dev eth1").stdout.split()
    print(f"h1's gateway is at {names.get(words[2], words[2])}, {words[-1]}, after three lies")
    lab["h1"].run(["ip", "neigh", "del", "10.7.1.1", "dev", "eth1"])
else:
    recorded("h1's gateway is at r1, PERMANENT, after three lies")

# %% [markdown]
# Now think of a thousand hosts, and of the day on which the router gets a new card.
#
# ### Your detector, on the kernel's packets
#
# The lies once more, heard at h1's cable: first h1 asks for its gateway, then three forged answers come, then it asks again. We know what is forged, since only mallory's card sends it; your detector does not look at that.

# %% live needs="7.4"
PoisonDetector().hear(question, 0.0)  # waits here until 7.4 is solved
if lab:
    lab["h1"].run("ip neigh flush dev eth1")
    with lab.capture("sw:eth1") as capture:
        ping_from("h1", "10.7.1.1")
        for _ in range(3):
            forge()
        ping_from("h1", "10.7.1.1")
        lab["h1"].run("ip neigh flush dev eth1")
        ping_from("h1", "10.7.1.1")
    detector, named, forged, rows = PoisonDetector(), set(), set(), []
    for number, (time, frame, packet) in enumerate(arp_packets(capture)):
        alarm = detector.hear(frame.build(), time)
        named |= {number} if alarm else set()
        forged |= {number} if str(frame.source) == mac_of("mallory") else set()
        rows.append((number, str(packet)[4:], "forged" if number in forged else "", "ALARM" if alarm else ""))
    display(table(rows, ["", "ARP, as heard", "in truth", "your detector"], "h1's cable"))
    marked = score(named, forged)
    print(f"precision {marked.precision:.2f}, recall {marked.recall:.2f}: {len(forged)} forged, {len(named)} named")
else:
    recorded("7 ARP packets, 3 of them forged; the detector of this notebook: precision 1.00, recall 1.00")

# %% [markdown]
# ### Claims, and what holds
#
# Five sentences that are often told. netlib is asked anew, in the simulation; the kernel was asked above.

# %% live
netlibs = {}
sim, capture = network()
sim.run(ping(sim["h1"], "10.7.1.1", count=1))
sim["r1"].announce(sim["r1"].interfaces[0], sim.now)
sim.run(until=40.0)
known = {row["address"] for row in sim["mallory"].neighbours()}
netlibs["overheard"], netlibs["announced"] = "10.7.1.2" in known, "10.7.1.1" in known
before = len(capture)
sim.run(ping(sim["h1"], "10.7.1.1", count=1))
sim.run(until=50.0)
frames = [each.packet[EthernetFrame] for each in capture.crossings[before:] if each.sender == "h1"]
netlibs["asks before use"] = any(frame.destination == MACAddress.BROADCAST for frame in frames)
lie(sim, "mallory", about="10.7.1.1", victim="h1")
sim.run(until=51.0)
row = next(row for row in sim["h1"].neighbours() if row["address"] == "10.7.1.1")
netlibs["believes what nobody asked for"] = row["mac"] == str(sim["mallory"].interfaces[0].mac)
before = len(capture)
sim.run(ping(sim["h1"], "10.7.2.2", count=1))
netlibs["a switch stops it"] = not any(each.receiver == "mallory" for each in capture.crossings[before:])
if lab:
    lab["mallory"].run("ip neigh flush dev eth1")
    lab["h1"].run("ip neigh flush dev eth1")
    ping_from("h1", "10.7.1.1")
    lab["r1"].run(["/usr/bin/python3", "/srv/lab/arp.py", "announce", "10.7.1.1"])
    kernel["overheard"] = entry_of("mallory", "10.7.1.2") != ("", "")
    kernel["announced"] = entry_of("mallory", "10.7.1.1") != ("", "")
else:
    kernel["overheard"] = kernel["announced"] = False
told = {
    "overheard": ("All who hear a question learn who asked", "RFC 826: who is asked, or has an entry"),
    "announced": ("Gratuitous ARP puts its sender into all tables", "RFC 826: it updates entries"),
    "asks before use": ("For an old entry everyone is asked before it is used", "RFC 4861 7.3.3: used, then a unicast"),
    "believes what nobody asked for": ("An answer that nobody asked for is ignored", "RFC 826: it updates entries"),
    "a switch stops it": ("A switch stops ARP poisoning", "the frames' addresses are true"),
}
reverse = "believes what nobody asked for"  # there the claim is the opposite of what was tried
claims(
    [(*told[each], netlibs[each] != (each == reverse), kernel[each] != (each == reverse)) for each in told],
    columns=("What is often told", "RFC", "netlib", "This kernel" if live else "A kernel, recorded"),
)

# %% live
if lab:
    lab.down()
    print("The lab is down. Nothing is left of it, the lies included.")

# %% [markdown]
# ## What you can now answer
#
# **The clients that timed out** had the dead machine's MAC address in their neighbour tables: REACHABLE for what was left of its 30 s (Linux: 15 to 45 s), then 5 s DELAY and 3 s PROBE. The others had no entry, or a STALE one, or they were lucky. A gratuitous ARP from the standby would have moved all of them at once; look whether your failover sends it, and
# whether anything on the way drops it. **Who else could write there** is everybody on the same link.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>You type the address of a server on another continent. Whose MAC address does your machine ask for?</summary>
#
# The default gateway's, if it is not in the table yet. ARP asks for the next hop, on its own link. The server's MAC address never gets farther than the server's own link.
#
# </details>
#
# <details><summary>`ip neigh` says STALE for your gateway. Is anything wrong?</summary>
#
# No. It is known, and nobody has needed it for a while. The next packet goes at once, and five seconds later it is checked, by a unicast question, unless TCP has shown by then that it is there. INCOMPLETE for more than a moment, or FAILED, would be worth a look.
#
# </details>
#
# <details><summary>A connection to a wrong address in your own network fails after three seconds, to one in another network after minutes. Why?</summary>
#
# On your own link your kernel asks three times, a second apart, and then knows: "no route to host" (EHOSTUNREACH). For another network only the last router can find that out. It may report it (ICMP 3/1), or that may be filtered: then TCP tries on until it gives up by itself.
#
# </details>
#
# <details><summary>After you have replaced a server's network card, some clients can't reach it. What do you do?</summary>
#
# Let the server announce itself: gratuitous ARP (`arping -U`, or bring the interface up anew). Clients with an entry for it update it. Or wait: their entries age, are checked, and fail within a minute. Switches learn the new MAC address from the first frame.
#
# </details>
#
# <details><summary>Can ARP poisoning be done from another network? Does HTTPS help against it?</summary>
#
# Not from another network: ARP never crosses a router, so the attacker has to be on the same link (or control a machine there). HTTPS does help: the attacker gets ciphertext, and can't show a certificate for the name. What is left is to cut the line, and to see who talks to whom.
#
# </details>
#
# ## Where it goes next
#
# ARP finds the MAC address of the next hop; chapter 8 finds the next hop. In chapter 9 your `ArpTable` carries datagrams: `mine("7.2")` fetches it. IPv6 has no ARP. Its Neighbour Discovery (RFC 4861) does the same with ICMPv6 messages to a multicast group, and the states are the ones that you have built.
#
# Worth reading, and short:
#
# - RFC 826, all ten pages, from 1982. "Packet Reception" is the whole algorithm.
# - RFC 1122 section 2.3.2: what the Internet needed besides: one question a second, and at least one packet that waits.
# - RFC 4861 section 7.3: the states, with the reasons for each.
# - RFC 5227: probes, announcements, conflicts; and section 4 on why the old ways were worse.
