"""A netlib host on an interface of a node: the live world, with the lab's care for addresses.

The host has a MAC address of its own, so it stands on the link beside the node's kernel. Where it uses an address that
the kernel has on that interface, two machines would answer for one address. So the kernel gives the address up, with
the routes that hang on it, until the host stops; and the lab's nodes forget whose MAC address it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlib.lab.errors import LabError
from netlib.worlds.live import Live, PacketDevice

if TYPE_CHECKING:
    from netlib.host import Host, Interface
    from netlib.lab.node import Node


class Attachment(Live):
    """`Live` on an interface of a node. It stops with its `with` block, or with the lab."""

    def __init__(self, node: Node, interface: str, host: Host, at: Interface | None) -> None:
        node.check_interface(interface)
        mine = [each for each in ([at] if at else host.interfaces) if each.mac is not None]
        if len(mine) != 1:
            raise LabError(
                f"{host.name} needs one interface with a MAC address to be on {node.name}:{interface}, and has "
                f'{len(mine)}; do: host.attach("10.0.4.9/24", MACAddress("02:00:00:00:aa:01")), or say which with at='
            )
        self.node, self.where, self.address = node, interface, str(mine[0].address.address)
        self.given_up: list[str] = []  # `ip -batch` lines that give the kernel its address back
        super().__init__(host, PacketDevice(node.packet_socket(interface)), mine[0])
        node.lab._attachments.add(self)

    def __repr__(self) -> str:
        return f"{self.host.name} ({self.address}) on {self.node.name}:{self.where}"

    def start(self) -> None:
        """The kernel gives up the address, if it has it; the host begins to serve."""
        self.given_up = self._give_up()
        super().start()

    def stop(self) -> None:
        """The host stops; the kernel has its address again."""
        super().stop()
        if self.given_up and self.node.lab.running:
            self.node.run("ip -batch -", input="\n".join(self.given_up) + "\n", check=True)
            self._forget()
        self.given_up = []

    def _give_up(self) -> list[str]:
        family, word, at_once = ("-6", "inet6", " nodad") if ":" in self.address else ("-4", "inet", "")
        show = ["ip", "-o", family, "addr", "show", "dev", self.where, "to", self.address]
        words = self.node.run(show, check=True).stdout.split()
        if word not in words:
            return []
        address = words[words.index(word) + 1]
        routes = self.node.run(["ip", family, "route", "show", "dev", self.where], check=True).stdout.splitlines()
        self.node.run(["ip", "addr", "del", address, "dev", self.where], check=True)
        self._forget()
        routes = [f"route add {route.strip()} dev {self.where}" for route in routes if "proto kernel" not in route]
        return [f"addr add {address} dev {self.where}{at_once}", *routes]

    def _forget(self) -> None:
        for node in self.node.lab:
            node.run(["ip", "neigh", "flush", "to", self.address], check=True)
