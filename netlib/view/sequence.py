"""Sequence diagrams: who sent what to whom, when it arrived, and what got lost.

    diagram = SequenceDiagram(["h1", "r1"])                      by hand; times in seconds
    diagram.message("h1", "r1", "echo request", sent=0, received=0.010)
    diagram.message("r1", "h1", "echo reply", sent=0.010, received=None)      None: it was lost
    diagram.note("h1", 1.010, "timeout")

    SequenceDiagram.from_crossings(simulation.capture(link), ...)   what crossed simulated links
    SequenceDiagram.from_captures({"h1": [(t, packet), ...], "r1": [...]})    one packet seen at several points
    SequenceDiagram.from_capture([(t, packet), ...], {"10.0.1.2": "h1"})      seen at one point

A column for each participant, time downwards on a true axis: the slope of an arrow is the time it took.  Where
messages follow each other so closely that a true axis could not be read, the axis is stretched, and says so;
the order is kept always.  The list beside the picture, and `print`, say the same in words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from netlib.view import arrows, matching
from netlib.view.html import CARD, INK, View, details, escape, html_table, image, text_table, visible
from netlib.wire.packet import Packet

Label = Callable[[Packet], str]
Scale = Literal["auto", "true", "order"]


@dataclass(frozen=True, slots=True)
class Message:
    """One arrow.  Times in seconds; `received` is None for a message that was lost."""

    source: str
    destination: str
    label: str  # short, for the arrow
    sent: float
    received: float | None
    words: str = ""  # longer, for the list
    heavy: bool = False  # drawn as a thick line

    @property
    def lost(self) -> bool:
        return self.received is None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened at one participant."""

    participant: str
    time: float  # seconds
    label: str


class CrossingLike(Protocol):
    """What a simulated link records of each frame."""

    @property
    def time(self) -> float: ...
    @property
    def packet(self) -> Packet: ...
    @property
    def sender(self) -> str: ...
    @property
    def receiver(self) -> str: ...
    @property
    def arrival(self) -> float | None: ...


class SequenceDiagram(View):
    """Participants, messages and notes.

    `start`: the time (seconds) that is shown as 0; that of the first event unless given.
    `scale`: "true" draws the time axis to scale, and leaves out labels that there is no room for; "order" spaces events
    evenly enough to read; "auto" decides.
    `most`: how many messages are shown; how many more there are is said.
    """

    def __init__(self, participants: Iterable[str], messages: Iterable[Message] = (), notes: Iterable[Note] = (), *,
                 title: str = "", start: float | None = None, scale: Scale = "auto",
                 most: int = 40) -> None:  # fmt: skip
        self.participants = list(dict.fromkeys(map(str, participants)))
        self.messages: list[Message] = []
        self.notes: list[Note] = []
        self.title, self.scale, self.most = title, scale, max(1, most)
        self._start = start
        for message in messages:
            self.message(message.source, message.destination, message.label, sent=message.sent,
                         received=message.received, words=message.words, heavy=message.heavy)  # fmt: skip
        for note in notes:
            self.note(note.participant, note.time, note.label)

    def message(self, source: str, destination: str, label: str, *, sent: float, received: float | None,
                words: str = "", heavy: bool = False) -> Self:  # fmt: skip
        """Add a message; times in seconds, `received` None where it was lost.  Returns the diagram."""
        if source == destination:
            raise ValueError(f"message {label!r:.60}: from {source} to itself; use note() for that")
        if received is not None and received < sent:
            raise ValueError(f"message {label!r:.60}: received at {received} s, before it was sent at {sent} s")
        self.take_part(source, destination)
        self.messages.append(Message(source, destination, label, sent, received, words, heavy))
        return self

    def note(self, participant: str, time: float, label: str) -> Self:
        """Add what happened at a participant at a time (seconds).  Returns the diagram."""
        self.take_part(participant)
        self.notes.append(Note(participant, time, label))
        return self

    def take_part(self, *names: str) -> None:
        self.participants += [name for name in names if name not in self.participants]

    @classmethod
    def from_crossings(cls, *captures: Any, hosts: Sequence[str] = (), label: Label | None = None,
                       **options: Any) -> Self:  # fmt: skip
        """What crossed links of a simulation: give what `Simulation.capture` returned, for each link.

        `hosts`: the columns, in order; unless given, along the path that the links make.
        `label(packet)`: the words for an arrow; the options are those of `SequenceDiagram`.
        """
        crossings: list[CrossingLike] = [c for capture in captures for c in getattr(capture, "crossings", capture)]
        crossings.sort(key=lambda crossing: crossing.time)
        order = hosts or matching.along_the_path([(c.sender, c.receiver) for c in crossings])
        diagram = cls(order, **options)
        for c in crossings:
            diagram.message(c.sender, c.receiver, (label or matching.describe)(c.packet), sent=c.time,
                            received=c.arrival, words=matching.in_full(c.packet))  # fmt: skip
        return diagram

    @classmethod
    def from_captures(cls, captures: Mapping[str, Any], *, hosts: Mapping[str, str] | None = None,
                      label: Label | None = None, **options: Any) -> Self:  # fmt: skip
        """The same packets seen at several points, such as {"h1": [(time, packet), ...], "r1": [...]}.

        A packet is recognised by what routers leave alone: addresses, protocol, identification, fragment and payload.
        Names such as "r1:eth1" and "r1:eth2" belong to one participant, r1.  What was seen at one point and then no
        more, although others like it went on, is drawn as lost.  `hosts` says where addresses live ({"10.0.1.2":
        "h1"}); unless given, an address lives where its packets were seen first.  Of one point alone
        `from_capture` makes the diagram.
        """
        points: dict[str, list[tuple[float, Packet]]] = {}
        for name, capture in captures.items():
            points.setdefault(str(name).partition(":")[0], []).extend(getattr(capture, "packets", capture))
        if len(points) == 1:
            return cls.from_capture(next(iter(points.values())), hosts, label=label, **options)
        diagram = cls(points, **options)
        for hop in matching.hops(points, hosts or {}):
            words = matching.in_full(hop.packet)
            short = (label or matching.describe)(hop.packet)
            if hop.destination is None:
                diagram.note(hop.source, hop.sent, hop.remark or f"{short} (seen only here)")
            else:
                diagram.message(hop.source, hop.destination, short, sent=hop.sent, received=hop.received, words=words)
        return diagram

    @classmethod
    def from_capture(cls, capture: Any, hosts: Mapping[str, str] | None = None, *, label: Label | None = None,
                     **options: Any) -> Self:  # fmt: skip
        """What was seen at one point: level arrows from address to address, at the time they passed there.

        `hosts` names addresses (several may have the same name); its order is that of the columns, and addresses
        without a name come before the last of them, as routers do before the destination.
        """
        names = {str(address): name for address, name in (hosts or {}).items()}
        first = list(dict.fromkeys(names.values()))
        last = first[1:][-1:]
        diagram = cls([name for name in first if name not in last], **options)
        for time, packet in sorted(getattr(capture, "packets", capture), key=lambda pair: pair[0]):
            source, destination = (names.get(end, end) for end in matching.ends(packet))
            short = (label or matching.describe)(packet)
            if source == destination:
                diagram.note(source, time, short)
            else:
                diagram.message(source, destination, short, sent=time, received=time, words=matching.in_full(packet))
        diagram.participants = [name for name in diagram.participants if name not in last] + last
        return diagram

    @property
    def start(self) -> float:
        """The time that is shown as 0."""
        if self._start is not None:
            return self._start
        return min([m.sent for m in self.messages] + [n.time for n in self.notes], default=0.0)

    def ms(self, time: float) -> float:
        return 1000 * (time - self.start)

    def shown(self) -> tuple[list[Message], list[Note], int]:
        """The messages and notes that are shown, in order, and how many messages are not."""
        messages = sorted(self.messages, key=lambda m: m.sent)
        left = max(0, len(messages) - self.most)
        notes = sorted(self.notes, key=lambda n: n.time)
        if left:
            until = messages[self.most].sent
            messages, notes = messages[: self.most], [n for n in notes if n.time <= until]
        return messages, notes[: self.most], left

    def rows(self) -> list[tuple[float, str, str, str, str]]:
        """(ms, from, to, what, arrives) for each message and note, in order."""
        messages, notes, _ = self.shown()
        rows = [
            (self.ms(m.sent), m.source, m.destination, m.words or m.label,
             "lost" if m.received is None else "" if m.received == m.sent else f"{self.ms(m.received):.3f} ms")
            for m in messages
        ]  # fmt: skip
        arrivals = {(m.destination, m.received) for m in messages}  # a note stands behind what arrives then and there
        behind = [n for n in notes if (n.participant, n.time) in arrivals]
        before = [n for n in notes if n not in behind]
        first, last = ([(self.ms(n.time), n.participant, "", n.label, "") for n in some] for some in (before, behind))
        return sorted([*first, *rows, *last], key=lambda row: row[0])

    @property
    def more(self) -> str:
        left = self.shown()[2]
        return f"and {left} more message{'s' * (left != 1)}" if left else ""

    def __str__(self) -> str:
        lines = []
        for ms, source, destination, words, arrives in self.rows():
            sign = "-x" if arrives == "lost" else "->"
            who = f"{source} {sign} {destination}" if destination else source
            end = "LOST" if arrives == "lost" else f"(arrives {arrives})" if arrives else ""
            lines.append((f"{ms:10.3f} ms", who, words if destination else f"* {words}", end))
        head = visible(self.title) or f"between {', '.join(map(visible, self.participants))}"
        body = text_table(lines) if lines else "  nothing was sent"
        return "\n".join([head, body, *([f"  ... {self.more}"] if self.more else [])])

    @property
    def summary(self) -> str:
        """One sentence: how many messages between whom, how many of them lost."""
        number, lost = len(self.messages), sum(m.lost for m in self.messages)
        last = max([m.received or m.sent for m in self.messages] + [n.time for n in self.notes], default=self.start)
        return (
            f"Sequence diagram of {', '.join(self.participants)}: {number} message{'s' * (number != 1)} "
            f"over {self.ms(last):.3f} ms, {lost or 'none'} lost"
        )

    def svg(self) -> str:
        """The picture as an SVG document."""
        return self.draw()[0]

    def draw(self) -> tuple[str, int]:
        messages, notes, _ = self.shown()
        return arrows.draw(self.participants, messages, notes, self.ms, self.scale, self.more)

    def _repr_html_(self) -> str:
        svg, width = self.draw()
        rows = [
            (f"{ms:.3f} ms", escape(source), escape(destination), escape(words), escape(arrives))
            for ms, source, destination, words, arrives in self.rows()
        ]
        table = html_table(self.title or "Messages and events", ("Time", "From", "To", "What", "Arrives"), rows)
        more = f"<p>… {self.more}</p>" if self.more else ""
        title = f'<div style="font-weight:bold;color:{INK}">{escape(self.title)}</div>' if self.title else ""
        return (
            f'<div style="{CARD}">{title}{image(svg, self.summary + ". The list below says the same.", width)}'
            f"{details('The same as a list', table + more)}</div>"
        )


def sequence(exchanges: Iterable[tuple[float, str, str, str, float | None]], hosts: Sequence[str] = (),
             **options: Any) -> SequenceDiagram:  # fmt: skip
    """A diagram of (sent, source, destination, label, received) tuples; times in seconds, None: lost."""
    diagram = SequenceDiagram(hosts, **options)
    for sent, source, destination, label, received in exchanges:
        diagram.message(source, destination, label, sent=sent, received=received)
    return diagram
