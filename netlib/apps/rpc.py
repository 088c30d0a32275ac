"""Remote procedure calls: a function of another host, called by its name.

    async def add(a, b): return a + b                               or a plain function
    world.spawn(serve(server, {"add": add}, port=7000))
    answer = world.run(calls(client))

    async def calls(host):
        with Client(host, "10.0.0.2", 7000) as client:
            return await client.call("add", 2, 3)                   Answer: 5

Written once: `host` is a netlib host, simulated or live, or the operating system (worlds/sockets.py).  Over UDP a
lost call is sent again, with the same number, and the server carries it out at most once (rpc_messages.py); over a
stream, `kind=STREAM`, TCP does the repeating.  What goes wrong comes back as a value: `answer.error` is TIMEOUT,
REFUSED, CLOSED, NO_SUCH_PROCEDURE, BAD_ARGUMENTS, FAILED, BUSY, LOST, TOO_LONG or None.  After TIMEOUT and CLOSED
nobody can know whether the call was carried out; but it was not carried out twice.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol

from netlib.apps.rpc_messages import (
    CALL,
    ERROR,
    LONGEST,
    RESULT,
    AtMostOnce,
    Frames,
    Message,
    call_message,
    error_message,
    frame,
    result_message,
)
from netlib.kernel.errors import SocketError
from netlib.kernel.sockets import DATAGRAM, STREAM
from netlib.wire.errors import FieldOverflow, WireError
from netlib.worlds.task import AnyOf, ReadyToSend, now, readable, writable

__all__ = [
    "DATAGRAM",
    "STREAM",
    "Answer",
    "AtMostOnce",
    "Client",
    "Frames",
    "Message",
    "RPCError",
    "Served",
    "frame",
    "serve",
]

CONNECTIONS = 256  # streams that a server has open at a time
UNSENT = 1 << 20  # bytes for a client that does not read; above them it is cut off
PIECE = 65_536  # bytes read from a stream at a time

Procedures = Mapping[str, Callable[..., Any]]


class HasSockets(Protocol):
    """A host, or the operating system."""

    @property
    def random(self) -> Random: ...
    @property
    def socket(self) -> Any: ...  # a method: socket(kind)


class RPCError(Exception):
    """A call came back with an error, to whom insisted on its value."""


@dataclass(frozen=True)
class Answer:
    """What came of a call: its `value`, or else an `error` and what there is to say about it."""

    value: Any = None
    error: str | None = None
    text: str = ""
    attempts: int = 1  # how often the call was sent
    time: float = 0.0  # seconds from the first of them to the answer

    def insist(self) -> Any:
        """The value; `RPCError` if there is none."""
        if self.error:
            raise RPCError(f"{self.error}: {self.text}")
        return self.value

    def __str__(self) -> str:
        return f"{self.error}: {self.text}" if self.error else str(self.value)


# ---- the client ----------------------------------------------------------------------------------------------------


class Client:
    """Calls procedures of one server.

    `timeout` (seconds) is how long it waits after sending a call for the first time, over UDP; each repetition, of
    which there are `retries` at most, waits `backoff` times longer than the one before.  Over a stream the call waits
    for `timeout` in all.
    """

    def __init__(
        self,
        host: HasSockets,
        address: Any,
        port: int,
        *,
        kind: str = DATAGRAM,
        timeout: float = 1.0,
        retries: int = 3,
        backoff: float = 2.0,
    ) -> None:
        self.host, self.server, self.kind = host, (address, port), kind
        self.timeout, self.retries, self.backoff = timeout, retries if kind == DATAGRAM else 0, backoff
        self.client = host.random.getrandbits(64)
        self.number = 0
        self.waiting: dict[int, Message | None] = {}  # calls under way -> the answer, once it is there
        self.frames = Frames()
        self.socket: Any = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; another call opens a new one."""
        if self.socket:
            self.socket.close()
        self.socket = None
        self.frames = Frames()

    async def call(self, name: str, *arguments: Any) -> Answer:
        """Have the server carry out a procedure.  TypeError for arguments that can't be written in JSON."""
        self.number += 1
        number = self.number
        oldest = min([*self.waiting, number])
        try:
            message = frame(call_message(self.client, number, oldest, name, arguments).build())
        except FieldOverflow as error:
            return Answer(error="TOO_LONG", text=str(error), attempts=0)
        self.waiting[number] = None
        start = await now()
        try:
            return await self.ask(number, message, start)
        except SocketError as error:
            self.close()
            kind = {"ECONNREFUSED": "REFUSED", "ETIMEDOUT": "TIMEOUT"}.get(error.name, "CLOSED")
            return Answer(error=kind, text=str(error), time=await now() - start)
        except WireError as error:  # a stream that is no longer one of frames
            self.close()
            return Answer(error="CLOSED", text=str(error), time=await now() - start)
        finally:
            del self.waiting[number]

    async def ask(self, number: int, message: bytes, start: float) -> Answer:
        """Send a call until it is answered, or nobody can be hoped to do so any more."""
        await self.open(start + self.timeout)
        socket = self.socket
        wait = self.timeout
        for attempt in range(1, self.retries + 2):
            end = (start if attempt == 1 else await now()) + wait
            if not await self.send(message, end):
                break
            while self.waiting[number] is None and (left := end - await now()) > 0:
                if not await readable(Awaited(self, number), left):
                    break
                if self.socket is not socket:  # another call has met an error
                    raise SocketError("ECONNRESET", "the connection has been closed")
                self.take_in()
            if answer := self.waiting[number]:
                return told(answer, attempt, await now() - start)
            wait *= self.backoff
        text = f"no answer from {self.server[0]} port {self.server[1]}"
        return Answer(error="TIMEOUT", text=text, attempts=self.retries + 1, time=await now() - start)

    async def open(self, end: float) -> None:
        """Have a socket that is connected; what an earlier call has left behind in it is over."""
        if self.socket is None:
            self.socket = self.host.socket(self.kind)
            self.socket.connect(*self.server)
            if self.kind == STREAM and not await writable(self.socket, end - await now()):
                raise SocketError("ETIMEDOUT", f"no connection to {self.server[0]} port {self.server[1]}")
        elif self.kind == DATAGRAM and len(self.waiting) == 1:
            try:
                self.take_in()
            except SocketError:
                self.take_in()

    async def send(self, message: bytes, end: float) -> bool:
        """Send a message whole; False if that takes longer than until `end`."""
        if self.kind == DATAGRAM:
            self.socket.send(message)
            return True
        while message:
            message = message[self.socket.send(message) :]
            if message and not await writable(self.socket, end - await now()):
                self.close()  # half a message was sent: nothing can follow it
                return False
        return True

    def take_in(self) -> None:
        """Read what has come, and keep the answers that somebody waits for."""
        for message in self.received():
            try:
                answer = Message.parse(message)
            except WireError:
                continue
            mine = answer.client == self.client and answer.kind != CALL
            if mine and answer.number in self.waiting and self.waiting[answer.number] is None:
                self.waiting[answer.number] = answer

    def received(self) -> list[bytes]:
        messages: list[bytes] = []
        if self.kind == DATAGRAM:
            while received := self.socket.receive():
                messages += whole_frames(received[0])
            return messages
        while (data := self.socket.recv(PIECE)) is not None:
            if not data:
                self.frames.end()
                raise SocketError("ECONNRESET", "the server has ended the connection")
            messages += self.frames.feed(data)
        return messages


class Awaited:
    """The answer to one call, or anything at all from the server: another call may have read our answer already."""

    def __init__(self, client: Client, number: int) -> None:
        self.client, self.number = client, number
        self.sockets = [client.socket]

    @property
    def readable(self) -> bool:
        socket = self.sockets[0]
        return self.client.waiting[self.number] is not None or self.client.socket is not socket or socket.readable


def told(answer: Message, attempts: int, time: float) -> Answer:
    """The answer that a message brings."""
    try:
        content = answer.content
        if answer.kind == RESULT:
            return Answer(content, attempts=attempts, time=time)
        error, text = content
        return Answer(error=str(error), text=str(text), attempts=attempts, time=time)
    except (WireError, ValueError, TypeError) as error:
        return Answer(error="FAILED", text=f"the server's answer makes no sense: {error}", attempts=attempts, time=time)


def whole_frames(data: bytes) -> list[bytes]:
    """The messages in a datagram: it holds whole ones, and nothing else is believed."""
    frames = Frames()
    try:
        messages = frames.feed(data)
        frames.end()
    except WireError:
        return []
    return messages


# ---- the server ----------------------------------------------------------------------------------------------------


@dataclass
class Served:
    """What a server has done so far."""

    executed: int = 0  # calls carried out
    repeated: int = 0  # calls answered from memory, or with a refusal
    ignored: int = 0  # messages that were no call, and late copies


async def serve(
    host: HasSockets,
    procedures: Procedures,
    *,
    port: int,
    address: Any = "0.0.0.0",
    kind: str = DATAGRAM,
    memory: AtMostOnce | None = None,
    served: Served | None = None,
) -> None:
    """Carry out calls, one after the other, for ever.  `served` is kept up to date."""
    server = Server(procedures, memory or AtMostOnce(), served if served is not None else Served())
    socket = host.socket(kind)
    try:
        socket.bind(address, port)
        await (server.datagrams(socket) if kind == DATAGRAM else server.streams(socket))
    finally:
        socket.close()


class Connection:
    """A client's stream at the server."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.frames, self.unsent = socket, Frames(), b""

    def send(self, data: bytes) -> None:
        self.unsent += data
        while self.unsent and (sent := self.socket.send(self.unsent)):
            self.unsent = self.unsent[sent:]


class Server:
    """Answers calls from datagrams or streams."""

    def __init__(self, procedures: Procedures, memory: AtMostOnce, served: Served) -> None:
        self.procedures, self.memory, self.served = procedures, memory, served

    async def datagrams(self, socket: Any) -> None:
        while await readable(socket):
            try:
                received = socket.receive()
                for message in whole_frames(received[0]) if received else []:
                    await self.answer(message, partial(socket.send_to, address=received[1]))
            except SocketError:
                pass  # a reply that can't be sent is as good as lost

    async def streams(self, listener: Any) -> None:
        listener.listen(CONNECTIONS)
        connections: list[Connection] = []
        while True:
            room = [listener] if len(connections) < CONNECTIONS else []
            unsent = [ReadyToSend(connection.socket) for connection in connections if connection.unsent]
            await readable(AnyOf([*room, *unsent, *(connection.socket for connection in connections)]))
            if room and (accepted := listener.accept()):
                connections.append(Connection(accepted))
            for connection in list(connections):
                if not await self.attend(connection):
                    connection.socket.close()
                    connections.remove(connection)

    async def attend(self, connection: Connection) -> bool:
        """Read what a client has sent and answer it; False when it is gone, or has to go."""
        try:
            connection.send(b"")
            data = connection.socket.recv(PIECE)
            if data is not None:
                for message in connection.frames.feed(data):
                    await self.answer(message, connection.send)
            return data != b"" and len(connection.unsent) <= UNSENT
        except (SocketError, WireError):
            return False

    async def answer(self, data: bytes, send: Callable[[bytes], Any]) -> None:
        """Do what a message asks for, unless that has been done."""
        try:
            call = Message.parse(data)
        except WireError:
            call = Message(ERROR)
        if call.kind != CALL:
            self.served.ignored += 1
            return
        admitted = self.memory.admit(call, await now())
        if admitted is True:
            self.served.executed += 1
            reply = await self.execute(call)
            self.memory.remember(call, reply)
        elif admitted is False:
            self.served.ignored += 1
            return
        else:
            self.served.repeated += 1
            reply = admitted
        send(frame(reply.build()))

    async def execute(self, call: Message) -> Message:
        """Carry out a call, and put what comes of it into words."""
        try:
            content = call.content
        except WireError as error:
            return error_message(call, "BAD_ARGUMENTS", str(error))
        if not isinstance(content, list) or not content or not isinstance(content[0], str):
            return error_message(call, "BAD_ARGUMENTS", "a call is a list: the procedure's name and its arguments")
        name, *arguments = content
        procedure = self.procedures.get(name)
        if procedure is None:
            known = ", ".join(sorted(self.procedures))
            return error_message(call, "NO_SUCH_PROCEDURE", f"{name[:80]!r}: here are {known}")
        try:
            inspect.signature(procedure).bind(*arguments)
        except TypeError as error:
            return error_message(call, "BAD_ARGUMENTS", f"{name}: {error}")
        except ValueError:
            pass  # a builtin that does not say what it takes
        try:
            value = procedure(*arguments)
            if inspect.isawaitable(value):
                value = await value
            reply = result_message(call, value)
        except Exception as error:
            return error_message(call, "FAILED", f"{type(error).__name__}: {error}")
        if Message.SIZE + len(reply.payload) > LONGEST:
            return error_message(call, "TOO_LONG", f"a result of {len(reply.payload)} bytes, {LONGEST} at most")
        return reply
