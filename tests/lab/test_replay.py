"""Recordings: what a live lab gave is what its recording gives, and it says that it is one."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.processes import eventually

from netlib.lab import Lab, LabError, LabTimeout, Node, engines
from netlib.lab.errors import EngineMissing, NotLive
from netlib.lab.replay import record, recording
from netlib.lab.replay.recorder import Recorder
from netlib.lab.replay.recording import About, RecordedCommand, Recording, pack, read_recording, write_recording
from netlib.lab.replay.session import ReplaySession

PAIR = """\
# Two nodes.
name: pair
topology:
  kinds:
    linux: {image: none, network-mode: none}
  nodes:
    a: {kind: linux, exec: [ip addr add 10.0.0.1/24 dev eth1]}
    b: {kind: linux, exec: [ip addr add 10.0.0.2/24 dev eth1]}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], mtu: 1500}
"""
ABOUT = About("pair", "", "2026-11-23", "Linux 6.18", "netns", "0.1.0", {})
COUNT = "n=$(cat /tmp/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n | tee /tmp/n"  # 1, 2, 3, ...
BINARY = r"printf '\377\000\200x'; printf '\001\376' >&2"


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    path = tmp_path / "topology.clab.yml"
    path.write_text(PAIR)
    return path


@pytest.fixture
def replayed(pair: Path) -> Iterator[Callable[[Callable[[Lab], object]], Lab]]:
    """Runs `what` in a live lab with the recorder on; gives the lab as its recording, read from the file, plays it."""
    labs: list[Lab] = []

    def make(what: Callable[[Lab], object]) -> Lab:
        lab = Lab(pair)
        recorder = Recorder(engines.start(lab.topology, live=True))
        lab.adopt(recorder)
        try:
            what(lab)
        finally:
            lab.down()
        about = replace(ABOUT, topology=recording.digest(lab.topology))
        made = Recording(about, recorder.commands, recorder.captures, recorder.asked)
        write_recording(made, pair.with_name("recording.zip"))
        assert read_recording(pair.with_name("recording.zip")) == made
        labs.append(Lab(pair, engine="replay").up())
        return labs[-1]

    yield make
    for lab in labs:
        lab.down()


def command(argv: str = "cmd", **changes: object) -> RecordedCommand:
    made = RecordedCommand("a", tuple(argv.split()), {}, None, True, b"", b"", 0, False, 7, None, 0.1)
    return replace(made, **changes)  # type: ignore[arg-type]


def playing(pair: Path, *commands: RecordedCommand) -> Lab:
    """A lab that plays these commands, made by hand."""
    lab = Lab(pair, engine="replay")
    lab.adopt(ReplaySession(lab.topology, Recording(ABOUT, commands, (), ())))
    return lab


def everything(lab: Lab) -> list[object]:
    """What a lab can print, in all the ways that a recording has to keep."""
    a, b = lab["a"], lab["b"]
    with lab.capture("b:eth1") as capture:
        said = [a.run("ping -e 7 -c 2 -i 0.01 10.0.0.2").returncode]
        seen = len(capture.packets)
        said += [seen, a.run("ping -e 7 -c 1 -W 1 10.0.0.2").returncode]
    said += [[str(packet) for _, packet in capture.packets], capture.frames, len(capture.packets) > seen]
    said += [a.sh("echo out; echo err >&2; exit 3"), a.run("no-such-program"), a.sh("kill -9 $$")]
    said += [a.sh("seq 60000"), a.sh("seq 60000 >&2; seq 70000")]
    said += [a.sh("echo again > /dev/stdout"), a.sh(BINARY), b.sh("exit 7"), [a.sh(COUNT).stdout for _ in range(3)]]
    said += [a.run("cat", input="one"), a.run("cat", input="two"), a.run("cat", input="y" * 300_000)]
    said += [
        a.run("head -c 1", input="many words" * 50_000),
        a.run("true", env={"X": "1"}),
        a.sh("echo $X", env={"X": "2"}),
    ]
    said += [a.sh("(sleep 60; echo late) & echo early")]
    with a.popen("sh -c 'echo ready; exec sleep 100'") as process:
        assert process.stdout
        said += [process.stdout.readline(), process.poll()]
    said += [process.returncode]
    with pytest.raises(LabTimeout):
        a.run("sleep 50", timeout=0.3)
    return said


@pytest.mark.usefixtures("labs_work")
def test_recording_gives_what_the_lab_gave_and_recorder_changes_nothing(
    pair: Path, replayed: Callable[[Callable[[Lab], object]], Lab]
) -> None:
    def comparable(said: list[object]) -> list[object]:
        """Without the marks, which must differ."""
        return [replace(each, mark="") if hasattr(each, "mark") else each for each in said]

    during: list[object] = []
    lab = replayed(lambda lab: during.extend(everything(lab)))
    then = comparable(everything(lab))
    assert then == during
    with Lab(pair) as live:
        assert everything(live) == during


@pytest.mark.usefixtures("labs_work")
def test_stop_signal_and_its_last_words(replayed: Callable[[Callable[[Lab], object]], Lab]) -> None:
    """ping prints its summary when it is interrupted; a replay has it too, and lives until it is interrupted."""

    def interrupt(lab: Lab) -> tuple[int, str]:
        process = lab["a"].popen("ping -i 0.05 10.0.0.2")
        assert process.stdout
        while "icmp_seq=2" not in process.stdout.readline():
            pass
        assert process.poll() is None
        process.kill(signal.SIGINT)
        rest = process.stdout.read()
        return process.wait(60), rest

    during: list[tuple[int, str]] = []
    lab = replayed(lambda lab: during.append(interrupt(lab)))
    assert interrupt(lab) == during[0]
    assert during[0][0] == 0 and "packets transmitted" in during[0][1]


@pytest.mark.usefixtures("labs_work")
def test_interactive_program(replayed: Callable[[Callable[[Lab], object]], Lab]) -> None:
    def talk(lab: Lab) -> list[object]:
        process = lab["a"].popen("cat", stdin=True)
        assert process.stdin and process.stdout
        lines = []
        for word in ("one\n", "two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            lines.append(process.stdout.readline())
        process.stdin.close()
        return [*lines, process.wait(60)]

    during: list[list[object]] = []
    lab = replayed(lambda lab: during.append(talk(lab)))
    assert talk(lab) == during[0] == ["one\n", "two\n", 0]


def test_unread_output_blocks_nothing(pair: Path) -> None:
    """More than a pipe holds, on both streams, and nobody reads until later."""
    with playing(pair, command("big", stdout=b"x" * 1_000_000, stderr=b"y" * 1_000_000)) as lab:
        process = lab["a"].popen("big")
        assert process.poll() is None
        output, errors = process.communicate(10)
        assert (len(output), len(errors), process.returncode) == (1_000_000, 1_000_000, 0)


def test_output_into_a_file(pair: Path, tmp_path: Path) -> None:
    with playing(pair, command("big", stdout=b"x" * 100_000)) as lab, open(tmp_path / "out", "wb") as file:
        assert lab["a"].popen("big", stdout=file.fileno()).wait(5) == 0
    assert (tmp_path / "out").read_bytes() == b"x" * 100_000


def test_repetitions_come_in_their_order_and_begin_again(pair: Path) -> None:
    runs = [command("date", stdout=text) for text in (b"1", b"2", b"3")]
    with playing(pair, runs[0], command("other", stdout=b"o"), *runs[1:]) as lab:
        said = [lab["a"].run("date").stdout for _ in range(2)]
        said += [lab["a"].run("other").stdout]
        said += [lab["a"].run("date").stdout for _ in range(3)]
        assert said == ["1", "2", "o", "3", "1", "2"]
        lab.down()


def test_command_that_was_not_recorded(pair: Path) -> None:
    with playing(pair, command("ping -c 1 10.0.0.2"), command("cat", stdin=b"one")) as lab:
        with pytest.raises(NotLive) as error:
            lab["a"].run("ping -c 3 10.0.0.2")
        assert str(error.value) == (
            "a: `ping -c 3 10.0.0.2` was not recorded on 2026-11-23 (but `ping -c 1 10.0.0.2` was); "
            "live labs run it: netlib lab doctor"
        )
        for attempt in (
            lambda: lab["b"].run("ping -c 1 10.0.0.2"),
            lambda: lab["a"].run("ping -c 1 10.0.0.2", env={"LANG": "de"}),
            lambda: lab["a"].run("cat"),
            lambda: lab["a"].run("cat", input="two"),
            lambda: lab["a"].run("cat", input="on"),
            lambda: lab["a"].run("cat", input="one more"),
            lambda: lab["a"].run("ping -c 1 10.0.0.2", input="one"),
        ):
            with pytest.raises(NotLive, match="was not recorded on 2026-11-23"):
                attempt()
        assert lab["a"].run("cat", input="one")
        lab.down()


def test_what_needs_a_live_lab(pair: Path) -> None:
    with playing(pair) as lab:
        node: Node = lab["a"]
        for attempt in (node.socket, lambda: node.packet_socket("eth1"), lambda: lab.capture("a:eth1")):
            with pytest.raises(NotLive, match=r"a.* live lab") as error:
                attempt()
            assert "\n" not in str(error.value)
        assert not lab.live and lab.running
    with pytest.raises(LabError, match="is down"):
        lab["a"].run("true")


def test_reader_sees_that_it_is_a_recording(pair: Path) -> None:
    packets = recording.RecordedCapture(
        "a", "eth1", bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"), (), 0, 0
    )
    lab = Lab(pair, engine="replay")
    lab.adopt(ReplaySession(lab.topology, Recording(ABOUT, (command(stdout=b"hi\n"),), (packets,), ())))
    mark = "RECORDED on 23 November 2026"
    assert lab.badge == f"{mark}, netns, Linux 6.18: nothing runs here"
    assert lab.badge in repr(lab)
    assert f"[{mark}]" in repr(lab["a"].popen("cmd"))
    done, capture = lab["a"].run("cmd"), lab.capture("a:eth1").stop()
    missing = lab["a"].popen("cmd")
    missing.wait(5)
    lab.down()
    assert str(done) == f"a$ cmd  [{mark}]\nhi"
    assert f"[{mark}]" in repr(capture).splitlines()[0]
    assert mark not in repr(lab)


def test_engine_by_itself_says_why_and_once(
    pair: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Nothing:
        @staticmethod
        def prepare() -> None:
            pass

        @staticmethod
        def start(topology: object) -> None:
            raise EngineMissing("the kernel forbids user namespaces; do: sysctl this=1")

    def load(name: str) -> object:
        return real(name) if "replay" in name else Nothing

    real = engines.importlib.import_module
    monkeypatch.setattr(engines.importlib, "import_module", load)
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    with pytest.raises(EngineMissing, match="forbids user namespaces"):  # nothing is recorded: the first reason
        Lab(pair).up()
    with pytest.raises(EngineMissing, match=r"lab pair was not recorded: .* do: netlib lab record pair"):
        Lab(pair, engine="replay").up()
    write_recording(Recording(ABOUT, (command(),), (), ()), pair.with_name("recording.zip"))
    with Lab(pair) as lab:
        assert lab.engine == "replay" and lab["a"].run("cmd")
    with Lab(pair):
        pass
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("lab pair: RECORDED on 23 November 2026, netns, Linux 6.18: ")
    assert "forbids user namespaces; do: sysctl this=1" in said[0]
    with pytest.raises(LabError, match="live lab"):
        record(str(pair), "replay")


def test_changed_topology_is_told(pair: Path) -> None:
    topology = Lab(pair).topology
    about = replace(ABOUT, topology=recording.digest(topology))
    write_recording(Recording(about, (), (), ()), pair.with_name("recording.zip"))
    with Lab(pair, engine="replay") as lab:
        assert "changed" not in lab.badge
    pair.write_bytes(PAIR.replace("\n", "\r\n").encode())  # a Windows checkout is no change
    with Lab(pair, engine="replay") as lab:
        assert "changed" not in lab.badge
    pair.write_text(PAIR.replace("10.0.0.2", "10.0.0.3"))
    with Lab(pair, engine="replay") as lab:
        assert "its topology has changed since" in repr(lab)


def test_file_is_small_and_the_same_again(pair: Path) -> None:
    text = b"a line of output\n" * 50
    made = Recording(ABOUT, tuple(command(f"ping {i}", stdout=text) for i in range(200)), (), ())
    assert pack(made) == pack(made)
    assert len(pack(made)) < 10_000
    with zipfile.ZipFile(io.BytesIO(pack(made))) as archive:
        assert len([name for name in archive.namelist() if name.startswith("data/")]) == 2  # the text, and nothing
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    noise = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(40_000))
    with pytest.raises(LabError, match=r"would have 1\.3 MB.*most is a: flood") as error:
        write_recording(Recording(ABOUT, (command("flood", stdout=noise),), (), ()), pair.with_name("recording.zip"))
    assert "\n" not in str(error.value)
    assert [path.name for path in pair.parent.iterdir()] == [pair.name]


def rezip(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def edit(table: str, old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    def change(contents: dict[str, bytes]) -> None:
        text = contents[table].decode()
        assert old in text
        contents[table] = text.replace(old, new).encode()

    return change


GOOD = pack(Recording(ABOUT, (command(stdout=b"hello"),), (), ()))
HELLO = "data/" + hashlib.sha256(b"hello").hexdigest()[:16]
DAMAGE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "not a zip": lambda: b"PK nonsense" * 100,
    "cut": lambda: GOOD[: len(GOOD) // 2],
    "flipped": lambda: GOOD[:60] + bytes([GOOD[60] ^ 0xFF]) + GOOD[61:],
    "other zip": lambda: rezip(GOOD, lambda contents: contents.clear()),
    "foreign file in it": lambda: rezip(GOOD, lambda contents: contents.update({"../evil": b""})),
    "no commands": lambda: rezip(GOOD, lambda contents: contents.__delitem__("commands.json") or None),
    "other output": lambda: rezip(GOOD, lambda contents: contents.update({HELLO: b"bye"})),
    "output missing": lambda: rezip(GOOD, lambda contents: contents.__delitem__(HELLO) or None),
    "output outside": lambda: rezip(GOOD, edit("commands.json", HELLO, "about.json")),
    "not JSON": lambda: rezip(GOOD, edit("commands.json", "[", "<")),
    "not a list": lambda: rezip(GOOD, lambda contents: contents.update({"commands.json": b"{}"})),
    "wrong status": lambda: rezip(GOOD, edit("commands.json", '"status": 0', '"status": "0"')),
    "empty argv": lambda: rezip(GOOD, edit("commands.json", '["cmd"]', "[]")),
    "a key too many": lambda: rezip(GOOD, edit("commands.json", '"pid"', '"more": 1, "pid"')),
    "later format": lambda: rezip(GOOD, edit("about.json", '"format": 1', '"format": 2')),
    "no date": lambda: rezip(GOOD, edit("about.json", "2026-11-23", "yesterday")),
    "deep": lambda: rezip(GOOD, lambda contents: contents.update({"asked.json": b"[" * 100_000})),
    "not text": lambda: rezip(GOOD, lambda contents: contents.update({"about.json": b"\xff\xfe"})),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_recording_is_one_line(pair: Path, damage: str) -> None:
    pair.with_name("recording.zip").write_bytes(DAMAGE[damage]())
    with pytest.raises(LabError, match=r"is no recording that can be read: .*record it anew") as error:
        Lab(pair, engine="replay").up()
    assert "\n" not in str(error.value)


def test_bomb_is_refused(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "UNPACKED_LIMIT", 1000)
    pair.with_name("recording.zip").write_bytes(pack(Recording(ABOUT, (command(stdout=b"0" * 2000),), (), ())))
    with pytest.raises(LabError, match="MiB are in it"):
        Lab(pair, engine="replay").up()


def test_recording_of_another_lab(pair: Path) -> None:
    write_recording(Recording(replace(ABOUT, lab="other"), (), (), ()), pair.with_name("recording.zip"))
    with pytest.raises(LabError, match="is a recording of lab other, not of pair"):
        Lab(pair, engine="replay").up()


TOUR = """\
import time
from netlib.lab.tour import claim, skip

@claim("counts")
def first(lab):
    assert lab["a"].sh({count!r}).stdout == "1\\n"
    return "one"

@claim("a socket", live=True)
def second(lab):
    with lab["a"].socket():
        return lab["a"].sh({count!r}).stdout.strip()

@claim("counts on")
def third(lab):
    {body}
    return lab["a"].sh({count!r}).stdout.strip()
"""


@pytest.mark.usefixtures("labs_work")
def test_record_runs_the_tour_and_keeps_what_holds(pair: Path) -> None:
    """The live claim's command is not in the recording, so the third claim finds its own."""
    path, said = pair.with_name("recording.zip"), []
    pair.with_name("tour.py").write_text(TOUR.format(count=COUNT, body="pass"))
    assert record(str(pair), say=said.append) == path
    assert len(path.read_bytes()) < 5_000
    kept = read_recording(path)
    assert kept.about.lab == "pair" and kept.about.kernel.startswith("Linux ") and kept.about.engine != "replay"
    assert "iproute2" in kept.about.versions["ip"]
    assert [each.stdout for each in kept.commands] == [b"1\n", b"3\n"]
    assert any("counts on" in line for line in said)

    before = path.read_bytes()
    broken = {
        "assert False, 'three\\n  words'": r"'counts on' does not hold: three; words",
        "assert lab.live, 'not live'": r"the recording of pair: 'counts on' does not hold: not live; .*live=True",
    }
    for body, message in broken.items():
        pair.with_name("tour.py").write_text(TOUR.format(count=COUNT, body=body))
        with pytest.raises(LabError, match=message):
            record(str(pair), say=said.append)
    assert path.read_bytes() == before


@pytest.mark.usefixtures("labs_work")
def test_recorder_leaves_no_descriptor_and_no_thread(pair: Path) -> None:
    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = count()
    lab = Lab(pair)
    recorder = Recorder(engines.start(lab.topology, live=True))
    lab.adopt(recorder)
    with lab:
        everything(lab)
    played = Lab(pair)
    played.adopt(ReplaySession(played.topology, Recording(ABOUT, recorder.commands, recorder.captures, ())))
    with played:
        everything(played)
    del lab, played, recorder
    assert eventually(lambda: count() == before), (count(), before)


@pytest.mark.usefixtures("labs_work")
def test_capture_is_the_one_that_saw_the_commands(replayed: Callable[[Callable[[Lab], object]], Lab]) -> None:
    """A notebook may do a part of what was recorded, in another order: its captures are still of what it does."""

    def see(lab: Lab, count: int) -> int:
        with lab.capture("b:eth1") as capture:
            lab["a"].run(f"ping -c {count} -i 0.01 10.0.0.2", check=True)
        return sum("echo request" in str(packet) for _, packet in capture.packets)

    lab = replayed(lambda lab: [see(lab, 1), see(lab, 2), see(lab, 3)])
    assert [see(lab, count) for count in (3, 1, 2, 2, 3)] == [3, 1, 2, 2, 3]


def test_killed_command_ends_though_nobody_has_read_what_it_wrote(pair: Path) -> None:
    with playing(pair, command("big", stdout=b"x" * 1_000_000, killed=True, status=-9)) as lab:
        process = lab["a"].popen("big")
        assert process.poll() is None
        process.kill()
        assert process.wait(60) == -9


def test_captures_without_commands_come_in_their_order(pair: Path) -> None:
    def captured(count: int) -> recording.RecordedCapture:
        header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
        frame = bytes(4 + 4) + (60).to_bytes(4, "little") * 2 + bytes(60)
        return recording.RecordedCapture("a", "eth1", header + frame * count, (), 0, 0)

    lab = Lab(pair, engine="replay")
    lab.adopt(ReplaySession(lab.topology, Recording(ABOUT, (), (captured(1), captured(2), captured(3)), ())))
    with lab:
        assert [len(lab.capture("a:eth1").stop().packets) for _ in range(4)] == [1, 2, 3, 1]
