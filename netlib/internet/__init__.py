"""The Internet layer: from any host to any other, packet by packet, over whatever links there are."""
