"""How well a wan keeps what it promises: its delay, its rate, its losses' effect on TCP, and how fast it is at most."""

import math
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from netlib.lab import Lab
from netlib.lab.node import Node

from .measure import Result

TOPOLOGY = """\
name: wan
topology:
  kinds:
    linux: {image: none, network-mode: none}
  nodes:
    h1:
      kind: linux
      exec: [ip addr add 10.0.0.1/24 dev eth1]
    wan:
      kind: linux
      exec: [netlib-wan eth1 eth2]
    h2:
      kind: linux
      exec: [ip addr add 10.0.0.2/24 dev eth1]
  links:
    - {endpoints: ["h1:eth1", "wan:eth1"], mtu: 1500}
    - {endpoints: ["wan:eth2", "h2:eth1"], mtu: 1500}
"""
MSS = 1448  # bytes: an MTU of 1500 less IPv4, TCP and its timestamps
SERVER = """
import socket, time
server = socket.create_server(("10.0.0.2", 5001))
print("ready", flush=True)
peer, _ = server.accept()
start, count = time.monotonic(), 0
while data := peer.recv(1 << 16):
    count += len(data)
print(count / (time.monotonic() - start))
"""
CLIENT = """
import socket, sys, time
peer = socket.create_connection(("10.0.0.2", 5001))
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    peer.sendall(bytes(1 << 14))
"""
PACED = """
import socket, sys, time
rate, size, seconds = map(int, sys.argv[1:])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
data, start, sent = bytes(size - 42), time.monotonic(), 0
while (now := time.monotonic() - start) < seconds:
    while sent < now * rate:
        out.sendto(data, ("10.0.0.2", 9))
        sent += 1
    time.sleep(0.001)
"""
PYTHON = "/usr/bin/python3"


def results() -> Iterator[Result]:
    if not Lab.doctor()["namespaces"] or not Path(PYTHON).exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wan.clab.yml"
        path.write_text(TOPOLOGY)
        with Lab(path) as lab:
            yield from of_lab(lab)


def of_lab(lab: Lab) -> Iterator[Result]:
    wan, h1 = lab["wan"], lab["h1"]
    h1.run("ping -c 1 -W 2 10.0.0.2", check=True)
    wan.set(delay="25ms")
    late = [rtt - 50 for rtt in round_trips(h1, 300)]
    yield Result("wan with a delay of 25 ms: a ping takes more than 50 ms by, median", median(late), "ms", 2, "<")
    yield Result("the same, in 99 of 100 pings", quantiles(late, n=100)[98], "ms")
    wan.set(rate="20mbit", queue="125kB")
    rate = goodput(lab, 5) * 8 / 20e6
    yield Result("goodput of TCP over a wan of 20 Mbit/s and 50 ms, of what fits", rate / (MSS / 1514), "x", 0.85)
    wan.set(rate=None, queue=None, loss="1%", seed=7)
    mathis = MSS / 0.05 * math.sqrt(1.5 / 0.01)  # Mathis et al., The macroscopic behavior of TCP, 1997: bytes/s
    yield Result("goodput with losses of 1 % and 50 ms, of Mathis' formula", goodput(lab, 10) / mathis, "x", 0.6)
    wan.set(loss=0, delay=0)
    yield Result("64-byte frames/s without loss, at least", fastest(lab, 64), "/s", 10_000)
    yield Result("1400-byte frames/s without loss, at least", fastest(lab, 1400), "/s", 8_000)


def round_trips(node: Node, count: int) -> list[float]:
    """Milliseconds, of one ping after the other."""
    done = node.run(f"ping -c {count} -i 0.01 -W 2 10.0.0.2", check=True)
    return [float(each) for each in re.findall(r"time=([\d.]+) ms", done.stdout)]


def goodput(lab: Lab, seconds: float) -> float:
    """Bytes/s that arrive over a TCP connection."""
    with lab["h2"].popen([PYTHON, "-c", SERVER]) as server:
        assert server.stdout
        server.stdout.readline()
        lab["h1"].run([PYTHON, "-c", CLIENT, str(seconds)], check=True)
        return float(server.stdout.readline())


def fastest(lab: Lab, size: int) -> float:
    """The highest of some rates at which every frame got through, for a second and a half."""
    best = 0
    lab["h2"].socket(socket.AF_INET, socket.SOCK_DGRAM, bind=("10.0.0.2", 9))  # so that no ICMP error answers
    for rate in (5_000, 8_000, 10_000, 12_000, 15_000, 20_000, 25_000, 30_000, 40_000):
        before = lab["wan"].wan["eth1"].counters
        lab["h1"].run([PYTHON, "-c", PACED, str(rate), str(size), "2"], check=True)
        time.sleep(0.3)
        after = lab["wan"].wan["eth1"].counters
        if after["missed"] > before["missed"] or after["frames"] - before["frames"] < 1.9 * rate:
            break
        best = rate
    return best
