"""What all pictures share: how to write HTML and SVG that every reader of a notebook can use.

A notebook's output is seen in four ways: run just now, saved and trusted, saved and not trusted (JupyterLab
then removes `<style>`, `<svg>`, ids, roles and tabindex), and in a terminal.  So:

- the base look is in inline styles, with its own background and text colours, for light and dark themes;
- a `<style>` only adds to it, and its class names come from a hash of the content: the same input, the same bytes;
- a diagram is an `<img alt>` with an SVG in a data URI, and beside it a `<details>` says the same in words;
- nothing is said by colour alone;
- `str()` of every picture is the same in plain text.

What comes from a packet may be hostile.  `visible` makes control characters visible, `escape` does that and
escapes for HTML and XML.
"""

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

INK, PAPER, LINE, FAINT = "#1a1a1a", "#ffffff", "#6b6b6b", "#d0d0d0"
BAD = "#9b1c1c"  # 8:1 on white
MARK = "#ffe08a"  # the background of what is highlighted; ink on it has 13:1
SANS = "DejaVu Sans, Verdana, Arial, sans-serif"
MONO = "DejaVu Sans Mono, Menlo, Consolas, monospace"

CARD = (
    f"background:{PAPER};color:{INK};border:1px solid {LINE};border-radius:4px;padding:8px 12px;"
    "margin:4px 0;font-family:sans-serif;font-size:13px;line-height:1.45"
)
TABLE = f"border-collapse:collapse;background:{PAPER};color:{INK};font-size:13px;margin:4px 0;min-width:240px"
CAPTION = f"text-align:left;font-weight:bold;color:{INK};padding:2px 0"
ROW = f"background:{PAPER};color:{INK}"
CELL = f"text-align:left;vertical-align:top;padding:2px 8px;border-bottom:1px solid {FAINT};color:{INK}"
CODE = f"font-family:monospace;font-size:13px;background:none;color:{INK};padding:0"


def visible(value: object) -> str:
    """`value` as text on one line: what does not print (controls, escapes, bidi marks) as \\x1b, \\u202e."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escape(value: object) -> str:
    """`value` as text for HTML or XML, also inside quotes."""
    return html.escape(visible(value))


def code(value: object) -> str:
    """`value` in a `<code>`: its spaces stay, and JupyterLab looks for no formulas ($...$) in it."""
    return f'<code style="{CODE}">{escape(value)}</code>' if str(value) else ""


def class_name(*content: object) -> str:
    """A class name for a picture of this content."""
    return "nl-" + hashlib.sha256(repr(content).encode()).hexdigest()[:10]


class View:
    """A picture: HTML in a notebook, the same in words as text."""

    def __str__(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        raise NotImplementedError


def html_table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, row_headers: bool = True, label: str = ""
) -> str:
    """A table; `rows` are HTML, caption and columns text.  `label`: a class on the table."""
    head = "".join(f'<th scope="col" style="{CELL};border-bottom:2px solid {LINE}">{escape(c)}</th>' for c in columns)
    body = []
    for row in rows:
        cells = [f'<td style="{CELL}">{cell}</td>' for cell in row]
        if row_headers and row:
            cells[0] = f'<th scope="row" style="{CELL};font-weight:normal">{row[0]}</th>'
        body.append(f'<tr style="{ROW}">{"".join(cells)}</tr>')
    title = f'<caption style="{CAPTION}">{escape(caption)}</caption>' if caption else ""
    named = f' class="{label}"' if label else ""
    return (
        f'<table{named} style="{TABLE}">{title}<thead><tr style="{ROW}">{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def text_table(rows: Sequence[Sequence[str]], columns: Sequence[str] = (), indent: str = "") -> str:
    """Rows with their columns aligned, two spaces between them."""
    lines = [[visible(cell) for cell in row] for row in ([columns, *rows] if columns else rows)]
    if not lines:
        return ""
    widths = [max(len(line[i]) if i < len(line) else 0 for line in lines) for i in range(max(map(len, lines)))]
    if columns:
        lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False))).rstrip()
        for line in lines
    )


def image(svg: str, alt: str, width: int) -> str:
    """An SVG document as an `<img>`: the one form that survives JupyterLab's sanitiser, with its alt text."""
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<img alt="{escape(alt)}" style="max-width:100%;width:{width}px;background:{PAPER}" '
        f'src="data:image/svg+xml;base64,{data}">'
    )


def framed(title: str, svg: str, alt: str, width: int, table: str) -> str:
    """A picture on a card of its own: its title if it has one, the SVG document, and the same as a folded table."""
    head = f'<div style="font-weight:bold;color:{INK}">{escape(title)}</div>' if title else ""
    return f'<div style="{CARD}">{head}{image(svg, alt, width)}{details("The same as a table", table)}</div>'


def details(summary: str, content: str) -> str:
    """Folded content, opened by a click or the Enter key."""
    return (
        f'<details style="color:{INK}"><summary style="cursor:pointer;color:{INK}">{escape(summary)}</summary>'
        f"{content}</details>"
    )


class SVG:
    """An SVG document, written piece by piece.  Strict XML: text is escaped, every tag closed, the font named."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = round(width), round(height)
        self.parts: list[str] = []

    def add(self, piece: str) -> None:
        self.parts.append(piece)

    def line(self, x1: float, y1: float, x2: float, y2: float, *, colour: str = INK, width: float = 1, dash: str = "",
             arrow: bool = False) -> None:  # fmt: skip
        more = f' stroke-dasharray="{dash}"' if dash else ""
        more += ' marker-end="url(#tip)"' if arrow else ""
        self.add(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width:g}"{more}/>'
        )

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = PAPER, colour: str = INK,
            dash: str = "", radius: float = 0) -> None:  # fmt: skip
        more = f' stroke-dasharray="{dash}"' if dash else ""
        more += f' rx="{radius:g}"' if radius else ""
        self.add(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" '
            f'stroke="{colour}"{more}/>'
        )

    def text(self, x: float, y: float, text: object, *, size: float = 12, anchor: str = "start", bold: bool = False,
             mono: bool = False, colour: str = INK, angle: float = 0, halo: bool = False) -> None:  # fmt: skip
        more = ' font-weight="bold"' if bold else ""
        more += f' font-family="{MONO}"' if mono else ""
        more += f' transform="rotate({angle:.1f} {x:.1f} {y:.1f})"' if angle else ""
        more += f' stroke="{PAPER}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"' if halo else ""
        self.add(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"{more}>'
            f"{escape(text)}</text>"
        )

    def __str__(self) -> str:
        tip = (
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            f'orient="auto-start-reverse"><path d="M0 1L10 5L0 9z" fill="{INK}"/></marker></defs>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{SANS}">{tip}'
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>{"".join(self.parts)}</svg>'
        )


def text_width(text: str, size: float, *, mono: bool = False) -> float:
    """About how many pixels `text` takes up; on the safe side."""
    return len(text) * size * (0.62 if mono else 0.6)


def shorten(text: str, room: float, size: float = 12) -> str:
    """`text`, cut with an ellipsis where it would be wider than `room` pixels."""
    text = visible(text)
    most = max(1, int(room / (0.6 * size)))
    return text if len(text) <= most else text[: most - 1] + "…"
