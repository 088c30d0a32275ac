"""The two queues of a listening socket: as many get in as in Linux, and the counters say what became of the others."""

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from netlib.kernel.listener import Arrival, Listener, ListenSettings

KEEP, COOKIE, DROP = Arrival


def connect(listener: Listener[int], number: int, now: float = 0.0) -> bool:
    """A whole handshake of one client; whether it has got into the accept queue."""
    arrival = listener.syn(now)
    if arrival is KEEP:
        listener.begin(number)
    if arrival is DROP or not listener.has_room():
        return False
    listener.finish(number)
    return True


@pytest.mark.parametrize(("backlog", "enter"), [(0, 1), (1, 2), (2, 3), (8, 9), (100, 101)])
def test_one_more_than_the_backlog_connect(backlog: int, enter: int) -> None:
    """Measured on Linux 6.18: listen(2) and 8 clients: 3 connect, `ss` shows Recv-Q 3, Send-Q 2."""
    listener: Listener[int] = Listener(backlog)
    assert sum(connect(listener, number) for number in range(200)) == enter
    assert repr(listener) == f"<listener Recv-Q {enter} Send-Q {backlog}, 0 half open>"
    assert listener.counters == {
        "PassiveOpens": enter, "ListenOverflows": 200 - enter, "ListenDrops": 200 - enter,
    }  # fmt: skip


def test_accept_takes_them_in_order_and_makes_room() -> None:
    listener: Listener[int] = Listener(1)
    assert [connect(listener, number) for number in range(3)] == [True, True, False]
    assert listener.accept() == 0
    assert connect(listener, 3)
    assert [listener.accept() for _ in range(3)] == [1, 3, None]


def test_a_flood_of_syns_with_cookies() -> None:
    """Measured on Linux 6.18: listen(8) under a flood has 9 in SYN-RECV, and a real client still connects."""
    listener: Listener[int] = Listener(8)
    arrivals = []
    for number in range(60):
        arrivals.append(listener.syn(1.0))
        if arrivals[-1] is KEEP:
            listener.begin(number)
    assert arrivals == [KEEP] * 9 + [COOKIE] * 51
    assert listener.counters == {"TCPReqQFullDoCookies": 51, "SyncookiesSent": 51}
    assert listener.takes_cookies(1.0) and listener.has_room()
    listener.finish(1000)  # the client with a cookie was never half open
    assert listener.accept() == 1000 and len(listener.half_open) == 9


def test_a_flood_of_syns_without_cookies() -> None:
    listener: Listener[int] = Listener(8, ListenSettings(syncookies=0))
    for number in range(60):
        if listener.syn(1.0) is KEEP:
            listener.begin(number)
    assert len(listener.half_open) == 9
    assert listener.counters == {"TCPReqQFullDrop": 51, "ListenDrops": 51}
    assert not listener.takes_cookies(1.0)


def test_without_cookies_three_quarters_of_the_syn_backlog() -> None:
    listener: Listener[int] = Listener(1000, ListenSettings(syncookies=0, max_syn_backlog=128))
    for number in range(300):
        if listener.syn(1.0) is KEEP:
            listener.begin(number)
    assert len(listener.half_open) == 97  # 128 - 96 < 32 is false, 128 - 97 < 32 is true
    assert listener.counters == {"ListenDrops": 203}


def test_cookies_always() -> None:
    listener: Listener[int] = Listener(8, ListenSettings(syncookies=2))
    assert {listener.syn(1.0) for _ in range(20)} == {COOKIE}
    assert listener.takes_cookies(1e6)


def test_cookies_are_taken_only_while_some_may_be_under_way() -> None:
    """Otherwise anybody could guess at them at leisure."""
    listener: Listener[int] = Listener(0)
    assert not listener.takes_cookies(0.0)
    listener.begin(1)
    assert listener.syn(100.0) is COOKIE
    assert [listener.takes_cookies(at) for at in (100.0, 220.0, 220.1)] == [True, True, False]


def test_a_full_accept_queue_drops_syns_also_where_there_would_be_cookies() -> None:
    listener: Listener[int] = Listener(0, ListenSettings(syncookies=2))
    assert connect(listener, 1)
    assert listener.syn(0.0) is DROP
    assert listener.counters["SyncookiesSent"] == 1


def test_a_final_ack_that_finds_no_room_stays_half_open() -> None:
    """The client believes that it is connected; when there is room, its next segment makes it true."""
    listener: Listener[int] = Listener(0)
    for number in (1, 2):
        listener.half_open[number] = None
    assert listener.has_room()
    listener.finish(1)
    assert not listener.has_room() and list(listener.half_open) == [2]
    assert listener.counters["ListenOverflows"] == listener.counters["ListenDrops"] == 1
    assert listener.accept() == 1
    assert listener.has_room()


def test_fast_open_is_limited_apart() -> None:
    listener: Listener[int] = Listener(10)
    assert not listener.begin_fast(1)  # off by default
    listener.fast_open_limit = 2
    assert [listener.begin_fast(number) for number in range(3)] == [True, True, False]
    assert listener.counters["TCPFastOpenListenOverflow"] == 2 and len(listener.ready) == 2
    listener.finish(0)  # its final ACK: it is in the accept queue already
    assert list(listener.ready) == [0, 1]
    assert listener.begin_fast(3)
    listener.forget(3)
    listener.forget(1)
    assert listener.begin_fast(4)


def test_fast_open_does_not_go_round_the_accept_queue() -> None:
    listener: Listener[int] = Listener(0)
    listener.fast_open_limit = 5
    assert [listener.begin_fast(number) for number in range(2)] == [True, False]


def test_a_backlog_has_a_limit() -> None:
    assert Listener[int](100_000).backlog == Listener[int](-1).backlog == 4096
    listener: Listener[int] = Listener(5, ListenSettings(somaxconn=3))
    assert listener.backlog == 3


def test_close_gives_back_what_nobody_will_accept() -> None:
    listener: Listener[int] = Listener(5)
    connect(listener, 1)
    listener.begin(2)
    assert listener.close() == [1, 2]
    assert listener.accept() is None and not listener.half_open


class Bounded(RuleBasedStateMachine):
    """Whatever clients do, in whatever order: the queues hold backlog + 1, and each client is in one at most."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: Listener[int] = Listener(2, counters=Counter())
        self.listener.fast_open_limit = 2
        self.number = 0

    @rule()
    def syn(self) -> None:
        self.number += 1
        if self.listener.syn(0.0) is KEEP:
            self.listener.begin(self.number)

    @rule()
    def fast(self) -> None:
        self.number += 1
        self.listener.begin_fast(self.number)

    @rule(which=st.integers(0, 5), cookie=st.booleans())
    def final_ack(self, which: int, cookie: bool) -> None:
        waiting = [-self.number] if cookie else [*self.listener.half_open, *self.listener.unconfirmed]
        self.number += cookie
        if which < len(waiting) and (waiting[which] in self.listener.unconfirmed or self.listener.has_room()):
            self.listener.finish(waiting[which])

    @rule(which=st.integers(0, 5))
    def give_up(self, which: int) -> None:
        waiting = [*self.listener.half_open, *self.listener.unconfirmed]
        if which < len(waiting):
            self.listener.forget(waiting[which])

    @rule()
    def accept(self) -> None:
        self.listener.accept()

    @invariant()
    def holds(self) -> None:
        listener = self.listener
        assert len(listener.half_open) <= 3 and len(listener.ready) <= 3 and len(listener.unconfirmed) <= 2
        assert len(set(listener.ready)) == len(listener.ready) and not set(listener.ready) & set(listener.half_open)


TestBounded = Bounded.TestCase
