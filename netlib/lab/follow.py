"""A capture as it grows: `netlib lab capture`.

The recorder writes its file in whole blocks; `Tail` takes what is new since the last look and cuts it into packets,
and `Output` prints them, or writes them on as a pcap file.
"""

from __future__ import annotations

import os
import select
import signal
import struct
from collections.abc import Iterator

from netlib.lab.capture import Capture
from netlib.lab.errors import LabError
from netlib.wire.packet import decode

HEADER, RECORD = 24, struct.Struct("=IIII")  # bytes before the first packet; before each: s, ns, length, length
CHUNK = 1 << 20  # bytes read at once


class Tail:
    """What has been added to a capture's file."""

    def __init__(self, capture: Capture):
        self.capture = capture
        self._file = os.open(capture.path, os.O_RDONLY | os.O_CLOEXEC)
        self._waiting = bytearray()
        self.header = b""

    def new(self) -> Iterator[tuple[float, bytes, bytes]]:
        """Each packet since the last look: its time in seconds, its record as it is in the file, its frame."""
        while data := os.read(self._file, CHUNK):
            self._waiting += data
            if not self.header:
                if len(self._waiting) < HEADER:
                    continue
                self.header = bytes(self._waiting[:HEADER])
                del self._waiting[:HEADER]
            at = 0
            while len(self._waiting) >= at + RECORD.size:
                seconds, nanoseconds, length, _ = RECORD.unpack_from(self._waiting, at)
                end = at + RECORD.size + length
                if len(self._waiting) < end:
                    break
                record = bytes(self._waiting[at:end])
                yield seconds + nanoseconds / 1e9, record, record[RECORD.size :]
                at = end
            del self._waiting[:at]

    def close(self) -> None:
        os.close(self._file)


class Ended:
    """True once Ctrl-C or SIGTERM has come: then what is there is still written."""

    def __init__(self) -> None:
        self.came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.came = True

    def __bool__(self) -> bool:
        return self.came


class Output:
    """Where a capture goes: lines on stdout, or a pcap file there or elsewhere."""

    def __init__(self, path: str | None):
        self.packets = 0
        self._broken = False
        self._first: float | None = None
        self._file = -1 if path is None else 1
        if path not in (None, "-"):
            try:
                self._file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise LabError(f"{path} cannot be written: {error.strerror}") from None
        self._began = False

    def full(self, count: int) -> bool:
        return bool(count) and self.packets >= count

    def closed(self, wait: int) -> bool:
        """Has the program that reads our output gone? Waits so many milliseconds for that."""
        poll = select.poll()
        if self._file in (-1, 1):
            poll.register(1, 0)
        return self._broken or any(events & select.POLLERR for _, events in poll.poll(wait))

    def take(self, tail: Tail, count: int) -> None:
        """All that is new, up to so many packets."""
        if self._broken or self.full(count):
            return
        try:
            for time, record, frame in tail.new():
                self._begin(tail)
                self.packets += 1
                if self._file >= 0:
                    _write_all(self._file, record)
                else:
                    self._first = time if self._first is None else self._first
                    print(f"{(time - self._first) * 1000:10.3f} ms  {decode(frame)}", flush=True)
                if self.full(count):
                    break
            self._begin(tail)
        except BrokenPipeError:
            self._broken = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that Python's own flush at the end has no trouble
        except OSError as error:
            raise LabError(f"the capture cannot be written: {error.strerror}") from None

    def _begin(self, tail: Tail) -> None:
        """The pcap file's header, once: Wireshark waits for it."""
        if self._file >= 0 and tail.header and not self._began:
            _write_all(self._file, tail.header)
            self._began = True

    def end(self) -> None:
        if self._file > 2:
            os.close(self._file)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
