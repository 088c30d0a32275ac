"""All attacks: importing their modules registers them."""

from hostile import breaks, cheats, delegates, forgeries, machines, rearranged, shows, snoops, vandals

__all__ = ["breaks", "cheats", "delegates", "forgeries", "machines", "rearranged", "shows", "snoops", "vandals"]
