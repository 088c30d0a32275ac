"""Exercises 5.5 and 5.6: into fragments, and together again.

There are many right ways to cut a packet, so 5.5 is judged by what has to hold of the pieces.  5.6 has to do, step by
step, what netlib's own reassembler does.
"""

from typing import Any

from hypothesis import strategies as st

from netlib.exercises import ip_packet_mistakes as mistakes
from netlib.exercises.ip_packet_inputs import (
    A1,
    A2,
    A3,
    A_HUGE,
    A_LONG,
    A_OTHER,
    A_SHORT,
    B1,
    B2,
    STRANGE,
    Step,
    cuttable,
    cuttable_packets,
    piece_of,
    stories,
)
from netlib.grading import REJECTED, Exercise, Mistake, StatefulExercise
from netlib.internet import fragments
from netlib.wire.errors import WireError
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.wire.options import END, NOP, parse_options

NOT_NETLIB = ("netlib.wire", "netlib.internet", "netlib.host", "netlib.layers")
ADDRESSES = ("netlib.wire.address",)

# ---- 5.5 ---------------------------------------------------------------------------------------------------------


def fragment(data: bytes, mtu: int) -> list[bytes]:
    if len(data) > mtu and IPv4Packet.parse(data).dont_fragment:
        raise ValueError(f"{len(data)} bytes for an MTU of {mtu}, and DF is set")
    return fragments.fragment(data, mtu)


Case = tuple[bytes, int]


def in_order(result: list[bytes]) -> list[IPv4Packet]:
    return sorted(map(IPv4Packet.parse, result), key=lambda piece: piece.fragment_offset)


def is_list_of_packets(args: Case, result: Any) -> bool | str:
    if not isinstance(result, list) or not all(isinstance(piece, bytes) for piece in result):
        return "It has to be a list of bytes objects."
    if len(args[0]) <= args[1]:
        return result == [args[0]] or "This packet fits: it comes back alone and unchanged."
    for number, piece in enumerate(result):
        try:
            said = IPv4Packet.parse(piece).total_length
        except WireError as error:
            return f"Fragment {number}: {error}."
        if said != len(piece):
            return f"Fragment {number} says it has {said} bytes, and has {len(piece)}."
    return True


def fits(args: Case, result: list[bytes]) -> bool | str:
    longest = max(map(len, result), default=0)
    return longest <= args[1] or f"One has {longest} bytes, the MTU is {args[1]}."


def header_copied(args: Case, result: list[bytes]) -> bool | str:
    whole = IPv4Packet.parse(args[0])
    for piece in in_order(result):
        for name in ("source", "destination", "protocol", "identification", "ttl", "dscp", "ecn", "dont_fragment"):
            if getattr(piece, name) != getattr(whole, name):
                return f"{name} is {getattr(whole, name)} in the packet and {getattr(piece, name)} in a fragment."
    return True


def pieces_adjoin(args: Case, result: list[bytes]) -> bool | str:
    at = 8 * IPv4Packet.parse(args[0]).fragment_offset
    for number, piece in enumerate(in_order(result)):
        if 8 * piece.fragment_offset != at:
            return f"Fragment {number} should say byte {at} = 8 * {at // 8}, and says 8 * {piece.fragment_offset}."
        at += len(piece.payload)
        if number < len(result) - 1 and len(piece.payload) % 8:
            return f"Fragment {number} has {len(piece.payload)} bytes of data, not a multiple of 8."
    return True


def data_kept(args: Case, result: list[bytes]) -> bool:
    return b"".join(piece.payload for piece in in_order(result)) == IPv4Packet.parse(args[0]).payload


def more_follow(args: Case, result: list[bytes]) -> bool | str:
    flags = [piece.more_fragments for piece in in_order(result)]
    if not all(flags[:-1]):
        return "MF has to be set in all but the last."
    whole = IPv4Packet.parse(args[0]).more_fragments
    if flags[-1] == whole:
        return True
    if whole:
        return "This packet is a fragment with MF set: more follow behind its last piece, too."
    return "The last one must not have MF set."


def options_kept(args: Case, result: list[bytes]) -> bool | str:
    pieces, all_of_them = in_order(result), parse_options(IPv4Packet.parse(args[0]).options)
    copied = [option for option in all_of_them if option[0] & 0x80]
    for number, piece in enumerate(pieces):
        wanted = copied if number else all_of_them
        if parse_options(piece.options) != wanted:
            kinds = [kind for kind, _ in wanted if kind not in (END, NOP)]
            return f"Fragment {number} has to have the options {kinds or 'none'} (by their first byte)."
    return True


def few(args: Case, result: list[bytes]) -> bool | str:
    least = len(fragment(*args))
    return len(result) <= least or f"{least} are enough: fill each one as far as the MTU and the 8 bytes allow."


FRAGMENT = Exercise(
    number="5.5",
    name="fragment",
    points=4,
    summary="Cut a packet into packets that fit a link.",
    signature="fragment(packet: bytes, mtu: int) -> list[bytes]",
    rfc="RFC 791 section 3.2, fragmentation procedure",
    reference=fragment,
    properties={
        "all that comes back are well-formed packets": is_list_of_packets,
        "every fragment fits the MTU": fits,
        "the header's other fields are as in the packet": header_copied,
        "each piece begins where the one before it ends, at a multiple of 8": pieces_adjoin,
        "put together, the pieces are the packet's data": data_kept,
        "MF says whether more follow": more_follow,
        "options with the copied flag are in every fragment, the others in the first": options_kept,
        "there are no more fragments than needed": few,
    },
    # each by itself, once the pieces are packets that fit, have the packet's data, and say where it belongs
    credit={
        "MF says whether more follow": 1,
        "options with the copied flag are in every fragment, the others in the first": 1,
        "there are no more fragments than needed": 1,
        REJECTED: 1,
    },
    inputs=st.tuples(cuttable_packets, st.integers(20, 120) | st.integers(68, 1500)),
    pinned={
        "the example of the text": (cuttable(1480, False, identification=7), 1000),
        "exactly the MTU": (cuttable(80, False), 100),
        "one byte too long": (cuttable(81, False), 100),
        "a fragment, cut again": (cuttable(96, True, fragment_offset=185), 60),
        "the last fragment, cut again": (cuttable(90, False, fragment_offset=185), 60),
        "DF": (cuttable(100, False, dont_fragment=True), 60),
        "DF, but it fits": (cuttable(100, False, dont_fragment=True), 120),
        "no room for 8 bytes": (cuttable(100, False), 27),
        "room for 8 bytes": (cuttable(100, False), 28),
        "an option to copy, and one not": (
            cuttable(64, False, options=b"\x07\x07\x04\0\0\0\0\1\x94\x04\0\0"), 68,
        ),
        "an option not to copy": (cuttable(64, False, options=b"\x44\x08\x05\0\0\0\0\0"), 60),
    },
    mistakes=[
        Mistake("It looks as if MF is set in the last piece too.", mistakes.more_on_all),
        Mistake("The offset field counts in units of 8 bytes, not in bytes.", mistakes.offset_in_bytes),
        Mistake("The pieces' length has to be a multiple of 8 (all but the last): (mtu - header) // 8 * 8.",
                mistakes.not_in_eights),
        Mistake("It looks as if the MTU is taken for the data alone: the header goes in as well.",
                mistakes.header_forgotten),
        Mistake("A fragment may be cut again: its own offset has to be added.", mistakes.own_offset_forgotten),
        Mistake("A fragment may be cut again: where MF was set, it stays set in the last piece.",
                mistakes.own_more_forgotten),
        Mistake("Every fragment has a header of its own: total length and checksum have to be worked out again.",
                mistakes.header_as_it_was),
        Mistake("Only options whose first byte has its highest bit set go into later fragments.",
                mistakes.all_options_copied),
    ],
    without=NOT_NETLIB,
    allowing=ADDRESSES,
    like=IPv4Packet,
)  # fmt: skip

# ---- 5.6 -----------------------------------------------------------------------------------------------------------


class Reassembler(fragments.Reassembler):
    """netlib's, with a limit of its own: few packets make short stories."""

    def __init__(self, packets: int = 64) -> None:
        super().__init__()
        self.packets = packets

    def add(self, packet: bytes, now: float) -> bytes | None:
        whole = super().add(packet, now)
        while len(self.incomplete) > self.packets:
            self.forget(next(iter(self.incomplete)))
        return whole


def about(step: Step) -> str:
    """Which fragment an `add` adds."""
    if step[0] != "add":
        return ""
    piece = IPv4Packet.parse(step[1])
    start = 8 * piece.fragment_offset
    more = "MF 1" if piece.more_fragments else "MF 0"
    return (
        f"bytes {start}-{start + len(piece.payload) - 1}, {more}; identification {piece.identification}, "
        f"protocol {piece.protocol}, TTL {piece.ttl}"
    )


def can_t_be_true(case: Any, expected: Any, got: Any) -> bool:
    strange = any(step[0] == "add" and step[1] in STRANGE for step in case)
    return strange and expected is None and isinstance(got, bytes)


def a_timeout_short(case: Any, expected: Any, got: Any) -> bool:
    return isinstance(got, (int, float)) and isinstance(expected, float) and expected - got == fragments.TIMEOUT


def story(*steps: Step) -> list[Step]:
    return list(steps)


REASSEMBLER = StatefulExercise(
    number="5.6",
    name="Reassembler",
    points=4,
    summary="Put fragments together again: in any order, with repetitions, strictly, and not for ever.",
    signature="Reassembler(packets: int = 64)",
    rfc="RFC 791 section 3.2; RFC 1122 section 3.3.2; RFC 5722",
    reference=Reassembler,
    gloss=about,
    inputs=stories(),
    pinned={
        "in order": story(("add", A1, 0.0), ("add", A2, 0.0), ("add", A3, 0.0), ("deadline",)),
        "the last one first": story(("add", A3, 0.0), ("add", A2, 0.0), ("add", A1, 0.0)),
        "the first one twice": story(("add", A1, 0.0), ("add", A1, 0.0), ("add", A3, 0.0), ("add", A2, 0.0)),
        "two packets at once": story(
            ("add", A1, 0.0), ("add", B1, 0.0), ("add", B2, 0.0), ("add", A3, 0.0), ("add", A2, 0.0),
        ),
        "the same identification, another protocol": story(
            ("add", piece_of(1, 0, 1, 2), 0.0), ("add", piece_of(1, 1, 2, 2, protocol=ICMP), 0.0),
            ("add", piece_of(1, 1, 2, 2), 0.0),
        ),
        "the header of the first": story(
            ("add", piece_of(1, 1, 2, 2, ttl=60), 0.0), ("add", piece_of(1, 0, 1, 2, ttl=64), 0.0),
        ),
        "too late": story(
            ("add", A1, 0.0), ("deadline",), ("expire", 59.5), ("expire", 60.0), ("deadline",), ("add", A2, 60.0),
            ("add", A3, 60.0),
        ),
        "the time runs from the first arrival": story(("add", A1, 0.0), ("add", A2, 30.0), ("expire", 60.0)),
        "too late, and the beginning is missing": story(("add", A2, 0.0), ("expire", 60.0), ("deadline",)),
        "an overlap": story(
            ("add", A_LONG, 0.0), ("add", A2, 0.0), ("add", A3, 0.0), ("add", A1, 0.0), ("expire", 60.0),
        ),
        "an overlap within": story(("add", A2, 0.0), ("add", A_LONG, 0.0), ("add", A1, 0.0), ("add", A3, 0.0)),
        "other data in the same place": story(
            ("add", A1, 0.0), ("add", A2, 0.0), ("add", A_OTHER, 0.0), ("add", A3, 0.0),
        ),
        "beyond the end": story(("add", A1, 0.0), ("add", A3, 0.0), ("add", A_SHORT, 0.0), ("add", A2, 0.0)),
        "an end before what is there": story(("add", A1, 0.0), ("add", A_SHORT, 0.0), ("add", A3, 0.0)),
        "beyond 65535 bytes": story(("add", A_HUGE, 0.0), ("add", A1, 0.0), ("add", A2, 0.0), ("add", A3, 0.0)),
        "no room: the oldest goes": story(
            ("new", 1), ("add", A1, 0.0), ("add", B1, 1.0), ("add", A2, 1.0), ("add", A3, 1.0), ("deadline",),
        ),
    },
    mistakes=[
        Mistake("It looks as if the packet is taken to be complete when the last fragment (MF = 0) comes. It is when "
                "no byte is missing.", mistakes.done_with_the_last),
        Mistake("It looks as if a repeated fragment counts twice, or as an overlap. The same bytes in the same place: "
                "ignore it.", when=lambda args, expected, got: args[:2] == args[1:3]),
        Mistake("Fragments belong together when source, destination, protocol and identification are the same: all "
                "four.", mistakes.identification_only),
        Mistake("The header of the whole packet is that of its first fragment, wherever in the order it came.",
                when=lambda args, expected, got: type(expected) is type(got) is bytes and expected[20:] == got[20:]),
        Mistake("It looks as if overlapping pieces are put together all the same. That is how attackers slip past "
                "firewalls: drop the whole packet (RFC 5722).", mistakes.overlaps_taken),
        Mistake("One of these fragments can't be true: it overlaps, or contradicts the end of the packet, or goes "
                "beyond 65535 bytes. Then nothing more may come of the whole packet.", when=can_t_be_true),
        Mistake("deadline says when the time is up: 60 s after the first fragment came.", when=a_timeout_short),
        Mistake("A repetition is ignored: the fragment that came first is the one that is kept, and that comes back.",
                when=lambda args, expected, got: isinstance(got, list) and len(got) == len(expected) > 0),
        Mistake("At the 60th second, not after it, the time is up; and it runs from the first arrival, not from the "
                "last.", when=lambda args, expected, got: isinstance(got, list) and len(got) < len(expected)),
        Mistake("expire returns first fragments only: of a packet whose beginning is missing, or that was dropped for "
                "an overlap, nobody is told.",
                when=lambda args, expected, got: isinstance(got, list) and len(got) > len(expected)),
    ],
    without=NOT_NETLIB,
    allowing=ADDRESSES,
    like=IPv4Packet,
)  # fmt: skip
