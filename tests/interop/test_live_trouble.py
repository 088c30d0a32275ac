"""A live host whose parts go wrong: what is told, and that it goes on; and that nothing is left of it at the end."""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from netlib.apps.ping import ping
from netlib.host import RAW, Host, Interface, Parts
from netlib.internet.fragments import Reassembler
from netlib.internet.icmp import echo_reply
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPEcho
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.worlds import live as module
from netlib.worlds.live import ERRORS, BrokenOff, Live, PacketDevice, Tap, Tun
from netlib.worlds.task import now, readable, sleep

from .namespaces import ip, missing, namespace, packet_socket

GOOD, BAD = 56, 57  # sizes of echo: our parts go wrong over the second one


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY", 0.2)


class Wire:
    """A device without a kernel: one end of a pair of sockets, and the other end for the test."""

    def __init__(self) -> None:
        kind = socket.SOCK_SEQPACKET
        self.near, self.far = socket.socketpair(socket.AF_UNIX, kind)
        self.near.setblocking(False)
        self.far.settimeout(10)

    def fileno(self) -> int:
        return self.near.fileno()

    def read(self) -> bytes | None:
        try:
            return self.near.recv(65536)
        except BlockingIOError:
            return None

    def write(self, frame: bytes) -> None:
        self.near.send(frame)

    def close(self) -> None:
        self.near.close()
        self.far.close()


def echo(size: int = GOOD, source: str = "10.0.0.2") -> bytes:
    message = ICMPEcho(payload=bytes(size)).build()
    return IPv4Packet(
        protocol=ICMP, source=IPv4Address(source), destination=IPv4Address("10.0.0.1"), payload=message
    ).build()


def host_with(parts: Parts | None = None) -> Host:
    host = Host("h", Random(1), parts)
    host.attach("10.0.0.1/24")
    return host


def is_answered(wire: Wire) -> bool:
    wire.far.send(echo())
    return IPv4Packet.parse(wire.far.recv(65536)).payload[0] == 0


def goes_wrong(how: Callable[[], Any]) -> Callable[[bytes], Any]:
    return lambda request: how() if len(request) == 8 + BAD else echo_reply(request)


def for_ever() -> None:
    while True:
        pass


def stubborn() -> None:
    """Catches what should break it off, three times."""
    for _ in range(3):
        with suppress(BaseException):
            for_ever()


def until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen within 10 s")


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (lambda: 1 // 0, r"ZeroDivisionError: integer division or modulo by zero"),
    "exits": (lambda: exec("raise SystemExit(3)"), "SystemExit: 3"),
    "returns the wrong type": (lambda: "pong", r"the part echo_reply returned 'pong' \(str\): it has to return bytes"),
    "does not come back": (for_ever, "for_ever, line .*it did not come back, and was broken off"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_part_that_goes_wrong_costs_a_packet_is_told_and_the_host_goes_on(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    how, told = WRONG[name]
    wire = Wire()
    with Live(host_with(Parts(echo_reply=goes_wrong(how))), wire) as live:
        assert is_answered(wire)
        wire.far.send(echo(BAD))
        assert is_answered(wire)
        wire.far.send(echo(BAD))
        assert is_answered(wire)
        assert len(live.errors) == 2
    said = capsys.readouterr().out
    assert re.fullmatch(rf"host h: .*{told}.* \(2 times\)\n", said), said


def test_a_part_that_catches_being_broken_off_is_broken_off_again() -> None:
    wire = Wire()
    with Live(host_with(Parts(echo_reply=goes_wrong(stubborn))), wire):
        wire.far.send(echo(BAD))
        assert is_answered(wire)


def test_a_part_of_time_that_raises_does_not_stop_packets_or_eat_the_processor() -> None:
    class Bad(Reassembler):
        calls = 0

        def deadline(self) -> float | None:
            Bad.calls += 1
            raise RuntimeError("no idea")

    class Worse(Reassembler):
        def deadline(self) -> float | None:
            return 0.0

        def expire(self, now: float) -> list[bytes]:
            Bad.calls += 1
            raise RuntimeError("no idea")

    for part in (Bad, Worse):
        Bad.calls = 0
        wire = Wire()
        live = Live(host_with(Parts(reassembler=part)), wire)
        live.start()
        for _ in range(20):
            assert is_answered(wire)
        assert live.run(sleep(0.35)) is None
        live.stop()
        assert live.errors and Bad.calls < 50


def test_errors_are_bounded_and_counted() -> None:
    wire = Wire()
    live = Live(host_with(Parts(echo_reply=goes_wrong(lambda: 1 // 0))), wire)
    live.start()
    for _ in range(ERRORS + 15):
        wire.far.send(echo(BAD))
    assert is_answered(wire)
    live.stop()
    assert len(live.errors) == ERRORS
    assert live.trouble().endswith("and 15 more")


def test_what_a_device_does_not_take_is_told_and_the_rest_is_sent() -> None:
    wire = Wire()

    def picky(frame: bytes, write: Callable[[bytes], None] = wire.write) -> None:
        if len(frame) == 28 + BAD:
            raise OSError(22, "Invalid argument")
        write(frame)

    wire.write = picky  # type: ignore[method-assign]
    with Live(host_with(), wire) as live:
        wire.far.send(echo(BAD))
        assert is_answered(wire)
        assert [type(error) for error in live.errors] == [OSError]
        live.errors.clear()


def test_a_device_that_is_gone_is_told_once_and_costs_nothing() -> None:
    wire = Wire()
    reads = 0

    def gone() -> bytes:
        nonlocal reads
        reads += 1
        raise OSError(77, "File descriptor in bad state")

    wire.read = gone  # type: ignore[method-assign]
    live = Live(host_with(), wire)
    live.start()
    wire.far.send(b"x")
    until(lambda: live.errors)
    live.run(sleep(0.1))
    live.stop()
    assert (reads, len(live.errors)) == (1, 1)


# ---- applications --------------------------------------------------------------------------------------------------


def test_an_application_gets_what_it_awaits() -> None:
    wire = Wire()
    host = host_with()
    with Live(host, wire) as live:
        raw = host.socket(RAW, ICMP)

        async def application() -> list[Any]:
            start = await now()
            quiet = await readable(raw, 0.05)
            await sleep(0.05)
            waited = await now() - start
            wire.far.send(echo())
            return [quiet, waited >= 0.1, await readable(raw, 10), raw.receive() is not None]

        assert live.run(application()) == [False, True, True, True]
        assert live.run(ping(host, "127.0.0.1", count=2, interval=0.01)).received == 2


def test_what_an_application_raises_is_raised() -> None:
    async def fails() -> None:
        await sleep(0)
        raise TimeoutError("mine")

    async def endless() -> None:
        for_ever()

    async def foreign() -> None:
        await Foreign()

    wire = Wire()
    with Live(host_with(), wire) as live:
        with pytest.raises(TimeoutError, match="mine"):
            live.run(fails())
        with pytest.raises(TimeoutError, match="endless: it did not come back"):
            live.run(endless())
        with pytest.raises(TypeError, match="here only now"):
            live.run(foreign())
        with pytest.raises(TypeError, match="is no coroutine"):
            live.run(ping)  # type: ignore[arg-type]
        assert is_answered(wire)
        assert live.errors == [] and live.tasks == []
    with pytest.raises(RuntimeError, match="host h is not running"):
        live.run(fails())


class Foreign:
    def __await__(self):  # type: ignore[no-untyped-def]
        yield "something of another world"


# ---- what is left --------------------------------------------------------------------------------------------------


def left() -> tuple[set[str], set[str]]:
    fds = {f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}" for fd in os.listdir("/proc/self/fd") if exists(fd)}
    return {thread.name for thread in threading.enumerate() if "netlib" in thread.name}, fds


def exists(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = left()
    yield
    assert left() == before


@pytest.mark.parametrize("how", [None, for_ever, stubborn])
def test_stop_leaves_no_thread_and_no_file(nothing_left: None, how: Callable[[], None] | None) -> None:
    wire = Wire()
    live = Live(host_with(Parts(echo_reply=goes_wrong(how) if how else echo_reply)), wire)
    live.start()
    assert is_answered(wire)
    if how:
        wire.far.send(echo(BAD))
        until(lambda: live.working)
    live.stop()
    live.stop()
    assert len(live.errors) == (how is for_ever)  # the stubborn one has kept it to itself
    assert all(isinstance(error, BrokenOff) for error in live.errors)


def test_one_that_was_never_started_leaves_nothing_either(nothing_left: None) -> None:
    Live(host_with(), Wire()).stop()


def test_a_block_that_raises_is_stopped_too(nothing_left: None) -> None:
    with pytest.raises(KeyError), Live(host_with(), Wire()):
        raise KeyError


def test_which_interface_has_to_be_said_where_there_are_several() -> None:
    host = host_with()
    second = host.attach("10.0.1.1/24")
    wire = Wire()
    with pytest.raises(ValueError, match="has 2 interfaces: say which"):
        Live(host, wire)
    with Live(host, wire, second) as live:
        wire.far.send(echo(source="10.0.1.2"))
        assert wire.far.recv(65536)[20] == 0
        assert list(live.devices) == [second]


def test_several_devices() -> None:
    host = Host("r", Random(1), forwarding=True)
    ends: dict[Interface, Wire] = {host.attach(f"10.0.{i}.1/24"): Wire() for i in range(3)}
    with Live(host, ends):
        wires = list(ends.values())
        packet = IPv4Packet(source=IPv4Address("10.0.0.2"), destination=IPv4Address("10.0.2.2"), payload=b"hello")
        wires[0].far.send(packet.build())
        arrived = IPv4Packet.parse(wires[2].far.recv(65536))
        assert (arrived.payload, arrived.ttl) == (b"hello", 63)


reason = missing()


@pytest.mark.skipif(reason is not None, reason=reason or "")
def test_devices_are_closed_and_their_errors_are_clear(nothing_left: None) -> None:
    with namespace():
        ip("link set lo up")
        for device in (Tun("t0", "10.9.0.1/24"), Tap("t1", "10.8.0.1/24"), PacketDevice(packet_socket("lo"))):
            host = Host("h", Random(1))
            host.attach("10.9.0.2/24")
            with Live(host, device):
                pass
        first = Tun("t0", "10.9.0.1/24")
        with pytest.raises(OSError, match="cannot make the device t0: Device or resource busy"):
            Tun("t0", "10.9.0.1/24")
        with pytest.raises(OSError, match=r"cannot make the device t2: ip addr add 10\.9\.0\.300/24"):
            Tun("t2", "10.9.0.300/24")
        with pytest.raises(ValueError, match="Linux takes 1 to 15 bytes"):
            Tun("a-name-that-is-too-long", "10.9.0.1/24")
        first.close()
        first.close()


def test_the_watch_ends_with_the_thread_that_it_looks_after() -> None:
    live = Live(Host("h", Random(1)), {})
    live.clock = (~5_000_000 << 3) | 6  # the clock of a thread that there is not (clock_getcpuclockid(3)) ...
    live.thread = threading.current_thread()  # ... any more: it has ended just after the watch looked
    with pytest.raises(OSError, match="Invalid argument"):
        time.clock_gettime(live.clock)
    live.watch_over()
    live.thread = threading.Thread()
    live.stop()
