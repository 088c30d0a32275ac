"""How long a NAT keeps a session (RFC 4787 REQ-5, RFC 5382 REQ-5), in which states, and how many of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.internet.nat import HELD
from netlib.internet.nat_table import BEHAVIOURS, ENDPOINT_INDEPENDENT
from netlib.internet.nat_timers import Timers

from .nat_machines import INSIDE, OTHER, OURS, REMOTE, SECOND, echo, nat, tcp, udp


@pytest.mark.shows("RFC 4787 REQ-5", "RFC 4787 REQ-5c", "RFC 4787 REQ-6a")
def test_a_session_lives_as_long_as_it_is_used() -> None:
    n = nat()
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    n.inbound(udp((REMOTE, 53), (OURS, 5000)), 200)
    n.tick(499.9)
    assert len(n.table()) == 1 and n.deadline() == 500
    n.tick(500)
    assert n.table() == [] and n.deadline() is None and not n.known.outside and not n.known.inside
    strict = nat(inbound_refresh=False)
    strict.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    strict.inbound(udp((REMOTE, 53), (OURS, 5000)), 200)
    assert strict.deadline() == 300


@pytest.mark.shows("RFC 5508 REQ-2")
def test_a_query_is_kept_for_a_minute() -> None:
    n = nat()
    n.outbound(echo(INSIDE, REMOTE, 9), 0)
    n.outbound(echo(INSIDE, REMOTE, 9), 10)
    n.tick(69.9)
    assert len(n.table()) == 1 and n.deadline() == 70
    n.tick(70)
    assert n.table() == []


@pytest.mark.shows("RFC 4787 REQ-5b", "RFC 5382 REQ-5a", "RFC 5508 REQ-2a")
def test_every_timer_can_be_chosen() -> None:
    n = nat(timers=Timers(udp_unreplied=1, udp=2, icmp=3, tcp_opening=4, tcp_open=5, tcp_reset=6))
    n.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    assert n.deadline() == 1
    n.inbound(udp((REMOTE, 53), (OURS, 5000)), 0)
    assert n.deadline() == 2
    n.tick(2)
    n.outbound(echo(INSIDE, REMOTE, 9), 10)
    assert n.deadline() == 13
    n.tick(13)
    for flags, due in (("ack", 25), ("rst", 26), ("syn", 24)):
        n.outbound(tcp((SECOND, 5000), (REMOTE, 80), flags), 20)
        assert n.deadline() == due


@pytest.mark.shows("RFC 4787 REQ-6")
def test_each_session_has_a_timer_of_its_own() -> None:
    n = nat()
    for now, port in ((0, 5000), (10, 5001), (20, 5000)):
        n.outbound(udp((INSIDE, port), (REMOTE, 53)), now)
    n.tick(310)
    assert [row["inside"] for row in n.table(310)] == ["10.0.0.2:5000"] and n.table(310)[0]["expires"] == 10
    assert n.deadline() == 320


HANDSHAKE = [("> syn", "SYN_SENT"), ("< syn ack", "SYN_RECV"), ("> ack", "ESTABLISHED")]
CLOSED = [*HANDSHAKE, ("> fin ack", "FIN_WAIT"), ("< fin ack", "LAST_ACK"), ("> ack", "TIME_WAIT")]


@pytest.mark.shows("RFC 5382 REQ-2", "RFC 5382 REQ-2a", "RFC 5382 REQ-5")
@pytest.mark.parametrize(
    ("segments", "seconds"),
    [
        (HANDSHAKE, 7440),
        ([("> syn", "SYN_SENT"), ("< syn", "SYN_SENT2"), ("> syn ack", "SYN_RECV")], 240),
        ([*HANDSHAKE, ("> fin ack", "FIN_WAIT"), ("> ack", "FIN_WAIT"), ("< ack", "CLOSE_WAIT")], 7440),
        ([*HANDSHAKE, ("> fin ack", "FIN_WAIT"), ("> fin ack", "FIN_WAIT"), ("< fin ack", "LAST_ACK"),
          ("< ack", "LAST_ACK"), ("> ack", "TIME_WAIT"), ("> syn", "SYN_SENT")], 240),
        ([*HANDSHAKE, ("< fin ack", "FIN_WAIT"), ("> ack", "CLOSE_WAIT"), ("> fin ack", "LAST_ACK"),
          ("< ack", "TIME_WAIT")], 240),
        ([*CLOSED, *HANDSHAKE, ("< fin ack", "FIN_WAIT"), ("> fin ack", "LAST_ACK"), ("< ack", "TIME_WAIT")], 240),
        ([*HANDSHAKE, ("< rst", "CLOSE")], 240),
        ([*HANDSHAKE, ("< rst", "CLOSE"), ("> ack", "ESTABLISHED")], 7440),  # forged
        ([("> syn", "SYN_SENT"), ("< rst ack", "CLOSE"), ("> syn", "SYN_SENT")], 240),
        ([("> ack", "ESTABLISHED")], 7440),  # met under way
    ],
)  # fmt: skip
def test_a_connections_state_and_timer(segments: list[tuple[str, str]], seconds: float) -> None:
    n = nat()
    for now, (segment, state) in enumerate(segments):
        flags = segment[2:]
        if segment[0] == ">":
            assert n.outbound(tcp((INSIDE, 5000), (REMOTE, 80), flags), now) is not None
        else:
            assert n.inbound(tcp((REMOTE, 80), (OURS, 5000), flags), now) is not None
        assert [row["state"] for row in n.table()] == [state], segment
    assert n.deadline() == len(segments) - 1 + seconds


@pytest.mark.shows("RFC 5382 REQ-4a")
def test_a_flood_from_inside_and_one_from_outside_are_bounded() -> None:
    n = nat(sessions=100, per_host=60)
    for port in range(2000, 2100):
        n.outbound(udp((INSIDE, port), (REMOTE, 53)), 0)
    assert len(n.known.sessions) == len(n.known.outside) == 60
    for port in range(2000, 2100):
        n.outbound(udp((SECOND, port), (REMOTE, 53)), 0)
    assert len(n.known.sessions) == 100 and n.dropped["NAT exhausted"] == 100 and len(n.refused) <= 64
    question = udp((OURS, 5000), (REMOTE, 53))
    assert n.outbound(question, 0) == question  # the router itself can always speak
    open_to_all = nat(sessions=100, filtering=ENDPOINT_INDEPENDENT)
    open_to_all.outbound(udp((INSIDE, 5000), (REMOTE, 53)), 0)
    for port in range(1, 1000):
        assert open_to_all.inbound(udp((OTHER, port), (OURS, 5000)), 1) is not None
    assert len(open_to_all.known.sessions) == 26  # the oldest guests made room
    for port in range(1, 1000):
        open_to_all.inbound(tcp((OTHER, port), (OURS, 5000), "syn"), 1)
    assert len(open_to_all.held) == HELD
    open_to_all.tick(1000)
    assert not open_to_all.known.sessions and not open_to_all.known.used and not open_to_all.known.per_host


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 400)), max_size=60),
       st.sampled_from(BEHAVIOURS), st.sampled_from(BEHAVIOURS))  # fmt: skip
def test_the_table_agrees_with_itself(steps: list[tuple[bool, int, int, int]], mapping: str, filtering: str) -> None:
    n, now = nat(mapping=mapping, filtering=filtering, sessions=8, per_host=6, ports=range(3000, 3004)), 0.0
    for outward, here, there, wait in steps:
        now += wait
        n.tick(now)
        if outward:
            n.outbound(udp((INSIDE if here < 2 else SECOND, 5000 + here), (REMOTE, 50 + there)), now)
        else:
            n.inbound(udp((REMOTE, 50 + there), (OURS, 3000 + here)), now)
        known = n.known
        assert sorted(map(id, known.inside.values())) == sorted(map(id, known.outside.values()))
        assert {id(s.mapping) for s in known.sessions.values()} == {id(m) for m in known.outside.values()}
        assert sum(known.used.values()) == len(known.outside) <= 4 and len(known.sessions) <= 8
        assert sum(known.per_host.values()) + len(known.guests) == len(known.sessions)
        assert sum(len(q) for q in known.queues.queues.values()) == len(known.sessions)
