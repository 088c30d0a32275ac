"""Packet scripts: what is checked, what who wrote a wrong one is told, and that numbers may start anywhere."""

from __future__ import annotations

import pytest

from netlib.host import Parts
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.reassembler import Reassembler
from netlib.transport.tcp.states import ESTABLISHED, LISTEN, SYN_RECEIVED
from netlib.view.path import state_path
from netlib.view.segments import segments
from netlib.worlds.script import ScriptError, run_script

SERVER = """
0    s = socket()
+0   s.bind(80)
+0   s.listen(1)
+0   < S 0:0(0) win 1000 <mss 1000>       # comes from the peer
+0   > S. 0:0(0) ack 1 <mss 1460>
+.1  < . 1:1(0) ack 1 win 1000
+0   c = s.accept()
"""


def fails(lines: str, before: str = SERVER) -> str:
    """What the error says."""
    with pytest.raises(ScriptError) as caught:
        run_script(before + lines, "mine")
    return str(caught.value)


@pytest.mark.parametrize("peer_isn", [0, 1, 2**31 - 1, 2**32 - 600, 2**32 - 1])
def test_a_conversation_runs_from_any_first_number(peer_isn: int) -> None:
    run = run_script(SERVER + """
        +0   c.send(500) == 500
        +0   > P. 1:501(500) ack 1
        +.2~+.4 > P. 1:501(500) ack 1       # again, since nothing came
        +.1  < P. 1:1001(1000) ack 501 win 1000
        +0   > . 501:501(0) ack 1001
        +0   c.recv(5000) == 1000
        +0   c.recv(5000) == None
        +0   c.state == "ESTABLISHED"
        +0   c.snd.una == c.snd.iss + 501
        """, peer_isn=peer_isn)  # fmt: skip
    assert run.paths()[0][1:] == [LISTEN, SYN_RECEIVED, ESTABLISHED]
    assert len(run.packets) == 7 and str(run).count("\n") == 15


def test_expected_and_got_stand_side_by_side() -> None:
    text = fails("+0 c.send(500)\n+0 > P. 1:401(400) ack 1")
    assert text.startswith("mine, line 10: another segment than expected: bytes 1:501(500), not 1:401(400)\n"
                           "  expected     0.100 > P. 1:401(400) ack 1\n"
                           "  got          0.100 > P. 1:501(500) ack 1 win 65535\nbefore that:\n")  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("+0 c.send(9)\n+0 > . 1:10(9) ack 1", "flags P., not ."),
        ("+0 c.send(9)\n+0 > P. 1:10(9) ack 2", "ack 1, not 2"),
        ("+0 c.send(9)\n+0 > P. 1:10(9) ack 1 win 9", "window 65535, not 9"),
        ("+0 c.send(9)\n+0 > P. 1:10(9) ack 1 <nop>", "options <>, not <nop>"),
        ("+0 c.send(9)\n+0 > [ttl 9] P. 1:10(9) ack 1", "ttl 64, not 9"),
        ("+0 c.send(9)\n+0 > [to :81] P. 1:10(9) ack 1", "from 192.0.2.1:80 to 192.0.2.2:40000, not from"),
        ("+0 c.send(9)\n+1 > P. 1:10(9) ack 1", "too early: at 0.100, not 1.100"),
        ("+0 > P. 1:10(9) ack 1", "nothing was sent until 0.100"),
        ("+0 c.send(9)", "after the last line: a segment that the script does not have"),
        ("+0 c.send(9)\n+0 c.close()", "line 10: a segment that the script does not have"),
        ("+0 c.recv(9) == 9", "is not so: None and 9"),
        ("+0 c.readable", "is not so"),
        ("+0 c.nothing == 1", "has 'nothing'"),
        ("+0 c.connect()", "raises EISCONN, not nothing"),
        ("+0 c.close() raises EPIPE", "raises nothing, not EPIPE"),
        (".05 c.close()", "this time is over"),
        ("+0 < . 1:1(0) ack 1 <...>", "line 9: <...> is for what netlib sends"),
        ("+0 < . 1:70001(70000) ack 1", "line 9: IPv4Packet.total_length"),
        ("+0 < . 1:1(0) ack 1 <wscale 300>", "line 9: bytes must be in range"),
        ("+0 < [from 1.2.3:80] . 1:1(0) ack 1", "line 9: "),
        ("* c.close()", "'*' is for what netlib sends"),
    ],
)
def test_what_does_not_hold_is_told(lines: str, what: str) -> None:
    assert what in fails(lines)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("close()", "line 1, column 1: expected a time"),
        ("0 > Q 1:1(0)", "column 5: expected flags"),
        ("0 > S 1:3(1)", "column 9: expected 2, since the length is 1, not '3(1)'"),
        ("0 > . 1:1(0)", "column 13: expected ack and a number, since the flags have a '.', not the end of the line"),
        ("0 < S 0:0(0) <mss 1, foo>", "column 22: expected an option"),
        ("0 < [ttl x] S 0:0(0)", "column 6: expected one of: from"),
        ("0 < S 0:0(0) ack 3", "column 14: expected nothing more"),
        ("0 < icmp host of S 0:0(0)", "column 10: expected an ICMP error"),
        ("0 c.send(", "column 9: expected < or > and a segment, or a call"),
        ("0 import os", "column 3: expected calls"),
        ("0 a, b = 1, 2", "column 3: expected a name or an attribute before the '='"),
        ("0 a = 1; b = 2", "column 3: expected < or > and a segment, or a call"),
        ("connected with nothing", "column 16: expected nothing more"),
        ("connected <mss x>", "column 12: expected an option"),
        ("0 c.__class__", "column 3: expected calls"),
        ("0 [x for x in y]", "column 3: expected calls"),
    ],
)
def test_what_can_not_be_read_is_told_with_line_and_column(line: str, what: str) -> None:
    assert f"mine, {what}" in fails(line, "").replace("line 1, ", "") or f"mine, {what}" in fails(line, "")


class Wrong(Reassembler):
    """Changes a byte on the way."""

    def insert(self, seq: int, text: bytes) -> bytes:
        ready = super().insert(seq, text)
        return ready[:-1] + b"!" if ready else ready


def test_a_part_of_yours_that_changes_bytes_is_found_out() -> None:
    lines = SERVER + "+0 < P. 1:11(10) ack 1\n+0 > . 1:1(0) ack 11\n+0 c.recv(9) == 9\n+0 c.recv(9) == 1"
    run_script(lines)
    with pytest.raises(ScriptError, match="what is read from byte 10 on is not what the peer has sent"):
        run_script(lines, parts=Parts(tcp=TCPParts(reassembler=Wrong)))


def test_errors_of_icmp_and_what_is_around_a_segment() -> None:
    run_script(
        """
        mtu 1000
        0   c = socket()
        +0  c.set_option("IP_TTL", 9)
        +0  c.connect()
        +0  > [ttl 9] S 0:0(0) <mss 960,sackOK,TS val 0 ecr 0,nop,wscale 5>
        +0  < [from 192.0.2.77:80] . 1:1(0) ack 1                              # from somebody else
        +0  > [to 192.0.2.77:80] R 1:1(0)
        +0  < [bad checksum] S. 0:0(0) ack 1
        +0  host.dropped["TCP bad checksum"] == 1
        +0  < icmp port unreachable of S 0:0(0)
        +0  c.send(9) raises ECONNREFUSED
        """.replace("R 1:1(0)", "R 1:1(0)")
    )


def test_a_time_may_be_said_in_two_ways() -> None:
    run_script("0 c = socket()\n+.1 c.state\n+.2 c.state\n.3 c.state\n.3 c.connect()\n.3 > S 0:0(0) <...>")


def test_ipv6() -> None:
    run_script("ipv6\n0 c = socket()\n0 c.connect()\n0 > S 0:0(0) <...>\n0 < S. 0:0(0) ack 1\n0 > . 1:1(0) ack 1")


def test_a_bare_connection_has_the_calls_of_the_rfc() -> None:
    run_script("""
        0   c = connection()
        +0  c.listen()
        +0  c.state == "LISTEN"
        +0  c.send(10) == 10              # makes it active
        +0  > S 0:0(0) <...>
        +0  < S. 0:0(0) ack 1
        +0  > . 1:1(0) ack 1
        +0  > P. 1:11(10) ack 1
        """)


def test_what_has_run_can_be_drawn() -> None:
    run = run_script(SERVER + "+0 c.shutdown()\n+0 > F. 1:1(0) ack 1")
    assert str(segments(run.packets)).count(" -> ") == 4
    assert "FIN-WAIT-1" in str(state_path(run.names["c"].events))


def test_an_error_has_no_frames_of_the_inside() -> None:
    with pytest.raises(ScriptError) as caught:
        run_script("0 nothing")
    assert len(caught.traceback) == 2


def test_simulated_time_is_not_waited_for_without_end() -> None:
    assert "nothing was sent until 3600.100" in fails("* > P. 1:10(9) ack 1")
