"""Offloads with the kernel: large packets both ways, and the same bytes as without, whatever happens on the way."""

import errno
import fcntl
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from netlib.apps.ping import ping
from netlib.host import DATAGRAM, STREAM, Host
from netlib.kernel.errors import SocketError
from netlib.wire.address import MACAddress
from netlib.worlds import devices
from netlib.worlds.live import Live, Tap, Tun
from netlib.worlds.offload import HEADER
from netlib.worlds.task import readable, writable

from .namespaces import Kernel, cable, ip, missing, run
from .test_ipv6_kernel import own_namespace, with_ipv6  # noqa: F401 (a fixture)

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
BODY = Random(1).randbytes(12_000_000)
ENDS = {4: ("10.9.0.2", "10.9.0.1", 24), 6: ("fd00::2", "fd00::1", 64)}  # ours, the kernel's
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Watched:
    """A device that notes how long the packets are, and loses a part of them."""

    loss = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.random, self.read_sizes, self.written = Random(7), {0}, {0}

    def read(self) -> bytes | None:
        while (frame := super().read()) is not None:  # type: ignore[misc]
            self.read_sizes.add(len(frame))
            if self.random.random() >= self.loss:
                return bytes(frame)
        return None

    def put(self, data: bytes) -> None:
        self.written.add(len(data) - HEADER.size)
        if self.random.random() >= self.loss:
            super().put(data)  # type: ignore[misc]


class WatchedTun(Watched, Tun):
    pass


class WatchedTap(Watched, Tap):
    pass


@contextmanager
def beside_the_kernel(version: int = 4, kind: type[Any] = WatchedTun, **options: Any) -> Iterator[tuple[Live, Any]]:
    ours, theirs, bits = ENDS[version]
    host = Host("h", Random(1))
    host.attach(f"{ours}/{bits}", MACAddress("02:00:00:00:00:aa") if issubclass(kind, Tap) else None)
    device = kind("netlib0", f"{theirs}/{bits}", **{"offload": True, **options})
    with Live(host, device) as live:
        yield live, device
        assert live.errors == []


async def connected(host: Host, address: str, port: int) -> Any:
    made = host.socket(STREAM)
    made.connect(address, port)
    assert await writable(made, 5)
    return made


async def transfer(host: Host, address: str, port: int) -> bytes:
    """Send all of it, then take what comes until the end."""
    made = await connected(host, address, port)
    at, got = 0, bytearray()
    while at < len(BODY):
        at += made.send(BODY[at : at + (1 << 18)])
        assert await writable(made, 30)
    made.shutdown()
    while True:
        assert await readable(made, 30)
        if (data := made.recv(1 << 18)) == b"":
            made.close()
            return bytes(got)
        got += data or b""


def kernel_server(version: int, until: int = -1) -> tuple[int, list[bytes], threading.Thread]:
    """Takes all there is, then sends the same body; or resets the connection after `until` bytes."""
    server = socket.create_server((ENDS[version][1], 0), family=FAMILIES[version])
    taken: list[bytes] = []

    def work() -> None:
        made, _ = server.accept()
        with server, made:
            got = bytearray()
            while data := made.recv(1 << 18):
                got += data
                if 0 < until <= len(got):
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
            else:
                made.sendall(BODY)
            taken.append(bytes(got))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return server.getsockname()[1], taken, thread


@pytest.mark.parametrize("loss", [0.0, 0.01])
@pytest.mark.parametrize("kind", [WatchedTun, WatchedTap])
@pytest.mark.parametrize("version", [4, 6])
def test_12_mb_each_way_are_the_same_bytes(version: int, kind: type[Any], loss: float) -> None:
    with beside_the_kernel(version, kind) as (live, device):
        device.loss = loss
        port, taken, thread = kernel_server(version)
        assert live.run(transfer(live.host, ENDS[version][1], port)) == BODY
        thread.join(10)
        assert taken == [BODY]
        assert max(device.read_sizes) > 10_000 and max(device.written) > 10_000
        assert not any("checksum" in what for what in live.host.dropped), live.host.dropped


@pytest.mark.parametrize("version", [4, 6])
def test_a_kernel_that_resets_in_the_middle(version: int) -> None:
    """Then the next connection is as good as any."""

    async def talk(port: int) -> str:
        try:
            await transfer(live.host, ENDS[version][1], port)
        except SocketError as error:
            return error.name
        return "no error"

    with beside_the_kernel(version) as (live, _):
        port, _, thread = kernel_server(version, until=3_000_000)
        assert live.run(talk(port)) in ("ECONNRESET", "EPIPE")
        thread.join(10)
        port, taken, thread = kernel_server(version)
        assert live.run(transfer(live.host, ENDS[version][1], port)) == BODY
        thread.join(10)
        assert taken == [BODY]


def test_we_reset_in_the_middle_of_what_the_kernel_sends() -> None:
    async def serve() -> int:
        listener = live.host.socket(STREAM)
        listener.bind("10.9.0.2", 80)
        listener.listen()
        started.set()
        assert await readable(listener, 5)
        made, got = listener.accept(), 0
        assert made is not None
        while got < 3_000_000:
            assert await readable(made, 5)
            got += len(made.recv(1 << 18) or b"")
        made.abort()
        return got

    def send() -> None:
        started.wait(5)
        with socket.create_connection(("10.9.0.2", 80), 5) as client:
            try:
                client.sendall(BODY)
            except ConnectionResetError:
                told.append("ECONNRESET")

    started, told = threading.Event(), list[str]()
    with beside_the_kernel() as (live, _):
        client = threading.Thread(target=send, daemon=True)
        client.start()
        assert live.run(serve()) >= 3_000_000
        client.join(5)
        assert told == ["ECONNRESET"]


@pytest.mark.parametrize("version", [4, 6])
def test_pings_and_datagrams_have_their_checksums(version: int) -> None:
    """The kernel leaves out those of datagrams too."""

    async def echo() -> None:
        assert await readable(ours, 5)
        data, sender = ours.receive() or (b"", ("", 0))
        ours.send_to(data.upper(), sender)

    with beside_the_kernel(version) as (live, _):
        assert live.run(ping(live.host, ENDS[version][1], count=1, size=4000, timeout=3)).received == 1
        ours = live.host.socket(DATAGRAM)
        ours.bind(ENDS[version][0], 7000)
        live.spawn(echo())
        with socket.socket(FAMILIES[version], socket.SOCK_DGRAM) as theirs:
            theirs.settimeout(5)
            theirs.sendto(b"a datagram", (ENDS[version][0], 7000))
            assert theirs.recv(100) == b"A DATAGRAM"
        assert live.host.dropped == {}


def test_without_offloads_no_packet_is_longer_than_the_mtu() -> None:
    """Nobody who captures on the device sees anything but the packets that a link would carry."""
    with beside_the_kernel(offload=False) as (live, device):
        port, taken, thread = kernel_server(4)
        assert live.run(transfer(live.host, "10.9.0.1", port)) == BODY
        thread.join(10)
        assert taken == [BODY]
        assert max(device.read_sizes) == 1500 and device.written == {0}


def test_the_kernel_cuts_what_it_sends_on() -> None:
    """Beyond it is a link with an MTU, whose card does nothing: a further kernel gets segments with right checksums."""
    far = Kernel()
    try:
        cable("v0", far, "eth0", "10.8.0.2/24")
        ip("addr add 10.8.0.1/24 dev v0")
        run("sysctl -qw net.ipv4.ip_forward=1")
        far.ip("route add default via 10.8.0.1")
        program = (
            "import socket\nfrom random import Random\nbody = Random(1).randbytes(12_000_000)\n"
            "server = socket.create_server(('10.8.0.2', 5001))\nprint('x', flush=True)\nmade, _ = server.accept()\n"
            "got = b''.join(iter(lambda: made.recv(1 << 18), b''))\nassert got == body\nmade.sendall(body)\n"
        )
        command = ["nsenter", "-t", str(far.process.pid), "-n", sys.executable, "-c", program]
        with beside_the_kernel() as (live, device), subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            live.host.add_route("0.0.0.0/0", "10.9.0.1")
            assert server.stdout is not None and server.stdout.read(1) == b"x"
            assert live.run(transfer(live.host, "10.8.0.2", 5001)) == BODY
            assert server.wait(10) == 0
            assert max(device.written) > 10_000
            assert "TcpInCsumErrors                 0 " in far.run("nstat -asz").stdout
    finally:
        far.close()


def test_a_router_takes_no_packets_that_it_could_not_send_on() -> None:
    router = Host("r", Random(1), forwarding=True)
    router.attach("10.9.0.2/24")
    device = Tun("netlib0", "10.9.0.1/24", offload=True)
    with pytest.raises(ValueError, match="offload=True brings some that no link takes: leave it out"):
        Live(router, device)
    device.close()


def test_a_kernel_without_offloads_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    keep = fcntl.ioctl

    def refuse(fd: int, request: int, *argument: Any) -> Any:
        if request == devices.TUNSETOFFLOAD:
            raise OSError(errno.EINVAL, "Invalid argument")
        return keep(fd, request, *argument)

    def none(fd: int, request: int, *argument: Any) -> Any:
        return 0 if request == devices.TUNGETFEATURES else keep(fd, request, *argument)

    for ioctl, what in ((refuse, r"TUNSETOFFLOAD: Invalid argument"), (none, "IFF_VNET_HDR")):
        monkeypatch.setattr(fcntl, "ioctl", ioctl)
        message = (
            rf"^\[Errno \d+\] cannot make the device t0: this kernel .* offloads \({what}\): leave out offload=True$"
        )
        with pytest.raises(OSError, match=message):
            Tun("t0", "10.9.0.1/24", offload=True)
        Tun("t0", "10.9.0.1/24").close()
