"""Captures lose nothing that a recorder of their kind can keep, and count what it can't.

No times here: a burst is as large as what comes in a second at 15,000 frames/s, and the recorder may be stopped while
it comes. How many frames a second are recorded is a matter of tests/benchmarks/bench_capture.py.
"""

from __future__ import annotations

import os
import socket
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.processes import eventually
from lab.test_ordinary_user import folder, start  # noqa: F401 (a fixture)

from netlib.lab import Lab
from netlib.lab.agent import ring
from netlib.lab.agent.recorder import Recorder
from netlib.lab.capture import Capture, CaptureIncomplete
from netlib.wire.pcap import read_pcap

SECOND = 15_000  # frames, the rate that captures are made for
MANY = 6_000  # frames, more than the largest socket buffer of most machines has room for
pytestmark = pytest.mark.serial


def frame(number: int, size: int) -> bytes:
    """A frame to everybody, of a type that nobody listens to, with its number in it."""
    head = bytes.fromhex("ffffffffffff 020000000101 88b5") + number.to_bytes(4, "big")
    return head.ljust(size, b".")


def numbers(packets: list[tuple[float, object]]) -> list[int]:
    """Those of `frame`, in the order of the capture."""
    datas = [packet.data for _, packet in packets]  # type: ignore[attr-defined]
    return [int.from_bytes(data[14:18], "big") for data in datas if data[12:14] == b"\x88\xb5"]


def burst(sender: socket.socket, count: int, size: int) -> None:
    for number in range(count):
        sender.send(frame(number, size))


def test_30_000_frames_are_all_there_in_order_with_times_that_grow(lab: Lab) -> None:
    with lab["h1"].packet_socket("eth1") as sender, lab.capture("h1:eth1") as out, lab.capture("r1:eth1") as into:
        for _ in range(20):
            burst(sender, 1500, 60)
            assert out.packets is not None  # a look in between neither loses nor doubles anything
    for capture in (out, into):
        assert numbers(capture.packets) == list(range(1500)) * 20, capture.where
        assert capture.lost == 0 and capture.frames >= 30_000
        times = [time for time, _ in capture.packets]
        assert times == sorted(times)


def recorder_of(capture: Capture, signal: str) -> None:
    """Signal a capture's recorder, and see that it has got it."""
    if signal == "STOP":
        _ = capture.packets  # it answers, so it has its name and its ring by now
    lab, node = capture.node.lab, capture.node.name
    wanted = "T" if signal == "STOP" else "[SR]"
    assert lab[node].sh(f"pkill -{signal} -x capture").returncode == 0
    states = f"for p in $(pgrep -x capture); do grep -q '^State:.{wanted}' /proc/$p/status || exit 1; done"
    assert eventually(lambda: lab[node].sh(states).returncode == 0)


@pytest.mark.parametrize("size", [60, 1514])
def test_frames_wait_for_a_recorder_that_gets_no_time(lab: Lab, size: int) -> None:
    capture = lab.capture("r1:eth1")
    with lab["h1"].packet_socket("eth1") as sender:
        recorder_of(capture, "STOP")
        try:
            burst(sender, MANY, size)
        finally:
            recorder_of(capture, "CONT")
    assert numbers(capture.packets) == list(range(MANY))
    assert capture.stop().lost == 0


def test_what_does_not_fit_is_counted_to_the_last_frame_and_told(lab: Lab) -> None:
    capture = lab.capture("r1:eth1")
    sent = 2 * SECOND
    with lab["h1"].packet_socket("eth1") as sender:
        recorder_of(capture, "STOP")
        try:
            burst(sender, sent, 1514)
        finally:
            recorder_of(capture, "CONT")
    with pytest.warns(CaptureIncomplete, match=r"the capture of r1:eth1 lost \d+ frames: more came") as told, capture:
        pass
    assert told[0].filename == __file__
    kept = numbers(capture.packets)
    assert kept == sorted(kept) and 1000 < len(kept) < sent
    others = capture.frames - len(kept)  # ARP, say
    assert capture.frames + capture.lost == sent + others


@pytest.fixture
def tapped(lab: Lab) -> Iterator[socket.socket]:
    """A packet socket on r1:eth1, in this process, made as the recorder's but without a ring."""
    with lab["r1"].socket(socket.AF_PACKET, socket.SOCK_RAW, bind=("eth1", 3)) as packets:
        packets.setsockopt(socket.SOL_SOCKET, ring._SO_TIMESTAMPNS, 1)
        yield packets


@pytest.mark.parametrize("has_ring", [True, False])
def test_without_a_ring_a_plain_socket_does_the_same(
    lab: Lab, tapped: socket.socket, tmp_path: Path, has_ring: bool
) -> None:
    if has_ring:
        assert ring._make_ring(tapped)
    path = tmp_path / "r1.pcap"
    with path.open("wb") as file, lab["h1"].packet_socket("eth1") as sender:
        recorder = Recorder(tapped, file.fileno(), 1 << 30)
        assert isinstance(recorder.source, ring.Ring if has_ring else ring.Queue)
        for _ in range(3):
            burst(sender, 50, 900)
            sender.send(frame(50, 14 + 1500))
            assert eventually(lambda: recorder.drain() or recorder.written % 51 == 0)
    assert numbers(list(read_pcap(path))) == list(range(51)) * 3
    assert (recorder.written, recorder.lost) == (153, 0)


def test_a_ring_that_is_refused_leaves_a_plain_socket(monkeypatch: pytest.MonkeyPatch, tapped: socket.socket) -> None:
    monkeypatch.setattr(ring, "BLOCK", 1000)  # no whole pages: the kernel refuses
    assert not ring._make_ring(tapped)
    assert isinstance(ring.source(tapped), ring.Queue)


def test_a_second_of_full_frames_fits_a_ring(
    lab: Lab, tapped: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here blocks are closed late, so that it does not matter how long this machine takes to send them."""
    monkeypatch.setattr(ring, "RETIRE", 500)
    monkeypatch.setattr(ring, "PATIENCE", 20.0)
    assert ring._make_ring(tapped)
    path = tmp_path / "r1.pcap"
    with path.open("wb") as file, lab["h1"].packet_socket("eth1") as sender:
        recorder = Recorder(tapped, file.fileno(), 1 << 30)
        burst(sender, SECOND, 1514)
        assert eventually(lambda: recorder.drain() or recorder.written + recorder.lost == SECOND)
    assert (recorder.written, recorder.lost) == (SECOND, 0)
    assert numbers(list(read_pcap(path))) == list(range(SECOND))


@pytest.mark.parametrize("has_ring", [True, False])
def test_both_count_what_they_drop(
    lab: Lab, tapped: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_ring: bool
) -> None:
    monkeypatch.setattr(ring, "RING", ring.SMALLEST_RING)
    if has_ring:
        assert ring._make_ring(tapped)
    else:
        tapped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
    with (tmp_path / "r1.pcap").open("wb") as file, lab["h1"].packet_socket("eth1") as sender:
        recorder = Recorder(tapped, file.fileno(), 1 << 30)
        burst(sender, 5000, 1514)
        assert eventually(lambda: recorder.drain() or recorder.written + recorder.lost == 5000)
        assert 20 < recorder.written < 5000
        recorder.drain()
        assert recorder.written + recorder.lost == 5000


def test_more_than_the_limit_is_lost_whole(lab: Lab, tapped: socket.socket, tmp_path: Path) -> None:
    path = tmp_path / "r1.pcap"
    with path.open("wb") as file, lab["h1"].packet_socket("eth1") as sender:
        recorder = Recorder(tapped, file.fileno(), 24 + 10 * 116 + 50)
        burst(sender, 15, 100)
        assert eventually(lambda: recorder.drain() or recorder.written + recorder.lost == 15)
    assert (recorder.written, recorder.lost, recorder.trouble) == (10, 5, 0)
    assert numbers(list(read_pcap(path))) == list(range(10))


@pytest.mark.parametrize(("limit", "kept"), [(24 + 40 * 116 + 50, 40), (24 + 40 * 116, 40), (10, 0)])
def test_a_full_disk_ends_nothing_and_is_told_in_a_line(labs_work: None, limit: int, kept: int) -> None:
    """A limit on the size of files stands for the disk: the recorder gets the node's, and the write fails alike."""
    with Lab("06-icmp") as lab:
        lab["h1"].run(["prlimit", "--pid", "1", f"--fsize={limit}"], check=True)
        capture = lab.capture("h1:eth1")
        with lab["h1"].packet_socket("eth1") as sender:
            burst(sender, 100, 100)
        with pytest.warns(CaptureIncomplete) as told:
            assert numbers(capture.packets) == list(range(kept))
            assert lab["h1"].run("ping -c 1 -W 5 10.0.1.1")
            assert len(capture.stop().packets) == kept == capture.frames
        assert capture.lost >= 100 - kept + 4  # and the ping's
        (line,) = told
        assert line.filename == __file__  # where the reader asked
        assert "the capture of h1:eth1 lost " in str(line.message) and "(File too large); make room" in str(
            line.message
        )


def test_a_full_tmpfs_is_told_too(lab: Lab, tmp_path: Path) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "x", tmp_path]).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        capture = lab.capture("h1:eth1", tmp_path / "h1.pcap")
        with lab["h1"].packet_socket("eth1") as sender:
            burst(sender, 400, 100)
        with pytest.warns(CaptureIncomplete, match="No space left on device"):
            capture.stop()
        assert numbers(capture.packets) == list(range((16384 - 24) // 116))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # told once
            assert "lost" in repr(capture.stop())
    finally:
        capture._close_file()
        subprocess.run(["umount", "-l", tmp_path], check=True)


AS_USER = """
from netlib.lab import Lab
with Lab("06-icmp") as lab, lab["h1"].packet_socket("eth1") as sender:
    capture = lab.capture("r1:eth1")
    _ = capture.packets  # answered by the recorder, which therefore has its name by now
    lab["r1"].run("pkill -STOP -x capture", check=True)
    frame = bytes.fromhex("ffffffffffff02000000010188b5") + bytes(1500)
    for _ in range(6_000):
        sender.send(frame)
    lab["r1"].run("pkill -CONT -x capture", check=True)
    print(sum(packet.data == frame for _, packet in capture.packets), capture.stop().lost)
"""


def test_an_ordinary_user_has_the_same_room(folder: Path) -> None:  # noqa: F811
    """Whose socket buffer the kernel limits to net.core.rmem_max: without a ring, this test loses most frames."""
    process = start(folder, AS_USER)
    output, errors = process.communicate(timeout=120)
    assert output == "6000 0\n", output + errors
