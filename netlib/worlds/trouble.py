"""Errors that come out of a simulation, as short as they can be told.

What a student's part or application raises passes through the host and through simpy, and simpy raises a copy of
it besides.  None of those frames helps: what counts is the student's own line, and the call that led there.
"""

from pathlib import Path
from types import TracebackType

import simpy

HIDDEN = (str(Path(simpy.__file__).parent), str(Path(__file__).parents[1]))


def in_short(error: Exception) -> Exception:
    """`error` as it was raised first, without the frames inside simpy and netlib; the last frame always stays."""
    while isinstance(error.__cause__, type(error)) and str(error.__cause__) == str(error):
        error = error.__cause__
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        if kept is None or not frame.tb_frame.f_code.co_filename.startswith(HIDDEN):
            kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return error.with_traceback(kept)
