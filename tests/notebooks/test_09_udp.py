"""The live part of chapter 09, which nbval does not compare: its verdicts with a lab, and its words without one."""

import pytest
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

CHAPTER = "09-udp"
IN_THE_RECORDING = [
    "UDP: the server's reads  3 pieces  |",
    "TCP: the server's reads  1 piece   |----------------1700----------------|",
    "hello, read into 4 bytes: hell, the rest is gone",
    "port 40000         10.9.2.1   d                d",
    "port 40001         10.9.2.1   c                c",
    "port 40000         10.9.2.11  b                b",
    "port 40001         10.9.2.11  b                b",
    "You and the kernel agree.",
    "send 2   5 bytes        ECONNREFUSED",
    "receive  nothing        ECONNREFUSED",
    "plain    : 3 reports came in; of the first, your receive_error says None",
    "connected: 2 reports came in; of the first, your receive_error says (0, 'ECONNREFUSED')",
    "60 datagrams sent, 0 calls failed",
    "most of them found the buffer full, and are gone",
]
LIVE_ONLY = [
    "as you built it              0001HELLO KERNEL  0001HELLO KERNEL               0",
    "one bit of the data changed  nothing           nothing came                   1",
    "without a checksum           0001HELLO KERNEL  0001HELLO KERNEL               0",
    "20 of 20 requests were answered, though every fifth packet was lost.",
    "It took more than 20 datagrams.",
    "the server's kernel answers: 0001HELLO-KERNEL",
    "your host answers: 0001HELLO-YOU",
    "at its closed port: send 2: ECONNREFUSED",
    "the client's kernel has your router's MAC address",
    "your switch knows who is behind each of its two ports",
]
ANYWHERE = [
    "using your Trie from chapter 08",
    "answers: [b'FIRST', b'SECOND']",
    "bystander   s1:port 1                --  bystander:eth0 10.0.1.2/24  > 1 frame, 42 bytes    < 0 frames",
]
KERNEL = ["✗ does not hold", "✓ holds", "✓ holds", *["✗ does not hold"] * 5]


def kernel_column(said: str) -> list[str]:
    """What the last table says of the kernel."""
    marks = ("✓ holds", "✗ does not hold")
    return [line.rsplit("  ", 1)[-1].strip() for line in said.splitlines() if line.endswith(marks)]


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in IN_THE_RECORDING + LIVE_ONLY + ANYWHERE if verdict not in said] == []
    assert "Not live here" not in said and "DIFFER" not in said
    assert kernel_column(said) == KERNEL
    assert "The lab is down. Nothing is left of it." in said


def test_a_recording_shows_what_needs_no_packets_of_yours() -> None:
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said
    assert [verdict for verdict in IN_THE_RECORDING + ANYWHERE if verdict not in said] == []
    assert [verdict for verdict in LIVE_ONLY[:3] if verdict in said] == []
    assert "A kernel, recorded" in said
    assert kernel_column(said) == KERNEL


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 8
    assert [verdict for verdict in ANYWHERE if verdict not in said] == []
    assert "A kernel, recorded" in said and "The lab is down" not in said
    assert kernel_column(said) == KERNEL
