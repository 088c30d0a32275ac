"""What the lab of chapter 21 shows: what SSH says in the clear, how each side proves who it is, what channels carry.

The claims build on one another, as a first day with a new server does: its key, your key, then work.
"""

import re

from netlib.lab.tour import claim, until
from netlib.wire.tcp import TCPSegment

KEXINIT, NEWKEYS, KEX_ECDH_INIT, KEX_ECDH_REPLY = 20, 21, 30, 31  # message numbers, RFC 4253 section 12, RFC 5656
NAMES = {KEXINIT: "KEXINIT", NEWKEYS: "NEWKEYS", KEX_ECDH_INIT: "KEX_ECDH_INIT", KEX_ECDH_REPLY: "KEX_ECDH_REPLY"}


def ssh(lab, *words):
    return lab["client"].run(["ssh", *words], timeout=30)


def ready(lab):
    """The client knows the server's key and the server the client's, so that a claim may be run alone, or again."""
    if not lab["client"].run("ssh-keygen -F server"):
        ssh(lab, "-o", "StrictHostKeyChecking=accept-new", "server", "true")
    install_key(lab)


def install_key(lab):
    public = lab["client"].run("cat /root/.ssh/id_ed25519.pub", check=True).stdout
    lab["server"].run("tee /srv/student/.ssh/authorized_keys", input=public, check=True)


def segments(capture):
    return [packet[TCPSegment] for _, packet in capture.packets if TCPSegment in packet]


def stream(capture, *, source=None, destination=None):
    """What one side sent in the capture's only connection: the data of its segments in the order of their numbers."""
    mine = [s for s in segments(capture) if source in (None, s.source_port)]
    mine = [s for s in mine if destination in (None, s.destination_port)]
    start = next(s.sequence for s in mine if s.syn) + 1
    pieces = {(s.sequence - start) % (1 << 32): s.payload for s in mine if s.payload}
    return b"".join(pieces[place] for place in sorted(pieces))


def clear_messages(data):
    """The version line, then the numbers and payloads of the messages up to NEWKEYS (RFC 4253 sections 4.2 and 6)."""
    version, _, rest = data.partition(b"\r\n")
    messages = []
    while not messages or messages[-1][0] != NEWKEYS:
        length, padding = int.from_bytes(rest[:4], "big"), rest[4]
        payload = rest[5 : 4 + length - padding]
        messages.append((payload[0], payload))
        rest = rest[4 + length :]
    return version.decode(), messages


@claim("Both sides begin with a line of text that says their version; who says something else is sent away")
def version(lab):
    answer = lab["client"].run("socat -t 10 - TCP:server:22", input="GET / HTTP/1.0\r\n\r\n", timeout=20).stdout
    first, *more = answer.splitlines()
    assert first.startswith("SSH-2.0-OpenSSH"), answer
    assert more == ["Invalid SSH identification string."], answer
    return f"{first}; to GET it answers: {more[0]}"


@claim("A server whose key is not known is not talked to until somebody decides; then its key is kept")
def first_use(lab):
    lab["client"].run("rm -f /root/.ssh/known_hosts")
    done = ssh(lab, "server", "true")
    assert done.returncode == 255 and "Host key verification failed" in done.stderr, done
    done = ssh(lab, "-o", "StrictHostKeyChecking=accept-new", "server", "true")
    assert "Permanently added 'server'" in done.stderr, done
    known = lab["client"].run("ssh-keygen -l -F server", check=True).stdout
    own = lab["server"].run("ssh-keygen -l -f /run/lab/host_key.pub", check=True).stdout
    fingerprint = re.search(r"SHA256:\S+", own)[0]
    assert fingerprint in known, (known, own)
    return f"kept {fingerprint}, which is the server's own"


@claim("Without a key that the server knows, nobody comes in; with its public half on the server, the client does")
def public_key(lab):
    lab["server"].run("truncate -s 0 /srv/student/.ssh/authorized_keys", check=True)
    ssh(lab, "-o", "StrictHostKeyChecking=accept-new", "server", "true")
    done = ssh(lab, "server", "id -un")
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr, done
    install_key(lab)
    done = ssh(lab, "server", "id -un")
    assert (done.returncode, done.stdout) == (0, "student\n"), done
    return "Permission denied (publickey); then logged in as student"


@claim("In the clear are the versions and the key exchange, not one byte of what follows")
def in_the_clear(lab):
    ready(lab)
    word = "attack-at-dawn"
    with lab.capture("client:eth1") as capture:
        assert ssh(lab, "server", f"echo {word}").stdout == word + "\n"
        until(lambda: [s for s in segments(capture) if s.fin], what="the end of the connection")
    seen = {}
    for side, data in (
        ("client", stream(capture, destination=22)),
        ("server", stream(capture, source=22)),
    ):
        line, messages = clear_messages(data)
        assert line.startswith("SSH-2.0-OpenSSH") and b"curve25519-sha256" in messages[0][1], (side, line)
        assert word.encode() not in data and b"publickey" not in data and b"student" not in data, side
        seen[side] = [number for number, _ in messages]
    assert seen["client"] == [KEXINIT, KEX_ECDH_INIT, NEWKEYS], seen
    assert seen["server"] == [KEXINIT, KEX_ECDH_REPLY, NEWKEYS], seen
    return "; ".join(f"{side}: {', '.join(NAMES[number] for number in numbers)}" for side, numbers in seen.items())


@claim("A command's exit status, its output and its errors come back, each on its own")
def exec_channel(lab):
    ready(lab)
    done = ssh(lab, "server", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n"), done
    return "exit status 3, 'out' in stdout, 'err' in stderr"


@claim("Several channels share one TCP connection")
def channels(lab):
    ready(lab)
    with lab.capture("client:eth1") as capture:
        assert ssh(lab, "-M", "-S", "/run/shared", "-f", "-N", "server")
        words = [ssh(lab, "-S", "/run/shared", "server", f"echo {word}").stdout.strip() for word in ("one", "two")]
        assert ssh(lab, "-S", "/run/shared", "-O", "exit", "server")
    opened = [s for s in segments(capture) if s.syn and not s.ack]
    assert words == ["one", "two"] and len(opened) == 1, (words, opened)
    return "two commands, one connection, one key exchange"


@claim("A forwarded port leads through the connection to a service that nobody else can reach")
def forwarding(lab):
    ready(lab)
    direct = lab["client"].run("socat -u TCP:server:8080 -")
    assert not direct and "Connection refused" in direct.stderr, direct
    with lab.capture("client:eth1") as capture:
        forward = ["-L", "127.0.0.1:9000:127.0.0.1:8080", "-o", "ExitOnForwardFailure=yes"]
        assert ssh(lab, "-M", "-S", "/run/tunnel", "-f", "-N", *forward, "server")
        answer = lab["client"].run("socat -u TCP:127.0.0.1:9000 -", check=True).stdout
        assert ssh(lab, "-S", "/run/tunnel", "-O", "exit", "server")
    assert answer == "for this machine only\n", answer
    ports = {port for s in segments(capture) for port in (s.source_port, s.destination_port)}
    assert 22 in ports and 8080 not in ports and b"for this machine" not in stream(capture, source=22), ports
    return "refused directly; through 127.0.0.1:9000 the service answers, and port 22 is all that is on the wire"


@claim("A server that shows another key than last time is refused, loudly, and no command reaches it")
def changed_key(lab):
    ready(lab)
    lab["server"].run("/opt/lab/start-sshd --new-key", timeout=20, check=True)
    done = ssh(lab, "server", "touch /tmp/reached")
    assert done.returncode == 255 and "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr, done
    done = ssh(lab, "-o", "StrictHostKeyChecking=accept-new", "server", "touch /tmp/reached")
    assert done.returncode == 255, done  # "accept new" is not "accept changed"
    assert not lab["server"].run("ls /tmp/reached")
    lab["client"].run("ssh-keygen -R server", check=True)
    assert ssh(lab, "-o", "StrictHostKeyChecking=accept-new", "server", "true")
    return "REMOTE HOST IDENTIFICATION HAS CHANGED, status 255; well again after ssh-keygen -R"
