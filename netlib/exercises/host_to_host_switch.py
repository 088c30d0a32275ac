"""Exercise 3.2: a learning switch, the same part as netlib/link/switch.

The cases are lists of frames with their ports and times, in a world of six stations that mostly stay where they are;
times hit the ageing time exactly, and tables are small enough to be full.  A step `receive` gives the ports by which
the frame left; the step `pings` puts the switch into a simulation with three hosts.
"""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from netlib.apps.ping import ping
from netlib.grading import Mistake, StatefulExercise
from netlib.grading.words import source
from netlib.link.switch import HEADER, Entry, Switch
from netlib.wire.address import MACAddress
from netlib.wire.ethernet import EthernetFrame
from netlib.worlds.simulation import Simulation

Step = tuple[Any, ...]
STATIONS = "ABCDEF"
BROADCAST, GROUP = b"\xff" * 6, bytes.fromhex("01005e0000fb")


def station(name: str) -> bytes:
    """A is 02:00:00:00:00:0a, B is 02:00:00:00:00:0b, and so on."""
    return b"\x02\0\0\0\0" + bytes((10 + STATIONS.index(name),))


NAMES = {**{station(name): name for name in STATIONS}, BROADCAST: "everybody", GROUP: "a group"}


def name(address: bytes) -> str:
    return NAMES.get(bytes(address), str(MACAddress(address)))


def frame(source: bytes, destination: bytes) -> bytes:
    return EthernetFrame(MACAddress(destination), MACAddress(source), 0x88B5, b"hi").build()


class Switching(StatefulExercise):
    """`receive` gives the ports that the outbox names, in order, or what is wrong with it; `known` a table as text."""

    def take_step(self, made: Any, method: str, args: list[Any]) -> Any:
        if method == "pings":
            return in_simulation(made)
        value = super().take_step(made, method, args)
        if method == "known":
            keys = list(value) if isinstance(value, dict) else [value]
            wrong = [key for key in keys if not isinstance(key, bytes) or len(key) != 6]
            if wrong:
                return f"known() is no dict from MAC addresses of 6 bytes: it has {wrong[0]!r:.60}"
            return {str(MACAddress(key)): port for key, port in value.items()}
        sent, made.outbox = made.outbox, []
        return ports_of(sent, args[1])


def ports_of(sent: Any, data: bytes) -> Any:
    """The ports by which the frame `data` left, in order; a sentence where that can't be said."""
    if not isinstance(sent, list):
        return "the outbox is no list"
    for item in sent:
        if not isinstance(item, tuple) or len(item) != 2 or type(item[0]) is not int:
            return f"the outbox holds {item!r:.60}, and not a tuple (port, frame)"
        if item[1] != data:
            return f"what goes out of port {item[0]} is not the frame that came in"
    return sorted(port for port, _ in sent)


def in_simulation(made: Any) -> dict[str, Any]:
    """Two hosts ping each other across the switch, twice; a third one watches."""
    sim = Simulation(seed=3)
    switch = sim.switch("s1", ports=3, part=lambda name, ports: made)
    hosts = [sim.host(f"h{n}") for n in (1, 2, 3)]
    links = [sim.link((host, f"10.3.0.{n}/24"), switch) for n, host in enumerate(hosts, 1)]
    capture = sim.capture(links[2])
    result = sim.run(ping(hosts[0], "10.3.0.2", count=2))
    return {"pings answered": result.received, "frames that h3 got": len(capture.crossings)}


# ---- what is right, in words ----------------------------------------------------------------------------------


def in_ports(value: Any) -> str | None:
    """[1, 2] as "out of ports 1 and 2"."""
    if value == []:
        return "nothing goes out"
    if isinstance(value, list) and all(type(port) is int for port in value):
        *first, last = map(str, value)
        return f"out of ports {', '.join(first)} and {last}" if first else f"out of port {last}"
    if isinstance(value, dict) and all(isinstance(key, str) and ":" in key for key in value):
        rows = [f"{key} at port {port}" for key, port in sorted(value.items())]
        return "; ".join(rows) or "an empty table"
    return None


def judge(steps: Any, results: Any) -> str | None:
    """What is wrong with the last of the results."""
    *before, step = steps
    method, *args = step
    if method == "new":
        return None
    model = Switching.attempt(LEARNING_SWITCH, Switch, list(steps))
    expected, got = model[-1][1], results[-1]
    if method == "receive":
        got = sorted(got) if isinstance(got, list) else got
    if got == expected:
        return None
    if isinstance(got, str):
        return f"After this step {got}."
    if method == "pings":
        return "In a simulation with three hosts on the switch, h1 pings h2 twice. It does not come out as it should."
    if method == "known":
        return f"{first_difference(before, expected, got, *args)} Yours: {in_ports(got) or repr(got)}."
    return f"{reason(before, *args)} Yours: {in_ports(got) or repr(got)}."


def first_difference(before: list[Step], expected: Any, got: Any, now: float) -> str:
    """Why the table has to be as it is: of the first address with which it is not."""
    heard = {str(MACAddress(step[2][6:12])): (step[1], step[3])
             for step in before if step[0] == "receive" and len(step[2]) >= HEADER}  # fmt: skip
    mac = next(mac for mac in [*expected, *got] if expected.get(mac) != got.get(mac))
    who = f"{NAMES.get(bytes(MACAddress(mac)), 'somebody')} ({mac})"
    if mac not in heard:
        return f"{who} has sent nothing, so it can't be in the table."
    port, when = heard[mac]
    if mac in expected:
        return f"{who} was heard last {now - when:g} s ago at port {port}, so it is there in the table."
    if MACAddress(mac).is_group:
        return f"{who} is nobody's own address, so it can't be in the table."
    limit, ageing = ([*before[0][4:], 1024][0], [*before[0][3:], 300.0][0])
    if now - when >= ageing:
        return f"{who} was heard last {now - when:g} s ago, and the ageing time is {ageing:g} s: forgotten."
    return f"{who} is new, and the table was full ({limit}): not learned."


def reason(before: list[Step], port: int, data: bytes, now: float) -> str:
    """Why this frame goes where it goes, after these steps."""
    if len(data) < HEADER:
        return f"This frame has {len(data)} bytes, less than an Ethernet header: drop it."
    to = data[:6]
    if data[6] & 1:
        return f"It claims to come from {name(data[6:12])}, which is nobody's own address: drop it, and learn nothing."
    if to[0] & 1:
        return f"It is for {name(to)}: flood it, out of every port but {port}, by which it came."
    switch = Switch(*(before[0][1:] if before and before[0][0] == "new" else ("s", 4)))
    heard: dict[bytes, float] = {}
    for method, *args in before:
        if method == "receive":
            switch.receive(*args)
            heard[args[1][6:12]] = args[2]
    switch.receive(port, data, now)
    at = switch.known(now).get(MACAddress(to))
    if at == port:
        return f"It came by port {port} and is for {name(to)}, who is behind port {port} too: nothing to do."
    if at is not None:
        return f"It is for {name(to)}, heard last at port {at}: that port, and no other."
    if to not in heard:
        return f"It is for {name(to)}, who was not heard so far: flood it, out of every port but {port}."
    if now - heard[to] >= switch.ageing:
        return (f"It is for {name(to)}, heard last {now - heard[to]:g} s ago, and the ageing time is "
                f"{switch.ageing:g} s: forgotten, so flood it.")  # fmt: skip
    return f"It is for {name(to)}, who was not learned, as the table was full ({switch.limit}): flood it."


def gloss(step: Step) -> str:
    if step[0] != "receive" or len(step[2]) < HEADER:
        return ""
    return f"from {name(step[2][6:12])} to {name(step[2][:6])}"


def reproduce(case: Any) -> str:
    first, rest = (case[0], case[1:]) if case and case[0][0] == "new" else (("new", "s", 4), case)
    new = f"LearningSwitch({', '.join(map(repr, first[1:]))})"
    calls = [f"s = {new}"]
    for method, *args in rest:
        if method == "pings":
            return f"from netlib.exercises.host_to_host_switch import in_simulation; in_simulation({new})"
        calls += ["s.outbox = []"] * (method == "receive") + [f"s.{method}({', '.join(map(source, args))})"]
    return "; ".join([*calls, "s.outbox"] if rest[-1][0] == "receive" else calls)


# ---- known mistakes -------------------------------------------------------------------------------------------


class Variant(Switch):
    """netlib's switch, its decision taken apart, so that a mistake is a few lines."""

    def receive(self, port: int, frame: bytes, now: float) -> None:
        if len(frame) < HEADER or (frame[6] & 1 and not self.takes_groups):
            return
        source, to = MACAddress(frame[6:12]), MACAddress(frame[:6])
        if self.learns_first:
            self.learn(source, port, now)
        self.outbox += [(out, frame) for out in self.choose(port, to, now)]
        if not self.learns_first:
            self.learn(source, port, now)

    takes_groups = False
    learns_first = True

    def others(self, port: int) -> list[int]:
        return [out for out in range(self.ports) if out != port]

    def choose(self, port: int, to: MACAddress, now: float) -> list[int]:
        at = self.known(now).get(to)
        return self.others(port) if at is None else [at] if at != port else []


class TakesGroups(Variant):
    takes_groups = True


class LearnsDestination(Variant):
    def receive(self, port: int, frame: bytes, now: float) -> None:
        super().receive(port, frame[:6] + frame[:6] + frame[12:], now)
        self.outbox = [(out, frame) for out, _ in self.outbox]


class FloodsBack(Variant):
    def others(self, port: int) -> list[int]:
        return list(range(self.ports))


class SendsBack(Variant):
    def choose(self, port: int, to: MACAddress, now: float) -> list[int]:
        at = self.known(now).get(to)
        return self.others(port) if at is None else [at]


class NeverFloods(Variant):
    def choose(self, port: int, to: MACAddress, now: float) -> list[int]:
        return [] if not to.is_group and to not in self.known(now) else super().choose(port, to, now)


class AlwaysFloods(Variant):
    def choose(self, port: int, to: MACAddress, now: float) -> list[int]:
        return self.others(port)


class NeverForgets(Variant):
    def known(self, now: float) -> dict[MACAddress, int]:
        return super().known(-1.0)


class ForgetsLate(Variant):
    def known(self, now: float) -> dict[MACAddress, int]:
        return {mac: entry.port for mac, entry in self.table.items() if entry.expires >= now}


class NeverRenews(Variant):
    def learn(self, source: MACAddress, port: int, now: float) -> None:
        known = self.table.get(source)
        if known is None or known.expires <= now or known.port != port:
            super().learn(source, port, now)


class NeverMoves(Variant):
    def learn(self, source: MACAddress, port: int, now: float) -> None:
        known = self.table.get(source)
        super().learn(source, known.port if known and known.expires > now else port, now)


class NoBound(Variant):
    def learn(self, source: MACAddress, port: int, now: float) -> None:
        self.table.pop(source, None)
        self.table[source] = Entry(port, now + self.ageing)


class PushesOut(NoBound):
    def learn(self, source: MACAddress, port: int, now: float) -> None:
        if source not in self.table and self.table and len(self.known(now)) >= self.limit:
            self.table = {mac: entry for mac, entry in self.table.items() if entry.expires > now}
            del self.table[next(iter(self.table))]
        super().learn(source, port, now)


class CountsTheForgotten(Variant):
    def learn(self, source: MACAddress, port: int, now: float) -> None:
        if source in self.table or len(self.table) < self.limit:
            NoBound.learn(self, source, port, now)  # type: ignore[arg-type]


class FullForAll(Variant):
    def learn(self, source: MACAddress, port: int, now: float) -> None:
        if len(self.known(now)) < self.limit:
            super().learn(source, port, now)


class RenewsReceivers(Variant):
    def choose(self, port: int, to: MACAddress, now: float) -> list[int]:
        out = super().choose(port, to, now)
        if to in self.known(now):
            NoBound.learn(self, to, self.table[to].port, now)  # type: ignore[arg-type]
        return out


class DropsStrangers(Variant):
    def choose(self, port: int, to: MACAddress, now: float) -> list[int]:
        return super().choose(port, to, now) if len(self.known(now)) < self.limit or self.knew else []

    def learn(self, source: MACAddress, port: int, now: float) -> None:
        self.knew = source in self.known(now) or len(self.known(now)) < self.limit
        super().learn(source, port, now)


class KeepsItsList(Variant):
    def __init__(self, name: str, ports: int, ageing: float = 300.0, limit: int = 1024) -> None:
        super().__init__(name, ports, ageing, limit)
        self.first = self.outbox

    def receive(self, port: int, frame: bytes, now: float) -> None:
        there, self.outbox = self.outbox, []
        super().receive(port, frame, now)
        self.first += self.outbox
        self.outbox = there


class LooksUpFirst(Variant):
    learns_first = False


# ---- cases ----------------------------------------------------------------------------------------------------

ADDRESSES = {**{name: station(name) for name in STATIONS}, "everybody": BROADCAST, "group": GROUP}
sightings = st.tuples(
    st.sampled_from(["A", "B", "C", "D", "E", "F", *"AABB", "group"]),
    st.sampled_from(["A", "B", "C", "D", *"AABB", "everybody", "group"]),
    st.sampled_from(["at once", "at once", "later", "later", "a tick less", "the ageing time", "half of it"]),
    st.sampled_from(["home", "home", "home", "home", "moved", "beside", "short", "table", "table"]),
)


def story(ports: int, ageing: float, limit: int, events: list[tuple[str, str, str, str]]) -> list[Step]:
    """The steps of these sightings: (from, to, how long after the one before, where)."""
    waits = {"at once": 0.0, "later": 1.0, "a tick less": ageing - 0.25, "the ageing time": ageing}
    steps: list[Step] = [("new", "s", ports, ageing, limit)]
    now = 0.0
    for sender, to, wait, where in events:
        now += max(0.0, waits.get(wait, ageing / 2))
        at = ("ABCDEF".find(sender) + {"moved": 1, "beside": ports - 1}.get(where, 0)) % ports
        if to == sender:  # a frame to oneself is among the pinned cases; here it would only be puzzling
            to = "B" if sender == "A" else "A"
        data = frame(ADDRESSES[sender], ADDRESSES[to])
        steps.append(("receive", at, data[:13] if where == "short" else data, now))
        if where == "table":
            steps.append(("known", now))
    return [*steps, ("known", now)]


stories = st.builds(
    story, st.sampled_from([2, 3, 3, 4]), st.sampled_from([300.0, 10.0]), st.sampled_from([1024, 1, 2, 3]),
    st.lists(sightings, min_size=1, max_size=9),
)  # fmt: skip


def seen(*frames: tuple[int, str, str, float], ports: int = 3, ageing: float = 300.0, limit: int = 1024,
         look: float | None = None) -> list[Step]:  # fmt: skip
    """Steps for (port, from, to, time); `look` at the table at this time."""
    steps: list[Step] = [("new", "s1", ports, ageing, limit)]
    steps += [("receive", port, frame(ADDRESSES[a], ADDRESSES[b]), now) for port, a, b, now in frames]
    return steps if look is None else [*steps, ("known", look)]


AB, BA = (0, "A", "B", 0.0), (2, "B", "A", 1.0)
PINNED: dict[str, list[Step]] = {
    "nobody is known yet": seen(AB),
    "the answer goes to one port": seen(AB, BA),
    "and so does the next frame": seen(AB, BA, (0, "A", "B", 2.0)),
    "long forgotten": seen(AB, (2, "B", "A", 900.0), look=900.0),
    "without ageing time and limit": [("new", "s1", 3), *seen(AB, BA)[1:], ("known", 299.75), ("known", 300.0)],
    "what is learned": seen(AB, BA, look=1.0),
    "a frame for everybody": seen((1, "A", "everybody", 0.0)),
    "a frame for a group": seen((0, "B", "A", 0.0), (1, "A", "group", 1.0)),
    "both behind the same port": seen((1, "A", "C", 0.0), (1, "B", "A", 1.0)),
    "to itself": seen((1, "A", "A", 0.0)),
    "a station that moves": seen(AB, (1, "A", "everybody", 1.0), (2, "B", "A", 2.0), look=2.0),
    "a moment before it is forgotten": seen(AB, (2, "B", "A", 299.75)),
    "just forgotten": seen(AB, (2, "B", "A", 300.0), look=300.0),
    "renewed by each frame": seen(AB, (0, "A", "C", 200.0), (2, "B", "A", 400.0)),
    "being written to renews nothing": seen(AB, (2, "B", "A", 200.0), (2, "B", "A", 300.0)),
    "one port": seen(AB, ports=1),
    "an ageing time of 0: a hub": seen(AB, BA, (0, "A", "B", 2.0), ageing=0.0, look=2.0),
    "a full table learns nobody new": seen(AB, (1, "C", "A", 1.0), (0, "A", "C", 2.0), limit=1, look=2.0),
    "a full table renews who is in it": seen(AB, (0, "A", "B", 200.0), (2, "B", "A", 400.0), limit=1),
    "a full table lets stations move": seen(AB, (1, "A", "B", 1.0), (2, "B", "A", 2.0), limit=1),
    "the forgotten make room": seen(AB, (1, "C", "B", 300.0), (0, "A", "C", 301.0), limit=1, look=301.0),
    "a table without room": seen(AB, BA, (0, "A", "B", 2.0), limit=0, look=2.0),
    "from a group's address": seen((0, "group", "A", 0.0), (1, "A", "group", 1.0), look=1.0),
    "cut off": [("new", "s1", 3, 300.0, 1024), ("receive", 0, frame(station("A"), station("B"))[:13], 0.0),
                ("known", 0.0)],
    "the header alone": [("new", "s1", 3, 300.0, 1024), ("receive", 0, frame(station("A"), station("B"))[:14], 0.0)],
    "in a simulation": [("new", "s1", 3), ("pings",)],
}  # fmt: skip


def mistakes() -> Iterator[Mistake]:
    for wrong, cause in {
        LearnsDestination: "the destination is learned: a frame shows where its sender is, not its receiver",
        FloodsBack: "a flood goes out of the port by which the frame came, too: whoever is there has it already",
        SendsBack: "a frame is sent back by the port by which it came: who is behind that port has it already",
        NeverFloods: "frames for unknown stations are dropped: they have to be flooded, or nobody would ever be found",
        AlwaysFloods: "everything is flooded: who has been heard is behind one port, and gets it there",
        NeverForgets: "nobody is ever forgotten: an entry counts for less than `ageing` seconds",
        ForgetsLate: "an entry counts still when exactly `ageing` seconds are over: by then it is forgotten",
        NeverRenews: "an entry is not renewed: each frame from a station starts its time anew",
        NeverMoves: "a station stays at its first port: it is where it was heard last",
        PushesOut: "a newcomer pushes somebody out of a full table: then anybody could empty it",
        NoBound: "the table grows beyond `limit`",
        CountsTheForgotten: "a full table stays full: those that are forgotten make room",
        FullForAll: "a full table does not renew or move those that are in it: only newcomers need room",
        RenewsReceivers: "being written to renews an entry: only what comes *from* an address shows that it is there",
        DropsStrangers: "a frame is dropped when its sender can't be learned: a full table only means not to learn",
        KeepsItsList: "the first list is kept: put what is to be sent into `self.outbox`, which is a new one each time",
        LooksUpFirst: "the sender is learned after the look-up: learn first, as the text has it",
        TakesGroups: "a group's address passes as a sender's: look at the lowest bit of its first byte",
    }.items():
        yield Mistake(f"It looks as if {cause}.", wrong)


LEARNING_SWITCH = Switching(
    number="3.2",
    name="LearningSwitch",
    points=6,
    summary="Who is behind which port, learned from what passes by.",
    signature="LearningSwitch(name: str, ports: int, ageing: float = 300.0, limit: int = 1024)",
    rfc="IEEE 802.1Q clauses 8.6 to 8.8",
    reference=Switch,
    judge=judge,
    inputs=stories,
    pinned=PINNED,
    mistakes=[
        Mistake("It looks as if the destination is learned: a frame shows where its sender is, not its receiver.",
                when=lambda case, expected, got: isinstance(got, dict) and bool(
                    got.keys() - {str(MACAddress(s[2][6:12])) for s in case if s[0] == "receive"})),
        *mistakes(),
        Mistake("It looks as if a short frame is not expected: look at its length first.",
                when=lambda case, expected, got: getattr(got, "name", "") in ("IndexError", "struct.error")),
    ],
    without=("netlib.link.switch",),
    show=in_ports,
    gloss=gloss,
    reproduce=reproduce,
    examples=120,
)  # fmt: skip
