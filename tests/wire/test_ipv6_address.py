"""IPv6 addresses: the texts of RFC 4291 and RFC 5952, Python's `ipaddress` as a peer, and one line for bad ones."""

import ipaddress
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.address6 import MAPPED, IPv6Address, IPv6Interface, IPv6Network, ip_address
from netlib.wire.errors import Malformed, WireError

from .packets import many

# Many zeroes, as real addresses have
raw = st.lists(st.one_of(st.just(0), st.just(0), st.integers(0, 255)), min_size=16, max_size=16).map(bytes)
texts = st.text("0123456789abcdefABCDEF::::.%g/ ", max_size=50)


@many
@given(raw)
def test_printed_as_ipaddress_prints_it_and_read_back(data: bytes) -> None:
    address = IPv6Address(data)
    if data[:12] != MAPPED:  # Pythons differ about those
        assert str(address) == str(ipaddress.IPv6Address(data))
    assert IPv6Address(str(address)) == address == data
    assert IPv6Address(ipaddress.IPv6Address(data).exploded) == address
    assert hash(address) == hash(data) and pickle.loads(pickle.dumps(address)) == address


@many
@given(texts)
def test_any_text_is_read_as_ipaddress_reads_it_or_refused_in_one_line(text: str) -> None:
    try:
        theirs = ipaddress.IPv6Address(text).packed if "%" not in text else None
    except ValueError:
        theirs = None
    try:
        ours = bytes(IPv6Address(text))
    except WireError as error:
        assert "\n" not in str(error) and len(str(error)) < 250
        ours = None
    assert ours == theirs


@pytest.mark.parametrize(("text", "printed"), [
    ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),  # RFC 4291 section 2.2
    ("FF01:0:0:0:0:0:0:101", "ff01::101"),
    ("0:0:0:0:0:0:0:1", "::1"),
    ("0:0:0:0:0:0:0:0", "::"),
    ("0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"),
    ("2001:0db8::0001", "2001:db8::1"),  # RFC 5952 section 4
    ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  # not one group alone
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),  # the longest run
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),  # the first of two
])  # fmt: skip
def test_texts_of_the_rfcs(text: str, printed: str) -> None:
    assert str(IPv6Address(text)) == printed


@pytest.mark.parametrize(("text", "says"), [
    ("10.0.0.1", "eight groups in hex"),
    ("1::2::3", "in one place only"),
    (":::", "in one place only"),
    ("1:2:3", "3 groups instead of 8"),
    ("1:2:3:4:5:6:7:8:9", "9 groups instead of 8"),
    ("1:2:3:4::5:6:7:8", "'::' stands for one more"),
    ("12345::", "'12345' is not a group of 1 to 4 hex digits"),
    (":1::", "'' is not a group"),
    ("fe80::1%eth0", "without the interface behind '%'"),
    ("::ffff:010.0.0.1", "write 10 instead of '010'"),
    ("x" * 10_000, "eight groups"),
])  # fmt: skip
def test_a_bad_address_is_told_in_one_line(text: str, says: str) -> None:
    with pytest.raises(Malformed) as caught:
        IPv6Address(text)
    assert says in str(caught.value) and len(str(caught.value)) < 250 and "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [16, None, 1.5, [0] * 16, bytes(4), bytes(17)])
def test_neither_text_nor_16_bytes(value: object) -> None:
    with pytest.raises(Malformed):
        IPv6Address(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text, kind", [("10.0.0.1", IPv4Address), ("::1", IPv6Address), ("::10.0.0.1", IPv6Address)])
def test_an_address_of_the_version_that_it_looks_like(text: str, kind: type) -> None:
    assert type(ip_address(text)) is type(ip_address(bytes(kind(text)))) is type(ip_address(kind(text))) is kind
    for bad in ("", "ten", "10.0.0.1:80", b"\x0a", 7):
        with pytest.raises(Malformed):
            ip_address(bad)  # type: ignore[arg-type]


def test_kinds_of_addresses() -> None:
    assert IPv6Address("::1").is_loopback and not IPv6Address("::2").is_loopback
    assert IPv6Address("febf::1").is_link_local and not IPv6Address("fec0::1").is_link_local
    assert IPv6Address("ff02::1").is_multicast and not IPv6Address("fe80::1").is_multicast
    assert [IPv6Address(a).scope for a in ("::1", "fe80::1", "ff05::2", "2001:db8::1")] == [1, 2, 5, 14]


def test_addresses_made_from_others() -> None:
    # RFC 4291 appendix A has 34-56-78-9A-BC-DE as its example, and section 2.7.1 4037::01:800:200E:8C6C
    assert str(IPv6Address.link_local(MACAddress("34:56:78:9a:bc:de"))) == "fe80::3656:78ff:fe9a:bcde"
    group = IPv6Address("4037::01:800:200E:8C6C").solicited_node
    assert str(group) == "ff02::1:ff0e:8c6c"
    assert str(group.multicast_mac) == "33:33:ff:0e:8c:6c"


@many
@given(raw, st.integers(0, 128))
def test_networks_are_ipaddresss(data: bytes, prefix: int) -> None:
    interface = IPv6Interface(f"{IPv6Address(data)}/{prefix}")
    theirs = ipaddress.IPv6Interface((data, prefix))
    assert interface.address == data and interface.network.address == theirs.network.network_address.packed
    assert interface.address in interface.network and IPv6Network(str(interface.network)) == interface.network
    assert bytes(4) not in IPv6Network("::/0")


@pytest.mark.parametrize(("text", "says"), [
    ("2001:db8::1/64", "the network is 2001:db8::/64"), ("2001:db8::/129", "from 0 to 128"), ("::", "from 0 to 128"),
    ("::/064", "from 0 to 128"), ("::/-1", "from 0 to 128"),
])  # fmt: skip
def test_a_bad_network_is_told_in_one_line(text: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        IPv6Network(text)
