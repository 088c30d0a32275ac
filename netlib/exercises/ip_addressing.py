"""The exercises of chapter 4, IP addressing.

    4.1 parse       4.5 special                      what a text says: ip_addressing_text
    4.2 subnet      4.4 aggregate      4.6 carve     networks: ip_addressing_networks
    4.3 next_hop                                     a host's decision: ip_addressing_next_hop

All of them take and give text, numbers and plain containers: addresses as people write them.  netlib's own answers
are in `ip_addressing_reference`.
"""

from netlib.exercises.ip_addressing_networks import AGGREGATE, CARVE, SUBNET
from netlib.exercises.ip_addressing_next_hop import NEXT_HOP, answered, asked, destinations
from netlib.exercises.ip_addressing_text import PARSE, SPECIAL, inet_aton

EXERCISES = (PARSE, SUBNET, NEXT_HOP, AGGREGATE, SPECIAL, CARVE)

__all__ = ["EXERCISES", "answered", "asked", "destinations", "inet_aton"]
