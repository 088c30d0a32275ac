"""Two hosts, a cable that does everything wrong, and a program at each end: one conversation for each seed.

Everything is drawn from the seed: what the cable loses, delays, doubles and damages; MTU, options and congestion
control; how much is said each way, in pieces of which size; when a reader pauses, and who ends its side when.
"""

from heapq import heappop, heappush
from random import Random
from typing import Any

from netlib.host import STREAM, Host, StreamSocket
from netlib.kernel.errors import SocketError

LONG = 12 * 3600.0  # seconds: longer than any timer takes to give up, and than the slowest conversation
SAID = {"ETIMEDOUT", "ECONNRESET", "ECONNREFUSED", "EPIPE"}


class End:
    """A program: it sends `data` piece by piece, reads now and then, and ends its side when all is sent."""

    def __init__(self, random: Random, socket: StreamSocket, data: bytes) -> None:
        self.random, self.socket, self.data = random, socket, data
        self.piece = max(random.choice([1, 7, 100, 1460, 5000, 100_000]), len(data) // 1000)
        self.appetite = random.choice([1, 50, 3000, 1 << 20])
        self.pauses = [random.choice([0.05, 1.0, 20.0]) for _ in range(random.choice([0, 3, 20]))]  # seconds each
        self.sent = 0
        self.got = bytearray()
        self.reads_at = self.writes_at = 0.0
        self.over = self.ended = False
        self.error: str | None = None

    def next_time(self, now: float) -> list[float]:
        return [when for when in (self.reads_at, self.writes_at) if when > now]

    def work(self, now: float) -> None:
        if self.socket.closed:
            return
        try:
            self.read(now)
            self.write(now)
        except SocketError as error:
            self.error = self.error or error.name
            self.over = True

    def read(self, now: float) -> None:
        while not self.ended and now >= self.reads_at and self.socket.readable:
            data = self.socket.recv(max(self.appetite, len(self.got) // 500))
            if data is None:
                return
            self.got += data
            self.ended = not data
            if self.pauses and self.random.random() < 0.1:
                self.reads_at = now + self.pauses.pop()

    def write(self, now: float) -> None:
        while not self.over and now >= self.writes_at and self.socket.writable:
            taken = self.socket.send(self.data[self.sent : self.sent + self.piece]) if self.sent < len(self.data) else 0
            self.sent += taken
            if self.sent == len(self.data):
                self.socket.shutdown()
                self.over = True
            elif not taken:
                return
            if self.pauses and self.random.random() < 0.1:
                self.writes_at = now + self.pauses.pop()


class Conversation:
    """`talk()` runs it; the rest is to look at."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.now = 1.0
        self.flying: list[tuple[float, int, int, bytes]] = []  # arrival, number, to whom
        self.number = 0
        self.loss, self.damage = random.choice([0, 0.01, random.random() * 0.2]), random.choice([0, 0, 0.05])
        self.reorder, self.double = random.choice([0, 0.05, random.random() * 0.5]), random.choice([0, 0.02, 0.3])
        self.delay = random.choice([0.0, 0.001, 0.05, 0.5])
        self.dark = (5.0, 5.0 + random.choice([0.0, 0.0, 2.0, 60.0]))  # nothing arrives
        self.marks = random.choice([0, 0.1])
        six = random.random() < 0.3
        mtu = random.choice([1280, 1500, 9000]) if six else random.choice([100, 296, 600, 1500, 1500, 9000])
        self.swallows = random.choice([mtu, mtu, max(1300 if six else 600, mtu - 200)])  # larger packets vanish
        self.hosts = [Host("a", Random(seed)), Host("b", Random(seed + 1))]
        self.addresses = ["2001:db8::1", "2001:db8::2"] if six else ["10.0.0.1", "10.0.0.2"]
        for host, address in zip(self.hosts, self.addresses, strict=True):
            host.attach(f"{address}/{64 if six else 24}", mtu=mtu)
            host.now = self.now
            host.tcp.settings.fastopen = 3
            host.tcp.settings.syncookies = random.choice([0, 1, 2])
        bulk = 3000 if mtu < 600 else 60_000
        self.both = [random.randbytes(random.choice([0, 1, 100, random.randint(0, bulk)])) for _ in range(2)]
        self.made = {end: self.options() for end in range(2)}
        if min(options.get(name, 9999) for options in self.made.values() for name in options if "buffer" in name) < 100:
            self.both = [data[:300] for data in self.both]
        self.ends: list[End] = []
        self.listener: StreamSocket | None = None

    def options(self) -> dict[str, Any]:
        draw = self.random.choice
        return {
            "nodelay": draw([True, False]), "nagle": draw(["minshall", "classic"]), "timestamps": draw([True, False]),
            "sack": draw([True, True, False]), "window_scaling": draw([True, False]), "ecn": draw([True, False]),
            "receive_buffer": draw([1, 50, 700, 3000, 65535, 1 << 20, 1 << 20]),
            "send_buffer": draw([1, 1000, 1 << 18, 1 << 18]), "delayed_ack": draw([0.0, 0.04, 0.4]),
            "quick_acks": draw([0, 16]), "mtu_probing": True, "keepalive": draw([True, False]),
            "keepalive_idle": 30.0, "keepalive_interval": 10.0, "congestion": draw(["tahoe", "reno", "cubic"]),
        }  # fmt: skip

    def socket(self, end: int) -> StreamSocket:
        made = self.hosts[end].socket(STREAM)
        for name, value in self.made[end].items():
            made.set_option(name, value)
        return made

    # ---- the cable -----------------------------------------------------------------------------------------

    def carry(self) -> None:
        random = self.random
        for at, host in enumerate(self.hosts):
            outbox, host.outbox = host.outbox, []
            for _, data in outbox:
                for _ in range(1 + (random.random() < self.double)):
                    if random.random() < self.loss or len(data) > self.swallows:
                        continue
                    if self.dark[0] <= self.now < self.dark[1]:
                        continue
                    later = random.random() * 0.2 if random.random() < self.reorder else 0.0
                    if random.random() < self.damage:  # one bit: a checksum never misses that
                        at_bit = random.randrange(8 * len(data))
                        data = (int.from_bytes(data, "big") ^ 1 << at_bit).to_bytes(len(data), "big")
                    self.number += 1
                    heappush(self.flying, (self.now + self.delay + later, self.number, 1 - at, data))

    def deadline(self) -> float | None:
        due = [when for host in self.hosts if (when := host.deadline()) is not None]
        due += [when for end in self.ends for when in end.next_time(self.now)]
        if self.flying:
            due.append(self.flying[0][0])
        return min(due, default=None)

    def step(self) -> bool:
        """Go on to what happens next, and do it; false if nothing will happen any more."""
        self.carry()
        due = self.deadline()
        if due is None:
            return False
        self.now = max(self.now, due)
        for host in self.hosts:
            host.now = self.now
        while self.flying and self.flying[0][0] <= self.now:
            _, _, to, data = heappop(self.flying)
            self.hosts[to].receive(self.hosts[to].interfaces[0], data, self.now)
        for host in self.hosts:
            if (due := host.deadline()) is not None and due <= self.now:
                host.tick(self.now)
        for end in self.ends:
            end.work(self.now)
        return True

    # ---- the conversation --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """One connects to the other, by Fast Open perhaps, or both to each other at the same time."""
        random = self.random
        client = self.socket(0)
        how = random.choice(["connect", "connect", "fast open", "both"])
        if how == "both":
            server = self.socket(1)
            for socket, port in ((client, 5000), (server, 6000)):
                socket.bind(self.addresses[socket is server], port)
            client.connect(self.addresses[1], 6000)
            server.connect(self.addresses[0], 5000)
            self.ends = [End(random, socket, data) for socket, data in zip((client, server), self.both, strict=True)]
            return
        listener = self.socket(1)
        listener.bind(self.addresses[1], 80)
        listener.set_option("TCP_FASTOPEN", 5)
        listener.listen()
        self.ends = [End(random, client, self.both[0])]
        if how == "fast open":
            here, there = (client.network.address(address) for address in self.addresses)
            cookie = self.hosts[1].tcp.secrets.fast_open.cookie(here, there)
            self.hosts[0].tcp.fast_open.learn(there, cookie, random.choice([100, 1000]))
            client.connect(self.addresses[1], 80, self.both[0])
            self.ends[0].sent = len(self.both[0])
        else:
            client.connect(self.addresses[1], 80)
        self.listener = listener

    def talk(self, most: int = 300_000) -> None:
        """Until both have ended, or one has an error and the other one too, or knows nothing of it."""
        self.begin()
        for _ in range(most):
            if self.listener and len(self.ends) == 1 and (made := self.listener.accept()):
                self.ends.append(End(self.random, made, self.both[1]))
                self.ends[1].work(self.now)
            if all(end.over and (end.ended or end.error) for end in self.ends) and len(self.ends) == 2:
                break
            if not self.step():
                break
            if self.now > LONG:
                break
        else:
            raise AssertionError(f"{most} steps, and no end: {self}")
        for socket in [*(end.socket for end in self.ends), *([self.listener] if self.listener else [])]:
            socket.close()
        until = self.now + LONG
        while self.now < until and self.step():
            pass

    def check(self) -> None:
        """What each has got is what the other one has sent; else an error says why."""
        errors = {end.error for end in self.ends} - {None}
        assert errors <= SAID, errors
        # else a segment overtook the one that brings the cookie back, or the other host gave a half-open one up
        if errors and "ETIMEDOUT" not in errors and len(self.ends) == 2:
            assert any(host.tcp.counters["SyncookiesFailed"] for host in self.hosts), f"{self}: and why?"
        for end, data in zip(self.ends, reversed(self.both), strict=False):
            assert data.startswith(end.got), f"{self}: not what was sent"
            assert end.got == data or errors, f"{self}: bytes are missing, and nobody says so"
            assert end.ended or end.error, f"{self}: it hangs"
        assert len(self.ends) == 2 or self.ends[0].error, f"{self}: nobody came, and nobody says so"
        for host in self.hosts:
            assert not host.tcp.table and not host.tcp.planned, f"{self}: {host.tcp.rows()} stays"

    def __repr__(self) -> str:
        states = [end.socket.connection and str(end.socket.connection.state) for end in self.ends]
        return f"<conversation at {self.now:.1f} s, {states}, {[end.error for end in self.ends]}>"
