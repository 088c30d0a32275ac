"""What the lab of chapter 2 shows: whose byte is whose on a live wire, what each device changes, and what failed."""

from netlib.exercises.osi_model_layers import encapsulate, looks_at, owners, which_layer
from netlib.lab.tour import claim, counters, until
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.tcp import TCPSegment

ME, BALANCER = IPv4Address("10.2.1.2"), IPv4Address("10.2.2.2")
CURL = ["curl", "-sS", "--http1.1", "--cacert", "/opt/lab/ca.crt", "--connect-timeout", "1"]
SHOP = "shop.lab.example"
POST = [*CURL, "-H", "Content-Type: application/json", "-d", '{"book":7,"qty":1}', f"https://{SHOP}/orders"]
STATUS = [*CURL, "-o", "/dev/null", "-w", "%{http_code}"]
MIXED = ["/orders", "/images/cat", "/orders"]
BROKEN = {
    "http://10.2.1.99/orders": "link",
    "http://10.9.9.9/orders": "internet",
    "http://10.2.2.77/orders": "link",
    f"http://{SHOP}:81/orders": "transport",
    f"http://{SHOP}:9999/orders": "unknown",
    f"http://{SHOP}/missing": "application",
    f"http://{SHOP}/orders": "none",
}
PLACES = ("client:eth1", "r1:eth1", "lb:eth1", "web1:eth1", "web2:eth1")


def segments(packets):
    return [packet for packet in packets if TCPSegment in packet]


def taken(captures):
    """The packets at each place, when all has come to rest."""
    return {place: [packet for _, packet in capture.packets] for place, capture in captures.items()}


def watched(lab, command, places=PLACES):
    """Run a command on the client; what it printed, and the packets at each of these places."""
    captures = {place: lab.capture(place) for place in places}
    done = lab["client"].run(command, timeout=20)
    for capture in captures.values():
        capture.stop()
    return done, taken(captures)


def answers(text):
    """What the servers said, each as a dict: server, peer, forwarded, path."""
    return [dict(word.split("=", 1) for word in line.split()) for line in text.splitlines()]


def fields_of(packet):
    """What `encapsulate` needs to make the frame of a captured segment again, and what TCP carries in it."""
    frame, ip, segment = packet.layers
    flags = frame.build()[14 + ip.header_length + 13 :][:1]
    fields = {name: getattr(segment, name) for name in
              ("source_port", "destination_port", "sequence", "acknowledgment", "window", "options")}  # fmt: skip
    return segment.payload, fields | {
        "flags": flags[0], "identification": ip.identification, "ttl": ip.ttl, "record": None,
        "source_ip": bytes(ip.source), "destination_ip": bytes(ip.destination),
        "source_mac": bytes(frame.source), "destination_mac": bytes(frame.destination),
    }  # fmt: skip


@claim("Of a POST over TLS every byte has an owner; what the client says can't be read before the balancer", tries=3)
def every_byte(lab):
    done, seen = watched(lab, POST)
    assert answers(done.stdout)[0]["path"] == "/orders", done
    for packets in seen.values():
        for packet in packets:
            assert sum(size for _, size in owners(packet.data)) == len(packet.data), packet
    sent = {place: b"".join(p[TCPSegment].payload for p in segments(packets)) for place, packets in seen.items()}
    assert b"POST /orders" not in sent["client:eth1"] and b"POST /orders" in sent["web1:eth1"]
    assert SHOP.encode() in sent["client:eth1"]  # the server's name, in the ClientHello
    return "the name of the server is in the clear on the client's side, the request only behind the balancer"


@claim("Each frame of the kernel can be wrapped again, bit for bit, from its fields", tries=3)
def rebuild(lab):
    _, seen = watched(lab, POST)
    frames = segments(seen["client:eth1"])
    again = [encapsulate(*fields_of(packet)) for packet in frames]
    assert again == [packet.data for packet in frames]
    return "the same bytes, SYN and options included"


@claim("The kernel takes a SYN made by hand, and drops it in silence when one bit of a checksum is wrong", live=True)
def by_hand(lab):
    wire = lab["client"].packet_socket("eth1")
    mac = lab["r1"].run("cat /sys/class/net/eth1/address", check=True).stdout.strip()
    fields = {
        "record": None, "source_port": 50505, "destination_port": 443, "sequence": 7, "acknowledgment": 0, "flags": 2,
        "window": 1000, "options": bytes.fromhex("020405b4"), "identification": 1, "ttl": 64,
        "source_ip": bytes(ME), "destination_ip": bytes(BALANCER),
        "source_mac": bytes.fromhex("020000000101"), "destination_mac": bytes.fromhex(mac.replace(":", "")),
    }  # fmt: skip
    frame = encapsulate(b"", fields)
    with lab.capture("client:eth1") as capture:
        wire.send(frame)
        until(lambda: len(segments(p for _, p in capture.packets)) >= 2, what="an answer to the SYN")
    answer = segments(p for _, p in capture.packets)[1][TCPSegment]
    assert answer.syn and answer.ack and answer.acknowledgment == 8, answer
    before = counters(lab["lb"], "TcpInCsumErrors")["TcpInCsumErrors"]
    wire.send(frame[:50] + bytes((frame[50] ^ 1,)) + frame[51:])
    until(lambda: counters(lab["lb"], "TcpInCsumErrors")["TcpInCsumErrors"] == before + 1, what="the error's count")
    return "SYN+ACK to the sound one; the other is in the kernel's count of wrong checksums"


@claim(
    "A switch changes nothing, a router MAC addresses, TTL and checksum, NAT the destination, a proxy everything",
    tries=3,
)
def changes(lab):
    done, seen = watched(lab, [*CURL, f"http://{SHOP}:8080/orders"])
    (answer,) = answers(done.stdout)
    places = [*PLACES[:3], f"{answer['server']}:eth1"]
    syns = [next(p for p in segments(seen[place]) if p[TCPSegment].syn) for place in places]
    assert syns[0].data == syns[1].data
    assert [p[IPv4Packet].ttl for p in syns] == [64, 64, 63, 62]
    assert [p[TCPSegment].destination_port for p in syns] == [8080, 8080, 8080, 80]
    assert len({p[TCPSegment].sequence for p in syns}) == 1 and {p[IPv4Packet].source for p in syns} == {ME}
    _, seen = watched(lab, [*CURL, f"http://{SHOP}/orders"])
    outside, inside = (
        next(p for p in segments(seen[place]) if p[TCPSegment].syn) for place in ("client:eth1", "web1:eth1")
    )
    assert outside[TCPSegment].sequence != inside[TCPSegment].sequence and inside[IPv4Packet].source != ME
    return "NAT: the client's own SYN, to another address and port; a proxy: a SYN of its own"


@claim("On one connection NAT sends every request to one server, and a proxy each by its path", tries=3)
def by_request(lab):
    done, seen = watched(lab, [*CURL, *(f"http://{SHOP}:8080{path}" for path in MIXED)])
    assert len({answer["server"] for answer in answers(done.stdout)}) == 1, done
    asked = [p for p in segments(seen["client:eth1"]) if p[IPv4Packet].source == ME and p[TCPSegment].payload]
    assert len({looks_at("l4", p.data) for p in asked}) == 1 and len({looks_at("l7", p.data) for p in asked}) == 2
    done, _ = watched(lab, [*CURL, *(f"http://{SHOP}{path}" for path in MIXED)])
    assert [answer["server"] for answer in answers(done.stdout)] == ["web1", "web2", "web1"], done
    return "NAT: one server for all three; the proxy: web1, web2, web1"


@claim("What failed can be told from the client's capture, layer by layer", tries=3)
def what_failed(lab):
    for url, expected in BROKEN.items():
        done, seen = watched(lab, [*STATUS, url], PLACES[:1])
        assert which_layer(seen["client:eth1"], ME) == expected, (url, done, seen)
    done, seen = watched(lab, [*POST[:-1], "--tls-max", "1.2", POST[-1]], PLACES[:1])
    assert which_layer(seen["client:eth1"], ME) == "tls" and "alert protocol version" in done.stderr, done
    return ", ".join(BROKEN.values()) + ", tls"


@claim("A 503 over TLS: the client's capture can't tell, and the balancer's says transport", tries=3)
def two_stacks(lab):
    done, seen = watched(lab, [*STATUS, f"https://{SHOP}/broken"], ("client:eth1", "lb:eth2"))
    assert done.stdout == "503", done
    verdicts = which_layer(seen["client:eth1"], ME), which_layer(seen["lb:eth2"], IPv4Address("10.2.3.1"))
    assert verdicts == ("sealed", "transport"), (verdicts, seen)
    return "sealed on the one side, transport on the other: two connections, two stacks of layers"


@claim("Without a carrier the card says so, and the capture stays empty")
def no_carrier(lab):
    lab["sw"].run("ip link set eth1 down", check=True)
    said = until_carrier(lab, "NO-CARRIER")
    done, seen = watched(lab, [*STATUS, f"http://{SHOP}/orders"], PLACES[:1])
    lab["sw"].run("ip link set eth1 up", check=True)
    until(lambda: lab["client"].run("ping -c 1 -W 1 10.2.1.1"), what="the cable to be alive again")
    assert not done and seen["client:eth1"] == [], seen
    assert which_layer([], ME, carrier="NO-CARRIER" not in said) == "physical"
    return "NO-CARRIER"


def until_carrier(lab, word):
    def look():
        said = lab["client"].run("ip link show eth1", check=True).stdout
        return said if word in said else ""

    return until(look, what=word)
