"""The live part of chapter 05, which nbval does not compare: its verdicts with a lab, and its words without one.

The exercises' own checks are left out here; the zoo and nbval run those.
"""

import pytest
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

CHAPTER = "05-ip-packet"
VERDICTS = [
    "h2 answered: b'hello, kernel'",
    "the request left with TTL 64 and arrived with TTL 63",
    "What changes: ttl and checksum. 18 of 20 bytes stay.",
    "total length beyond the data    refuses      refuses     IpExtInTruncatedPkts",
    "3 fragments left h1, 5 arrived at h2, and 4 came back to h1",
    "Frag needed and DF set (mtu = 1000)",
    "two that overlap   nothing was taken in",
    "5 fragments of the kernel made an echo request of 3008 bytes, its ICMP checksum right",
    "the kernel says: 3 packets transmitted, 3 received",
    "dropped by your host: nothing   raised in it: nothing",
]


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert sum(line.endswith("✗ does not hold  ✗ does not hold") for line in said.splitlines()) == 4
    assert sum(line.endswith("✓ holds          ✓ holds") for line in said.splitlines()) == 2


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "no lab here: namespaces are not allowed here" in said
    assert said.count("no live lab here. Seen on Linux 6.18, November 2026:") == 7
    assert said.count("not tried here") == 6


def test_a_recording_shows_what_needs_no_packets_of_yours() -> None:
    """Its captures feed the student's Reassembler too; four cells send frames or attach a host, and say so."""
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert said.count("no live lab here. Seen on Linux 6.18, November 2026:") == 4
    for verdict in (
        "3 fragments left h1, 5 arrived at h2, and 4 came back to h1",
        "Frag needed and DF set (mtu = 1000)",
        "5 fragments of the kernel made an echo request of 3008 bytes, its ICMP checksum right",
    ):
        assert verdict in said and verdict in VERDICTS
    assert said.count("not tried here") == 1  # a datagram of 65 536 bytes, through a socket
