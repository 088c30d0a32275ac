# %% [markdown]
# # 1. Client and server: what a call costs
#
# A page of your shop lists 20 articles. For each of them it asks the price service. On your laptop the page takes 25 ms. In production
# the price service runs in another region, and the same page takes more than a second. No CPU is busy, the link has bandwidth to
# spare, and the price service's own log says that it answers each question in a millisecond. Everybody measures correctly.
# **Where does the second go?**
#
# After this chapter you can
#
# - look at a design, count its round trips, and say how long it will take before anybody builds it;
# - make messages out of a stream of bytes, and write both ends of a remote procedure call;
# - say what a client may conclude when no answer comes, and make a call that is safe to repeat;
# - show all of that on a real Linux kernel, with your own code taking part.
#
# It takes 60 to 90 minutes. You need Python, and nothing about networks.
#
# ## Welcome
#
# This is the first chapter of thirty, so here is how all of them work.
#
# - **Run** the cells from top to bottom with Shift+Enter. They need no Internet, and can't break anything on your machine.
# - Where it says **Predict**, stop and write down what you expect. It takes a minute, and a wrong guess is what you remember best.
# - An **exercise** is a function or class whose body is `raise NotImplementedYet(...)`. Replace that line by your code. The cell below
#   it **checks** your answer as often as you like: *waiting*, *passed*, or *not right yet*, with the smallest input that goes wrong, what
#   was expected and why, and a line to try it again.
# - Cells that use your answer say *waiting for exercise ...* until it is there. The rest of the chapter runs all the same.
# - At the end of each chapter is a **lab**: a small network of real Linux network stacks, brought up on your machine in a blink, without root. Where it
#   can't run, a recording plays, and says so.
# - What you write stays with you: later chapters run on your own code where it is right. To hand in, save this notebook.
#
# Is something stuck? Kernel > Restart Kernel and Run All Cells. `docs/students.md`, beside this course, has the rest. Run the first cell now: it only imports.

# %%
import json
import socket

from IPython.display import display

from netlib import Simulation
from netlib.apps.ping import ping
from netlib.apps.rpc import Client, serve
from netlib.exercises.client_server import METHODS, InServe, Listening, Node, Server
from netlib.grading import NotImplementedYet, check
from netlib.host import DATAGRAM
from netlib.view import SequenceDiagram, claims, table
from netlib.view.stacked import stacked
from netlib.wire.udp import UDPDatagram
from netlib.worlds.sockets import System
from netlib.worlds.task import now, readable, sleep

# %% [markdown]
# ## By hand: one question, one answer
#
# A **server** is a program that waits at an address to be asked. A **client** is a program that asks. That is the whole model: who begins is the client. A
# program can be both, and mostly is: your web server is the price service's client.
#
# Why split a program in two? Because then the data, the work and all that they need are in *one* place, which many clients share. The
# clients stay small. The service can be mended, moved or written anew, and they never notice. The price: a network lies in between.
#
# A **remote procedure call** (RPC) hides that network behind something which every programmer knows: a function that is called by its name, with arguments, and returns
# a value. What goes over the wire is one message there, and one back. Here is the one there, in a format that is much used, **JSON-RPC 2.0**
# ([jsonrpc.org](https://www.jsonrpc.org/specification)): editors speak it with language servers, and wallets with blockchains.

# %%
question = b'{"jsonrpc": "2.0", "id": 1, "method": "add", "params": [2, 3]}'
print(len(question), "bytes, which is", hex(len(question)))

# %% [markdown]
# | member | it says |
# |---|---|
# | `"jsonrpc"` | which language this is; always `"2.0"` |
# | `"id"` | which question this is: the answer will have the same |
# | `"method"` | the function's name |
# | `"params"` | its arguments: a list, or an object with their names |
#
# Before it go four bytes with its length, the high one first: `00 00 00 3e`. You will soon see why.
#
# Now send it. `Listening` is a small server inside this notebook. You reach it over **loopback**, the network that every machine has
# with itself (127.0.0.1). The sockets, and all that lies below them, are those of your own kernel.


# %%
def ask(data: bytes) -> bytes:
    """Send bytes to the server, and return what it says within 0.3 s."""
    with Listening() as address, socket.create_connection(address) as client:
        client.sendall(data)
        client.settimeout(0.3)
        return client.recv(1000)


answer = ask(bytes.fromhex("0000003e") + question)
print(answer)

# %% [markdown]
# Four bytes of length, `00 00 00 28` (Python shows the last one as the character that it stands for, an opening bracket), and behind them 40 bytes of
# answer, with the same id. You have just called a function by hand.
#
# **Predict:** the message has 62 bytes. What comes back if you say that it has 63 (`3f`)? And if you say nothing about its length, and
# speak another language altogether?

# %%
try:
    print("63 announced, 62 sent:", ask(bytes.fromhex("0000003f") + question))
except TimeoutError:
    print("63 announced, 62 sent: nothing within 0.3 s")
print("GET / HTTP/1.1       :", ask(b"GET / HTTP/1.1\r\n\r\n"))

# %% [markdown]
# To the first, nothing: the server waits for one byte more. It is not broken, and neither is the network; both sides are waiting for each other. You
# will meet this kind of silence again.
#
# To the second, an empty `bytes`: in Python that means that the other side has closed the connection. `GET ` read as a length is 1 195 725 856 bytes, more than this
# server takes from anybody.
#
# ## What a call costs
#
# It looks like a function. But a function on your machine returns in a microsecond or less, and this one has to travel. To see what that does, you need a network whose length you can choose.
# A simulation has one, and its clock is exact: the same run gives the same times, on every machine.
#
# Two hosts, one cable. The time there and back is the **round-trip time** (RTT). The cell has three tools for this chapter: a world, the time that something takes in
# it, and the words for a picture. (It sends one `ping` first, so that the two machines know each other. Chapter 7 tells why.)


# %%
def world(one_way: float, rate: float | None = None, drop: tuple[int, ...] = (), **options):
    """A client and a server, `one_way` seconds apart: the simulation, the client's host, a capture, the server."""
    sim = Simulation(seed=1)
    client, machine = sim.host("client"), sim.host("server")
    link = sim.link((client, "10.0.0.1/24"), (machine, "10.0.0.2/24"), delay=one_way, rate=rate, drop=set(drop))
    sim.run(ping(client, "10.0.0.2", count=1))
    server = Server(METHODS, **options)
    sim.spawn(server.udp(machine))
    return sim, client, sim.capture(link), server


def seconds(sim: Simulation, coroutine) -> float:
    """How long something takes, in simulated time."""
    start = sim.now
    sim.run(coroutine)
    return sim.now - start


def words(packet) -> str:
    """What a message says, in a few words."""
    said = json.loads(packet[UDPDatagram].payload)
    if isinstance(said, list):
        return f"{len(said)} {'calls' if 'method' in said[0] else 'results'} in one"
    if "method" in said:
        return f"{said['method']}({', '.join(map(str, said['params']))})"
    return f"result {said['result']}" if "result" in said else f"error {said['error']['code']}"


def drawn(capture, title: str, **options) -> SequenceDiagram:
    messages = [crossing for crossing in capture.crossings if UDPDatagram in crossing.packet]
    return SequenceDiagram.from_crossings(messages, hosts=["client", "server"], label=words, title=title, **options)


# %% [markdown]
# Now the page, as most people write it: ask, wait for the answer, ask the next. `await` marks the places where it waits, and `async def` a
# function that may. A **socket** is the operating system's end of a conversation. This one is for **datagrams** (UDP): each `send` is one message, and no
# connection is made before. The server stands at address 10.0.0.2 and **port** 7000, a number that tells one program on a machine from another.


# %%
def request(number: int) -> dict:
    return {"jsonrpc": "2.0", "id": number, "method": "price", "params": [number]}


async def chatty(host, calls: int) -> None:
    """One call after the other."""
    server = host.socket(DATAGRAM)
    server.connect("10.0.0.2", 7000)
    for number in range(calls):
        server.send(json.dumps(request(number)).encode())
        await readable(server)
        server.receive()


sim, client, capture, _ = world(one_way=0.025)
print(f"3 calls took {1000 * seconds(sim, chatty(client, 3)):.0f} ms")
drawn(capture, "Three calls, one after the other, 25 ms each way")

# %% [markdown]
# The slope of an arrow is the time that it takes. The server answers at once here. And yet the client spends its life waiting.
#
# Here is the page from the beginning, with its 20 prices: the server takes 1 ms for each, and the client 4 ms at the end to lay out the page. Once the two are on one machine, once they are 25 ms
# apart. The picture shows who has the time: the client, the server, or the network between them.


# %%
async def page(host, design=chatty) -> None:
    await design(host, 20)
    await sleep(0.004)  # the layout


def placed(total: float, server: float, client: float = 0.0) -> dict[str, float]:
    """Milliseconds of client, network and server."""
    network = total - server - client
    return {
        part: round(1000 * time, 2)
        for part, time in zip(("client", "network", "server"), (client, network, server), strict=True)
    }


rows = []
for name, one_way in (("on your laptop", 0.000_020), ("in production", 0.025)):
    sim, client, _, server = world(one_way, work=0.001)
    total = seconds(sim, page(client))
    rows.append((name, placed(total, server.busy, client=0.004)))
near_page, far_page = (sum(times.values()) for _, times in rows)
stacked(rows, "ms", "One page with 20 prices: where the time goes")

# %% [markdown]
# There is your second. The same code, the same server, the same bytes. Both logs are right: the server is busy for 20 ms in all. What has changed is the
# distance, and this design pays for it 20 times.
#
# ### Predict: is it the bytes?
#
# "Then the messages are too big", says a colleague. "We need a faster link", says another. Each answer is now an echo of 10 bytes, and then of 1000 bytes, over a link of 10 Mbit/s; and then the
# 1000 bytes once more over a link of 1 Gbit/s, a hundred times as fast. **Write down** how long 20 calls take in each of the three.


# %%
async def echoes(host, calls: int, size: int) -> None:
    server = host.socket(DATAGRAM)
    server.connect("10.0.0.2", 7000)
    for number in range(calls):
        call = {"jsonrpc": "2.0", "id": number, "method": "echo", "params": ["x" * size]}
        server.send(json.dumps(call).encode())
        await readable(server)
        server.receive()


rows, measured = [], []
for size, rate in ((10, 10e6), (1000, 10e6), (1000, 1e9)):
    sim, client, capture, _ = world(one_way=0.025, rate=rate)
    took = seconds(sim, echoes(client, 20, size))
    measured.append(took)
    carried = sum(len(packet.data) for _, packet in capture)
    rows.append((f"{size} bytes", f"{rate / 1e6:g} Mbit/s", f"{carried:,}", f"{1000 * took:.1f} ms"))
table(
    rows,
    ["each call carries", "link", "bytes in all, with headers", "20 calls take"],
    "Size and bandwidth against distance",
)

# %% [markdown]
# A hundred times the payload costs 3 % more time. A hundred times the bandwidth takes back those 3 %, and no more. **Bandwidth** says how many bytes fit through in a second;
# **latency** says how long the first of them is under way. You can buy bandwidth. Latency is distance: light in glass makes about 200 km in a
# millisecond, so 5 000 km of cable cost at least 25 ms each way, whatever you pay.
#
# So the cost of a design is, first of all, **the number of round trips in which somebody waits**.
#
# ## Four designs
#
# | design | how it makes its calls |
# |---|---|
# | **reconnect** | a new connection for each call |
# | **chatty** | one connection, one call after the other |
# | **pipelined** | one connection, all calls sent before the first answer is read |
# | **batched** | one connection, all calls in one message, all answers in another |
#
# A connection has to be made first: TCP's handshake takes a round trip (chapter 10), TLS 1.3 on top of it one more (chapter 19). Over UDP there is none.
#
# Here are the last two, as code. JSON-RPC has batches built in: a list of requests gets a list of answers. The pictures have a link of 60 kbit/s, slow as an old
# modem, so that you see the bytes, too: the sender needs 14 ms to push a question out. (Each picture has its own scale. Compare the times in their titles.)


# %%
async def pipelined(host, calls: int) -> None:
    """All calls, and then all answers."""
    server = host.socket(DATAGRAM)
    server.connect("10.0.0.2", 7000)
    for number in range(calls):
        server.send(json.dumps(request(number)).encode())
    for _ in range(calls):
        await readable(server)
        server.receive()


async def batched(host, calls: int) -> None:
    """All calls in one message."""
    server = host.socket(DATAGRAM)
    server.connect("10.0.0.2", 7000)
    server.send(json.dumps([request(number) for number in range(calls)]).encode())
    await readable(server)
    server.receive()


for design in (chatty, pipelined, batched):
    sim, client, capture, _ = world(one_way=0.025, rate=60e3)
    took = seconds(sim, design(client, 3))
    display(drawn(capture, f"Three calls, {design.__name__}: {1000 * took:.0f} ms", scale="true"))

# %% [markdown]
# ## Exercise 1.1: what a design costs
#
# Put it into a function. It is the first exercise, so here is how to get the most out of it: **first get it wrong on purpose.** Replace the line
# `raise NotImplementedYet("1.1 round_trip_cost")` by `return 0.0`, run that cell and the check below it, and read the report from top to bottom. Then do it right.
#
# `round_trip_cost(design: str, calls: int, rtt: float, handshake: int, size: int, rate: float) -> float`
#
# - `design` is `"reconnect"`, `"chatty"`, `"pipelined"` or `"batched"`. Anything else: raise `ValueError`.
# - `calls` is how many calls there are, 0 or more. Without calls nobody connects, and the cost is 0.
# - `rtt` is the round-trip time in seconds: there *and* back.
# - `handshake` is how many round trips it takes to make one connection: 0 for UDP, 1 for TCP, 2 for TCP with TLS 1.3.
# - `size` is how many bytes one call has, there and back together; `rate` is the link's bandwidth in **bit** per second. All `calls * size` bytes have to
#   go through the link once, whatever the design.
# - Return the seconds: the round trips of the design, and the time for the bytes.
#
# For example, 20 calls, chatty, over TCP, are 1 + 20 round trips: with `rtt` 0.05 s that is 1.05 s. At 625 bytes a call and
# 10 Mbit/s the bytes take 20 * 625 * 8 / 10 000 000 = 0.01 s. So `round_trip_cost("chatty", 20, 0.05, 1, 625, 10e6)` is 1.06.
#
# TCP's handshake: RFC 9293 section 3.5. Worth 2 points, five minutes.


# %% solution="1.1"
def round_trip_cost(design: str, calls: int, rtt: float, handshake: int, size: int, rate: float) -> float:
    """Seconds that a design takes for its calls."""
    ### BEGIN SOLUTION
    if design not in ("reconnect", "chatty", "pipelined", "batched"):
        raise ValueError(f"no design is called {design!r}")
    if calls == 0:
        return 0.0
    if design == "reconnect":
        round_trips = calls * (handshake + 1)
    elif design == "chatty":
        round_trips = handshake + calls
    else:
        round_trips = handshake + 1
    return round_trips * rtt + calls * size * 8 / rate
    ### END SOLUTION


# %% check="1.1"
check("1.1", round_trip_cost)

# %% [markdown]
# Does the simulation agree with you? It has UDP, so there is no handshake.

# %% needs="1.1"
rows = []
for design in (chatty, pipelined, batched):
    sim, client, capture, _ = world(one_way=0.025, rate=10e6)
    took = seconds(sim, design(client, 20))
    carried = sum(len(packet.data) for _, packet in capture)
    yours = round_trip_cost(design.__name__, 20, rtt=0.050, handshake=0, size=carried // 20, rate=10e6)
    rows.append((design.__name__, f"{1000 * yours:.0f} ms", f"{1000 * took:.0f} ms", f"{carried:,}"))
table(rows, ["design", "by your function", "in the simulation", "bytes in all"], "20 calls, 50 ms there and back")

# %% [markdown]
# A factor of 19 between the first and the others, for the same bytes (in the batch two fifths fewer: it needs one set of headers). (Where answers travel while questions are still being sent, the two directions of the link share the work. So
# your function, which adds up all bytes, may say a little more than it takes.)
#
# And the page, with the server's millisecond for each price and the layout at the end?

# %%
rows = []
for design in (chatty, pipelined, batched):
    sim, client, _, server = world(one_way=0.025, work=0.001)
    rows.append((design.__name__, placed(seconds(sim, page(client, design)), server.busy, client=0.004)))
stacked(rows, "ms", "One page with 20 prices, in production")

# %% [markdown]
# The fourth design needs connections. Over TLS to a server 50 ms away, your page with a new connection for each price:

# %% needs="1.1"
for design in ("reconnect", "chatty", "batched"):
    print(f"{design:9}  {round_trip_cost(design, 20, rtt=0.050, handshake=2, size=300, rate=10e6):.2f} s")

# %% [markdown]
# Now think of a page whose template asks the database for each row of a list: the **N+1 query problem**. It is nothing but the chatty design, and no index helps against it.
#
# There is one more design: **move the work**. Twenty prices are asked for in order to add them up? Then let the server add them up, and send one number. That is the oldest reason for having
# servers: send the question to the data, not the data to the question.
#
# ## Messages out of a stream
#
# Datagrams keep their boundaries: each `send` arrives as one message, or not at all. But most RPC runs over TCP, and TCP is different. **Predict:** a client calls `sendall` three times. What do the
# server's three calls of `recv(7)` return?

# %%
with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
    server, _ = listener.accept()
    with server:
        for message in (b"one", b"three", b"eleven"):
            client.sendall(message)
        while len(server.recv(100, socket.MSG_PEEK)) < 14:
            pass  # until all of it has come
        pieces = [server.recv(7) for _ in range(2)]
        client.close()
        pieces.append(server.recv(7))
print("sent    ", [b"one", b"three", b"eleven"])
print("received", pieces)

# %% [markdown]
# Three messages went in. What came out are two pieces of 7 bytes that belong to nobody, and the end (`b""`: the client has closed). "One send, one recv" is among the most frequent wrong ideas about TCP. It often seems to
# work on loopback, where small messages are read as soon as they are written. TCP carries **a stream of bytes** (RFC 9293 section 2.2). Where a `send` ended, nobody on the other side can know.
#
# So the messages themselves have to say where they end. HTTP/1.1 counts in a header (`Content-Length`), Redis ends its lines with CR LF, and ONC RPC, which carries NFS, has a record mark of four bytes (RFC 5531 section 11).
# Ours: **four bytes with the length, high byte first, then the message.** A message with its length is called a **frame**.
#
# ## Exercise 1.2: frames
#
# `Frames(limit: int = 65536)`
#
# | method | meaning |
# |---|---|
# | `feed(data)` | the next bytes of the stream, any number of them, cut anywhere. Returns the list of messages (`bytes`, without their lengths) that are whole *now* and have not been returned before; an empty list if there is none |
# | `end()` | the stream is over. Raises `ValueError` if that is in the middle of a frame; else returns nothing |
#
# - A message may be empty: a length of 0, and nothing behind it. It counts.
# - A length above `limit` is refused with `ValueError` as soon as all of its four bytes have been fed, without waiting for the message. Else anybody could
#   make your server wait for, and keep, 4 GB. Messages that were complete in the same `feed` need not be returned then; nothing will be fed afterwards. A length of exactly `limit` is fine.
#
# For example, with `f = Frames()`: `f.feed(bytes.fromhex("0000 00"))` is `[]`, `f.feed(bytes.fromhex("03 6f6e65 00000000 0000"))` is
# `[b"one", b""]`, and now `f.end()` raises `ValueError`, because two bytes of a length are left.
#
# `int.from_bytes(data, "big")` reads a number, high byte first. RFC 5531 section 11 does nearly the same. Worth 4 points.


# %% solution="1.2"
class Frames:
    """Messages out of a stream of bytes, each of which stands behind its length in four bytes."""

    def __init__(self, limit: int = 65536):
        ### BEGIN SOLUTION
        self.limit = limit
        self.rest = b""
        ### END SOLUTION

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole, now that these bytes have come."""
        ### BEGIN SOLUTION
        self.rest += data
        messages = []
        while len(self.rest) >= 4:
            length = int.from_bytes(self.rest[:4], "big")
            if length > self.limit:
                raise ValueError(f"a message of {length} bytes; {self.limit} at most")
            if len(self.rest) < 4 + length:
                break
            messages.append(self.rest[4 : 4 + length])
            self.rest = self.rest[4 + length :]
        return messages
        ### END SOLUTION

    def end(self) -> None:
        """The stream is over."""
        ### BEGIN SOLUTION
        if self.rest:
            raise ValueError(f"the stream ended with {len(self.rest)} bytes of a message")
        ### END SOLUTION


# %% check="1.2"
check("1.2", Frames)

# %% [markdown]
# The same stream as above, with lengths, read 7 bytes at a time:

# %% needs="1.2"
frames = Frames()
stream = b"".join(len(message).to_bytes(4, "big") + message for message in (b"one", b"three", b"eleven"))
rows = [(stream[at : at + 7].hex(" "), frames.feed(stream[at : at + 7]) or "") for at in range(0, len(stream), 7)]
frames.end()
table(rows, ["seven bytes", "messages that are whole now"], "Your frames")

# %% [markdown]
# ## Errors are values
#
# What should a server do when a call goes wrong? It must not fall over: others are waiting. And it must say what was wrong, for the client can't look it up in the server's log. So an error travels like a
# result, as a value:
#
# | there | back |
# |---|---|
# | `{"jsonrpc": "2.0", "id": 7, "method": "add", "params": [2, 3]}` | `{"jsonrpc": "2.0", "id": 7, "result": 5}` |
# | `{"jsonrpc": "2.0", "id": 8, "method": "divide", "params": [1, 0]}` | `{"jsonrpc": "2.0", "id": 8, "error": {"code": -32000, "message": "ZeroDivisionError: division by zero"}}` |
#
# The codes say whose fault it was, and so what the client may do about it:
#
# | code | name | when |
# |---|---|---|
# | -32700 | parse error | the message is no JSON |
# | -32600 | invalid request | it is JSON, but no request |
# | -32601 | method not found | nobody has such a method |
# | -32602 | invalid params | the method can't be called with these |
# | -32000 | server error | the method was called and raised; or its result can't be written as JSON |
#
# ## Exercise 1.3: dispatch
#
# `dispatch(methods: dict, message: bytes) -> bytes | None`
#
# - `methods` has functions by their names. `message` is what came from a client: anything at all.
# - A **request** is an object (a `dict`) whose `"jsonrpc"` is the text `"2.0"`, whose `"method"` is a text, and whose `"params"`, if it has any, are a list (arguments in their order) or an object (arguments by their names). Without
#   `"params"` the method is called without arguments.
# - Return the reply as the bytes of JSON: an object with `"jsonrpc"`, the request's own `"id"`, unchanged, and either `"result"` or `"error"`. An error has a `"code"` from the table and a `"message"`, in words of your own. Of several codes the first in the
#   table that applies counts. Where no request was understood (-32700, -32600), the id is `null`.
# - A request *without* the member `"id"` is a **notification**: it is carried out, but nobody wants to hear of it, not even of its errors. Return `None`. (`"id": null` is an id.)
# - A list is a **batch**. Reply with the list of the replies to its items, in their order; notifications have none. If no reply is left, return `None`. An item that is no request gets its
#   own -32600 in that list. An empty list is no request.
# - Raise nothing, whatever comes.
#
# For example, `dispatch({"add": add}, b'[{"jsonrpc": "2.0", "id": 1, "method": "add", "params": [2]}, 5]')` gives a list of two errors: -32602 with id 1, and -32600 with id
# `null`.
#
# Useful: `json.loads` takes `bytes` and raises `ValueError` for what is no JSON. `json.dumps` raises `TypeError` for what JSON can't write, such as a set. `inspect.signature(f).bind(*positional, **named)` raises `TypeError` if `f`
# can't be called like that, without calling it; if you just call `f` and catch `TypeError`, you can't tell a wrong call from a `TypeError` inside `f`.
#
# JSON-RPC 2.0 sections 4 to 6. Worth 4 points.

# %% solution="1.3"
import inspect


def dispatch(methods: dict, message: bytes) -> bytes | None:
    """Carry out what a message asks for, and return the reply."""

    ### BEGIN SOLUTION
    def error(code: int, text: str) -> dict:
        return {"error": {"code": code, "message": text}}

    def outcome(name: str, params: list | dict) -> dict:
        if name not in methods:
            return error(-32601, f"no method {name!r}")
        positional, named = (params, {}) if isinstance(params, list) else ([], params)
        try:
            inspect.signature(methods[name]).bind(*positional, **named)
        except TypeError as reason:
            return error(-32602, str(reason))
        try:
            result = methods[name](*positional, **named)
            json.dumps(result)
        except Exception as reason:
            return error(-32000, f"{type(reason).__name__}: {reason}")
        return {"result": result}

    def reply(request: object) -> dict | None:
        is_request = (
            isinstance(request, dict)
            and request.get("jsonrpc") == "2.0"
            and isinstance(request.get("method"), str)
            and isinstance(request.get("params", []), list | dict)
        )
        if not is_request:
            return {"jsonrpc": "2.0", "id": None} | error(-32600, "this is no request")
        said = outcome(request["method"], request.get("params", []))
        return {"jsonrpc": "2.0", "id": request["id"]} | said if "id" in request else None

    try:
        asked = json.loads(message)
    except ValueError as reason:
        said = {"jsonrpc": "2.0", "id": None} | error(-32700, f"no JSON: {reason}")
    else:
        if isinstance(asked, list) and asked:
            said = [each for each in map(reply, asked) if each is not None] or None
        else:
            said = reply(asked)
    return None if said is None else json.dumps(said).encode()
    ### END SOLUTION


# %% check="1.3"
check("1.3", dispatch)

# %% [markdown]
# With these two you have a server. Here it is, on your kernel's TCP: `Listening` accepts the connections, your `Frames` finds the messages, and your `dispatch` answers them. Six questions, in one piece.

# %% needs="1.2 1.3"
Frames(), dispatch({}, b"")  # waits here until both are solved
questions = [
    '{"jsonrpc": "2.0", "id": 1, "method": "add", "params": [2, 3]}',
    '{"jsonrpc": "2.0", "id": 2, "method": "divide", "params": [1, 0]}',
    '{"jsonrpc": "2.0", "id": 3, "method": "price", "params": []}',
    '{"jsonrpc": "2.0", "method": "price", "params": [1]}',
    '{"jsonrpc": "2.0", "id": 4',
    '[{"jsonrpc": "2.0", "id": 5, "method": "price", "params": [1]}, {"jsonrpc": "2.0", "id": 6, "method": "pric"}]',
]
with Listening(dispatch, frames=Frames) as address, socket.create_connection(address) as client:
    client.sendall(b"".join(len(text).to_bytes(4, "big") + text.encode() for text in questions))
    client.shutdown(socket.SHUT_WR)  # no more questions
    frames, answers = Frames(), []
    while data := client.recv(100):
        answers += frames.feed(data)
for text in answers:
    said = json.loads(text)
    for each in said if isinstance(said, list) else [said]:
        print(f"id {each['id']}:", each["result"] if "result" in each else f"error {each['error']['code']}")

# %% [markdown]
# Six answers. The fourth question was a notification, and got none. The server is alive after all of them.
#
# ## When no answer comes
#
# A function call has two ends: it returns, or it raises. A remote call has a third: **nothing comes back.** RFC 5531 section 4 names it first among the ways in which a remote call is not a local one: the server or the network may fail. It is what
# makes distributed systems hard.
#
# Here are three of them. In each, a client asks for a price, and gives up after 0.2 s (in the third it would not have had to). **Look at the pictures from the client's side only**, up to 0.15 s: which of the three could it tell apart?


# %%
async def ask_once(host) -> None:
    bank = host.socket(DATAGRAM)
    bank.connect("10.0.0.2", 7000)
    bank.send(json.dumps(request(1)).encode())
    await readable(bank, timeout=0.2)


async def cut(link) -> None:
    """After 10 ms nothing gets through any more."""
    await sleep(0.010)
    link.loss = 1.0


for title, options, happens in (
    ("One: the question is lost", {"drop": (3,)}, []),
    ("Two: the answer is lost", {}, [cut]),
    ("Three: the server is slow", {"work": 0.120}, []),
):
    sim, client, capture, server = world(one_way=0.025, **options)
    sim.run(ask_once(client), *(each(sim.links[0]) for each in happens))
    if happens:
        answer_lost = server.received  # calls that were carried out, though no answer came
    display(drawn(capture, title))

# %% [markdown]
# None. In all three the client has seen the same up to now: nothing. In the first the call was *not* carried out. In the second it *was*. In the third it is being carried out, and
# the answer is on its way. Whoever hears nothing can infer nothing about how often the procedure was executed (RFC 5531 section 5).
#
# All that a client can do is to wait for some time, the **timeout**, and then ask again or give up. So it has to choose that time. Too short, and it asks again what is just being answered; too
# long, and users wait for nothing.
#
# ## Exercise 1.4: call
#
# Write the client. It is a coroutine: `async def`, and `await` where it waits.
#
# `async def call(socket, id: str, method: str, params: list, timeout: float = 1.0, tries: int = 3) -> dict`
#
# - `socket` is a datagram socket that is connected to the server. `socket.send(data)` sends a datagram. `socket.receive()` returns the next one that has come, as the tuple
#   `(data, address)`, or `None` if there is none. `await readable(socket, seconds)` waits until one is there, and returns `True`; or `False` when the seconds are over. `await now()` is the time, in seconds.
# - Send the request (JSON-RPC, with this `id`, `method` and `params`). Wait `timeout` seconds for its reply. If none comes, send the same request again, and wait **twice** as long as the time before; and so on, until
#   it has been sent `tries` times and the last wait is over. To wait longer each time is called **back-off**: perhaps you are not answered because the server has too much to do.
# - A reply counts if it is a JSON object with this `"id"` and with `"result"` or `"error"`. It counts whichever copy of the request it answers. Whatever else comes, ignore: no JSON, other objects, replies to other calls. It does not
#   make the wait longer or shorter.
# - Return the reply as soon as it comes, as a `dict`. An error of the server's is a reply, too. If none comes in all, return a dict with
#   `"error": {"code": -32001, "message": ...}`, in words of your own. Raise nothing.
#
# For example, with `timeout=1.0` and `tries=3` and a server that is dead, it sends at 0, 1 and 3 s, and returns after 7 s. And so you try yours without the check; it gives a dict with `"result": 5`:
#
#     sim, client, capture, server = world(one_way=0.025)
#     me = client.socket(DATAGRAM)
#     me.connect("10.0.0.2", 7000)
#     sim.run(call(me, "me:1", "add", [2, 3]))
#
# RFC 5531 section 5; RFC 8085 section 3.1.3 for back-off over UDP. Worth 4 points.


# %% solution="1.4"
async def call(socket, id: str, method: str, params: list, timeout: float = 1.0, tries: int = 3) -> dict:
    """The reply to a request, which is sent again while nobody answers."""
    ### BEGIN SOLUTION
    data = json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()
    for attempt in range(tries):
        socket.send(data)
        deadline = await now() + timeout * 2**attempt
        while (left := deadline - await now()) > 0 and await readable(socket, left):
            received, _ = socket.receive()
            try:
                reply = json.loads(received)
            except ValueError:
                continue
            if isinstance(reply, dict) and reply.get("id") == id and ("result" in reply or "error" in reply):
                return reply
    return {"jsonrpc": "2.0", "id": id, "error": {"code": -32001, "message": f"no answer, {tries} times"}}
    ### END SOLUTION


# %% check="1.4"
check("1.4", call)

# %% [markdown]
# Now a bank. Ada has 100 coins, and withdraws 30 of them. On the cable, the third frame of each direction gets lost (the first two are spent on getting to know each other): that is her first question, and the
# server's first answer.
#
# **Predict:** how many times does your `call` ask? And what is left on Ada's account?


# %% needs="1.3 1.4"
class Bank:
    """One account, and a method to take coins from it."""

    def __init__(self):
        self.coins = 100
        self.methods = {"withdraw": self.withdraw}

    def withdraw(self, amount: int) -> int:
        self.coins -= amount
        return self.coins


def withdraw(drop: tuple[int, ...], memory=None):
    """Ada withdraws 30 coins, over a link that loses some frames: what she is told, the bank, and what was sent."""
    bank = Bank()
    sim, client, capture, server = world(one_way=0.025, drop=drop, dispatch=dispatch, memory=memory)
    server.methods = bank.methods

    async def ada(host) -> dict:
        server = host.socket(DATAGRAM)
        server.connect("10.0.0.2", 7000)
        return await call(server, "ada:1", "withdraw", [30], timeout=0.2)

    return sim.run(ada(client)), bank, capture


dispatch({}, b"")  # waits here until 1.3 is solved
told, bank, capture = withdraw(drop=(3,))
print("Ada is told", told["result"], "and the bank has", bank.coins)
drawn(capture, "Ada withdraws 30 of 100 coins")

# %% [markdown]
# Three questions, and Ada is 60 coins poorer for her 30. Everybody has done what they should: the network may lose, the client has to ask again, the server answers what it is asked.
#
# | it is called | the call is carried out | what it takes |
# |---|---|---|
# | **maybe** | 0 or 1 times | a client that never asks again (and a network that makes no copies) |
# | **at least once** | 1 time or more | a client that asks until it is answered: fine for reading, since `price(7)` may run twice. Such a call is **idempotent** |
# | **at most once** | 0 or 1 times, and 1 if an answer came | a client that asks again, and a server that **remembers** |
#
# "But TCP does not lose anything." It repeats what was lost *on one connection*. When that breaks, or when your process gives up after its timeout and connects anew, you are where Ada is: RFC 5531 section 5 says so
# of TCP, too. That is why payment services ask you for an *idempotency key*: it is our `id`.
#
# ## Exercise 1.5: at most once (the challenge)
#
# Write what the server must remember. The idea is that of Birrell and Nelson ("Implementing Remote Procedure Calls", 1984): each client has a name and numbers its calls. Our ids are made of both: `"ada:7"` is call 7 of client ada.
# A server asks its memory before it carries out a call, and tells it the reply afterwards. Memory is not free, so it must be bounded; and yet what it forgets must not become a second withdrawal.
#
# `AtMostOnce(replies: int = 1000, keep: float = 300.0)`
#
# | method | meaning |
# |---|---|
# | `admit(client, number, now)` | call `number` (1 or more) of `client` (a text) has come, at time `now` in seconds. Returns `True`: carry it out. Or `bytes`: send this reply, again. Or `None`: say nothing |
# | `remember(client, number, reply)` | the call has been carried out, and this is its reply (`bytes`, perhaps empty). What it returns does not matter |
#
# In `admit`, the first rule that applies, from top to bottom:
#
# 1. Before anything else: every client (also others than this one) whose last `admit` was **more than** `keep` seconds before `now` is forgotten, with all that was known of it. Then this client counts as heard of at `now`, whatever is
#    returned.
# 2. The call's reply is kept: return it.
# 3. The call is **under way** (admitted with `True`, and not remembered yet): return `None`. Its answer will come.
# 4. The number is not above the client's **floor**: return `None`. The floor is the highest number of this client whose reply was driven out (see below); 0 in the beginning.
# 5. Else return `True`. The call is under way now. Calls may overtake each other: 2 may come before 1, and both are to be carried out.
#
# In `remember`:
#
# - A call that is not under way (never admitted, remembered already, or forgotten with its client) changes nothing.
# - Else the reply is kept, and the call is not under way any more. `replies` is how many are kept at most, of all clients together. If that makes one too many, the one that was *remembered* first is driven out, and its client's floor rises to its number, if it is
#   not higher already. (With `replies=0` that is the new one.)
#
# So a reply may be forgotten, but not that its call was carried out: one number for each client is enough. The price is that a call which is late, and below the floor, is never carried out. Its client gets no answer, and
# has to give up. That is still "at most once".
#
#     m = AtMostOnce(replies=1)
#     m.admit("ada", 1, 0.0)             # True
#     m.admit("ada", 1, 0.5)             # None: under way
#     m.remember("ada", 1, b"70")
#     m.admit("ada", 1, 1.0)             # b"70", and not one coin more
#     m.admit("bob", 1, 1.0)             # True
#     m.remember("bob", 1, b"5")         # drives out ada's reply: her floor is 1
#     m.admit("ada", 1, 2.0)             # None
#     m.admit("ada", 2, 2.0)             # True
#
# RFC 5531 section 5. Worth 6 points.


# %% solution="1.5"
class AtMostOnce:
    """Remembers calls, so that none is carried out twice."""

    def __init__(self, replies: int = 1000, keep: float = 300.0):
        ### BEGIN SOLUTION
        self.replies, self.keep = replies, keep
        self.heard = {}  # client -> time of its last call
        self.floor = {}  # client -> no call up to this number is carried out any more
        self.under_way = set()  # (client, number)
        self.kept = {}  # (client, number) -> reply, in the order in which they were remembered
        ### END SOLUTION

    def admit(self, client: str, number: int, now: float) -> bool | bytes | None:
        """True: carry it out. Bytes: send this reply. None: say nothing."""
        ### BEGIN SOLUTION
        silent = {name for name, time in self.heard.items() if now - time > self.keep}
        for name in silent:
            del self.heard[name]
            self.floor.pop(name, None)
        self.under_way = {known for known in self.under_way if known[0] not in silent}
        self.kept = {known: reply for known, reply in self.kept.items() if known[0] not in silent}
        self.heard[client] = now
        if (client, number) in self.kept:
            return self.kept[client, number]
        if (client, number) in self.under_way or number <= self.floor.get(client, 0):
            return None
        self.under_way.add((client, number))
        return True
        ### END SOLUTION

    def remember(self, client: str, number: int, reply: bytes) -> None:
        """The call was carried out, and this is its reply."""
        ### BEGIN SOLUTION
        if (client, number) not in self.under_way:
            return
        self.under_way.remove((client, number))
        self.kept[client, number] = reply
        if len(self.kept) > self.replies:
            client, number = next(iter(self.kept))
            del self.kept[client, number]
            self.floor[client] = max(number, self.floor.get(client, 0))
        ### END SOLUTION


# %% check="1.5"
check("1.5", AtMostOnce)

# %% [markdown]
# Ada once more, with your memory in the bank:

# %% needs="1.3 1.4 1.5"
dispatch({}, b""), AtMostOnce()  # waits here until they are solved
told, bank, capture = withdraw(drop=(3,), memory=AtMostOnce())
print("Ada is told", told["result"], "and the bank has", bank.coins)
drawn(capture, "The same losses, and a server that remembers")

# %% [markdown]
# netlib has an RPC of its own, `netlib/apps/rpc.py`. It packs its messages more tightly, but it has the same parts, and your memory fits into it. 200 calls over a link that loses three frames of ten:

# %% needs="1.5"
memory = AtMostOnce(replies=10)
sim = Simulation(seed=1)
client, machine = sim.host("client"), sim.host("server")
sim.link((client, "10.0.0.1/24"), (machine, "10.0.0.2/24"), delay=0.025, loss=0.3)
withdrawn = []
sim.spawn(serve(machine, {"withdraw": withdrawn.append}, port=7000, memory=InServe(memory)))


async def withdraw_often(host, times: int) -> list:
    with Client(host, "10.0.0.2", 7000, timeout=0.2, retries=8) as ada:
        return [await ada.call("withdraw", number) for number in range(times)]


answers = sim.run(withdraw_often(client, 200))
print("sent     ", sum(answer.attempts for answer in answers), "questions for", len(answers), "calls")
print("answered ", sum(answer.error is None for answer in answers))
print("withdrawn", len(withdrawn), "times, twice the same:", len(withdrawn) - len(set(withdrawn)))

# %% [markdown]
# All 200 were carried out, and none of them twice, although more than twice as many questions were sent. But for one call the client has given up: nine times in a row its question or the answer got lost. The client has no
# way to know that its coins are gone.
#
# **What a memory can't do.** A server that crashes and starts again has forgotten everything, and Ada's next copy is a new call to it. A memory that survives has to be written down *together with* the withdrawal, in one
# transaction of the database. "Exactly once" as such does not exist on a network that loses messages; what exists is at least once plus a memory that makes the second time harmless.
#
# ## Live: the Linux kernel
#
# Until now it was a simulation, or your loopback. Here are two network stacks of your kernel, and between them a link that takes 25 ms each way. On both of them runs a server (JSON-RPC over TCP, in frames; some thirty lines of Python, in
# `labs/01-client-server/files`), so the client can ask near, over its own loopback, and far.
#
# The cells below print verdicts, which are the same each time, and fold the raw figures away. Where the lab can't run, its recording plays. It can't take your packets or your sockets: such cells say so in one line, and
# tell what was seen on 23 November 2026 with Linux 6.18.

# %% live
from html import escape

from IPython.display import HTML

from netlib import IPv4Packet, TCPSegment
from netlib.lab import Lab, LabError


def fold(title: str, text: object) -> None:
    """Raw output, behind a title to click on."""
    display(HTML(f"<details><summary>{escape(title)}</summary><pre>{escape(str(text))}</pre></details>"))


def recorded(*lines: str) -> None:
    print("Not live here. Recorded on 23 November 2026 with Linux 6.18:", *lines, sep="\n")


try:
    lab = Lab("01-client-server").up()
    print(lab)
except LabError as why:
    lab = None
    print(f"The lab can't run here: {why}. Lab.doctor() says more.")
live = bool(lab and lab.live)
withdrawn_twice = None  # not tried yet

# %% [markdown]
# ### The same calls, near and far
#
# 20 prices, in each of the four designs, first near and then far. How many round trips is not told by a stopwatch, but by the packets: each time the client speaks after the server has spoken, it had to wait for it.
#
# **Predict** the four numbers, with `handshake=1`: this is TCP. It takes about five seconds.


# %% live
def asked(design: str, address: str, *more: str) -> dict:
    """20 calls from the client's node: how many answers were right, the connections, the seconds."""
    command = f"/usr/bin/python3 /srv/lab/client.py {design} {address} 7000 20"
    return json.loads(lab["client"].run(" ".join([command, *more]), check=True).stdout)


def turns(packets) -> int:
    """How often the client began to speak, at first or after the server."""
    count, last = 0, "server"
    for _, packet in packets:
        if TCPSegment in packet and (packet[TCPSegment].syn or packet[TCPSegment].payload):
            speaks = "client" if str(packet[IPv4Packet].source) == "10.1.0.2" else "server"
            count += speaks == "client" != last
            last = speaks
    return count


RTT = 0.050
DESIGNS = ("reconnect", "chatty", "pipelined", "batched")
if lab:
    near = {design: asked(design, "127.0.0.1") for design in DESIGNS}
    far, captures, at_server = {}, {}, {}
    for design in DESIGNS:
        with lab.capture("server:eth1") as at_server[design], lab.capture("client:eth1") as captures[design]:
            far[design] = asked(design, "10.1.0.1")
        print(f"{design:9}  {turns(captures[design].packets):2} round trips", flush=True)
    fold(
        "Seconds",
        "\n".join(
            f"{design:9}  near {near[design]['seconds']:.6f}  far {far[design]['seconds']:.6f}" for design in DESIGNS
        ),
    )
    trips = {design: turns(captures[design].packets) for design in DESIGNS}
    as_long = all(trips[d] * RTT <= far[d]["seconds"] < trips[d] * RTT * 1.6 + 0.5 for d in DESIGNS)
    print(
        "Each took as long as its round trips."
        if as_long
        else "They took LONGER than their round trips: is this machine busy?"
    )
    near_is_fast = 4 * sum(each["seconds"] for each in near.values()) < sum(each["seconds"] for each in far.values())
    print("Near, all four together took", "less" if near_is_fast else "MORE", "than a quarter of that.")
else:
    trips, near_is_fast = {"reconnect": 40, "chatty": 21, "pipelined": 2, "batched": 2}, True
    recorded(
        "reconnect  40 round trips",
        "chatty     21 round trips",
        "pipelined   2 round trips",
        "batched     2 round trips",
        "Each took as long as its round trips.",
    )

# %% needs="1.1" live
yours = {design: round_trip_cost(design, 20, rtt=1.0, handshake=1, size=0, rate=1e9) for design in DESIGNS}
table(
    [(design, f"{yours[design]:g}", trips[design]) for design in DESIGNS],
    ["design", "by your function", "by the kernel's packets" if live else "by a kernel's packets, recorded"],
    "Round trips for 20 calls over TCP",
)

# %% [markdown]
# Here are the beginnings of two of them, as the two kernels saw them: first TCP's handshake (**SYN**, and SYN+ACK), then the bytes of questions and answers. (What only acknowledges is left out.)


# %% live
def segment_words(packet) -> str:
    segment = packet[TCPSegment]
    return f"{len(segment.payload)} bytes" if segment.payload else "SYN+ACK" if segment.ack else "SYN"


def beginning(capture, count: int) -> list:
    """The first segments, from the SYN on, that say more than an acknowledgment."""
    found = [
        (time, p) for time, p in capture.packets if TCPSegment in p and (p[TCPSegment].syn or p[TCPSegment].payload)
    ]
    return found[:count]


if lab:
    homes = {"10.1.0.2": "client", "10.1.0.1": "server"}
    for design, count in (("chatty", 8), ("batched", 4)):
        ends = {"client": beginning(captures[design], count), "server": beginning(at_server[design], count)}
        title = f"{design}: handshake, and " + ("three calls of 20" if design == "chatty" else "20 calls in one")
        display(SequenceDiagram.from_captures(ends, hosts=homes, label=segment_words, title=title))
else:
    recorded(
        "chatty: SYN, SYN+ACK, then questions of 65 bytes and answers of 46, 50 ms from each to the next.",
    )

# %% [markdown]
# ### Bytes and bandwidth, on a kernel
#
# And now the claims of your two colleagues. The chatty design again: with 1000 bytes there and back in each call; and on a link of 1 Gbit/s, and then of 1 Mbit/s, a thousandth of it.

# %% live
if lab:
    large = asked("chatty", "10.1.0.1", "1000")["seconds"]
    lab["wan"].set(rate="1gbit")
    fast = asked("chatty", "10.1.0.1")["seconds"]
    lab["wan"].set(rate="1mbit")
    slow = asked("chatty", "10.1.0.1")["seconds"]
    lab["wan"].set(rate="none")
    bytes_matter = large > 1.3 * far["chatty"]["seconds"] + 0.1
    rate_matters = slow > 1.3 * fast + 0.1
    print("1000 bytes in each call:", "MUCH slower" if bytes_matter else "hardly slower than small calls")
    print("a thousandth of the bandwidth:", "MUCH slower" if rate_matters else "hardly slower")
    fold(
        "Seconds",
        f"small calls {far['chatty']['seconds']}\n1000 bytes  {large}\n1 Gbit/s    {fast}\n1 Mbit/s    {slow}",
    )
else:
    bytes_matter, rate_matters = False, False
    recorded(
        "1000 bytes in each call: hardly slower than small calls",
        "a thousandth of the bandwidth: hardly slower",
    )

# %% [markdown]
# ### Your server answers a stranger
#
# The lab's client was written without knowing your code. Let it talk to a server that listens in the far node's kernel, and whose `Frames` and `dispatch` are yours.

# %% live needs="1.2 1.3"
Frames(), dispatch({}, b"")  # waits here until both are solved
if live:
    listener = lab["server"].socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("10.1.0.1", 7001))
    listener.listen()
    yours = Listening(dispatch, frames=Frames, socket=listener)
    with yours:
        for design in ("chatty", "pipelined", "batched"):
            command = f"/usr/bin/python3 /srv/lab/client.py {design} 10.1.0.1 7001 20"
            said = json.loads(lab["client"].run(command, check=True).stdout)
            print(f"{design:9}  {said['right']} of 20 answers of yours were right")
else:
    recorded(
        "chatty     20 of 20 answers were right",
        "pipelined  20 of 20 answers were right",
        "batched    20 of 20 answers were right",
    )

# %% [markdown]
# ### Ada, on the kernel's UDP
#
# The coroutine that you wrote for exercise 1.4 ran in a simulation. It runs on the kernel's own sockets as it is: `System` is the operating system in the place of the simulation, and its clock is that of the wall. `Node` makes
# it take the sockets of a node. At first nothing comes back from the server: the wan loses all that comes in on the server's side. After 0.4 s it is mended. With a timeout of 0.2 s your `call` asks at 0, at 0.2 and at 0.6 s.
#
# First with a bank that remembers nothing, and then with your memory. **Predict** what is left.


# %% live needs="1.3 1.4 1.5"
dispatch({}, b""), AtMostOnce()  # waits here until they are solved


async def mended(after: float) -> None:
    await sleep(after)
    lab["wan"].set("eth2", loss=0)


def withdraw_live(port: int, memory=None) -> tuple[dict, Bank, int]:
    """What Ada is told, the bank, and how many questions have reached it."""
    bank = Bank()
    server = Server(bank.methods, dispatch=dispatch, memory=memory)
    with System() as system:
        system.spawn(server.udp(Node(system, lab["server"]), port))
        ada = Node(system, lab["client"]).socket(DATAGRAM)
        ada.connect("10.1.0.1", port)
        lab["wan"].set("eth2", loss=1.0)
        try:
            told = system.run(call(ada, "ada:1", "withdraw", [30], timeout=0.2), mended(after=0.4))
        finally:
            lab["wan"].set("eth2", loss=0)
    return told, bank, server.received


def said(questions: int, bank: Bank) -> str:
    asked = "asked more than once" if questions > 1 else "asked ONCE"
    return f"{asked}, withdrawn {'more than once' if bank.coins < 70 else 'once'}"


if live:
    told, bank, questions = withdraw_live(7002)
    withdrawn_twice = bank.coins < 70
    print("without a memory:", said(questions, bank))
    told, bank, questions = withdraw_live(7003, AtMostOnce())
    print("with yours      :", said(questions, bank))
    print("Ada is told", told.get("result"), "and the bank has", bank.coins)
else:
    withdrawn_twice = True
    recorded(
        "without a memory: asked more than once, withdrawn more than once",
        "with yours      : asked more than once, withdrawn once",
        "Ada is told 70 and the bank has 70",
    )

# %% [markdown]
# ### Claims, and what holds

# %% live
rows = [
    ("What is fast on one machine is fast in production", "arithmetic: the round trips get longer"),
    ("Smaller messages make a chatty page fast", "arithmetic: the round trips stay"),
    ("A faster link makes a chatty page fast", "arithmetic: the distance stays"),
    ("One send arrives as one recv (TCP)", "RFC 9293 section 2.2: a stream of bytes"),
    ("No answer came, so the call was not carried out", "RFC 5531 section 5: nothing can be inferred"),
]
in_netlib = [
    far_page < 2 * near_page,
    measured[1] > 2 * measured[0],
    measured[2] < measured[1] / 2,
    None,
    answer_lost == 0,
]
in_kernel = [
    not near_is_fast,
    bytes_matter,
    rate_matters,
    pieces == [b"one", b"three", b"eleven"],
    None if withdrawn_twice is None else not withdrawn_twice,
]
claims(
    [(*row, ours, theirs) for row, ours, theirs in zip(rows, in_netlib, in_kernel, strict=True)],
    columns=("What is often told", "What says otherwise", "netlib", "This kernel" if live else "A kernel, recorded"),
)

# %% live
if lab:
    lab.down()
    print("The lab is down. Nothing is left of it.")

# %% [markdown]
# ## What you can now answer
#
# **The second** went into 20 round trips of 50 ms, in each of which the page waited for one price. Nobody was slow. Asked for in one batch, the prices are there after one round trip and the server's 20 ms.
#
# Five questions of the kind that an interviewer asks. Answer before you unfold.
#
# <details><summary>A page makes 30 calls to a service that is 80 ms away (RTT). It takes 5 s. What do you ask first?</summary>
#
# Whether each call makes its own connection. 30 calls one after the other are 2.4 s; with a TCP handshake each they are 4.8 s, and with TLS 1.3 they would be 7.2 s. So they probably connect anew over plain TCP: keep the connection (2.5 s). Then ask which calls need the answer of
# another one. Those that don't can be sent together, or batched: two round trips, 0.16 s.
#
# </details>
#
# <details><summary>What is the difference between pipelining and batching?</summary>
#
# Round trips: none. Pipelined calls are messages of their own: the server can begin with the first before the last has come, and answer each as soon as it is done. A batch is one message: less overhead for each call, but it is complete only when all are. In both
# a slow call can hold up the ones behind it, where answers have to be in order (**head-of-line blocking**, chapter 28).
#
# </details>
#
# <details><summary>Your program reads JSON messages from a TCP socket. In tests it works; in production it sometimes fails to parse. Why?</summary>
#
# It takes each `recv` for a message. TCP is a stream: a message can come in two pieces, or two messages in one. On loopback that is rare. Send a length first, or a delimiter, and keep what is left over.
#
# </details>
#
# <details><summary>A payment call times out. May you call again?</summary>
#
# Only if the server recognises the second call as the same: an idempotency key, that is a client's name and a number, and a memory of what has been carried out. Else look first whether it has been carried out. From the timeout itself nothing follows.
#
# </details>
#
# <details><summary>When is a client-server design the wrong one?</summary>
#
# Where the answer has to be there faster than a round trip takes (keep a copy near, or compute it where it is needed); where it has to work without a network; or where the one place in the middle is what must not fail or be overloaded. Then there are caches, replicas, and
# peers that are client and server at once.
#
# </details>
#
# ## Where it goes next
#
# Chapter 2 looks at what stood between your `send` and the other's `recv`: the layers, and who owns which byte. Chapter 9 comes back to UDP and what reliability on it costs, chapter 10 to TCP's handshake,
# chapter 25 to connections that are kept and pooled, and chapter 28 to answers that wait for each other.
#
# Worth reading:
#
# - RFC 5531 sections 4, 5 and 11: the RPC of NFS; two pages on what a call across a network can't promise.
# - [JSON-RPC 2.0](https://www.jsonrpc.org/specification): four pages.
# - A. Birrell and B. Nelson, "Implementing Remote Procedure Calls", ACM TOCS 2(1), 1984: where all of this begins.
# - J. Waldo and others, "A Note on Distributed Computing", 1994: why a remote object is not a local one.
