"""Datagram sockets: what a program holds in its hand, with the calls, the order of events and the errors of Linux.

    socket = host.socket(DATAGRAM)
    socket.bind("0.0.0.0", 7)                        or leave it: the first send picks a port
    socket.send_to(b"hello", ("10.0.0.2", 7))
    data, (address, port) = socket.receive()         None where nothing has come
    socket.connect("10.0.0.2", 7)                    from now on send(), only this peer's datagrams, and its errors

Nothing here blocks: a coroutine waits with `await readable(socket, timeout)`.  What goes wrong raises
`SocketError` under its errno name.  An ICMP error comes later than the call that caused it: it is raised once, by the
next call, before anything that waits to be received.
"""

from collections import deque
from random import Random
from typing import Any, Literal, Protocol

from netlib.internet.input import SendError
from netlib.kernel.errors import SocketError
from netlib.kernel.ports import Ports
from netlib.transport.udp import UDP, Endpoint, datagram
from netlib.wire.address import Address as IPAddress
from netlib.wire.address import IPv4Address
from netlib.wire.errors import FieldOverflow, Malformed

DATAGRAM: Literal["datagram"] = "datagram"  # kind of socket: UDP
STREAM: Literal["stream"] = "stream"  # and TCP: kernel/streams.py
RECEIVE_BUFFER = 212_992  # bytes: Linux's net.core.rmem_default ...
OVERHEAD = 768  # ... of which each datagram takes this much besides its data (its sk_buff): so many empty ones too
LARGEST = 65_535 - 8  # bytes in one datagram, by its own length field; IPv4's header leaves 20 fewer
OPTIONS = {"SO_BROADCAST": 0, "SO_NO_CHECK": 0, "SO_RCVBUF": RECEIVE_BUFFER, "IP_TTL": 64}

SocketAddress = tuple[Any, int]  # an address, as text or as an object, and a port


class Network(Protocol):
    """What sockets ask of the host below them; addresses of any IP version."""

    random: Random

    def address(self, value: Any) -> Any:
        """An address object for a text or for raw bytes; `Malformed` for anything else."""

    def is_local(self, address: Any) -> bool:
        """Whether the address is one of this host's own, loopback included."""

    def is_broadcast(self, address: Any) -> bool: ...

    def source_for(self, destination: Any) -> Any:
        """The address that a packet to `destination` would have as its source; `SendError` if there is no route."""

    def packet(self, source: Any, destination: Any, protocol: int, ttl: int) -> Any:
        """A packet of the addresses' IP version, empty still."""

    def send_packet(self, packet: Any) -> None:
        """Send it; `SendError` if that can't be done."""


class Sockets:
    """All datagram sockets of one host, with their ports."""

    def __init__(self, network: Network, udp: UDP) -> None:
        self.network, self.udp = network, udp
        self.ports = Ports()
        self.owners: dict[Endpoint, DatagramSocket] = {}

    def add(self, endpoint: Endpoint, owner: "DatagramSocket") -> None:
        self.udp.add(endpoint)
        self.ports.add(endpoint)
        self.owners[endpoint] = owner

    def remove(self, endpoint: Endpoint) -> None:
        self.udp.remove(endpoint)
        self.ports.remove(endpoint)
        del self.owners[endpoint]

    def settle(self) -> None:
        """Hand out what UDP has brought."""
        delivered, self.udp.delivered = self.udp.delivered, []
        for delivery in delivered:
            owner = self.owners.get(delivery.endpoint)
            if owner and not owner.put(delivery.data, (delivery.source, delivery.source_port)):
                self.udp.dropped["socket full"] += 1
        failed, self.udp.failed = self.udp.failed, []
        for endpoint, name in failed:
            if endpoint in self.owners:
                self.owners[endpoint].error = name


class DatagramSocket:
    """A UDP socket of a host.  `error` is the errno name that the next call will raise, or None."""

    def __init__(self, sockets: Sockets, open_ones: list[Any]) -> None:
        self.sockets, self.network = sockets, sockets.network
        self.open_ones = open_ones  # the host's own list of its sockets
        self.endpoint: Endpoint | None = None
        self.bound: tuple[IPAddress, int] | None = None  # what `bind` was asked for: it outlives a connection
        self.inbox: deque[tuple[bytes, SocketAddress]] = deque()
        self.waiting = 0  # bytes that the inbox takes of the receive buffer
        self.dropped = 0  # datagrams that found it full: "d" in `ss -uam`
        self.error: str | None = None
        self.closed = False
        self.options = dict(OPTIONS)

    def __repr__(self) -> str:
        state = "closed" if self.closed else str(self.endpoint) if self.endpoint else "unbound"
        return f"<datagram socket {state}>"

    @property
    def readable(self) -> bool:
        """Whether `receive` has something to say: a datagram, or an error."""
        return bool(self.inbox) or self.error is not None

    @property
    def address(self) -> SocketAddress | None:
        """Its own address and port, None before it has a port: getsockname."""
        return (self.endpoint.address, self.endpoint.port) if self.endpoint else None

    @property
    def peer(self) -> SocketAddress | None:
        """The address and port it is connected to, or None: getpeername."""
        endpoint = self.endpoint
        return (endpoint.peer, endpoint.peer_port) if endpoint and endpoint.is_connected else None

    # ---- calls ---------------------------------------------------------------------------------------------

    def set_option(self, name: str, value: int) -> None:
        """SO_BROADCAST, SO_NO_CHECK (send without checksums), SO_RCVBUF (bytes) or IP_TTL."""
        self.check_open()
        if name not in OPTIONS:
            raise SocketError("ENOPROTOOPT", f"{name!r}: this socket has {', '.join(OPTIONS)}")
        if value < 0 or (name == "IP_TTL" and not 1 <= value <= 255):
            raise SocketError("EINVAL", f"{name}={value}")
        self.options[name] = int(value)

    def bind(self, address: Any = "0.0.0.0", port: int = 0, *, reuse_port: bool = False) -> None:
        """Take datagrams to this address and port.

        "0.0.0.0" stands for all of the host's addresses, port 0 for a free one.  EADDRINUSE where that port is
        another's, unless that one and this both say `reuse_port`.
        """
        self.check_open()
        local = self.number(address, port)
        if any(local) and not self.network.is_local(local) and not self.network.is_broadcast(local):
            raise SocketError("EADDRNOTAVAIL", f"{local} is no address of this host")
        if self.endpoint:
            raise SocketError("EINVAL", f"this socket is bound already: {self.endpoint}")
        if port == 0:
            port = self.sockets.ports.choose(local, self.network.random)
            self.bound = (local, 0)
        elif self.sockets.ports.is_free(local, port, reuse_port):
            self.bound = (local, port)
        else:
            raise SocketError("EADDRINUSE", f"port {port} of {local if any(local) else 'this host'} is taken")
        self.become(Endpoint(local, port, reuse_port=reuse_port))

    def connect(self, address: Any, port: int) -> None:
        """Talk to this peer only: it is where `send` goes, and nobody else's datagrams are let in.

        Nothing is sent: there may be nobody.  ENETUNREACH where there is no route.
        """
        self.check_open()
        peer = self.target(address, port)
        before = self.endpoint or self.bind_for(peer)
        self.check_family(before, peer)
        local = self.source_for(peer)
        if not before.is_wildcard:
            local = before.address  # also the one that the first connect has chosen, as in Linux
        self.become(Endpoint(local, before.port, peer, port, before.reuse_port))

    def disconnect(self) -> None:
        """Take datagrams from anybody again (a connect to AF_UNSPEC); an address or port not asked for is given up."""
        self.check_open()
        if self.endpoint and self.endpoint.is_connected:
            address, port = self.bound or (None, 0)
            reuse_port = self.endpoint.reuse_port
            self.become(Endpoint(address, port, reuse_port=reuse_port) if address is not None and port else None)

    def send(self, data: bytes) -> int:
        """Send to the peer; return how many bytes were sent, which is all of them.  EDESTADDRREQ without a peer."""
        self.check_open()
        endpoint = self.endpoint or self.bind_for(IPv4Address.ANY)
        if endpoint.peer is None:
            raise SocketError("EDESTADDRREQ")
        return self.transmit(endpoint, data, endpoint.peer, endpoint.peer_port)

    def send_to(self, data: bytes, address: SocketAddress) -> int:
        """Send one datagram to an (address, port); a socket without a port gets one.

        EMSGSIZE if it fits into no packet, ENETUNREACH without a route, EACCES to a broadcast address unless the
        option SO_BROADCAST is set.
        """
        self.check_open()
        destination, port = self.target(*address), address[1]
        return self.transmit(self.endpoint or self.bind_for(destination), data, destination, port)

    def receive(self) -> tuple[bytes, SocketAddress] | None:
        """The next datagram and the (address, port) it came from, or None; a pending error is raised first."""
        self.check_open()
        self.raise_error()
        if not self.inbox:
            return None
        data, source = self.inbox.popleft()
        self.waiting -= len(data) + OVERHEAD
        return data, source

    def close(self) -> None:
        """Give up the port, and what has not been received."""
        self.become(None)
        self.inbox.clear()
        self.closed, self.error, self.waiting = True, None, 0
        if self in self.open_ones:
            self.open_ones.remove(self)

    # ---- inside --------------------------------------------------------------------------------------------

    def become(self, endpoint: Endpoint | None) -> None:
        """Appear in the tables as this."""
        if self.endpoint:
            self.sockets.remove(self.endpoint)
        self.endpoint = None
        if endpoint:
            self.sockets.add(endpoint, self)
            self.endpoint = endpoint

    def bind_for(self, destination: IPAddress) -> Endpoint:
        """Bind to a free port and any address of the destination's IP version."""
        self.bind(bytes(len(destination)))
        assert self.endpoint
        return self.endpoint

    def put(self, data: bytes, source: SocketAddress) -> bool:
        """Keep a datagram for the program; False if there is no room."""
        # as in Linux, the datagram that reaches the limit still gets in (__udp_enqueue_schedule_skb)
        if self.waiting > self.options["SO_RCVBUF"]:
            self.dropped += 1
            return False
        self.inbox.append((data, source))
        self.waiting += len(data) + OVERHEAD
        return True

    def transmit(self, endpoint: Endpoint, data: bytes, destination: Any, port: int) -> int:
        self.check_family(endpoint, destination)
        if len(data) > LARGEST:
            raise SocketError("EMSGSIZE", f"{len(data)} bytes, one datagram has {LARGEST} at most")
        self.raise_error()
        source = self.source_for(destination)
        if not endpoint.is_wildcard and not self.network.is_broadcast(endpoint.address):
            source = endpoint.address
        packet = self.network.packet(source, destination, 17, self.options["IP_TTL"])
        try:
            checksummed = not self.options["SO_NO_CHECK"]
            packet.payload = datagram(packet, endpoint.port, port, bytes(data), checksummed)
            self.network.send_packet(packet)
        except SendError as error:
            raise translated(error) from None
        except FieldOverflow as error:
            raise SocketError("EMSGSIZE", str(error)) from None
        return len(data)

    def source_for(self, destination: Any) -> Any:
        if self.network.is_broadcast(destination) and not self.options["SO_BROADCAST"]:
            raise SocketError("EACCES", f"{destination} is a broadcast address: set the option SO_BROADCAST first")
        try:
            return self.network.source_for(destination)
        except SendError as error:
            raise translated(error) from None

    def target(self, address: Any, port: int) -> Any:
        """The address to send to; "0.0.0.0" means this host itself, as in Linux: its bound address, or loopback."""
        if port == 0:
            raise SocketError("EINVAL", "nobody can have bound port 0")
        destination = self.number(address, port)
        if any(destination):
            return destination
        if self.endpoint and not self.endpoint.is_wildcard:
            return self.endpoint.address
        return self.network.address("127.0.0.1" if isinstance(destination, IPv4Address) else "::1")

    def number(self, address: Any, port: int) -> Any:
        """The address object; `SocketError` where address or port are none."""
        if not isinstance(port, int) or not 0 <= port <= 0xFFFF:
            raise SocketError("EINVAL", f"port {port!r:.20}: a port is a number from 0 to 65535")
        try:
            return self.network.address(address)
        except Malformed as error:
            raise SocketError("EINVAL", str(error)) from None

    def check_family(self, endpoint: Endpoint, destination: Any) -> None:
        if len(destination) != len(endpoint.address):
            raise SocketError("EAFNOSUPPORT", f"a socket bound to {endpoint} can't send to {destination}")

    def check_open(self) -> None:
        if self.closed:
            raise SocketError("EBADF")

    def raise_error(self) -> None:
        """Raise the pending error, which is over with that."""
        if name := self.error:
            self.error = None
            raise SocketError(name)


def translated(error: SendError) -> SocketError:
    """A `SendError` says the errno name before its colon."""
    name, _, text = str(error).partition(": ")
    return SocketError(name, text)
