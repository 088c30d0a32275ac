"""A NAT between two kernels: netlib's router, or in its place the kernel's own with nftables' masquerade.

    inside    10.0.0.2 and 10.0.0.3 --in0   router   out0-- outside    203.0.113.9
                                   10.0.0.1   203.0.113.1

The same traffic crosses both.  What the two kernels at the ends see of it is the same; `conntrack -L` and netlib's
table have the same lines; and what was captured before the kernel's NAT becomes, in netlib's, what was captured behind.
"""

import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from netlib.host import Host, Parts
from netlib.internet.nat import NAT
from netlib.internet.nat_table import DEFAULTS, LIKE_LINUX
from netlib.wire.address import MACAddress
from netlib.wire.ipv4 import TCP
from netlib.worlds.live import Live, PacketDevice

from .namespaces import Kernel, cable, ip, missing, namespace, packet_socket, run

reason = missing()
pytestmark = [
    pytest.mark.skipif(reason is not None, reason=reason or ""),
    pytest.mark.skipif(shutil.which("ethtool") is None, reason="needs ethtool"),
]
PACKET_OUTGOING = 4

SERVER = """
import select, socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("203.0.113.9", 7000))
tcp = socket.socket(); tcp.setsockopt(1, 2, 1); tcp.bind(("203.0.113.9", 8000)); tcp.listen()
print("ready", flush=True)
open_ones = []
while True:
    for ready in select.select([udp, tcp, *open_ones], [], [])[0]:
        if ready is udp:
            data, peer = udp.recvfrom(65536)
            udp.sendto(f"{peer[0]} {peer[1]} {len(data)} ".encode() + data, peer)
        elif ready is tcp:
            open_ones.append(tcp.accept()[0])
        elif data := ready.recv(65536):
            ready.sendall("{} {} ".format(*ready.getpeername()).encode() + data)
        else:
            ready.close(); open_ones.remove(ready)
"""

CLIENT = """
import json, socket, struct, time
SERVER, seen, kept = "203.0.113.9", {}, []
def udp(name, host, port, to, data=b"hello"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.bind((host, port)); s.connect((SERVER, to))
    s.setsockopt(0, 10, 0)  # IP_MTU_DISCOVER: no DF, so that large ones are cut
    s.send(data)
    try:
        answer = s.recv(65536)
        seen[name] = answer.split(b" ", 3)[:3]; assert answer.endswith(data)
    except OSError as error:
        seen[name] = type(error).__name__
    s.close()
def tcp(name, host, port, to, close):
    s = socket.socket(); s.settimeout(5); s.setsockopt(1, 2, 1); s.bind((host, port))
    try:
        s.connect((SERVER, to)); s.sendall(b"hello"); seen[name] = s.recv(100).split(b" ")[:2]
        if close:
            s.shutdown(1); assert s.recv(100) == b""
        else:
            kept.append(s)
    except OSError as error:
        seen[name] = type(error).__name__
def ping(name, host, identifier):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); s.settimeout(5); s.bind((host, 0))
    message = struct.pack(">BBHHH", 8, 0, 0, identifier, 1) + b"ping"
    total = sum(struct.unpack(">6H", message)); checksum = ~(total % 65535) & 0xFFFF
    s.sendto(message[:2] + struct.pack(">H", checksum) + message[4:], (SERVER, 0))
    while True:
        answer, _ = s.recvfrom(2000)
        if answer[20] == 0 and answer[24:26] == struct.pack(">H", identifier):
            seen[name] = [len(answer)]; return
udp("UDP", "10.0.0.2", 5000, 7000)
udp("UDP of another host with the same port", "10.0.0.3", 5000, 7000)
udp("UDP from there to a closed port", "10.0.0.3", 5000, 7001)
udp("UDP in three fragments", "10.0.0.2", 5010, 7000, bytes(4000))
tcp("TCP left open", "10.0.0.2", 5001, 8000, False)
tcp("TCP closed", "10.0.0.2", 5002, 8000, True)
tcp("TCP to a closed port", "10.0.0.2", 5003, 8001, False)
ping("ping", "10.0.0.2", 77)
time.sleep(0.3)
print(json.dumps(seen, default=bytes.decode), flush=True)
input()
"""


class Ends:
    """The kernels inside and outside, cabled to this namespace."""

    def __init__(self) -> None:
        self.inside, self.outside = Kernel(), Kernel()
        self.programs: list[subprocess.Popen[str]] = []
        cable("in0", self.inside, "eth1", "10.0.0.2/24")
        cable("out0", self.outside, "eth1", "203.0.113.9/24")
        self.inside.ip("addr add 10.0.0.3/24 dev eth1", "route add default via 10.0.0.1")
        # nothing leads from outside to 10.0.0.0/24: an address that has not been translated gets no answer

    def start(self, kernel: Kernel, code: str) -> subprocess.Popen[str]:
        command = ["nsenter", "-t", str(kernel.process.pid), "-n", sys.executable, "-c", code]
        pipe = subprocess.PIPE
        self.programs.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
        return self.programs[-1]

    def traffic(self) -> dict[str, Any]:
        """What the client saw, by what it did; its one connection that is left open stays so."""
        server = self.start(self.outside, SERVER)
        assert server.stdout and server.stdout.readline() == "ready\n"
        client = self.start(self.inside, CLIENT)
        assert client.stdout
        seen: dict[str, Any] = json.loads(client.stdout.readline())
        return seen

    def close(self) -> None:
        for program in self.programs:
            program.kill()
            program.communicate()
        self.inside.close()
        self.outside.close()


@contextmanager
def two_kernels() -> Iterator[Ends]:
    with namespace():
        ip("link set lo up")
        ends = Ends()
        try:
            yield ends
        finally:
            ends.close()


def router(choices: Any = LIKE_LINUX, random: Random | None = None, framed: bool = True) -> tuple[Host, NAT]:
    """netlib's router; `framed`: with MAC addresses."""
    macs = [MACAddress(f"02:00:00:00:00:0{i}") if framed else None for i in (1, 2)]
    parts = Parts(nat=lambda addresses, other: NAT(addresses, random or other, choices))
    host = Host("r", Random(1), parts, forwarding=True)
    host.attach("10.0.0.1/24", macs[0])
    made = host.add_nat(host.attach("203.0.113.1/24", macs[1]))
    assert isinstance(made, NAT)
    return host, made


def live(host: Host) -> Live:
    devices = [PacketDevice(packet_socket(name)) for name in ("in0", "out0")]
    return Live(host, dict(zip(host.interfaces, devices, strict=True)))


def kernel_router() -> None:
    """The kernel of this namespace becomes the router."""
    run("sysctl -qw net.ipv4.ip_forward=1")
    ip("addr add 10.0.0.1/24 dev in0", "addr add 203.0.113.1/24 dev out0")
    rules = "table ip nat { chain out { type nat hook postrouting priority srcnat; oifname out0 masquerade; }; }"
    done = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True)
    if done.returncode:
        pytest.skip(f"no masquerade here: {done.stderr.strip()}")


def conntrack() -> str:
    done = run("conntrack -L")
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(table: str) -> list[tuple[str, ...]]:
    """The lines of a table, each as its protocol, TCP's state, whether unreplied, and the ends of both ways."""
    found = []
    for line in table.splitlines():
        words = line.split()
        state = words[3] if words[0] == "tcp" and words[1] == "6" else words[1] if words[0] == "tcp" else ""
        ways = re.findall(r"\b(?:src|dst|sport|dport|id)=\S+", line)
        found.append((words[0], state, "[UNREPLIED]" * ("[UNREPLIED]" in line), *ways))
    return sorted(found)


def dice(table: str) -> int:
    """The port thrown for the second host's port 5000, which the first has; both its sessions have it."""
    [port] = set(re.findall(r"src=10\.0\.0\.3 .*sport=5000 .*dst=203\.0\.113\.1 .*dport=(\d+)", table))
    return int(port)


def kept(nat: NAT) -> list[tuple[str, ...]]:
    """What Linux would keep of a table: a connection refused it forgets at once, where RFC 7857 section 2.2 waits."""
    return [line for line in lines(str(nat)) if line[1] != "CLOSE"]


needs_masquerade = pytest.mark.skipif(
    not all(map(shutil.which, ("nft", "conntrack", "tcpdump"))), reason="needs nft, conntrack and tcpdump"
)


class Capture:
    """What crosses the interfaces of this namespace, by tcpdump in the order in which it did.

    (An AF_PACKET socket without a ring shares a packet's bytes with the kernel until it is read, and would show later
    fragments with the addresses that the NAT has written into them since.)
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        command = ["tcpdump", "-i", "any", "-y", "LINUX_SLL2", "-U", "-B", "4096", "-w", str(file), "ip"]
        self.program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.program.stderr and any("listening on" in line for line in self.program.stderr)

    def stop(self) -> list[tuple[float, str, bool, bytes]]:
        """(when, interface, whether it leaves there, packet)"""
        size = -1
        while size != (size := self.file.stat().st_size) or size <= 24:  # tcpdump reads what crosses a little later
            time.sleep(0.5)
        self.program.send_signal(signal.SIGINT)
        self.program.communicate(timeout=10)
        names = dict(socket.if_nameindex())
        data, at, packets = self.file.read_bytes(), 24, []
        while at < len(data):
            seconds, micros, length = struct.unpack_from("=III", data, at)
            number, kind = struct.unpack_from(">4xIxxB", data, at + 16)
            packet = data[at + 36 : at + 16 + length]
            packets.append((seconds + micros / 1e6, names[number], kind == PACKET_OUTGOING, packet))
            at += 16 + length
        return packets


EXPECTED = {
    "UDP": ["203.0.113.1", "5000", "5"],
    "UDP from there to a closed port": "ConnectionRefusedError",
    "UDP in three fragments": ["203.0.113.1", "5010", "4000"],
    "TCP left open": ["203.0.113.1", "5001"],
    "TCP closed": ["203.0.113.1", "5002"],
    "TCP to a closed port": "ConnectionRefusedError",
    "ping": [32],
}
SECOND = "UDP of another host with the same port"


@needs_masquerade
def test_the_same_capture_is_explained_by_conntrack_and_by_netlib(tmp_path: Path) -> None:
    with two_kernels() as ends:
        kernel_router()
        capture = Capture(tmp_path / "capture.pcap")
        seen = ends.traffic()
        theirs = conntrack()
        packets = capture.stop()
    port = dice(theirs)
    assert seen == EXPECTED | {SECOND: ["203.0.113.1", str(port), "5"]}

    class Thrown(Random):
        """The only thing that nobody can know: which free port the kernel took."""

        def choice(self, alike: Any) -> Any:
            return port

    host, nat = router(LIKE_LINUX, Thrown(1), framed=False)
    interfaces = {"in0": host.interfaces[0], "out0": host.interfaces[1]}
    ours: list[tuple[str, bytes]] = []
    for when, name, leaves, data in packets:
        if not leaves:
            host.receive(interfaces[name], data, when)
            ours += [("in0" if interface is interfaces["in0"] else "out0", sent) for interface, sent in host.outbox]
            host.outbox.clear()
    assert lines(theirs) == kept(nat)
    assert len(lines(theirs)) == 7
    assert sorted(ours) == sorted((name, data) for _, name, leaves, data in packets if leaves)
    assert len(ours) > 30


@needs_masquerade
def test_in_the_kernels_place_netlib_is_seen_as_the_kernel_is() -> None:
    host, nat = router()
    with two_kernels() as ends, live(host) as running:
        seen = ends.traffic()
        ours, kept_by_us = str(nat), kept(nat)
        assert running.errors == []
    with two_kernels() as ends:
        kernel_router()
        theirs_seen = ends.traffic()
        theirs = conntrack()
    assert seen == EXPECTED | {SECOND: ["203.0.113.1", str(dice(ours)), "5"]}
    assert theirs_seen == EXPECTED | {SECOND: ["203.0.113.1", str(dice(theirs)), "5"]}
    thrown = re.sub(f"port={dice(theirs)}\\b", f"port={dice(ours)}", theirs)
    assert lines(thrown) == kept_by_us


@pytest.mark.shows("RFC 4787 REQ-3", "RFC 5382 REQ-7", "RFC 5508 REQ-1", "RFC 5508 REQ-10a")
def test_by_the_rfcs_one_outside_port_is_one_hosts_alone_and_kernels_do_not_mind() -> None:
    host, nat = router(DEFAULTS)
    nat.forward(TCP, 80, "10.0.0.3", 8080)
    with two_kernels() as ends, live(host) as running:
        seen = ends.traffic()
        assert seen == EXPECTED | {SECOND: ["203.0.113.1", str(dice(str(nat))), "5"]}
        traced = ends.inside.run("traceroute -n -q 1 -w 2 203.0.113.9").stdout
        assert re.search(r"1  10\.0\.0\.1 .*\n 2  203\.0\.113\.9 ", traced), traced
        serve = "import socket; s = socket.create_server(('10.0.0.3', 8080)); print('ready', flush=True)\n" \
                "c, peer = s.accept(); c.sendall(repr(peer).encode()); c.close()"  # fmt: skip
        server = ends.start(ends.inside, serve)
        assert server.stdout and server.stdout.readline() == "ready\n"
        ask = "import socket; s = socket.create_connection(('203.0.113.1', 80), 5); print(s.recv(99), s.getsockname())"
        answer = ends.start(ends.outside, ask).communicate(timeout=10)[0]
        assert "203.0.113.9" in answer and answer.count(answer.split(", ")[1].split(")")[0]) == 2, answer
        assert "timeout" not in ends.outside.run("ping -n -c 1 -W 2 203.0.113.1").stdout
        assert running.errors == []
