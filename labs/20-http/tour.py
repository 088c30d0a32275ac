"""What the lab of chapter 20 shows: HTTP/1.1 and HTTP/2 on the wire, and what one connection can carry."""

import re

from netlib.lab.tour import claim, until
from netlib.wire.tcp import TCPSegment

SITE = "http://www.lab.example"
GET = "GET /{page}.txt HTTP/1.1\r\nHost: www.lab.example\r\n{more}\r\n"


def curl(lab, *words):
    """curl on the client: the headers of requests and answers are in stderr, bodies in stdout."""
    return lab["client"].run(["curl", "-sv", *words], timeout=20, check=True)


def by_hand(lab, text, *, options=""):
    """Send `text` as it is to port 80, and return all that comes until the server closes the connection."""
    argv = ["socat", "-t", "10", "-", "TCP:www.lab.example:80" + options]
    return lab["client"].run(argv, timeout=20, check=True, input=text).stdout


def logged(lab, number, word):
    """The last `number` lines of the access log: (connection, request on it, the rest). The last has `word` in it."""
    tail = ["tail", "-n", str(number), "/var/log/nginx/access.log"]

    def look():
        lines = lab["server"].run(tail, check=True).stdout.splitlines()
        return lines if word in lines[-1] else None  # nginx answers first and writes it down after

    return [tuple(line.split(None, 2)) for line in until(look, what=f"{word} in the access log")]


def segments(capture):
    return [packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet]


def connections(capture):
    return len([segment for segment in segments(capture) if segment.syn and not segment.ack])


def sent(capture, port):
    """All that the client sent to `port`."""
    return b"".join(segment.payload for segment in segments(capture) if segment.destination_port == port)


@claim("HTTP/1.1 is text: a request typed by hand is answered, and one without a Host is refused")
def text(lab):
    answer = by_hand(lab, GET.format(page="one", more="Connection: close\r\n"))
    head, _, body = answer.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\n") and body == "page one\n", answer
    answer = by_hand(lab, "GET /one.txt HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 400 "), answer  # RFC 9112 section 3.2
    return "200 with Host, 400 without"


@claim("One address serves several sites: the Host field says which")
def virtual_hosts(lab):
    pages = [curl(lab, f"http://{name}.lab.example/").stdout.strip() for name in ("www", "shop")]
    assert pages == ["<h1>It works</h1>", "the shop"], pages
    return " and ".join(pages)


@claim("A connection of HTTP/1.1 stays for the next request; Connection: close and HTTP/1.0 end it", tries=3)
def persistent(lab):
    with lab.capture("client:eth1") as capture:
        curl(lab, f"{SITE}/one.txt", f"{SITE}/two.txt", f"{SITE}/three.txt")
    assert connections(capture) == 1, capture.packets
    log = logged(lab, 3, "three.txt")
    assert len({connection for connection, _, _ in log}) == 1 and [n for _, n, _ in log] == ["1", "2", "3"], log
    with lab.capture("client:eth1") as capture:
        curl(lab, "-H", "Connection: close", f"{SITE}/one.txt", f"{SITE}/two.txt")
    assert connections(capture) == 2, capture.packets
    answer = by_hand(lab, "GET /one.txt HTTP/1.0\r\n\r\n")
    assert "Connection: close" in answer and answer.endswith("page one\n"), answer
    return "3 requests on 1 connection; with Connection: close 2 on 2"


@claim("Pipelining: requests sent in one go are answered in their order, on one connection")
def pipelining(lab):
    requests = GET.format(page="one", more="") + GET.format(page="two", more="")
    requests += GET.format(page="three", more="Connection: close\r\n")
    with lab.capture("client:eth1") as capture:
        answer = by_hand(lab, requests)
    assert re.findall(r"page \w+", answer) == ["page one", "page two", "page three"], answer
    assert connections(capture) == 1
    with_data = [s for s in segments(capture) if s.payload and s.destination_port == 80]
    assert len(with_data) == 1 and with_data[0].payload.count(b"GET ") == 3, with_data
    return f"3 requests in 1 segment of {len(with_data[0].payload)} bytes; answers in the same order"


@claim("An idle connection is closed by the server after its keep-alive timeout, 1 s here")
def keep_alive_timeout(lab):
    with lab.capture("client:eth1") as capture:
        answer = by_hand(lab, GET.format(page="one", more=""), options=",shut-none")  # the client would stay
        until(lambda: [s for s in segments(capture) if s.fin and s.source_port == 80], what="the server's FIN")
    assert answer.endswith("page one\n") and "Connection: keep-alive" in answer, answer
    times = [(time, p[TCPSegment]) for time, p in capture.packets if TCPSegment in p]
    first_fin = next((time, s) for time, s in times if s.fin)
    answered = next(time for time, s in times if s.payload and s.source_port == 80)
    assert first_fin[1].source_port == 80 and first_fin[0] - answered > 0.9, capture  # never early, however busy
    return "the server's FIN came first, and not before the second was over"


@claim("A page that has not changed is not sent again: 304, without a body")
def not_modified(lab):
    first = curl(lab, f"{SITE}/numbers.txt")
    (etag,) = re.findall(r"< ETag: (\S+)", first.stderr)
    (date,) = re.findall(r"< Last-Modified: (.*?)\r?\n", first.stderr)
    for condition in (f"If-None-Match: {etag}", f"If-Modified-Since: {date}"):
        again = curl(lab, "-H", condition, f"{SITE}/numbers.txt")
        assert "< HTTP/1.1 304 Not Modified" in again.stderr and again.stdout == "", again
    other = curl(lab, "-H", 'If-None-Match: "other"', f"{SITE}/numbers.txt")
    assert "< HTTP/1.1 200 OK" in other.stderr and other.stdout == first.stdout, other
    return f"{len(first.stdout)} bytes at first; 304 and 0 bytes with its ETag, and with its date"


@claim("The end of a body is known by its length, or by its chunks where the length is not known at the start")
def framing(lab):
    plain = curl(lab, f"{SITE}/numbers.txt")
    assert f"< Content-Length: {len(plain.stdout)}" in plain.stderr, plain.stderr
    zipped = curl(lab, "--compressed", f"{SITE}/zipped/numbers.txt")
    assert "< Transfer-Encoding: chunked" in zipped.stderr and "< Content-Encoding: gzip" in zipped.stderr, (
        zipped.stderr
    )
    assert "Content-Length" not in zipped.stderr and zipped.stdout == plain.stdout
    return f"Content-Length: {len(plain.stdout)}; and Transfer-Encoding: chunked for what is packed while it is sent"


@claim("A large file comes whole over one connection, and a part of it on demand")
def large(lab):
    form = "%{http_code} %{size_download} %{num_connects}\\n"
    done = curl(lab, "-o", "/dev/null", "-w", form, f"{SITE}/large.bin")
    assert done.stdout == "200 1000000 1\n", done.stdout
    done = curl(lab, "-o", "/dev/null", "-w", form, "-r", "500000-500999", f"{SITE}/large.bin")
    assert done.stdout == "206 1000 1\n" and "Content-Range: bytes 500000-500999/1000000" in done.stderr, done
    return "200 with 1000000 bytes, 206 with the 1000 that were asked for"


@claim("HTTP/2 starts with a fixed preface and binary frames; curl and nginx speak it without TLS when both know")
def http2(lab):
    with lab.capture("client:eth1") as capture:
        done = curl(lab, "--http2-prior-knowledge", f"{SITE}:8080/one.txt")
    assert "< HTTP/2 200" in done.stderr and done.stdout == "page one\n", done
    data = sent(capture, 8080)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
    assert data.startswith(preface) and b"GET" not in data, data
    length, kind = int.from_bytes(data[24:27], "big"), data[27]
    assert kind == 4, data  # the first frame is SETTINGS
    return f"24 bytes of preface, then a SETTINGS frame of {length} bytes; no GET to read"


@claim("Asked to change to HTTP/2 on a plain connection, this server goes on with HTTP/1.1")
def no_upgrade(lab):
    done = curl(lab, "--http2", f"{SITE}/one.txt")
    assert "> Upgrade: h2c" in done.stderr and "< HTTP/1.1 200 OK" in done.stderr, done.stderr
    return "Upgrade: h2c was ignored, as a server may (RFC 9110 section 7.8); RFC 9113 has dropped it"


@claim("HTTP/2 carries requests side by side on one connection, each as a stream with an odd number")
def streams(lab):
    pages = [f"{SITE}:8080/{page}.txt" for page in ("one", "two", "three")]
    with lab.capture("client:eth1") as capture:
        done = lab["client"].run(["nghttp", "-v", "--no-dep", *pages], timeout=20, check=True)
    opened = re.findall(r"send HEADERS frame <length=(\d+), flags=0x05, stream_id=(\d+)>", done.stdout)
    assert [int(stream) for _, stream in opened] == [1, 3, 5] and connections(capture) == 1, done
    ended = re.findall(r"recv DATA frame <length=\d+, flags=0x01, stream_id=(\d+)>", done.stdout)
    assert sorted(map(int, ended)) == [1, 3, 5], done
    return "streams 1, 3 and 5 on one connection"


@claim("HPACK: the header of the second request is a third of the first, as it only says what differs")
def header_compression(lab):
    pages = [f"{SITE}:8080/{page}.txt" for page in ("one", "two")]
    done = lab["client"].run(["nghttp", "-v", "--no-dep", *pages], timeout=20, check=True)
    first, second = map(int, re.findall(r"send HEADERS frame <length=(\d+)", done.stdout))
    assert second <= first / 3 + 1, (first, second)
    return f"HEADERS frames of {first} and {second} bytes"


@claim("Over TLS both sides agree on HTTP/2 in the handshake (ALPN), and nothing of it can be read")
def https(lab):
    with lab.capture("client:eth1") as capture:
        done = curl(lab, "--cacert", "/opt/lab/ca.crt", "https://www.lab.example/one.txt")
    assert "server accepted h2" in done.stderr and "< HTTP/2 200" in done.stderr and "TLSv1.3" in done.stderr, done
    data = b"".join(segment.payload for segment in segments(capture))
    assert b"PRI *" not in data and b"one.txt" not in data and b"page one" not in data
    done = curl(lab, "--cacert", "/opt/lab/ca.crt", "--http1.1", "https://www.lab.example/one.txt")
    assert "server accepted http/1.1" in done.stderr and "< HTTP/1.1 200 OK" in done.stderr, done
    return "h2 when the client offers it, http/1.1 when not"


@claim("The access log tells what came on which connection")
def access_log(lab):
    curl(lab, f"{SITE}/one.txt", f"{SITE}/nothing.txt")
    log = logged(lab, 2, "nothing.txt")
    (first, number, line), (second, next_number, missing) = log
    assert first == second and (number, next_number) == ("1", "2"), log
    assert '"GET /one.txt HTTP/1.1" 200 9' in line and "404" in missing, log
    return f"{missing} was request 2 of connection {first}"
