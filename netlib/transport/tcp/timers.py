"""Named deadlines: a connection starts its timers by name, and asks which have run out.

A timer that is started again runs until the new time.  Nothing here looks at a clock: `now` is given.  What each does
when it runs out begins in connection.py (`tick`); how long each runs, if it can be set, in variables.py (`Settings`).
"""


class Timers(dict[str, float]):
    """The timers of one connection, a handful: name -> when it runs out; all times in seconds."""

    __slots__ = ()

    def start(self, name: str, when: float) -> None:
        """Let `name` run out at `when`, and not at the time it was set to before."""
        self[name] = when

    def stop(self, name: str) -> None:
        """Let `name` never run out; it need not be running."""
        self.pop(name, None)

    def stop_all(self) -> None:
        self.clear()

    def deadline(self) -> float | None:
        """When the first of them runs out, or None if none is running."""
        return min(self.values()) if self else None

    def expired(self, now: float) -> list[str]:
        """Stop those that have run out by `now`; their names, the one that ran out first before the others."""
        names = sorted((name for name, when in self.items() if when <= now), key=self.__getitem__)
        for name in names:
            del self[name]
        return names

    def __repr__(self) -> str:
        return f"Timers({dict(self)})"
