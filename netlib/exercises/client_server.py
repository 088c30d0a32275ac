"""The exercises of chapter 1, client and server.

    1.1 round_trip_cost                   what a design costs: client_server_cost
    1.2 Frames                            messages out of a stream: client_server_frames
    1.3 dispatch                          a message to a reply, errors as values: client_server_dispatch
    1.4 call                              ask until somebody answers: client_server_call
    1.5 AtMostOnce                        what a server must remember: client_server_once

The references of the last three are in `client_server_peers`, with the servers that the chapter talks to; that of 1.2
is netlib's own.
"""

from netlib.exercises.client_server_call import CALL
from netlib.exercises.client_server_cost import ROUND_TRIP_COST
from netlib.exercises.client_server_dispatch import DISPATCH
from netlib.exercises.client_server_frames import FRAMES
from netlib.exercises.client_server_methods import METHODS
from netlib.exercises.client_server_once import AT_MOST_ONCE
from netlib.exercises.client_server_peers import InServe, Listening, Node, Server

EXERCISES = (ROUND_TRIP_COST, FRAMES, DISPATCH, CALL, AT_MOST_ONCE)

__all__ = ["EXERCISES", "METHODS", "InServe", "Listening", "Node", "Server"]
