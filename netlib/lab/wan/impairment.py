"""One direction of a wan, without sockets and without a clock: when each frame leaves, and what is left of it.

    way = Impairment(Settings(delay=0.025, loss=0.01, seed=7), "eth1")
    way.frame(arrival, frame)            # [(departure, frame)]; [] for one that is lost; two for one that is doubled
    way.tick(now)                        # frames held back for others, which did not come

Times are seconds on any clock, and departures never go backwards. Everything random comes from the seed: each kind of
trouble draws from a stream of its own, once for each frame that comes in. So the same frames have the same fate, and
which ones are lost does not depend on the jitter beside it, or on a queue.

A frame first waits for its turn at the rate, then takes the delay. Frames that are lost have been sent: they take their
time at the rate too (as in netlib.worlds.simulation).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from netlib.lab.wan.settings import Settings, Which

OVERTAKING_TIME = 0.1  # seconds that a reordered frame waits for others, beyond its own time

Leaving = tuple[float, bytes]  # departure, frame


def new_counters() -> dict[str, int]:
    """What is counted of a direction, in frames."""
    return dict.fromkeys(COUNTED, 0)


COUNTED = {
    "frames": "came in",
    "lost": "by loss",
    "dropped": "by their numbers (drop)",
    "overflowed": "found the queue full",
    "marked": "CE (ecn, mark)",
    "reordered": "overtaken by others",
    "duplicated": "sent twice",
    "corrupted": "one bit is wrong",
    "sent": "went out",
    "missed": "came too fast for the relay",
    "unsent": "could not be sent: larger than the other link's MTU, or that link is down",
}


class Impairment:
    """One direction. `name` is the interface where its frames come in: it takes part in what is drawn."""

    def __init__(self, settings: Settings, name: str):
        self.name = name
        self.settings = settings
        self.counters = new_counters()
        self.free = 0.0  # when the last frame will have been sent at the rate
        self.last = 0.0  # the departure of the last frame
        self.held: Leaving | None = None  # a frame that is being overtaken: when it should have left
        self.copies = self.to_come = 0  # of it; and how many are to overtake it
        self.start_streams()

    def start_streams(self) -> None:
        """Everything random from its beginning."""
        seed = self.settings.seed

        def stream(kind: str) -> random.Random:
            return random.Random(f"{seed} {self.name} {kind}")

        self.jitter, self.bits = stream("jitter"), stream("bits")
        self.streams = {kind: stream(kind) for kind in ("loss", "reorder", "duplicate", "corrupt", "mark")}
        self.picks: dict[str, Callable[[], bool]] = {}
        self.set_picks(("loss", "drop", "reorder", "duplicate", "corrupt", "mark"))

    def set_picks(self, kinds: tuple[str, ...]) -> None:
        """Choose frames of these kinds as the settings say, numbers counted from now on."""
        for kind in kinds:
            which: Which = getattr(self.settings, kind)
            self.picks.pop(kind, None)
            if isinstance(which, tuple):
                if which:
                    self.picks[kind] = by_number(which)
            elif which:
                self.picks[kind] = by_share(which, self.streams[kind])

    def change(self, settings: Settings, keys: set[str]) -> None:
        """Other settings from now on, of which `keys` were named. What has been given its departure keeps it."""
        self.settings = settings
        if "seed" in keys:
            self.start_streams()
        else:
            self.set_picks(tuple(keys & {"loss", "drop", "reorder", "duplicate", "corrupt", "mark"}))
        if settings.rate is None:
            self.free = 0.0

    def frame(self, now: float, frame: bytes) -> list[Leaving]:
        """What leaves because of this frame, which arrives `now`."""
        settings, counters, picks = self.settings, self.counters, self.picks
        counters["frames"] += 1
        picked = [kind for kind, pick in picks.items() if pick()] if picks else ()
        late = self.jitter.uniform(-settings.jitter, settings.jitter) if settings.jitter else 0.0
        congested = False
        leaves = now
        if settings.rate is not None:
            start = max(now, self.free)
            waiting = (start - now) * settings.rate / 8  # bytes before this one
            if settings.queue is not None and waiting and waiting + len(frame) > settings.queue + TOLERANCE:
                counters["overflowed"] += 1
                return []
            congested = settings.ecn is not None and waiting + TOLERANCE >= settings.ecn
            leaves = self.free = start + 8 * len(frame) / settings.rate
        leaves = self.last = max(self.last, leaves + settings.delay + late)
        copies = 1
        if picked:
            if "drop" in picked:
                counters["dropped"] += 1
                return []
            if "loss" in picked:
                counters["lost"] += 1
                return []
        if congested or "mark" in picked:
            marked = mark_ce(frame)
            if marked is not None:
                frame = marked
                counters["marked"] += 1
        if "corrupt" in picked:
            frame = with_wrong_bit(frame, self.bits)
            counters["corrupted"] += 1
        if "duplicate" in picked:
            copies = 2
            counters["duplicated"] += 1
        if self.held is None:
            if "reorder" in picked:
                self.held, self.copies, self.to_come = (leaves, frame), copies, settings.behind
                return []
            return [(leaves, frame)] * copies
        return self._overtake([(leaves, frame)] * copies)

    def _overtake(self, leaving: list[Leaving]) -> list[Leaving]:
        """These frames, and the held one where it now belongs: after them, or before them if it has waited enough."""
        assert self.held is not None
        before = self.tick(leaving[0][0])
        if self.held is None:
            return before + leaving
        self.to_come -= 1
        return leaving + (self._release(leaving[-1][0]) if self.to_come <= 0 else [])

    def _release(self, time: float) -> list[Leaving]:
        assert self.held is not None
        frame = self.held[1]
        self.held = None
        self.counters["reordered"] += 1
        return [(time, frame)] * self.copies

    @property
    def deadline(self) -> float | None:
        """When `tick` should be called, if no frame comes until then."""
        return None if self.held is None else self.held[0] + OVERTAKING_TIME

    def tick(self, now: float) -> list[Leaving]:
        """The held frame, if it has waited long enough."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        return self._release(deadline)


TOLERANCE = 0.5  # bytes: seconds of a clock that has run for weeks, times bit/s, are not exact


def by_number(numbers: tuple[int, ...]) -> Callable[[], bool]:
    """True for the calls with these numbers, from 1."""
    wanted, count = frozenset(numbers), 0

    def pick() -> bool:
        nonlocal count
        count += 1
        return count in wanted

    return pick


def by_share(share: float, stream: random.Random) -> Callable[[], bool]:
    """True for this share of the calls."""
    draw = stream.random

    def pick() -> bool:
        return draw() < share

    return pick


IPV4, IPV6 = 0x0800, 0x86DD
TAGS = (0x8100, 0x88A8)  # IEEE 802.1Q, 802.1ad


def network_layer(frame: bytes) -> tuple[int, int]:
    """The EtherType, and where the packet starts, behind any VLAN tags."""
    offset = 12
    while len(frame) >= offset + 2:
        ethertype = frame[offset] << 8 | frame[offset + 1]
        if ethertype not in TAGS:
            return ethertype, offset + 2
        offset += 4
    return 0, len(frame)


def mark_ce(frame: bytes) -> bytes | None:
    """The frame with Congestion Experienced in its IP header (RFC 3168 section 5); None if it is not ECT, or no IP."""
    ethertype, start = network_layer(frame)
    if ethertype == IPV4 and len(frame) >= start + 20:
        if frame[start + 1] & 3 in (0, 3):
            return None
        marked = bytearray(frame)
        marked[start + 1] |= 3
        # RFC 1624 equation 3: HC' = ~(~HC + ~m + m') for the word m that has changed
        (checksum,) = struct.unpack_from("!H", frame, start + 10)
        old = frame[start] << 8 | frame[start + 1]
        total = (~checksum & 0xFFFF) + (~old & 0xFFFF) + (old | 3)
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        struct.pack_into("!H", marked, start + 10, ~total & 0xFFFF)
        return bytes(marked)
    if ethertype == IPV6 and len(frame) >= start + 40:
        # version 4 bits, traffic class 8 bits with ECN in its last two, flow label: RFC 8200 section 3; no checksum
        if frame[start + 1] >> 4 & 3 in (0, 3):
            return None
        marked = bytearray(frame)
        marked[start + 1] |= 0x30
        return bytes(marked)
    return None


def with_wrong_bit(frame: bytes, stream: random.Random) -> bytes:
    """One bit is flipped: in what IP carries, if it is IP, so that the checksum of TCP, UDP or ICMP finds it."""
    ethertype, start = network_layer(frame)
    end = len(frame)
    if ethertype == IPV4 and end >= start + 20:
        payload = start + 4 * (frame[start] & 15)
        total = start + int.from_bytes(frame[start + 2 : start + 4], "big")
        if payload < min(total, end):
            start, end = payload, min(total, end)
    elif ethertype == IPV6 and end >= start + 40:
        total = start + 40 + int.from_bytes(frame[start + 4 : start + 6], "big")
        if start + 40 < min(total, end):
            start, end = start + 40, min(total, end)
    if start >= end:
        start = 0
    bit = stream.randrange(8 * (end - start))
    changed = bytearray(frame)
    changed[start + bit // 8] ^= 1 << bit % 8
    return bytes(changed)
