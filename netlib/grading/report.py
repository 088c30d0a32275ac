"""What `check` says: a Report, as text and as HTML.

The HTML lives by what JupyterLab keeps in an untrusted notebook: inline style, no script, no svg.  It speaks in
words and signs, never by colour alone, takes its colours from the page, and escapes all that a student's code could
have put into it.
"""

from dataclasses import dataclass, field
from html import escape

from netlib.grading.story import Part

BOX = "border-left:4px {line} currentColor;padding:2px 0 2px 12px;margin:4px 0"
CODE = "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0;padding:0"
CODE += ";background:transparent;color:inherit"
SIGNS = {"passed": "✓", "waiting": "…", "failed": "✗", "partial": "◐"}


@dataclass(repr=False)
class Report:
    """The result of a check.

    `status` is "passed", "partial", "waiting" or "failed"; `message` is the whole in one line.  `points` were earned
    `of` so many: when "partial", for the properties in `holds`.  `pcap` are the packets of the counterexample.

    `cause` is the kind of the problem, if there is one: "value", "raised", "accepted", "rejection", "property", "hung",
    "flood", "died", "too large", "slow", "delegated", "no answer".
    """

    number: str
    name: str
    status: str
    message: str
    points: int = 0
    of: int = 0
    pinned: int = 0
    random: int = 0
    cause: str = ""
    story: list[Part] = field(default_factory=list)
    holds: tuple[str, ...] = ()
    pcap: bytes | None = None

    @property
    def ok(self) -> bool:
        return self.status == "passed"

    @property
    def earned(self) -> bool:
        """Whether there are any points for it."""
        return self.status in ("passed", "partial")

    @property
    def headline(self) -> str:
        told = f"{self.number} {self.name}: {self.verdict}" if self.story else self.message
        return f"{SIGNS[self.status]} {told}"

    @property
    def verdict(self) -> str:
        """The verdict on an answer that is not right, without the reason."""
        return f"not right yet, {points(self.points)} of {self.of}" if self.status == "partial" else "not right yet"

    def __repr__(self) -> str:
        lines = [self.headline]
        for part in self.story:
            lines.append(f"\n{part.heading}")
            lines += [f"    {line}".rstrip() for line in part.text.splitlines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        line = {"passed": "solid", "waiting": "dotted", "failed": "double", "partial": "dashed"}[self.status]
        # Plain blocks: JupyterLab floats the terms of a definition list beside whatever comes next.
        story = "".join(
            f'<p style="margin:8px 0 0"><strong>{escape(part.heading)}</strong></p>'
            f'<div style="margin-left:24px">{html(part)}</div>'
            for part in self.story
        )
        headline = f'<p style="margin:0"><strong>{escape(self.headline)}</strong></p>'
        return f'<div style="{BOX.format(line=line)}">{headline}{story}</div>'


def points(count: int) -> str:
    return f"{count} point{'' if count == 1 else 's'}"


def html(part: Part) -> str:
    if part.rich is not None and hasattr(part.rich, "_repr_html_"):
        return str(part.rich._repr_html_())
    if part.style == "code":
        return f'<pre style="{CODE}">{escape(part.text)}</pre>'
    return "".join(f'<p style="margin:0;white-space:pre-wrap">{escape(line)}</p>' for line in part.text.splitlines())
