"""A bar that fills while a cell waits: for a lab, in real time."""

from typing import Any, Self

from netlib.view.html import CARD, INK, LINE, View, class_name, escape, visible


class Waiting(View):
    """Shown from `with` on, and cleared away with whatever the cell shows next: no output keeps it."""

    def __init__(self, what: str, seconds: float) -> None:
        self.what, self.seconds = what, seconds

    def __str__(self) -> str:
        return f"waiting {visible(self.what)}: about {self.seconds:g} s"

    def _repr_html_(self) -> str:
        name = class_name(self.what, self.seconds)
        moves = f"animation:{name} {self.seconds:g}s linear forwards"
        fill = f".{name}{{{moves}}}@keyframes {name}{{from{{width:0}}to{{width:100%}}}}"
        bar = f'<div class="{name}" style="width:0;height:8px;background:{INK}"></div>'
        frame = f"width:240px;height:8px;border:1px solid {LINE}"
        return (
            f'<style>{fill}</style><div style="{CARD}">{escape(self)}'
            f'<div aria-hidden="true" style="{frame}">{bar}</div></div>'
        )

    def __enter__(self) -> Self:
        if in_notebook():
            from IPython.display import display

            display(self)  # type: ignore[no-untyped-call]
        else:
            print(self)
        return self

    def __exit__(self, *error: Any) -> None:
        if in_notebook():
            from IPython.display import clear_output

            clear_output(wait=True)  # type: ignore[no-untyped-call]


def in_notebook() -> bool:
    """Whether this runs in a kernel, where what a cell has shown can be cleared away."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def waiting(what: str, seconds: float) -> Waiting:
    """`with waiting("for h1's kernel", 8): ...`: a bar for that long, and what it is that takes so long."""
    return Waiting(what, seconds)
