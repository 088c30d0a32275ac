"""The path's MTU: black holes, larger segments tried again, the loss of a probe is no congestion (RFC 4821)."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest

from netlib.host import STREAM, Host
from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.congestion.tahoe import Tahoe
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.path_mtu import INTERVAL, NEAR, Search
from netlib.wire.tcp import TCPSegment
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, sleep, writable

from .pair import A, B, Pair, connected, pair, transfer

DATA = Random(1).randbytes(300_000)


def narrow(link: Pair, size: int) -> Pair:
    """From now on what has more than `size` bytes of data vanishes."""
    link.fate = lambda link, segment: [] if len(segment.payload) > size else [0.05]
    return link


def longest(link: Pair) -> int:
    return max(len(segment.payload) for segment in link.segments("a"))


def probes(link: Pair) -> list[int]:
    """How large the probes were, without options."""
    return [int(text.split()[-2]) for text in link.because("a", "sent") if text.startswith("a probe: does the path")]


# ---- what to try: no connection ------------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [536, 537, 600, 1000, 1400, 1452, 1459, 1460])
def test_the_search_ends_near_what_the_path_takes_after_few_probes(takes: int) -> None:
    search, low, tried = Search(), 536, 0
    search.begin_anew(0.0)
    while size := search.next(low, 1460, 1.0):
        tried += 1
        assert low < size <= 1460
        if size <= takes:
            low = size
        else:
            search.fail(1.0)
    assert takes - NEAR < low <= takes and tried <= 8
    assert search.next(low, 1460, INTERVAL - 1) is None
    assert low == 1460 or search.next(low, 1460, INTERVAL + 1) == 1460  # all over again, the largest first


def test_what_a_router_has_said_is_believed_for_a_while() -> None:
    search = Search()
    assert search.next(1460, 1460, 0.0) is None  # nothing to look for
    search.limit(1000, 0.0, middle=False)
    assert search.next(1000, 1460, 0.0) is None
    assert search.next(500, 1460, 0.0) == 1000  # it knew exactly
    assert search.next(500, 900, 0.0) == 900
    search.limit(1400, 5.0, middle=False)  # nobody makes it larger by saying so
    assert search.next(500, 1460, 5.0) == 1000
    assert search.next(1000, 1460, INTERVAL) == 1460


# ---- a connection --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"sack": False}, {"timestamps": False}, {"nodelay": True}], ids=str)
def test_a_path_that_swallows_large_segments_is_found_out(options: dict[str, Any]) -> None:
    link = narrow(connected(mtu_probing=True, **options), 1000)
    assert transfer(link, DATA)[0] == DATA and link.a.error is None
    assert 1000 - NEAR < link.a.snd.mss <= 1000
    cuts = [event for event in link.because("a", "timer") if "timeout" in event]
    assert len(cuts) == 2  # before it was known for a black hole, and at no probe's loss
    assert probes(link)[0] == (730 + 1460) // 2  # what a black hole has swallowed is not tried again at once


def test_without_the_option_nothing_is_tried() -> None:
    link = narrow(connected(), 1000)
    link.a.send(DATA, link.now)
    link.run(until=link.now + 200)
    assert link.a.snd.mss == 1448 and not probes(link) and not link.b.received


class Strict(Reno):
    """Who is told of no loss is told of nothing that follows from one."""

    def on_duplicate_ack(self) -> None:
        raise AssertionError("a duplicate acknowledgment, and nothing is lost")

    def on_recovered(self, now: float) -> None:
        raise AssertionError("recovered from nothing")


@pytest.mark.parametrize("sack", [True, False])
@pytest.mark.parametrize("congestion", [Strict, Tahoe, Cubic])
def test_the_loss_of_a_probe_is_no_congestion(sack: bool, congestion: Any) -> None:
    parts = TCPParts(congestion=congestion)
    link = pair(mtu_probing=True, sack=sack, parts=parts)
    link.a.open(0.0)
    link.run(until=1.0)
    link.a.path_mtu(1040, link.now)
    link.a.search.begin_anew(link.now)  # as after a black hole, only that nothing was lost
    narrow(link, 1100)
    link.a.congestion.ssthresh = 40_000
    windows = []

    def watch() -> bool:
        windows.append((link.a.congestion.cwnd, link.a.congestion.ssthresh))
        return len(link.a.sending) < 1000

    link.a.send(DATA[:250_000], link.now)
    link.run(done=watch)
    assert 1112 - NEAR < link.a.path_mss <= 1112  # with 12 bytes of timestamps
    lost = [text for text in link.because("a", "loss") if "does not take" in text]
    assert len(lost) >= 2 and link.because("a", "loss") == lost
    assert all(before <= after for (before, _), (after, _) in pairwise(windows))
    assert {threshold for _, threshold in windows} == {40_000}
    assert not [text for text in link.because("a", "timer") if "timeout" in text]
    assert link.a.counts["retrans"] <= 2 * len(lost)  # each probe's bytes, in two segments, and no others


@pytest.mark.parametrize("sack", [True, False])
def test_what_is_lost_beside_the_probe_is_congestion(sack: bool) -> None:
    link = connected(mtu_probing=True, sack=sack)
    link.a.path_mtu(1040, link.now)
    link.a.search.begin_anew(link.now)
    more: list[int] = []

    def fate(link: Pair, segment: TCPSegment) -> list[float]:
        length = len(segment.payload)
        if length > 988 and not more:  # the probe, and the segment that comes second after it
            more.append((segment.sequence + length + 988) % 2**32)
            return []
        if more and segment.sequence == more[0]:
            more[0] = -1
            return []
        return [0.05]

    link.fate = fate
    link.a.send(bytes(100_000), link.now)
    link.run(done=lambda: not link.a.sending)
    assert more == [-1] and link.a.congestion.ssthresh < 20_000
    assert link.b.counts["bytes_received"] == 100_000


def test_the_path_takes_more_again() -> None:
    link = connected(mtu_probing=True)
    link.a.path_mtu(1000, link.now)  # a router has said so
    assert transfer(link, DATA, close=False)[0] == DATA
    assert link.a.path_mss == 960 and not probes(link)  # RFC 1191 section 3: not so early
    link.run(until=link.now + INTERVAL)
    link.now += 1
    assert transfer(link, DATA, close=False)[0] == DATA
    assert (link.a.path_mss, link.a.snd.mss, probes(link)) == (1460, 1448, [1460])
    assert longest(link) == 1448 and link.a.counts["retrans"] == 0


def test_a_probe_that_nothing_follows_is_not_sent_and_one_that_was_ends_with_the_timer() -> None:
    link = connected(mtu_probing=True)
    link.a.path_mtu(1000, link.now)
    link.a.search.begin_anew(link.now)
    link.a.send(bytes(1200 + 2 * 948), link.now)
    assert not probes(link)
    link.run(until=link.now + 1)
    link.fate = lambda link, segment: []
    link.a.send(bytes(40_000), link.now)
    assert probes(link) == [1210]
    link.run(until=link.now + 0.5)
    assert link.a.search.probe is None and link.a.search.search_high == 1209
    link.fate = lambda link, segment: [0.05]
    link.run(done=lambda: not link.a.sending)
    assert link.b.counts["bytes_received"] == 1200 + 2 * 948 + 40_000


def searching(sack: bool = True) -> Pair:
    """A connection that knows of 1000 bytes and will try 1230 next, and nothing is under way."""
    link = connected(mtu_probing=True, sack=sack)
    link.a.path_mtu(1040, link.now)
    link.a.search.begin_anew(link.now)
    return link


def test_a_probe_waits_for_room_in_the_window_and_all_else_for_the_probe() -> None:
    link = searching()
    link.a.congestion.cwnd = 5 * 988
    link.a.send(bytes(4 * 988), link.now)  # too little behind a probe
    assert len(link.a.outbox) == 4 and not probes(link)
    link.a.send(bytes(40_000), link.now)
    assert not link.a.outbox  # there is room for a segment, and for no probe
    link.run(done=lambda: not link.a.sending)
    assert probes(link) and link.b.counts["bytes_received"] == 4 * 988 + 40_000


@pytest.mark.parametrize("sack", [True, False])
def test_nothing_is_tried_while_something_seems_lost(sack: bool) -> None:
    link = searching(sack)
    link.a.recovery.recovering = True
    link.a.send(bytes(40_000), link.now)
    assert not probes(link)
    link = searching(False)
    link.a.send(bytes(988), link.now)
    link.a.recovery.duplicate_acks = 1  # type: ignore[attr-defined]
    link.a.send(bytes(40_000), link.now)
    assert not probes(link)


@pytest.mark.parametrize("sack", [True, False])
def test_a_probe_behind_something_that_is_lost_tells_nothing(sack: bool) -> None:
    link = searching(sack)
    lost = iter([True])
    link.fate = lambda link, segment: [] if len(segment.payload) > 988 or next(lost, False) else [0.05]
    link.a.send(bytes(988), link.now)
    link.flush()
    link.a.send(bytes(12_000), link.now)
    assert probes(link) == [1230]
    link.run(done=lambda: not link.a.sending)
    assert link.a.path_mss == 1000 and link.b.counts["bytes_received"] == 12_988


def test_a_peer_that_takes_little_is_not_sent_more() -> None:
    link = Pair(Connection(A, B, 1, options={"mtu_probing": True}), Connection(B, A, 2, mss=700))
    link.b.listen(0.0)
    link.a.open(0.0)
    assert transfer(link, DATA)[0] == DATA
    assert longest(link) == 688 and not probes(link)


# ---- in a network --------------------------------------------------------------------------------------------------


async def serve(server: Host, data: bytes, pause: float) -> None:
    """Send all of `data` twice, with a pause."""
    listener = server.socket(STREAM)
    listener.bind("0.0.0.0", 80)
    listener.set_option("mtu_probing", True)
    listener.listen()
    await readable(listener)
    socket = listener.accept()
    assert socket is not None
    for wait in (0.0, pause):
        await sleep(wait)
        left = data
        while left:
            await writable(socket)
            left = left[socket.send(left) :]
    socket.shutdown()


async def fetch(client: Host, got: bytearray) -> None:
    socket = client.socket(STREAM)
    socket.connect("10.0.0.1", 80)
    await writable(socket)
    while data := await readable(socket) and socket.recv(1 << 20):
        got += data


def test_a_cable_in_the_middle_drops_without_a_word_and_is_replaced_by_a_better_one() -> None:
    sim = Simulation()
    server, client = sim.host("server"), sim.host("client")
    left, right = sim.switch("left"), sim.switch("right")
    sim.link((server, "10.0.0.1/24"), left)
    sim.link((client, "10.0.0.2/24"), right)
    middle = sim.link(left, right, delay=0.01, rate=10e6, mtu=1200)
    got = bytearray()
    sim.spawn(serve(server, DATA, INTERVAL))
    sim.spawn(fetch(client, got))
    sim.run(until=60)
    [connection] = server.tcp.table.values()
    assert 1160 - NEAR < connection.path_mss <= 1160 and not connection.sending
    middle.mtu = 1500
    sim.run(until=60 + 2 * INTERVAL)
    assert (connection.path_mss, connection.info["mss"]) == (1460, 1448)
    assert got == DATA + DATA
