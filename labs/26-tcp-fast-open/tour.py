"""What the lab of chapter 26 shows: a cookie now saves a round trip later."""

import re

from netlib.lab.tour import claim, counters, skip
from netlib.wire.options import parse_options
from netlib.wire.tcp import TCPSegment

SRV, OLD = "10.26.1.1", "10.26.2.1"
PORT, OTHER_KEY = 7001, 7002
COOKIE = 34  # the option of RFC 7413 section 4.1.1
DRAFT_COOKIE, DRAFT = 254, b"\xf9\x89"  # what it was before (RFC 7413 appendix B): Linux tries it where 34 got nothing
REQUEST = b"hello"
ACTIVE, PASSIVE = "TcpExtTCPFastOpenActive", "TcpExtTCPFastOpenPassive"
ASKED, REFUSED = "TcpExtTCPFastOpenCookieReqd", "TcpExtTCPFastOpenPassiveFail"


def ask(lab, way="fast", address=SRV, port=PORT, interface="eth1"):
    """One request: the segments at the client, in order."""
    with lab.capture(f"client:{interface}") as capture:
        argv = ["/usr/bin/python3", "/srv/lab/client.py", way, address, str(port)]
        done = lab["client"].run(argv, check=True)
        assert done.stdout.strip() == REQUEST.decode().upper(), done
    return [packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet]


def cookie(segment):
    """The Fast Open option of a segment: None where it has none, b"" where it asks for a cookie."""
    options = dict(parse_options(segment.options))
    draft = options.get(DRAFT_COOKIE, b"")
    return draft.removeprefix(DRAFT) if draft.startswith(DRAFT) else options.get(COOKIE)


def remembered(lab, address=SRV):
    """The cookie that the client's kernel keeps for a server, as `ip tcp_metrics` prints it; "" for none."""
    done = lab["client"].run(["ip", "tcp_metrics", "show", address])
    found = re.search(r"fo_cookie (\w+)", done.stdout)
    return found[1] if found else ""


@claim("The first connection asks for a cookie, and gets one; its data waits for the handshake")
def first(lab):
    if remembered(lab):
        skip("the client has this server's cookie already, from an earlier run")
    segments = ask(lab)
    syn, syn_ack = segments[:2]
    assert syn.syn and cookie(syn) == b"" and not syn.payload, segments
    assert syn_ack.syn and syn_ack.ack and len(cookie(syn_ack) or b"") in range(4, 17), segments
    assert remembered(lab) == cookie(syn_ack).hex(), remembered(lab)
    return f"the SYN's option is empty, the server's has {len(cookie(syn_ack))} bytes: {remembered(lab)}"


@claim("The second connection's SYN carries the cookie and the request; the answer comes before the handshake is over")
def second(lab):
    ask(lab)
    before = counters(lab["client"], ACTIVE)[ACTIVE], counters(lab["srv"], PASSIVE)[PASSIVE]
    segments = ask(lab)
    after = counters(lab["client"], ACTIVE)[ACTIVE], counters(lab["srv"], PASSIVE)[PASSIVE]
    syn, syn_ack = segments[:2]
    assert syn.payload == REQUEST and (cookie(syn) or b"").hex() == remembered(lab) != "", segments
    assert syn_ack.acknowledgment == (syn.sequence + 1 + len(REQUEST)) % 2**32, segments
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1], (before, after)
    repeated = [each for each in segments[1:] if each.payload == REQUEST]
    assert not repeated, segments
    return f"SYN with {len(syn.payload)} bytes, acknowledged by the SYN-ACK; one more in {ACTIVE} and in {PASSIVE}"


@claim("Without Fast Open the same request takes a round trip more: it follows the handshake")
def plain(lab):
    segments = ask(lab, "plain")
    syn, syn_ack, *rest = segments
    assert cookie(syn) is None and not syn.payload and cookie(syn_ack) is None, segments
    assert any(each.payload == REQUEST and not each.syn for each in rest), segments
    return "SYN, SYN-ACK, ACK, and only then the request"


@claim("Linux takes Fast Open as a client by default, not as a server (tcp_fastopen is 1): no cookie, no gain, no harm")
def default(lab):
    for _ in range(2):
        syn, syn_ack, *rest = ask(lab, address=OLD, interface="eth2")
        assert cookie(syn) == b"" and not syn.payload and cookie(syn_ack) is None
        assert any(each.payload == REQUEST for each in rest)
    assert not remembered(lab, OLD)
    return f"the second connection to {OLD} asks again, in vain; both requests were answered after the handshake"


@claim("A cookie that the server does not know costs the round trip that it would have saved, and nothing else")
def wrong_cookie(lab):
    ask(lab)
    ask(lab)  # now the client surely has a cookie of the first port's key
    before = counters(lab["srv"], PASSIVE, REFUSED)
    segments = ask(lab, port=OTHER_KEY)
    after = counters(lab["srv"], PASSIVE, REFUSED)
    syn, syn_ack, *rest = segments
    assert syn.payload == REQUEST and syn_ack.acknowledgment == (syn.sequence + 1) % 2**32, segments
    assert any(each.payload == REQUEST for each in rest), segments
    assert after[PASSIVE] == before[PASSIVE] and after[REFUSED] == before[REFUSED] + 1, (before, after)
    new = cookie(syn_ack)
    assert new and new.hex() == remembered(lab)
    return "the server acknowledges the SYN alone and sends a new cookie; the client sends its request again"


@claim("A cookie belongs to an address, not to a port or a connection")
def per_address(lab):
    ask(lab, port=PORT)
    ask(lab, port=OTHER_KEY)
    done = lab["client"].run("ip tcp_metrics", check=True)
    lines = [line for line in done.stdout.splitlines() if "fo_cookie" in line]
    assert len(lines) == 1 and lines[0].startswith(SRV), done
    return lines[0].strip()
