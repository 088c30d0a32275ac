"""A connection with the kernel is drawn from the live recording, and from what tcpdump has seen of it: they agree."""

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from random import Random

import pytest

from netlib.host import STREAM, Host
from netlib.view import Recording, byte_strip, conversation, record, segments, state_path, windows
from netlib.worlds.live import Live, Tun
from netlib.worlds.task import readable

from .namespaces import ip, missing, namespace
from .tcp_kernel import send_all

reason = missing()
pytestmark = [
    pytest.mark.skipif(reason is not None, reason=reason or ""),
    pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump"),
]
SIZE = 300_000


async def upload(host: Host) -> Recording:
    made = host.socket(STREAM)
    made.connect("10.9.0.1", 7000)
    recording = record(made)
    await send_all(made, bytes(SIZE), 10)
    assert await readable(made, 10) and made.recv(1) == b""
    made.close()
    return recording


def take_all(server: socket.socket) -> None:
    peer, _ = server.accept()
    with peer:
        while peer.recv(65_536):
            pass


def test_what_tcpdump_has_seen_is_what_the_connection_knows(tmp_path: Path) -> None:
    path = tmp_path / "upload.pcap"
    with namespace():
        ip("link set lo up")
        host = Host("h", Random(1))
        host.attach("10.9.0.2/24")
        with Live(host, Tun("netlib0", "10.9.0.1/24")) as live, socket.create_server(("10.9.0.1", 7000)) as server:
            watching = subprocess.Popen(["tcpdump", "-U", "-Z", "root", "-i", "netlib0", "-w", str(path), "-B", "8192"],
                                        stderr=subprocess.PIPE, text=True)  # fmt: skip
            assert watching.stderr
            while "listening on" not in (line := watching.stderr.readline()):
                assert line, "tcpdump has ended"
            sink = threading.Thread(target=take_all, args=(server,))
            sink.start()
            recording = live.run(upload(host))
            sink.join(10)
            deadline = time.monotonic() + 10
            while "TIME-WAIT" not in conversation_states(path) and time.monotonic() < deadline:
                time.sleep(0.1)
            watching.terminate()
            watching.wait(10)
            watching.stderr.close()
    states = ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]
    # five of each: a busy kernel's second FIN, and its RST for our second ACK, may end TIME-WAIT (RFC 1337)
    assert [str(b) for _, b in state_path(recording).steps][:5] == conversation_states(path)[:5] == states
    known, taken = recording.track(), conversation(path).track()
    assert known.moments[-1].una == taken.moments[-1].una == taken.moments[-1].nxt == SIZE + 2
    assert "No bottleneck was recorded" in str(windows(recording)) and "not in packets" in str(windows(path))
    assert all(moment.cwnd for moment in known.moments) and max(moment.flight for moment in known.moments) > 10_000
    assert byte_strip(path).rows()[-1][1:4] == (str(SIZE + 2), str(SIZE + 2), "0")
    assert "more messages" in str(segments(path)) and "SYN seq 0" in str(segments(path))


def conversation_states(path: Path) -> list[str]:
    """The way of netlib's end through the states, as far as tcpdump has written by now."""
    try:
        return [str(b) for _, b in state_path(path).steps]
    except (ValueError, OSError):  # nothing yet, or a packet that is half written
        return []
