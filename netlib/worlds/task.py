"""What an application may wait for.  Applications are coroutines, written once for every world:

    async def greet(host):
        await sleep(0.5)                            seconds, simulated or real
        if await readable(socket, timeout=1.0):     True as soon as something can be received
            ...
        print(await now())

Each `await` hands one request to the world that runs the coroutine, which answers when the time has come.
There is no event loop here, so this does not meddle with the one that Jupyter already runs.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol


class Readable(Protocol):
    """Anything that can tell whether there is something to receive."""

    @property
    def readable(self) -> bool: ...


@dataclass(frozen=True)
class Request:
    """What a coroutine waits for: the socket to become readable, or the time-out (seconds) to run out."""

    socket: Readable | None
    timeout: float | None

    def __await__(self) -> "Generator[Request, Any, Any]":
        return (yield self)


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
