"""The exercises of chapter 3, host to host.

    3.1 accepts   3.3 deliver          a network card, and the three addresses of a frame: host_to_host_frames
    3.2 LearningSwitch                 host_to_host_switch; netlib's own is the reference (netlib/link/switch)
    3.4 FloodGuard                     host_to_host_flood

Frames and addresses are bytes, so that an answer fits into netlib's simulation as a part
(`Simulation.topology(..., parts={"s1": LearningSwitch})`) and onto the interfaces of a kernel.
"""

from netlib.exercises.host_to_host_flood import FLOOD_GUARD
from netlib.exercises.host_to_host_frames import ACCEPTS, DELIVER
from netlib.exercises.host_to_host_switch import LEARNING_SWITCH

EXERCISES = (ACCEPTS, LEARNING_SWITCH, DELIVER, FLOOD_GUARD)

__all__ = ["EXERCISES"]
