"""netlib's switch and the kernel's bridge: the same frames out of the same ports, and the same table."""

import os
import re
import select
import shutil
import socket
import time
from collections.abc import Iterator
from random import Random

import pytest

from netlib.link.switch import Switch
from netlib.wire.address import MACAddress
from netlib.wire.ethernet import EthernetFrame

from .namespaces import ip, missing, namespace, packet_socket, run

PORTS = 4
TYPE = 0x88B5  # for local experiments (IEEE 802)
HOSTS = [MACAddress(b"\x02\0\0\0\1" + bytes([number])) for number in range(6)]
GROUPS = [MACAddress.BROADCAST, MACAddress("01:00:5e:01:02:03"), MACAddress("01:80:c2:00:00:10")]
# Not ...:00, which a bridge without a spanning tree does pass on, nor ...:01 (PAUSE), from which it does not learn:
# what the standard reserves for devices that know what to do with it.
NOT_RELAYED = [MACAddress("01:80:c2:00:00:02"), MACAddress("01:80:c2:00:00:03"), MACAddress("01:80:c2:00:00:0f")]
reason = missing() or (None if shutil.which("bridge") else "needs bridge")
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")


class Bridge:
    """A bridge of the kernel with PORTS ports, and a packet socket at the far end of each cable."""

    def __init__(self) -> None:
        ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
        for port in range(PORTS):
            ip(f"link add p{port} type veth peer name q{port}")
            for name in (f"p{port}", f"q{port}"):  # nothing of the kernel's own on the cables
                with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as file:
                    file.write("1")
            ip(f"link set p{port} master br0", f"link set p{port} up", f"link set q{port} up")
        self.ends = [packet_socket(f"q{port}") for port in range(PORTS)]
        while any("state forwarding" not in line for line in run("bridge link").stdout.splitlines()):
            time.sleep(0.01)  # the kernel takes a port in when it has seen its carrier, a moment later

    def out(self, port: int, frame: bytes, expected: list[int]) -> list[int]:
        """The ports by which the kernel sends this frame on."""
        self.ends[port].send(frame)
        seen: list[int] = []
        while True:  # longer only while something is still to come
            ready = select.select(self.ends, [], [], 5.0 if sorted(seen) != expected else 0.02)[0]
            if not ready:
                return sorted(seen)
            for end in ready:
                data, where = end.recvfrom(2048)
                if where[2] != socket.PACKET_OUTGOING and data[12:14] == TYPE.to_bytes(2, "big"):
                    assert data == frame
                    seen.append(self.ends.index(end))

    def table(self) -> dict[str, int]:
        lines = run("bridge fdb show br br0").stdout.splitlines()
        learnt = [line for line in lines if "permanent" not in line and "self" not in line]
        return {line.split()[0]: int(re.findall(r"dev p(\d+)", line)[0]) for line in learnt}

    def close(self) -> None:
        for end in self.ends:
            end.close()


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})  # one processor handles one frame after the other
    with namespace():
        made = Bridge()
        yield made
        made.close()
    os.sched_setaffinity(0, before)


def table(switch: Switch) -> dict[str, int]:
    return {str(mac): entry.port for mac, entry in switch.table.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_random_frames_take_the_same_ways(bridge: Bridge, seed: int) -> None:
    random, switch = Random(seed), Switch("s", PORTS)
    places = {mac: random.randrange(PORTS) for mac in HOSTS}
    for number in range(120):
        source = random.choice(HOSTS)
        if random.random() < 0.1:  # somebody moves
            places[source] = random.randrange(PORTS)
        forged = random.choice([MACAddress.ANY, *GROUPS])  # what no card sends
        sender = forged if random.random() < 0.1 else source
        destination = random.choice(HOSTS * 3 + GROUPS + NOT_RELAYED)
        frame = EthernetFrame(destination, sender, TYPE, b"%04d" % number + bytes(46)).build()
        switch.receive(places[source], frame, 0.0)
        expected = sorted(port for port, _ in switch.outbox)
        switch.outbox = []
        got = bridge.out(places[source], frame, expected)
        assert got == expected, f"frame {number}: {sender} > {destination} came by port {places[source]}"
    assert switch.flooded and switch.forwarded and switch.filtered and switch.dropped
    assert bridge.table() == table(switch)


def test_a_full_table_learns_nobody_new_in_either(bridge: Bridge) -> None:
    if run("ip link set br0 type bridge fdb_max_learned 3").returncode:
        pytest.skip("needs fdb_max_learned, of iproute2 and Linux 6.7")
    switch = Switch("s", PORTS, limit=3)
    for number, mac in enumerate([*HOSTS, HOSTS[0]]):
        frame = EthernetFrame(HOSTS[(number + 4) % 6], mac, TYPE, b"%04d" % number + bytes(46)).build()
        switch.receive(number % PORTS, frame, 0.0)
        expected = sorted(port for port, _ in switch.outbox)
        switch.outbox = []
        assert bridge.out(number % PORTS, frame, expected) == expected
    assert len(switch.table) == 3 and bridge.table() == table(switch)


def test_a_bridge_that_forgets_at_once_is_a_hub_as_the_switch_is(bridge: Bridge) -> None:
    ip("link set br0 type bridge ageing_time 0")
    hub = Switch("s", PORTS, ageing=0.0)
    for number in range(4):
        source, destination = (HOSTS[0], HOSTS[1]) if number % 2 else (HOSTS[1], HOSTS[0])
        frame = EthernetFrame(destination, source, TYPE, b"%04d" % number + bytes(46)).build()
        hub.receive(number % 2, frame, float(number))
        expected = sorted(port for port, _ in hub.outbox)
        hub.outbox = []
        assert len(expected) == PORTS - 1
        assert bridge.out(number % 2, frame, expected) == expected
