"""The live part of chapter 07, which nbval does not compare: its verdicts with a lab, and its words without one.

And what its text promises: that its lies stay in the simulation and in the lab.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from notebooks.live import NO_LAB, REPLAY, ROOT, live_output, skip_without_lab

CHAPTER = "07-arp"
VERDICTS = [
    "r1 is there: REACHABLE > STALE > DELAY >",
    "its cable is pulled: DELAY > PROBE > FAILED",
    "h1 asked everyone, then r1 alone",
    "h1's kernel says: 10.7.1.99 at 02:00:00:00:aa:99, REACHABLE",
    "The same states, in the same order.",
    "They agree.",
    "h1's gateway is at r1, PERMANENT, after three lies",
    "Your host's ping to r1: answered",
    "h1's ping to your host: answered - h1 has it at 02:00:00:00:aa:50",
    "Raised in your host: nothing",
    "10.7.1.2: LOST\n10.7.1.77: ANNOUNCING",
    "h1's gateway was at r1 and is at mallory now",
    "h1's ping: answered, as ever",
    "mallory saw it 2 times: as it came, and as it went on to r1",
    "TTL at h2: 62; r1 alone would have left 63",
    "the switch: h1 is at port eth1, r1 is at port eth2, mallory is at port eth3",
    "precision 1.00, recall 1.00: 3 forged, 3 named",
    "The lab is down. Nothing is left of it, the lies included.",
]
SEEN = "Not live here. Seen on 23 November 2026 with Linux 6.18:"
RECORDED = (
    "h1's kernel says",
    "They agree",
    "Your host",
    "h1's ping to your",
    "Raised",
    "10.7.1.2: LOST",
    "The lab is",
)


@pytest.fixture
def lab_runs() -> None:
    skip_without_lab(CHAPTER)


@pytest.mark.usefixtures("lab_runs")
def test_a_kernel_says_what_the_text_says() -> None:
    said = live_output(CHAPTER)
    assert [verdict for verdict in VERDICTS if verdict not in said] == []
    assert SEEN not in said
    assert sum(line.endswith("✗ does not hold  ✗ does not hold") for line in said.splitlines()) == 5


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count(SEEN) == 7
    assert "A kernel, recorded" in said and "The lab is down" not in said
    assert said.count("✗ does not hold") == 10


def test_a_recording_shows_what_needs_no_packets_of_yours() -> None:
    """The kernel's states, the poisoning, and its packets for the detector; three cells need sockets or a host."""
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert said.count(SEEN) == 3
    assert [verdict for verdict in VERDICTS if verdict not in said and not verdict.startswith(RECORDED)] == []
    assert said.count("✗ does not hold") == 10


def test_the_forging_script_speaks_of_the_labs_addresses_only() -> None:
    script = ROOT / "labs/07-arp/files/arp.py"
    for words in (("claim", "192.168.1.1", "192.168.1.2", "02:00:00:00:00:01"), ("announce", "192.168.1.1")):
        done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, timeout=300)
        assert done.returncode == 1 and "not of this lab" in done.stderr, done


def test_the_notebook_forges_in_the_simulation_and_in_the_lab_alone() -> None:
    """Whole frames leave it by the simulation's hosts, or by the sockets of a lab's nodes; never by one of its own."""
    source = Path(ROOT / "solutions" / CHAPTER / f"{CHAPTER}.py").read_text()
    assert "AF_PACKET" not in source and "import socket" not in source
    assert set(re.findall(r"(\S+)\.packet_socket\(", source)) == {'lab["mallory"]'}
    assert re.findall(r"(\S+)\.run\(\[\"/usr/bin/python3\", \"/srv/lab/arp.py\", \"claim\"", source) == [
        'lab["mallory"]'
    ]
