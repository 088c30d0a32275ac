"""All attacks: importing their modules registers them."""

from hostile import breaks, cheats, delegates, forgeries, machines, rearranged, round1, round2, shows, snoops, vandals

__all__ = [
    "breaks",
    "cheats",
    "delegates",
    "forgeries",
    "machines",
    "rearranged",
    "round1",
    "round2",
    "shows",
    "snoops",
    "vandals",
]
