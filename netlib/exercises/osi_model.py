"""The exercises of chapter 2, the layers.

    2.1 goodput      the share of the cable that is yours             osi_model_goodput
    2.2 owners       every byte of a frame to its layer               osi_model_frames
    2.3 encapsulate  the other way: from a message to a frame         osi_model_frames
    2.4 looks_at     what a hub, a switch, a router, an L4 and an
                     L7 balancer go by                                osi_model_devices
    2.5 which_layer  which layer failed, from a capture               osi_model_symptoms

Frames are bytes, so that an answer can be given those of a live kernel.  The references are in `osi_model_layers`.
"""

from netlib.exercises.osi_model_devices import LOOKS_AT
from netlib.exercises.osi_model_frames import ENCAPSULATE, OWNERS
from netlib.exercises.osi_model_goodput import GOODPUT
from netlib.exercises.osi_model_symptoms import WHICH_LAYER, story

EXERCISES = (GOODPUT, OWNERS, ENCAPSULATE, LOOKS_AT, WHICH_LAYER)

__all__ = ["EXERCISES", "story"]
