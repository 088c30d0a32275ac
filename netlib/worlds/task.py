"""What an application may wait for.  Applications are coroutines, written once for every world:

    async def greet(host):
        await sleep(0.5)                            seconds, simulated or real
        if await readable(socket, timeout=1.0):     True as soon as something can be received
            ...
        print(await now())

Each `await` hands one request to the world that runs the coroutine, which answers when the time has come.
There is no event loop here, so this does not meddle with the one that Jupyter already runs.
"""

from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Protocol


class Readable(Protocol):
    """Anything that can tell whether there is something to receive."""

    @property
    def readable(self) -> bool: ...


@dataclass(frozen=True)
class AnyOf:
    """Readable as soon as one of several sockets is: `await readable(AnyOf([one, another]), timeout)`."""

    sockets: Sequence[Readable]

    @property
    def readable(self) -> bool:
        return any(socket.readable for socket in self.sockets)

    @property
    def sources(self) -> tuple[Any, ...] | None:
        """Those of all its sockets, if they all tell (worlds/waiting.py)."""
        found: list[Any] = []
        for socket in self.sockets:
            own = getattr(socket, "sources", None)
            if own is None:
                return None
            found += own
        return tuple(found)


class Writable(Protocol):
    """Anything that can tell whether it takes something to send."""

    @property
    def writable(self) -> bool: ...


@dataclass(frozen=True)
class ReadyToSend:
    """A socket that is waited for because there is something to send: readable when the socket is writable."""

    socket: Writable

    @property
    def readable(self) -> bool:
        return self.socket.writable

    @property
    def sources(self) -> tuple[Any, ...] | None:
        return getattr(self.socket, "sources", None)


@dataclass(frozen=True)
class Request:
    """What a coroutine waits for: the socket to become readable, or the time-out (seconds) to run out."""

    socket: Readable | None
    timeout: float | None

    def __await__(self) -> "Generator[Request, Any, Any]":
        return (yield self)


def proceed(coroutine: Coroutine[Any, Any, Any], answer: Any) -> Request:
    """Let a coroutine go on with the answer to its last request, up to its next one.

    Raises StopIteration with its result at its end, and TypeError for what is no coroutine of this kind.
    """
    if type(coroutine) is not CoroutineType and not isinstance(coroutine, Coroutine):
        raise TypeError(f"{coroutine!r:.80} is no coroutine: call an `async def` function, as in run(ping(host, ...))")
    request = coroutine.send(answer)
    if not isinstance(request, Request):
        coroutine.close()
        raise TypeError(f"awaited {request!r:.80}: here only now(), sleep() and readable() of netlib.worlds.task work")
    return request


async def now() -> float:
    """The time in this world, in seconds; only differences mean something."""
    time: float = await Request(None, None)
    return time


async def sleep(seconds: float) -> None:
    """Wait for this long."""
    await Request(None, max(0.0, seconds))


async def readable(socket: Readable, timeout: float | None = None) -> bool:
    """Wait until `socket` has something to receive; False if `timeout` seconds pass first."""
    answer: bool = await Request(socket, timeout)
    return answer


async def writable(socket: Writable, timeout: float | None = None) -> bool:
    """Wait until `socket` takes something to send; False if `timeout` seconds pass first."""
    return await readable(ReadyToSend(socket), timeout)
