"""The exercises of chapter 7, ARP.

7.1 arp_reply (arp_answer), 7.2 ArpTable (arp_table), 7.3 AddressClaim (arp_claim), 7.4 PoisonDetector (arp_poison)

To play with: `drive` and `claim_log` print what an ArpTable and an AddressClaim do; `link_trace` is a link, perhaps
with a liar on it, `traces` are fourteen of them, and `marks` says how good a detector is on these.
"""

from netlib.exercises.arp_answer import ARP_REPLY
from netlib.exercises.arp_claim import CLAIM
from netlib.exercises.arp_claim import drive as claim_log
from netlib.exercises.arp_poison import POISON, marks
from netlib.exercises.arp_table import TABLE, drive
from netlib.exercises.arp_traces import link_trace
from netlib.exercises.arp_traces import several as traces

EXERCISES = (ARP_REPLY, TABLE, CLAIM, POISON)

__all__ = ["EXERCISES", "claim_log", "drive", "link_trace", "marks", "traces"]
