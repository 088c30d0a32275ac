"""The exercises of chapter 8: what a router does with a packet, and where it learns which way to send it.

    8.1 forwarded       which bytes of a frame change at a hop                      routing_frames
    8.2 longest_match   of all routes that match, the one with the longest prefix   routing_tables
    8.3 Trie            the same in 32 steps, however many routes there are         routing_tables
    8.4 route           forward, deliver, report or drop                            routing_verdict
    8.5 round_trip      the way of a ping through everybody's tables, and back      routing_ways

Frames and packets are bytes, routes are netlib's `Route`s.  So an answer to 8.3 fits into netlib's host as a part,
`Parts(routes=Trie)`, and 8.5 takes the tables of hosts as they are.
"""

from netlib.exercises.routing_frames import FORWARDED
from netlib.exercises.routing_tables import LONGEST_MATCH, TRIE
from netlib.exercises.routing_verdict import ROUTE
from netlib.exercises.routing_ways import ROUND_TRIP

EXERCISES = (FORWARDED, LONGEST_MATCH, TRIE, ROUTE, ROUND_TRIP)
