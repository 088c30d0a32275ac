"""What is known of one direction of a connection at a moment, and over time: for the pictures of its windows.

    una            nxt              edge
     |  in flight   |  may be sent   |        bytes, the SYN is number 0
     |     ###  ##  |                         SACKed: the peer holds these beyond a gap

A `Track` is made by a recording (recording.py) or from a capture (conversation.py), which knows less.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlib.transport.tcp.scoreboard import Scoreboard

RANGES = 64  # SACKed ranges that a moment keeps: a picture shows no more


class Moment(NamedTuple):
    """One direction of a connection; sequence numbers relative to the SYN's, times in seconds, windows in bytes."""

    time: float
    una: int  # the oldest byte that is not acknowledged
    nxt: int  # the one after the last that was sent
    edge: int | None  # the one after the last that the peer allows; None: not known
    sacked: tuple[tuple[int, int], ...] = ()
    cwnd: int | None = None  # None: not known
    ssthresh: int | None = None
    end: int | None = None  # the byte after the last that the user has given to send

    @property
    def flight(self) -> int:
        return self.nxt - self.una

    @property
    def limit(self) -> int | None:
        """Up to where bytes may be sent: by the peer's window and, where it is known, the congestion window."""
        known = [at for at in (self.edge, None if self.cwnd is None else self.una + self.cwnd) if at is not None]
        return min(known) if known else None

    @property
    def holes(self) -> list[tuple[int, int]]:
        """What is missing below SACKed bytes."""
        found, at = [], self.una
        for start, end in self.sacked:
            if start > at:
                found.append((at, start))
            at = max(at, end)
        return found


@dataclass
class Track:
    """One direction over time."""

    name: str
    moments: list[Moment]
    resent: list[tuple[float, str]] = field(default_factory=list)  # when something was sent again, and why
    timeouts: list[tuple[float, str]] = field(default_factory=list)
    losses: list[tuple[float, str]] = field(default_factory=list)  # when a loss was noticed, and by what
    queue: list[tuple[float, float]] = field(default_factory=list)  # bytes that wait at the bottleneck
    queue_limit: float | None = None  # bytes
    queue_name: str = ""
    lost: list[float] = field(default_factory=list)  # when a packet was lost, or found the queue full
    known: str = ""  # what is not known, in a sentence
    began: float | None = None  # when the connection did, where that was before the first moment

    @property
    def start(self) -> float:
        """The time from which the pictures count (seconds)."""
        first = self.moments[0].time if self.moments else 0.0
        return first if self.began is None else min(first, self.began)

    def at(self, time: float) -> Moment:
        """What held at a time (seconds): the last moment before it, or the first of all."""
        if not self.moments:
            raise ValueError(f"{self.name}: nothing was sent")
        before = [moment for moment in self.moments if moment.time <= time]
        return (before[-1] if before else self.moments[0])._replace(time=time)


def moment_of(connection: Any, now: float) -> Moment:
    """What a connection of netlib's knows now."""
    snd, iss = connection.snd, connection.snd.iss
    board = getattr(connection.recovery, "board", None)  # a recovery of yours may keep what is SACKed elsewhere
    sacked = zip(board.starts[:RANGES], board.ends[:RANGES], strict=True) if isinstance(board, Scoreboard) else ()
    return Moment(
        now, snd.una - iss, max(snd.nxt, snd.una) - iss,
        snd.una + snd.wnd - iss if snd.wnd or snd.una > iss else None,  # None: no word from the peer yet
        tuple((start - iss, end - iss) for start, end in sacked),
        connection.congestion.cwnd, connection.congestion.ssthresh, connection.end - iss,
    )  # fmt: skip


def track_of(what: Any, sender: int | None = None) -> Track:
    """The track of a recording, of a socket or connection as it is now, or from a capture of any kind."""
    from netlib.view.conversation import conversation

    if isinstance(what, Track):
        return what
    if hasattr(what, "track"):
        made: Track = what.track() if sender is None else what.track(sender)
        return made
    connection = getattr(what, "connection", what)
    if hasattr(connection, "snd"):
        now = connection.heard_at if connection is what else what.clock.now
        return Track(between(connection), [moment_of(connection, now)], known="A socket as it is now.")
    return conversation(what).track(sender)


def between(connection: Any) -> str:
    """The two ends of a connection, in words."""
    here, there = (":".join(map(str, end)) for end in (connection.local, connection.remote))
    return f"{here} to {there}"


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """Not more than `most` of them, evenly chosen, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]
