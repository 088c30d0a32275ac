"""An output policy of your own: when is little data worth a segment?

    python examples/output.py

Nagle waits for an answer, so that somebody who types over a slow path sends a handful of segments.  This one waits for
a word: it sends as soon as 16 bytes are there, however much is in flight.  The trial types 200 bytes, one each 10 ms,
over a path of 200 ms there and back.
"""

from netlib.host import STREAM, Host, Parts
from netlib.transport.tcp.output import Chance
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.variables import Settings
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, sleep, writable

WORD = 16  # bytes


class MyOutput:
    """What netlib asks of it: `OutputPart` in netlib/transport/tcp/output.py."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def decide(self, chance: Chance) -> tuple[int, str]:
        allowed = min(chance.queued, chance.mss, chance.window, chance.congestion)
        if allowed <= 0:
            return 0, "no room, or nothing to send"
        if allowed >= WORD:
            return allowed, "a word at least"
        if chance.last or self.settings.nodelay or not chance.flight:
            return allowed, "less than a word, and nothing to wait for"
        return 0, "less than a word: wait for the rest of it"


def type_slowly(parts: TCPParts | None = None, **options: object) -> tuple[int, bytes, list[str]]:
    """How many segments with data it takes; what came; why the first ten events were as they were."""
    sim = Simulation()
    desk, server = sim.host("desk", Parts(tcp=parts) if parts else None), sim.host("server")
    link = sim.link((desk, "10.0.0.1/24"), (server, "10.0.0.2/24"), delay=0.1)
    capture, log = sim.capture(link), list[str]()

    async def write(host: Host) -> None:
        socket = host.socket(STREAM)
        for name, value in options.items():
            socket.set_option(name, value)
        socket.connect("10.0.0.2", 23)
        await writable(socket)
        for key in b"to be or not to be, that " * 8:
            socket.send(bytes([key]))
            await sleep(0.01)
        socket.shutdown()
        log.extend(f"{event.kind}: {event.because}" for event in socket.events if event.kind in ("sent", "held"))

    async def read(host: Host) -> bytes:
        listener, got = host.socket(STREAM), b""
        listener.bind("0.0.0.0", 23)
        listener.listen()
        await readable(listener)
        socket = listener.accept()
        while await readable(socket) and (data := socket.recv(4096)) != b"":
            got += data or b""
        return got

    got = sim.run(read(server), write(desk))
    sent = [crossing for crossing in capture.crossings if crossing.sender == "desk"]
    return sum(bool(getattr(c.packet.layers[-1], "payload", b"")) for c in sent), got, log[2:10]


if __name__ == "__main__":
    for name, (count, got, why) in (
        ("mine", type_slowly(TCPParts(output=MyOutput))),
        ("Nagle (Minshall)", type_slowly()),
        ("nodelay", type_slowly(nodelay=True)),
    ):
        print(f"{name}: {len(got)} bytes in {count} segments; {'; '.join(dict.fromkeys(why))}")
