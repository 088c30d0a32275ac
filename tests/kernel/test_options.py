"""What can be switched and watched at a socket: every option does what it says, and says no to what makes no sense."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netlib.host import STREAM, Host, StreamSocket
from netlib.kernel.errors import SocketError
from netlib.kernel.streams import NAMES, PARTS
from netlib.transport.tcp.options import Options
from netlib.transport.tcp.recovery import SACK, NewReno, Reno
from netlib.transport.tcp.variables import DEFAULTS, Settings
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import sleep, writable

ROOT = Path(__file__).parents[2]


class Trial:
    """A client with options connects to a server; it has both sockets, and every segment that was sent."""

    def __init__(self, delay: float = 0.05, client: dict[str, Any] | None = None, **server: Any) -> None:
        self.sim = Simulation()
        self.a, self.b = self.sim.host("a"), self.sim.host("b")
        link = self.sim.link((self.a, "10.0.0.1/24"), (self.b, "10.0.0.2/24"), delay=delay)
        self.capture = self.sim.capture(link)
        self.client, listener = self.a.socket(), self.b.socket()
        for socket, options in ((self.client, client or {}), (listener, server)):
            for name, value in options.items():
                socket.set_option(name, value)
        listener.bind("0.0.0.0", 80)
        listener.listen()
        self.client.connect("10.0.0.2", 80)
        self.sim.run(writable(self.client))
        self.sim.run(until=self.sim.now + 1)
        made = listener.accept()
        assert made is not None
        self.server: StreamSocket = made

    def run(self, seconds: float) -> None:
        self.sim.run(sleep(seconds))

    def segments(self, sender: str = "a") -> list[TCPSegment]:
        layers = [layer for c in self.capture.crossings if c.sender == sender for layer in c.packet.layers]
        return [layer for layer in layers if isinstance(layer, TCPSegment)]

    def syn(self, sender: str = "a") -> Options:
        [syn, *_] = [segment for segment in self.segments(sender) if segment.syn]
        return Options.of(syn)


def test_the_sentence_of_the_course() -> None:
    sim = Simulation()
    host = sim.host("me")
    socket = host.socket()
    assert isinstance(socket, StreamSocket) and isinstance(host.socket(STREAM), StreamSocket)
    socket.set_option("nodelay", True)
    assert socket.get_option("nodelay") is socket.get_option("TCP_NODELAY") is True
    assert str(socket.info).startswith("UNCONN")


@pytest.mark.parametrize(
    ("option", "kinds"),
    [
        ({"nodelay": True}, ["nodelay"] * 3),
        ({"cork": True}, ["held"]),
        ({"nagle": "classic"}, ["all", "held"]),
        ({}, ["all", "held"]),
    ],
    ids=str,
)
def test_why_a_small_segment_was_sent_or_not(option: dict[str, Any], kinds: list[str]) -> None:
    trial = Trial(client=option)
    before = len(trial.client.events)
    for word in (b"one", b"two", b"three"):
        trial.client.send(word)
    said = [f"{e.kind}: {e.because}" for e in trial.client.events[before:] if e.kind in ("sent", "held")]
    expected = {
        "nodelay": "sent: all that is queued: no delay is wanted",
        "all": "sent: all that is queued, and nothing is in flight",
        "held": {"cork": "held: corked", "nagle": "held: Nagle: "}.get("".join(option), "held: Nagle (Minshall): "),
    }
    assert len(said) == len(kinds) and all(a.startswith(expected[b]) for a, b in zip(said, kinds, strict=True)), said


def test_an_acknowledgment_that_waits_is_told_too() -> None:
    trial = Trial(quick_acks=0)
    trial.client.send(b"hello")
    trial.run(0.3)
    said = [(e.kind, e.because) for e in trial.server.events if e.kind in ("sent", "held")]
    assert [kind for kind, _ in said[-2:]] == ["held", "sent"] and all("delayed ACK" in why for _, why in said[-2:])


def test_info_is_what_ss_shows() -> None:
    trial = Trial(client={"window_scaling": False}, send_buffer=30_000)
    assert trial.server.send(bytes(50_000)) == 30_000
    info = trial.server.info
    assert (info.state, info.cwnd, info.unacked, info.notsent, info.send_q) == ("ESTABLISHED", 10, 10, 15_520, 30_000)
    line = str(info)
    assert (
        line.startswith("ESTABLISHED 0      30000  ts sack wscale:0,0 rto:")
        and "cwnd:10" in line
        and "mss:1448" in line
    )
    with pytest.raises(AttributeError, match="'nosuch': there are state, ts"):
        info.nosuch  # noqa: B018


ON_THE_SYN: list[tuple[dict[str, Any], Callable[[Options], bool]]] = [
    ({}, lambda o: (o.mss, o.window_scale, o.sack_permitted) == (1460, 5, True) and o.timestamps is not None),
    ({"mss": 500}, lambda o: o.mss == 500),
    ({"window_scaling": False}, lambda o: o.window_scale is None),
    ({"receive_buffer": 65_535}, lambda o: o.window_scale == 0),
    ({"timestamps": False}, lambda o: o.timestamps is None),
    ({"sack": False}, lambda o: not o.sack_permitted),
]


@pytest.mark.parametrize(("options", "right"), ON_THE_SYN, ids=[str(options) for options, _ in ON_THE_SYN])
def test_what_a_syn_offers(options: dict[str, Any], right: Callable[[Options], bool]) -> None:
    assert right(Trial(client=options).syn("a")) and right(Trial(**options).syn("b"))


def test_ecn_ttl_and_df_are_on_the_packets() -> None:
    trial = Trial(client={"ecn": True, "ttl": 9, "dscp": 10, "path_mtu_discovery": False}, ecn=True)
    trial.client.send(b"hello")
    trial.run(0.2)
    packets = [layer for c in trial.capture.crossings if c.sender == "a" for layer in c.packet.layers]
    ours = [packet for packet in packets if isinstance(packet, IPv4Packet)]
    assert {(p.ttl, p.dscp, p.dont_fragment) for p in ours} == {(9, 10, False)} and max(p.ecn for p in ours) == 2
    theirs = [
        p for c in trial.capture.crossings if c.sender == "b" for p in c.packet.layers if isinstance(p, IPv4Packet)
    ]
    assert {p.dont_fragment for p in theirs} == {True} and trial.client.info.ecn


def test_how_much_goes_at_first_after_a_pause_and_at_once_to_a_smaller_peer() -> None:
    assert Trial(initial_window=3).server.info.cwnd == 3
    for restart, after in ((True, 10), (False, 40)):
        trial = Trial(slow_start_after_idle=restart)
        trial.server.connection.congestion.cwnd = 40 * 1448  # type: ignore[union-attr]
        trial.server.send(bytes(1000))
        trial.run(5.0)
        trial.server.send(bytes(1000))
        assert trial.server.info.cwnd == after
    trial = Trial(mss=500)
    trial.server.send(bytes(4000))
    trial.run(1.0)
    assert max(len(segment.payload) for segment in trial.segments("b")) == 488  # beside the timestamps


@pytest.mark.parametrize("switch", [True, False])
def test_limited_transmit_sends_new_data_on_the_first_duplicates(switch: bool) -> None:
    trial = Trial(client={"sack": False}, limited_transmit=switch, initial_window=4)
    link = trial.sim.links[0]
    direction = link.directions[1]
    link.drop = frozenset({direction.sent + 1})  # the first of four segments, so that three duplicates come
    trial.server.send(bytes(20_000))
    trial.run(0.12)
    kinds = [event.kind for event in trial.server.events]
    assert kinds[: kinds.index("loss")].count("sent") == 1 + 4 + (2 if switch else 0)  # from the SYN,ACK on


@pytest.mark.parametrize("switch", [True, False])
def test_dsack_tells_of_what_came_twice(switch: bool) -> None:
    trial = Trial(client={"dsack": switch})
    trial.server.send(bytes(1000))
    trial.run(1.0)
    connection = trial.server.connection
    assert connection is not None
    connection.sending[:0] = bytes(1000)  # as if the acknowledgment had been lost: go back, and send it again
    connection.snd.una = connection.snd.nxt = connection.snd.una - 1000
    connection.transmit(trial.sim.now)
    trial.b.tcp.after(connection, trial.sim.now)
    trial.run(1.0)
    assert any(Options.of(segment).sack for segment in trial.segments("a")) == switch


def test_the_parts_by_name() -> None:
    kinds = {"reno": Reno, "newreno": NewReno, "sack": SACK}
    for name, kind in kinds.items():
        trial = Trial(recovery=name)
        assert type(trial.server.connection.recovery) is kind  # type: ignore[union-attr]
        assert trial.server.get_option("recovery") == name
    assert type(Trial(recovery="sack", client={"sack": False}).server.connection.recovery) is NewReno  # type: ignore[union-attr]
    assert Trial(TCP_CONGESTION="cubic").server.get_option("congestion") == "cubic"
    with pytest.raises(SocketError, match=r"EISCONN.*the connection has its recovery"):
        trial.server.set_option("recovery", "reno")
    with pytest.raises(SocketError, match=r"ENOENT.*'vegas': there are tahoe, reno, cubic"):
        trial.a.socket().set_option("congestion", "vegas")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("nagel", "classic", "ENOPROTOOPT.*no option 'nagel': there are nodelay, cork"),
        ("nagle", "none", "EINVAL.*nagle='none': it has to be minshall or classic"),
        ("nodelay", "yes", "EINVAL.*nodelay='yes': it has to be True or False"),
        ("receive_buffer", -1, "EINVAL.*receive_buffer=-1: it has to be a whole number from 0"),
        ("retries", 1.5, "EINVAL.*retries=1.5: it has to be a whole number"),
        ("delayed_ack", float("nan"), "EINVAL.*delayed_ack=nan: it has to be a number from 0"),
        ("delayed_ack", 0.5, "EINVAL.*delayed_ack=0.5: it has to be a number from 0 to 0.499"),  # MUST-40
        ("dscp", 64, "EINVAL.*dscp=64: it has to be a whole number from 0 to 63"),
    ],
)
def test_nonsense_is_refused(name: str, value: Any, problem: str) -> None:
    socket = Host("me", Random(1)).socket()
    with pytest.raises(SocketError, match=problem):
        socket.set_option(name, value)
    if name in DEFAULTS:
        assert socket.get_option(name) == DEFAULTS[name]


def test_each_option_is_in_the_table_and_in_the_docs() -> None:
    table, page = str(Settings.__doc__), (ROOT / "docs" / "students.md").read_text()
    for name in [*DEFAULTS, *PARTS]:
        if not name.startswith("keepalive_"):
            assert re.search(rf"\b{name}\b", table), name
        assert f"`{name}`" in page, name
    assert set(NAMES.values()) <= {*DEFAULTS, *PARTS}


def test_no_segment_goes_without_a_reason() -> None:
    trial = Trial(client={"initial_window": 2})
    trial.sim.links[0].loss = 0.1
    trial.client.send(bytes(100_000))
    trial.server.send(bytes(30_000))
    trial.run(20.0)
    trial.client.shutdown()
    trial.run(5.0)
    for socket, name in ((trial.client, "a"), (trial.server, "b")):
        events, segments = socket.events, trial.segments(name)
        said = [event for event in events if event.kind in ("sent", "resent")]
        assert len(said) == len(segments) and all(event.because for event in events)
        assert any(event.kind == "resent" for event in said) and any(event.kind == "held" for event in events)
