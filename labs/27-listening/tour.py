"""What the lab of chapter 27 shows: an address and a port are taken together, and how several can share them."""

import re

from netlib.lab.tour import claim

HOST, SECOND = "10.27.0.1", "10.27.0.11"
SHARDS, SHARED, WAITING = 4, 200, 40


def ask(node, way, address, port, *more):
    """What the client program says."""
    argv = ["/usr/bin/python3", "/srv/lab/ask.py", way, address, str(port), *map(str, more)]
    return node.run(argv, check=True).stdout.strip()


def pairs(lab):
    """Which two sockets may have one port: description -> ok or the error's name."""
    done = lab["srv"].run("/usr/bin/python3 /srv/lab/binds.py", check=True)
    return dict(line.rsplit(": ", 1) for line in done.stdout.splitlines())


def holds(found, expected):
    """Assert what `pairs` has found for some; say it in a line."""
    assert {each: found.get(each) for each in expected} == expected, found
    return "; ".join(f"{each}: {result}" for each, result in expected.items())


@claim("A program on 127.0.0.1 is for its own machine: from outside the port is closed")
def loopback(lab):
    own, outside = ask(lab["srv"], "once", "127.0.0.1", 8001), ask(lab["client"], "once", HOST, 8001)
    assert (own, outside) == ("you are 127.0.0.1", "ECONNREFUSED"), (own, outside)
    return f"from srv itself: {own}; from the client: {outside}"


@claim("0.0.0.0 is every address that the machine has; an address of its own is that one alone")
def every_address(lab):
    answers = {address: ask(lab["client"], "once", address, 8002) for address in (HOST, SECOND)}
    assert set(answers.values()) == {"you are 10.27.0.2"}, answers
    assert ask(lab["srv"], "once", "127.0.0.1", 8002) == "you are 127.0.0.1"
    one, other = ask(lab["client"], "once", SECOND, 8003), ask(lab["client"], "once", HOST, 8003)
    assert (one, other) == ("you are 10.27.0.2", "ECONNREFUSED"), (one, other)
    return f"0.0.0.0:8002 answers on both addresses and on loopback; {SECOND}:8003 refuses at {HOST} ({other})"


@claim("Two programs may listen on one port, if their addresses or their protocols differ")
def different(lab):
    expected = {
        "tcp 127.0.0.1 and tcp 127.0.0.2": "ok",
        "tcp 10.27.0.1 and tcp 10.27.0.11": "ok",
        "tcp 10.27.0.1 and udp 10.27.0.1": "ok",
        "tcp 0.0.0.0 and tcp 127.0.0.1": "EADDRINUSE",
        "tcp 10.27.0.1 and tcp 10.27.0.1": "EADDRINUSE",
    }
    return holds(pairs(lab), expected)


@claim("SO_REUSEADDR lets no two programs listen together; on Linux it is for ports in TIME_WAIT")
def reuse_address(lab):
    expected = {
        "tcp 10.27.0.1 and tcp 10.27.0.1, both SO_REUSEADDR": "EADDRINUSE",
        "tcp 0.0.0.0 and tcp 127.0.0.1, both SO_REUSEADDR": "EADDRINUSE",
    }
    return holds(pairs(lab), expected)


@claim("SO_REUSEPORT does, if every one of them asks for it")
def reuse_port(lab):
    expected = {
        "tcp 10.27.0.1 and tcp 10.27.0.1, both SO_REUSEPORT": "ok",
        "tcp 10.27.0.1 and tcp 10.27.0.1, the second SO_REUSEPORT": "EADDRINUSE",
        "udp 10.27.0.1 and udp 10.27.0.1, both SO_REUSEPORT": "ok",
    }
    return holds(pairs(lab), expected)


@claim("Connections are then shared out by a hash of their four numbers: each listener gets about its part")
def shared_out(lab):
    said = ask(lab["client"], "count", HOST, 8010, SHARED)
    counts = {name: int(number) for name, number in re.findall(r"(\S+):(\d+)", said)}
    assert sorted(counts) == [str(number) for number in range(1, SHARDS + 1)], said
    assert sum(counts.values()) == SHARED
    assert all(SHARED / SHARDS / 2.5 < number < SHARED / SHARDS * 2.5 for number in counts.values()), said
    return f"{SHARED} connections: {', '.join(f'listener {name} {number}' for name, number in counts.items())}"


@claim("When one of them is closed, the connections that wait there to be accepted are reset, and no others")
def closed(lab):
    said = ask(lab["client"], "wait", HOST, 8020, WAITING)
    _, waited, reset = map(int, re.findall(r"\d+", said))
    assert 0 < waited < WAITING and reset == waited, said
    return said


@claim("A listener on :: takes IPv4 too, and sees such a client as ::ffff:a.b.c.d; with IPV6_V6ONLY it does not")
def dual_stack(lab):
    four, six = ask(lab["client"], "once", HOST, 8004), ask(lab["client"], "once", "fd27::1", 8004)
    assert (four, six) == ("you are ::ffff:10.27.0.2", "you are fd27::2"), (four, six)
    only = ask(lab["client"], "once", HOST, 8005), ask(lab["client"], "once", "fd27::1", 8005)
    assert only == ("ECONNREFUSED", "you are fd27::2"), only
    expected = {"tcp :: and tcp 0.0.0.0": "EADDRINUSE", "tcp 0.0.0.0 and tcp ::, the second IPV6_V6ONLY": "ok"}
    return f"over IPv4: {four}, and with V6ONLY {only[0]}; {holds(pairs(lab), expected)}"
