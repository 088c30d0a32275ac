"""The simulated world: what a link does to frames, and that a seed says everything about a run."""

import asyncio
import re
from pathlib import Path

import pytest

from netlib.apps.ping import ping
from netlib.host import RAW, Host
from netlib.wire.address import IPv4Address
from netlib.wire.arp import ARPPacket
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.pcap import read_pcap
from netlib.worlds.simulation import Capture, Simulation
from netlib.worlds.task import now, readable, sleep

from .networks import chain, pair

FRAME = 14 + 20  # bytes before a packet's payload


async def send(host: Host, sizes: list[int], to: str = "10.0.0.2") -> None:
    """Send raw packets of these payload sizes at once."""
    socket = host.socket(RAW, 200)
    for size in sizes:
        socket.send(IPv4Packet(destination=IPv4Address(to), payload=bytes(size)), await now())
    await sleep(10)


def warmed_up(**options: object) -> tuple[Simulation, Host, Host, Capture]:
    """A pair that knows each other's MAC address, at the time 10.0, and a capture from then on."""
    sim, a, b, link = pair(**options)
    sim.run(ping(a, "10.0.0.2", count=1))
    sim.run(until=10.0)
    return sim, a, b, sim.capture(link)


def arrivals(capture: Capture) -> list[float | None]:
    """When the frames to b arrived, from time 10.0 on."""
    return [
        None if crossing.arrival is None else round(crossing.arrival - 10.0, 9)
        for crossing in capture.crossings
        if crossing.receiver == "b"
    ]


def drawn(capture: Capture) -> list[tuple[float, bytes, str, float | None]]:
    return [(c.time, c.packet.data, c.sender, c.arrival) for c in capture.crossings]


# ---- links -------------------------------------------------------------------------------------------------------


def test_a_frame_takes_its_time_at_the_links_rate_and_the_delay() -> None:
    sim, a, _, capture = warmed_up(rate=1e6, delay=0.25)
    sim.run(send(a, [1000 - FRAME, 500 - FRAME]))
    assert arrivals(capture) == [0.25 + 0.008, 0.25 + 0.012]
    assert [crossing.time for crossing in capture.crossings][:2] == [10.0, 10.0]


def test_without_a_rate_only_the_delay_counts() -> None:
    sim, a, _, capture = warmed_up(delay=0.5)
    sim.run(send(a, [1400] * 3))
    assert arrivals(capture) == [0.5] * 3


def test_a_full_queue_drops_what_comes_last() -> None:
    sim, a, _, capture = warmed_up(rate=1e6, delay=0.0, queue=3000)
    sim.run(send(a, [1000 - FRAME] * 6))
    assert arrivals(capture) == [0.008, 0.016, 0.024, None, None, None]
    assert sim.links[0].lost == 3


def test_a_queue_empties_at_the_links_rate() -> None:
    sim, a, _, capture = warmed_up(rate=1e6, delay=0.0, queue=2000)

    async def paced() -> None:
        socket = a.socket(RAW, 200)
        for _ in range(6):
            socket.send(IPv4Packet(destination=IPv4Address("10.0.0.2"), payload=bytes(1000 - FRAME)), await now())
            await sleep(0.004)  # twice the rate

    sim.run(paced())
    assert arrivals(capture) == [0.008, 0.016, 0.024, None, 0.032, None]


def test_a_frame_longer_than_the_queue_passes_an_idle_link() -> None:
    sim, a, _, capture = warmed_up(rate=1e6, delay=0.0, queue=100)
    sim.run(send(a, [1000 - FRAME, 10]))
    assert arrivals(capture) == [0.008, None]


def test_the_two_directions_of_a_link_do_not_meet() -> None:
    sim, a, b, capture = warmed_up(rate=1e6, delay=0.0)
    sim.run(send(a, [1000 - FRAME]), send(b, [1000 - FRAME], to="10.0.0.1"))
    assert [crossing.arrival for crossing in capture.crossings[:2]] == [10.008, 10.008]


def test_drop_loses_exactly_these_frames_in_each_direction() -> None:
    sim, a, _, link = pair(drop={3, 5})
    capture = sim.capture(link)
    sim.run(ping(a, "10.0.0.2", count=6, interval=0.1, timeout=0.1))
    for sender in "ab":
        sent = [crossing for crossing in capture.crossings if crossing.sender == sender]
        assert [i for i, crossing in enumerate(sent, 1) if crossing.arrival is None] == [3, 5]
    assert link.lost == 4


@pytest.mark.parametrize("loss, low, high", [(0.0, 0, 0), (0.3, 240, 360), (1.0, 1000, 1000)])
def test_loss_is_a_share_of_the_frames(loss: float, low: int, high: int) -> None:
    sim, a, _, capture = warmed_up()
    sim.links[0].loss = loss
    sim.run(send(a, [10] * 1000))
    assert low <= arrivals(capture).count(None) <= high


def test_a_capture_says_what_happened(tmp_path: Path) -> None:
    sim, a, _, link = pair(delay=0.001, drop={2})
    capture = sim.capture(link)
    assert repr(capture) == "nothing was sent"
    sim.run(ping(a, "10.0.0.2", count=1))
    assert [str(packet) for _, packet in capture] == [
        "ARP who has 10.0.0.2? tell 10.0.0.1",
        "ARP 10.0.0.2 is at 02:00:00:00:00:02",
        str(capture.crossings[2].packet),
    ]
    assert str(capture.crossings[2]).endswith("ms  a -> b  " + str(capture.packets[2][1]) + "  LOST")
    assert [round(time, 6) for time, _ in capture.packets] == [0.0, 0.001, 0.002]
    assert ARPPacket in capture.packets[0][1] and IPv4Packet in capture.packets[2][1]
    assert len(capture) == 3
    capture.write(tmp_path / "run.pcap")
    again = list(read_pcap(tmp_path / "run.pcap"))
    assert [packet.data for _, packet in again] == [packet.data for _, packet in capture]
    assert [time for time, _ in again] == pytest.approx([time for time, _ in capture], abs=1e-9)


# ---- seeds -------------------------------------------------------------------------------------------------------


def run(seed: int) -> list[list[tuple[float, bytes, str, float | None]]]:
    sim, a, _, b, links = chain(2, seed, loss=0.2, delay=0.01, rate=1e6, queue=4000)
    captures = [sim.capture(link) for link in links]
    sim.run(ping(a, "10.0.2.2", count=20, interval=0.05, size=2000), ping(b, "10.0.0.1", count=20, interval=0.03))
    return [drawn(capture) for capture in captures]


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    first, again, other = run(7), run(7), run(8)
    assert sum(map(len, first)) > 100
    assert first == again
    assert first != other
    assert [[c[3] is None for c in link] for link in first] != [[c[3] is None for c in link] for link in other]


def test_two_simulations_side_by_side_do_not_touch_each_other() -> None:
    sim, a, _, link = pair(seed=3, loss=0.3)
    alone = sim.capture(link)
    for _ in range(4):
        sim.run(ping(a, "10.0.0.2", count=3))
    (one, a1, _, link1), (two, a2, _, link2) = pair(seed=3, loss=0.3), pair(seed=4, loss=0.3)
    beside, other = one.capture(link1), two.capture(link2)
    for _ in range(4):
        one.run(ping(a1, "10.0.0.2", count=3))
        two.run(ping(a2, "10.0.0.2", count=3))
    assert drawn(beside) == drawn(alone) != drawn(other)


# ---- running -----------------------------------------------------------------------------------------------------


def test_run_returns_the_result_of_the_first_and_raises_what_it_raises() -> None:
    sim = Simulation()

    async def after(seconds: float, result: object) -> object:
        await sleep(seconds)
        return result

    assert sim.run(after(5, "slow"), after(1, "fast")) == "slow"
    assert sim.now == 5.0

    async def fails() -> None:
        await sleep(1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        sim.run(fails())
    assert sim.run(after(1, "goes on")) == "goes on"


def test_until_stops_at_a_time() -> None:
    sim, a, _, link = pair()
    capture = sim.capture(link)
    assert sim.run(ping(a, "10.0.0.2", count=10), until=3.5) is None
    assert sim.now == 3.5
    assert len(capture) == 2 + 2 * 4
    sim.run(until=3.5)
    sim.run(until=5.5)
    assert (sim.now, len(capture)) == (5.5, 2 + 2 * 6 + 2)  # b, which was only asked, checks a's address: ARP again
    with pytest.raises(ValueError, match="until=1 s lies in the past"):
        sim.run(until=1.0)
    assert sim.run(sleep(1.0), until=100.0) is None
    assert sim.now == 6.5  # it ended before


def test_what_waits_for_ever_is_a_clear_error() -> None:
    sim, a, _, _ = pair()
    with pytest.raises(RuntimeError, match="the coroutine still waits, and nothing is left that could happen"):
        sim.run(readable(a.socket(RAW, 99)))
    assert sim.run(ping(a, "10.0.0.2", count=1)).received == 1  # and the simulation can be used on


def test_readable_says_whether_something_came_in_time() -> None:
    sim, a, b, _ = pair(delay=0.1)
    socket = b.socket(RAW, 200)

    async def wait() -> list[object]:
        answers: list[object] = [await readable(socket, 0.25), await now()]
        answers += [await readable(socket, 1.0), await now()]
        return [*answers, await readable(socket), socket.readable]

    async def later() -> None:
        await sleep(0.5)
        a.socket(RAW, 200).send(IPv4Packet(destination=IPv4Address("10.0.0.2")), await now())

    answers = sim.run(wait(), later())
    assert answers == [False, 0.25, True, pytest.approx(0.8), True, True]  # 0.3: ARP there and back, and the packet


def test_a_packet_to_itself_wakes_another_application() -> None:
    sim = Simulation()
    a = sim.host("a")
    socket = a.socket(RAW, 200)

    async def tell() -> None:
        await sleep(1)
        a.socket(RAW, 201)
        sender = a.socket(RAW, 200)
        sender.send(IPv4Packet(destination=IPv4Address("127.0.0.1")), await now())

    async def wait() -> float:
        assert await readable(socket, 50)
        return await now()

    assert sim.run(wait(), tell()) == 1.0


def test_it_runs_inside_a_running_event_loop_and_leaves_it_alone() -> None:
    async def notebook() -> tuple[int, asyncio.AbstractEventLoop, str]:
        loop = asyncio.get_running_loop()
        ticked = asyncio.create_task(asyncio.sleep(0, "ticked"))
        sim, a, _, _ = pair()
        result = sim.run(ping(a, "10.0.0.2", count=2))
        assert asyncio.get_running_loop() is loop
        return result.received, loop, await ticked

    received, _, ticked = asyncio.run(notebook())
    assert (received, ticked) == (2, "ticked")
    sim, a, _, _ = pair()
    assert sim.run(ping(a, "10.0.0.2", count=1)).received == 1  # and without one


# ---- mistakes ----------------------------------------------------------------------------------------------------


def test_mistakes_are_clear_errors() -> None:
    sim, a, b, _ = pair()
    stranger = Simulation().host("x")
    for call, message in [
        (lambda: sim.host("a"), "a host 'a' in this simulation already"),
        (lambda: sim.link((a, "10.1.0.1/24"), (stranger, "10.1.0.2/24")), "host x .* not of this simulation"),
        (lambda: sim.link((a, "10.1.0.1/24"), (a, "10.1.0.2/24")), "from a to itself"),
        (lambda: sim.link((a, "10.1.0.1/24"), (b, "10.1.0.2/24"), loss=20), "loss from 0 to 1"),
        (lambda: sim.link((a, "10.1.0.1/24"), (b, "10.1.0.2/24"), rate=0), "above 0"),
        (lambda: sim.link((a, "10.1.0.1"), (b, "10.1.0.2/24")), "prefix length"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="is no coroutine: call an `async def` function"):
        sim.run(ping)  # type: ignore[arg-type]

    async def foreign() -> None:
        await Foreign()

    with pytest.raises(TypeError, match=re.escape("here only now(), sleep() and readable()")):
        sim.run(foreign())


class Foreign:
    def __await__(self):  # type: ignore[no-untyped-def]
        yield "something of another world"
