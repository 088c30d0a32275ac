"""netlib's NAT with a table of somebody's own: the example, and answers that make no sense."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from runpy import run_path
from typing import Any

import pytest

from netlib.host import Host, Parts
from netlib.internet.fragments import fragment
from netlib.internet.nat_flow import Endpoint
from netlib.internet.nat_own import OwnTableNAT
from netlib.wire.ipv4 import UDP

from .nat_machines import INSIDE, OTHER, OURS, REMOTE, SECOND, echo, ends, error, quote_in, tcp, udp

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
example = run_path(str(EXAMPLES / "nat_table.py"))
MyTable: Any = example["MyTable"]


def nat(table: Any = MyTable) -> OwnTableNAT:
    return OwnTableNAT([OURS], Random(1), table=table)


def test_out_and_back_each_by_a_port_of_its_own_block() -> None:
    mine = nat()
    assert mine.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0.0) == udp((OURS, 2000), (REMOTE, 53))
    assert mine.outbound(tcp((SECOND, 5000), (REMOTE, 80), "syn"), 0.0) == tcp((OURS, 4000), (REMOTE, 80), "syn")
    assert mine.outbound(udp((INSIDE, 5001), (REMOTE, 53)), 0.0) == udp((OURS, 2001), (REMOTE, 53))
    assert mine.inbound(tcp((REMOTE, 80), (OURS, 4000), "syn ack"), 0.0) == tcp((REMOTE, 80), (SECOND, 5000), "syn ack")
    assert ends(mine.outbound(echo(INSIDE, REMOTE, 77), 0.0)) == (str(OURS), f"{REMOTE}:2000")
    assert ends(mine.inbound(echo(REMOTE, OURS, 2000, reply=True), 0.0)) == (str(REMOTE), f"{INSIDE}:77")
    stranger = udp((REMOTE, 53), (OURS, 9))
    assert mine.inbound(stranger, 0.0) == stranger  # for the router, who will say so


def test_what_is_quoted_in_errors_is_translated_both_ways() -> None:
    mine = nat()
    sent, came = udp((INSIDE, 5000), (REMOTE, 53)), udp((REMOTE, 53), (OURS, 2000))
    out = mine.outbound(sent, 0.0)
    assert out is not None
    told = mine.inbound(error(OTHER, out), 0.0)
    source, destination, about = quote_in(told)
    assert (source, destination, about.source) == (str(OTHER), str(INSIDE), INSIDE)
    inner = mine.inbound(came, 0.0)
    assert inner is not None
    source, destination, about = quote_in(mine.outbound(error(INSIDE, inner), 0.0))
    assert (source, destination, about.source, about.destination) == (str(OURS), str(REMOTE), REMOTE, OURS)
    assert about.payload[:4] == came[20:24]  # its ports, as they were outside
    assert str(mine) == "10.0.0.2:5000 is port 2000"


def test_hairpins_fragments_and_an_end_to_the_ports() -> None:
    mine = nat()
    mine.outbound(udp((SECOND, 7), (REMOTE, 53)), 0.0)  # the first host to speak: its ports begin at 2000
    across = mine.hairpin(udp((INSIDE, 5000), (OURS, 2000)), 0.0)
    assert across == udp((OURS, 4000), (SECOND, 7))
    pieces = fragment(udp((INSIDE, 5000), (REMOTE, 53), bytes(3000)), 1500)
    *none, whole = [mine.outbound(piece, 0.0) for piece in pieces]
    assert not any(none) and ends(whole) == (f"{OURS}:4000", f"{REMOTE}:53")
    for port in range(2000):
        mine.own.outside(UDP, Endpoint(SECOND, port), Endpoint(REMOTE, 53), 1.0)
    assert mine.outbound(udp((SECOND, 60_000), (REMOTE, 53)), 1.0) is None
    assert mine.dropped == {"NAT exhausted": 1} and len(mine.refused) == 1


def test_what_is_silent_is_forgotten() -> None:
    mine = nat()
    mine.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0.0)
    mine.outbound(udp((SECOND, 5000), (REMOTE, 53)), 60.0)
    assert mine.deadline() == 120.0
    mine.tick(120.0)
    assert str(mine) == "10.0.0.3:5000 is port 4000" and mine.deadline() == 180.0


ANSWERS = [
    ("outside", 5, r"nat_table\.outside returned 5: it has to return an address and a port"),
    ("outside", (OURS, 70_000), r"nat_table\.outside returned port 70000: ports have 16 bits"),
    ("outside", (REMOTE, 7), r"nat_table\.outside returned 198\.51\.100\.7, which is not among"),
    ("inside", "10.0.0.2:5000", r"nat_table\.inside returned '10\.0\.0\.2:5000'"),
]


@pytest.mark.parametrize(("method", "answer", "problem"), ANSWERS, ids=[problem for *_, problem in ANSWERS])
def test_nonsense_is_named(method: str, answer: Any, problem: str) -> None:
    table = type("Mine", (MyTable,), {method: lambda self, *_: answer})
    host = Host("r", Random(1), Parts(nat_table=table), forwarding=True)
    inside, outside = host.attach("10.0.0.1/24"), host.attach("203.0.113.1/24")
    host.add_route("0.0.0.0/0", via="203.0.113.254")
    host.add_nat(outside)
    packets = {"outside": (inside, udp((INSIDE, 1), (REMOTE, 53))), "inside": (outside, udp((REMOTE, 53), (OURS, 9)))}
    with pytest.raises((TypeError, ValueError), match=f"^the part {problem}"):
        host.receive(*packets[method], 0.0)


def test_what_is_missing_and_what_does_not_end_is_named() -> None:
    with pytest.raises(TypeError, match=r"^the part nat_table \(object\) has no outside, inside, expire, deadline"):
        nat(lambda *_: object())
    with pytest.raises(ValueError, match=r"^the part nat_table wants to be called at 1 s, and at 2 s it was"):
        nat(type("Mine", (MyTable,), {"deadline": lambda self: 1.0})).tick(2.0)
    with pytest.raises(TypeError, match="what it forwards, the table says"):
        nat().forward(UDP, 53, INSIDE)
