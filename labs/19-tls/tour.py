"""What the lab of chapter 19 shows: what a TLS handshake costs, proves and hides, between OpenSSL and GnuTLS."""

import re

from netlib.lab.tour import claim
from netlib.wire.tcp import TCPSegment

REQUEST = "GET / HTTP/1.0\r\n\r\n"
CA = "/opt/lab/ca.crt"


def openssl(lab, where, *words, ca=CA, request=REQUEST):
    """A request by OpenSSL's client, which refuses certificates that it cannot verify. `where` is name:port."""
    name = where.partition(":")[0]
    trust = ["-CAfile", ca, "-verify_return_error", "-verify_hostname", name]
    argv = ["openssl", "s_client", "-brief", "-ign_eof", *trust, "-connect", where, "-servername", name, *words]
    return lab["client"].run(argv, timeout=20, input=request)


def gnutls(lab, where, *words, ca=CA, request=""):
    """A connection by GnuTLS's client, which verifies by itself."""
    name, _, port = where.partition(":")
    return lab["client"].run(["gnutls-cli", "--x509cafile", ca, "-p", port, *words, name], timeout=20, input=request)


def flights(capture):
    """The bytes on the wire in turns: (is the client's, bytes) for all that one side sends before the other answers."""
    turns = []
    for segment in segments(capture):
        of_client = segment.destination_port in range(4433, 4437)
        if turns and turns[-1][0] == of_client:
            turns[-1][1].extend(segment.payload)
        elif segment.payload:
            turns.append((of_client, bytearray(segment.payload)))
    return turns


def segments(capture):
    return [packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet]


def said(capture, by_client):
    """All that one side sent."""
    return b"".join(bytes(data) for of_client, data in flights(capture) if of_client == by_client)


def records(data):
    """The TLS records in `data`: (type, length). 20 is ChangeCipherSpec, 22 handshake, 23 all that is encrypted."""
    found, place = [], 0
    while place < len(data):
        length = int.from_bytes(data[place + 3 : place + 5], "big")
        found.append((data[place], length))
        place += 5 + length
    return found


def round_trips(lab, where, *words):
    """Round trips of the handshake, and the client's output: turns of the client before the answer to its request."""
    with lab.capture("client:eth1") as capture:
        done = openssl(lab, where, *words).check()
    turns = flights(capture)
    # The page that answers the request is larger than any part of a handshake here.
    answer = next(i for i, (of_client, data) in enumerate(turns) if not of_client and len(data) > 3000)
    return len([1 for of_client, _ in turns[:answer] if of_client]) - 1, done


@claim("A TLS 1.3 handshake takes one round trip before the request, a TLS 1.2 handshake two")
def one_against_two(lab):
    new, done = round_trips(lab, "www.lab.example:4434", "-tls1_3")
    assert "TLSv1.3" in done.stdout + done.stderr, done
    old, done = round_trips(lab, "www.lab.example:4434", "-tls1_2")
    assert "TLSv1.2" in done.stdout + done.stderr, done
    assert (new, old) == (1, 2), (new, old)
    return f"{new} round trip with TLS 1.3, {old} with 1.2 (and TCP's own before them)"


@claim("A client of TLS 1.3 that guesses the wrong group pays a second round trip (HelloRetryRequest)")
def hello_retry(lab):
    guessed, _ = round_trips(lab, "www.lab.example:4435", "-tls1_3", "-groups", "P-384:X25519")
    missed, _ = round_trips(lab, "www.lab.example:4435", "-tls1_3", "-groups", "X25519:P-384")
    assert (guessed, missed) == (1, 2), (guessed, missed)
    return f"{guessed} round trip when the key share fits, {missed} when it does not"


@claim("OpenSSL and GnuTLS understand each other, in TLS 1.3 and in 1.2")
def interoperate(lab):
    seen = []
    for version, priority in (("1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3"), ("1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2")):
        done = openssl(lab, "gnutls.lab.example:4433", "-tls" + version.replace(".", "_")).check()
        assert f"TLSv{version}" in done.stdout + done.stderr and "This is" in done.stdout, done
        done = gnutls(lab, "www.lab.example:4433", "--priority", priority).check()
        assert f"(TLS{version}" in done.stdout and "The certificate is trusted" in done.stdout, done
        seen.append(f"{version} both ways")
    return ", ".join(seen)


@claim("The name of the server passes in the clear (SNI); its certificate does so in TLS 1.2, not in 1.3")
def in_the_clear(lab):
    name = b"www.lab.example"
    for version, certificate_is_clear in (("-tls1_2", True), ("-tls1_3", False)):
        with lab.capture("client:eth1") as capture:
            openssl(lab, "www.lab.example:4433", version).check()
        assert name in said(capture, by_client=True), version
        assert (name in said(capture, by_client=False)) is certificate_is_clear, version
        assert b"HTTP/1.0" not in said(capture, True) + said(capture, False)
    return "the client says www.lab.example for all to read; the certificate is readable in TLS 1.2 only"


@claim("One address, several names: the server chooses its certificate by the name in the ClientHello")
def sni(lab):
    subjects = []
    for name in ("www.lab.example", "shop.lab.example"):
        done = openssl(lab, f"{name}:4433").check()
        subjects += re.findall(r"Peer certificate: .*CN = (\S+)", done.stdout + done.stderr)
    assert subjects == ["www.lab.example", "shop.lab.example"], subjects
    return "the same address and port shows the certificate of " + " and ".join(subjects)


@claim("The protocol above TLS is agreed on in the handshake (ALPN); with nothing in common it ends there")
def alpn(lab):
    done = gnutls(lab, "www.lab.example:4433", "--alpn", "http/1.1").check()
    assert "Application protocol: http/1.1" in done.stdout, done
    done = gnutls(lab, "www.lab.example:4433", "--alpn", "http/1.1", "--alpn", "h2").check()
    assert "Application protocol: h2" in done.stdout, done  # the server's own order counts, RFC 7301 section 3.2
    done = openssl(lab, "gnutls.lab.example:4433", "-alpn", "imap")
    assert not done and "alert no application protocol" in done.stderr, done
    return "http/1.1 alone gives http/1.1; both give the server's h2; imap gives the alert no_application_protocol"


@claim("A certificate by an authority that the client does not trust ends the handshake, with both clients")
def wrong_authority(lab):
    other = "/opt/lab/stranger.crt"
    first = openssl(lab, "gnutls.lab.example:4433", ca=other)
    assert not first and "unable to get local issuer certificate" in first.stderr, first
    second = gnutls(lab, "www.lab.example:4433", ca=other)
    assert not second and "The certificate issuer is unknown" in second.stdout + second.stderr, second
    return "OpenSSL: unable to get local issuer certificate; GnuTLS: the certificate issuer is unknown"


@claim("A good certificate of another name is refused too")
def wrong_name(lab):
    first = openssl(lab, "plain.lab.example:4433")
    assert not first and "hostname mismatch" in first.stderr, first
    second = gnutls(lab, "plain.lab.example:4433")
    assert not second and "does not match" in second.stdout + second.stderr, second
    return "plain.lab.example leads to the same server, which has no certificate for it: refused by both"


@claim("A resumed session needs no certificate: the handshake is much smaller")
def resumption(lab):
    sizes = []
    for words in (["-sess_out", "/tmp/session"], ["-sess_in", "/tmp/session"]):
        with lab.capture("client:eth1") as capture:
            openssl(lab, "www.lab.example:4433", "-tls1_3", *words).check()
        sizes.append(len(flights(capture)[1][1]))
    whole, resumed = sizes
    assert resumed < whole / 2, sizes
    done = gnutls(lab, "gnutls.lab.example:4433", "--resume", "--waitresumption").check()
    assert "This is a resumed session" in done.stdout, done
    return f"OpenSSL's server answers a ClientHello with {whole} bytes, and with {resumed} when it knows the session"


@claim("With 0-RTT a client that comes again sends its request with its very first bytes")
def early_data(lab):
    lab["client"].run("tee /tmp/request", input=REQUEST).check()
    with lab.capture("client:eth2") as capture:
        words = ["--resume", "--waitresumption", "--earlydata", "/tmp/request"]
        gnutls(lab, "gnutls.lab.example:4433", *words).check()
    ports = list(dict.fromkeys(s.source_port for s in segments(capture) if s.syn and not s.ack))
    assert len(ports) == 2, ports
    first, second = (records(b"".join(s.payload for s in segments(capture) if s.source_port == port)) for port in ports)
    # ClientHello, then a ChangeCipherSpec for old middleboxes and Finished; but with 0-RTT the request comes next, and
    # EndOfEarlyData, which a client sends only when the server has accepted its data (RFC 8446 section 4.5): a message
    # of 4 bytes, so with its type and the AEAD's tag a record of 4 + 1 + 16.
    assert [kind for kind, _ in first[:3]] == [22, 20, 23], first
    assert [kind for kind, _ in second[:4]] == [22, 23, 23, 23] and second[2][1] == 4 + 1 + 16, second
    return f"after the ClientHello come {second[1][1]} encrypted bytes of request, then EndOfEarlyData: accepted"


@claim("A server that only knows TLS 1.2 ends a client that only knows 1.3, with an alert that says why")
def no_common_version(lab):
    done = openssl(lab, "www.lab.example:4436", "-tls1_3")
    assert not done and "alert protocol version" in done.stderr, done
    done = openssl(lab, "www.lab.example:4436").check()
    assert "TLSv1.2" in done.stdout + done.stderr, done
    return "alert protocol_version; a client that knows both gets TLS 1.2"
