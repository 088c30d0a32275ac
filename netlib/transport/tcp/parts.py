"""The parts of TCP that may be yours: `Host("me", Random(1), Parts(tcp=TCPParts(reassembler=MyReassembler)))`.

    unwrap, before   functions       sequence arithmetic: sequence.py
    reassembler      (next, limit)   puts bytes in order: ReassemblerPart in reassembler.py
    rtt              ()              the retransmission timeout: RTTPart in rtt.py
    congestion       (mss)           how much may be in flight: CongestionPart in congestion/control.py
    recovery         (sack, mss, start)              which bytes are lost: LossRecovery in recovery.py
    output           (settings)      whether little data waits: OutputPart in output.py
    acknowledgment   (settings)      what is acknowledged at once: AcknowledgmentPart in acknowledgment.py
    connection       (iss, mss, parts, settings)     all of it: ConnectionPart in own_connection.py

Each is a Protocol of a few methods; whatever has them will do, and is made by what stands here: a class, or any
function of these arguments.  What is not netlib's own is looked at whenever it says something (checked.py).
Each of them, written anew in its shortest useful form, is in examples/.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from netlib.transport.tcp.acknowledgment import AcknowledgmentPart, DelayedAcknowledgment
from netlib.transport.tcp.checked import checked
from netlib.transport.tcp.congestion.control import CongestionPart
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.output import Output, OutputPart
from netlib.transport.tcp.reassembler import Reassembler, ReassemblerPart
from netlib.transport.tcp.recovery import LossRecovery, loss_recovery
from netlib.transport.tcp.rtt import RTT, RTTPart
from netlib.transport.tcp.sequence import before, unwrap
from netlib.transport.tcp.variables import Settings


@dataclass(frozen=True)
class TCPParts:
    """What makes each part of a connection."""

    unwrap: Callable[[int, int], int] = unwrap
    before: Callable[[int, int], bool] = before
    reassembler: Callable[[int, int], ReassemblerPart] = Reassembler
    rtt: Callable[[], RTTPart] = RTT
    recovery: Callable[[bool, int, int], LossRecovery] = loss_recovery
    congestion: Callable[[int], CongestionPart] = Reno
    output: Callable[[Settings], OutputPart] = Output
    acknowledgment: Callable[[Settings], AcknowledgmentPart] = DelayedAcknowledgment
    connection: Callable[..., Any] | None = None  # None: netlib's, connection.py

    def __post_init__(self) -> None:
        for field in fields(self):
            made_by = getattr(self, field.name)
            if not callable(made_by) and (field.name != "connection" or made_by is not None):
                raise TypeError(f"the part {field.name} is {made_by!r:.60}: it has to be a class or a function")

    def make(self, name: str, *arguments: Any) -> Any:
        """The part of this name for one connection, guarded if it is yours: `make("rtt")`, `make("congestion", mss)`.

        The functions `unwrap` and `before` are made already: `make("unwrap")` is the function.
        """
        if name in ("unwrap", "before"):
            return checked(name, getattr(self, name))
        part = getattr(self, name)(*arguments)
        return checked(name, part, arguments[2]) if name == "recovery" else checked(name, part)
