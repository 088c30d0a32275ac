"""What the lab of chapter 6 shows: TTL, and how traceroute uses it."""

from netlib.lab.tour import claim

ROUTERS = ["10.0.1.1", "10.0.2.2", "10.0.3.3"]


@claim("A packet from h1 to h2 loses one of its TTL at each of three routers")
def ttl(lab):
    done = lab["h1"].run("ping -n -c 1 -W 5 10.0.4.2", check=True)
    assert "ttl=61" in done.stdout, done
    return "h1's ping was answered with TTL 61 of 64"


@claim("traceroute meets every router on the way")
def path(lab):
    done = lab["h1"].run("traceroute -n -q 1 -w 2 10.0.4.2", check=True)
    hops = [line.split()[1] for line in done.stdout.splitlines()[1:]]
    assert hops == [*ROUTERS, "10.0.4.2"], done
    return " > ".join(hops)
