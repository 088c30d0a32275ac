"""Fast Open: the option's bytes, whose cookie is whose, and what a client remembers."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.transport.tcp.fast_open import BLACKHOLE, CACHED, FastOpenClient, FastOpenServer, Verdict
from netlib.transport.tcp.options import Options
from netlib.wire.tcp import TCPSegment

HERE, THERE, OTHER = b"\x0a\0\0\x01", b"\x0a\0\0\x02", b"\x0a\0\0\x03"
KEY, NEXT, LAST = bytes(16), bytes(range(16)), b"k" * 16


@given(st.integers(0, 8).map(lambda half: Random(half).randbytes(2 * half)).filter(lambda cookie: len(cookie) != 2))
def test_the_option_goes_there_and_back(cookie: bytes) -> None:
    options = Options(mss=1460, fast_open=cookie)
    built = options.build()
    assert len(built) % 4 == 0 and bytes((34, 2 + len(cookie))) + cookie in built
    assert Options.of(TCPSegment(syn=True, options=built)) == options


@pytest.mark.parametrize("size", [1, 2, 3, 5, 17, 18])
def test_a_cookie_of_a_length_that_is_not_allowed_is_no_cookie(size: int) -> None:
    segment = TCPSegment(syn=True, options=bytes((34, 2 + size)) + bytes(size))
    assert Options.of(segment).fast_open is None


def test_the_option_counts_on_a_syn_only() -> None:
    assert Options.of(TCPSegment(options=Options(fast_open=bytes(8)).build())).fast_open is None


def test_a_cookie_is_for_one_client_at_one_address() -> None:
    server = FastOpenServer(KEY)
    cookie = server.cookie(THERE, HERE)
    assert len(cookie) == 8
    assert server.judge(THERE, HERE, cookie) is Verdict.VALID
    assert server.judge(OTHER, HERE, cookie) is Verdict.INVALID
    assert server.judge(THERE, OTHER, cookie) is Verdict.INVALID
    assert FastOpenServer(NEXT).judge(THERE, HERE, cookie) is Verdict.INVALID
    assert server.judge(THERE, HERE, cookie[:4]) is Verdict.INVALID
    assert server.judge(THERE, HERE, b"") is Verdict.ASKED
    assert server.judge(THERE, HERE, None) is Verdict.ABSENT


def test_only_a_right_cookie_opens_and_only_who_lacks_one_gets_one() -> None:
    server = FastOpenServer(KEY)
    assert [verdict for verdict in Verdict if verdict.opens] == [Verdict.VALID, Verdict.OLD]
    given_out = [verdict for verdict in Verdict if server.answer(THERE, HERE, verdict) is not None]
    assert given_out == [Verdict.ASKED, Verdict.OLD, Verdict.INVALID]
    assert server.answer(THERE, HERE, Verdict.ASKED) == server.cookie(THERE, HERE)


def test_after_a_rotation_old_cookies_are_good_once_more() -> None:
    server = FastOpenServer(KEY)
    first = server.cookie(THERE, HERE)
    server.rotate(NEXT)
    assert server.judge(THERE, HERE, first) is Verdict.OLD
    renewed = server.answer(THERE, HERE, Verdict.OLD)
    assert renewed != first and server.judge(THERE, HERE, renewed) is Verdict.VALID
    server.rotate(LAST)
    assert server.judge(THERE, HERE, first) is Verdict.INVALID
    assert server.judge(THERE, HERE, renewed) is Verdict.OLD


def test_a_client_asks_remembers_and_gives_way() -> None:
    client = FastOpenClient()
    assert client.option(THERE, 0.0) == b""  # asks
    client.learn(THERE, None, 1400)
    assert client.option(THERE, 0.0) == b"" and not client.servers  # a server without Fast Open costs no memory
    client.learn(THERE, b"c" * 8, 1400)
    assert (client.option(THERE, 0.0), client.mss(THERE)) == (b"c" * 8, 1400)
    client.learn(THERE, None, 1300)  # no new cookie: the old one stays
    assert (client.option(THERE, 0.0), client.mss(THERE), client.mss(OTHER)) == (b"c" * 8, 1300, 0)
    client.forget(THERE)
    assert client.option(THERE, 0.0) == b""


def test_where_it_vanishes_the_client_leaves_it_for_longer_and_longer() -> None:
    client = FastOpenClient()
    client.learn(THERE, b"c" * 8, 1400)
    now, pauses = 0.0, []
    for _ in range(9):
        client.vanished(THERE, now)
        known = client.servers[THERE]
        assert client.option(THERE, known.closed_until - 0.001) is None
        assert client.option(THERE, known.closed_until) == b"c" * 8
        pauses.append((known.closed_until - now) / BLACKHOLE)
        now = known.closed_until
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    client.accepted(THERE)
    client.vanished(THERE, now)
    assert client.servers[THERE].closed_until == now + BLACKHOLE


def test_many_servers_do_not_fill_the_memory() -> None:
    client = FastOpenClient()
    client.learn(THERE, b"c" * 8, 1400)
    for number in range(3 * CACHED):
        client.learn(number.to_bytes(4, "big"), bytes(8), 1460)
        if number % 100 == 0:
            client.option(THERE, 0.0)  # used now and then, so it stays
        if number % 7 == 0:
            client.vanished(number.to_bytes(4, "little"), 0.0)
        assert len(client.servers) <= CACHED
    assert client.option(THERE, 0.0) == b"c" * 8
