"""What a switch did with frames: found in captures, in a picture, and in words."""

import base64
import re
from xml.etree import ElementTree

import pytest

from netlib import MACAddress, Simulation, Switch
from netlib.apps.ping import ping
from netlib.view.switching import Passage, Seen, Watched, passed, switching
from netlib.wire.packet import decode

FIRST = Passage("h1 to h2", 0, [1, 2], {"h1": 0})
SECOND = Passage("h2 to h1", 1, [0], {"h1": 0, "h2": 1})
STAYS = Passage("h4 to h2", 1, [], {"h2": 1})


def test_words_and_picture_say_the_same() -> None:
    drawn = switching([FIRST, SECOND, STAYS], ["h1", "h2", "<h3>"], "Three frames")
    assert str(drawn).splitlines() == [
        "Three frames",
        "   frame     came in by  went out of         table by then (+ new)",
        "-  --------  ----------  ------------------  -----------------------",
        "1  h1 to h2  0 (h1)      1 (h2), 2 (<h3>)    +h1 at 0",
        "2  h2 to h1  1 (h2)      0 (h1)              h1 at 0, +h2 at 1",
        "3  h4 to h2  1 (h2)      none: it ends here  h2 at 1, (h1 forgotten)",
    ]
    html = drawn._repr_html_()
    assert "&lt;h3&gt;" in html and "<h3>" not in html
    assert "with 3 ports did with 3 frames; 1 of them went out of every other port" in html
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]).decode()  # type: ignore[index]
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]
    assert "h1 at 0, +h2 at 1" in texts and "ends here" in texts and "<h3>" in texts


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="'h1 to h2' has port 2; there are 2"):
        switching([FIRST], ["h1", "h2"])


def test_a_switch_without_frames_can_be_drawn() -> None:
    assert "did with 0 frames; none of them" in switching([], ["h1"])._repr_html_()


def test_the_passages_are_found_in_captures_of_all_ports() -> None:
    sim = Simulation.topology("h1 10.0.0.1/24 -- s1\nh2 10.0.0.2/24 -- s1\nh3 10.0.0.3/24 -- s1")
    captures = {port: sim.capture(sim.between(f"h{port + 1}", "s1")) for port in range(3)}
    sim.run(ping(sim["h1"], "10.0.0.2", count=2))
    seen = passed(captures)
    assert [(each.came, each.left) for each in seen] == [(0, [1, 2]), (1, [0]), *[(0, [1]), (1, [0])] * 2]


def test_the_same_bytes_again_are_another_frame() -> None:
    packet = decode(bytes.fromhex("ffffffffffff 020000000001 88b5 6869"), "ethernet")
    seen = passed({0: [(1.0, packet), (2.0, packet)], 1: [(1.5, packet), (2.5, packet)], 2: [(1.4, packet)]})
    assert seen == [Seen(1.0, packet.data, 0, [1, 2]), Seen(2.0, packet.data, 0, [1])]


def test_a_watched_switch_notes_what_it_does() -> None:
    names = {bytes(MACAddress(f"02:00:00:00:00:0{n}")): f"h{n}" for n in (1, 2, 3)}
    text = "h1 10.0.0.1/24 -- s1\nh2 10.0.0.2/24 -- s1\nh3 10.0.0.3/24 -- s1"
    sim = Simulation.topology(text, parts={"s1": lambda name, ports: Watched(Switch(name, ports), names)})
    sim.run(ping(sim["h1"], "10.0.0.2", count=1))
    assert str(sim["s1"].picture("One ping")).splitlines()[3:] == [
        "1  h1 to everybody: ARP who has 10.0.0.2? tell 10.0.0.1  0 (h1)      1 (h2), 2 (h3)  +h1 at 0",
        "2  h2 to h1: ARP 10.0.0.2 is at 02:00:00:00:00:02        1 (h2)      0 (h1)          h1 at 0, +h2 at 1",
        "3  h1 to h2: echo request seq 1                          0 (h1)      1 (h2)          h1 at 0, h2 at 1",
        "4  h2 to h1: echo reply seq 1                            1 (h2)      0 (h1)          h1 at 0, h2 at 1",
    ]
    assert len(sim["s1"].picture(since=2).passages) == 2
    sim.run(until=400.0)  # the table is too old by then
    sim.run(ping(sim["h1"], "10.0.0.2", count=1))
    *_, asked, answered = str(sim["s1"].picture(since=4)).splitlines()
    assert asked.endswith("1 (h2), 2 (h3)  +h1 at 0, (h2 forgotten)") and answered.endswith("h1 at 0, +h2 at 1")
