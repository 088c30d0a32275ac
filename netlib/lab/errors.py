"""The errors of labs: one line each, naming what is wrong, where, and what to do about it."""


def printable(text: str) -> str:
    """`text` on one line, with what would move a terminal's cursor or change its colours as \\x1b and the like."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class LabError(Exception):
    """A lab that cannot be described, started or used as asked. The message is one line and says what to do.

    What it cites may be a stranger's file, or what a program in a node has said.
    """

    def __str__(self) -> str:
        return printable(Exception.__str__(self))

    def _render_traceback_(self) -> list[str]:
        """In a notebook: the sentence, without the traceback (IPython's hook)."""
        return [f"LabError: {self}"]


class LabTimeout(LabError, TimeoutError):
    """A command in a node took longer than it was given; it has been killed."""


class EngineMissing(LabError):
    """An engine that this machine cannot have, and why. Where no engine was asked for, the next is tried."""


class NotLive(LabError):
    """Something that only a live lab can do, asked of a recording."""
