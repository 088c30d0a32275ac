"""What the kernel's `ss -ti` and `nstat` say of a connection is what netlib says of the same connection."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from netlib.worlds.live import Live
from netlib.worlds.task import readable, writable

from .namespaces import missing
from .tcp_kernel import Impaired, bytes_of, eventually, neighbours
from .test_tcp_events_kernel import both_ends, counted, shown

reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
COUNT = 2_000_000


def exchange(live: Live, made: Any, theirs: socket.socket) -> None:
    """So many bytes each way, one after the other; afterwards all is acknowledged, and nothing under way."""
    page = bytes_of("page", COUNT)

    async def send() -> None:
        at = 0
        while at < COUNT:
            assert await writable(made, 20)
            at += made.send(page[at : at + 65_536])

    async def receive() -> bytes:
        got = bytearray()
        while len(got) < COUNT:
            assert await readable(made, 20)
            got += made.recv(1 << 18)
        return bytes(got)

    theirs.settimeout(20)
    live.spawn(send())
    got = bytearray()
    while len(got) < COUNT:
        got += theirs.recv(1 << 18)
    assert got == page
    for at in range(0, COUNT, 100_000):  # so much at a time that the kernel's buffer and ours hold it
        theirs.sendall(page[at : at + 100_000])
        assert live.run(receive_some(made, 100_000)) == page[at : at + 100_000]


async def receive_some(made: Any, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        assert await readable(made, 20)
        got += made.recv(count - len(got))
    return bytes(got)


def settled(look: Callable[[], Any]) -> Any:
    """What there is to see when it does not change any more."""
    seen = [look()]

    def same() -> bool:
        seen.append(look())
        return bool(seen[-1] == seen[-2])

    assert eventually(same)
    return seen[-1]


def both(made: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the kernel says, and what we say, when all is quiet."""
    moving = ("lastsnd", "lastrcv", "lastack")
    return settled(lambda: ({k: v for k, v in shown().items() if k not in moving}, dict(made.info)))


@pytest.mark.parametrize("role", ["client", "server"])
def test_over_a_good_link_both_count_the_same(role: str) -> None:
    with neighbours() as (live, _):
        before = counted()
        made, theirs = both_ends(live, role)
        with theirs:
            exchange(live, made, theirs)
            kernel, ours = both(made)
            now, nstat = counted(), live.host.tcp.nstat()
        # what was agreed on
        assert (kernel["ts"], kernel["sack"], "ecn" in kernel) == (ours["ts"], ours["sack"], ours["ecn"])
        assert (kernel["wscale"], kernel["wscale_peer"]) == ours["wscale"]
        assert kernel["mss"] == ours["mss"] == 1448
        # segments and bytes: what one has sent the other has received.  A kernel counts its SYN as a byte, its SYN,ACK
        # neither as a byte nor as a segment of this socket
        assert (kernel["segs_in"], kernel["bytes_received"]) == (ours["segs_out"], ours["bytes_acked"])
        assert (kernel["segs_out"] + (role == "client"), ours["bytes_received"]) == (ours["segs_in"], COUNT)
        assert kernel["bytes_acked"] - (role == "server") == COUNT
        assert kernel["bytes_sent"] - kernel.get("bytes_retrans", 0) == COUNT
        assert ours["bytes_sent"] - ours["bytes_retrans"] == COUNT
        # windows
        assert (kernel["snd_wnd"], ours["unacked"], ours["notsent"]) == (ours["rcv_wnd"], 0, 0)
        # the host's counters
        assert now["TcpInSegs"] - before["TcpInSegs"] == nstat["OutSegs"] + nstat["RetransSegs"] == ours["segs_out"]
        sent, again = (now[name] - before[name] for name in ("TcpOutSegs", "TcpRetransSegs"))
        assert nstat["InSegs"] == sent + again == ours["segs_in"]
        assert kernel["state"] == "ESTAB" and nstat["CurrEstab"] == 1
        opens = "TcpPassiveOpens" if role == "client" else "TcpActiveOpens"
        assert now[opens] - before[opens] == nstat["ActiveOpens" if role == "client" else "PassiveOpens"] == 1


@pytest.mark.parametrize("role", ["client", "server"])
def test_over_a_bad_link_both_count_what_an_onlooker_counts(role: str) -> None:
    """The onlooker is the link, which knows what it was given from either side, and what it has lost and doubled."""
    with neighbours(Impaired, 0.03, 0.03, 0.03) as (live, link):
        before = counted()
        made, theirs = both_ends(live, role)
        with theirs:
            exchange(live, made, theirs)
            kernel, ours = both(made)
            seen, now, nstat = dict(link.counts), counted(), live.host.tcp.nstat()
        assert ours["segs_out"] == seen["out packets"] and ours["segs_in"] == seen["in passed"]
        # (the kernel's counters of the socket lack what was for its listener; those of the host do not)
        sent, again, came = (now[name] - before[name] for name in ("TcpOutSegs", "TcpRetransSegs", "TcpInSegs"))
        assert (sent + again, came) == (seen["in packets"], seen["out passed"])
        assert nstat["InSegs"] == ours["segs_in"] and nstat["OutSegs"] + nstat["RetransSegs"] == ours["segs_out"]
        # bytes that were sent again, for each the rest of what passed
        assert ours["bytes_sent"] == seen["out bytes"] and kernel["bytes_sent"] == seen["in bytes"]
        assert ours["bytes_retrans"] == seen["out bytes"] - COUNT > 0
        assert kernel["bytes_retrans"] == seen["in bytes"] - COUNT > 0
        assert ours["retrans"] * kernel["mss"] >= ours["bytes_retrans"]
        # both have seen that something was lost: after the first loss there is a threshold
        assert ours["ssthresh"] < 200 and kernel["ssthresh"] < 200
