"""What a script calls: netlib's own sockets and connections, with numbers of bytes in place of bytes."""

from typing import TYPE_CHECKING, Any

from netlib.kernel.errors import SocketError
from netlib.kernel.streams import StreamSocket
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.states import State
from netlib.transport.tcp.variables import Event
from netlib.worlds.script.language import ScriptError
from netlib.worlds.script.segments import pattern

if TYPE_CHECKING:
    from netlib.worlds.script.run import Run

TIMED = {"open", "listen", "close", "abort", "set_option"}  # calls of a bare connection that have `now` as well


class User:
    """Who calls: the owner of a stream socket, or of a bare connection."""

    def __init__(self, run: "Run", under: Any) -> None:
        self.run, self.under = run, under
        self.sent = self.read = 0  # bytes

    def __getattr__(self, name: str) -> Any:
        """What the socket has by this name, else its connection, else what `info` shows."""
        if name in TIMED and self.time:
            return lambda *args, **options: getattr(self.under, name)(*args, *self.time, **options)
        for place in (self.under, self.connection):
            if hasattr(place, name):
                found = getattr(place, name)
                return str(found) if isinstance(found, State) else found
        if name not in self.under.info:
            raise AttributeError(f"neither the socket nor its connection nor its info has {name!r}")
        return self.under.info[name]

    @property
    def connection(self) -> Connection | None:
        connection: Connection | None = self.under.connection if isinstance(self.under, StreamSocket) else self.under
        return connection

    @property
    def time(self) -> tuple[float, ...]:
        """What calls of a bare connection have as their last argument."""
        return () if isinstance(self.under, StreamSocket) else (self.run.host.now,)

    @property
    def events(self) -> list[Event]:
        return list(self.under.events)

    def told(self, text: str) -> int:
        """How many events say so, or are of this kind."""
        return sum(text in event.because or text == event.kind for event in self.events)

    def bind(self, *where: Any, **options: Any) -> None:
        """bind(port) or bind(address, port)."""
        address, port = where if len(where) == 2 else ("::" if self.run.six else "0.0.0.0", *where)
        self.under.bind(address, port, **options)
        self.run.port = port

    def accept(self) -> "User":
        found = self.under.accept()
        if found is None:
            raise SocketError("EAGAIN", "nobody has connected")
        return self.run.user(found)

    def connect(self, address: str = "", port: int = 80, data: int | None = None) -> None:
        """Open a connection to the peer; `data` bytes by Fast Open."""
        payload = () if data is None else (pattern(0, data),)
        self.under.connect(address or self.run.peer, port, *payload)
        self.sent += data or 0
        self.run.port, self.run.peer_port = self.under.address[1], port

    def send(self, length: int, **flags: Any) -> int:
        taken: int = self.under.send(pattern(self.sent, length), *self.time, **flags)
        self.sent += taken
        return taken

    def recv(self, limit: int) -> int | None:
        """How many bytes have come, at most `limit`; None: none yet; 0: the peer has ended its side."""
        data = self.under.receive(limit, *self.time) if self.time else self.under.recv(limit)
        if data and data != pattern(self.read, len(data)):
            raise ScriptError(f"what is read from byte {self.read + 1} on is not what the peer has sent")
        self.read += len(data or b"")
        return None if data is None else len(data)
