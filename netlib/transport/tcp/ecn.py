"""Explicit congestion notification at the two ends of a connection (RFC 3168 section 6.1).

    a router marks a packet CE -> the receiver sets ECE in every acknowledgment, until ...
    ... the sender, who has halved its window, says so with CWR on its next new data

Two bits of the TCP header tell of two bits of the IP header, which this file never sees: the connection is told
whether a segment came in a packet marked CE, and says by `may_be_marked` which packets may be, as ECT(0).
"""

from netlib.wire.tcp import TCPSegment


class ECN:
    """Whether the ends have agreed on it (`on`), and what they owe each other."""

    __slots__ = ("echo", "on", "reduced", "reducing", "wanted")

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.on = False
        self.echo = False  # we have seen CE and say so until CWR comes
        self.reduced = False  # we have reduced the window and have to say so
        self.reducing: int | None = None  # what was sent up to here when we reduced it: once is enough until then

    def on_syn(self, segment: TCPSegment) -> None:
        """The peer's SYN, or SYN,ACK."""
        # "we call a SYN packet with the ECE and CWR flags set an 'ECN-setup SYN packet'" and "a SYN-ACK packet with
        # only the ECE flag set but the CWR flag not set an 'ECN-setup SYN-ACK packet'" (6.1.1)
        self.on = self.wanted and segment.ece and segment.cwr != segment.ack

    def setup(self, answer: bool) -> tuple[bool, bool]:
        """ECE and CWR of our SYN, or of our SYN,ACK as the `answer` to one."""
        return (self.on, False) if answer else (self.wanted, self.wanted)

    def on_segment(self, segment: TCPSegment, ce: bool) -> None:
        """A segment with data, from a packet that was marked CE or not."""
        if not self.on:
            return
        if segment.cwr:
            self.echo = False
        # "If another CE packet is received by the data receiver, the receiver would once again send ACK packets with
        # the ECN-Echo flag set" (6.1.3): also if it is the one with CWR, hence in this order
        if ce:
            self.echo = True

    def reacts(self, segment: TCPSegment, una: int, nxt: int) -> bool:
        """Whether the ECE of this acknowledgment is to reduce the window.

        "TCP should not react to congestion indications more than once every window of data" (6.1.2).
        """
        if not (self.on and segment.ece) or segment.syn or (self.reducing is not None and una <= self.reducing):
            return False
        self.window_cut(nxt)
        return True

    def window_cut(self, nxt: int) -> None:
        """The congestion window was reduced "for any reason (because of a retransmit timeout, a Fast Retransmit, or in
        response to an ECN Notification)": the peer is told, and for what was sent before `nxt` that is enough (6.1.2).
        """
        self.reducing, self.reduced = nxt, True

    def flags(self, new_data: bool) -> tuple[bool, bool]:
        """ECE and CWR of a segment that goes out: CWR "on the first new data packet" after a reduction."""
        if not self.on:
            return False, False
        cwr = new_data and self.reduced
        if cwr:
            self.reduced = False
        return self.echo, cwr
