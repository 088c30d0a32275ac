"""What chapter 1 talks to: a JSON-RPC server over UDP or TCP, and the answers that its exercises are compared with.

    server = Server(METHODS, work=0.001)             each call takes the server a millisecond
    sim.spawn(server.udp(host))                      on a netlib host, or on the operating system
    with Listening(dispatch) as address: ...         over TCP, for a program with plain sockets

Messages are those of JSON-RPC 2.0 (jsonrpc.org): one in a datagram, or one in a frame, behind its length in four bytes.
"""

import inspect
import json
import socket as system_socket
import threading
from contextlib import suppress
from typing import Any

from netlib.apps.rpc_messages import Frames, Message, frame
from netlib.exercises.client_server_methods import METHODS, Methods
from netlib.kernel.errors import SocketError
from netlib.kernel.sockets import DATAGRAM
from netlib.worlds.task import now, readable, sleep

PORT = 7000
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
FAILED = -32000  # the first of those that a server may give a meaning of its own
TIMED_OUT = -32001


# ---- the answers ----------------------------------------------------------------------------------------------------


def error(number: Any, code: int, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}


def carry_out(methods: Methods, request: Any) -> dict[str, Any] | None:
    """The reply to one request; None where it asks for none."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        return error(None, INVALID_REQUEST, "this is no request")
    params = request.get("params", [])
    if not isinstance(params, list | dict):
        return error(None, INVALID_REQUEST, "params are a list or an object")
    reply = called(methods, request["method"], params)
    return {"jsonrpc": "2.0", "id": request["id"]} | reply if "id" in request else None


def called(methods: Methods, name: str, params: Any) -> dict[str, Any]:
    """What came of a call: {"result": ...} or {"error": ...}."""
    method = methods.get(name)
    if method is None:
        return {"error": {"code": METHOD_NOT_FOUND, "message": f"no method {name!r}"}}
    positional, named = (params, {}) if isinstance(params, list) else ([], params)
    try:
        inspect.signature(method).bind(*positional, **named)
    except TypeError as reason:
        return {"error": {"code": INVALID_PARAMS, "message": f"{name}: {reason}"}}
    try:
        result = method(*positional, **named)
        json.dumps(result)
    except Exception as reason:
        return {"error": {"code": FAILED, "message": f"{type(reason).__name__}: {reason}"}}
    return {"result": result}


def dispatch(methods: Methods, message: bytes) -> bytes | None:
    """Carry out what a message asks for; the reply as bytes, or None where it asks for none."""
    try:
        request = json.loads(message)
    except ValueError as reason:
        return json.dumps(error(None, PARSE_ERROR, f"no JSON: {reason}")).encode()
    if isinstance(request, list) and request:
        replies = [reply for each in request if (reply := carry_out(methods, each)) is not None]
        return json.dumps(replies).encode() if replies else None
    reply = carry_out(methods, request)
    return None if reply is None else json.dumps(reply).encode()


def reply_to(message: bytes, number: str) -> dict[str, Any] | None:
    """The reply in a message, if it is one to the request of that id."""
    try:
        reply = json.loads(message)
    except ValueError:
        return None
    if not isinstance(reply, dict) or reply.get("id") != number:
        return None
    return reply if "result" in reply or "error" in reply else None


async def call(
    socket: Any, id: str, method: str, params: list[Any], timeout: float = 1.0, tries: int = 3
) -> dict[str, Any]:
    """The reply to a request sent over a connected UDP socket, which is sent again while none comes."""
    request = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()
    for attempt in range(tries):
        socket.send(request)
        deadline = await now() + timeout * 2**attempt
        while (left := deadline - await now()) > 0 and await readable(socket, left):
            received = socket.receive()
            if received and (reply := reply_to(received[0], id)) is not None:
                return reply
    return error(id, TIMED_OUT, f"no reply after {tries} tries")


class AtMostOnce:
    """What a server remembers, so that no call is carried out twice."""

    def __init__(self, replies: int = 1000, keep: float = 300.0) -> None:
        self.replies, self.keep = replies, keep
        self.heard: dict[str, float] = {}  # client -> when it called last
        self.floor: dict[str, int] = {}  # client -> no call up to this one is carried out any more
        self.under_way: set[tuple[str, int]] = set()
        self.kept: dict[tuple[str, int], bytes] = {}  # in the order in which they were remembered

    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        for silent in [each for each, heard in self.heard.items() if now - heard > self.keep]:
            self.forget(silent)
        self.heard[client] = now
        call = client, number
        if call in self.kept:
            return self.kept[call]
        if call in self.under_way or number <= self.floor.get(client, 0):
            return None
        self.under_way.add(call)
        return True

    def remember(self, client: str, number: int, reply: bytes) -> None:
        call = client, number
        if call not in self.under_way:
            return
        self.under_way.remove(call)
        self.kept[call] = reply
        if len(self.kept) > self.replies:
            client, number = oldest = next(iter(self.kept))
            del self.kept[oldest]
            self.floor[client] = max(number, self.floor.get(client, 0))

    def forget(self, client: str) -> None:
        del self.heard[client]
        self.floor.pop(client, None)
        self.under_way = {each for each in self.under_way if each[0] != client}
        self.kept = {each: reply for each, reply in self.kept.items() if each[0] != client}


# ---- servers --------------------------------------------------------------------------------------------------------


class Server:
    """Answers requests, one after the other.

    `dispatch` and `memory` may be yours.  A memory knows a call by its id: "ada:7" is call 7 of client ada.  `work`
    is how long (seconds) each call keeps the server busy.
    """

    def __init__(self, methods: Methods, *, dispatch: Any = dispatch, memory: Any = None, work: float = 0.0) -> None:
        self.methods, self.dispatch, self.memory, self.work = methods, dispatch, memory, work
        self.received = 0  # messages
        self.busy = 0.0  # seconds
        self.port = 0  # the one that it serves

    async def udp(self, host: Any, port: int = PORT, address: str = "0.0.0.0") -> None:
        """Serve the datagrams that come to a port, for ever."""
        socket = host.socket(DATAGRAM)
        socket.bind(address, port)
        self.port = socket.address[1]
        while await readable(socket):
            with suppress(SocketError):  # news about a reply that did not arrive
                if received := socket.receive():
                    reply = await self.answer(received[0])
                    if reply is not None:
                        socket.send_to(reply, received[1])

    async def answer(self, message: bytes) -> bytes | None:
        """The reply to a message, from the memory if there is one that has it."""
        self.received += 1
        client, number = caller(message)
        if self.memory is None or not client:
            return await self.carry_out(message)
        said: bool | bytes | None = self.memory.admit(client, number, await now())
        if said is not True:
            return said or None
        reply = await self.carry_out(message)
        self.memory.remember(client, number, reply or b"")
        return reply

    async def carry_out(self, message: bytes) -> bytes | None:
        work = self.work * calls_in(message)
        if work:
            self.busy += work
            await sleep(work)
        reply: bytes | None = self.dispatch(self.methods, message)
        return reply


def calls_in(message: bytes) -> int:
    with suppress(ValueError):
        request = json.loads(message)
        return len(request) if isinstance(request, list) else 1
    return 0


def caller(message: bytes) -> tuple[str, int]:
    """Client and number of a request whose id is like "ada:7"; an empty client if it is not."""
    with suppress(ValueError, TypeError, AttributeError):
        client, colon, number = json.loads(message).get("id", "").rpartition(":")
        if colon:
            return client, int(number)
    return "", 0


class Listening:
    """A TCP server in a thread: frames in, frames out.  `with Listening(dispatch) as (address, port): ...`

    `socket`: one to listen with, such as a lab's node has; else one of this machine's loopback, which nobody
    else can reach.  What comes in one piece is answered in one piece.
    """

    def __init__(self, dispatch: Any = dispatch, *, methods: Methods = METHODS, frames: Any = Frames,
                 socket: Any = None) -> None:  # fmt: skip
        self.dispatch, self.methods, self.frames = dispatch, methods, frames
        self.socket = socket or system_socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.calls = 0
        self.error: Exception | None = None  # what went wrong in the code that was given

    def __enter__(self) -> tuple[str, int]:
        threading.Thread(target=self.accept, daemon=True).start()
        address, port = self.socket.getsockname()
        return address, port

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self.socket.shutdown(system_socket.SHUT_RDWR)  # wakes the thread
        self.socket.close()
        if self.error and exception[0] is None:
            raise self.error

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: Any) -> None:
        """Answer one client, until it has had enough or makes no sense."""
        with connection, suppress(ConnectionError):
            try:
                self.answer(connection)
            except ConnectionError:
                raise
            except Exception as error:
                self.error = error  # before the connection ends: who waits for that looks here next

    def answer(self, connection: Any) -> None:
        frames = self.frames()
        while data := connection.recv(65_536):
            try:
                messages = frames.feed(data)
            except ValueError:  # no frames: nothing that follows can be read
                return
            replies = [self.dispatch(self.methods, message) for message in messages]
            self.calls += len(replies)
            connection.sendall(b"".join(frame(reply) for reply in replies if reply is not None))


# ---- in other worlds ------------------------------------------------------------------------------------------------


class Node:
    """A lab's node as a host whose UDP sockets are those of that node's kernel."""

    def __init__(self, system: Any, node: Any) -> None:
        self.system, self.node = system, node

    def socket(self, kind: str = DATAGRAM) -> Any:
        from netlib.worlds.sockets import SystemDatagramSocket

        made = self.node.socket(system_socket.AF_INET, system_socket.SOCK_DGRAM)
        return SystemDatagramSocket(self.system, made)


class InServe:
    """A memory of chapter 1 where netlib's own server takes one: `serve(..., memory=InServe(AtMostOnce()))`."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory

    def admit(self, call: Message, now: float) -> Message | bool:
        said = self.memory.admit(f"{call.client:016x}", call.number, now)
        return Message.parse(said) if isinstance(said, bytes) else bool(said)

    def remember(self, call: Message, reply: Message) -> None:
        self.memory.remember(f"{call.client:016x}", call.number, reply.build())
