"""Chapter 2's answers beside scapy's: whose byte is whose, and frames made from their fields."""

from typing import Any

import pytest
from hypothesis import given, settings

from netlib.exercises.osi_model_frames import contents, fields, frames
from netlib.exercises.osi_model_layers import encapsulate, owners

scapy = pytest.importorskip("scapy.all")


@settings(max_examples=60, deadline=None)
@given(frames)
def test_scapy_finds_the_same_headers_of_the_same_length(frame: bytes) -> None:
    parts: dict[str, int] = {}
    for owner, size in owners(frame):
        parts[owner] = parts.get(owner, 0) + size
    read = scapy.Ether(frame)
    tagged = 4 * (scapy.Dot1Q in read)
    assert parts["ethernet"] == 14 + tagged
    if scapy.IP in read:
        assert parts["ip"] == 4 * read[scapy.IP].ihl
    if scapy.IPv6 in read:
        assert parts["ip"] == 40
    if scapy.TCP in read and "tcp" in parts:
        assert parts["tcp"] == 4 * read[scapy.TCP].dataofs
        carried = sum(parts.get(owner, 0) for owner in ("tls", "sealed", "application"))
        assert carried == len(bytes(read[scapy.TCP].payload)) - len(padding(read))
    assert ("arp" in parts) == (scapy.ARP in read)
    assert parts.get("padding", 0) == len(padding(read)) or "unknown" in parts


def padding(read: Any) -> bytes:
    return bytes(read[scapy.Padding]) if scapy.Padding in read else b""


@settings(max_examples=60, deadline=None)
@given(contents, fields)
def test_a_frame_made_from_its_fields_is_the_one_that_scapy_makes(data: bytes, given: dict[str, object]) -> None:
    try:
        ours = encapsulate(data, given)
    except ValueError:
        return
    if given["record"] is not None:
        data = bytes((int(str(given["record"])), 3, 3)) + len(data).to_bytes(2, "big") + data
    options = scapy.TCPOptionsField.m2i(scapy.TCPOptionsField("options", []), None, given["options"])
    ether = scapy.Ether(dst=mac(given["destination_mac"]), src=mac(given["source_mac"]))
    ip = scapy.IP(
        src=scapy.inet_ntoa(given["source_ip"]),
        dst=scapy.inet_ntoa(given["destination_ip"]),
        id=given["identification"],
        ttl=given["ttl"],
        flags="DF",
    )
    tcp = scapy.TCP(
        sport=given["source_port"],
        dport=given["destination_port"],
        seq=given["sequence"],
        ack=given["acknowledgment"],
        flags=given["flags"],
        window=given["window"],
        options=options,
    )
    assert bytes(ether / ip / tcp / scapy.Raw(data)) == ours


def mac(address: object) -> str:
    assert isinstance(address, bytes)
    return address.hex(":")
