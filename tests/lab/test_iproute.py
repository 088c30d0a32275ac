"""The lines that need no `ip` do what `ip` does, and what the kernel refuses is told in `ip`'s words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netlib.lab import Lab, LabError
from netlib.lab.agent import iproute

LINES = [
    "addr add 10.0.1.1/24 dev eth1",
    "address add 10.9.9.9/32 dev eth1",
    "addr add 10.0.3.1/31 dev eth1",
    "route add 10.0.2.0/24 via 10.0.1.2",
    "route add 10.0.4.7 via 10.0.1.2 dev eth1",
    "route add default via 10.0.1.2",
]
TOPOLOGY = """
    nodes:
      a:
        kind: linux
        exec: {exec}
      b: {{kind: linux}}
    links:
      - {{endpoints: ["a:eth1", "b:eth1"], mtu: 1500}}
"""


def test_the_kernel_is_told_the_same(labs_work: None, write: Callable[[str], Path]) -> None:
    seen = []
    for lines in ([f"ip {line}" for line in LINES], [f"sh -c 'ip {line}'" for line in LINES]):
        with Lab(write(TOPOLOGY.format(exec=lines)), engine="netns") as lab:
            shows = "ip -d -4 addr", "ip -d route show table all"
            shown = [lab["a"].run(show, check=True).stdout for show in shows]
            seen.append([text.replace("link-netnsid 1", "").replace("link-netnsid 0", "") for text in shown])
    assert seen[0] == seen[1]
    assert "10.0.4.7 via 10.0.1.2" in seen[0][1]


class Refusing:
    """A netlink socket whose kernel says no."""

    asked = 0

    def request(self, kind: int, flags: int, body: bytes) -> list[bytes]:
        self.asked += 1
        raise OSError(17, "File exists")


@pytest.mark.parametrize(
    "line",
    [
        *("addr add 10.0.1.1/24 brd + dev lo", "addr add 10.0.1.1/33 dev lo", "addr add 10.1/16 dev lo", "link show"),
        *("addr add 2001:db8::1/64 dev lo", "route add blackhole 10.0.0.0/8", "route add 10.0.0.0/8 via ::1", ""),
        *("route add 10.0.0.0/8 via 10.0.1.2 metric 3", "addr add 10.0.1.1/24 dev nosuch", "route del default"),
    ],
)
def test_other_lines_are_left_to_ip(line: str) -> None:
    netlink = Refusing()
    assert not iproute.done(netlink, line)  # type: ignore[arg-type]
    assert not netlink.asked


def test_a_refusal_is_left_to_ip() -> None:
    netlink = Refusing()
    assert not iproute.done(netlink, "route add default via 10.0.1.2")  # type: ignore[arg-type]
    assert netlink.asked


def test_a_refused_line_is_told_by_ip_with_its_number(labs_work: None, write: Callable[[str], Path]) -> None:
    lines = [f"ip {line}" for line in (LINES[0], LINES[-1], "route add default via 10.0.1.3")]
    path = write(TOPOLOGY.format(exec="\n" + "\n".join(f"          - {line}" for line in lines)))
    number = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if lines[2] in text)
    with pytest.raises(LabError, match=rf":{number}: node a: RTNETLINK answers: File exists"):
        Lab(path, engine="netns").up()
