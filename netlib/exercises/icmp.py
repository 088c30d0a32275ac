"""The exercises of chapter 6, ICMP.

    6.1 echo_reply   6.2 icmp_error   6.3 match       messages, as bytes: icmp_messages, icmp_match
    6.4 Traceroute   6.5 read_path                    the path: icmp_traceroute, icmp_verdict

Messages are bytes and everything else is plain data, so that an answer fits into netlib's host as a part
(`Parts(echo_reply=..., icmp_error=...)`) and into `walk`, which carries out what a Traceroute decides, simulated or
live.  The references of the last three are in `icmp_path`; the first two are netlib's own (netlib/internet/icmp).
"""

from netlib.exercises.icmp_match import MATCH
from netlib.exercises.icmp_messages import ECHO_REPLY, ICMP_ERROR
from netlib.exercises.icmp_path import walk
from netlib.exercises.icmp_traceroute import TRACEROUTE
from netlib.exercises.icmp_verdict import READ_PATH

EXERCISES = (ECHO_REPLY, ICMP_ERROR, MATCH, TRACEROUTE, READ_PATH)

__all__ = ["EXERCISES", "walk"]
