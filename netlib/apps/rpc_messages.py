"""The messages of a small remote procedure call, and what a server remembers so that no call is carried out twice.

    frame(message), Frames            length-prefixed: messages out of a stream of bytes, however it is cut
    Message                           who calls, which call this is, and the call or its answer in JSON
    AtMostOnce                        the replies a server keeps, and what it says to a call it has seen before

No I/O, no clock: time in seconds is a parameter.  The idea is that of Birrell and Nelson, "Implementing remote
procedure calls" (1984): a client numbers its calls and says with each which ones it still waits for, so a server
knows what it may forget.  What can't be had this way: a server that crashes forgets what it has carried out.
"""

import json
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from netlib.wire.errors import FieldOverflow, Malformed, Truncated

HEADER = struct.Struct(">BQII")  # kind, client, number, oldest
CALL, RESULT, ERROR = 0, 1, 2
LONGEST = 65_507 - 4  # bytes of a message: with its length it fits into one UDP datagram over IPv4


def frame(message: bytes, limit: int = LONGEST) -> bytes:
    """The message with its length before it, in four bytes.  `FieldOverflow` above `limit` bytes."""
    if len(message) > limit:
        raise FieldOverflow(f"frame.length (offset 0): {len(message)} bytes, {limit} at most")
    return len(message).to_bytes(4, "big") + message


class Frames:
    """Cuts a stream of bytes into the messages it was made of.  A stream keeps no boundaries: lengths bring them back.

    Never holds more than `limit` bytes and what was fed last: a length above the limit is refused when it is read.
    """

    def __init__(self, limit: int = LONGEST) -> None:
        self.limit = limit
        self.rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take in the next bytes; return the messages that are whole now.

        `Malformed` for a length above the limit: nothing behind it can be read any more.
        """
        self.rest += data
        messages, at = [], 0
        while len(self.rest) - at >= 4:
            length = int.from_bytes(self.rest[at : at + 4], "big")
            if length > self.limit:
                raise Malformed(f"frame.length (offset {at}): {length} bytes, {self.limit} at most")
            if len(self.rest) - at - 4 < length:
                break
            messages.append(bytes(self.rest[at + 4 : at + 4 + length]))
            at += 4 + length
        del self.rest[:at]
        return messages

    def end(self) -> None:
        """The stream is over: `Truncated` if it ended inside a message."""
        if self.rest:
            raise Truncated(f"frame (offset 0): the stream ended with {len(self.rest)} bytes of a message")


@dataclass(slots=True)
class Message:
    """A call, or the answer to one; the payload is JSON."""

    kind: int = CALL  # one byte
    client: int = 0  # eight bytes: who calls, a random number, the same from whatever address it comes
    number: int = 0  # four bytes: which of the client's calls, or which call this answers
    oldest: int = 0  # four bytes; in a call: the lowest number that the client still waits for
    payload: bytes = b""

    SIZE: ClassVar[int] = HEADER.size

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message; `Truncated` or `Malformed` if it is none."""
        if len(data) < cls.SIZE:
            raise Truncated(f"Message (offset 0): {len(data)} bytes, and its header has {cls.SIZE}")
        message = cls(*HEADER.unpack_from(data))
        if message.kind > ERROR:
            raise Malformed(f"Message.kind (offset 0): {message.kind} is none of call 0, result 1, error 2")
        if message.kind == CALL and message.oldest > message.number:
            raise Malformed(f"Message.oldest (offset 13): {message.oldest} is above the call's own {message.number}")
        message.payload = data[cls.SIZE :]
        return message

    def build(self) -> bytes:
        """Its bytes; `FieldOverflow` where a number is too large for its field."""
        try:
            return HEADER.pack(self.kind, self.client, self.number, self.oldest) + self.payload
        except struct.error as error:
            raise FieldOverflow(f"Message (offset 0): {error}") from None

    @property
    def content(self) -> Any:
        """The payload's value; `Malformed` where it is no JSON."""
        try:
            return json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"Message.payload (offset 17): no JSON: {error}") from None

    def meaning(self, name: str) -> str:
        return ("call", "result", "error")[self.kind] if name == "kind" and self.kind <= ERROR else ""

    def __str__(self) -> str:
        return f"RPC {self.meaning('kind')} {self.number} {self.payload[:60].decode(errors='replace')}"


def call_message(client: int, number: int, oldest: int, name: str, arguments: tuple[Any, ...]) -> Message:
    """The call of a procedure by its name; TypeError where an argument can't be written in JSON."""
    return Message(CALL, client, number, oldest, json.dumps([name, *arguments]).encode())


def result_message(call: Message, value: Any) -> Message:
    """The answer to a call that went well; TypeError where the value can't be written in JSON."""
    return Message(RESULT, call.client, call.number, payload=json.dumps(value).encode())


def error_message(call: Message, kind: str, text: str) -> Message:
    """The answer to a call that did not: errors travel as values, too."""
    return Message(ERROR, call.client, call.number, payload=json.dumps([kind, text[:300]]).encode())


@dataclass(slots=True)
class Caller:
    """What a server remembers of one client."""

    seen: float  # when it called last
    floor: int = 0  # it waits for no call below this one
    done: dict[int, Message | None] = field(default_factory=dict)  # call -> its reply, None: not kept, or not yet there


class AtMostOnce:
    """Decides whether a call is carried out, and keeps replies for clients that ask again.

    `replies` bytes of them are kept; of older ones only that the call has been carried out.  Each of `clients`
    clients may have `outstanding` calls at a time, and is forgotten `keep` seconds after its last one: longer than any
    copy of a datagram can be under way (RFC 9293 allows a segment 2 minutes).
    """

    def __init__(
        self, *, clients: int = 4096, outstanding: int = 64, replies: int = 4 << 20, keep: float = 300.0
    ) -> None:
        self.clients, self.outstanding, self.replies, self.keep = clients, outstanding, replies, keep
        self.callers: OrderedDict[int, Caller] = OrderedDict()  # by the time of their last call
        self.kept: OrderedDict[tuple[int, int], int] = OrderedDict()  # (client, call) -> bytes of its reply
        self.size = 0  # bytes of all replies kept

    def admit(self, call: Message, now: float) -> Message | bool:
        """True: carry it out now, and `remember` the reply.  A message: this is the answer.  False: say nothing."""
        self.forget(now)
        caller = self.callers.get(call.client)
        if caller is None:
            if len(self.callers) >= self.clients:
                return error_message(call, "BUSY", "this server has too many clients: try again later")
            caller = self.callers[call.client] = Caller(now)
        caller.seen = now
        self.callers.move_to_end(call.client)
        if call.number < caller.floor:
            return False  # a late copy: the client has its answer, or has given up
        self.acknowledge(call.client, caller, call.oldest)
        if call.number in caller.done:
            if (call.client, call.number) in self.kept:
                return caller.done[call.number] or False
            lost = "carried out, but its reply is not kept any more"
            return error_message(call, "LOST", lost)
        if len(caller.done) >= self.outstanding:
            return error_message(call, "BUSY", f"{self.outstanding} calls at a time")
        caller.done[call.number] = None
        self.kept[call.client, call.number] = 0  # under way: a copy that comes meanwhile gets no answer yet
        return True

    def remember(self, call: Message, reply: Message) -> None:
        """The call was carried out, and this is its reply."""
        caller = self.callers.get(call.client)
        if caller is None or call.number not in caller.done:
            return
        caller.done[call.number] = reply
        key = call.client, call.number
        self.size += len(reply.payload) - self.kept.pop(key, 0)
        self.kept[key] = len(reply.payload)  # now the newest
        while self.size > self.replies:
            (client, number), size = self.kept.popitem(last=False)
            self.size -= size
            self.callers[client].done[number] = None

    def acknowledge(self, client: int, caller: Caller, oldest: int) -> None:
        """The client waits for nothing below `oldest`: forget those replies."""
        if oldest > caller.floor:
            caller.floor = oldest
            for number in [number for number in caller.done if number < oldest]:
                del caller.done[number]
                self.size -= self.kept.pop((client, number), 0)

    def forget(self, now: float) -> None:
        """Drop clients that have been silent for long."""
        while self.callers:
            client, caller = next(iter(self.callers.items()))
            if now - caller.seen <= self.keep:
                return
            for number in caller.done:
                self.size -= self.kept.pop((client, number), 0)
            del self.callers[client]
