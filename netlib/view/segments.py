"""The segments of a TCP connection as a sequence diagram, on an axis that is true to scale.

    segments(sim.capture(link))                                what crossed a link; a lost segment ends in a cross
    segments("page.pcap", port=8080, hosts={"10.0.0.2": "h1"})
    segments(capture, since=0.2, until=0.3)                    a part of it, in seconds from its first packet
    segments(capture, scale="auto")                            ... with the axis stretched where much happens at once
    segments(capture, notes={"h1": recording})                 with what an end did and why: states, timeouts, losses

An arrow says its flags and, relative to the SYNs, seq, ack and length.  What was sent again is thick, and says so; of
bytes that were not seen at this place before, though others behind them were, it says that they fill a gap: they are
late, or their first copy was lost on the way here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from netlib.view import arrivals
from netlib.view.conversation import Conversation, Segment, conversation
from netlib.view.recording import Recording, states_in
from netlib.view.sequence import SequenceDiagram

MOST = 60  # arrows


class SegmentDiagram(SequenceDiagram):
    """A sequence diagram whose words stand beside its columns, where there are two: there is room for a true axis."""

    def draw(self) -> tuple[str, int]:
        if self.scale != "true" or len(self.participants) != 2:
            return super().draw()
        messages, notes, _ = self.shown()
        return arrivals.draw(self.participants, messages, notes, self.ms, self.more)


def segments(capture: Any, port: int | None = None, *, hosts: Mapping[str, str] | None = None, since: float = 0.0,
             until: float = float("inf"), notes: Mapping[str, Any] | None = None, most: int = MOST,
             title: str = "", scale: Any = "true") -> SegmentDiagram:  # fmt: skip
    """The sequence diagram of a connection in `capture`, which may be of any kind that `conversation` takes.

    `hosts` names addresses; `notes` has the recording of a connection (or its events) for the names of columns, of
    which is shown what happened until the last segment arrived.
    """
    talk = conversation(capture, port)
    if not talk.segments:
        raise ValueError("no segments")
    start = talk.segments[0].time
    names = {str(address): name for address, name in (hosts or {}).items()}
    diagram = SegmentDiagram(columns(talk, names), title=title or f"TCP between {talk.name}", start=start,
                              scale=scale, most=most)  # fmt: skip
    shown = [s for s in talk.segments if start + since <= s.time <= start + until]
    for segment, source, destination, received in sent(talk, shown, names):
        diagram.message(source, destination, segment.label, sent=segment.time, received=received,
                        words=segment.words, heavy=bool(segment.remark))  # fmt: skip
    last = max((m.received or m.sent for m in diagram.messages), default=start)
    for name, told in (notes or {}).items():
        for time, words in remarks(told):
            if start + since <= time <= min(start + until, last):  # a TIME-WAIT would leave no room for the rest
                diagram.note(name, time, words)
    return diagram


def columns(talk: Conversation, names: Mapping[str, str]) -> list[str]:
    """Who takes part, in the order of the way from the end that opened the connection."""
    if at_points(talk):
        return [end_name(talk, side, names) for side in (0, 1)]
    from netlib.view.matching import along_the_path

    return along_the_path([s.place for s in talk.segments])


def at_points(talk: Conversation) -> bool:
    """Whether the capture has seen packets at points, and not on their way from one node to the next."""
    return all(source == destination for source, destination in talk.places)


def end_name(talk: Conversation, side: int, names: Mapping[str, str]) -> str:
    address, port = talk.ends[side]
    name = names.get(str(address), f"{address}:{port}")
    return name if name != names.get(str(talk.ends[1 - side][0])) else f"{name}:{port}"


def sent(talk: Conversation, shown: list[Segment],
         names: Mapping[str, str]) -> Iterator[tuple[Segment, str, str, float | None]]:  # fmt: skip
    """(segment, from, to, when it arrived) for each arrow."""
    ends = [end_name(talk, side, names) for side in (0, 1)]
    if not at_points(talk):
        for s in shown:
            yield s, *s.place, s.arrival
        return
    # seen at one point: level arrows; at two: from where it was seen first to where it was seen then
    places = [place for place, _ in talk.places]
    if len(places) < 2:
        for s in shown:
            yield s, ends[s.side], ends[1 - s.side], s.time
        return
    near = [talk.at_one_place(side)[0].place[0] for side in (0, 1)]
    later: dict[tuple[int, bytes], list[Segment]] = {}
    for s in talk.segments:
        if s.place[0] != near[s.side]:
            later.setdefault((s.side, s.segment.build()), []).append(s)
    for s in shown:
        if s.place[0] == near[s.side]:
            arrived = [other for other in later.get((s.side, s.segment.build()), []) if other.time >= s.time]
            if arrived:
                later[s.side, s.segment.build()].remove(arrived[0])
            yield s, ends[s.side], ends[1 - s.side], arrived[0].time if arrived else None


def remarks(told: Any) -> Iterator[tuple[float, str]]:
    """What is worth a note of what a connection has told."""
    events = told.told if isinstance(told, Recording) else getattr(told, "events", told)
    for time, state, _ in states_in(events):
        yield time, state
    for event in events:
        if event.kind in ("loss", "error") or (event.kind == "timer" and "timeout" in event.because):
            yield event.at, event.because
