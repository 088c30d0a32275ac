"""Captures: what passed an interface of a node, as netlib packets.

The kernel copies each frame, both ways, to a socket that listens before `lab.capture` returns; a process in the node
writes them down with the kernel's time stamps. Nothing that was sent after the call is missing, and nothing that was
seen before `stop` is lost.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from netlib.lab.agent.recorder import STATISTICS, TROUBLE
from netlib.lab.errors import LabError
from netlib.lab.process import in_brackets

if TYPE_CHECKING:
    from netlib.lab.node import Node
    from netlib.view import SequenceDiagram
    from netlib.wire.packet import Packet

SIZE_LIMIT = 256 << 20  # bytes of pcap; more is counted as lost
LIMITS = f"it is made for 15,000 frames/s, and {SIZE_LIMIT >> 20} MiB"
ORDER_TIMEOUT = 30.0  # seconds for the recorder to write down what it has


class CaptureIncomplete(UserWarning):
    """Frames are missing in a capture."""


class Capture:
    """A running or finished capture. `path` is a pcap file that other tools can read too.

    Without a path of your own the file has no name in any folder, and goes away with this object. Frames that were too
    many for the recorder's buffer or for the disk are counted in `lost`; a warning, CaptureIncomplete, says so once.
    """

    def __init__(self, node: Node, interface: str, path: str | os.PathLike[str] | None = None):
        self.node, self.interface = node, interface
        self.mark = node.lab.mark
        self.frames = 0  # frames written, as of the last look
        self.lost = 0  # frames that were too many for the buffer or the disk
        self.trouble = ""  # why frames are missing, in a line; empty where none is
        self._packets: list[tuple[float, Packet]] | None = None
        self._file = _open(path)
        self._close_file = weakref.finalize(self, os.close, self._file)
        self.path = os.fspath(path) if path is not None else f"/proc/{os.getpid()}/fd/{self._file}"
        self._orders: socket.socket | None
        self._orders, theirs = socket.socketpair()
        self._orders.settimeout(ORDER_TIMEOUT)
        try:
            node._request("capture", [self._file, theirs.fileno()], interface=interface, limit=SIZE_LIMIT)
        except OSError as error:
            raise LabError(f"{node.name}:{interface} cannot be captured: {error.strerror}") from None
        finally:
            theirs.close()

    @property
    def running(self) -> bool:
        return self._orders is not None

    @property
    def packets(self) -> list[tuple[float, Packet]]:
        """What has passed so far: (time in seconds since 1970, packet), in order."""
        from netlib.wire.pcap import read_pcap

        if self._packets is not None:
            return self._packets
        self._flush()
        packets = list(read_pcap(self.path)) if os.fstat(self._file).st_size else []  # empty: the disk was full
        if not self.running:
            self._packets = packets
        return packets

    def stop(self) -> Capture:
        """Write down all that was seen, and end. A second stop does nothing."""
        self._finish()
        return self

    def _finish(self) -> None:
        if self._orders is not None:
            with contextlib.suppress(OSError):
                self._orders.shutdown(socket.SHUT_WR)
            self._hear()
            self._orders.close()
            self._orders = None

    def _flush(self) -> None:
        if self._orders is not None:
            with contextlib.suppress(OSError):
                self._orders.send(b".")
            self._hear()

    def _hear(self) -> None:
        """The recorder's answer to an order: its counters. None when the lab went down: the file stays as it is."""
        assert self._orders
        try:
            answer = self._orders.recv(STATISTICS.size + TROUBLE.size)
        except TimeoutError:
            raise LabError(f"the capture of {self.node.name}:{self.interface} does not answer") from None
        except OSError:
            answer = b""
        if len(answer) >= STATISTICS.size:
            self.frames, self.lost = STATISTICS.unpack_from(answer)
            self._warn(answer[STATISTICS.size :])

    def _warn(self, trouble: bytes) -> None:
        """Tell the reader, the first time, that frames are missing, and why."""
        told = bool(self.trouble)
        where = f"the capture of {self.node.name}:{self.interface}"
        if trouble:
            reason = os.strerror(TROUBLE.unpack(trouble)[0])
            fix = "make room there, or give lab.capture a path on another disk"
            self.trouble = f"{where} lost {self.lost} frames: its file could not grow ({reason}); {fix}"
        elif self.lost:
            self.trouble = f"{where} lost {self.lost} frames: more came than it could take or keep ({LIMITS})"
        if self.trouble and not told:
            warnings.warn(self.trouble, CaptureIncomplete, stacklevel=5)  # at the reader's own line

    def sequence(self, **options: Any) -> SequenceDiagram:
        """A sequence diagram of what was seen here; the topology names the addresses. Options: SequenceDiagram's."""
        from netlib.lab.captures import sequence

        return sequence([self], **options)

    @property
    def where(self) -> str:
        return f"{self.node.name}:{self.interface}"

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()

    def __len__(self) -> int:
        return len(self.packets)

    def __iter__(self) -> Any:
        return iter(self.packets)

    def __repr__(self) -> str:
        packets = self.packets
        state = "running" if self.running else "stopped"
        head = f"capture of {self.node.name}:{self.interface} ({state}): {len(packets)} packets"
        if self.lost:
            head += f", {self.lost} lost"
        head += in_brackets(self.mark)
        start = packets[0][0] if packets else 0.0
        lines = [f"{(time - start) * 1000:10.3f} ms  {packet}" for time, packet in packets[:20]]
        if len(packets) > 20:
            lines.append(f"... and {len(packets) - 20} more")
        return "\n".join([head, *lines])


def _open(path: str | os.PathLike[str] | None) -> int:
    """The file to write to: a new one at `path`, or one without a name, which the kernel frees with its last user."""
    if path is not None:
        try:
            return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LabError(f"{os.fspath(path)} cannot be written: {error.strerror}") from None
    try:
        with tempfile.TemporaryFile(prefix="netlib-") as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise LabError(f"no room for a capture in {tempfile.gettempdir()}: {error.strerror}") from None
