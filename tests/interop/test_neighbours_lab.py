"""Lab 07: a netlib host on the kernels' link. Same questions, same `ip neigh`; who has an address, and who lies."""

from collections.abc import Iterator
from random import Random

import pytest

from netlib.apps.ping import ping
from netlib.host import Host
from netlib.lab import Lab
from netlib.lab.node import Node
from netlib.link.conflict import DEFENDING, LOST
from netlib.link.suspicion import UNASKED, Watcher
from netlib.wire.address import MACAddress
from netlib.wire.arp import ARPPacket
from netlib.wire.ethernet import EthernetFrame
from netlib.worlds.task import now, sleep

MAC = MACAddress("02:00:00:00:77:01")
GATEWAY, H1, NOBODY = "10.7.1.1", "10.7.1.2", "10.7.1.99"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    doctor = Lab.doctor()
    if not doctor:
        pytest.skip(f"labs do not work here: {doctor.problems[0].detail}")
    with Lab("07-arp") as lab:
        yield lab


def host_at(address: str) -> Host:
    host = Host("n", Random(1))
    host.attach(f"{address}/24", MAC)
    return host


def known(node: Node) -> dict[str, tuple[str, str]]:
    lines = [line.split() for line in node.run("ip neigh show dev eth1", check=True).stdout.splitlines()]
    return {words[0]: (words[2] if words[1] == "lladdr" else "", words[-1]) for words in lines}


def mac(node: Node) -> str:
    return node.run("cat /sys/class/net/eth1/address", check=True).stdout.strip()


def test_a_netlib_host_and_a_kernel_know_the_same_after_the_same_questions(lab: Lab) -> None:
    lab["h1"].run("ip neigh flush dev eth1", check=True)
    for address in (GATEWAY, NOBODY):
        lab["h1"].run(f"ping -n -c 1 -W 5 {address}")
    host = host_at("10.7.1.50")
    with lab["mallory"].attach(host, "eth1") as live:
        for address in (GATEWAY, NOBODY):
            live.run(ping(host, address, count=1, timeout=5))
        ours = {row["address"]: (row["mac"], row["state"]) for row in host.neighbours()}
        theirs = known(lab["h1"])
        assert ours == {GATEWAY: (mac(lab["r1"]), "REACHABLE"), NOBODY: ("", "FAILED")}
        assert {address: theirs[address] for address in ours} == ours
        # and the other way round: who was asked, only, has an entry that it has yet to check
        assert known(lab["r1"])["10.7.1.50"][0] == str(MAC)
        lab["h1"].run("ping -n -c 1 -W 5 10.7.1.50", check=True)
        assert known(lab["h1"])["10.7.1.50"] == (str(MAC), "REACHABLE")
        [row] = [row for row in host.neighbours() if row["address"] == H1]
        assert (row["mac"], row["state"]) == (mac(lab["h1"]), "DELAY")
        assert live.errors == []


def test_an_address_that_a_kernel_has_is_not_ours_and_a_free_one_is(lab: Lab) -> None:
    async def want() -> str:
        interface = host.interfaces[0]
        host.probe(interface, await now())
        for _ in range(100):
            await sleep(0.1)
            state = interface.neighbours.claim.state  # type: ignore[union-attr]
            if state in (LOST, DEFENDING):
                return str(state)
        return "undecided"

    for address, state in ((H1, LOST), ("10.7.1.51", DEFENDING)):
        host = host_at(address)
        with lab["mallory"].attach(host, "eth1") as live:
            assert live.run(want()) == state


def test_arping_finds_that_our_address_is_taken_and_an_announcement_moves_the_kernels_entry(lab: Lab) -> None:
    host = host_at("10.7.1.52")
    with lab["mallory"].attach(host, "eth1") as live:
        probe = lab["h1"].run("arping -D -c 2 -w 3 -I eth1 10.7.1.52")
        assert "1 response" in probe.stdout.replace("(s)", "") or str(MAC).upper() in probe.stdout, probe
        lab["h1"].run("ping -n -c 1 -W 5 10.7.1.52", check=True)
        assert live.errors == []
    host.interfaces[0].neighbours = host.parts.neighbours(host.interfaces[0].address.address, NEW)
    host.interfaces[0].mac = NEW
    with lab["mallory"].attach(host, "eth1") as live:

        async def announce() -> None:
            host.announce(host.interfaces[0], await now())
            await sleep(0.2)

        live.run(announce())
        assert known(lab["h1"])["10.7.1.52"] == (str(NEW), "STALE")


NEW = MACAddress("02:00:00:00:77:02")


def test_the_watcher_tells_what_mallory_forges_from_what_the_others_say(lab: Lab) -> None:
    for name in ("h1", "r1"):
        lab[name].run("ip neigh flush dev eth1", check=True)
    with lab.capture("sw:eth1") as capture:
        lab["h1"].run(f"ping -n -c 1 -W 5 {GATEWAY}", check=True)
        for _ in range(3):
            claim = ["/usr/bin/python3", "/srv/lab/arp.py", "claim", GATEWAY, H1, mac(lab["h1"])]
            lab["mallory"].run(claim, check=True)
        lab["h1"].run(f"ping -n -c 1 -W 5 {GATEWAY}")
    watcher, accused, heard = Watcher(), [], 0
    for when, packet in capture.packets:
        if ARPPacket in packet:
            heard += 1
            accused += watcher.hear(packet[EthernetFrame], packet[ARPPacket], when)
    assert heard >= 5
    assert {str(each.mac) for each in accused} == {mac(lab["mallory"])}
    assert [each.reason for each in accused].count(UNASKED) >= 1, accused
