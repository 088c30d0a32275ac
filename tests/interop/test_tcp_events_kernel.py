"""What happens in a connection's life between netlib and the kernel, over TUN, each side once: half-close, reset, a
window that closes and opens again, and congestion that is marked and not lost."""

import re
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from typing import Any

import pytest

from netlib.kernel.errors import SocketError
from netlib.lab.samples.nstat import parse as parse_nstat
from netlib.lab.samples.ss import parse as parse_ss
from netlib.view import record
from netlib.worlds.live import Live
from netlib.worlds.task import readable

from .namespaces import missing, run
from .tcp_kernel import (
    OURS,
    PORT,
    THEIRS,
    accepted,
    bytes_of,
    connected,
    eventually,
    listening,
    neighbours,
    receive_all,
    send_all,
)

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")


def both_ends(live: Live, role: str, **options: Any) -> tuple[Any, socket.socket]:
    """A connection in which we have the `role`: our socket and the kernel's."""
    if role == "server":
        listener = live.run(listening(live.host, **options))
        theirs = socket.create_connection((OURS, PORT), timeout=20)
        return live.run(accepted(listener)), theirs
    with socket.create_server((THEIRS, PORT)) as server:
        made = live.run(connected(live.host, **options))
        theirs = server.accept()[0]
        theirs.settimeout(20)
        return made, theirs


def shown() -> dict[str, Any]:
    """What `ss` shows of the kernel's end; nothing when that is gone."""
    rows = parse_ss(run(f"ss -tinmoOHa dst {OURS}").stdout)
    return rows[0] if rows else {"state": "gone"}


def counted() -> dict[str, int]:
    [row] = parse_nstat(run("nstat -asz").stdout)
    return row


def read_to_the_end(theirs: socket.socket) -> bytes:
    return b"".join(iter(lambda: theirs.recv(65_536), b""))


def sending(theirs: socket.socket, page: bytes) -> threading.Thread:
    """The kernel's end sends this, and then its FIN."""

    def send() -> None:
        with suppress(OSError):  # the test tells what is wrong
            theirs.sendall(page)
            theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


# ---- half-close --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["client", "server"])
def test_the_kernel_closes_its_half_and_we_go_on_sending(role: str) -> None:
    page = bytes_of("page", 500_000)
    with neighbours() as (live, _):
        made, theirs = both_ends(live, role)
        with theirs:
            theirs.sendall(b"that is all")
            theirs.shutdown(socket.SHUT_WR)
            assert live.run(receive_all(made)) == b"that is all"
            assert eventually(lambda: shown()["state"] == "FIN-WAIT-2") and made.info.state == "CLOSE-WAIT"
            live.spawn(send_all(made, page))
            assert read_to_the_end(theirs) == page
        assert eventually(lambda: made.info.state == "CLOSED") and shown()["state"] == "TIME-WAIT"


@pytest.mark.parametrize("role", ["client", "server"])
def test_we_close_our_half_and_the_kernel_goes_on_sending(role: str) -> None:
    page = bytes_of("page", 500_000)
    with neighbours() as (live, _):
        made, theirs = both_ends(live, role)
        recording = record(made)
        with theirs:
            live.run(send_all(made, b"that is all"))
            assert read_to_the_end(theirs) == b"that is all"
            assert shown()["state"] == "CLOSE-WAIT" and eventually(lambda: made.info.state == "FIN-WAIT-2")
            theirs.sendall(page)
        assert live.run(receive_all(made)) == page
        assert eventually(lambda: shown()["state"] == "gone")
        way = [(state, because.partition(":")[0]) for _, state, because in recording.states()]
        entered = way.index(("TIME-WAIT", "receive FIN"))
        # A slow machine's kernel sends its FIN twice, and answers our second ACK with RST, as its end is gone by then:
        # RFC 1337's TIME-WAIT assassination.  Nothing else may end TIME-WAIT.
        assert way[entered + 1 :] in ([], [("CLOSED", "receive RST")])
        assert len(way) == entered + 1 or counted()["TcpOutRsts"] > 0


# ---- reset -------------------------------------------------------------------------------------------------------


async def failure(made: Any) -> str:
    """The errno name that the next call raises."""
    assert await readable(made, 20)
    with pytest.raises(SocketError) as raised:
        made.recv(100)
    return raised.value.name


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("how", ["linger 0", "unread data", "data for a closed socket"])
def test_the_kernel_resets_and_our_next_call_says_so(role: str, how: str) -> None:
    async def send(made: Any) -> None:
        made.send(b"more")

    with neighbours() as (live, _):
        made, theirs = both_ends(live, role)
        before = counted()
        if how == "linger 0":
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "unread data":
            live.run(send(made))
            assert eventually(lambda: shown().get("recv_q") == 4)
        theirs.close()
        if how == "data for a closed socket":
            assert live.run(receive_all(made)) == b""
            live.run(send(made))
            assert eventually(lambda: made.error)  # what the peer has ended in order stays readable until then
            with pytest.raises(SocketError, match=r"ECONNRESET|EPIPE"):
                live.run(send(made))
        else:
            assert live.run(failure(made)) == "ECONNRESET"
        assert made.info.state == "CLOSED" and shown()["state"] == "gone"
        assert counted()["TcpOutRsts"] == before["TcpOutRsts"] + 1


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("how", ["abort", "unread data", "data for a closed socket"])
def test_we_reset_and_the_kernels_next_call_says_so(role: str, how: str) -> None:
    async def end(made: Any) -> None:
        if how == "unread data":
            assert await readable(made, 20)
        made.abort() if how == "abort" else made.close()

    with neighbours() as (live, _):
        made, theirs = both_ends(live, role)
        before = counted()
        with theirs:
            if how == "unread data":
                theirs.sendall(b"more")
            live.run(end(made))
            if how == "data for a closed socket":
                assert theirs.recv(100) == b""
                theirs.sendall(b"more")
                assert eventually(lambda: shown()["state"] == "gone")
                with pytest.raises((ConnectionResetError, BrokenPipeError)):
                    theirs.sendall(b"and more")
            else:
                with pytest.raises(ConnectionResetError):
                    theirs.recv(100)
        assert not [c for c in live.host.tcp.table.values() if c is made.connection]
        assert counted()["TcpEstabResets"] == before["TcpEstabResets"] + 1


# ---- a window that closes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_kernel_that_does_not_read_is_probed_until_it_does(role: str) -> None:
    page = bytes_of("page", 20_000_000)
    with neighbours() as (live, _):
        made, theirs = both_ends(live, role)
        with theirs:
            live.spawn(send_all(made, page))
            assert eventually(lambda: made.info.snd_wnd == 0 and made.info.notsent)
            probes = lambda: [event for event in made.events if "zero-window probe" in event.because]  # noqa: E731
            assert eventually(lambda: len(probes()) >= 2)
            assert made.info.state == "ESTABLISHED" and shown()["recv_q"] == made.info.bytes_acked
            assert read_to_the_end(theirs) == page
            assert eventually(lambda: made.info.bytes_acked == len(page))


@pytest.mark.parametrize("role", ["client", "server"])
def test_the_kernel_probes_us_until_we_read(role: str) -> None:
    page = bytes_of("page", 8_000_000)

    with neighbours() as (live, _):
        made, theirs = both_ends(live, role)
        with theirs:
            thread = sending(theirs, page)
            assert eventually(lambda: counted()["TcpExtTCPWinProbe"] >= 2)
            kernel, ours = shown(), made.info
            assert kernel["timer"] == "persist" and kernel["notsent"] > 0
            assert kernel.get("snd_wnd", 0) == 0 and ours.recv_q == ours.bytes_received
            assert ours.rcv_wnd < 1 << ours.wscale[1]  # less than can be said
            assert live.run(receive_all(made)) == page
            thread.join(5)


# ---- congestion that is marked -----------------------------------------------------------------------------------

# (what leaves the kernel is cut into segments after it was marked: many segments are marked at once)
MARKING = """
table ip marking {
  chain out {
    type filter hook output priority 0
    ip ecn != not-ect numgen inc mod 10 5 counter ip ecn set ce
  }
  chain in {
    type filter hook input priority 0
    ip ecn != not-ect numgen inc mod 100 50 counter ip ecn set ce
  }
}
"""


def marked(chain: str) -> int:
    """How many packets nftables has marked."""
    found = re.search(r"counter packets (\d+)", run(f"nft list chain ip marking {chain}").stdout)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("role", ["client", "server"])
def test_marks_halve_the_windows_of_both_and_nothing_is_lost(role: str) -> None:
    page = bytes_of("page", 2_000_000)
    with neighbours() as (live, _):
        assert run("sysctl -qw net.ipv4.tcp_ecn=1").returncode == 0
        made, theirs = both_ends(live, role, ecn=True)
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        done = subprocess.run(["nft", "-f", "-"], input=MARKING, text=True, capture_output=True)
        if done.returncode:
            pytest.skip(f"nftables does not mark here: {done.stderr.strip()}")
        with theirs:
            assert made.info.ecn and shown()["ecn"]
            # we send, the kernel sees the marks and echoes them
            live.spawn(send_all(made, page))
            assert read_to_the_end(theirs) == page
            reductions = [event for event in made.events if event.because.startswith("ECE")]
            assert marked("in") >= len(reductions) >= 3
            assert made.info.ssthresh < 1000 and "loss" not in {event.kind for event in made.events}
            # the kernel sends, and we echo
            sending(theirs, page)
            assert live.run(receive_all(made)) == page
            assert counted()["TcpExtTCPDeliveredCE"] >= marked("out") >= 2
            assert counted()["TcpExtTCPSackRecovery"] == 0
            assert eventually(lambda: shown()["state"] != "ESTAB")


def test_what_is_not_wanted_is_not_agreed_on() -> None:
    with neighbours() as (live, _):
        run("sysctl -qw net.ipv4.tcp_ecn=1")
        for role, ecn in (("client", False), ("server", False)):
            made, theirs = both_ends(live, role, ecn=ecn)
            assert not made.info.ecn and "ecn" not in shown()
            theirs.close()
            live.run(receive_all(made))
            made.abort()
