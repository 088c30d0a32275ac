"""The exceptions that a student meets, each shown as one line and never as a traceback.

A starter raises `NotImplementedYet("5.2 internet_checksum")`, so that a fresh notebook reads as "waiting for
exercise 5.2", not as broken.  `grade` raises `CheckFailed`.  IPython asks an exception for `_render_traceback_`;
plain Python prints `str`.
"""


class NotImplementedYet(NotImplementedError):
    """An exercise that is not solved yet.  `exercise` is its number and name: "5.2 internet_checksum"."""

    def __init__(self, exercise: str = "") -> None:
        super().__init__(exercise)
        self.exercise = exercise

    def __str__(self) -> str:
        return f"waiting for exercise {self.exercise}" if self.exercise else "waiting for an exercise"

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class CheckFailed(AssertionError):
    """`grade` found the answer wrong; the message says how, in one line."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class NotWhileGraded(BaseException):
    """A function of netlib that the exercise asks for was called where netlib is without it.

    `name` is its dotted name.  No Exception, so that an answer that catches those does not hide it.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} is what this exercise asks for: it isn't here while the exercise is graded"

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
