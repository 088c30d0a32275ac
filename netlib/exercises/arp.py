"""The exercises of chapter 7, ARP.

7.1 arp_reply (arp_answer)
"""

from netlib.exercises.arp_answer import ARP_REPLY

EXERCISES = (ARP_REPLY,)

__all__ = ["EXERCISES"]
