"""What the lab of chapter 18 shows: who knows what in DNS, what a resolver keeps, and what UDP cannot carry.

Names that a claim needs uncached are asked for nowhere else, so each claim may be run alone, and first.
"""

import re
import struct

from netlib.lab.tour import claim
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment
from netlib.wire.udp import UDPDatagram

RESOLVER, ROOT, TLD, ZONE = "10.18.2.53", "10.18.3.53", "10.18.4.53", "10.18.5.53"
SECURE = ["+tls-ca=/opt/lab/ca.crt", "+tls-hostname=resolver.lab.example"]  # for dig +tls and +https
SERVERS = {ROOT: "root", TLD: "example.", ZONE: "books.example."}


def dig(lab, *words):
    """What dig prints, on the client. One try of 5 s: a repeated question would spoil what is counted."""
    return lab["client"].run(["dig", "+tries=1", "+timeout=5", *words], check=True).stdout


def flags(text):
    """The header's flags: `qr aa rd` and so on."""
    return re.search(r"flags: ([a-z ]*);", text)[1].split()


def status(text):
    return re.search(r"status: (\w+)", text)[1]


def section(text, name):
    """The records of a section, each as its words: owner, TTL, class, type, data."""
    found = re.search(rf";; {name} SECTION:\n(.*?)\n\n", text, re.DOTALL)
    return [line.split(None, 4) for line in found[1].splitlines()] if found else []


def questions(capture):
    """The resolver's own questions over UDP: (server, name asked for, source port, message id)."""
    found = []
    for _, packet in capture.packets:
        if UDPDatagram in packet and packet[UDPDatagram].destination_port == 53:
            server = str(packet[IPv4Packet].destination)
            if server in SERVERS:
                message = packet[UDPDatagram].payload
                (identity,) = struct.unpack_from("!H", message)
                found.append((server, question_name(message), packet[UDPDatagram].source_port, identity))
    return found


def question_name(message):
    """The name in a question: labels, each after its length, behind 12 bytes of header (RFC 1035 section 4.1.2)."""
    labels, place = [], 12
    while length := message[place]:
        labels.append(message[place + 1 : place + 1 + length].decode().lower())
        place += 1 + length
    return ".".join(labels) + "."


@claim("The root does not know the address of a host: it answers with a referral to the TLD, and glue")
def root_refers(lab):
    text = dig(lab, "+norecurse", f"@{ROOT}", "www.books.example")
    assert status(text) == "NOERROR" and not section(text, "ANSWER") and "aa" not in flags(text), text
    (delegation,), (glue,) = section(text, "AUTHORITY"), section(text, "ADDITIONAL")
    assert delegation[0] == "example." and delegation[3:] == ["NS", "ns.nic.example."], text
    assert glue[0] == "ns.nic.example." and glue[3:] == ["A", TLD], text
    return f"no answer; example. NS ns.nic.example., which is at {glue[4]}"


@claim("The TLD refers to the zone's server; only that one answers, with authority")
def by_hand(lab):
    text = dig(lab, "+norecurse", f"@{TLD}", "www.books.example")
    assert not section(text, "ANSWER") and "aa" not in flags(text), text
    assert section(text, "AUTHORITY")[0][3:] == ["NS", "ns.books.example."], text
    assert section(text, "ADDITIONAL")[0][3:] == ["A", ZONE], text
    text = dig(lab, "+norecurse", f"@{ZONE}", "www.books.example")
    assert "aa" in flags(text) and section(text, "ANSWER"), text
    return "the TLD: NS ns.books.example.; the zone's server: aa, and an address"


@claim("An authoritative server does not resolve for you: it refuses what it has no zone for")
def not_a_resolver(lab):
    text = dig(lab, "+recurse", f"@{ZONE}", "www.elsewhere.example")
    assert status(text) == "REFUSED" and "ra" not in flags(text), text
    return "asked for www.elsewhere.example, the server of books.example. says REFUSED, without the flag ra"


@claim("A resolver asks the root, the TLD, then the zone, and tells each no more of the name than it needs")
def recursion(lab):
    with lab.capture("resolver:eth1") as capture:
        text = fresh_resolver(lab, "web.books.example")
    assert status(text) == "NOERROR" and "ra" in flags(text) and "aa" not in flags(text), text
    assert section(text, "ANSWER")[0][3:] == ["A", "10.18.5.80"], text
    asked = [(server, name) for server, name, _, _ in questions(capture) if name != "."]  # "." is priming, RFC 9609
    order = list(dict.fromkeys(server for server, _ in asked))
    assert order == [ROOT, TLD, ZONE], asked
    told = {server: {name for where, name in asked if where == server} for server in order}
    assert told[ROOT] == {"example."} and told[TLD] == {"books.example."}, told  # RFC 9156
    assert "web.books.example." in told[ZONE], told
    return "; ".join(f"{SERVERS[server]} is asked for {name}" for server, name in asked)


def fresh_resolver(lab, name):
    """Start the resolver again, so that it has nothing in its cache; then ask it for `name`."""
    # its file goes before the process does, which might still take a question
    stop = "pid=$(cat /run/unbound.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.02; done"
    lab["resolver"].sh(f"{stop}; unbound -c /opt/lab/unbound.conf", timeout=20).check()
    return dig(lab, f"@{RESOLVER}", name)


@claim("Each question of the resolver leaves from a port of its own with an id of its own: a forger must guess both")
def hard_to_guess(lab):
    with lab.capture("resolver:eth1") as capture:
        for number in range(6):
            dig(lab, f"@{RESOLVER}", f"guess{number}.books.example")
    asked = questions(capture)
    ports, identities = {port for *_, port, _ in asked}, {identity for *_, identity in asked}
    assert len(asked) >= 6 and len(ports) > len(asked) // 2 and len(identities) > len(asked) // 2, asked  # RFC 5452
    return f"{len(asked)} questions, {len(ports)} source ports, {len(identities)} ids"


@claim("The second answer comes from the resolver's cache: nobody else is asked, and the TTL counts down")
def cache(lab):
    first = section(dig(lab, f"@{RESOLVER}", "mail.books.example"), "ANSWER")[0]
    with lab.capture("resolver:eth1") as capture:
        lab["client"].run("sleep 1.1")
        second = section(dig(lab, f"@{RESOLVER}", "mail.books.example"), "ANSWER")[0]
    assert not questions(capture), questions(capture)
    assert second[4] == first[4] and int(second[1]) < int(first[1]) <= 300, (first, second)
    return f"TTL {first[1]}, then {second[1]}, and no packet to any other server"


@claim("That a name does not exist is kept too, for the SOA's last number of seconds (RFC 2308)")
def negative_cache(lab):
    first = dig(lab, f"@{RESOLVER}", "nobody.books.example")
    with lab.capture("resolver:eth1") as capture:
        second = dig(lab, f"@{RESOLVER}", "nobody.books.example")
    assert status(first) == status(second) == "NXDOMAIN" and not questions(capture), (second, questions(capture))
    (soa,) = section(second, "AUTHORITY")
    assert soa[3] == "SOA" and 0 < int(soa[1]) <= 60, second  # the SOA's own TTL is 3600, its last number 60
    return f"NXDOMAIN twice, the second one from the cache, with {soa[1]} s to live"


@claim("A name without a record of this type is no error: NOERROR, and no answer")
def no_data(lab):
    text = dig(lab, f"@{RESOLVER}", "web.books.example", "MX")
    assert status(text) == "NOERROR" and not section(text, "ANSWER"), text
    assert section(text, "AUTHORITY")[0][3] == "SOA", text
    return "web.books.example MX: NOERROR, ANSWER: 0, and the zone's SOA"


@claim("An alias is answered with the alias and what it stands for")
def alias(lab):
    answer = section(dig(lab, f"@{RESOLVER}", "www.books.example"), "ANSWER")
    assert [record[3:] for record in answer] == [["CNAME", "web.books.example."], ["A", "10.18.5.80"]], answer
    return "www CNAME web, web A 10.18.5.80"


@claim("What does not fit into 512 bytes comes truncated over UDP, and whole with EDNS")
def edns(lab):
    plain = dig(lab, "+norecurse", "+noedns", "+ignore", f"@{ZONE}", "medium.books.example", "TXT")
    assert "tc" in flags(plain) and len(section(plain, "ANSWER")) < 4, plain
    more = dig(lab, "+norecurse", "+bufsize=1232", "+ignore", f"@{ZONE}", "medium.books.example", "TXT")
    assert "tc" not in flags(more) and len(section(more, "ANSWER")) == 4, more
    return f"without EDNS: tc; with a buffer of 1232: {size(more)} bytes over UDP"


def size(text):
    return int(re.search(r"MSG SIZE +rcvd: (\d+)", text)[1])


@claim("A truncated answer makes the client ask again over TCP: DNS is not UDP only")
def tcp(lab):
    with lab.capture("client:eth1") as capture:
        text = dig(lab, "+norecurse", f"@{ZONE}", "large.books.example", "TXT")
    assert "Truncated, retrying in TCP" in text and len(section(text, "ANSWER")) == 14, text
    packets = [packet for _, packet in capture.packets if UDPDatagram in packet or TCPSegment in packet]
    answer = next(packet[UDPDatagram].payload for packet in packets if packet[UDPDatagram].source_port == 53)
    assert answer[2] & 0x02, answer  # the flag TC, RFC 1035 section 4.1.1
    assert TCPSegment not in packets[0] and TCPSegment not in packets[1] and TCPSegment in packets[2], packets
    return f"2 datagrams with the flag TC, then {len(packets) - 2} TCP segments with {size(text)} bytes of answer"


@claim("A program that looks up a name asks the resolver of its resolv.conf, which does the rest")
def stub(lab):
    done = lab["client"].run("getent ahostsv4 www.books.example", check=True)
    assert done.stdout.split()[0] == "10.18.5.80" and "web.books.example" in done.stdout, done
    return "getent finds 10.18.5.80"


@claim("DNS over TLS and DNS over HTTPS hide the question on its way to the resolver; plain DNS shows it to all")
def encrypted(lab):
    name = b"\x03web\x05books\x07example"  # as it stands in a question
    readable = {}
    for way, words in (("plain", []), ("DoT", ["+tls", *SECURE]), ("DoH", ["+https", *SECURE])):
        with lab.capture("client:eth1") as capture:
            text = dig(lab, *words, f"@{RESOLVER}", "web.books.example")
        assert section(text, "ANSWER")[0][4] == "10.18.5.80", text
        data = b"".join(packet.payload for _, packet in capture.packets)
        readable[way] = name in data or b"books" in data
    assert readable == {"plain": True, "DoT": False, "DoH": False}, readable
    return "the same answer each time; web.books.example can be read in the plain packets only"


@claim("Who is on the way can answer plain DNS as they like; a resolver that must prove its name cannot be replaced so")
def on_the_way(lab):
    lie = "nsd -c /opt/lab/liar.conf && nft -f /opt/lab/liar.nft"
    lab["net"].sh(lie).check()
    try:
        text = dig(lab, f"@{RESOLVER}", "web.books.example")
        lied = section(text, "ANSWER")[0][4]
        done = lab["client"].run(
            ["dig", "+tries=1", "+timeout=5", "+tls", *SECURE, f"@{RESOLVER}", "web.books.example"]
        )
    finally:
        stop = "kill $(cat /run/nsd.pid); while [ -e /run/nsd.pid ]; do sleep 0.02; done"
        lab["net"].sh(f"nft delete table ip liar; conntrack -F; {stop}", timeout=20)
    assert lied == "203.0.113.66" and f"SERVER: {RESOLVER}#53" in text, text
    assert "203.0.113.66" not in done.stdout and not section(done.stdout, "ANSWER"), done
    return f"plain DNS: {lied}, as if from {RESOLVER}; with DNS over TLS: no answer rather than a wrong one"


@claim("DNS over TLS is worth what its certificate is: for another name than the resolver's there is no answer")
def wrong_resolver(lab):
    words = ["+tls-ca=/opt/lab/ca.crt", "+tls-hostname=elsewhere.lab.example"]
    done = lab["client"].run(["dig", "+tries=1", "+timeout=5", "+tls", *words, f"@{RESOLVER}", "web.books.example"])
    assert "hostname mismatch" in done.stdout + done.stderr and not section(done.stdout, "ANSWER"), done
    return "hostname mismatch"
