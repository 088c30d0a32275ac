"""The live part of chapter 02, which nbval does not compare: its verdicts with a lab, and its words without one."""

import pytest
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

CHAPTER = "02-osi-model"
VERDICTS = [
    "client:eth1  every byte has an owner: arp, ethernet, ip, sealed, tcp, tls",
    "web1:eth1    every byte has an owner: application, arp, ethernet, ip, tcp",
    "all frames of the connection, made again: bit for bit the kernel's",
    "your SYN was answered by: SYN+ACK\nit acknowledges sequence number 8",
    "with one wrong bit it was answered by: nothing, and counted as TcpInCsumErrors",
    "web1:eth1    02:00:00:00:05:01  10.2.1.2  the client's  10.2.3.2:80    62   the client's",
    "web1:eth1    02:00:00:00:05:01  10.2.3.1  another       10.2.3.2:80  64   another",
    "NAT      your looks_at('l4') tells 1 heap(s); all three went to one server",
    "HAProxy  your looks_at('l7') tells 2 heap(s); they went to web1, web2, web1",
    "nobody there, on our link  link ",
    "no route behind r1         internet ",
    "nobody there, behind r1    link ",
    "nobody listens             transport ",
    "a firewall drops it        unknown ",
    "no TLS version in common   tls           tlsv1 alert protocol version",
    "no such page               application   HTTP 404",
    "nothing is broken          none          HTTP 200",
    "the cable is dead          physical ",
    "the program got:                HTTP 503",
    "the client's capture:           sealed",
    "the capture behind the balancer: transport",
]
NEEDS_A_KERNEL = ("your SYN", "with one wrong bit")


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert "Not live here" not in said and "The lab is down. Nothing is left of it." in said
    assert said.count("✗ does not hold") == 10 and "✓ holds" not in said


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 9
    assert "A kernel, recorded" in said and "The lab is down" not in said
    assert said.count("✗ does not hold") == 10 and "✓ holds" not in said


def test_a_recording_shows_all_but_what_needs_your_packets() -> None:
    """Its captures feed the student's functions; the cell that sends a SYN says what was seen."""
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 1
    missing = [verdict for verdict in VERDICTS if verdict not in said]
    assert [verdict for verdict in missing if not verdict.startswith(NEEDS_A_KERNEL)] == []
