"""A peer for bench_lab: Mininet's hosts in a chain, up and down again each time a line comes in.

Runs with the distribution's Python, where Mininet is (Debian: apt install mininet), as root. Prints the seconds.
"""

import sys
from itertools import pairwise
from time import perf_counter

from mininet.net import Mininet

print("ready", flush=True)
for line in sys.stdin:
    started = perf_counter()
    net = Mininet(controller=None, autoSetMacs=True)
    hosts = [net.addHost(f"n{number}", ip=None) for number in range(1, int(line) + 1)]
    for number, (left, right) in enumerate(pairwise(hosts), 1):
        ends = {"params1": {"ip": f"10.0.{number}.1/24"}, "params2": {"ip": f"10.0.{number}.2/24"}}
        net.addLink(left, right, **ends)
    net.start()
    print(perf_counter() - started, flush=True)
    net.stop()
