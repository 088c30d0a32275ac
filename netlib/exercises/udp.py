"""The exercises of chapter 9, UDP.

    9.1 build_udp   9.5 parse_udp       the bytes: udp_wire
    9.2 UdpTable                        which socket gets a datagram: udp_table
    9.3 receive_error                   which socket is told of an ICMP error: udp_errors
    9.4 reliable_request                a request that is sent again: udp_reliable

UdpTable runs in netlib's host (`Parts(udp_table=...)`), reliable_request in every world.
"""

from netlib.exercises.udp_errors import RECEIVE_ERROR
from netlib.exercises.udp_reliable import RELIABLE
from netlib.exercises.udp_table import TABLE
from netlib.exercises.udp_wire import BUILD, PARSE

EXERCISES = (BUILD, TABLE, RECEIVE_ERROR, RELIABLE, PARSE)
