"""Stream sockets: TCP as a program has it, with the calls, the order of events and the errors of Linux.

    server = host.socket(STREAM)                     client = host.socket(STREAM)
    server.bind("0.0.0.0", 80)                       client.connect("10.0.0.1", 80)      a SYN is under way
    server.listen(backlog=5)                         await writable(client)              connected, or failed
    await readable(server)                           client.send(b"GET / ...")           how many bytes it took
    socket = server.accept()                         client.shutdown()                   no more from here
    socket.recv(4096)                                None: nothing yet; b"": the peer has ended its side

Nothing here blocks: a coroutine waits with `await readable(socket, timeout)` and `await writable(socket, timeout)`.
What goes wrong raises `SocketError` under its errno name; what goes wrong later, by the next call, once.
`socket.events` tells what the connection did and decided, `socket.info` what `ss -tinm` would show.
"""

from dataclasses import replace
from typing import Any

from netlib.internet.input import SendError
from netlib.kernel.connections import Connections
from netlib.kernel.errors import SocketError
from netlib.kernel.listener import Listener, Listening
from netlib.kernel.sockets import SocketAddress, translated
from netlib.transport.tcp import recovery
from netlib.transport.tcp.congestion.cubic import Cubic
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.congestion.tahoe import Tahoe
from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.states import CLOSED, SYN_RECEIVED, SYN_SENT
from netlib.transport.tcp.variables import DEFAULTS, CallError, Event, Settings
from netlib.transport.udp import Endpoint
from netlib.wire.errors import Malformed

# the kernel's names for what variables.py calls by its own
NAMES = {
    "TCP_NODELAY": "nodelay", "TCP_CORK": "cork", "SO_SNDBUF": "send_buffer", "SO_RCVBUF": "receive_buffer",
    "SO_KEEPALIVE": "keepalive", "TCP_KEEPIDLE": "keepalive_idle", "TCP_KEEPINTVL": "keepalive_interval",
    "TCP_KEEPCNT": "keepalive_count", "TCP_SYNCNT": "syn_retries", "TCP_MAXSEG": "mss",
    "TCP_CONGESTION": "congestion",
}  # fmt: skip
LEAST = {"IP_TTL": 1, "IP_TOS": 0}  # of options of a byte
PARTS: dict[str, dict[str, Any]] = {  # options that choose a part, and which there are by name
    "congestion": {"tahoe": Tahoe, "reno": Reno, "cubic": Cubic},  # TCP_CONGESTION
    "recovery": {"reno": recovery.reno, "newreno": recovery.newreno, "sack": recovery.loss_recovery},
}


class TCPInfo(dict[str, Any]):
    """What `ss -tinm` shows of a socket, by its names: info["cwnd"], info.cwnd, or all of it as text."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(f"{name!r}: there are {', '.join(self)}")
        return self[name]

    def __str__(self) -> str:
        shown = [name for name in ("ts", "sack", "ecn") if self.get(name)]
        for name, value in self.items():
            if name not in ("state", "ts", "sack", "ecn", "recv_q", "send_q") and value is not None:
                shown.append(f"{name}:{','.join(map(str, value)) if isinstance(value, tuple) else value}")
        return f"{self['state']:<11} {self['recv_q']:<6} {self['send_q']:<6} {' '.join(shown)}".rstrip()


class StreamSocket:
    """A TCP socket of a host."""

    def __init__(
        self,
        layer: Connections,
        open_ones: list[Any],
        clock: Any,
        parts: TCPParts,
        connection: Connection | None = None,
    ) -> None:
        self.layer, self.network, self.open_ones = layer, layer.network, open_ones
        self.clock = clock  # the host: its `now`, and `settle(now)`, which moves on what was sent
        self.parts = parts
        self.connection = connection
        self.listening: Listening | None = None
        self.endpoint: Endpoint | None = None  # the port that this socket has taken
        self.options: dict[str, Any] = {}
        self.fast_open = 0
        self.raised: str | None = None  # the connection's error that a call has raised
        self.reading = True
        self.closed = False

    def __repr__(self) -> str:
        if self.closed:
            return "<stream socket closed>"
        if self.listening:
            return f"<stream socket LISTEN {self.endpoint}>"
        if self.connection:
            (address, port), (peer, peer_port) = self.connection.local, self.connection.remote
            return f"<stream socket {self.connection.state} {address}:{port} - {peer}:{peer_port}>"
        return f"<stream socket {self.endpoint or 'unbound'}>"

    # ---- what there is to see --------------------------------------------------------------------------------

    @property
    def error(self) -> str | None:
        """The errno name that the next call will raise, or None."""
        error = self.connection.error if self.connection else None
        return error if error != self.raised else None

    @property
    def readable(self) -> bool:
        """Whether a call has something to say: `accept` a connection, `recv` bytes or the end, any an error."""
        if self.listening:
            return bool(self.listening.queues.ready)
        return self.connection is not None and (self.connection.readable or not self.reading)

    @property
    def sources(self) -> tuple[Any, ...] | None:
        """What has to be touched before this can become readable or writable (worlds/waiting.py); None: who knows."""
        source = self.listening or self.connection
        return None if source is None else (source,)

    @property
    def writable(self) -> bool:
        """Whether `send` takes something, or has an error to raise: also how a connect ends."""
        connection = self.connection
        if connection is None or not self.early(connection):
            return connection is not None and connection.writable
        return len(connection.sending) < connection.settings.send_buffer

    @staticmethod
    def early(connection: Connection) -> bool:
        """Whether a server may answer before the handshake is over: the client's Fast Open cookie was right."""
        return connection.fast_open and connection.state is SYN_RECEIVED

    @property
    def urgent(self) -> int:
        """How many of the bytes to be read next the peer has called urgent, also if they are not here yet."""
        return self.connection.urgent if self.connection else 0

    @property
    def address(self) -> SocketAddress | None:
        """Its own address and port, None before it has a port: getsockname."""
        if self.connection:
            return self.connection.local
        return (self.endpoint.address, self.endpoint.port) if self.endpoint else None

    @property
    def peer(self) -> SocketAddress | None:
        """The address and port it is connected to, or None: getpeername."""
        return self.connection.remote if self.connection and self.connection.state is not CLOSED else None

    @property
    def info(self) -> TCPInfo:
        """What `ss -tinm` shows; of a listener how many wait in the accept queue, and its backlog."""
        if self.listening:
            queues = self.listening.queues
            return TCPInfo(state="LISTEN", recv_q=len(queues.ready), send_q=queues.backlog)
        if self.connection:
            return TCPInfo(self.connection.info)
        return TCPInfo(state="UNCONN", recv_q=0, send_q=0)

    @property
    def events(self) -> list[Event]:
        """What the connection has done and decided so far, and why: the last 10,000."""
        return list(self.connection.events) if self.connection else []

    # ---- calls -----------------------------------------------------------------------------------------------

    def set_option(self, name: str, value: Any) -> None:
        """A setting of transport/tcp/variables.py by its name, or by the kernel's: "nodelay", "TCP_NODELAY".

        Besides, before there is a connection, "congestion" ("tahoe", "reno", "cubic" or a class) and "recovery"
        ("sack", which is "newreno" where the peer has no SACK; "newreno", "reno", or your own); IP_TTL; IP_TOS, whose
        upper six bits are the Differentiated Services Codepoint (the lower two are ECN's, and TCP's own); and, for a
        listener, TCP_FASTOPEN: how many connections opened by a cookie may wait for their handshake to end.
        """
        self.check_open()
        now, name = self.clock.now, NAMES.get(name, name)
        if name in LEAST:
            if not LEAST[name] <= value <= 255:
                raise SocketError("EINVAL", f"{name}={value}")
            name, value = ("ttl", value) if name == "IP_TTL" else ("dscp", value >> 2)
        if name == "TCP_FASTOPEN":
            self.fast_open = int(value)
            if self.listening:
                self.listening.queues.fast_open_limit = self.fast_open
        elif name in PARTS:
            if isinstance(value, str) and value not in PARTS[name]:
                raise SocketError("ENOENT", f"{value!r}: there are {', '.join(PARTS[name])}")
            if self.connection:
                raise SocketError("EISCONN", f"the connection has its {name}: say so before")
            self.parts = replace(self.parts, **{name: PARTS[name].get(value, value)})
        else:
            try:
                Settings().set(name, value)
                if self.connection:
                    self.connection.set_option(name, value, now)
            except CallError as error:
                raise SocketError(error.name, f"{error}") from None
            self.options[name] = value
        self.settle()

    def get_option(self, name: str) -> Any:
        """What such an option is now: getsockopt."""
        name = NAMES.get(name, name)
        if name in PARTS:
            part = getattr(self.parts, name)
            return next((known for known, maker in PARTS[name].items() if maker is part), part)
        if name == "TCP_FASTOPEN":
            return self.fast_open
        settings = self.connection.settings if self.connection else Settings(**self.options)
        if name not in DEFAULTS:
            raise SocketError("ENOPROTOOPT", f"no option {name!r}: there are {', '.join(DEFAULTS)}")
        return getattr(settings, name)

    def bind(self, address: Any = "0.0.0.0", port: int = 0, *, reuse_port: bool = False) -> None:
        """Take this address and port.

        "0.0.0.0" stands for all of the host's addresses, port 0 for a free one.  EADDRINUSE where that port is
        another's, unless that one and this both say `reuse_port`.  Connections that linger take no port, as with
        SO_REUSEADDR.
        """
        self.check_open()
        local = self.number(address, port)
        if any(local) and not self.network.is_local(local):
            raise SocketError("EADDRNOTAVAIL", f"{local} is no address of this host")
        if self.endpoint or self.connection:
            raise SocketError("EINVAL", "this socket is bound already")
        ports = self.layer.ports
        if port == 0:
            port = ports.choose(local, self.network.random)
        elif not ports.is_free(local, port, reuse_port):
            raise SocketError("EADDRINUSE", f"port {port} of {local if any(local) else 'this host'} is taken")
        self.take(Endpoint(local, port, reuse_port=reuse_port))

    def listen(self, backlog: int = 128) -> None:
        """Let others connect: `backlog` + 1 may wait to be accepted.  A second call changes the backlog."""
        self.check_open()
        if self.connection:
            raise SocketError("EINVAL", "this socket is connected")
        if self.listening:
            self.listening.queues.resize(backlog)
            return
        if not self.endpoint:
            self.bind()
        assert self.endpoint
        queues: Listener[Connection] = Listener(backlog, self.layer.settings, self.layer.counters)
        queues.fast_open_limit = self.fast_open
        listening = Listening(queues, self.options, self.parts)
        self.layer.listen(self.endpoint, listening)
        self.listening = listening

    def accept(self) -> "StreamSocket | None":
        """The connection that has waited longest, or None.  EINVAL where this socket does not listen."""
        self.check_open()
        if not self.listening:
            raise SocketError("EINVAL", "this socket does not listen")
        connection = self.listening.queues.accept()
        if connection is None:
            return None
        socket = StreamSocket(self.layer, self.open_ones, self.clock, self.parts, connection)
        socket.options = dict(self.options)
        self.open_ones.append(socket)
        return socket

    def connect(self, address: Any, port: int, data: bytes | None = None) -> None:
        """Begin a connection: it is there, or has failed, when the socket is writable.  ENETUNREACH without a route.

        `data` is sent by Fast Open, as with Linux's MSG_FASTOPEN: on the SYN if this server has given us a cookie
        before, else as soon as the connection is there.  It may arrive twice (RFC 7413 section 2.1).
        """
        self.check_open()
        if self.connection:
            opening = self.connection.state in (SYN_SENT, SYN_RECEIVED)
            raise SocketError("EALREADY" if opening else "EISCONN")
        if self.listening:
            raise SocketError("EISCONN", "this socket listens")
        remote = self.number(address, port)
        if port == 0:
            raise SocketError("ECONNREFUSED", "nobody can have bound port 0")
        if not any(remote):  # this host itself, as in Linux
            remote = self.network.address("127.0.0.1" if len(remote) == 4 else "::1")
        if self.endpoint and len(self.endpoint.address) != len(remote):
            raise SocketError("EAFNOSUPPORT", f"a socket bound to {self.endpoint} can't connect to {remote}")
        # "MUST reject as an error a local OPEN call for an invalid remote IP address (e.g., a broadcast or multicast
        # address)" (MUST-46)
        if remote.is_multicast or self.network.is_broadcast(remote):
            raise SocketError("ENETUNREACH", f"{remote} is no single host's address")
        try:
            local = self.network.source_for(remote)
            if self.endpoint and not self.endpoint.is_wildcard:
                local = self.endpoint.address
            own = self.endpoint.port if self.endpoint else None
            made = self.layer.connect(
                local, own, remote, port, self.options, self.parts, self.clock.now, data
            )  # fmt: skip
        except SendError as error:
            raise translated(error) from None
        self.connection = made
        if not self.endpoint:
            self.take(Endpoint(local, made.local[1], remote, port))
        self.clock.settle(self.clock.now)

    def send(self, data: bytes, urgent: bool = False) -> int:
        """Send as much as there is room for; return how many bytes that was.  EPIPE after `shutdown`.

        With `urgent` the peer is told that all up to the end of it is (RFC 9293 section 3.8.5); it stays in order.
        """
        connection = self.connected("EPIPE")
        if connection.state in (SYN_SENT, SYN_RECEIVED) and not self.early(connection):
            return 0  # EAGAIN: not connected yet
        try:
            taken = connection.send(bytes(data), self.clock.now, urgent)
        except CallError as error:
            raise SocketError("EPIPE" if error.name in ("ENOTCONN", self.raised) else error.name) from None
        self.settle()
        return taken

    def recv(self, limit: int) -> bytes | None:
        """At most `limit` bytes; None where nothing has come, b"" when the peer has ended its side."""
        connection = self.connected("ENOTCONN")
        if not self.reading:
            return b""
        data = connection.receive(limit, self.clock.now)
        if data:
            if connection.outbox:  # a larger window is announced
                self.settle()
            return data
        return b"" if connection.ended else None

    def shutdown(self, how: str = "write") -> None:
        """ "write": send no more, after what is queued: the peer reads to the end.  "read": take no more.  "both"."""
        if how not in ("read", "write", "both"):
            raise SocketError("EINVAL", f"shutdown({how!r}): read, write or both")
        connection = self.connected("ENOTCONN")
        if how in ("read", "both"):
            self.reading = False
            self.settle()
        if how in ("write", "both"):
            connection.close(self.clock.now)
            self.settle()

    def close(self) -> None:
        """Give the connection up: what is queued is sent still, in the background; what arrives is not wanted.

        The peer sees a RST where something that came was not read, or comes later (RFC 9293, SHLD-3).  A listener
        resets who waits to be accepted.
        """
        self.end(lambda connection: connection.close(self.clock.now, reading=False))

    def abort(self) -> None:
        """End the connection at once, with a RST: what SO_LINGER with a time of 0 does."""
        self.end(lambda connection: connection.abort(self.clock.now))

    # ---- inside ----------------------------------------------------------------------------------------------

    def end(self, how: Any) -> None:
        if self.closed:
            return
        self.closed = True
        if self.listening and self.endpoint:
            self.layer.unlisten(self.endpoint, self.clock.now)
        if self.connection and self.connection.state is not CLOSED:
            how(self.connection)
            self.layer.orphan(self.connection, self.clock.now)
        if self.endpoint:
            self.layer.ports.remove(self.endpoint)
        if self in self.open_ones:
            self.open_ones.remove(self)
        self.settle()

    def take(self, endpoint: Endpoint) -> None:
        """Have this port."""
        self.layer.ports.add(endpoint)
        self.endpoint = endpoint

    def settle(self) -> None:
        """Move on what a call has led to, if it has led to anything."""
        if self.connection:
            sent = bool(self.connection.outbox)
            self.layer.after(self.connection, self.clock.now)
            if not sent:
                return
        self.clock.settle(self.clock.now)

    def connected(self, otherwise: str) -> Connection:
        """The connection, whose pending error is raised first; a `SocketError` of this name where there is none."""
        self.check_open()
        if not self.connection:
            raise SocketError(otherwise, "this socket is not connected")
        if error := self.error:
            self.raised = error
            raise SocketError(error, FAILED.get(error, ""))
        return self.connection

    def number(self, address: Any, port: int) -> Any:
        """The address object; `SocketError` where address or port are none."""
        if not isinstance(port, int) or not 0 <= port <= 0xFFFF:
            raise SocketError("EINVAL", f"port {port!r:.20}: a port is a number from 0 to 65535")
        try:
            return self.network.address(address)
        except Malformed as error:
            raise SocketError("EINVAL", str(error)) from None

    def check_open(self) -> None:
        if self.closed:
            raise SocketError("EBADF")


FAILED = {
    "ECONNREFUSED": "nobody listens there: a RST came back",
    "ECONNRESET": "the peer has ended the connection with a RST",
    "ETIMEDOUT": "no answer from the peer",
}
