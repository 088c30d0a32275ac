"""The live part of chapter 03, which nbval does not compare: its verdicts with a lab, and its words without one."""

import pytest
from notebooks.live import NO_LAB, REPLAY, live_output, skip_without_lab

from netlib.exercises.host_to_host_switch import LEARNING_SWITCH
from netlib.grading.check import CHECK_SEED, examine
from netlib.link.switch import Switch

CHAPTER = "03-host-to-host"
FROM_CAPTURES = [
    "The kernel flooded 2 of the frames, 1 of them for one host alone.",
    "Your switch sends 8 of 8 frames where the kernel's bridge sent them.",
    "h1    02:00:00:00:02:01  eth1        eth1",
    "h3    02:00:00:00:04:01  eth3        eth3",
    "They agree.",
    "ageing time 1 s: h1 and h2 are in the table; 2.5 s later nobody is",
    "ageing time 0 s: h3's card got 4 of 4 packets, and its IP layer none of them",
    "came to h2's card: a packet for 10.3.0.2, in a frame for 02:00:00:00:99:99\nh2 did not answer",
    "h1 pings 10.3.0.2  no answer  eth3                     h3",
    "h2 pings 10.3.0.1  answered   eth2                     h2",
    "packets that h3's IP layer refused: 1",
    "your deliver: the time service     the kernel: 10.3.0.2 port 7001: the time service",
    "your deliver: the weather service  the kernel: 10.3.0.2 port 7002: the weather service",
]
VERDICTS = [
    *FROM_CAPTURES,
    "Your accepts and the kernel agree on every frame; there were frames of both kinds: yes.",
    "300 of 300 random frames: your switch and the kernel's bridge agree",
    "their tables agree on all 8 addresses",
    "without a switch: no answer",
    "through your switch: 3 of 3 pings answered",
    "its table has h1 and h2 where the bridge had them",
    "h3's card got the question to everybody, and none of the pings",
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
    assert said.count("✗ does not hold") == 12 and said.count("✓ holds") == 2


def test_without_a_lab_every_live_cell_says_so_and_tells_what_was_seen() -> None:
    said = live_output(CHAPTER, NO_LAB)
    assert "The lab can't run here: namespaces are not allowed here. Lab.doctor() says more." in said
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 9
    assert "A kernel, recorded" in said and "They agree" not in said and "The lab is down" not in said
    assert said.count("✗ does not hold") == 10 and said.count("not tried here") == 3 and said.count("✓ holds") == 1


def test_a_recording_shows_what_needs_no_frames_of_yours() -> None:
    said = live_output(CHAPTER, REPLAY)
    assert "RECORDED on " in said and ": nothing runs here" in said
    assert [verdict for verdict in FROM_CAPTURES if verdict not in said] == []
    assert said.count("Not live here. Recorded on 23 November 2026 with Linux 6.18:") == 3
    assert said.count("✗ does not hold") == 12 and said.count("✓ holds") == 2


class Plain:
    """A switch without a bound and without age."""

    def __init__(self, name: str, ports: int, ageing: float = 300.0, limit: int = 1024) -> None:
        self.ports, self.limit = ports, limit
        self.outbox: list[tuple[int, bytes]] = []
        self.table: dict[bytes, int] = {}

    def receive(self, port: int, frame: bytes, now: float) -> None:
        if len(frame) < 14 or frame[6] & 1:
            return
        self.table[frame[6:12]] = port
        at = self.table.get(frame[:6])
        self.outbox += [(out, frame) for out in range(self.ports) if out != port and at in (None, out)]

    def known(self, now: float) -> dict[bytes, int]:
        return self.table


def test_the_report_on_a_switch_says_which_address_and_why() -> None:
    told = str(examine(LEARNING_SWITCH, Plain, CHECK_SEED))
    assert "B (02:00:00:00:00:0b) is new, and the table was full (1): not learned." in told
    assert "A guess at the cause\n    It looks as if the table grows beyond `limit`." in told


def test_keys_that_are_text_are_refused() -> None:
    class Text(Plain):
        def known(self, now: float) -> dict[bytes, int]:
            return {mac.hex(":"): port for mac, port in self.table.items()}  # type: ignore[misc]

    assert "known() is no dict from MAC addresses of 6 bytes: it has '02:" in str(
        examine(LEARNING_SWITCH, Text, CHECK_SEED)
    )


def test_the_reference_is_the_switch_of_simulations() -> None:
    assert LEARNING_SWITCH.reference is Switch  # so mine("3.2") always gives one that fits
