"""What a node's kernel knows, looked at again and again: sockets, counters, neighbours, routes, connections, bridges.

    with lab["h1"].sample("ss", "dst 10.0.4.2", every=0.05) as samples:
        lab["h1"].run("...")
    samples                              a table of what changed
    samples.plot("cwnd", "ssthresh")     a chart over time
    samples.rows                         a list of dicts: seconds, bytes, and the tool's own words
    lab["h1"].look("neigh")              once, now

Each kind is a command of iproute2 or conntrack-tools that runs in the node, and a parser for what it prints, in a file
of its own: text in, rows out, in seconds and bytes. What a parser does not know it does not drop: unknown words of a
line are in its row as "unread", and a line of another shape is an error that quotes it.
"""

from netlib.lab.samples.kinds import KINDS, Kind
from netlib.lab.samples.rows import Row, Unreadable
from netlib.lab.samples.sampling import Samples, Sampling, look

__all__ = ["KINDS", "Kind", "Row", "Samples", "Sampling", "Unreadable", "look"]
