"""Exercise 7.1: answer a question for a MAC address.

ARP packets of 28 bytes in and out, and what Ethernet's padding leaves behind them (a frame has 46 bytes of payload
at least).  How a host answers is in netlib/link/neighbours.py; this reference keeps no table.
"""

from typing import Any

from hypothesis import strategies as st

from netlib.grading import Exercise, Mistake
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.arp import REPLY, REQUEST, ARPPacket
from netlib.wire.errors import WireError

PADDED = 46  # bytes of payload in the shortest Ethernet frame
OURS, OUR_MAC = IPv4Address("10.7.1.1"), MACAddress("02:00:00:00:00:01")
H1, H1_MAC = IPv4Address("10.7.1.2"), MACAddress("02:00:00:00:00:02")
OTHER, OTHER_MAC = IPv4Address("10.7.1.66"), MACAddress("02:00:00:00:00:66")


def arp_reply(packet: bytes, address: bytes, mac: bytes) -> bytes | None:
    """The ARP reply to a packet that asks for our address; None for every other packet."""
    try:
        asked = ARPPacket.parse(packet)
    except WireError:
        return None
    if asked.operation != REQUEST or asked.target_ip != address:
        return None
    return ARPPacket(operation=REPLY, sender_mac=MACAddress(mac), sender_ip=asked.target_ip,
                     target_mac=asked.sender_mac, target_ip=asked.sender_ip).build()  # fmt: skip


def same_packet(expected: Any, got: Any) -> bool:
    """Equal; zeros behind the packet do no harm, as Ethernet pads it with such."""
    if not isinstance(expected, bytes) or not isinstance(got, bytes | bytearray):
        return expected is None and got is None
    return bytes(got[:28]) == expected and len(got) <= PADDED and not any(got[28:])


def variant(packet: bytes, address: bytes, mac: bytes, *, everything: bool = False, any_kind: bool = False,
            unchecked: bool = False, strict: bool = False, probes: bool = True, swap: bool = False,
            keep_operation: bool = False, to_everyone: bool = False, own_target: bool = False,
            padding: bool = False) -> bytes | None:  # fmt: skip
    """The ways to get it wrong, by keyword."""
    if len(packet) < 28 or (strict and len(packet) != 28):
        return None
    if not unchecked and packet[:6] != bytes.fromhex("0001 0800 06 04"):
        return None
    if (packet[6:8] != b"\0\1" and not any_kind) or (packet[24:28] != address and not everything):
        return None
    sender, target = packet[8:18], packet[18:28]
    if not probes and sender[6:] == bytes(4):
        return None
    operation = packet[6:8] if keep_operation else b"\0\2"
    head = packet[:6] + operation
    if swap:
        return head + target + sender
    asker = b"\xff" * 6 + sender[6:] if to_everyone else sender
    if own_target:
        asker = target
    return head + mac + packet[24:28] + asker + (packet[28:] if padding else b"")


def wrong(cause: str, **how: bool) -> Mistake:
    return Mistake(cause, lambda packet, address, mac: variant(packet, address, mac, **how))


def question(sender: IPv4Address = H1, mac: MACAddress = H1_MAC, target: IPv4Address = OURS,
             to: MACAddress = MACAddress.ANY, operation: int = REQUEST) -> bytes:  # fmt: skip
    return ARPPacket(operation=operation, sender_mac=mac, sender_ip=sender, target_mac=to, target_ip=target).build()


def changed(packet: bytes, offset: int, value: int) -> bytes:
    return packet[:offset] + bytes((value,)) + packet[offset + 1 :]


senders = st.sampled_from([(H1, H1_MAC), (H1, H1_MAC), (OTHER, OTHER_MAC), (IPv4Address.ANY, OTHER_MAC)])
targets = st.sampled_from([OURS, OURS, OURS, H1, IPv4Address("10.7.1.0"), IPv4Address("11.7.1.1")])
# a field that makes it something else than ARP for IPv4 over Ethernet: (offset, value)
spoiled = st.sampled_from([None, None, None, None, None, (1, 6), (2, 0x86), (3, 0xDD), (4, 8), (5, 16), (6, 1)])


def asked(who: tuple[IPv4Address, MACAddress], target: IPv4Address, to: MACAddress, operation: int,
          spoil: tuple[int, int] | None, end: int) -> bytes:  # fmt: skip
    """A question, or what looks like one; with so many bytes of padding, or so many missing."""
    packet = question(who[0], who[1], target, to, operation)
    packet = changed(packet, *spoil) if spoil else packet
    return packet + bytes(end) if end >= 0 else packet[:end]


questions = st.builds(
    asked, senders, targets, st.sampled_from([MACAddress.ANY, MACAddress.ANY, OUR_MAC, MACAddress.BROADCAST]),
    st.sampled_from([REQUEST, REQUEST, REQUEST, REPLY, 3, 9]), spoiled, st.sampled_from([0, 0, 18, 18, -1, -9, -28]),
)  # fmt: skip


def why(args: Any) -> str:
    packet, address, mac = args
    if len(packet) < 28:
        return f"An ARP packet for IPv4 over Ethernet has 28 bytes; these are {len(packet)}."
    try:
        heard = ARPPacket.parse(packet)
    except WireError as error:
        return f"It is no question about IPv4 over Ethernet ({error})."
    if heard.operation != REQUEST:
        return f"Only requests (operation 1) are answered; this is operation {heard.operation}."
    if heard.target_ip != address:
        return f"It asks for {heard.target_ip}, and that is not our address {IPv4Address(address)}."
    return (f"It asks for our address. The reply (operation 2) is from {MACAddress(mac)}, {heard.target_ip} "
            f"to the one who asked: {heard.sender_mac}, {heard.sender_ip}.")  # fmt: skip


ASKED = question()
ARP_REPLY = Exercise(
    number="7.1",
    name="arp_reply",
    points=3,
    summary="The answer to a question for our MAC address.",
    signature="arp_reply(packet: bytes, address: bytes, mac: bytes) -> bytes | None",
    rfc='RFC 826, "Packet Reception"; RFC 5227 section 2.1.1 for the probe',
    reference=arp_reply,
    equal=same_packet,
    inputs=st.tuples(questions, st.just(OURS), st.just(OUR_MAC)),
    pinned={
        "a question for our address": (ASKED, OURS, OUR_MAC),
        "a question for somebody else's": (question(target=H1, sender=OTHER, mac=OTHER_MAC), OURS, OUR_MAC),
        "Ethernet has padded it to 46 bytes": (ASKED + bytes(18), OURS, OUR_MAC),
        "a reply": (question(operation=REPLY, to=OUR_MAC), OURS, OUR_MAC),
        "asked by unicast, with our MAC address in it": (question(to=OUR_MAC), OURS, OUR_MAC),
        "asked by somebody who has no address yet": (question(sender=IPv4Address.ANY), OURS, OUR_MAC),
        "another kind of hardware": (changed(ASKED, 1, 6), OURS, OUR_MAC),
        "another protocol than IPv4": (changed(ASKED, 2, 0x86), OURS, OUR_MAC),
        "operation 257": (changed(ASKED, 6, 1), OURS, OUR_MAC),
        "a byte is missing": (ASKED[:-1], OURS, OUR_MAC),
        "nothing at all": (b"", OURS, OUR_MAC),
        "we have another address": (question(target=OTHER), OTHER, OTHER_MAC),
    },
    mistakes=[
        wrong("It looks as if it answers whatever is asked for: compare the target IP address (bytes 24 to 27).",
              everything=True),
        wrong("It looks as if replies are answered as well: only operation 1 is a question.", any_kind=True),
        Mistake("It looks as if the length goes unchecked: fewer than 28 bytes are no ARP packet.",
                when=lambda args, expected, got: expected is None and len(args[0]) < 28),
        wrong("It looks as if the first six bytes go unread: hardware, protocol and the lengths of addresses.",
              unchecked=True),
        wrong("It looks as if padding makes it look too long: what is behind byte 27 is no part of the packet.",
              strict=True),
        wrong("It looks as if the padding is sent back as well: a reply has 28 bytes.", padding=True),
        wrong("It looks as if a question from 0.0.0.0 is refused: somebody probes for the address, and must be told.",
              probes=False),
        wrong("It looks as if sender and target only change places: the sender's MAC address has to be ours.",
              swap=True),
        wrong("It looks as if the operation stays 1: a reply is 2.", keep_operation=True),
        wrong("It looks as if the reply's target is everyone: it is the one who asked.", to_everyone=True),
        wrong("It looks as if the reply's target stays as it was: it is the one who asked.", own_target=True),
    ],
    without=("netlib.link.neighbours",),
    examples=100,
    why=why,
    like=ARPPacket,
)  # fmt: skip
