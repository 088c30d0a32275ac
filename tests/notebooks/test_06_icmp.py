"""The live part of chapter 06, which nbval does not compare: its verdicts with a lab, and its words without one."""

import pytest
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

CHAPTER = "06-icmp"
VERDICTS = [
    "TTL 1: 11/0 from 10.0.1.1\nTTL 2: 11/0 from 10.0.2.2\nTTL 3: 11/0 from 10.0.3.3\nTTL 4: 0/0 from 10.0.4.2",
    "* TTL 1: goes no further",
    "The kernel's ping had all 5 of its pings answered by your code.",
    "They came with TTL 61: it was 64, and three routers took one each.",
    "your path           10.0.1.1 > 10.0.2.2 > 10.0.3.3 > 10.0.4.2 (reached)",
    "They agree.",
    "path  10.0.1.1 > * > 10.0.3.3 > 10.0.4.2 (reached)",
    "pings all answered: the path works",
    "UDP 5000  open      nothing                silence",
    "UDP 5001  closed    ICMP port unreachable  connection refused",
    "TCP 5000  open      TCP SYN+ACK            connected",
    "TCP 5001  closed    TCP RST                connection refused",
    "ICMP allowed: 20 bytes arrived, 50000 bytes arrived; r2 reported 3/4, MTU 1400",
    "ICMP blocked: 20 bytes arrived, 50000 bytes STUCK; no report",
    "* too long: dropped",
    "largest packet of h1 before the report: 1500 bytes; of the last ten that it sent: 1400 bytes",
    "The lab is down. Nothing is left of it.",
]


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert "Not live here" not in said
    kernel = [
        line.rsplit("  ", 1)[-1].strip() for line in said.splitlines() if line.endswith(("✓ holds", "✗ does not hold"))
    ]
    assert kernel == ["✗ does not hold", "✓ holds", *["✗ does not hold"] * 3]


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 7
    assert "A kernel, recorded" in said and "your code" not in said and "The lab is down" not in said
    assert said.count("✗ does not hold") == 5 and said.count("✓ holds") == 2


def test_a_recording_shows_what_needs_no_packets_of_yours() -> None:
    """The routers' answers and their picture; the cells with a host or a socket of the reader's say what was seen."""
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert VERDICTS[0] in said and VERDICTS[1] in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 6
    assert "A kernel, recorded" in said and "your code" not in said
    assert said.count("✗ does not hold") == 5 and said.count("✓ holds") == 2
