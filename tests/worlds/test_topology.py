"""Whole networks: in a few lines of text, with switches, drawn, and told when they can't work."""

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.apps.ping import ping
from netlib.host import Parts
from netlib.internet.routes import Routes
from netlib.link.switch import Switch
from netlib.wire.arp import ARPPacket
from netlib.wire.icmp import ICMPMessage
from netlib.worlds.simulation import Capture, Simulation, TopologyError
from netlib.worlds.topology import find_loop, read

TEXT = """
    h1 10.0.1.1/24 -- s1            # two hosts and a router on one switch
    h2 10.0.1.2/24 -- s1
    s1 -- 10.0.1.254/24 r1 10.0.2.254/24 -- 10.0.2.1/24 h3
    r1 10.0.3.254/24 -- 10.0.3.1/24 r2 10.0.4.1/24 -- h4 10.0.4.2/24    delay=20ms rate=10mbit
"""


def seen(capture: Capture, kind: type, receiver: str) -> int:
    return sum(kind in c.packet for c in capture.crossings if c.receiver == receiver)


# ---- switches ----------------------------------------------------------------------------------------------------


def test_a_frame_floods_once_and_then_not() -> None:
    sim = Simulation.topology("h1 10.0.0.1/24 -- s\n h2 10.0.0.2/24 -- s\n h3 10.0.0.3/24 -- s")
    capture = sim.capture()
    assert sim.run(ping(sim["h1"], "10.0.0.2", count=3, interval=0.1)).received == 3
    assert seen(capture, ARPPacket, "h3") == 1  # the question, which is for everybody
    assert seen(capture, ICMPMessage, "h3") == 0
    sim["s"].table.clear()
    sim.run(ping(sim["h1"], "10.0.0.2", count=2, interval=0.1))
    assert seen(capture, ICMPMessage, "h3") == 1  # it is found again by the first frame's answer
    assert sim["h3"].dropped == {"Ethernet not for us": 1}


def test_a_frame_through_switches_stays_as_it_is() -> None:
    sim = Simulation.topology("h1 10.0.0.1/24 -- s1 -- s2 -- s3 -- 10.0.0.2/24 h2")
    first, last = sim.capture(sim.between("h1", "s1")), sim.capture(sim.between("h2", "s3"))
    assert sim.run(ping(sim["h1"], "10.0.0.2", count=2)).received == 2
    assert [c.packet.data for c in first.crossings if c.sender == "h1"] == [
        c.packet.data for c in last.crossings if c.receiver == "h2"
    ]


def test_the_world_lets_a_switch_forget() -> None:
    sim = Simulation()
    s = sim.switch("s", part=lambda name, ports: Switch(name, ports, ageing=30.0))
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "10.0.0.1/24"), s)
    sim.link(s, (b, "10.0.0.2/24"))
    sim.run(ping(a, "10.0.0.2", count=1))
    assert [entry.port for entry in s.table.values()] == [0, 1]
    sim.run(until=20.0)
    assert len(s.table) == 2
    sim.run(until=50.0)
    assert not s.table


class Hub:
    """A switch of one's own: no name, no clock, only what the world asks for."""

    def __init__(self, name: str, ports: int) -> None:
        self.ports, self.outbox = ports, list[tuple[int, bytes]]()

    def receive(self, port: int, frame: bytes, now: float) -> None:
        self.outbox += [(other, frame) for other in range(self.ports) if other != port]


def test_a_switch_of_ones_own_stands_in() -> None:
    text = "h1 10.0.0.1/24 -- s\n h2 10.0.0.2/24 -- s\n h3 10.0.0.3/24 -- s"
    sim = Simulation.topology(text, parts={"s": Hub})
    capture = sim.capture()
    assert isinstance(sim["s"], Hub)
    assert sim.run(ping(sim["h1"], "10.0.0.2", count=3)).received == 3
    assert seen(capture, ICMPMessage, "h3") == 6


def test_ports_without_a_cable_send_nothing_and_no_port_is_taken_twice() -> None:
    sim = Simulation()
    s, a, b = sim.switch("s", ports=2, part=Hub), sim.host("a"), sim.host("b")
    sim.link((a, "10.0.0.1/24"), s)
    assert sim.run(ping(a, "10.0.0.2", count=1)).received == 0
    sim.link((b, "10.0.0.2/24"), s)
    assert sim.run(ping(a, "10.0.0.2", count=1)).received == 1
    with pytest.raises(ValueError, match=r"the 2 ports of s are taken: make it with sim\.switch\('s', ports=3\)"):
        sim.link((sim.host("c"), "10.0.0.3/24"), s)


@pytest.mark.parametrize("item", [(2, b"x" * 60), (-1, b""), (0, "text"), b"frame", None, ("0", b"")])
def test_what_is_no_frame_in_a_switchs_outbox_is_told(item: object) -> None:
    class Wrong(Hub):
        def receive(self, port: int, frame: bytes, now: float) -> None:
            self.outbox.append(item)  # type: ignore[arg-type]

    sim = Simulation.topology("a 10.0.0.1/24 -- s -- 10.0.0.2/24 b", parts={"s": Wrong})
    with pytest.raises(TypeError, match=r"the switch s put .* a port from 0 to 1 and bytes"):
        sim.run(ping(sim["a"], "10.0.0.2"))


def test_a_frame_too_long_for_a_cable_is_lost_there() -> None:
    sim = Simulation.topology("a 10.0.0.1/24 -- s mtu=9000\n b 10.0.0.2/24 -- s mtu=1500")
    assert sim.run(ping(sim["a"], "10.0.0.2", count=1, size=1472)).received == 1
    assert sim.run(ping(sim["a"], "10.0.0.2", count=1, size=1473)).received == 0  # and nobody says why
    assert (sim.between("a", "s").lost, sim.between("s", "b").lost) == (0, 1)


# ---- loops -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, loop",
    [
        ("a 10.0.0.1/24 -- s1 -- s2 -- s3 -- s1", "s3 -- s2 -- s1 -- s3|s3 -- s1 -- s2 -- s3"),
        ("a 10.0.0.1/24 -- s1 -- s2 -- 10.0.0.2/24 b\n s2 -- s1", "s2 -- s1 -- s2"),
    ],
)
def test_a_loop_of_switches_is_told_before_anything_runs(text: str, loop: str) -> None:
    sim = Simulation.topology(text)
    capture = sim.capture()
    for _ in range(2):
        with pytest.raises(TopologyError, match=f"the switches ({loop}) are in a loop") as caught:
            sim.run(ping(sim["a"], "10.0.0.2"))
        assert "\n" not in str(caught.value)
    assert len(capture) == 0 and sim.now == 0.0


def test_what_a_host_or_a_router_closes_is_no_loop_of_switches() -> None:
    sim = Simulation.topology("""
        a 10.0.0.1/24 -- s1 -- s2
        s1 -- 10.0.0.254/24 r 10.0.1.254/24 -- s3
        b 10.0.1.1/24 -- s3
        c 10.0.0.3/24 -- s1
        c 10.0.1.3/24 -- s3
        host c
        switch s2
    """)
    assert sim.run(ping(sim["a"], "10.0.1.1", count=1)).received == 1


def test_a_loop_made_later_is_found_at_the_next_run() -> None:
    sim = Simulation.topology("a 10.0.0.1/24 -- s1 -- s2 -- 10.0.0.2/24 b\n switch s1", parts={})
    assert sim.run(ping(sim["a"], "10.0.0.2", count=1)).received == 1
    extra = sim.switch("s3")
    s1 = Simulation.topology("x 1.0.0.1/24 -- s1\n switch s1")["s1"]
    with pytest.raises(ValueError, match="not of this simulation"):
        sim.link(extra, s1)
    more = sim.switch("s4")
    sim.link(extra, more)
    sim.run(until=sim.now + 1)
    sim.link(more, extra)
    with pytest.raises(TopologyError, match=r"s4 -- s3 -- s4|s3 -- s4 -- s3"):
        sim.run(until=sim.now + 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")).filter(lambda p: p[0] != p[1])))
def test_a_loop_is_found_where_there_is_one(links: list[tuple[str, str]]) -> None:
    parts = {node: {node} for node in "abcdef"}  # joined one after the other: a link within a part closes a loop
    closes = False
    for a, b in links:
        closes = closes or parts[a] is parts[b]
        parts[a] |= parts[b]
        for node in parts[a]:
            parts[node] = parts[a]
    loop = find_loop(links)
    assert bool(loop) == closes
    if loop:
        steps = [frozenset(pair) for pair in pairwise(loop)]
        there = [frozenset(link) for link in links]
        assert loop[0] == loop[-1] and len(set(loop)) == len(loop) - 1
        assert all(steps.count(step) <= there.count(step) for step in steps)


# ---- text --------------------------------------------------------------------------------------------------------


def test_a_network_in_a_few_lines_works() -> None:
    sim = Simulation.topology(TEXT)
    assert read(TEXT).kinds == {
        "h1": "host", "s1": "switch", "h2": "host", "r1": "router", "h3": "host", "r2": "router", "h4": "host",
    }  # fmt: skip
    addresses = {"h1": "10.0.1.1", "h2": "10.0.1.2", "h3": "10.0.2.1", "h4": "10.0.4.2", "r2": "10.0.3.1"}
    for sender in addresses:
        for address in addresses.values():
            assert sim.run(ping(sim[sender], address, count=1)).received == 1, (sender, address)
    slow = sim.between("r1", "r2")
    assert (slow.delay, slow.rate, sim.between("h1", "s1").delay) == (0.02, 1e7, 0.001)
    assert sim["r1"].internet.forwarding and not sim["h1"].internet.forwarding
    assert repr(slow) == "<link r1 -- r2>"


def test_routes_go_over_the_fewest_routers_and_only_where_they_are_wanted() -> None:
    text = """
        a 10.0.1.1/24 -- 10.0.1.254/24 r1 10.0.2.1/24 -- 10.0.2.2/24 r2 10.0.3.1/24 -- 10.0.3.2/24 r3
        r1 10.0.4.1/24 -- 10.0.4.2/24 r3 10.0.5.254/24 -- 10.0.5.1/24 b
    """
    sim = Simulation.topology(text)
    found = sim["r1"].internet.routes.lookup(b"\x0a\0\5\1")
    assert str(found.via) == "10.0.4.2"
    assert sim.run(ping(sim["a"], "10.0.5.1", count=1)).received == 1
    bare = Simulation.topology(text, routing=False)
    assert bare["r1"].internet.routes.lookup(b"\x0a\0\5\1") is None


def test_hosts_on_one_link_may_have_different_masks() -> None:
    """r1 needs no route to h1's smaller network: its own covers that."""
    sim = Simulation.topology("""
        h1 10.4.0.10/28 -- s1
        h2 10.4.0.20/24 -- s1
        s1 -- 10.4.0.1/24 r1 10.4.1.1/24 -- 10.4.1.9/24 h3
    """)
    assert sim.run(ping(sim["h1"], "10.4.1.9", count=1)).received == 1
    assert sim.run(ping(sim["h2"], "10.4.0.10", count=1)).received == 1


def test_parts_are_given_by_name() -> None:
    made: list[Routes] = []

    class Mine(Routes):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    sim = Simulation.topology(TEXT, parts={"r1": Parts(routes=Mine), "s1": Hub})
    assert [sim["r1"].internet.routes] == made and isinstance(sim["s1"], Hub)
    assert sim.run(ping(sim["h1"], "10.0.4.2", count=1)).received == 1
    with pytest.raises(TopologyError, match="parts for r9: there is nobody of that name"):
        Simulation.topology(TEXT, parts={"r9": Parts()})


@pytest.mark.parametrize(
    "text, message",
    [
        ("h1 10.0.0.1/24 -- 10.0.0.2/33 h2", "needs a prefix length"),
        ("h1 10.0.0.1/24 -- 10.0.0.2 h2", "line 1, .*'10.0.0.2' is neither a name"),
        ("\nh1 10.0.0.1/24", "line 2, .*this is no cable"),
        ("h1 10.0.0.1/24 -- -- s1", "between two -- stands one name"),
        ("h1 h2 10.0.0.1/24 -- s1", "one name, not h1 and h2"),
        ("h1 10.0.0.1/24 -- h2", "h2 has no address and only one cable: is it a host"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 r1 -- 10.0.1.1/24 h2", "r1 has one address for each of its cables here"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 10.0.0.3/24 h2", "h2 has one address for each of its cables here"),
        ("switch h1\nh1 10.0.0.1/24 -- s1", "h1 is a switch and has no address: write it without 10.0.0.1/24"),
        ("host h1\nh1 -- s1", "h1 has no address on one of its cables: a host needs one there"),
        ("h1 10.0.0.1/24 -- s1\nh1 -- s1", "h1 has no address on one of its cables: a host or router needs one"),
        ("host a\nrouter a", "a is a host already"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h2 delay=20", "delay=20.*a unit is missing; write it like 25ms"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h2 speed=20", "unknown key 'speed'"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h2 jitter=2ms", "'jitter' is not for these cables: they know delay"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h2 eth0:loss=2%", "'eth0:...' is not for these cables"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h2 mtu=big", "mtu=big: write it once, in bytes"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h2 mtu=10", "an MTU of 10 bytes"),
        ("h1 10.0.0.1/24 -- 10.0.0.2/24 h1", "from h1 to itself"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Simulation.topology(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@settings(deadline=None)
@given(st.text(st.sampled_from("hs1. -/\n=#024") | st.characters(), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        read(text)
    except TopologyError as error:
        assert "\n" not in str(error)


def test_mistakes_with_names_are_clear() -> None:
    sim = Simulation.topology(TEXT)
    calls: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: sim["h9"], KeyError, "nobody in this simulation is called 'h9': there are h1, s1,"),
        (lambda: sim.between("h1", "h2"), KeyError, "no link between 'h1' and 'h2': there are <link h1 -- s1>"),
        (lambda: sim.switch("h1"), ValueError, "there is a host 'h1' in this simulation already"),
        (lambda: sim.host("s1"), ValueError, "there is a switch 's1' in this simulation already"),
        (lambda: sim.link(sim["h1"], sim["s1"]), ValueError, "needs an address on a link"),
        (lambda: sim.link((sim["s1"], "10.0.0.1/24"), sim["h1"]), ValueError, "s1 is a switch and has no address"),
        (lambda: sim.link(sim["s1"], sim["s1"]), ValueError, "from s1 to itself"),
        (lambda: sim.switch("x", part=lambda name, ports: "no"), TypeError, "'no' is no switch: it needs"),  # type: ignore[arg-type, return-value]
    ]
    for call, kind, message in calls:
        with pytest.raises(kind, match=re.escape(message)):
            call()


# ---- drawing, and the same run each time -------------------------------------------------------------------------


def test_the_drawing_says_who_is_who_and_what_passed() -> None:
    sim = Simulation.topology("h1 10.0.0.1/24 -- s1 -- 10.0.0.254/24 r1 10.0.1.254/24 -- 10.0.1.1/24 h2")
    before = str(sim.drawing("Ours"))
    assert before.startswith("Ours\n") and "frames" not in before
    assert "s1 (switch)" in before and "r1 (router)" in before
    assert re.search(r"h1:eth0 10\.0\.0\.1/24 +-- +s1:port 0", before)
    sim.run(ping(sim["h1"], "10.0.1.1", count=2))
    after = sim.drawing()
    assert "> 3 frames, 238 bytes  < 3 frames, 238 bytes" in str(after)
    assert after.svg().startswith("<svg") and "table" in after._repr_html_()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_capture_of_everything_is_the_same_each_time(seed: int) -> None:
    def run(seed: int) -> list[tuple[float, str, str, float | None, bytes]]:
        sim = Simulation.topology(TEXT.replace("rate=10mbit", "rate=1mbit loss=20% queue=4kB"), seed=seed)
        capture = sim.capture()
        sim.run(
            ping(sim["h1"], "10.0.4.2", count=20, size=2000, interval=0.05),
            ping(sim["h4"], "10.0.1.2", count=20, size=100, interval=0.03),
        )
        assert [c.time for c in capture.crossings] == sorted(c.time for c in capture.crossings)
        return [(c.time, c.sender, c.receiver, c.arrival, c.packet.data) for c in capture.crossings]

    first = run(seed)
    assert len(first) > 100 and any(crossing[3] is None for crossing in first)
    assert first == run(seed) != run(seed + 10)


def test_random_trees_of_switches_connect_every_host() -> None:
    for seed in range(10):
        random, sim = Random(seed), Simulation(seed)
        switches = [sim.switch(f"s{number}", ports=12) for number in range(5)]
        for number, switch in enumerate(switches[1:], 1):
            sim.link(switch, random.choice(switches[:number]))
        hosts = [sim.host(f"h{number}") for number in range(4)]
        for number, host in enumerate(hosts):
            sim.link((host, f"10.0.0.{number + 1}/24"), random.choice(switches))
        for number in range(1, 4):
            assert sim.run(ping(hosts[0], f"10.0.0.{number + 1}", count=1)).received == 1
