"""Wrong answers to the exercises of chapter 3, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 03`.
"""

import struct
from collections import OrderedDict, deque

EVERYBODY = b"\xff" * 6

# ---- 3.1 accepts ----------------------------------------------------------------------------------------------


def right_accepts(frame, mac, groups, promiscuous=False):
    if len(frame) < 14:
        return False
    return promiscuous or frame[:6] in {mac, EVERYBODY, *groups}


def right_accepts_struct(frame, mac, groups, promiscuous=False):
    try:
        to, _, _ = struct.unpack_from("!6s6sH", frame)
    except struct.error:
        return False
    if promiscuous:
        return True
    if to[0] & 1:
        return to == EVERYBODY or to in groups
    return to == mac


def accepts_own_only(frame, mac, groups, promiscuous=False):
    return len(frame) >= 14 and (promiscuous or frame[:6] == mac)


def accepts_no_broadcast(frame, mac, groups, promiscuous=False):
    return len(frame) >= 14 and (promiscuous or frame[:6] == mac or frame[:6] in groups)


def accepts_all_groups(frame, mac, groups, promiscuous=False):
    return len(frame) >= 14 and (promiscuous or frame[:6] == mac or frame[0] & 1 == 1)


def accepts_by_source(frame, mac, groups, promiscuous=False):
    return len(frame) >= 14 and (promiscuous or frame[6:12] in (mac, EVERYBODY) or frame[6:12] in groups)


def accepts_by_last_byte(frame, mac, groups, promiscuous=False):
    return len(frame) >= 14 and (promiscuous or frame[5] == mac[5] or frame[:6] == EVERYBODY or frame[:6] in groups)


def accepts_ff_first(frame, mac, groups, promiscuous=False):
    """The first byte alone is taken for the broadcast; groups of IPv6 begin with 33."""
    return len(frame) >= 14 and (promiscuous or frame[:6] == mac or frame[0] in (0x01, 0x33, 0xFF))


def accepts_promiscuous_anything(frame, mac, groups, promiscuous=False):
    return promiscuous or (len(frame) >= 14 and right_accepts(frame, mac, groups))


def accepts_never_promiscuous(frame, mac, groups, promiscuous=False):
    return right_accepts(frame, mac, groups)


def accepts_short_frames(frame, mac, groups, promiscuous=False):
    return promiscuous or frame[:6] in {mac, EVERYBODY, *groups}


def accepts_only_above_header(frame, mac, groups, promiscuous=False):
    return len(frame) > 14 and right_accepts(frame, mac, groups, promiscuous)


# ---- 3.2 LearningSwitch ---------------------------------------------------------------------------------------


class RightSwitch:
    """One dict, tidied at each frame."""

    def __init__(self, name, ports, ageing=300.0, limit=1024):
        self.ports, self.ageing, self.limit, self.outbox, self.seen = ports, ageing, limit, [], {}

    def known(self, now):
        return {mac: port for mac, (port, when) in self.seen.items() if now < when + self.ageing}

    def receive(self, port, frame, now):
        if len(frame) < 14 or frame[6] % 2:
            return
        self.learn(frame[6:12], port, now)
        self.send(self.choose(frame[:6], port, now), frame)

    def learn(self, source, port, now):
        known = self.known(now)
        if source in known or len(known) < self.limit:
            self.seen[source] = port, now

    def others(self, port):
        return [number for number in range(self.ports) if number != port]

    def choose(self, to, port, now):
        known = self.known(now)
        return self.others(port) if to not in known else [known[to]] if known[to] != port else []

    def send(self, ports, frame):
        for number in ports:
            self.outbox.append((number, frame))


class RightSwitchByAge:
    """An OrderedDict with the oldest first, and a frame's ports in descending order; keys are MACAddress objects."""

    def __init__(self, name, ports, ageing=300.0, limit=1024):
        self.everyone, self.ageing, self.limit = list(range(ports)), ageing, limit
        self.outbox, self.entries = [], OrderedDict()

    def receive(self, port, frame, now):
        if len(frame) < 14:
            return
        to, source = bytes(frame[:6]), bytes(frame[6:12])
        if source[0] & 1:
            return
        self.drop_old(now)
        if source in self.entries or len(self.entries) < self.limit:
            self.entries[source] = (port, now)
            self.entries.move_to_end(source)
            self.drop_old(now)
        where = self.entries.get(to, (None, 0))[0]
        for out in reversed(self.everyone):
            if out != port and where in (None, out):
                self.outbox.append((out, frame))

    def drop_old(self, now):
        while self.entries:
            mac, (_, when) = next(iter(self.entries.items()))
            if now - when < self.ageing:
                break
            del self.entries[mac]

    def known(self, now):
        from netlib import MACAddress

        self.drop_old(now)
        return {MACAddress(mac): port for mac, (port, _) in self.entries.items()}


class SwitchLearnsDestination(RightSwitch):
    def receive(self, port, frame, now):
        if len(frame) >= 14 and not frame[6] & 1:
            out = self.choose(frame[:6], port, now)
            self.learn(frame[:6], port, now)
            self.send(out, frame)


class SwitchFloodsBack(RightSwitch):
    def others(self, port):
        return list(range(self.ports))


class SwitchDropsUnknown(RightSwitch):
    def choose(self, to, port, now):
        return self.others(port) if to == EVERYBODY else [p for p in [self.known(now).get(to, port)] if p != port]


class SwitchFloodsOnlyBroadcast(RightSwitch):
    """Groups are not everybody, so they are dropped."""

    def choose(self, to, port, now):
        return [] if to[0] & 1 and to != EVERYBODY else super().choose(to, port, now)


class SwitchIsAHub(RightSwitch):
    def choose(self, to, port, now):
        return self.others(port)


class SwitchReflects(RightSwitch):
    def choose(self, to, port, now):
        known = self.known(now)
        return [known[to]] if to in known else self.others(port)


class SwitchNeverForgets(RightSwitch):
    def known(self, now):
        return {mac: port for mac, (port, _) in self.seen.items()}


class SwitchForgetsLate(RightSwitch):
    def known(self, now):
        return {mac: port for mac, (port, when) in self.seen.items() if now - when <= self.ageing}


class SwitchAgesFromTheFirst(RightSwitch):
    def learn(self, source, port, now):
        if source in self.known(now):
            self.seen[source] = port, self.seen[source][1]
        else:
            super().learn(source, port, now)


class SwitchAgesByUse(RightSwitch):
    """Being written to renews an entry as well."""

    def choose(self, to, port, now):
        if to in self.known(now):
            self.seen[to] = self.seen[to][0], now
        return super().choose(to, port, now)


class SwitchFirstPortStays(RightSwitch):
    def learn(self, source, port, now):
        super().learn(source, self.known(now).get(source, port), now)


class SwitchUnbounded(RightSwitch):
    def learn(self, source, port, now):
        self.seen[source] = port, now


class SwitchPushesOut(RightSwitch):
    def learn(self, source, port, now):
        known = self.known(now)
        if self.limit and source not in known and len(known) >= self.limit:
            del self.seen[min(known, key=lambda mac: self.seen[mac][1])]
        super().learn(source, port, now)


class SwitchFullForEver(RightSwitch):
    def learn(self, source, port, now):
        if source in self.seen or len(self.seen) < self.limit:
            self.seen[source] = port, now


class SwitchFullStopsAll(RightSwitch):
    def learn(self, source, port, now):
        if len(self.known(now)) < self.limit:
            self.seen[source] = port, now


class SwitchDropsWhenFull(RightSwitch):
    """Who can't be learned is not served either."""

    def receive(self, port, frame, now):
        if len(frame) < 14 or frame[6] & 1:
            return
        self.learn(frame[6:12], port, now)
        if frame[6:12] in self.known(now):
            self.send(self.choose(frame[:6], port, now), frame)


class SwitchOneTooMany(RightSwitch):
    def learn(self, source, port, now):
        known = self.known(now)
        if source in known or len(known) <= self.limit:
            self.seen[source] = port, now


class SwitchLearnsGroups(RightSwitch):
    def receive(self, port, frame, now):
        if len(frame) >= 14:
            self.learn(frame[6:12], port, now)
            self.send(self.choose(frame[:6], port, now), frame)


class SwitchForwardsGroupSenders(RightSwitch):
    """A group as the sender is not learned, but the frame goes on."""

    def receive(self, port, frame, now):
        if len(frame) >= 14:
            if not frame[6] & 1:
                self.learn(frame[6:12], port, now)
            self.send(self.choose(frame[:6], port, now), frame)


class SwitchLooksUpFirst(RightSwitch):
    def receive(self, port, frame, now):
        if len(frame) >= 14 and not frame[6] & 1:
            out = self.choose(frame[:6], port, now)
            self.learn(frame[6:12], port, now)
            self.send(out, frame)


class SwitchTakesShort(RightSwitch):
    def receive(self, port, frame, now):
        if not frame[6] & 1:
            self.learn(frame[6:12], port, now)
            self.send(self.choose(frame[:6], port, now), frame)


class SwitchRewrites(RightSwitch):
    """As a router would: the switch's own address as the sender."""

    def send(self, ports, frame):
        super().send(ports, frame[:6] + b"\x02\0\0\0\0\x99" + frame[12:])


class SwitchKeepsTheFirstOutbox(RightSwitch):
    """Holds on to the list that it made, which nobody empties any more."""

    def __init__(self, name, ports, ageing=300.0, limit=1024):
        super().__init__(name, ports, ageing, limit)
        self.sending = self.outbox

    def send(self, ports, frame):
        self.sending += [(number, frame) for number in ports]


class SwitchForgetsNothingInTheOutbox(RightSwitch):
    """Puts a new list there for each frame, even where there is something still: harmless. But tuples the wrong way."""

    def send(self, ports, frame):
        self.outbox = [(frame, number) for number in ports]


class SwitchOutboxIsADeque(RightSwitch):
    def send(self, ports, frame):
        self.outbox = deque((number, frame) for number in ports)


class SwitchTableOfTimes(RightSwitch):
    """known gives what the table holds, port and time."""

    def known(self, now):
        return dict(self.seen)

    def learn(self, source, port, now):
        self.seen = {mac: entry for mac, entry in self.seen.items() if now - entry[1] < self.ageing}
        if source in self.seen or len(self.seen) < self.limit:
            self.seen[source] = port, now

    def choose(self, to, port, now):
        where = self.seen.get(to, (None, 0.0))
        known = now - where[1] < self.ageing and where[0] is not None
        return [where[0]] if known and where[0] != port else [] if known else self.others(port)


# ---- 3.3 deliver ----------------------------------------------------------------------------------------------


def right_deliver(frame, mac, addresses, programs):
    if len(frame) < 14:
        return "cut off"
    to, _, ethertype = struct.unpack_from("!6s6sH", frame)
    if to not in (mac, EVERYBODY):
        return "not my MAC"
    if ethertype != 0x0800:
        return "not IPv4"
    if len(frame) < 34:
        return "cut off"
    if frame[30:34] not in addresses:
        return "not my IP"
    if frame[23] not in (6, 17):
        return "no ports"
    at = 14 + (frame[14] & 0x0F) * 4
    if len(frame) < at + 4:
        return "cut off"
    return programs.get((frame[23], struct.unpack_from("!H", frame, at + 2)[0]), "nobody listens")


def right_deliver_by_steps(frame, mac, addresses, programs):
    """Each step is a pair: how many bytes it needs, and what it says."""
    start = 14 + 4 * (frame[14] & 15) if len(frame) > 14 else 34

    def program():
        key = frame[23], frame[start + 2] << 8 | frame[start + 3]
        return programs.get(key, "nobody listens")

    steps = [
        (14, lambda: "" if frame[:6] == mac or frame[:6] == EVERYBODY else "not my MAC"),
        (14, lambda: "" if frame[12:14] == bytes.fromhex("0800") else "not IPv4"),
        (34, lambda: "" if any(frame[30:34] == address for address in addresses) else "not my IP"),
        (34, lambda: "" if frame[23] in {6, 17} else "no ports"),
        (start + 4, program),
    ]
    for needed, step in steps:
        said = "cut off" if len(frame) < needed else step()
        if said:
            return said


def deliver_wrong(change):
    """right_deliver with one line of its text changed."""

    def decorate(function):
        old, new = change
        import inspect

        source = inspect.getsource(right_deliver)
        assert source.count(old) == 1, old
        space = dict(globals())
        exec(source.replace(old, new).replace("def right_deliver", f"def {function.__name__}"), space)
        return space[function.__name__]

    return decorate


@deliver_wrong(("to not in (mac, EVERYBODY)", "to != mac"))
def deliver_no_broadcast(): ...


@deliver_wrong(("to not in (mac, EVERYBODY)", "False"))
def deliver_any_mac(): ...


@deliver_wrong(("to not in (mac, EVERYBODY)", "to != mac and not to[0] & 1"))
def deliver_every_group(): ...


@deliver_wrong(("ethertype != 0x0800", "ethertype < 0x0800"))
def deliver_any_type(): ...


@deliver_wrong(("frame[30:34] not in addresses", "frame[26:30] not in addresses"))
def deliver_source_address(): ...


@deliver_wrong(("frame[30:34] not in addresses", "False"))
def deliver_any_address(): ...


@deliver_wrong(("frame[30:34] not in addresses", "frame[30:34] != min(addresses)"))
def deliver_one_address(): ...


@deliver_wrong(("14 + (frame[14] & 0x0F) * 4", "34"))
def deliver_fixed_header(): ...


@deliver_wrong(("14 + (frame[14] & 0x0F) * 4", "14 + (frame[14] & 0x0F)"))
def deliver_header_in_bytes(): ...


@deliver_wrong(("frame, at + 2", "frame, at"))
def deliver_source_port(): ...


@deliver_wrong(('"!H", frame, at + 2', '"<H", frame, at + 2'))
def deliver_little_endian(): ...


@deliver_wrong(("programs.get((frame[23], struct", "programs.get((17, struct"))
def deliver_udp_only(): ...


@deliver_wrong(("if frame[23] not in (6, 17):", "if False:"))
def deliver_ping_has_ports(): ...


@deliver_wrong(("if len(frame) < at + 4:", "if False:"))
def deliver_dies_on_short(): ...


@deliver_wrong(("if len(frame) < 34:", "if len(frame) < 42:"))
def deliver_wants_a_whole_datagram(): ...


def deliver_port_alone(frame, mac, addresses, programs):
    verdict = right_deliver(frame, mac, addresses, programs)
    if verdict != "nobody listens" and verdict not in programs.values():
        return verdict
    at = 14 + (frame[14] & 15) * 4
    port = int.from_bytes(frame[at + 2 : at + 4], "big")
    return {number: name for (_, number), name in programs.items()}.get(port, "nobody listens")


def deliver_ip_first(frame, mac, addresses, programs):
    """IP, then MAC: what is for another card is looked into."""
    if len(frame) >= 34 and frame[12:14] == b"\x08\0" and frame[30:34] not in addresses:
        return "not my IP"
    return right_deliver(frame, mac, addresses, programs)


def deliver_none(frame, mac, addresses, programs):
    verdict = right_deliver(frame, mac, addresses, programs)
    return None if verdict == "nobody listens" else verdict


# ---- 3.4 FloodGuard -------------------------------------------------------------------------------------------


class RightGuard:
    """A list for each port, the latest at the end."""

    def __init__(self, limit, window):
        self.limit, self.window, self.lists = limit, window, {}

    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source and now - when < self.window]
        self.lists[port] = [*kept, (source, now)][-(self.limit + 1) :]
        return len(self.lists[port]) == self.limit + 1

    def remembered(self):
        return sum(map(len, self.lists.values()))


class RightGuardOneDict:
    """One dict for all ports; the oldest of a port is found by looking."""

    def __init__(self, limit, window):
        self.limit, self.window, self.heard = limit, window, {}

    def saw(self, port, source, now):
        self.heard[port, source] = now
        mine = sorted((when, mac) for (at, mac), when in self.heard.items() if at == port)
        while len(mine) > self.limit + 1:
            del self.heard[port, mine.pop(0)[1]]
        return len(mine) > self.limit and now - mine[0][0] < self.window

    def remembered(self):
        return len(self.heard)


class GuardKeepsAll(RightGuard):
    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source]
        self.lists[port] = [*kept, (source, now)]
        return sum(now - when < self.window for _, when in self.lists[port]) > self.limit


class GuardKeepsTheWindow(RightGuard):
    """Bounded by time alone: a fast flood fills it."""

    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source and now - when < self.window]
        self.lists[port] = [*kept, (source, now)]
        return len(self.lists[port]) > self.limit


class GuardKeepsTheFirst(RightGuard):
    """Full is full: newcomers are not remembered."""

    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source]
        if len(kept) <= self.limit:
            kept.append((source, now))
        self.lists[port] = kept
        return sum(now - when < self.window for _, when in kept) > self.limit


class GuardKeepsTheFirstOfTheWindow(RightGuard):
    """The same, but who has left the window makes room."""

    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source and now - when < self.window]
        if len(kept) <= self.limit:
            kept.append((source, now))
        self.lists[port] = kept
        return len(kept) > self.limit


class GuardDropsWhoCameFirst(RightGuard):
    """Who is heard again keeps its place in the queue."""

    def saw(self, port, source, now):
        kept = {mac: when for mac, when in self.lists.get(port, {}).items() if now - when < self.window}
        kept[source] = now
        if len(kept) > self.limit + 1:
            del kept[next(iter(kept))]
        self.lists[port] = kept
        return len(kept) > self.limit


class GuardKeepsTheLimit(RightGuard):
    def saw(self, port, source, now):
        super().saw(port, source, now)
        self.lists[port] = self.lists[port][-self.limit :]
        return len(self.lists[port]) > self.limit


class GuardCountsFrames(RightGuard):
    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if now - when < self.window]
        self.lists[port] = [*kept, (source, now)][-(self.limit + 1) :]
        return len(self.lists[port]) > self.limit


class GuardAllPorts(RightGuard):
    def saw(self, port, source, now):
        return super().saw(0, source, now)


class GuardLate(RightGuard):
    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source and now - when <= self.window]
        self.lists[port] = [*kept, (source, now)][-(self.limit + 1) :]
        return len(self.lists[port]) == self.limit + 1


class GuardFromTheLimit(RightGuard):
    def saw(self, port, source, now):
        super().saw(port, source, now)
        return len(self.lists[port]) >= self.limit


class GuardNeverForgives(RightGuard):
    def saw(self, port, source, now):
        self.bad = getattr(self, "bad", set())
        if super().saw(port, source, now):
            self.bad.add(port)
        return port in self.bad


class GuardFirstHeard(RightGuard):
    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if now - when < self.window]
        if source not in dict(kept):
            kept.append((source, now))
        self.lists[port] = kept[-(self.limit + 1) :]
        return len(self.lists[port]) > self.limit


class GuardTumbles(RightGuard):
    """Counts anew in each window of the clock."""

    def saw(self, port, source, now):
        start = now // self.window
        self.lists[port] = [(mac, when) for mac, when in self.lists.get(port, []) if when // self.window == start]
        return super().saw(port, source, now)


class GuardOneSmaller(RightGuard):
    """Keeps `limit` of them, and takes a full list for too many."""

    def saw(self, port, source, now):
        kept = [(mac, when) for mac, when in self.lists.get(port, []) if mac != source and now - when < self.window]
        full = len(kept) >= self.limit
        self.lists[port] = [*kept, (source, now)][-self.limit :]
        return full and len(kept) > self.limit


class GuardSaysHowMany(RightGuard):
    """The number of senders, for True."""

    def saw(self, port, source, now):
        super().saw(port, source, now)
        return len(self.lists[port])


WRONG = {
    "3.1": [
        accepts_own_only,
        accepts_no_broadcast,
        accepts_all_groups,
        accepts_by_source,
        accepts_by_last_byte,
        accepts_ff_first,
        accepts_promiscuous_anything,
        accepts_never_promiscuous,
        accepts_short_frames,
        accepts_only_above_header,
    ],
    "3.2": [
        SwitchLearnsDestination,
        SwitchFloodsBack,
        SwitchDropsUnknown,
        SwitchFloodsOnlyBroadcast,
        SwitchIsAHub,
        SwitchReflects,
        SwitchNeverForgets,
        SwitchForgetsLate,
        SwitchAgesFromTheFirst,
        SwitchAgesByUse,
        SwitchFirstPortStays,
        SwitchUnbounded,
        SwitchPushesOut,
        SwitchFullForEver,
        SwitchFullStopsAll,
        SwitchDropsWhenFull,
        SwitchOneTooMany,
        SwitchLearnsGroups,
        SwitchForwardsGroupSenders,
        SwitchLooksUpFirst,
        SwitchTakesShort,
        SwitchRewrites,
        SwitchKeepsTheFirstOutbox,
        SwitchForgetsNothingInTheOutbox,
        SwitchOutboxIsADeque,
        SwitchTableOfTimes,
    ],
    "3.3": [
        deliver_no_broadcast,
        deliver_any_mac,
        deliver_every_group,
        deliver_any_type,
        deliver_source_address,
        deliver_any_address,
        deliver_one_address,
        deliver_fixed_header,
        deliver_header_in_bytes,
        deliver_source_port,
        deliver_little_endian,
        deliver_udp_only,
        deliver_ping_has_ports,
        deliver_dies_on_short,
        deliver_wants_a_whole_datagram,
        deliver_port_alone,
        deliver_ip_first,
        deliver_none,
    ],
    "3.4": [
        GuardKeepsAll,
        GuardKeepsTheWindow,
        GuardKeepsTheFirst,
        GuardKeepsTheFirstOfTheWindow,
        GuardDropsWhoCameFirst,
        GuardKeepsTheLimit,
        GuardCountsFrames,
        GuardAllPorts,
        GuardLate,
        GuardFromTheLimit,
        GuardNeverForgives,
        GuardFirstHeard,
        GuardTumbles,
        GuardOneSmaller,
        GuardSaysHowMany,
    ],
}
RIGHT = {
    "3.1": [right_accepts, right_accepts_struct],
    "3.2": [RightSwitch, RightSwitchByAge],
    "3.3": [right_deliver, right_deliver_by_steps],
    "3.4": [RightGuard, RightGuardOneDict],
}
