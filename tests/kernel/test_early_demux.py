"""Early demux is a shortcut: after it all is as the layers, one after the other, leave it."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import chain
from random import Random
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.host import RAW, STREAM, Host, Parts, StreamSocket
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.states import ESTABLISHED
from netlib.wire.address import MACAddress
from netlib.wire.checksum import internet_checksum
from netlib.wire.ipv4 import TCP, IPv4Packet

MAC = [MACAddress(b"\2\0\0\0\0\1"), MACAddress(b"\2\0\0\0\0\2")]
OPTIONS: list[dict[str, Any]] = [
    {}, {"timestamps": False}, {"ecn": True}, {"receive_buffer": 3000}, {"window_scaling": False}, {"dscp": 46},
]  # fmt: skip


Change = Callable[[bytes], bytes]


class Talk:
    """Two hosts that send each other what `random` says, over a link that changes what it says."""

    def __init__(
        self, random: Random, early: bool, options: dict[str, Any], trouble: float = 0.0, framed: bool = True,
        kind: type[Host] = Host, parts: Parts | None = None,
    ) -> None:  # fmt: skip
        self.random, self.early, self.trouble, self.start = random, early, trouble, 14 * framed
        self.hosts = kind("a", Random(1), parts), kind("b", Random(2), parts)
        self.now, self.taken, self.seen = 0.0, 0, 0
        self.changes: list[Change] = []  # each comes once, before a frame as it was
        self.calm = 0.0  # when the last of them will have come
        self.by = 0  # the interface by which frames come
        self.under_way: list[tuple[float, int, int, bytes]] = []
        self.record: list[Any] = []
        for number, host in enumerate(self.hosts):
            host.attach(f"10.0.0.{number + 2}/24", MAC[number] if framed else None)
            self.watch(host)
        listener, client = self.hosts[1].socket(STREAM), self.hosts[0].socket(STREAM)
        for socket in (listener, client):
            for name, value in options.items():
                socket.set_option(name, value)
        listener.bind("10.0.0.3", 80)
        listener.listen()
        client.connect("10.0.0.3", 80)
        self.listener, self.sockets = listener, [client]

    def watch(self, host: Host) -> None:
        takes = host.tcp.early.takes

        def watched(interface: Any, frame: bytes, now: float) -> bool:
            self.seen += 1
            taken = self.early and takes(interface, frame, now)
            self.taken += taken
            return taken

        host.tcp.early.takes = watched  # type: ignore[method-assign]

    def run(self, steps: int, changes: list[Change] | None = None) -> "Talk":
        """So many steps; or until these changes have come, or one of them has ended the talk."""
        self.changes = changes or []
        for _ in range(steps):
            if changes is not None and not (changes and all(map(self.is_open, self.sockets))):
                break
            if (made := self.listener.accept()) is not None:
                self.sockets.append(made)
            for socket in self.sockets:
                self.use(socket)
            self.carry()
            self.step()
            self.record.append([self.of(host) for host in self.hosts])
        connections = [socket.connection for socket in self.sockets if socket.connection]
        self.record += [[connection.info, list(connection.events)] for connection in connections]
        return self

    def is_open(self, socket: StreamSocket) -> bool:
        return socket.connection is not None and socket.connection.state is ESTABLISHED

    def use(self, socket: StreamSocket) -> None:
        """Send, receive, and rarely close."""
        draw = self.random.random()
        try:
            if draw < 0.3:
                socket.send(self.random.randbytes(self.random.choice([1, 700, 3000, 12_000])))
            elif draw < 0.6:
                self.record.append(socket.recv(self.random.choice([10, 1000, 100_000])))
            elif draw < 0.605 and self.trouble:
                socket.close()
        except OSError as error:
            self.record.append(repr(error))

    def carry(self) -> None:
        for number, host in enumerate(self.hosts):
            outbox, host.outbox = host.outbox, []
            for _, frame in outbox:
                self.record.append((self.now, number, frame))
                for wait, changed in self.fate(frame):
                    heappush(self.under_way, (self.now + wait, len(self.record) + len(self.under_way), 1 - number,
                                              changed))  # fmt: skip

    def fate(self, frame: bytes) -> list[tuple[float, bytes]]:
        random = self.random
        draw = random.random()
        if self.changes and self.now > self.calm and (len(frame) > 80 or len(self.changes) % 2):
            self.calm = self.now + 0.01
            return [(0.01, self.changes.pop()(frame)), (0.0101, frame)]
        if draw > self.trouble:
            return [(0.01, frame + bytes(max(0, 60 - len(frame))))]  # as Ethernet cards pad
        match random.randrange(10):
            case 0:
                return []
            case 1:
                return [(0.01, frame), (0.011, frame)]
            case 2:
                return [(0.01 + random.random() / 50, frame)]
            case 3:
                return [(0.01, frame[: random.randrange(len(frame))])]
            case 4:
                return [(0.01, changed(frame, random.randrange(min(len(frame), 80)), 1 << random.randrange(8)))]
            case _:  # and the checksums are right nevertheless
                field, bit = random.choice(FIELDS), 1 << random.randrange(8)
                return [(0.01, sealed(changed(frame, self.start + field, bit), self.start)), (0.0101, frame)]

    def step(self) -> None:
        """Go on to what comes next, but not for long."""
        dues = [due for host in self.hosts if (due := host.deadline()) is not None]
        dues += [self.under_way[0][0]] if self.under_way else []
        self.now = max(self.now, min([*dues, self.now + 0.3]))
        for host in self.hosts:
            if (due := host.deadline()) is not None and due <= self.now:
                host.tick(self.now)
            host.now = self.now
        while self.under_way and self.under_way[0][0] <= self.now:
            _, _, number, frame = heappop(self.under_way)
            self.hosts[number].receive(self.hosts[number].interfaces[self.by], frame, self.now)

    def of(self, host: Host) -> list[Any]:
        """What a host knows."""
        connections = [[c.state, c.snd, c.rcv, c.timers, c.recent, c.heard_at, crc32(c.sending), crc32(c.received),
                        dict(c.counts), c.congestion.cwnd] for c in host.tcp.table.values()]  # fmt: skip
        return [repr(connections), dict(host.dropped), dict(host.tcp.nstat()), host.deadline(), host.neighbours(),
                sorted(each[0] for each in host.tcp.due), len(host.tcp.opening)]  # fmt: skip


# the bytes of a packet in which each bit is to be looked at: not the addresses, the ports and the text
FIELDS = [*range(12), *range(24, 52)]
FLAGS = [1, 33]  # ECN's bits, TCP's flags: they matter to some segments only


def changed(frame: bytes, at: int, bits: int) -> bytes:
    return frame[:at] + bytes((frame[at] ^ bits,)) + frame[at + 1 :] if at < len(frame) else frame


def sealed(frame: bytes, start: int) -> bytes:
    """The frame with checksums of IPv4 and TCP that would be right, whatever else is not."""
    packet = bytearray(frame[start:])
    if len(packet) < 40:
        return frame
    length = int.from_bytes(packet[2:4], "big")
    end = max(length, 20 + 4 * (packet[32] >> 4))
    head = 4 * (packet[0] & 15) if 20 <= 4 * (packet[0] & 15) <= len(packet) else 20
    packet[10:12] = packet[36:38] = b"\0\0"
    packet[10:12] = internet_checksum(packet[:head]).to_bytes(2, "big")
    pseudo_header = bytes(packet[12:20]) + bytes((0, TCP)) + max(0, length - 20).to_bytes(2, "big")
    packet[36:38] = internet_checksum(packet[20:end], pseudo_header).to_bytes(2, "big")
    return frame[:start] + packet


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 32), st.sampled_from(OPTIONS), st.sampled_from([0.0, 0.1, 0.3]), st.booleans())
def test_after_either_way_all_is_the_same(seed: int, options: dict[str, Any], trouble: float, framed: bool) -> None:
    early, late = (Talk(Random(seed), early, options, trouble, framed).run(60) for early in (True, False))
    for one, other in zip(early.record, late.record, strict=True):
        assert one == other
    assert not late.taken


def changes(start: int) -> Iterator[Change]:
    """Each bit of the headers but for those that find the connection, with right checksums; and with wrong ones; and
    other lengths."""
    for at in chain(range(start), (start + field for field in FIELDS + 4 * FLAGS)):
        yield lambda frame, at=at: changed(frame, at, 1 << at % 8)  # type: ignore[misc]
        for bit in range(8 if at >= start else 0):
            yield lambda frame, at=at, bit=bit: sealed(changed(frame, at, 1 << bit), start)  # type: ignore[misc]
    for size in range(38, 55):
        yield lambda frame, size=size: frame[: start + size]  # type: ignore[misc]
        yield lambda frame, size=size: sealed(shortened(frame, start, size), start)  # type: ignore[misc]


def shortened(frame: bytes, start: int, size: int) -> bytes:
    """The frame with another total length."""
    return frame[: start + 2] + size.to_bytes(2, "big") + frame[start + 4 :]


@pytest.mark.parametrize("framed, options", [(True, {"ecn": True}), (False, {"timestamps": False})])
def test_whatever_is_changed_in_the_headers_all_is_the_same(framed: bool, options: dict[str, Any]) -> None:
    left = [list(changes(14 * framed)) for _ in range(2)]
    while left[0]:  # each FIN or RST that was taken ends a talk
        talks = [Talk(Random(1), early, options, framed=framed).run(20) for early in (True, False)]
        for talk, change in zip(talks, left, strict=True):
            talk.run(200, change)
        assert talks[0].record == talks[1].record and talks[0].taken


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize("options", [{}, {"timestamps": False}])
def test_of_an_undisturbed_transfer_nearly_all_is_taken_early(framed: bool, options: dict[str, Any]) -> None:
    talk = Talk(Random(1), True, options, framed=framed).run(100)
    assert talk.seen > 100 and talk.taken > 0.9 * talk.seen
    for host in talk.hosts:
        assert len(host.tcp.early.known) == 1
    for socket in talk.sockets:
        socket.abort()
    for host in talk.hosts:
        assert not host.tcp.early.known, "of connections that have ended nothing is left"


class Buffers(Talk):
    """A world that reads frames into buffers of its own."""

    def fate(self, frame: bytes) -> list[tuple[float, bytes]]:
        return [(wait, bytearray(each)) for wait, each in super().fate(frame)]


def test_frames_may_lie_in_buffers() -> None:
    talk = Buffers(Random(1), True, {}).run(50)
    assert len(talk.sockets) == 2 and talk.seen > 20 and not talk.taken and not any(host.dropped for host in talk.hosts)


class MyHost(Host):
    pass


class MyConnection(Connection):
    pass


@pytest.mark.parametrize("how", [
    {"kind": MyHost}, {"parts": Parts(tcp=TCPParts(connection=MyConnection))},
    {"parts": Parts(checksum=lambda header: internet_checksum(header))},
])  # fmt: skip
def test_what_is_not_netlibs_own_sees_all(how: dict[str, Any]) -> None:
    talk = Talk(Random(1), True, {}, **how).run(50)
    assert len(talk.sockets) == 2 and not talk.taken


def test_raw_sockets_get_their_copies_and_a_nat_sees_what_comes() -> None:
    for change in (lambda host: host.socket(RAW, protocol=TCP), lambda host: host.add_nat(host.interfaces[0])):
        talk = Talk(Random(1), True, {}).run(50)
        for host in talk.hosts:
            change(host)
        before = talk.taken
        talk.run(20)
        assert before and talk.taken == before


def test_with_another_address_the_host_learns_anew() -> None:
    talk = Talk(Random(1), True, {}).run(50)
    host = talk.hosts[0]
    host.add_address(host.interfaces[0], "10.9.9.9/24")
    assert not host.tcp.early.known
    talk.run(20)
    assert host.tcp.early.known
    host.add_address(host.interfaces[0], "10.0.0.1/30")  # now the peer's, 10.0.0.3, is a broadcast address
    talk.run(20)
    assert not host.tcp.early.known and host.dropped["IPv4 invalid source"]


def test_what_waits_between_the_layers_is_first() -> None:
    talk = Talk(Random(1), True, {}).run(50)
    host, frame = talk.hosts[1], b""
    while not frame:
        talk.run(1)
        talk.sockets[0].send(bytes(1000))
        frame = next((frame for _, frame in talk.hosts[0].outbox if len(frame) > 80), b"")
    host.internet.delivered.append((0, IPv4Packet(protocol=TCP)))
    assert not host.tcp.early.takes(host.interfaces[0], frame, talk.now)
    host.internet.delivered.clear()
    assert host.tcp.early.takes(host.interfaces[0], frame, talk.now)


def test_with_ourselves_there_is_nothing_to_learn() -> None:
    """What a link brings in the name of a connection of ours with ourselves has to go through all layers."""
    host = Host("h", Random(1))
    host.attach("10.0.0.2/24", MAC[0])
    listener = host.socket(STREAM)
    listener.bind("0.0.0.0", 80)
    listener.listen()
    for ours, port in (("127.0.0.1", 1000), ("10.0.0.2", 1001)):
        client = host.socket(STREAM)
        client.bind(ours, port)
        client.connect("10.0.0.2", 80)
        assert client.connection is not None and client.connection.state is ESTABLISHED
        client.send(bytes(1000))
    assert not host.tcp.early.known


def test_by_an_interface_without_an_ipv4_address_none_comes() -> None:
    talk = Talk(Random(1), True, {})
    for number, host in enumerate(talk.hosts):
        host.attach(f"2001:db8::{number + 1}/64", MAC[number])
    talk.run(50)
    assert talk.taken
    before, talk.by = talk.taken, 1
    talk.run(10)
    assert talk.taken == before and talk.hosts[0].dropped["IPv4 not for us"]
