"""A capture as it grows: `netlib lab capture`.

The recorder writes its file in whole blocks; `Tail` takes what is new since the last look and cuts it into packets.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from netlib.lab.capture import Capture

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
