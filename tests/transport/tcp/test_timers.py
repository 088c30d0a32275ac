"""Named deadlines."""

from netlib.transport.tcp.timers import Timers


def test_timers_run_out_in_their_order_and_once() -> None:
    timers = Timers()
    timers.start("a", 3.0)
    timers.start("c", 1.0)
    timers.start("b", 2.0)
    assert timers.deadline() == 1.0 and timers.expired(0.999) == []
    assert timers.expired(2.0) == ["c", "b"]
    assert timers.expired(2.0) == [] and "c" not in timers and "a" in timers
    assert timers.deadline() == 3.0


def test_starting_again_moves_and_stopping_forgets() -> None:
    timers = Timers()
    timers.start("retransmit", 1.0)
    timers.start("retransmit", 5.0)
    assert timers.expired(4.0) == [] and timers.deadline() == 5.0
    timers.stop("retransmit")
    timers.stop("never started")
    assert timers.deadline() is None and timers.expired(100.0) == []
    timers.start("again", 1.0)
    timers.stop_all()
    assert timers.deadline() is None
