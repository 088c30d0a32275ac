"""A host or router with nothing around it, for tests that hand it packets and look at what it puts out.

    lan   10.0.0.1/24     eth0, IP packets without frames, as on TUN: ARP is tested elsewhere
    far   10.0.9.1/24     eth1, MTU 600; behind it 10.0.9.9 leads everywhere
"""

from random import Random

from netlib.host import Host, Parts
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPEcho, ICMPMessage
from netlib.wire.ipv4 import ICMP, UDP, IPv4Packet
from netlib.wire.udp import UDPDatagram

ROUTER, PEER, FAR_SIDE, GATEWAY = (IPv4Address(a) for a in ("10.0.0.1", "10.0.0.2", "10.0.9.1", "10.0.9.9"))
ELSEWHERE = IPv4Address("192.0.2.7")


class Machine:
    """`give` it a packet on its first (or another) interface, and get the packets that it puts out."""

    def __init__(self, parts: Parts | None = None, forwarding: bool = False, default: bool = True) -> None:
        self.host = Host("m", Random(1), parts, forwarding=forwarding)
        self.lan = self.host.attach("10.0.0.1/24")
        self.far = self.host.attach("10.0.9.1/24", mtu=600)
        if default:
            self.host.add_route("0.0.0.0/0", via=GATEWAY)
        self.now = 0.0

    @property
    def dropped(self) -> dict[str, int]:
        return dict(self.host.dropped)

    def give(self, packet: IPv4Packet | bytes, number: int = 0) -> list[IPv4Packet]:
        data = packet if isinstance(packet, bytes) else packet.build()
        self.host.receive(self.host.interfaces[number], data, self.now)
        return self.out()

    def out(self) -> list[IPv4Packet]:
        sent, self.host.outbox = self.host.outbox, []
        self.by = [interface.name for interface, _ in sent]
        return [IPv4Packet.parse(data) for _, data in sent]


def udp(destination: IPv4Address = ROUTER, size: int = 8, **fields: object) -> IPv4Packet:
    packet = IPv4Packet(source=PEER, destination=destination, protocol=UDP, identification=1)
    for name, value in fields.items():
        setattr(packet, name, value)
    packet.payload = UDPDatagram(1, 2, payload=bytes(size)).build(packet)
    return packet


def echo(destination: IPv4Address = ROUTER, size: int = 8, **fields: object) -> IPv4Packet:
    packet = IPv4Packet(source=PEER, destination=destination, protocol=ICMP, identification=1)
    packet.payload = ICMPEcho(identifier=5, sequence=6, payload=bytes(range(size % 256)) * (size // 255 or 1)).build()
    for name, value in fields.items():
        setattr(packet, name, value)
    return packet


def icmp(packet: IPv4Packet) -> ICMPMessage:
    return ICMPMessage.parse(packet.payload)


def what(packet: IPv4Packet) -> tuple[int, int]:
    message = icmp(packet)
    return message.type, message.code
