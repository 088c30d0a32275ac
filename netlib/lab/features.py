"""What a kernel has beyond interfaces and routes, tried in a node: lessons on VLANs or WireGuard want it, labs do not.

Distributions and clouds build different kernels: netem is missing in WSL's, VLANs in this or that container host's. A
version number does not tell, so each feature is a command that is tried, in a node that is thrown away. A module that
the kernel could load by itself, it loads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlib.lab.node import Node


@dataclass(frozen=True, slots=True)
class Feature:
    """`command` succeeds where the kernel has it. `module` may be loaded for it; "" where it can't be a module."""

    name: str
    command: str
    module: str


_NFT = "nft 'add table ip {0}; add chain ip {0} c {{ type {1} priority 0; }}; add rule ip {0} c {2}'"
# In this order: an address first, since tunnels want a local one. A node has eth1, up, and no qdisc of its own.
FEATURES = (
    Feature("bridges", "ip link add d0 type bridge", "bridge"),
    Feature("VLANs", "ip link add link eth1 name d1 type vlan id 5", "8021q"),
    Feature("VLANs in bridges", "ip link add d2 type bridge vlan_filtering 1", ""),
    Feature("dummy interfaces", "ip link add d3 type dummy", "dummy"),
    Feature("macvlan", "ip link add link eth1 name d4 type macvlan", "macvlan"),
    Feature("VRF", "ip link add d5 type vrf table 10", "vrf"),
    Feature("GRE tunnels", "ip link add d6 type gre local 10.255.0.1 remote 10.255.0.2", "ip_gre"),
    Feature("IPIP tunnels", "ip link add d7 type ipip local 10.255.0.1 remote 10.255.0.2", "ipip"),
    Feature("VXLAN", "ip link add d8 type vxlan id 5 dev eth1 dstport 4789", "vxlan"),
    Feature("WireGuard", "ip link add d9 type wireguard", "wireguard"),
    Feature("netem", "tc qdisc replace dev eth1 root netem delay 1ms", "sch_netem"),
    Feature("token bucket (tbf)", "tc qdisc replace dev eth1 root tbf rate 1mbit burst 10kb latency 50ms", "sch_tbf"),
    Feature("classes (htb)", "tc qdisc replace dev eth1 root htb", "sch_htb"),
    Feature("fair queue (fq)", "tc qdisc replace dev eth1 root fq", "sch_fq"),
    Feature("fq_codel", "tc qdisc replace dev eth1 root fq_codel", "sch_fq_codel"),
    Feature("nftables NAT", _NFT.format("n", "nat hook postrouting", "masquerade"), "nft_masq"),
    Feature("connection tracking", _NFT.format("t", "filter hook forward", "ct state established accept"), "nft_ct"),
    Feature("TCP cubic", "ip route add 10.255.1.0/24 dev eth1 congctl cubic", "tcp_cubic"),
    Feature("TCP bbr", "ip route add 10.255.2.0/24 dev eth1 congctl bbr", "tcp_bbr"),
    Feature("TCP dctcp", "ip route add 10.255.3.0/24 dev eth1 congctl dctcp", "tcp_dctcp"),
    Feature("TCP Fast Open", "test -e /proc/sys/net/ipv4/tcp_fastopen", ""),
    Feature("ECN", "test -e /proc/sys/net/ipv4/tcp_ecn", ""),
)
_MISSING = (  # how iproute2, nft and the kernel say that it is not there; in lower case
    "unknown device type",
    "qdisc kind is unknown",
    "unknown qdisc",
    "unknown tcp congestion",
    "operation not supported",
    "protocol not supported",
    "address family not supported",
)


@dataclass(frozen=True, slots=True)
class Trial:
    feature: Feature
    works: bool
    said: str  # by the command that failed, in a line

    @property
    def reason(self) -> str:
        """Why it does not work, for people."""
        if self.works:
            return ""
        if says_missing(self.said) or not self.said:
            return "this kernel has none"
        return self.said

    @property
    def fix(self) -> str:
        if self.works:
            return ""
        if "not found" in self.said:
            program = self.feature.command.partition(" ")[0]
            return f"sudo apt install {'nftables' if program == 'nft' else 'iproute2'}"
        if not self.feature.module:
            return "a kernel that is built with it"
        return f"sudo modprobe {self.feature.module}, or a kernel that has it"


def says_missing(message: str) -> bool:
    """Is this what a program says when the kernel lacks what it asked for?"""
    return any(phrase in message.lower() for phrase in _MISSING)


def try_features(node: Node) -> Iterator[Trial]:
    """Try all of them in `node`, in one shell (a fifth of a second). The node is not as it was."""
    lines = ["ip addr add 10.255.0.1/24 dev eth1"]
    for number, feature in enumerate(FEATURES):
        lines.append(f"said=$({feature.command} 2>&1); echo {number} $? $said")  # unquoted: one line
    output = node.run(["sh", "-c", "\n".join(lines)], timeout=20, check=True).stdout
    for line in output.splitlines():
        words = line.split(" ", 2)
        yield Trial(FEATURES[int(words[0])], words[1] == "0", " ".join(words[2:]).removeprefix("Error: ").strip())
