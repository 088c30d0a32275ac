"""Bytes on their way between pipes, without a thread for each: what the recorder and the replay engine share.

A `Flow` is one direction, from a descriptor (or from bytes that are there already) to another. A `Pump` moves several
at once, and tells the status of a command when all that the command wrote has been passed on.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Sequence

CHUNK = 4096  # bytes: PIPE_BUF, which a pipe that is ready to be written takes without blocking (pipe(7))
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Flow:
    """One direction. It owns its descriptors, and closes the sink when the source has ended and all is passed on.

    `kept` is all that came from the source. When nobody reads the sink any more, the source is closed, so that its
    writer meets a broken pipe as it would without us.
    """

    def __init__(self, source: int | None, sink: int | None, pending: bytes = b""):
        self.source, self.sink = source, sink
        self.kept = bytearray()
        self.whole = source is None  # has the source ended by itself?
        self._pending = memoryview(pending)

    @property
    def pending(self) -> bool:
        return bool(self._pending) and self.sink is not None

    @property
    def open(self) -> bool:
        return self.source is not None or self.pending

    def register(self, poll: select.poll) -> None:
        """What it waits for: room while something is pending, otherwise the source, and the reader's end."""
        if self.sink is not None:
            poll.register(self.sink, select.POLLOUT if self._pending else 0)
        if self.source is not None and not self._pending:
            poll.register(self.source, select.POLLIN)

    def handle(self, events: dict[int, int]) -> None:
        if self.sink is not None and self.sink in events:
            if self._pending and events[self.sink] & select.POLLOUT:
                self._write()
            elif events[self.sink] & _GONE:
                self.close()
        if self.source is not None and self.source in events and not self._pending:
            self._read()

    def _read(self) -> None:
        assert self.source is not None
        data = os.read(self.source, 1 << 16)
        self.kept += data
        if self.sink is not None:
            self._pending = memoryview(data)
        if not data:
            self.whole = True
            self.close()

    def _write(self) -> None:
        assert self.sink is not None
        try:
            count = os.write(self.sink, self._pending[:CHUNK])
        except BlockingIOError:
            return
        except OSError:  # its reader has gone
            self.close()
            return
        self._pending = self._pending[count:]

    def has_more(self) -> bool:
        """Is something to be read right now?"""
        if self.source is None:
            return False
        poll = select.poll()
        poll.register(self.source, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def close(self) -> None:
        for fd in (self.source, self.sink):
            if fd is not None:
                os.close(fd)
        self.source = self.sink = None
        self._pending = memoryview(b"")


class Pump:
    """The flows of one command. `outputs` are those that must be passed on before `tell` may be called.

    `status` is a pipe to read the status from; without one, the status is there as soon as the outputs are written.
    `tell` gets what the pipe said: empty, when it was closed without a word.
    """

    def __init__(
        self,
        outputs: Sequence[Flow],
        others: Sequence[Flow] = (),
        status: int | None = None,
        tell: Callable[[bytes], None] = lambda text: None,
    ):
        self.outputs, self.others, self.status = list(outputs), list(others), status
        self.hasty = False  # drop what nobody has read yet, as when a command is killed
        self._tell = tell
        self._text: bytes | None = b"" if status is None else None
        self._told = False

    @property
    def finished(self) -> bool:
        return self._told and not any(flow.open for flow in (*self.outputs, *self.others))

    def step(self, timeout: float | None) -> bool:
        """Move what can be moved; wait up to `timeout` seconds for it. False when there was nothing to move."""
        self._tell_when_passed_on()
        if self.finished:
            return False
        poll = select.poll()
        for flow in (*self.outputs, *self.others):
            flow.register(poll)
        if self.status is not None:
            poll.register(self.status, select.POLLIN)
        events = dict(poll.poll(None if timeout is None else timeout * 1000))
        for flow in (*self.outputs, *self.others):
            flow.handle(events)
        if self.status is not None and self.status in events:
            self._text = os.read(self.status, CHUNK)
            os.close(self.status)
            self.status = None
        self._tell_when_passed_on()
        return bool(events) and not self.finished

    def _tell_when_passed_on(self) -> None:
        """A daemon may hold the outputs open for ever: what counts is that nothing waits in them."""
        if self._text is None or self._told:
            return
        if self.hasty or not any(flow.pending or flow.has_more() for flow in self.outputs):
            self._told = True
            for flow in (*self.others, *(flow for flow in self.outputs if flow.source is None)):
                flow.close()
            self._tell(self._text)

    def run(self) -> None:
        """Move everything, to the end."""
        with contextlib.suppress(OSError):
            while not self.finished:
                self.step(None)
