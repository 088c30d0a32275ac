"""What the lab of chapter 9 shows: datagrams stay whole, four numbers find a socket, and who is told of losses."""

from netlib.lab.tour import claim, counters, until
from netlib.wire.icmp import ICMPMessage
from netlib.wire.udp import UDPDatagram

CLIENT = "/usr/bin/python3 /srv/lab/client.py"
HERE, SECOND = "10.9.2.1", "10.9.2.11"
# which of the four sockets on port 7100 answers: from which port, to which address
LETTERS = {(40000, HERE): "d", (40001, HERE): "c", (40000, SECOND): "b", (40001, SECOND): "b"}


def said(lab, words):
    """What the client program prints."""
    return lab["client"].run(f"{CLIENT} {words}", check=True).stdout.strip()


@claim("UDP keeps boundaries: three sends are three reads. TCP keeps none: the same three sends are one read")
def boundaries(lab):
    lines = said(lab, f"sizes {HERE} 7001 300 500 900").splitlines()
    assert lines[0] == "UDP: sent 300 500 900; each read gave 300 500 900", lines
    assert lines[1] == "TCP: sent 300 500 900; each read gave 1700", lines
    return "; ".join(lines)


@claim("Who reads with too small a buffer loses the rest of the datagram")
def short(lab):
    answer = said(lab, f"ask {HERE} 7002 hello")
    assert answer == "hell, the rest is gone", answer
    return f"of hello a read of 4 bytes gives {answer}"


@claim("Of four sockets on one port, the kernel chooses by both addresses and both ports")
def chosen(lab):
    listed = lab["server"].run("ss -unaH sport = :7100", check=True).stdout
    assert listed.count("UNCONN") == 3 and listed.count("ESTAB") == 1, listed
    answers = {(port, address): said(lab, f"ask {address} 7100 who {port}") for port, address in LETTERS}
    assert answers == LETTERS, answers
    return "; ".join(f"from {port} to {address}: {letter}" for (port, address), letter in answers.items())


@claim("Nobody has bound the port: ICMP port unreachable comes back, and only a connected socket is told, later")
def refused(lab):
    before = counters(lab["server"], "UdpNoPorts")["UdpNoPorts"]
    with lab.capture("client:eth1") as capture:
        plain = said(lab, f"knock {HERE} 7999 plain 3").splitlines()
        until(lambda: sum(ICMPMessage in packet for _, packet in capture.packets) == 3, what="three ICMP errors")
    with lab.capture("client:eth1") as told:
        connected = said(lab, f"knock {HERE} 7999 connected 3").splitlines()
    assert plain == ["send 1: 5 bytes", "send 2: 5 bytes", "send 3: 5 bytes", "receive: nothing"], plain
    assert connected == [
        "send 1: 5 bytes", "send 2: ECONNREFUSED", "send 3: 5 bytes", "receive: ECONNREFUSED",
    ], connected  # fmt: skip
    for watched, sent in ((capture, 3), (told, 2)):
        packets = [packet for _, packet in watched.packets]
        errors = [packet[ICMPMessage] for packet in packets if ICMPMessage in packet]
        assert [(error.type, error.code) for error in errors] == [(3, 3)] * sent, watched
        assert sum(UDPDatagram in packet and ICMPMessage not in packet for packet in packets) == sent, watched
    after = counters(lab["server"], "UdpNoPorts")["UdpNoPorts"]
    assert after - before == 5, (before, after)
    return f"connected: {', '.join(connected)}; the server counts 5 datagrams for no port"


@claim("A program that does not read loses datagrams, though the network lost none, and nobody is told")
def full(lab):
    names = ("UdpInErrors", "UdpRcvbufErrors")
    before = counters(lab["server"], *names)
    answer = said(lab, f"flood {HERE} 7200 60 1000")
    assert answer == "60 datagrams sent, 0 calls failed", answer
    until(lambda: lab["wan"].wan["eth1"].counters["waiting"] == 0, what="the last datagram")
    after = counters(lab["server"], *names)
    lost = after["UdpRcvbufErrors"] - before["UdpRcvbufErrors"]
    assert 30 <= lost <= 59 and after["UdpInErrors"] - before["UdpInErrors"] == lost, (before, after)
    return f"{answer}; {lost} of them found the socket's buffer full"
