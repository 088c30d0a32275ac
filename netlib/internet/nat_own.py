"""A NAT whose table is your own: `Parts(nat_table=MyTable)`.

`NATTablePart` is what you write: which outside end stands for an inside end, and whose an outside end is.  The rest of
the NAT stays netlib's: packets and their checksums, fragments, the packets quoted in ICMP errors, hairpinning.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

from netlib.internet.nat import NAT
from netlib.internet.nat_flow import Endpoint, Flow, read, requote, rewrite
from netlib.wire.address import IPv4Address
from netlib.wire.errors import WireError
from netlib.wire.icmp import ADMINISTRATIVELY_PROHIBITED

NEEDS = ("outside", "inside", "expire", "deadline")


class NATTablePart(Protocol):
    """Made with our addresses outside and a `random.Random`.

    An end is an (address, port); `protocol` is IP's number: 6 TCP, 17 UDP, and 1 ICMP, whose port is the identifier of
    an echo.
    """

    def outside(self, protocol: int, inside: Endpoint, remote: Endpoint, now: float) -> Endpoint | None:
        """Which outside end an inside one has towards `remote`: the one it has, or a new one; None if none is left.

        The router's own packets are asked about too, with an outside address as `inside`.
        """

    def inside(self, protocol: int, outside: Endpoint, remote: Endpoint, now: float) -> Endpoint | None:
        """Whose this outside end is, for what comes from `remote`; None: nobody's, or `remote` may not come in."""

    def expire(self, now: float) -> None:
        """Forget what was not used for long enough."""

    def deadline(self) -> float | None:
        """When `expire` is next needed (seconds), or None."""


class OwnTableNAT(NAT):
    """netlib's NAT with your table in the place of its sessions."""

    def __init__(
        self, addresses: Sequence[IPv4Address], random: Random, *, table: Callable[[list[IPv4Address], Random], Any]
    ) -> None:
        super().__init__(addresses, random)
        self.own: NATTablePart = table(self.addresses, random)
        missing = [name for name in NEEDS if not hasattr(self.own, name)]
        if missing:
            raise TypeError(f"the part nat_table ({type(self.own).__name__}) has no {', '.join(missing)}")

    def ask(self, method: str, protocol: int, end: Endpoint, remote: Endpoint, now: float) -> Endpoint | None:
        """What the table says, if it is an end."""
        answer = getattr(self.own, method)(protocol, end, remote, now)
        if answer is None:
            return None
        if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], IPv4Address)):
            told = f"the part nat_table.{method} returned {answer!r:.60}"
            raise TypeError(f"{told}: it has to return an address and a port")
        if not isinstance(answer[1], int) or not 0 <= answer[1] < 65536:
            raise ValueError(f"the part nat_table.{method} returned port {answer[1]!r:.20}: ports have 16 bits")
        if method == "outside" and answer[0] not in self.addresses:
            raise ValueError(f"the part nat_table.outside returned {answer[0]}, which is not among {self.addresses}")
        return Endpoint(*answer)

    def outbound(self, packet: bytes, now: float) -> bytes | None:
        ours = packet[12:16] in self.addresses
        try:
            if (seen := self.look(packet, now)) is None:
                return None
        except WireError:
            return packet if ours else self.drop("NAT malformed")
        whole, quote, flow = seen
        if flow is None or flow.destination.address[0] >= 224:
            return whole if ours else self.drop("NAT unknown protocol")
        if quote is not None:  # a report from inside, about a packet that came in
            flow = Flow(flow.protocol, flow.destination, flow.source, flow.kind)
        external = self.ask("outside", flow.protocol, flow.source, flow.destination, now)
        if external is None:
            if ours:
                return whole
            self.refuse(whole, ADMINISTRATIVELY_PROHIBITED)
            return self.drop("NAT exhausted")
        if quote is None:
            return rewrite(whole, flow._replace(source=external))
        came = Flow(flow.protocol, flow.destination, external, flow.kind)
        return requote(whole, rewrite(quote, came), external.address, IPv4Address(whole[16:20]))

    def inbound(self, packet: bytes, now: float) -> bytes | None:
        try:
            if (seen := self.look(packet, now)) is None:
                return None
        except WireError:
            return self.drop("NAT malformed")
        whole, quote, flow = seen
        if flow is None:
            return whole
        if quote is not None:  # a report from outside, about a packet that left
            owner = self.ask("inside", flow.protocol, flow.source, flow.destination, now)
            if owner is None:
                return whole
            about = rewrite(quote, flow._replace(source=owner))
            return requote(whole, about, IPv4Address(whole[12:16]), owner.address)
        owner = self.ask("inside", flow.protocol, flow.destination, flow.source, now)
        return whole if owner is None else rewrite(whole, flow._replace(destination=owner))

    def hairpin(self, packet: bytes, now: float) -> bytes | None:
        try:
            flow = read(packet)
        except WireError:
            return self.drop("NAT malformed")
        if flow is None or self.ask("inside", flow.protocol, flow.destination, flow.source, now) is None:
            return packet  # for the router itself
        out = self.outbound(packet, now)
        return None if out is None else self.inbound(out, now)

    def tick(self, now: float) -> None:
        self.reassembler.expire(now)
        self.own.expire(now)
        due = self.own.deadline()
        if due is not None and due <= now:
            raise ValueError(f"the part nat_table wants to be called at {due:g} s, and at {now:g} s it was: expire has "
                             "to put its deadline off, or to have none")  # fmt: skip

    def deadline(self) -> float | None:
        due = [self.own.deadline(), self.reassembler.deadline()]
        return min((when for when in due if when is not None), default=None)

    def forward(self, protocol: int, port: int, address: str | IPv4Address, to_port: int | None = None) -> None:
        raise TypeError("this NAT has a table of your own: what it forwards, the table says")

    def __str__(self) -> str:
        return str(self.own)
