"""What a live Linux kernel sends is read without a problem and rebuilt bit for bit.

Two network namespaces with a veth pair between them are made for this and gone afterwards; no packet leaves them.
A packet socket captures every frame of a ping, a fragmented ping, ARP, TCP, UDP and of errors.
"""

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.icmp import ICMPDestinationUnreachable, ICMPEcho, ICMPTimeExceeded
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import Packet, decode
from netlib.wire.pcap import read_pcap, write_pcap
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

TOOLS = ["ip", "ping", "ethtool"]
missing = [tool for tool in TOOLS if not shutil.which(tool)]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make network namespaces"),
    pytest.mark.skipif(bool(missing), reason=f"needs {' '.join(missing)}"),
]

# The other side of the conversation, as a program for `python -c`: a TCP server that echoes one connection, and UDP.
SERVER = """
import socket
tcp = socket.create_server(("10.0.0.2", 7000))
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.bind(("10.0.0.2", 7001))
print("ready", flush=True)
data, sender = udp.recvfrom(9000)
udp.sendto(data, sender)
connection, _ = tcp.accept()
while data := connection.recv(4096):
    connection.sendall(data)
"""
CLIENT = """
import socket
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.settimeout(5)
udp.sendto(b"odd", ("10.0.0.2", 7001))
assert udp.recv(9000) == b"odd"
unchecked = socket.socket(type=socket.SOCK_DGRAM)
unchecked.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK: UDP's checksum is left out
unchecked.sendto(b"unchecked", ("10.0.0.2", 7002))
dying = socket.socket(type=socket.SOCK_DGRAM)
dying.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
dying.sendto(b"too far", ("10.9.9.9", 7002))
with socket.create_connection(("10.0.0.2", 7000), timeout=5) as tcp:
    for size in (1, 10_000):
        tcp.sendall(bytes(size))
        while size:
            size -= len(tcp.recv(size))
"""


def run(command: str) -> str:
    done = subprocess.run(command.split(), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[float, bytes]]]:
    """Every frame on the link between two kernels, with its time."""
    mark = uuid.uuid4().hex[:8]
    here, there = f"netlib-a-{mark}", f"netlib-b-{mark}"
    made: list[str] = []
    try:
        for name in (here, there):
            try:
                run(f"ip netns add {name}")
            except AssertionError as error:
                pytest.skip(f"no network namespaces on this machine: {error}")
            made.append(name)
        run(f"ip -n {here} link add eth1 type veth peer name eth1 netns {there}")
        for name, address in ((here, "10.0.0.1/24"), (there, "10.0.0.2/24")):
            # checksums and segments are made by the kernel itself, not left to a card
            run(f"ip netns exec {name} ethtool -K eth1 tx off gso off gro off tso off")
            run(f"ip netns exec {name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1")
            run(f"ip -n {name} address add {address} dev eth1")
            run(f"ip -n {name} link set eth1 up")
        run(f"ip -n {here} route add default via 10.0.0.2")
        run(f"ip -n {there} route add 10.9.9.0/24 via 10.0.0.1")  # so that a TTL of 1 is what is wrong with a packet
        yield frames_of_a_conversation(here, there)
    finally:
        for name in made:
            run(f"ip netns delete {name}")


def frames_of_a_conversation(here: str, there: str) -> list[tuple[float, bytes]]:
    """Let `here` talk to `there`, and return what a packet socket in `there` has seen."""
    listener = packet_socket(there, "eth1")
    server = subprocess.Popen(["ip", "netns", "exec", there, shutil.which("python3"), "-c", SERVER],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert server.stdout and server.stdout.readline() == "ready\n"
        run(f"ip netns exec {here} ping -c 2 -i 0.2 10.0.0.2")
        run(f"ip netns exec {here} ping -c 1 -s 4000 10.0.0.2")
        run(f"ip netns exec {here} ping -c 1 -s 1 -R 10.0.0.2")  # with the record route option, and of odd length
        done = subprocess.run(["ip", "netns", "exec", here, shutil.which("python3"), "-c", CLIENT],
                              capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        server.wait(timeout=10)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    frames = []
    with listener:
        listener.settimeout(0.3)
        try:
            while True:
                frames.append((time.time(), listener.recv(65_535)))
        except TimeoutError:
            return frames


def packet_socket(namespace: str, device: str) -> socket.socket:
    """A packet socket inside a namespace; this process stays where it is."""
    ours, theirs = socket.socketpair()
    program = f"""
import socket
listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
listener.bind(({device!r}, 0))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
channel = socket.socket(fileno={theirs.fileno()})
socket.send_fds(channel, [b"x"], [listener.fileno()])
"""
    subprocess.run(["ip", "netns", "exec", namespace, shutil.which("python3"), "-c", program],
                   pass_fds=[theirs.fileno()], timeout=20, check=True)  # fmt: skip
    _, (descriptor,), _, _ = socket.recv_fds(ours, 1, 1)
    ours.close()
    theirs.close()
    return socket.socket(fileno=descriptor)


def test_every_frame_is_read_and_rebuilt(capture: list[tuple[float, bytes]]) -> None:
    assert len(capture) > 40
    for _, frame in capture:
        packet = decode(frame)
        assert packet.problems == [], f"{packet}\n{frame.hex(' ')}"
        assert packet.build() == frame, str(packet)
        if IPv4Packet in packet:
            assert decode(frame[14:], link="ip").build() == frame[14:]


def test_the_capture_has_all_that_was_sent(capture: list[tuple[float, bytes]]) -> None:
    packets = [decode(frame) for _, frame in capture]

    def some(kind: type, **fields: object) -> list[Packet]:
        return [
            packet for packet in packets
            if kind in packet and all(getattr(packet[kind], name) == value for name, value in fields.items())
        ]  # fmt: skip

    assert some(ARPPacket, operation=REQUEST) and some(ARPPacket, operation=REPLY)
    assert len(some(ICMPEcho, type=8)) == len(some(ICMPEcho, type=0)) == 3  # fragments are not read beyond IP
    assert len(some(IPv4Packet, more_fragments=True)) == 4
    assert any(packet[IPv4Packet].options for packet in packets if IPv4Packet in packet)
    assert some(TCPSegment, syn=True) and some(TCPSegment, fin=True)
    assert sum(len(packet.payload) for packet in some(TCPSegment)) == 2 * 10_001
    assert all(packet[TCPSegment].options for packet in some(TCPSegment, syn=True))
    assert [packet.payload for packet in some(UDPDatagram)][:2] == [b"odd", b"odd"]
    assert some(UDPDatagram, checksummed=False)
    assert some(ICMPDestinationUnreachable, code=3)[0][ICMPDestinationUnreachable].original.protocol == 17
    (expired,) = some(ICMPTimeExceeded)
    assert str(expired[ICMPTimeExceeded].original.destination) == "10.9.9.9"


def test_scapy_reads_the_same_capture_file(capture: list[tuple[float, bytes]], tmp_path: Path) -> None:
    utils = pytest.importorskip("scapy.utils")
    path = tmp_path / "kernel.pcap"
    write_pcap(path, capture)
    theirs = utils.rdpcap(str(path))
    ours = list(read_pcap(path))
    assert [packet.data for _, packet in ours] == [frame for _, frame in capture] == list(map(bytes, theirs))
    assert [t for t, _ in ours] == [t for t, _ in capture]
    for (seconds, _), packet in zip(ours, theirs, strict=True):
        assert abs(float(packet.time) - seconds) < 1e-6
    utils.wrpcap(str(path), theirs)
    assert [packet.data for _, packet in read_pcap(path)] == [frame for _, frame in capture]


def test_tcpdump_s_own_file_is_read(capture: list[tuple[float, bytes]], tmp_path: Path) -> None:
    tcpdump = shutil.which("tcpdump")
    if tcpdump is None:
        pytest.skip("needs tcpdump")
    ours, theirs = tmp_path / "ours.pcap", tmp_path / "theirs.pcap"
    write_pcap(ours, capture)
    said = run(f"{tcpdump} -n -r {ours} -w {theirs}")
    assert said == ""
    assert [packet.data for _, packet in read_pcap(theirs)] == [frame for _, frame in capture]
    lines = run(f"{tcpdump} -nvv -r {ours}").lower()
    assert "10.0.0.1 > 10.0.0.2: icmp echo request" in lines and "bad" not in lines
