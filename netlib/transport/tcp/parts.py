"""The parts of a TCP connection that may be yours: `TCPParts(reassembler=MyReassembler)`.

    reassembler      (next, limit): puts bytes in order: ReassemblerPart in reassembler.py
    rtt              (): the retransmission timeout: RTTPart in rtt.py
    recovery         (sack, mss, start): which bytes are lost: LossRecovery in recovery.py
    congestion       (mss): how much may be in flight: CongestionControl in congestion/control.py
    output           (settings): whether little data waits: OutputPart in output.py
    acknowledgment   (settings): what is acknowledged at once: AcknowledgmentPart in acknowledgment.py

Each is a Protocol of a few methods; whatever has them will do.
"""

from collections.abc import Callable
from dataclasses import dataclass

from netlib.transport.tcp.acknowledgment import AcknowledgmentPart, DelayedAcknowledgment
from netlib.transport.tcp.congestion.control import CongestionControl
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.output import Output, OutputPart
from netlib.transport.tcp.reassembler import Reassembler, ReassemblerPart
from netlib.transport.tcp.recovery import LossRecovery, loss_recovery
from netlib.transport.tcp.rtt import RTT, RTTPart
from netlib.transport.tcp.variables import Settings


@dataclass(frozen=True)
class TCPParts:
    """What makes each part of a connection."""

    reassembler: Callable[[int, int], ReassemblerPart] = Reassembler
    rtt: Callable[[], RTTPart] = RTT
    recovery: Callable[[bool, int, int], LossRecovery] = loss_recovery
    congestion: Callable[[int], CongestionControl] = Reno
    output: Callable[[Settings], OutputPart] = Output
    acknowledgment: Callable[[Settings], AcknowledgmentPart] = DelayedAcknowledgment
