"""The congestion window of netlib's Reno beside that of Linux, through the same losses.

    python examples/reno_beside_linux.py reno.svg

    h1 ---- wire ---- h2     a lab: h1 is Linux first, then a netlib host; h2, which acknowledges, is Linux both times

The wire takes 25 ms each way and loses segments by script: the first copy of one segment, and later everything from
another segment on until that is sent again, which only the retransmission timer can repair.  Sampled are TCP_INFO,
which is what `ss -ti` shows, and netlib's `info`.

The windows are the same, segment for segment, but in the fast recovery.  RFC 6675 has the window at ssthresh at once.
Linux counts down by Proportional Rate Reduction (RFC 9937): its cwnd is what is in flight plus what it may send now.
Both leave the recovery with ssthresh.  Two more differences do not show here: Linux halves cwnd, RFC 5681 what is in
flight, which may be less; and in slow start Linux grows by all that is acknowledged, hence `growth` below, where RFC
5681 has at most one segment for each acknowledgment.
"""

import heapq
import select
import socket
import struct
import sys
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from netlib.host import STREAM, Host, Parts
from netlib.lab import Lab
from netlib.transport.tcp.congestion.control import UNLIMITED
from netlib.transport.tcp.congestion.reno import Reno
from netlib.transport.tcp.parts import TCPParts
from netlib.transport.tcp.rtt import RTT
from netlib.wire.address import MACAddress
from netlib.worlds.live import PacketDevice
from netlib.worlds.task import now, sleep, writable

TOPOLOGY = """\
name: reno-beside-linux
topology:
  kinds:
    linux: {image: netcourse:latest, network-mode: none}
  nodes:
    h1:
      kind: linux
      sysctls: {net.ipv4.tcp_wmem: 4096 4000000 4194304}  # nor the program
      exec: [ip addr add 10.0.0.1/24 dev eth1]
    wire: {kind: linux}
    h2:
      kind: linux
      sysctls: {net.ipv4.tcp_rmem: 4096 4000000 6291456}  # its window is never what the sender waits for
      exec: [ip addr add 10.0.0.2/24 dev eth1]
  links:
    - {endpoints: ["h1:eth1", "wire:eth1"], mtu: 1500}
    - {endpoints: ["wire:eth2", "h2:eth1"], mtu: 1500}
"""
RECEIVER, PORT = "10.0.0.2", 7000
DELAY = 0.025  # seconds each way
MSS = 1448  # bytes: 1500 without the headers and timestamps
ONE, ALL_FROM, TOTAL = 60, 500, 1100  # segments: which is lost once, from where all are lost for a while, how many
EVERY = 0.001  # seconds between two samples

RECOVERY = 3  # tcpi_ca_state: fast recovery (linux/tcp.h, enum tcp_ca_state)
INFINITE = 0x7FFFFFFF  # Linux's ssthresh before the first loss


class Sample(NamedTuple):
    """What is known of a connection at a moment; windows in segments, None where there is no threshold yet."""

    at: float  # seconds since the first
    acked: int  # bytes
    cwnd: int
    ssthresh: int | None
    recovering: bool  # in fast recovery


class Wire(threading.Thread):
    """Carries frames between two devices, each after `DELAY`, but those of whose data `loses(offset, copy)` is true:
    its first byte, counted from the start of the connection, and how often it was sent by now."""

    def __init__(self, left: PacketDevice, right: PacketDevice, loses: Callable[[int, int], bool]) -> None:
        super().__init__(daemon=True)
        self.left, self.right, self.loses = left, right, loses
        self.start_of_data = 0
        self.copies: Counter[int] = Counter()
        self.lost: list[tuple[int, int]] = []
        self.stopped = False

    def run(self) -> None:
        under_way: list[tuple[float, int, PacketDevice, bytes]] = []
        number = 0
        while not self.stopped:
            wait = under_way[0][0] - time.monotonic() if under_way else 0.1
            select.select([self.left, self.right], [], [], min(0.1, max(0.0, wait)))
            for come_from, to in ((self.left, self.right), (self.right, self.left)):
                while frame := come_from.read():
                    if to is self.left or not self.is_lost(frame):
                        number += 1
                        heapq.heappush(under_way, (time.monotonic() + DELAY, number, to, frame))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(under_way)
                to.write(frame)
        self.left.close()
        self.right.close()

    def is_lost(self, frame: bytes) -> bool:
        if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
            return False
        [total] = struct.unpack_from(">H", frame, 16)
        sequence, header, flags = struct.unpack_from(">I4xBB", frame, 38)
        if flags & 2:  # SYN
            self.start_of_data = sequence + 1
        if total - 20 - (header >> 4) * 4 <= 0:
            return False
        offset = (sequence - self.start_of_data) % 2**32
        self.copies[offset] += 1
        if self.loses(offset, self.copies[offset]):
            self.lost.append((offset, self.copies[offset]))
            return True
        return False


class Script:
    """The losses: the first copy of segment `ONE`, and all from `ALL_FROM` on until the first of them is sent again."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.over = False

    def __call__(self, offset: int, copy: int) -> bool:
        if offset == ONE * MSS and copy == 1:
            return True
        if offset < ALL_FROM * MSS or self.over:
            return False
        if self.first is None:
            self.first = offset
        self.over = offset == self.first and copy > 1
        return not self.over


# ---- the two senders ---------------------------------------------------------------------------------------------


def linux(lab: Lab) -> list[Sample]:
    """Send from h1's kernel; what TCP_INFO says meanwhile."""
    samples: list[Sample] = []
    with lab["h1"].socket() as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        sender.connect((RECEIVER, PORT))
        thread = threading.Thread(target=sender.sendall, args=[bytes(TOTAL * MSS)])
        thread.start()
        start = time.monotonic()
        while not samples or samples[-1].acked < TOTAL * MSS:
            info = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
            # struct tcp_info of linux/tcp.h: 8 numbers of 8 bits, 24 of 32 bits, some of 64 bits
            state, ssthresh, cwnd, acked = struct.unpack("=xB6x 68xII20x 16xQ16x", info)
            threshold = ssthresh if ssthresh < INFINITE else None
            samples.append(Sample(time.monotonic() - start, acked, cwnd, threshold, state == RECOVERY))
            time.sleep(EVERY)
        thread.join()
    return samples


class Watched(Reno):
    """netlib's Reno, and a note of what `info` says after each acknowledgment and timeout."""

    def __init__(self, mss: int) -> None:
        super().__init__(mss, growth=UNLIMITED)  # in slow start by all that is acknowledged, as Linux
        self.samples: list[Sample] = []
        self.socket: Any = None

    def note(self, now: float) -> None:
        if self.socket:
            info = self.socket.info
            self.samples.append(Sample(now, info.bytes_acked, info.cwnd, info.ssthresh, self.recovering))

    def on_ack(self, acked: int, flight: int, now: float, rtt: float | None) -> None:
        super().on_ack(acked, flight, now, rtt)
        self.note(now)

    def on_loss(self, flight: int, now: float) -> None:
        super().on_loss(flight, now)
        self.note(now)

    def on_recovered(self, now: float) -> None:
        super().on_recovered(now)
        self.note(now)

    def on_timeout(self, flight: int, now: float) -> None:
        super().on_timeout(flight, now)
        self.note(now)


def netlib(lab: Lab) -> list[Sample]:
    """Send from a netlib host in h1's place; what its `info` says meanwhile."""
    host = Host("h1", Random(1), Parts(tcp=TCPParts(rtt=partial(RTT, more=0.2))))  # Linux's timeout
    host.attach("10.0.0.1/24", MACAddress("02:00:00:00:01:01"))

    async def send() -> list[Sample]:
        made = host.socket(STREAM)
        made.set_option("send_buffer", 2 * TOTAL * MSS)
        made.set_option("congestion", Watched)
        made.connect(RECEIVER, PORT)
        assert await writable(made, 10)
        control = made.connection.congestion
        control.socket, start = made, await now()
        made.send(bytes(TOTAL * MSS))
        while made.info.bytes_acked < TOTAL * MSS:
            await sleep(0.05)
        made.close()
        return [sample._replace(at=sample.at - start) for sample in control.samples]

    with lab["h1"].attach(host) as live:
        samples: list[Sample] = live.run(send())
        assert live.errors == []
    return samples


@contextmanager
def receiver(lab: Lab) -> Iterator[None]:
    """Something on h2 that reads all that comes."""
    with lab["h2"].socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", PORT))
        server.listen()

        def read() -> None:
            with server.accept()[0] as made, suppress(ConnectionResetError):
                while made.recv(1 << 16):
                    pass

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        yield
        thread.join(5)


def measure() -> tuple[list[Sample], list[Sample]]:
    """Linux and netlib, one after the other, on the same lab."""
    seen = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "topology.clab.yml"
        path.write_text(TOPOLOGY)
        with Lab(path, engine="netns") as lab:
            for sender in (linux, netlib):
                ends = [PacketDevice(lab["wire"].packet_socket(interface)) for interface in ("eth1", "eth2")]
                wire = Wire(*ends, Script())
                wire.start()
                with receiver(lab):
                    seen.append(sender(lab))
                wire.stopped = True
                wire.join()
    return seen[0], seen[1]


# ---- side by side ------------------------------------------------------------------------------------------------


def beside(theirs: list[Sample], ours: list[Sample]) -> list[tuple[int, int, int]]:
    """(segments acknowledged, Linux's window, netlib's) wherever Linux was sampled, and neither was in recovery.

    netlib's acknowledgments may lie before and after that: of the windows that it had from the one to the other, it is
    the nearest.  So it is too where a timeout cuts the window, while nothing is acknowledged.
    """
    acked = [sample.acked // MSS for sample in ours]
    rows = []
    for sample in theirs:
        at = sample.acked // MSS
        first, after = bisect_left(acked, at), bisect_right(acked, at)
        around = ours[first:after] if first < after else ours[max(0, first - 1) : after + 1]
        windows = [mine.cwnd for mine in around if not mine.recovering]
        if sample.recovering or not windows or (first == after and len(windows) < len(around)):
            continue
        rows.append((at, sample.cwnd, min(max(sample.cwnd, min(windows)), max(windows))))
    return rows


def thresholds(samples: list[Sample]) -> list[int | None]:
    """Each ssthresh there was, in order."""
    return [value for value, _ in groupby(sample.ssthresh for sample in samples)]


def draw(theirs: list[Sample], ours: list[Sample]) -> Any:
    """A matplotlib figure: both windows over time, and over what was acknowledged."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    over_time, over_bytes = figure.subplots(2)
    for name, samples, colour, dash in (("Linux", theirs, "#0b3d91", "-"), ("netlib", ours, "#9b1c1c", "--")):
        style = {"drawstyle": "steps-post", "color": colour, "linestyle": dash, "label": f"cwnd, {name}"}
        over_time.plot([s.at for s in samples], [s.cwnd for s in samples], **style)
        over_bytes.plot([s.acked / MSS for s in samples], [s.cwnd for s in samples], **style)
        known = [s for s in samples if s.ssthresh is not None]
        style |= {"linewidth": 0.8, "alpha": 0.6, "label": f"ssthresh, {name}"}
        over_time.plot([s.at for s in known], [s.ssthresh for s in known], **style)
    over_time.set_xlabel("seconds since the first segment")
    over_bytes.set_xlabel("segments acknowledged")
    for axes in (over_time, over_bytes):
        axes.set_ylabel("segments")
        axes.set_ylim(bottom=0)
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8)
    figure.suptitle(f"Reno: segment {ONE} is lost, and all from segment {ALL_FROM} on until the timer runs out")
    return figure


if __name__ == "__main__":
    linux_samples, netlib_samples = measure()
    print("ssthresh, Linux:", thresholds(linux_samples), "netlib:", thresholds(netlib_samples))
    rows = beside(linux_samples, netlib_samples)
    print("largest difference of the windows outside of the recovery:", max(abs(a - b) for _, a, b in rows), "segments")
    file = sys.argv[1] if len(sys.argv) > 1 else "reno.svg"
    draw(linux_samples, netlib_samples).savefig(file)
    print("drawn:", file)
