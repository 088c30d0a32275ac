"""The exercises of chapter 7, ARP.

7.1 arp_reply (arp_answer), 7.2 ArpTable (arp_table), 7.3 AddressClaim (arp_claim)
"""

from netlib.exercises.arp_answer import ARP_REPLY
from netlib.exercises.arp_claim import CLAIM
from netlib.exercises.arp_claim import drive as claim_log
from netlib.exercises.arp_table import TABLE, drive

EXERCISES = (ARP_REPLY, TABLE, CLAIM)

__all__ = ["EXERCISES", "claim_log", "drive"]
