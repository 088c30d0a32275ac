"""What the examples have in common: a page goes from a server to a client, over a link that may lose some of it."""

from random import Random
from typing import Any, NamedTuple

from netlib.host import STREAM, Host, Parts, StreamSocket
from netlib.transport.tcp.parts import TCPParts
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import now, readable, writable


class Fetched(NamedTuple):
    """What came of it."""

    whole: bool  # every byte came, once and in order
    seconds: float  # simulated
    lost: int  # frames on the link
    resent: int  # segments
    server: StreamSocket  # its info and its events tell more

    def __str__(self) -> str:
        what = "all bytes there" if self.whole else "NOT all bytes there"
        return f"{what} after {self.seconds:.2f} s, {self.lost} frames lost, {self.resent} segments sent again"


async def serve(host: Host, page: bytes, sockets: list[StreamSocket], **options: Any) -> None:
    """Send the page to the first who connects, and wait until it is read."""
    listener = host.socket(STREAM)
    for name, value in options.items():
        listener.set_option(name, value)
    listener.bind("0.0.0.0", 80)
    listener.listen()
    await readable(listener)
    socket = listener.accept()
    assert socket is not None
    sockets.append(socket)
    while page:
        await writable(socket)
        page = page[socket.send(page) :]
    socket.shutdown()
    await readable(socket, 60)
    socket.close()


async def fetch(host: Host, limit: float) -> tuple[bytes, float]:
    """The page, or as much of it as comes before nothing more does for `limit` seconds; and how long it took."""
    began, page = await now(), bytearray()
    socket = host.socket(STREAM)
    socket.connect("10.0.0.2", 80)
    while await readable(socket, limit) and (data := socket.recv(65536)) != b"":
        page += data or b""
    socket.close()
    return bytes(page), await now() - began


def page_through(
    server: TCPParts | None = None,
    client: TCPParts | None = None,
    *,
    size: int = 200_000,
    loss: float = 0.02,
    delay: float = 0.01,
    rate: float | None = 10e6,
    queue: float = float("inf"),
    limit: float = 100.0,
    **options: Any,
) -> Fetched:
    """Fetch a page of `size` bytes from a server with these parts; the rest as for `Simulation.link`."""
    sim = Simulation(seed=6)
    parts = [Parts(tcp=one) if one else None for one in (client, server)]
    a, b = sim.host("client", parts[0]), sim.host("server", parts[1])
    link = sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"), delay=delay, rate=rate, loss=loss, queue=queue)
    page, sockets = Random(1).randbytes(size), list[StreamSocket]()
    sim.spawn(serve(b, page, sockets, **options))
    got, seconds = sim.run(fetch(a, limit))
    return Fetched(got == page, seconds, link.lost, sockets[0].info.retrans, sockets[0])
