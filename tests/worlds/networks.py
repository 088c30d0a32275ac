"""Small simulated networks for the tests of worlds and applications."""

from itertools import pairwise

from netlib.host import Host, Parts
from netlib.worlds.simulation import Link, Simulation


def pair(seed: int = 1, **options: object) -> tuple[Simulation, Host, Host, Link]:
    """Two hosts on one cable: 10.0.0.1 and 10.0.0.2."""
    sim = Simulation(seed)
    a, b = sim.host("a"), sim.host("b")
    return sim, a, b, sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"), **options)  # type: ignore[arg-type]


def chain(routers: int = 3, seed: int = 1, **options: object) -> tuple[Simulation, Host, list[Host], Host, list[Link]]:
    """a -- r1 -- ... -- rn -- b: the link i is 10.0.i.0/24, its left end .1 and its right end .2."""
    sim = Simulation(seed)
    path = [sim.host("a"), *(sim.router(f"r{i}") for i in range(1, routers + 1)), sim.host("b")]
    links = []
    for i, (left, right) in enumerate(pairwise(path)):
        links.append(sim.link((left, f"10.0.{i}.1/24"), (right, f"10.0.{i}.2/24"), **options))  # type: ignore[arg-type]
    for at, host in enumerate(path):
        for i in range(len(links)):
            if i > at:
                host.add_route(f"10.0.{i}.0/24", via=f"10.0.{at}.2")
            elif i < at - 1:
                host.add_route(f"10.0.{i}.0/24", via=f"10.0.{at - 1}.1")
    return sim, path[0], path[1:-1], path[-1], links


def detour(seed: int = 1, parts: Parts | None = None) -> tuple[Simulation, Host, Host, Host, Host, list[Link]]:
    """A host whose only router is not the nearest one: near and far router are on its own link.

        host 10.0.0.1 --- switch --- first 10.0.0.2, the default router
                              `----- better 10.0.0.3 --- target 10.0.9.1

    The links are those of the host, the first and the better router.
    """
    sim = Simulation(seed)
    host, first, better, target = sim.host("host", parts), sim.router("first"), sim.router("better"), sim.host("target")
    switch = sim.switch("switch")
    machines = (host, first, better)
    links = [sim.link((machine, f"10.0.0.{i}/24"), switch) for i, machine in enumerate(machines, 1)]
    sim.link((better, "10.0.9.3/24"), (target, "10.0.9.1/24"))
    host.add_route("0.0.0.0/0", via="10.0.0.2")
    first.add_route("10.0.9.0/24", via="10.0.0.3")
    target.add_route("0.0.0.0/0", via="10.0.9.3")
    return sim, host, first, better, target, links
