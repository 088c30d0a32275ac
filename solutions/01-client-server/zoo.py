"""Wrong answers to the exercises of chapter 1, each a mistake that somebody makes, and right ones of other shapes.

Every answer in WRONG has to be killed by a counterexample, every one in RIGHT has to pass: `netlib zoo 01`.
"""

import inspect
import json

from netlib.worlds.task import now, readable, sleep

# ---- 1.1 round_trip_cost --------------------------------------------------------------------------------------


def cost(trips, calls, rtt, size, rate):
    return trips * rtt + calls * size * 8 / rate


def right_cost_by_table(design, calls, rtt, handshake, size, rate):
    trips = {
        "reconnect": calls * (1 + handshake),
        "chatty": calls + handshake,
        "pipelined": 1 + handshake,
        "batched": 1 + handshake,
    }
    if design not in trips:
        raise ValueError(design)
    return cost(trips[design] if calls else 0, calls, rtt, size, rate)


def right_cost_by_match(design, calls, rtt, handshake, size, rate):
    match design:
        case "reconnect":
            connections, asks = calls, calls
        case "chatty":
            connections, asks = 1, calls
        case "pipelined" | "batched":
            connections, asks = 1, 1
        case _:
            raise ValueError(f"no design {design}")
    if calls == 0:
        return 0
    return (connections * handshake + asks) * rtt + size * calls / (rate / 8)


def cost_in_bytes_per_second(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table(design, calls, rtt, handshake, size / 8, rate)


def cost_without_handshake(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table(design, calls, rtt, 0, size, rate)


def cost_always_one_round_trip_to_connect(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table(design, calls, rtt, 1, size, rate)


def cost_reconnect_like_chatty(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table("chatty" if design == "reconnect" else design, calls, rtt, handshake, size, rate)


def cost_pipelined_waits(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table("chatty" if design == "pipelined" else design, calls, rtt, handshake, size, rate)


def cost_connects_for_nothing(design, calls, rtt, handshake, size, rate):
    trips = {"reconnect": calls * (1 + handshake), "chatty": calls + handshake}
    if design not in ("reconnect", "chatty", "pipelined", "batched"):
        raise ValueError(design)
    return cost(trips.get(design, 1 + handshake), calls, rtt, size, rate)


def cost_takes_any_design(design, calls, rtt, handshake, size, rate):
    if design in ("reconnect", "chatty"):
        return right_cost_by_table(design, calls, rtt, handshake, size, rate)
    return right_cost_by_table("batched", calls, rtt, handshake, size, rate)


def cost_there_only(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table(design, calls, rtt / 2, handshake, size, rate)


def cost_one_message(design, calls, rtt, handshake, size, rate):
    return right_cost_by_table(design, calls, rtt, handshake, size / max(calls, 1), rate)


# ---- 1.2 Frames -----------------------------------------------------------------------------------------------


class RightFrames:
    def __init__(self, limit=65536):
        self.limit, self.data = limit, b""

    def feed(self, data):
        self.data += data
        found = []
        while len(self.data) >= 4:
            length = int.from_bytes(self.data[:4], "big")
            self.check(length)
            if len(self.data) < 4 + length:
                break
            found.append(self.message(self.data[4 : 4 + length]))
            self.data = self.data[4 + length :]
        return found

    def check(self, length):
        if length > self.limit:
            raise ValueError("too long")

    def message(self, data):
        return data

    def end(self):
        if self.data:
            raise ValueError("broken off")


class RightFramesByState:
    """Counts what is missing: first of a length, then of a message."""

    def __init__(self, limit=65536):
        self.limit, self.part, self.missing, self.in_message = limit, bytearray(), 4, False

    def feed(self, data):
        found = []
        for byte in data:
            self.part.append(byte)
            self.missing -= 1
            while self.missing == 0:
                whole, self.part = bytes(self.part), bytearray()
                if self.in_message:
                    found.append(whole)
                    self.missing, self.in_message = 4, False
                else:
                    self.missing, self.in_message = int.from_bytes(whole, "big"), True
                    if self.missing > self.limit:
                        raise ValueError("too long")
        return found

    def end(self):
        if self.part or self.in_message:
            raise ValueError("broken off")


class FramesOfOnePiece(RightFrames):
    def feed(self, data):
        self.data = b""
        return super().feed(data)


class FramesOneAtATime(RightFrames):
    def feed(self, data):
        self.data += data
        if len(self.data) < 4 or len(self.data) < 4 + int.from_bytes(self.data[:4], "big"):
            return []
        length = int.from_bytes(self.data[:4], "big")
        self.check(length)
        message, self.data = self.data[4 : 4 + length], self.data[4 + length :]
        return [message]


class FramesLittleEndian(RightFrames):
    def feed(self, data):
        self.data += data
        found = []
        while len(self.data) >= 4:
            length = int.from_bytes(self.data[:4], "little")
            self.check(length)
            if len(self.data) < 4 + length:
                break
            found.append(self.data[4 : 4 + length])
            self.data = self.data[4 + length :]
        return found


class FramesWithoutLimit(RightFrames):
    def check(self, length):
        pass


class FramesLimitTooSmall(RightFrames):
    def check(self, length):
        if length >= self.limit:
            raise ValueError("too long")


class FramesLimitChecksLate(RightFrames):
    """Waits for the whole message before it looks at its length."""

    def feed(self, data):
        self.data += data
        found = []
        while len(self.data) >= 4 and len(self.data) >= 4 + int.from_bytes(self.data[:4], "big"):
            length = int.from_bytes(self.data[:4], "big")
            self.check(length)
            found.append(self.data[4 : 4 + length])
            self.data = self.data[4 + length :]
        return found


class FramesEndAnywhere(RightFrames):
    def end(self):
        pass


class FramesWithLength(RightFrames):
    def message(self, data):
        return len(data).to_bytes(4, "big") + data


class FramesLengthCountsItself(RightFrames):
    def feed(self, data):
        self.data += data
        found = []
        while len(self.data) >= 4:
            length = int.from_bytes(self.data[:4], "big")
            self.check(length)
            if len(self.data) < length:
                break
            found.append(self.data[4:length])
            self.data = self.data[max(length, 4) :]
        return found


class FramesTakeShortLength(RightFrames):
    """Reads a length from whatever is there."""

    def feed(self, data):
        self.data += data
        found = []
        while self.data:
            length = int.from_bytes(self.data[:4], "big")
            self.check(length)
            if len(self.data) < 4 + length:
                break
            found.append(self.data[4 : 4 + length])
            self.data = self.data[4 + length :]
        return found


class FramesDropEmpty(RightFrames):
    def feed(self, data):
        return [message for message in super().feed(data) if message]


# ---- 1.3 dispatch ---------------------------------------------------------------------------------------------


class Dispatcher:
    """A right dispatch, whose steps are changed one at a time."""

    def __call__(self, methods, message):
        try:
            request = json.loads(message)
        except ValueError:
            return json.dumps(self.error(None, -32700)).encode()
        if isinstance(request, list):
            return self.batch(methods, request)
        reply = self.one(methods, request)
        return None if reply is None else json.dumps(reply).encode()

    def batch(self, methods, requests):
        if not requests:
            return json.dumps(self.error(None, -32600)).encode()
        replies = [self.one(methods, each) for each in requests]
        replies = [each for each in replies if each is not None]
        return json.dumps(replies).encode() if replies else None

    def error(self, number, code, text="went wrong"):
        return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}}

    def is_request(self, request):
        return (
            isinstance(request, dict)
            and request.get("jsonrpc") == "2.0"
            and isinstance(request.get("method"), str)
            and isinstance(request.get("params", []), (list, dict))
        )

    def one(self, methods, request):
        if not self.is_request(request):
            return self.error(None, -32600)
        reply = self.call(methods, request)
        return self.to_send(request, reply)

    def to_send(self, request, reply):
        return reply if "id" in request else None

    def call(self, methods, request):
        number = request.get("id")
        if request["method"] not in methods:
            return self.error(number, -32601)
        method, params = methods[request["method"]], request.get("params", [])
        positional, named = (params, {}) if isinstance(params, list) else ([], params)
        if not self.fits(method, positional, named):
            return self.error(number, -32602)
        try:
            result = method(*positional, **named)
            json.dumps(result)
        except Exception as reason:
            return self.error(number, -32000, str(reason))
        return {"jsonrpc": "2.0", "id": number, "result": result}

    def fits(self, method, positional, named):
        try:
            inspect.signature(method).bind(*positional, **named)
        except TypeError:
            return False
        return True


def answer(kind):
    """A dispatcher as a function, under its class's name."""

    def dispatch(methods, message):
        return kind()(methods, message)

    dispatch.__name__ = kind.__name__
    return dispatch


def right_dispatch_in_one_function(methods, message):
    def one(request):
        number, wants = None, True
        try:
            assert request["jsonrpc"] == "2.0"
            name, params = request["method"], request.get("params", [])
            assert isinstance(name, str) and isinstance(params, (list, dict))
            number, wants = request.get("id"), "id" in request
        except (AssertionError, KeyError, TypeError, AttributeError):
            said = {"error": {"code": -32600, "message": "invalid request"}}
        else:
            said = run(name, params)
        return {**said, "id": number, "jsonrpc": "2.0"} if wants else None

    def run(name, params):
        try:
            method = methods[name]
        except KeyError:
            return {"error": {"code": -32601, "message": "method not found"}}
        bound = inspect.signature(method)
        try:
            bound = bound.bind(**params) if isinstance(params, dict) else bound.bind(*params)
        except TypeError as wrong:
            return {"error": {"code": -32602, "message": str(wrong)}}
        try:
            return {"result": json.loads(json.dumps(method(*bound.args, **bound.kwargs)))}
        except Exception as wrong:
            return {"error": {"code": -32000, "message": repr(wrong)}}

    try:
        request = json.loads(message.decode())
    except ValueError:
        reply = {"jsonrpc": "2.0", "error": {"code": -32700, "message": "parse error"}, "id": None}
    else:
        if isinstance(request, list) and request:
            reply = [said for said in map(one, request) if said] or None
        else:
            reply = one(request)
    return json.dumps(reply, ensure_ascii=False, indent=1).encode() if reply else None


class DispatchWithoutId(Dispatcher):
    def to_send(self, request, reply):
        return {name: value for name, value in reply.items() if name != "id"} if "id" in request else None


class DispatchRaises(Dispatcher):
    """Lets the server fall over what a method raises."""

    def call(self, methods, request):
        reply = super().call(methods, request)
        if reply.get("error", {}).get("code") == -32000:
            raise RuntimeError(reply["error"]["message"])
        return reply


class DispatchOneCode(Dispatcher):
    def error(self, number, code, text="went wrong"):
        return super().error(number, -32000, text)


class DispatchAnswersNotifications(Dispatcher):
    def to_send(self, request, reply):
        return reply


class DispatchTakesNullForNoId(Dispatcher):
    def to_send(self, request, reply):
        return reply if request.get("id") is not None else None


class DispatchBlamesTheMethod(Dispatcher):
    """Calls first, and takes every exception for the method's."""

    def fits(self, method, positional, named):
        return True


class DispatchBlamesTheClient(Dispatcher):
    """Takes every TypeError for wrong params."""

    def call(self, methods, request):
        reply = super().call(methods, request)
        if reply.get("error", {}).get("code") == -32000 and "str" in reply["error"]["message"]:
            reply["error"]["code"] = -32602
        return reply


class DispatchNoBatch(Dispatcher):
    def batch(self, methods, requests):
        return json.dumps(self.error(None, -32600)).encode()


class DispatchEmptyList(Dispatcher):
    def batch(self, methods, requests):
        return json.dumps([reply for each in requests if (reply := self.one(methods, each))]).encode()


class DispatchBatchAllOrNothing(Dispatcher):
    def batch(self, methods, requests):
        if not all(map(self.is_request, requests)):
            return json.dumps(self.error(None, -32600)).encode()
        return super().batch(methods, requests)


class DispatchOnlyLists(Dispatcher):
    def call(self, methods, request):
        if isinstance(request.get("params"), dict):
            request = request | {"params": [request["params"]]}
        return super().call(methods, request)


class DispatchAnyVersion(Dispatcher):
    def is_request(self, request):
        return isinstance(request, dict) and super().is_request(request | {"jsonrpc": "2.0"})


class DispatchBelievesResults(Dispatcher):
    """Finds out too late that a result can't be written."""

    def call(self, methods, request):
        reply = super().call(methods, request)
        if "set" in reply.get("error", {}).get("message", ""):
            return {"jsonrpc": "2.0", "id": request.get("id"), "result": {"a", "b"}}
        return reply


class DispatchFalseIsNoResult(Dispatcher):
    def to_send(self, request, reply):
        if "result" in reply and not reply["result"]:
            reply = {name: value for name, value in reply.items() if name != "result"}
        return super().to_send(request, reply)


# ---- 1.4 call -------------------------------------------------------------------------------------------------


def request_of(id, method, params):
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()


def is_reply(data, id):
    try:
        said = json.loads(data)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("id") == id and ("result" in said or "error" in said)


async def right_call_with_while(socket, id, method, params, timeout=1.0, tries=3):
    request, wait = request_of(id, method, params), timeout
    while tries:
        tries -= 1
        socket.send(request)
        end = await now() + wait
        wait *= 2
        while await now() < end:
            if not await readable(socket, timeout=end - await now()):
                break
            data, _ = socket.receive()
            if is_reply(data, id):
                return json.loads(data)
    return {"error": {"code": -32001, "message": "nobody answers"}}


async def right_call_in_steps(socket, id, method, params, timeout=1.0, tries=3):
    """Works out all times before it begins."""
    request, start = request_of(id, method, params), await now()
    ends = [start + timeout * (2**n - 1) for n in range(1, tries + 1)]
    for end in ends:
        socket.send(request)
        while await readable(socket, max(0.0, end - await now())):
            received = socket.receive()
            if received is None:
                continue
            try:
                said = json.loads(received[0])
                if said["id"] == id and ("error" in said or "result" in said):
                    return {name: said[name] for name in ("result", "error") if name in said}
            except (ValueError, KeyError, TypeError):
                pass
    return {"jsonrpc": "2.0", "id": id, "error": {"code": -32001, "message": f"{tries} times nothing"}}


def variant(name, *, same_id=True, check=is_reply, factor=2, more=0, again=True, stop=False, anew=False, code=-32001,
            errors="return", lost=False):  # fmt: skip
    async def call(socket, id, method, params, timeout=1.0, tries=3):
        for attempt in range(tries + more):
            if attempt == 0 or again:
                socket.send(request_of(id if same_id or not attempt else f"{id}.{attempt}", method, params))
            wait = timeout * factor**attempt
            end = await now() + wait
            while (left := wait if anew else end - await now()) > 0 and await readable(socket, left):
                data, _ = socket.receive()
                if check(data, id):
                    said = json.loads(data)
                    if errors == "raise" and "error" in said:
                        raise RuntimeError(said["error"]["message"])
                    return said["result"] if errors == "value" and "result" in said else said
                if stop:
                    break
        if errors == "raise" or lost:
            raise TimeoutError("no answer")
        return {"error": {"code": code, "message": "no answer"}}

    call.__name__ = name
    return call


def believes_anything(data, id):
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def believes_the_id(data, id):
    try:
        said = json.loads(data)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("id") == id


def believes_json(data, id):
    said = json.loads(data)
    return isinstance(said, dict) and said.get("id") == id and ("result" in said or "error" in said)


def believes_results(data, id):
    return is_reply(data, id) and json.loads(data).get("result") is not None


async def call_that_never_asks_again(socket, id, method, params, timeout=1.0, tries=3):
    socket.send(request_of(id, method, params))
    while await readable(socket, timeout):
        data, _ = socket.receive()
        if is_reply(data, id):
            return json.loads(data)
    return {"error": {"code": -32001, "message": "no answer"}}


async def call_that_waits_for_ever(socket, id, method, params, timeout=1.0, tries=3):
    socket.send(request_of(id, method, params))
    while await readable(socket):
        data, _ = socket.receive()
        if is_reply(data, id):
            return json.loads(data)


async def call_that_sleeps(socket, id, method, params, timeout=1.0, tries=3):
    """Sleeps through the whole wait, and looks then."""
    for attempt in range(tries):
        socket.send(request_of(id, method, params))
        await sleep(timeout * 2**attempt)
        while received := socket.receive():
            if is_reply(received[0], id):
                return json.loads(received[0])
    return {"error": {"code": -32001, "message": "no answer"}}


# ---- 1.5 AtMostOnce -------------------------------------------------------------------------------------------


class RightMemory:
    def __init__(self, replies=1000, keep=300.0):
        self.most, self.keep = replies, keep
        self.clients = {}  # client -> {"heard": time, "floor": number, "calls": {number: reply or None}}
        self.order = []  # (client, number) of the replies that are kept

    def admit(self, client, number, now):
        for name in [name for name, known in self.clients.items() if self.too_old(now - known["heard"])]:
            del self.clients[name]
            self.order = [each for each in self.order if each[0] != name]
        known = self.clients.setdefault(client, {"heard": now, "floor": 0, "calls": {}})
        known["heard"] = now
        if number in known["calls"]:
            return known["calls"][number]
        if number <= known["floor"]:
            return None
        known["calls"][number] = None
        return True

    def too_old(self, silence):
        return silence > self.keep

    def remember(self, client, number, reply):
        known = self.clients.get(client)
        if known is None or number not in known["calls"]:
            return
        known["calls"][number] = reply
        self.order.append((client, number))
        while len(self.order) > self.most:
            self.drop(self.order.pop(0))

    def drop(self, call):
        client, number = call
        known = self.clients[client]
        del known["calls"][number]
        known["floor"] = max(known["floor"], number)


class RightMemoryFlat:
    """Three dictionaries, and a counter for the order."""

    def __init__(self, replies=1000, keep=300.0):
        self.replies, self.keep, self.count = replies, keep, 0
        self.calls, self.heard, self.done_up_to = {}, {}, {}

    def admit(self, client, number, now):
        self.heard = {who: when for who, when in self.heard.items() if now - when <= self.keep}
        self.calls = {call: known for call, known in self.calls.items() if call[0] in self.heard}
        self.done_up_to = {who: number for who, number in self.done_up_to.items() if who in self.heard}
        self.heard[client] = now
        known = self.calls.get((client, number))
        if known:
            return known[1]
        if number <= self.done_up_to.get(client, -1):
            return None
        self.calls[client, number] = (0, None)
        return True

    def remember(self, client, number, reply):
        if (client, number) in self.calls:
            self.count += 1
            self.calls[client, number] = (self.count, reply)
            kept = sorted((at, call) for call, (at, reply) in self.calls.items() if at)
            if len(kept) > self.replies:
                (who, which) = kept[0][1]
                del self.calls[who, which]
                self.done_up_to[who] = max(which, self.done_up_to.get(who, -1))


class MemoryOfNothing(RightMemory):
    def admit(self, client, number, now):
        return True


class MemoryWithoutUnderWay(RightMemory):
    def admit(self, client, number, now):
        said = super().admit(client, number, now)
        is_new = said is None and number > self.clients[client]["floor"]
        return True if is_new else said


class MemoryByNumber(RightMemory):
    def admit(self, client, number, now):
        return super().admit("", number, now)

    def remember(self, client, number, reply):
        super().remember("", number, reply)


class MemoryWithoutFloor(RightMemory):
    def drop(self, call):
        client, number = call
        del self.clients[client]["calls"][number]


class MemoryFloorGoesDown(RightMemory):
    def drop(self, call):
        client, number = call
        del self.clients[client]["calls"][number]
        self.clients[client]["floor"] = number


class MemoryWithoutBound(RightMemory):
    def __init__(self, replies=1000, keep=300.0):
        super().__init__(10**6, keep)


class MemoryBoundForEach(RightMemory):
    """Room for so many replies of each client."""

    def remember(self, client, number, reply):
        known = self.clients.get(client)
        if known is None or number not in known["calls"]:
            return
        known["calls"][number] = reply
        self.order.append((client, number))
        mine = [each for each in self.order if each[0] == client]
        if len(mine) > self.most:
            self.order.remove(mine[0])
            self.drop(mine[0])


class MemoryForEver(RightMemory):
    def too_old(self, silence):
        return False


class MemoryTooShort(RightMemory):
    def too_old(self, silence):
        return silence >= self.keep


class MemoryNotRefreshed(RightMemory):
    """Counts from a client's first call."""

    def admit(self, client, number, now):
        heard = self.clients.get(client, {}).get("heard", now)
        said = super().admit(client, number, now)
        if now - heard <= self.keep:
            self.clients[client]["heard"] = heard
        return said


class MemoryOfHighest(RightMemory):
    def admit(self, client, number, now):
        known = self.clients.get(client)
        is_low = known and not self.too_old(now - known["heard"]) and number not in known["calls"]
        if is_low and known["calls"] and number < max(known["calls"]):
            known["heard"] = now
            return None
        return super().admit(client, number, now)


class MemoryLeastRecentlyUsed(RightMemory):
    def admit(self, client, number, now):
        said = super().admit(client, number, now)
        if (client, number) in self.order:
            self.order.remove((client, number))
            self.order.append((client, number))
        return said


class MemoryDropsNewest(RightMemory):
    def remember(self, client, number, reply):
        super().remember(client, number, reply)
        if len(self.order) == self.most and self.most:
            self.drop(self.order.pop())


class MemoryRemembersStrangers(RightMemory):
    def remember(self, client, number, reply):
        known = self.clients.setdefault(client, {"heard": 1e9, "floor": 0, "calls": {}})
        known["calls"].setdefault(number, None)
        super().remember(client, number, reply)


class MemoryEmptyIsNothing(RightMemory):
    def admit(self, client, number, now):
        return super().admit(client, number, now) or None


WRONG = {
    "1.1": [
        cost_in_bytes_per_second,
        cost_without_handshake,
        cost_always_one_round_trip_to_connect,
        cost_reconnect_like_chatty,
        cost_pipelined_waits,
        cost_connects_for_nothing,
        cost_takes_any_design,
        cost_there_only,
        cost_one_message,
    ],
    "1.2": [
        FramesOfOnePiece,
        FramesOneAtATime,
        FramesLittleEndian,
        FramesWithoutLimit,
        FramesLimitTooSmall,
        FramesLimitChecksLate,
        FramesEndAnywhere,
        FramesWithLength,
        FramesLengthCountsItself,
        FramesTakeShortLength,
        FramesDropEmpty,
    ],
    "1.3": [
        answer(kind)
        for kind in (
            DispatchWithoutId,
            DispatchRaises,
            DispatchOneCode,
            DispatchAnswersNotifications,
            DispatchTakesNullForNoId,
            DispatchBlamesTheMethod,
            DispatchBlamesTheClient,
            DispatchNoBatch,
            DispatchEmptyList,
            DispatchBatchAllOrNothing,
            DispatchOnlyLists,
            DispatchAnyVersion,
            DispatchBelievesResults,
            DispatchFalseIsNoResult,
        )
    ],
    "1.4": [
        variant("call_with_a_new_id_each_time", same_id=False),
        variant("call_believes_anything", check=believes_anything),
        variant("call_believes_the_id", check=believes_the_id),
        variant("call_falls_over_junk", check=believes_json),
        variant("call_waits_equally_long", factor=1),
        variant("call_tries_once_more", more=1),
        variant("call_stops_at_the_first_datagram", stop=True),
        variant("call_waits_anew", anew=True),
        variant("call_sends_once", again=False),
        variant("call_with_another_code", code=-1),
        variant("call_raises_errors", errors="raise"),
        variant("call_raises_the_timeout", lost=True),
        variant("call_returns_the_value", errors="value"),
        variant("call_takes_null_for_nothing", check=believes_results),
        call_that_never_asks_again,
        call_that_waits_for_ever,
        call_that_sleeps,
    ],
    "1.5": [
        MemoryOfNothing,
        MemoryWithoutUnderWay,
        MemoryByNumber,
        MemoryWithoutFloor,
        MemoryFloorGoesDown,
        MemoryWithoutBound,
        MemoryBoundForEach,
        MemoryForEver,
        MemoryTooShort,
        MemoryNotRefreshed,
        MemoryOfHighest,
        MemoryLeastRecentlyUsed,
        MemoryDropsNewest,
        MemoryRemembersStrangers,
        MemoryEmptyIsNothing,
    ],
}
RIGHT = {
    "1.1": [right_cost_by_table, right_cost_by_match],
    "1.2": [RightFrames, RightFramesByState],
    "1.3": [answer(Dispatcher), right_dispatch_in_one_function],
    "1.4": [right_call_with_while, right_call_in_steps],
    "1.5": [RightMemory, RightMemoryFlat],
}
