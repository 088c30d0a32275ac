"""Packet scripts: one host, what its program calls, what comes from the network, and what it must answer, and when.

    print(run_script('''
        0    s = socket()
        +0   s.bind(80)
        +0   s.listen(1)
        +0   < S 0:0(0) win 1000 <mss 1000>            # a SYN comes in
        +0   > S. 0:0(0) ack 1 <mss 1460>              # netlib must send this, and nothing else
        +.1  < . 1:1(0) ack 1 win 1000
        +0   c = s.accept()
        +0   c.send(500) == 500
        +0   > P. 1:501(500) ack 1
        +.2~+.3 > P. 1:501(500) ack 1                  # no acknowledgment came: between .2 and .3 s later, again
        +0   c.state == "ESTABLISHED"
    '''))

Each line is a time and an event.  +.1 is so many seconds after the event before, 2.5 after the start, +.1~+.3 between
two times, * whenever (within an hour).  What netlib sends, the script must say, in this order: anything else, or at
another time, is a `ScriptError`, which shows both.  "#" begins a comment.  Before all may stand `mtu 576`, `ipv6`, and
`connected win 65535 <mss 1460> with receive_buffer 5000`, which is short for the lines above: then there is a `c`, at
0.1 s, to a peer with this window and these options; what follows "with" are options of the socket.

    < FLAGS FIRST:AFTER(LENGTH) ack N win N urg N <OPTIONS>     a segment from the network
    > FLAGS FIRST:AFTER(LENGTH) ack N win N urg N <OPTIONS>     one that netlib must send now
    < icmp host unreachable of FLAGS FIRST:AFTER(LENGTH) ...    an ICMP error that quotes one of netlib's segments
    s = socket()                                                a stream socket; its calls: netlib/kernel/streams.py
    c = connection()                                            a bare connection, with the RFC's calls: open, listen,
                                                                send, recv, close, abort (RFC 9293 section 3.10)
    c.send(1000) == 1000        c.recv(100) == None             how many bytes; what they are is checked, too
    c.connect() raises ENETUNREACH
    c.cwnd > 10      c.snd.una == c.snd.iss + 1      c.told("R1")      must be true; the last: is there such an event

Flags are S F R P U E (ECE) W (CWR) and . (ACK).  Numbers count from each side's first, which is 0.  Of a sent segment
the options must be as said, none where none are said, any with <...>; the window only where it is said.  Before the
flags may stand what is around the segment: [ttl 9], [dscp 46], [ecn ce], [from 192.0.2.3:80], [to :81], [ip options
0101], [bad checksum].  The host is 192.0.2.1 (2001:db8::1), the peer 192.0.2.2; ports are those of the last bind or
connect, and 40000 for a peer that connects.

What has run can be looked at: `run.packets` as a capture (`segments(run.packets)`), `run.names["c"].events` with all
that the connection did and why (`state_path(run.names["c"].events)`), `run.host`.  Parts of yours are tried by
`run_script(text, parts=Parts(tcp=TCPParts(rtt=MyRTT)))`.
"""

from netlib.host import Parts
from netlib.worlds.script.language import ScriptError, read
from netlib.worlds.script.run import Run

__all__ = ["Run", "ScriptError", "run_script"]


def run_script(text: str, name: str = "script", *, parts: Parts | None = None, seed: int = 1,
               peer_isn: int = 1_000_000) -> "Run":  # fmt: skip
    """Run a script to its end; what has happened, which prints as a script does.

    `ScriptError` where netlib does other than it says, or where it can't be read.  `peer_isn` is the peer's first
    sequence number: a script must hold for any.
    """
    try:
        settings, events = read(text, name)
        run = Run(name, settings, parts or Parts(), seed, peer_isn)
        for event in events:
            run.do(event)
        run.nothing_more(None)
        return run
    except ScriptError as error:
        raise error.with_traceback(None) from None  # what counts is where in the script, not where in here
