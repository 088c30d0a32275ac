"""The errors of labs: one line each, naming what is wrong, where, and what to do about it."""


class LabError(Exception):
    """A lab that cannot be described, started or used as asked. The message is one line and says what to do."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook: the sentence, without the traceback (IPython's hook)."""
        return [f"LabError: {self}"]


class LabTimeout(LabError, TimeoutError):
    """A command in a node took longer than it was given; it has been killed."""


class EngineMissing(LabError):
    """An engine that this machine cannot have, and why. Where no engine was asked for, the next is tried."""


class NotLive(LabError):
    """Something that only a live lab can do, asked of a recording."""
