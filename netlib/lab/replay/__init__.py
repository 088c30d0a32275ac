"""Replay: a lab as it was recorded, for machines where no live engine works.

    netlib lab record 06-icmp          # runs the lab's tour live, writes labs/06-icmp/recording.zip
    Lab("06-icmp", engine="replay")    # gives the recorded outputs and captures, marked as such

`recording` is the file's format, `recorder` listens to a live lab, `session` is the engine that plays a recording,
`record` makes recordings from tours, and `streams` moves bytes between pipes for both.
"""

from netlib.lab.replay.record import record, record_all

__all__ = ["record", "record_all"]
