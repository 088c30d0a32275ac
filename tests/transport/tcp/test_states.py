"""The table of states is the figure of RFC 9293: read here from the other side, by what each state does next."""

import pytest

from netlib.transport.tcp.states import ARROWS, State, strays
from netlib.transport.tcp.variables import CallError, Receive, Settings

# Figure 5, state by state
FIGURE = {
    "CLOSED": {"LISTEN", "SYN-SENT"},
    "LISTEN": {"CLOSED", "SYN-SENT", "SYN-RECEIVED"},
    "SYN-SENT": {"CLOSED", "SYN-RECEIVED", "ESTABLISHED"},
    "SYN-RECEIVED": {"LISTEN", "ESTABLISHED", "FIN-WAIT-1"},
    "ESTABLISHED": {"FIN-WAIT-1", "CLOSE-WAIT"},
    "FIN-WAIT-1": {"FIN-WAIT-2", "CLOSING"},
    "FIN-WAIT-2": {"TIME-WAIT"},
    "CLOSE-WAIT": {"LAST-ACK"},
    "CLOSING": {"TIME-WAIT"},
    "LAST-ACK": {"CLOSED"},
    "TIME-WAIT": {"CLOSED"},
}


def test_the_arrows_are_those_of_the_figure() -> None:
    drawn = {(source, target) for source, targets in FIGURE.items() for target in targets}
    assert {(str(source), str(target)) for source, target in ARROWS} == drawn


def test_a_step_without_an_arrow_strays() -> None:
    s = State
    assert strays([s.CLOSED, s.SYN_SENT, s.ESTABLISHED, s.CLOSED]) == []  # the last is a reset
    assert strays([s.CLOSED, s.ESTABLISHED, s.TIME_WAIT]) == [(s.CLOSED, s.ESTABLISHED), (s.ESTABLISHED, s.TIME_WAIT)]


def test_the_window_is_never_negative() -> None:
    assert Receive(nxt=10, said=30).wnd == 20
    assert Receive(nxt=40, said=30).wnd == 0


@pytest.mark.parametrize(("buffer", "shift"), [(1000, 0), (65535, 0), (65536, 1), (1 << 20, 5), (1 << 40, 14)])
def test_the_scale_lets_the_whole_buffer_be_announced(buffer: int, shift: int) -> None:
    assert Settings(receive_buffer=buffer).shift == shift


def test_an_option_that_there_is_not() -> None:
    settings = Settings()
    settings.set("nodelay", True)
    assert settings.nodelay
    with pytest.raises(CallError, match="ENOPROTOOPT"):
        settings.set("no_delay", True)
