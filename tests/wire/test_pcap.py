"""Capture files: what other programs write is read, and what is written here is read again."""

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlib
from netlib.wire.address import IPv4Address
from netlib.wire.errors import FieldOverflow, Malformed, Truncated, WireError
from netlib.wire.icmp import ICMPEcho
from netlib.wire.ipv4 import ICMP, IPv4Packet
from netlib.wire.packet import decode, stack
from netlib.wire.pcap import LARGEST, read_pcap, write_pcap

from .packets import few, frames, many

PING = stack(IPv4Packet(protocol=ICMP, source=IPv4Address("10.0.0.1")), ICMPEcho(identifier=1))
MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D
MOMENT = 1_700_000_000


def file_of(*records: tuple[int, int, bytes], order: str = "<", magic: int = MICRO, link: int = 101) -> bytes:
    """The bytes of a capture file, written without netlib."""
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for seconds, fraction, packet in records:
        data += struct.pack(order + "IIII", seconds, fraction, len(packet), len(packet) + 10) + packet
    return data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.pcap"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "fraction"), [(MICRO, 250_000), (NANO, 250_000_000)])
@pytest.mark.parametrize("link", [101, 228, 12, 1, 101 | 0x04000000])
def test_both_byte_orders_and_both_fractions(path: Path, order: str, magic: int, fraction: int, link: int) -> None:
    packet = bytes(12) + b"\x08\0" + PING if link == 1 else PING
    path.write_bytes(file_of((MOMENT, fraction, packet), (MOMENT + 1, 0, b""), order=order, magic=magic, link=link))
    (time, first), (later, empty) = read_pcap(path)
    assert (time, later) == (MOMENT + 0.25, MOMENT + 1)
    assert first.data == packet and first[ICMPEcho].identifier == 1 and first.problems == []
    assert first.link == empty.link == ("ethernet" if link == 1 else "ip")
    assert empty.data == b"" and empty.problems


@few
@given(st.lists(st.tuples(st.floats(0, 2**32 - 1, allow_nan=False), frames()), max_size=5))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, packets) -> None:
    path = tmp_path_factory.getbasetemp() / "again.pcap"
    write_pcap(path, packets)
    read = list(read_pcap(path))
    assert [packet.data for _, packet in read] == [frame for _, frame in packets]
    for (before, _), (after, _) in zip(packets, read, strict=True):
        assert abs(after - before) <= 0.6e-9
    write_pcap(path, read)
    assert list(map(repr, read_pcap(path))) == list(map(repr, read))


@many
@given(st.integers(0, 2**32 - 1), st.integers(0, 999_999))
def test_a_time_in_microseconds_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, seconds, micro) -> None:
    path = tmp_path_factory.getbasetemp() / "times.pcap"
    path.write_bytes(file_of((seconds, micro, PING)))
    ((time, packet),) = read_pcap(path)
    assert round((time - seconds) * 1e6) == micro
    write_pcap(path, [(time, packet)], link="ip")
    assert [again for again, _ in read_pcap(path)] == [time]


def test_a_written_file_is_a_nanosecond_pcap(path: Path) -> None:
    write_pcap(str(path), [(MOMENT + 0.5, PING)], link="ip")
    assert path.read_bytes() == (
        struct.pack("<IHHiIII", NANO, 2, 4, 0, 0, LARGEST, 101)
        + struct.pack("<IIII", MOMENT, 500_000_000, len(PING), len(PING)) + PING
    )  # fmt: skip


def test_packets_are_written_as_they_were_received(path: Path) -> None:
    packet = decode(PING, "ip")
    packet[ICMPEcho].identifier = 2
    write_pcap(path, [(0, packet)], link="ip")
    assert [packet.data for _, packet in read_pcap(path)] == [PING]


def test_an_empty_capture(path: Path) -> None:
    write_pcap(path, [])
    assert list(read_pcap(path)) == []


def test_the_package_offers_both() -> None:
    assert netlib.read_pcap is read_pcap and netlib.write_pcap is write_pcap


# What is wrong with a file


def test_a_file_may_end_anywhere(path: Path) -> None:
    data = file_of((1, 2, PING), (3, 4, PING))
    record = 16 + len(PING)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        read = []
        if length in (24, 24 + record):  # between two packets
            read = list(read_pcap(path))
        else:
            kind = Malformed if length < 4 else Truncated
            offset = 0 if length < 24 else 24 if length < 24 + record else 24 + record
            with pytest.raises(kind, match=rf"some\.pcap \(offset {offset}\): "):
                for pair in read_pcap(path):
                    read.append(pair)
        assert len(read) == max(0, length - 24) // record  # the packets before the end are there


@pytest.mark.parametrize(("data", "message"), [
    (b"", r"\(offset 0\): nothing is not the start of a pcap file"),
    (b"#!/bin/sh", r"\(offset 0\): 23 21 2f 62 is not the start of a pcap file"),
    (b"\x0a\x0d\x0d\x0a" + bytes(100), r"is a pcapng file: convert it with `editcap -F pcap .*some\.pcap "),
    (file_of(link=113), r"\(offset 20\): link type 113 is not read here, only Ethernet \(1\) and IP \(101\)"),
    (file_of() + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0), r"\(offset 32\): a packet of 4294967295 bytes"),
])  # fmt: skip
def test_what_is_no_pcap_file_is_named(path: Path, data: bytes, message: str) -> None:
    path.write_bytes(data)
    with pytest.raises(Malformed, match=message) as caught:
        list(read_pcap(path))
    assert str(path) in str(caught.value)


@many
@given(st.binary(max_size=200), st.sampled_from([b"", file_of()[:4], file_of(), file_of((1, 2, PING))]))
def test_no_file_raises_anything_but_a_wire_error(tmp_path_factory: pytest.TempPathFactory, data, start) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pcap"
    path.write_bytes(start + data)
    try:
        list(read_pcap(path))
    except WireError as error:
        assert str(path) in str(error)


def test_a_missing_file_is_the_usual_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_pcap(path))


def test_a_large_capture_is_read_packet_by_packet(path: Path) -> None:
    big = stack(IPv4Packet(protocol=99, payload=bytes(50_000)))
    write_pcap(path, ((number, big) for number in range(200)), link="ip")
    list(read_pcap(path))
    tracemalloc.start()
    count = sum(1 for _ in read_pcap(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200 and peak < 600_000  # of 10 million bytes


# What cannot be written


@pytest.mark.parametrize("time", [-1, -1e-9, 2**32, 1e20, float("inf"), float("nan")])
def test_a_time_that_does_not_fit_is_refused(path: Path, time: float) -> None:
    with pytest.raises(FieldOverflow, match=r"some\.pcap, packet 1: time .* does not fit"):
        write_pcap(path, [(0, PING), (time, PING)], link="ip")


def test_a_packet_that_is_too_large_is_refused(path: Path) -> None:
    write_pcap(path, [(0, bytes(LARGEST))])
    assert len(list(read_pcap(path))) == 1
    with pytest.raises(FieldOverflow, match=f"packet 0: {LARGEST + 1} bytes"):
        write_pcap(path, [(0, bytes(LARGEST + 1))])


def test_a_packet_of_the_other_link_is_refused(path: Path) -> None:
    with pytest.raises(Malformed, match=r"packet 0: starts with ip, and the file is for ethernet: .*link='ip'\)"):
        write_pcap(path, [(0, decode(PING, "ip"))])
    with pytest.raises(Malformed, match="'ethernet' and 'ip' are known"):
        write_pcap(path, [], link="wifi")  # type: ignore[arg-type]
