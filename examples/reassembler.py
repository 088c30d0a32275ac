"""A reassembler of your own: a byte and a flag for each place in the window.

    python examples/reassembler.py

netlib keeps a list of the ranges that have come.  Here nothing is merged and nothing compared: what comes is written
where it belongs and its places are marked, so that overlaps, copies and gaps need no thought.  The price is a look at
the flags; Python does that as fast as it can look for a byte.
"""

from page import page_through

from netlib.transport.tcp.parts import TCPParts


class MyReassembler:
    """What netlib asks of a reassembler: `ReassemblerPart` in netlib/transport/tcp/reassembler.py."""

    def __init__(self, next: int, limit: int) -> None:
        self.next = next
        self.bytes, self.flags = bytearray(limit), bytearray(limit)

    def insert(self, start: int, data: bytes) -> bytes:
        data = data[max(0, self.next - start) :]  # without what we have had
        at = max(0, start - self.next)
        data = data[: max(0, len(self.bytes) - at)]  # without what there is no room for
        self.bytes[at : at + len(data)] = data
        self.flags[at : at + len(data)] = b"\1" * len(data)
        ready = self.flags.find(0) % (len(self.flags) + 1)  # the first gap; none: all of it
        out = bytes(self.bytes[:ready])
        del self.bytes[:ready], self.flags[:ready]  # and as much room at the other end
        self.bytes += bytes(ready)
        self.flags += bytes(ready)
        self.next += ready
        return out

    def blocks(self) -> list[tuple[int, int]]:
        """The stretches of marked places, for SACK."""
        found, at = list[tuple[int, int]](), 0
        while len(found) < 4 and (at := self.flags.find(1, at)) >= 0:
            end = self.flags.find(0, at) % (len(self.flags) + 1)
            found.append((self.next + at, self.next + end))
            at = end
        return found


if __name__ == "__main__":
    reassembler = MyReassembler(1000, 20)
    for start, data in ((1006, b"world"), (1003, b"lo w"), (1000, b"hello"), (1000, b"hell")):
        print(f"{start} {data!r:9} ->", reassembler.insert(start, data), "waiting:", reassembler.blocks())
    print("mine:        ", page_through(None, TCPParts(reassembler=MyReassembler), loss=0.05))
    print("netlib's own:", page_through(loss=0.05))
