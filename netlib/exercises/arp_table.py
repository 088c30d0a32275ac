"""Exercise 7.2: the ARP table, with the states that `ip neigh` shows.

The answer is a `NeighboursPart` (netlib/link/neighbours.py) and runs in netlib's hosts.  Here it is driven as a host
drives it: told what happens and when, its `tick` called at its deadlines, its three lists emptied.  What came out is
written as lines of text, and each step's lines have to be those of netlib's own table.

    drive(ArpTable, [("send", "1", "10.7.1.2", 0.0), ("until", 3.0)])     prints such a log

Times are multiples of 1/4 s, which floats hold exactly.  netlib's own table is asked without its LOCK_TIME, a
peculiarity of Linux that the exercise leaves out.
"""

import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.arp_table_mistakes import MISTAKES, NetlibTable
from netlib.grading import StatefulExercise
from netlib.grading.exercise import Problem, entry_value
from netlib.grading.outcome import Raised
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket

Step = tuple[Any, ...]
OURS, OUR_MAC = IPv4Address("10.7.1.1"), MACAddress("02:00:00:00:00:01")
MANY = 200  # ticks in one step
LISTS = ("outbox", "resolved", "failed")
RESOLVES = "it resolves: INCOMPLETE, REACHABLE, FAILED"
AGES = "it learns and ages: STALE, DELAY, PROBE"


# ---- a table, driven as a host drives it ----------------------------------------------------------------------


class Driver:
    """Brings a machine that is driven by ARP packets and deadlines to the time of each step, and writes down in `lines`
    what comes out of it."""

    def __init__(self, machine: Any) -> None:
        self.machine, self.now = machine, 0.0
        self.lines: list[str] = []

    def empty(self, now: float) -> None:
        """Take out what the machine has to send and to say, as the host does."""
        raise NotImplementedError

    def state(self) -> list[str]:
        """What the machine says of itself."""
        raise NotImplementedError

    def packet(self, said: str) -> ARPPacket:
        """The ARP packet that a sentence describes."""
        return packet_of(said)

    def receive(self, said: str, now: float) -> list[str]:
        self.advance(now)
        self.machine.receive(self.packet(said), now)
        return self.told(now)

    def until(self, now: float) -> list[str]:
        self.advance(now)
        return self.told(now)

    def told(self, now: float) -> list[str]:
        """What has come out since the last step, and what the machine says of itself now."""
        self.empty(now)
        lines, self.lines = self.lines, []
        return lines + self.state()

    def advance(self, now: float) -> None:
        """Call `tick` whenever it is due, up to and including `now`."""
        for _ in range(MANY):
            due = self.machine.deadline()
            if due is not None and (isinstance(due, bool) or not isinstance(due, int | float)):
                raise TypeError(f"deadline() returned {due!r:.60}: it has to be a time in seconds, or None")
            if due is None or due > now:
                self.now = now
                return
            self.now = max(self.now, due)
            self.machine.tick(self.now)
            self.empty(self.now)
        raise RuntimeError(f"deadline() still says {due:g} after tick({self.now:g}), {MANY} times: "
                           "a tick has to move the deadline on")  # fmt: skip


class TableDriver(Driver):
    """Drives a table."""

    def send(self, packet: str, next_hop: str, now: float) -> list[str]:
        self.advance(now)
        self.machine.send(packet.encode(), IPv4Address(next_hop), now)
        return self.told(now)

    def send_many(self, count: int, next_hop: str, now: float) -> list[str]:
        """Packets named 1, 2, 3, ..."""
        self.advance(now)
        for number in range(1, count + 1):
            self.machine.send(str(number).encode(), IPv4Address(next_hop), now)
        return self.told(now)

    def empty(self, now: float) -> None:
        outbox, resolved, failed = (self.take(name) for name in LISTS)
        said = [f"{now:g} s: to {station(to)}: {sentence(arp)}" for to, arp in pairs("outbox", outbox)]
        self.lines += sorted(said)
        going = [(station(to), text(packet)) for to, packet in pairs("resolved", resolved)]
        for mac, group in groupby(going, key=lambda each: each[0]):
            names = [name for _, name in group]
            self.lines.append(f"{now:g} s: {numbered(names)} {'goes' if len(names) == 1 else 'go'} to {mac}")
        if failed:
            comes = "comes" if len(failed) == 1 else "come"
            self.lines.append(f"{now:g} s: {numbered([text(each) for each in failed])} {comes} back: no answer")

    def take(self, name: str) -> list[Any]:
        given = getattr(self.machine, name)
        if not isinstance(given, list):
            raise TypeError(f"{name} is {given!r:.60}: it has to be a list")
        if given:
            setattr(self.machine, name, [])
        return given

    def state(self) -> list[str]:
        given = self.machine.rows()
        if not isinstance(given, list | tuple):
            raise TypeError(f"rows() returned {given!r:.60}: it has to return a list of dicts")
        return sorted(map(row_line, given))


def station(mac: Any) -> str:
    if not isinstance(mac, bytes | bytearray) or len(mac) != 6:
        raise TypeError(f"{mac!r:.60} is no MAC address: 6 bytes")
    return "everyone" if bytes(mac) == b"\xff" * 6 else str(MACAddress(bytes(mac)))


def pairs(name: str, given: list[Any]) -> list[tuple[Any, Any]]:
    for each in given:
        if not isinstance(each, tuple) or len(each) != 2:
            raise TypeError(f"{name} holds {each!s:.60}: it has to hold pairs (MAC address, packet)")
        if not isinstance(each[0], bytes | bytearray) or len(each[0]) != 6:
            raise TypeError(f"{name} holds a pair that begins with {each[0]!s:.60}, which is no MAC address: "
                            "its pairs are (MAC address, packet)")  # fmt: skip
    return given


def sentence(arp: Any) -> str:
    """An ARP packet in words.  The target MAC address of a question says nothing, and may be anything."""
    packet = arp_of(arp)
    if packet.operation == REQUEST:
        return f"who has {packet.target_ip}? tell {packet.sender_ip} at {packet.sender_mac}"
    said = f"{packet.sender_ip} is at {packet.sender_mac}" if packet.operation == REPLY else str(packet)
    return f"{said} (for {packet.target_ip} at {packet.target_mac})"


def arp_of(given: Any) -> ARPPacket:
    """An ARP packet that was put out: itself, or its 28 bytes."""
    if isinstance(given, ARPPacket):
        return given
    if not isinstance(given, bytes | bytearray):
        raise TypeError(f"outbox holds {given!s:.60} where an ARPPacket is expected")
    return ARPPacket.parse(bytes(given))


def packet_of(said: str) -> ARPPacket:
    """The ARP packet that a sentence describes."""
    asked = re.fullmatch(r"who has (\S+)\? tell (\S+) at (\S+)", said)
    told = re.fullmatch(r"(\S+) is at (\S+) \(for (\S+) at (\S+)\)", said)
    if asked:
        target, sender, mac = asked.groups()
        return ARPPacket(operation=REQUEST, sender_ip=IPv4Address(sender), sender_mac=MACAddress(mac),
                         target_ip=IPv4Address(target))  # fmt: skip
    if told:
        sender, mac, target, to = told.groups()
        return ARPPacket(operation=REPLY, sender_ip=IPv4Address(sender), sender_mac=MACAddress(mac),
                         target_ip=IPv4Address(target), target_mac=MACAddress(to))  # fmt: skip
    raise ValueError(f"{said!r:.80}: neither 'who has A? tell B at MAC' nor 'A is at MAC (for B at MAC)'")


def text(packet: Any) -> str:
    if not isinstance(packet, bytes | bytearray):
        raise TypeError(f"{packet!r:.60} is none of the packets that were given: those are bytes")
    return bytes(packet).decode(errors="replace")


def numbered(names: list[str]) -> str:
    """The packets by name; a run of numbers in short."""
    if len(names) > 4 and all(name.isdigit() for name in names):
        numbers = [int(name) for name in names]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"packets {numbers[0]} to {numbers[-1]}"
    return f"packet{'s' * (len(names) > 1)} {', '.join(names)}"


def row_line(row: Any) -> str:
    if not isinstance(row, dict) or not {"address", "mac", "state"} <= set(row):
        raise TypeError(f"rows() holds {row!r:.60}: it has to hold dicts with 'address', 'mac' and 'state'")
    mac = row["mac"]
    if not isinstance(mac, str) or not (mac == "" or re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", mac.lower())):
        raise TypeError(f"rows() has {mac!r:.60} under 'mac': it has to be text, like '02:00:00:00:00:0a', "
                        "or '' where the MAC address is not known")  # fmt: skip
    address = row["address"] if isinstance(row["address"], str) else IPv4Address(row["address"])
    return f"table: {address} {mac.lower() or '-'} {row['state']}"


def drive(table: Callable[..., Any], steps: list[Step]) -> None:
    """Print what a table does in these steps, and what it knows after each."""
    driver = TableDriver(table(OURS, OUR_MAC))
    for method, *args in steps:
        print(f"{method}({', '.join(map(str, args))})")
        for line in getattr(driver, method)(*args):
            print("   ", line)


# ---- what happens to it ---------------------------------------------------------------------------------------

A, B = "10.7.1.2", "10.7.1.3"
MACS = {A: MACAddress("02:00:00:00:00:0a"), B: MACAddress("02:00:00:00:00:0b")}
NEW = MACAddress("02:00:00:00:00:0c")


def answer(of: str, mac: MACAddress | None = None, to: str = f"{OURS} at {OUR_MAC}") -> str:
    return f"{of} is at {mac or MACS[of]} (for {to})"


def asks(who: str, mac: MACAddress | None = None, target: str = str(OURS)) -> str:
    return f"who has {target}? tell {who} at {mac or MACS[who]}"


def announces(who: str, mac: MACAddress | None = None) -> str:
    return asks(who, mac, who)


EVENTS = ("send", "send", "send", "answer", "answer", "answer", "asks", "asks another", "announces", "for another",
          "probe", "as us", "until")  # fmt: skip
happenings = st.tuples(
    st.sampled_from(EVENTS),
    st.sampled_from([A, A, A, B]),
    st.sampled_from([False, False, False, True]),  # with another MAC address than before
    st.sampled_from([0.0, 0.25, 0.75, 1.0, 2.0, 3.0, 4.75, 5.0, 29.75, 30.0, 40.0]),  # seconds later
)


def story(happened: list[tuple[str, str, bool, float]], later: float) -> list[Step]:
    steps: list[Step] = [("new", OURS, OUR_MAC)]
    now, number = 0.0, 0
    for event, who, moved, after in happened:
        now += after
        mac = NEW if moved else MACS[who]
        if event == "send":
            number += 1
            steps.append(("send", str(number), who, now))
        elif event == "until":
            steps.append(("until", now))
        else:
            said = {
                "answer": answer(who, mac), "asks": asks(who, mac), "asks another": asks(who, mac, "10.7.1.9"),
                "announces": announces(who, mac), "for another": answer(who, mac, f"10.7.1.9 at {MACS[B]}"),
                "probe": asks("0.0.0.0", mac), "as us": announces(str(OURS), mac),
            }[event]  # fmt: skip
            steps.append(("receive", said, now))
    return [*steps, ("until", now + later)] if later else steps


NEWLY: Step = ("new", OURS, OUR_MAC)
ASKED: list[Step] = [NEWLY, ("send", "1", A, 0.0)]
KNOWN: list[Step] = [*ASKED, ("receive", answer(A), 0.25)]
OLD: list[Step] = [*KNOWN, ("until", 30.25)]
USED: list[Step] = [*OLD, ("send", "2", A, 40.0)]
PINNED: dict[str, list[Step]] = {
    "a packet for somebody unknown": ASKED,
    "the answer, and the packet goes": [*KNOWN, ("send", "2", A, 1.0)],
    "three packets wait": [*ASKED, ("send", "2", A, 0.5), ("send", "3", A, 0.75), ("receive", answer(A), 0.75)],
    "two neighbours at once": [*ASKED, ("send", "2", B, 0.25), ("receive", answer(B), 0.5), ("until", 1.0)],
    "a tick before the second question": [*ASKED, ("until", 0.75)],
    "it asks three times": [*ASKED, ("until", 2.0)],
    "a tick before it gives up": [*ASKED, ("send", "2", A, 2.5), ("until", 2.75)],
    "it gives up": [*ASKED, ("send", "2", A, 2.5), ("until", 3.0), ("until", 60.0)],
    "after it has given up it tries anew": [*ASKED, ("send", "2", A, 10.0), ("receive", answer(A), 11.25)],
    "seventy packets wait, or would like to": [NEWLY, ("send_many", 70, A, 0.0), ("receive", answer(A), 0.25)],
    "an answer that nobody has asked for": [NEWLY, ("receive", answer(A), 0.0)],
    "a question for somebody else": [NEWLY, ("receive", asks(A, target="10.7.1.9"), 0.0)],
    "a question for us": [NEWLY, ("receive", asks(A), 0.0)],
    "a probe for our address": [NEWLY, ("receive", asks("0.0.0.0", MACS[A]), 0.0)],
    "somebody else with our address": [NEWLY, ("receive", announces(str(OURS), NEW), 0.0)],
    "a tick before it is stale": [*KNOWN, ("send", "2", A, 20.0), ("until", 30.0)],
    "it is stale": OLD,
    "a packet does not make it young": [*KNOWN, ("send", "2", A, 20.0), ("until", 30.25)],
    "a second answer makes it young": [*KNOWN, ("receive", answer(A), 20.0), ("until", 49.75), ("until", 50.0)],
    "a stale one is used as it is": USED,
    "five seconds later it is checked": [*USED, ("send", "3", A, 44.0), ("until", 44.75), ("until", 45.0)],
    "the check is answered": [*USED, ("until", 45.0), ("receive", answer(A), 45.25), ("until", 75.25)],
    "the check is not answered": [*USED, ("send", "3", A, 47.75), ("until", 47.75), ("until", 48.0)],
    "a stale one that nobody uses": [*OLD, ("until", 300.0)],
    "an answer from elsewhere": [*KNOWN, ("receive", answer(A, NEW), 2.0), ("send", "2", A, 2.0)],
    "an announcement from elsewhere": [*KNOWN, ("receive", announces(A, NEW), 2.0)],
    "moved, and left alone": [*KNOWN, ("receive", announces(A, NEW), 2.0), ("until", 60.0)],
    "moved while it is checked, and left alone": [
        *USED,
        ("until", 45.0),
        ("receive", announces(A, NEW), 45.25),
        ("until", 90.0),
    ],
    "an announcement of what is known": [*KNOWN, ("receive", announces(A), 2.0), ("until", 30.25)],
    "its own question, while we ask for it": [*ASKED, ("receive", asks(A), 0.5), ("until", 5.5)],
    "a question for us, from whom we know": [*KNOWN, ("receive", asks(A), 2.0), ("until", 30.25)],
    "it speaks to another, after it had failed": [*ASKED, ("until", 4.0), ("receive", asks(A, target=B), 4.0)],
}


def why(case: Any) -> str:
    """The rules of the text that the last step comes across."""
    method, *args = case[-1]
    before = log_of(case[:-1])[-1][1] or []
    if method == "receive":
        packet = packet_of(args[0])
        if packet.sender_ip == OURS:
            return "A packet that names our own address as its sender changes nothing, and is not answered (rule 5)."
        if packet.sender_ip == IPv4Address.ANY:
            return "0.0.0.0 is nobody's address: the question is answered, and nothing is learned (rule 4)."
        known = any(f" {packet.sender_ip} " in line for line in before)
        if packet.operation == REQUEST and packet.target_ip == OURS:
            return "A question for us is answered, and makes or moves the asker's entry, as STALE (rule 4)."
        if not known:
            return "Of whom we have no entry, we learn only by its question for us (rules 4 and 5)."
        if packet.operation == REPLY and packet.target_ip == OURS:
            return "An answer to us makes the entry REACHABLE for 30 s, and what waited goes, in order (rule 3)."
        return "Whatever else an entry's owner says only moves it to another MAC address, as STALE (rule 5)."
    if method == "send_many":
        return "While the entry is INCOMPLETE packets wait; of more than 64 the oldest go (rule 2)."
    if method == "send":
        return "A packet goes at once where the MAC address is known, else it waits: rules 1 and 2."
    return ("Time: three questions a second apart, then FAILED; 30 s REACHABLE; 5 s DELAY, then PROBE; STALE has no "
            "timer (rules 2 and 6).")  # fmt: skip


def log_of(steps: Any) -> list[Any]:
    """What netlib's table does in these steps."""
    return TABLE.attempt(NetlibTable, steps)


class Driven(StatefulExercise):
    """Each step by the driver.  What fails before any entry is STALE has no part in ageing, and costs all points."""

    def attempt(self, student: Callable[..., Any], case: Any) -> list[list[Any]]:
        return super().attempt(lambda *args: TableDriver(student(*args)), case)

    def compare(self, args: Any, expected: Any, got: Any) -> Problem | None:
        """The first step whose lines are not those of netlib's table, and which credit is lost by that."""
        if isinstance(got, Raised):
            return super().compare(args, expected, got)
        for step, (entry, wanted) in enumerate(zip(got, expected, strict=False)):
            value, ours = entry_value(entry), entry_value(wanted)
            if isinstance(value, Raised):
                return Problem("raised", f"Your class raised {value.name}.", expected=ours, raised=value, step=step)
            if value != ours:
                part = AGES if learned_too_much(ours, value) else part_of(expected[: step + 1])
                said = f"This does not hold: {part}."
                return Problem("property", said, expected=ours, got=value, step=step)
        return None

    def broken(self, args: Any, outcome: Any, problem: Problem) -> set[str]:
        if problem.step is None:
            return set(self.credit)
        if learned_too_much(problem.expected, problem.got) or part_of(log_of(args[: problem.step + 1])) == AGES:
            return {AGES}
        return set(self.credit)


def learned_too_much(expected: Any, got: Any) -> bool:
    """All is as expected, but for STALE entries that should not be there: that is no fault in resolving."""
    if not isinstance(expected, list) or not isinstance(got, list) or not all(line in got for line in expected):
        return False
    more = [line for line in got if line not in expected]
    return bool(more) and all(line.startswith("table: ") and line.endswith(" STALE") for line in more)


def part_of(log: list[Any]) -> str:
    """What is tried by steps with this log: has an entry been STALE, DELAY or PROBE in it?"""
    said = [line for _, lines in log for line in lines or ()]
    return AGES if any(line.endswith((" STALE", " DELAY", " PROBE")) for line in said) else RESOLVES


def as_netlib_does(part: str) -> Callable[[Any, Any], bool]:
    """The property by itself; `compare` has the same in one go."""

    def test(steps: Any, results: Any) -> bool:
        log = log_of(steps)
        return part_of(log) != part or [entry_value(entry) for entry in log] == list(results)

    return test


def show(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value) or "nothing is sent, and the table is empty"
    return None


def reproduce(case: Any) -> str:
    steps = ", ".join(repr(step) for step in case if step[0] != "new")
    return f"from netlib.exercises.arp import drive; drive(ArpTable, [{steps}])"


TABLE = Driven(
    number="7.2",
    name="ArpTable",
    points=7,
    summary="Which MAC address an IP address has: asked, waited for, believed for a while, checked.",
    signature="ArpTable(address: IPv4Address, mac: MACAddress)",
    rfc='RFC 826, "Packet Reception"; RFC 1122 section 2.3.2; RFC 4861 section 7.3.3',
    reference=NetlibTable,
    inputs=st.builds(story, st.lists(happenings, min_size=1, max_size=8), st.sampled_from([0.0, 2.0, 10.0, 40.0])),
    pinned=PINNED,
    properties={RESOLVES: as_netlib_does(RESOLVES), AGES: as_netlib_does(AGES)},
    credit={RESOLVES: 4, AGES: 3},
    mistakes=MISTAKES,
    without=("netlib.link.neighbours", "netlib.link.discovery"),
    why=why,
    show=show,
    reproduce=reproduce,
    examples=60,
)  # fmt: skip
