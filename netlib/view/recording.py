"""A recording of a connection: what it knew whenever it did or decided something.

    socket.connect("10.0.2.2", 80)
    recording = record(socket, bottleneck=far)       a link of the simulation, whose queue is recorded too
    sim.run(...)
    windows(recording); byte_strip(recording); state_path(recording)

It works in every world, for a socket or a bare `Connection`: each event that the connection tells (`sent`, `held`,
`acknowledged`, `loss`, `state`, ...) is a moment that is kept, so nothing is missed between two samples, and a
connection that is idle costs nothing.  Of very long runs every second moment is left out, then every second of these.
"""

from typing import Any

from netlib.transport.tcp.variables import Event, Events
from netlib.view.moments import Moment, Track, between, moment_of
from netlib.worlds.links import Capture

MOST = 20_000  # moments


class Tape(Events):
    """The events of a connection; the recording hears of each that is added."""

    def __init__(self, recording: "Recording", events: Events) -> None:
        super().__init__()
        self.extend(events)
        self.recording = recording

    def append(self, event: Any) -> None:
        super().append(event)
        self.recording.hear(Event._make(event))


class Recording:
    """What `record` returns."""

    def __init__(self, connection: Any, bottleneck: Any = None) -> None:
        self.connection, self.bottleneck = connection, bottleneck
        self.moments: list[Moment] = []
        self.told: list[Event] = []  # of all kinds but "sent", "held" and "writable"
        self.every, self.skipped = 1, 0
        self.capture = Capture("ethernet")
        if bottleneck is not None:
            bottleneck.captures.append(self.capture)
        last = 0.0
        for event in connection.events:
            self.keep(event)
            last = event.at
        self.look(last)
        connection.events = Tape(self, connection.events)

    def hear(self, event: Event) -> None:
        self.keep(event)
        self.look(event.at)

    def keep(self, event: Event) -> None:
        if event.kind not in ("sent", "held", "readable", "writable") and len(self.told) < MOST:
            self.told.append(event)

    def look(self, now: float) -> None:
        """Keep what the connection knows now; of several looks at one time the last."""
        if self.moments and self.moments[-1].time == now:
            self.moments.pop()
        elif self.skipped < self.every - 1:
            self.skipped += 1
            return
        self.skipped = 0
        self.moments.append(moment_of(self.connection, now))
        if len(self.moments) > MOST:
            del self.moments[1::2]
            self.every *= 2

    def stop(self) -> None:
        """Record no more."""
        events = Events()
        events.extend(self.connection.events)
        self.connection.events = events
        if self.bottleneck is not None and self.capture in self.bottleneck.captures:
            self.bottleneck.captures.remove(self.capture)

    def states(self) -> list[tuple[float, str, str]]:
        """(time, state, because) of each state that was entered."""
        return states_in(self.told)

    def track(self) -> Track:
        """All of it, for a picture."""
        told: dict[str, list[tuple[float, str]]] = {"resent": [], "timer": [], "loss": []}
        for event in self.told:
            told.get(event.kind, []).append((event.at, event.because))
        timeouts = [found for found in told["timer"] if "retransmission timeout" in found[1]]
        track = Track(between(self.connection), self.moments, told["resent"], timeouts, told["loss"])
        track.began = self.told[0].at if self.told else None
        if self.bottleneck is None:
            track.known = "No bottleneck was recorded: record(socket, bottleneck=link) draws its queue too."
        elif self.bottleneck.rate is None:
            track.known = f"{self.bottleneck!r} has no rate, so nothing waits for it."
        else:
            self.add_queue(track)
        return track

    def add_queue(self, track: Track) -> None:
        """What waited at the bottleneck, in its busier direction: worked out from when each frame had been sent."""
        link, crossings = self.bottleneck, self.capture.crossings
        busier = max(link.directions, key=lambda direction: direction.bytes)
        sender = busier.sender.name
        track.queue_name = f"from {sender} to {busier.receiver.name}"
        track.queue_limit = link.queue if link.queue != float("inf") else None
        per_second = link.rate / 8
        for crossing in crossings:
            if crossing.sender != sender:
                continue
            if crossing.arrival is None:
                track.lost.append(crossing.time)
                continue
            before, waiting = track.queue[-1] if track.queue else (crossing.time, 0.0)
            left = waiting - per_second * (crossing.time - before)
            if left < 0 and waiting > 0:
                track.queue.append((before + waiting / per_second, 0.0))
            now = per_second * (crossing.arrival - link.delay - crossing.time)
            track.queue += [(crossing.time, max(0.0, left)), (crossing.time, max(0.0, now))]
        if track.queue and track.queue[-1][1]:
            track.queue.append((track.queue[-1][0] + track.queue[-1][1] / per_second, 0.0))


def record(socket: Any, bottleneck: Any = None) -> Recording:
    """Record a stream socket that is connected, or a `Connection`, from now on; `bottleneck` is a simulated link.

    Raises `ValueError` for a socket that has no connection yet.
    """
    connection = getattr(socket, "connection", socket)
    if connection is None:
        raise ValueError("this socket has no connection to record yet: connect it first, or record what accept returns")
    return Recording(connection, bottleneck)


def states_in(events: Any) -> list[tuple[float, str, str]]:
    """The states that events tell of: (time, state, because)."""
    found = []
    for event in events:
        if event.kind == "state":
            state, _, because = event.because.partition(": ")
            found.append((event.at, state, because))
    return found
