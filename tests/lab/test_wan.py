"""A wan in running labs: what goes in, what comes out, and what its relay counts.

Most frames here are of an EtherType for experiments (0x88B5), numbered, so that no kernel answers them and nothing else
(ARP, say) is among them. What must come out is what `Impairment` says for the same frames in virtual time.
"""

from __future__ import annotations

import os
import socket
import struct
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.conftest import HEAD
from lab.processes import Footprint, children, eventually
from lab.test_ordinary_user import folder, start  # noqa: F401

from netlib.lab import Capture, Lab, LabError
from netlib.lab.wan.impairment import Impairment
from netlib.lab.wan.settings import KEYS, Settings
from netlib.wire.address import IPv4Address, MACAddress
from netlib.wire.checksum import internet_checksum

H1, H2 = bytes(MACAddress("02:00:00:00:01:01")), bytes(MACAddress("02:00:00:00:03:01"))
CLOCK = 5e-5  # seconds that reading two clocks one after the other may take
EXPERIMENT = b"\x88\xb5"  # IEEE 802, local experimental

WAN = """\
nodes:
  h1:
    kind: linux
    exec:
      - ip addr add 10.0.0.1/24 dev eth1
      - ip neigh add 10.0.0.2 lladdr 02:00:00:00:03:01 dev eth1
  wan:
    kind: linux
    sysctls: {net.ipv6.conf.all.disable_ipv6: 0}
    exec:
      - netlib-wan eth1 eth2
  h2:
    kind: linux
    exec:
      - ip addr add 10.0.0.2/24 dev eth1
      - ip neigh add 10.0.0.1 lladdr 02:00:00:00:01:01 dev eth1
links:
  - {endpoints: ["h1:eth1", "wan:eth1"], mtu: 9000}
  - {endpoints: ["wan:eth2", "h2:eth1"], mtu: 1500}
"""


@pytest.fixture(scope="module")
def running(labs_work: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    path = tmp_path_factory.mktemp("wan") / "topology.clab.yml"
    path.write_text(HEAD.format(name="wan") + textwrap.indent(WAN, "  "))
    with Lab(path, engine="netns") as lab:
        yield lab


@pytest.fixture
def lab(running: Lab) -> Lab:
    """The lab, its wan as at the start."""
    running["wan"].set(**Settings()._asdict())
    return running


def numbered(count: int, size: int = 100, first: int = 1) -> list[bytes]:
    return [
        (H2 + H1 + EXPERIMENT + struct.pack("!I", number)).ljust(size, b"\0") for number in range(first, first + count)
    ]


def frames_of(capture: Capture) -> list[tuple[float, bytes]]:
    """(time, frame) of the captured frames of the experiment, and of IPv4."""
    capture.stop()
    data, frames, offset = Path(capture.path).read_bytes(), [], 24
    while offset < len(data):
        seconds, nanoseconds, length, _ = struct.unpack_from("=IIII", data, offset)
        frames.append((seconds + nanoseconds * 1e-9, data[offset + 16 : offset + 16 + length]))
        offset += 16 + length
    return frames


def numbers(frames: list[bytes]) -> list[int]:
    return [int.from_bytes(frame[14:18], "big") for frame in frames if frame[12:14] == EXPERIMENT]


def through(lab: Lab, frames: list[bytes]) -> list[bytes]:
    """Send frames from h1, and wait until the wan has no more; what came to h2."""
    return [frame for _, frame in timed(lab, frames)[1]]


def timed(lab: Lab, frames: list[bytes]) -> tuple[list[tuple[float, bytes]], list[tuple[float, bytes]]]:
    """The same with times, as h1 sent them and as they came to h2."""
    before = lab["wan"].wan["eth1"].counters["frames"]
    with lab.capture("h1:eth1") as sent, lab.capture("h2:eth1") as received, lab["h1"].packet_socket("eth1") as out:
        for frame in frames:
            out.send(frame)
        wait_until_idle(lab, before + len(frames))
    return frames_of(sent), frames_of(received)


def wait_until_idle(lab: Lab, frames: int) -> None:
    """Until the wan has got so many frames, and all have left it."""

    def idle() -> bool:
        counters = lab["wan"].wan["eth1"].counters
        gone = counters["lost"] + counters["dropped"] + counters["overflowed"] - counters["duplicated"]
        return counters["frames"] >= frames and counters["sent"] + counters["unsent"] + gone == counters["frames"]

    assert eventually(idle), lab["wan"].wan


def test_frames_pass_untouched_in_both_directions(lab: Lab) -> None:
    frames = [*numbered(50, 60), *numbered(50, 1514, first=51)]
    assert through(lab, frames) == frames
    with lab.capture("h1:eth1") as capture, lab["h2"].packet_socket("eth1") as out:
        for frame in frames:
            out.send(frame)
        assert eventually(lambda: len(capture.packets) == 100)
    assert [frame for _, frame in frames_of(capture)] == frames
    assert lab["wan"].wan.counters["missed"] == 0


def test_exactly_the_named_frames_are_dropped(lab: Lab) -> None:
    lab["wan"].set("eth1", drop=[20, 23, 24])
    assert numbers(through(lab, numbered(30))) == [each for each in range(1, 31) if each not in (20, 23, 24)]
    assert numbers(through(lab, numbered(30))) == list(range(1, 31))
    lab["wan"].set("eth2", drop=[1])  # is for the other direction
    assert numbers(through(lab, numbered(3))) == [1, 2, 3]
    lab["wan"].set("eth1:drop=2")
    assert numbers(through(lab, numbered(3))) == [1, 3]


@pytest.mark.parametrize(
    "values",
    [
        {"loss": 0.05, "seed": 7},
        {"loss": "5%", "seed": 8},
        {"duplicate": 0.1, "reorder": 0.2, "behind": 3, "loss": 0.02, "seed": 9},
        {"reorder": [3], "duplicate": [5], "drop": [4], "seed": 1},
    ],
)
def test_a_seeded_run_is_what_the_model_says(lab: Lab, values: dict[str, object]) -> None:
    """A reordered frame waits 0.1 s at most for others, so the model gets the times at which they were sent: on a busy
    machine one may be that late. None waits at the end."""
    lab["wan"].set(**values)
    frames = numbered(1000)
    model = Impairment(lab["wan"].wan["eth1"].settings, "eth1")
    before = lab["wan"].wan["eth1"].counters
    sent, received = timed(lab, frames)
    expected = [frame for time, each in sent for _, frame in model.frame(time, each)]
    assert model.held is None and expected != frames == [frame for _, frame in sent]
    assert numbers([frame for _, frame in received]) == numbers(expected)
    after = lab["wan"].wan["eth1"].counters
    assert {name: after[name] - before[name] for name in ("lost", "reordered", "duplicated", "dropped")} == {
        name: model.counters[name] for name in ("lost", "reordered", "duplicated", "dropped")
    }


def test_no_frame_is_early(lab: Lab) -> None:
    lab["wan"].set(delay="25ms")
    sent, received = timed(lab, numbered(40))
    late = [after - before for (before, _), (after, _) in zip(sent, received, strict=True)]
    assert min(late) >= 0.025 - CLOCK
    lab["wan"].set(jitter="10ms", seed=3)
    sent, received = timed(lab, numbered(200))
    assert [frame for _, frame in received] == [frame for _, frame in sent]
    model = Impairment(Settings(delay=0.025, jitter=0.01, seed=3), "eth1")
    for (before, frame), (after, _) in zip(sent, received, strict=True):
        assert after >= model.frame(before, frame)[0][0] - CLOCK


def test_a_pings_delay_is_that_of_both_directions(lab: Lab) -> None:
    lab["wan"].set("eth1:delay=20ms eth2:delay=30ms")
    done = lab["h1"].run("ping -c 3 -i 0.01 -W 5 10.0.0.2", check=True)
    times = [float(line.partition("time=")[2].split()[0]) for line in done.stdout.splitlines() if "time=" in line]
    assert len(times) == 3 and min(times) >= 50


def test_a_rate_takes_its_time_and_a_full_queue_drops(lab: Lab) -> None:
    lab["wan"].set(rate="1mbit", queue="5kB")
    before = lab["wan"].wan["eth1"].counters
    sent, received = timed(lab, numbered(60, 1000))
    after = lab["wan"].wan["eth1"].counters
    overflowed = after["overflowed"] - before["overflowed"]
    assert overflowed > 0
    assert len(received) == 60 - overflowed >= 5
    assert [number for number in numbers([frame for _, frame in received])][:5] == [1, 2, 3, 4, 5]
    for count, (arrival, _) in enumerate(received, 1):  # 8 ms each at 1 Mbit/s
        assert arrival >= sent[0][0] + 0.008 * count - CLOCK


def udp(data: bytes, ecn: int) -> bytes:
    source, target = bytes(IPv4Address("10.0.0.1")), bytes(IPv4Address("10.0.0.2"))
    head = struct.pack("!HHHH", 7, 7, 8 + len(data), 0)
    pseudo = source + target + struct.pack("!HH", 17, 8 + len(data))
    segment = head[:6] + internet_checksum(pseudo + head + data).to_bytes(2, "big") + data
    header = struct.pack("!BBHHHBBH", 0x45, ecn, 20 + len(segment), 1, 0, 64, 17, 0) + source + target
    return header[:10] + internet_checksum(header).to_bytes(2, "big") + header[12:] + segment


def udp_checksum_is_right(packet: bytes) -> bool:
    segment = packet[20:]
    return internet_checksum(packet[12:20] + struct.pack("!HH", 17, len(segment)) + segment) == 0


def test_corruption_is_seen_as_a_bad_checksum(lab: Lab) -> None:
    elsewhere = bytes.fromhex("020000000909")  # so that h2's kernel leaves them alone
    frames = [elsewhere + H1 + b"\x08\x00" + udp(b"fourteen bytes", 0) for _ in range(20)]
    assert all(udp_checksum_is_right(frame[14:]) for frame in through(lab, frames))
    lab["wan"].set(corrupt=[3, 5])
    right = [udp_checksum_is_right(frame[14:]) for frame in through(lab, frames)]
    assert [number for number, fine in enumerate(right, 1) if not fine] == [3, 5]
    lab["wan"].set(corrupt=1.0)
    corrupted = through(lab, frames)
    assert not any(udp_checksum_is_right(frame[14:]) for frame in corrupted)
    assert all(internet_checksum(frame[14:34]) == 0 for frame in corrupted)


def test_h2s_kernel_takes_marked_packets_as_good_and_sees_ce(lab: Lab) -> None:
    """It would drop a packet with a wrong IP header checksum."""
    received = lab["h2"].socket(socket.AF_INET, socket.SOCK_DGRAM, bind=("10.0.0.2", 7))
    received.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    received.settimeout(20)
    out = lab["h1"].socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab["wan"].set(mark="100%")
    for tos, expected in ((0x02, 3), (0x01, 3), (0x00, 0), (0xB9, 0xBB), (0xB8, 0xB8)):
        out.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        out.sendto(b"x", ("10.0.0.2", 7))
        _, ancillary, _, _ = received.recvmsg(100, 100)
        assert ancillary[0][2][0] == expected
    lab["wan"].set(mark=[2])
    out.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 2)
    seen = []
    for _ in range(3):
        out.sendto(b"x", ("10.0.0.2", 7))
        seen.append(received.recvmsg(100, 100)[1][0][2][0])
    assert seen == [2, 3, 2]


def test_a_queue_marks_before_it_drops(lab: Lab) -> None:
    elsewhere = bytes.fromhex("020000000909")
    frames = [elsewhere + H1 + b"\x08\x00" + udp(bytes(900), 2) for _ in range(30)]
    lab["wan"].set(rate="1mbit", queue="20kB", ecn="5kB")
    before = lab["wan"].wan["eth1"].counters
    came = [frame[15] & 3 for frame in through(lab, frames)]
    after = lab["wan"].wan["eth1"].counters
    assert came[:5] == [2] * 5 and 3 in came
    assert came.count(3) == after["marked"] - before["marked"]
    assert all(internet_checksum(frame[14:34]) == 0 for frame in through(lab, frames))


def test_a_vlan_tag_passes(lab: Lab) -> None:
    """The kernel takes it off before we see the frame, and tells us beside it; so at h2."""
    auxdata = 8  # PACKET_AUXDATA, in SOL_PACKET, 263
    with lab["h2"].packet_socket("eth1") as received, lab["h1"].packet_socket("eth1") as out:
        received.setsockopt(263, auxdata, 1)
        received.settimeout(20)
        out.send(H2 + H1 + b"\x81\x00\x20\x05" + EXPERIMENT + bytes(50))
        data, ancillary, _, _ = received.recvmsg(2000, 100)
    status, _, _, _, _, tci, kind = struct.unpack("=IIIHHHH", ancillary[0][2])
    assert status & 0x10 and (tci, kind) == (0x2005, 0x8100)
    assert data == H2 + H1 + EXPERIMENT + bytes(50)


def test_a_frame_that_does_not_fit_the_other_link_is_counted(lab: Lab) -> None:
    before = lab["wan"].wan["eth1"].counters
    assert numbers(through(lab, [*numbered(1), *numbered(1, 5000, first=2), *numbered(1, first=3)])) == [1, 3]
    assert lab["wan"].wan["eth1"].counters["unsent"] == before["unsent"] + 1


def test_a_link_that_goes_down_and_comes_back(lab: Lab) -> None:
    lab["wan"].run("ip link set eth2 down", check=True)
    assert numbers(through(lab, numbered(3))) == []
    lab["wan"].run("ip link set eth2 up", check=True)
    assert eventually(lambda: numbers(through(lab, numbered(3))) == [1, 2, 3])


def test_a_change_counts_at_once_and_what_is_under_way_keeps_its_time(lab: Lab) -> None:
    wan = lab["wan"]
    wan.set(delay="300ms")
    with lab.capture("h1:eth1") as sent, lab.capture("h2:eth1") as received, lab["h1"].packet_socket("eth1") as out:
        out.send(numbered(1)[0])
        assert eventually(lambda: wan.wan["eth1"].counters["waiting"] == 1)
        answer = wan.set(delay="1ms", drop=[2])
        assert answer["eth1"].settings.delay == 0.001
        for frame in numbered(3, first=2):
            out.send(frame)
        assert eventually(lambda: len(received.packets) == 3)
    times = [time for time, _ in frames_of(received)]
    assert numbers([frame for _, frame in frames_of(received)]) == [1, 2, 4]  # the second since the change is dropped
    assert times[0] - frames_of(sent)[0][0] >= 0.3 - CLOCK


FLOOD = """
import socket
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth1", 0))
while True:
    try:
        out.send(bytes.fromhex("020000000909020000000908") + b"\\x88\\xb5" + bytes(50))
    except OSError:
        pass  # its queue is full
"""


def test_a_flood_does_not_keep_changes_out(lab: Lab) -> None:
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip(f"needs {python} (Debian: apt install python3)")
    wan = lab["wan"]
    before = wan.wan.counters["missed"]
    with lab["h1"].popen([python, "-c", FLOOD]), lab["h2"].popen([python, "-c", FLOOD]):
        assert eventually(lambda: wan.wan.counters["missed"] > before + 5000)  # more than it can take
        assert wan.set(delay="1ms")["eth1"].settings.delay == 0.001
    wait_until_idle(lab, 0)
    assert numbers(through(lab, numbered(3))) == [1, 2, 3]


def test_wrong_changes_are_told_and_change_nothing(lab: Lab) -> None:
    wan = lab["wan"]
    before = wan.set(delay="5ms").settings
    for values, says in (
        ({"delay": "25"}, "wan: 'delay=25': a unit is missing"),
        ({"loss": 5}, "wan: 'loss=5': a share is from 0 to 1"),
        ({"dealy": 1}, "unknown key 'dealy'"),
        ({"delay": "1ms", "jitter": "2ms"}, "jitter=2ms is more than delay=1ms"),
        ({"queue": "5kB"}, "add rate=20mbit"),
    ):
        with pytest.raises(LabError, match=says):
            wan.set(**values)
    for words, says in (
        (("eth1:delay=1ms eth2:jitter=9ms",), "more than delay=5ms"),  # one direction would do, the other not
        (("eth3:delay=1ms",), "no such interface; it has eth1 and eth2"),
        (("eth3",), "wan has no interface 'eth3'; it has eth1, eth2"),
        ((), "say what to change"),
        (("eth1",), "say what to change"),
    ):
        with pytest.raises(LabError, match=says):
            wan.set(*words)
    assert wan.wan.settings == before
    with pytest.raises(LabError, match=r"h1 is no wan; the wans here: wan$"):
        lab["h1"].set(delay="25ms")
    with pytest.raises(LabError, match="h1 is no wan"):
        _ = lab["h1"].wan


def test_a_lab_without_a_wan_says_so(labs_work: None) -> None:
    with Lab("06-icmp", engine="netns") as lab, pytest.raises(LabError, match=r"no node here is one; docs/labs\.md"):
        lab["r1"].set(delay="25ms")


def test_the_command_can_be_typed(lab: Lab) -> None:
    wan = lab["wan"]
    done = wan.run("netlib-wan set delay=5ms eth1:drop=2", check=True)
    assert done.stdout == f"{wan.wan!r}\n" == wan.run("netlib-wan show", check=True).stdout
    assert wan.wan["eth1"].settings == Settings(delay=0.005, drop=(2,))
    again = wan.run("netlib-wan eth1 eth2")
    assert (again.returncode, again.stderr) == (
        1, "netlib-wan: a relay runs in this node already; change it with netlib-wan set delay=25ms\n"
    )  # fmt: skip
    usage = wan.run("netlib-wan", check=True).stdout
    assert all(key in usage for key in KEYS)
    for words, says in (
        ("netlib-wan eth1 eth7", "eth1 has the address 10.0.0.1"),
        ("netlib-wan eth8 eth7", "eth8: No such device; is it the end of a link?"),
        ("netlib-wan show", "no relay runs in this node; start it with"),
        ("netlib-wan set delay=1ms", "no relay runs in this node"),
        ("netlib-wan eth1 eth2 delay=1", "a unit is missing"),
    ):
        done = lab["h1"].run(words)
        assert done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1
    wan.set(drop=[])
    lab["h1"].run("ping -c 5 -i 0.2 -W 5 10.0.0.2", check=True)  # what was refused has changed nothing


def test_a_relay_that_was_killed_is_named_and_can_be_started_again(lab: Lab) -> None:
    lab["wan"].run("pkill netlib-wan", check=True)
    with pytest.raises(LabError, match="wan: its relay does not answer"):
        lab["wan"].set(delay="1ms")
    lab["wan"].run("netlib-wan eth1 eth2 delay=2ms", check=True)
    assert lab["wan"].wan["eth2"].settings == Settings(delay=0.002)
    assert numbers(through(lab, numbered(3))) == [1, 2, 3]


def test_a_wan_says_nothing_of_its_own(lab: Lab) -> None:
    """No answer to ARP for any address, no IPv6 though the node has it: on its links, only what others sent."""
    assert lab["wan"].run("cat /proc/sys/net/ipv6/conf/lo/disable_ipv6").stdout in ("0\n", "")
    with lab.capture("h1:eth1") as capture, lab["h1"].packet_socket("eth1") as out:
        for target in ("127.0.0.1", "0.0.0.0", "10.0.0.77"):
            request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + H1 + bytes(IPv4Address("10.0.0.1")) + bytes(6)
            out.send(b"\xff" * 6 + H1 + b"\x08\x06" + request + bytes(IPv4Address(target)))
        out.send(b"\xff" * 6 + H1 + b"\x08\x00" + udp(b"to all", 0))
        lab["wan"].run("ip link set eth1 down", check=True)
        lab["wan"].run("ip link set eth1 up", check=True)
        time.sleep(1.5)  # longer than it would take IPv6 to announce itself
    mine = [frame for _, frame in frames_of(capture) if frame[6:12] not in (H1, H2)]
    assert mine == []
    assert "inet" not in lab["wan"].run("ip addr show dev eth1", check=True).stdout


def test_what_the_wan_sends_itself_is_not_relayed(lab: Lab) -> None:
    with lab.capture("h2:eth1") as capture, lab["wan"].packet_socket("eth1") as out:
        out.send(numbered(1)[0])
        assert numbers(through(lab, numbered(1, first=2))) == [2]
    assert numbers([frame for _, frame in frames_of(capture)]) == [2]


def test_a_wan_is_quiet_where_its_settings_cannot_be_written(write: Callable[[str], Path], labs_work: None) -> None:
    """As in a container: /proc/sys is read-only, and IPv6 may be on."""
    seal = "      - mount --bind /proc/sys /proc/sys\n      - mount -o remount,bind,ro /proc/sys\n"
    wait = "      - sh -c 'until ip -6 addr show dev eth1 | grep -q fe80; do sleep 0.1; done'\n"
    body = WAN.replace("      - netlib-wan", f"{wait}{seal}      - netlib-wan")
    with Lab(write(body), engine="netns") as lab:
        with lab.capture("h1:eth1") as capture:
            assert lab["wan"].sh("echo 1 > /proc/sys/net/ipv6/conf/eth1/disable_ipv6").returncode
            assert "inet" not in lab["wan"].run("ip addr show dev eth1", check=True).stdout
            lab["wan"].run("ip link set eth1 down", check=True)
            lab["wan"].run("ip link set eth1 up", check=True)
            time.sleep(1.5)
        said = [frame for _, frame in frames_of(capture) if frame[6:12] not in (H1, H2)]
        # but that it leaves its multicast groups: MLDv2 report, CHANGE_TO_INCLUDE_MODE (RFC 3810 section 5.2.12)
        assert [frame for frame in said if (frame[62], frame[70]) != (143, 3)] == []
        assert numbers(through(lab, numbered(3))) == [1, 2, 3]


def test_the_relay_sleeps_when_there_is_nothing_to_do(lab: Lab) -> None:
    """Also with a link that is down, whose socket has an error to tell."""

    def ticks() -> int:
        fields = lab["wan"].sh("cat /proc/$(pgrep netlib-wan)/stat", check=True).stdout.rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])  # of 10 ms, in user mode and in the kernel

    lab["wan"].run("ip link set eth2 down", check=True)
    before = ticks()
    time.sleep(1.0)
    spent = ticks() - before
    lab["wan"].run("ip link set eth2 up", check=True)
    assert spent < 20  # a relay that turns round and round takes all of the second, or its share of a busy machine


def test_the_relay_ends_with_its_node(write: Callable[[str], Path], labs_work: None) -> None:
    known = set(children(os.getpid()))
    lab = Lab(write(WAN), engine="netns").up()

    def relays() -> list[int]:
        below = [pid for pid in children(os.getpid()) if pid not in known]
        return [pid for pid in below if Path(f"/proc/{pid}/comm").read_text() == "netlib-wan\n"]

    (relay,) = relays()
    footprint = Footprint(relay)
    lab.down()
    assert eventually(lambda: not footprint.left()), footprint.left()
    assert not Path(f"/proc/{relay}").exists()


def test_a_wan_that_cannot_start_stops_the_lab_with_its_line(write: Callable[[str], Path], labs_work: None) -> None:
    body = WAN.replace("      - netlib-wan", "      - ip link set eth2 name other\n      - netlib-wan")
    with pytest.raises(LabError, match=r":16: node wan: netlib-wan: eth2: No such device; is it the end of a link\?"):
        Lab(write(body), engine="netns").up()


USE = """
import json
from pathlib import Path
from netlib.lab import Lab
with Lab(Path(%r), engine="netns") as lab:
    lab["wan"].set(delay="10ms", drop=[3])
    ping = lab["h1"].run("ping -c 3 -i 0.2 -W 1 10.0.0.2").stdout
    print(json.dumps([ping, lab["wan"].wan["eth1"].counters, lab["wan"].run("netlib-wan show").stdout]))
"""


def test_an_ordinary_user_has_wans_too(folder: Path) -> None:  # noqa: F811
    import json

    path = folder / "wan.clab.yml"
    path.write_text(HEAD.format(name="wan") + textwrap.indent(WAN, "  "))
    process = start(folder, USE % str(path))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    ping, counters, shown = json.loads(output)
    assert "icmp_seq=1 ttl" in ping and "icmp_seq=2 ttl" in ping and "icmp_seq=3 ttl" not in ping
    assert (counters["frames"], counters["dropped"], counters["missed"]) == (3, 1, 0)
    assert "eth1 -> eth2  delay=10ms drop=3\n" in shown
