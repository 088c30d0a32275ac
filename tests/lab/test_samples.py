"""Samples: what the parsers make of recorded outputs of real tools, and what a running lab gives."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator

import pytest

from netlib.lab import Lab, LabError, engines
from netlib.lab.process import Done
from netlib.lab.replay.recorder import Recorder
from netlib.lab.replay.recording import About, Recording, digest
from netlib.lab.replay.session import ReplaySession
from netlib.lab.samples import KINDS, Samples, Sampling, Unreadable, conntrack, fdb, neigh, nstat, route, ss
from netlib.lab.samples.kinds import kind_of
from netlib.lab.tour import until

# Recorded on Linux 6.18 with iproute2 6.1 and conntrack-tools 1.4.7.
ESTABLISHED = (
    "ESTAB 0      40000  10.0.1.2:55560 10.0.4.2:7 timer:(on,760ms,2) skmem:(r0,rb131072,t0,tb69120,f896,w44160,o0,"
    "bl0,d0) ts sack reno wscale:9,9 rto:816 backoff:2 rtt:0.27/0.353 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:1"
    " ssthresh:2 bytes_sent:59368 bytes_retrans:5792 bytes_acked:46337 segs_out:43 segs_in:25 data_segs_out:41 send"
    " 42903704bps lastsnd:56 lastrcv:1052 lastack:1048 pacing_rate 205272536bps delivery_rate 1878486480bps"
    " delivered:33 busy:708ms unacked:5 retrans:1/4 lost:5 rcv_space:14480 rcv_ssthresh:64088 notsent:32760"
    " minrtt:0.015 snd_wnd:39936\n"
)
SYN_SENT = (  # `state syn-sent`: ss leaves out the column of states then
    "0      1      10.0.1.2:46928 10.0.4.2:9 timer:(on,776ms,0) skmem:(r0,rb131072,t0,tb16384,f3264,w832,o0,bl0,d0)"
    " reno rto:1000 mss:524 pmtu:1500 rcvmss:88 advmss:1460 cwnd:10 segs_out:1 app_limited unacked:1"
    " rcv_ssthresh:64240 \n"
)
LISTEN = "LISTEN 0      128    10.0.4.2:7 0.0.0.0:* skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0) reno cwnd:10     \n"


def test_a_socket_in_trouble() -> None:
    (row,) = ss.parse(ESTABLISHED)
    assert "unread" not in row
    assert (row["state"], row["local"], row["peer"]) == ("ESTAB", "10.0.1.2:55560", "10.0.4.2:7")
    assert (row["recv_q"], row["send_q"], row["cwnd"], row["ssthresh"], row["unacked"]) == (0, 40_000, 1, 2, 5)
    assert (row["retrans_now"], row["retrans"], row["bytes_retrans"], row["algorithm"]) == (1, 4, 5792, "reno")
    assert (row["rtt"], row["rttvar"], row["rto"], row["busy"]) == (0.00027, 0.000353, 0.816, 0.708)  # seconds
    assert (row["timer"], row["timer_expires"], row["timer_retrans"]) == ("on", 0.76, 2)
    assert row["pacing_rate"] == 205_272_536 // 8  # bytes/s
    assert (row["rcvbuf"], row["sndbuf"], row["wmem_queued"], row["drops"]) == (131_072, 69_120, 44_160, 0)
    assert row["ts"] is True and "ecn" not in row


def test_sockets_that_listen_open_and_wait() -> None:
    (listening,) = ss.parse(LISTEN)
    assert (listening["state"], listening["send_q"], listening["peer"]) == ("LISTEN", 128, "0.0.0.0:*")
    (opening,) = ss.parse(SYN_SENT)
    assert "state" not in opening and (opening["peer"], opening["rto"], opening["app_limited"]) == (
        "10.0.4.2:9",
        1.0,
        True,
    )
    (waiting,) = ss.parse("TIME-WAIT 0      0      10.0.1.2:54540 10.0.4.2:7 timer:(timewait,59sec,0)\n")
    assert (waiting["timer"], waiting["timer_expires"]) == ("timewait", 59)
    assert ss.parse("\n") == []


@pytest.mark.parametrize(("text", "seconds"), [
    ("200ms", 0.2), ("1.200ms", 1.2), ("59sec", 59), ("1min5sec", 65), ("119min", 7140), ("004ms", 0.004),
])  # fmt: skip
def test_timers_of_ss(text: str, seconds: float) -> None:
    (row,) = ss.parse(f"ESTAB 0 0 [fe80::1]%eth1:22 [fe80::2]:9 timer:(keepalive,{text},0)")
    assert row["timer_expires"] == pytest.approx(seconds)
    assert row["local"] == "[fe80::1]%eth1:22"


def test_words_of_another_ss_are_kept_and_shown(lab: Lab) -> None:
    (row,) = ss.parse("ESTAB 0 0 a:1 b:2 cubic cwnd:10 brandnew:7 ulp-tls cwnd:many bbr:(bw:1bps,mrtt:2) rtt:x/y")
    assert (row["unread"], row["cwnd"], row["algorithm"]) == ("brandnew:7 ulp-tls cwnd:many rtt:x/y", 10, "bbr")
    samples = Samples(lab["h1"], KINDS["ss"], ())
    samples.rows, samples.times = [{"time": 0.0, **row}], [0.0]
    assert "not read: brandnew:7 ulp-tls" in str(samples)


@pytest.mark.parametrize(("parse", "text"), [
    (ss.parse, "Netid State Recv-Q Send-Q"), (ss.parse, "ESTAB 0"), (ss.parse, "ESTAB x 0 a b"),
    (nstat.parse, "TcpOutSegs 211"), (nstat.parse, "nstat: error reading"), (nstat.parse, "Tcp x 0.0"),
    (neigh.parse, "Usage: ip neigh"), (neigh.parse, '[{"lladdr": "02:00:00:00:00:01"}]'), (neigh.parse, '{"dst": 1}'),
    (route.parse, "[]"), (route.parse, '[{"dev": "eth1"}]'), (route.parse, "["),
    (conntrack.parse, "conntrack v1.4.7"), (conntrack.parse, "tcp six 1 src=1"), (fdb.parse, '[{"mac": "x"}]'),
])  # fmt: skip
def test_another_shape_is_an_error_that_quotes_it(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(Unreadable, match="printed what cannot be read here: ") as error:
        parse(text)
    assert "\n" not in str(error.value)


def test_counters() -> None:
    (row,) = nstat.parse("#kernel\nTcpOutSegs                      211                0.0\nTcpExtTW   0   0.0\n")
    assert row == {"TcpOutSegs": 211, "TcpExtTW": 0}
    nstat.check(("TcpOutSegs", "TcpExt*"), row)
    with pytest.raises(LabError, match="this kernel counts no 'TcpOutSeg'"):
        nstat.check(("TcpOutSeg",), row)


def test_neighbours() -> None:
    text = (
        '[{"dst":"10.0.1.77","dev":"eth1","state":["INCOMPLETE"]},{"dst":"10.0.1.1","dev":"eth1",'
        '"lladdr":"02:00:00:00:02:01","state":["REACHABLE"],"new":7},{}]'
    )
    assert neigh.parse(text) == [
        {"address": "10.0.1.77", "interface": "eth1", "state": "INCOMPLETE"},
        {
            "address": "10.0.1.1",
            "interface": "eth1",
            "mac": "02:00:00:00:02:01",
            "state": "REACHABLE",
            "unread": "new=7",
        },
    ]
    assert neigh.parse("") == neigh.parse("[]\n") == []


def test_a_route_with_a_path_mtu() -> None:
    text = (
        '[{"dst":"10.0.4.2","gateway":"10.0.1.1","dev":"eth1","prefsrc":"10.0.1.2","flags":[],"uid":0,"cache":[],'
        '"expires":599,"metrics":[{"mtu":1280,"congestion":"cubic"}]}]'
    )
    assert route.parse(text) == [
        {"destination": "10.0.4.2", "gateway": "10.0.1.1", "interface": "eth1", "source": "10.0.1.2", "expires": 599,
         "mtu": 1280, "congestion": "cubic"}
    ]  # fmt: skip
    assert route.unreachable(("10.9.9.9",), "RTNETLINK answers: Network is unreachable\n") == {
        "destination": "10.9.9.9", "error": "Network is unreachable",
    }  # fmt: skip
    assert route.unreachable(("x",), "Error: any valid prefix is expected\n") is None


def test_connections() -> None:
    tcp = (
        "tcp      6 299 ESTABLISHED src=10.0.1.2 dst=10.0.4.2 sport=55560 dport=7 src=10.0.4.2 dst=10.0.3.2 sport=7 "
        "dport=55560 [ASSURED] mark=0 use=1\n"
    )
    (row,) = conntrack.parse(tcp)
    assert row == {
        "protocol": "tcp", "timeout": 299, "state": "ESTABLISHED", "source": "10.0.1.2", "destination": "10.0.4.2",
        "source_port": 55560, "destination_port": 7, "reply_source": "10.0.4.2", "reply_destination": "10.0.3.2",
        "reply_source_port": 7, "reply_destination_port": 55560, "assured": True, "unreplied": False, "mark": 0,
    }  # fmt: skip
    assert conntrack.parse("ipv4     2 " + tcp) == [row]
    (ping,) = conntrack.parse(
        "icmp     1 29 src=10.0.1.2 dst=10.0.4.2 type=8 code=0 id=2918 [UNREPLIED] src=10.0.4.2 dst=10.0.1.2 type=0 "
        "code=0 id=2918 mark=0 new=1 use=1"
    )
    assert (ping["type"], ping["reply_type"], ping["unreplied"], ping["unread"]) == (8, 0, True, "new=1")


def test_what_a_bridge_has_learned() -> None:
    text = (
        '[{"mac":"02:00:00:00:01:01","ifname":"eth1","flags":[],"master":"br0","state":""},{"mac":"02:00:00:00:02:01",'
        '"ifname":"eth1","flags":[],"master":"br0","state":"permanent"},{"mac":"33:33:00:00:00:01","ifname":"eth1",'
        '"flags":["self"],"state":"permanent"}]'
    )
    rows = fdb.parse(text)
    assert [row["learned"] for row in rows] == [True, False, False]
    assert rows[0] == {"mac": "02:00:00:00:01:01", "interface": "eth1", "bridge": "br0", "learned": True}


# In a running lab.


@pytest.fixture(scope="module")
def lab(labs_work: None) -> Iterator[Lab]:
    with Lab("06-icmp") as lab:
        yield lab


def test_every_kind_reads_what_its_tool_prints_here(lab: Lab) -> None:
    lab["h1"].run("ping -c 1 -W 5 10.0.4.2", check=True)
    words = {"route": ("10.0.4.2",)}
    for name in KINDS:
        try:
            samples = lab["h1"].look(name, *words.get(name, ()))
        except LabError as error:
            assert name == "conntrack" and ("not found" in str(error) or "Operation" in str(error)), error
            continue
        assert samples.unread == [], name
        assert len(samples.times) == 1 and str(samples) and "<table" in samples._repr_html_()
    assert lab["h1"].look("neigh").rows[0]["mac"] == "02:00:00:00:02:01"
    assert lab["h1"].look("route", "10.0.4.2").rows[0]["gateway"] == "10.0.1.1"
    assert int(lab["h1"].look("nstat", "IcmpOutEchos").rows[0]["IcmpOutEchos"]) >= 1
    assert "error" in lab["r1"].look("route", "99.9.9.9").rows[0]


def test_a_connection_that_sends_is_followed_to_its_end(lab: Lab) -> None:
    with lab["h2"].socket(bind=("10.0.4.2", 7)) as server, lab["h1"].socket() as client:
        server.listen()
        client.connect(("10.0.4.2", 7))
        peer, _ = server.accept()
        with peer, lab["h1"].sample("ss", "dst 10.0.4.2", every=0.01) as samples:
            assert samples.running and samples.rows  # the first is there at once
            client.sendall(b"x" * 100_000)
            got = 0
            while got < 100_000:
                got += len(peer.recv(65536))
            until(lambda: len(samples.times) >= 5)
            client.sendall(b"y")
            assert peer.recv(1)
    assert not samples.running
    assert [row["time"] for row in samples.rows] == sorted(row["time"] for row in samples.rows)
    assert samples.rows[0]["time"] == 0 and samples.start is not None
    ((key, sent),) = samples.series("bytes_acked").items()
    assert key.endswith(" 10.0.4.2:7")
    values = [value for _, value in sent]
    assert values[-1] == 100_002  # the last sample is taken at the block's end; the SYN counts
    assert values == sorted(values)  # type: ignore[type-var]
    assert "rows without a change left out" in str(samples) and "cwnd (segments)" in str(samples)


def test_the_axis_is_that_of_captures(lab: Lab) -> None:
    with lab["h1"].sample("nstat", "IcmpOutEchos", every=0.01) as samples, lab.capture("h1:eth1") as capture:
        until(lambda: len(samples.times) >= 2)
        lab["h1"].run("ping -c 1 -W 5 10.0.1.1", check=True)
    (counts,) = samples.series("IcmpOutEchos").values()
    changed = [time for (time, value), (_, before) in zip(counts[1:], counts, strict=False) if value != before]
    assert len(changed) == 1 and samples.start is not None
    request = next(time for time, packet in capture.packets if "echo request" in str(packet))
    earlier = max(time for time in samples.times if time < changed[0])
    assert samples.start + earlier - 0.001 <= request <= samples.start + changed[0] + 1.0


def test_what_comes_and_goes_is_told(lab: Lab) -> None:
    h1 = lab["h1"]
    with h1.sample("neigh", "to 10.0.1.200", every=0.01) as samples:
        h1.run("ip neigh add 10.0.1.200 lladdr 02:00:00:00:99:99 dev eth1 nud permanent", check=True)
        until(lambda: samples.rows)
        h1.run("ip neigh del 10.0.1.200 dev eth1", check=True)
    rows = samples.table().rows
    assert [row[1:] for row in rows if "FAILED" not in row] == [
        ["10.0.1.200", "eth1", "02:00:00:00:99:99", "PERMANENT"], ["10.0.1.200", "eth1", "gone", ""],
    ]  # fmt: skip


def test_a_chart_says_in_its_table_what_it_draws(lab: Lab) -> None:
    pytest.importorskip("matplotlib")
    samples = Samples(lab["h1"], KINDS["ss"], ())
    for time, cwnd, rtt in ((0.0, 10, 0.05), (0.5, 20, 0.06), (1.0, 7, 0.055)):
        key = {"local": "10.0.1.2:1", "peer": "10.0.4.2:7"}
        samples.rows.append({"time": time, "state": "ESTAB", **key, "cwnd": cwnd, "rtt": rtt})
        samples.times.append(time)
    samples.rows[-1]["ssthresh"] = 7
    chart = samples.plot("cwnd", "ssthresh", "rtt")
    assert chart.lines == {
        "cwnd": [(0.0, 10), (0.5, 20), (1.0, 7)], "ssthresh": [(1.0, 7)],
        "rtt": [(0.0, 0.05), (0.5, 0.06), (1.0, 0.055)],
    }  # fmt: skip
    assert list(chart.panels) == ["segments", "s"]  # a panel for each unit
    assert str(chart).splitlines()[3].split() == ["cwnd", "segments", "10", "7", "7", "20", "3"]
    html = chart._repr_html_()
    assert html == samples.plot("cwnd", "ssthresh", "rtt")._repr_html_()
    assert 'alt="Line chart over time: h1: cwnd, ssthresh, rtt, 3 lines.' in html and "<details" in html
    data = re.search(r"base64,([^\"]+)", html)
    assert data and ET.fromstring(base64.b64decode(data[1])).tag.endswith("svg")
    styles = [(line.get_linestyle(), line.get_marker()) for axes in chart.figure().axes for line in axes.lines]
    assert len(set(styles)) == 3  # not by colour alone
    assert list(samples.plot().lines) == ["cwnd", "ssthresh", "rtt"]
    assert list(samples.plot("cwnd", keys="10.0.4.2").lines) == ["cwnd"]
    with pytest.raises(LabError, match="state is no number"):
        samples.plot("state")
    with pytest.raises(LabError, match="no sample has 'cwn'; known here: state, cwnd"):
        samples.plot("cwn")
    with pytest.raises(LabError, match="nothing to draw"):
        samples.plot("cwnd", keys="10.9.9.9")


def test_mistakes_are_one_line_before_anything_runs(lab: Lab) -> None:
    h1 = lab["h1"]
    for wrong, message in (
        (lambda: h1.sample("sss"), "no samples of 'sss'; .*ss"),
        (lambda: h1.look("route"), 'samples of route need an address, as in "10.0.4.2"'),
        (lambda: h1.sample("ss", every=0), "every=0: give the seconds"),
        (lambda: h1.sample("nstat", "TcpFoo").start_sampling(), "this kernel counts no 'TcpFoo'"),
        (lambda: h1.look("ss", "dst banana"), "h1: ss -tinmoOH dst banana failed: "),
    ):
        with pytest.raises(LabError, match=message) as error:
            wrong()
        assert "\n" not in str(error.value)


def test_a_lab_that_goes_down_ends_its_samples_and_says_so(labs_work: None) -> None:
    with Lab("06-icmp") as lab:
        samples = lab["h1"].sample("neigh", every=0.01).start_sampling()
        until(lambda: len(samples.times) >= 2)
    until(lambda: not samples.running)
    with pytest.raises(LabError):
        samples.stop()
    assert samples.stop() is samples and len(samples.times) >= 2


def test_an_error_of_the_block_is_not_hidden_by_one_of_the_samples(labs_work: None) -> None:
    with Lab("06-icmp") as lab, pytest.raises(ZeroDivisionError), lab["h1"].sample("neigh", every=0.01):
        lab.down()
        raise ZeroDivisionError


class Recorded:
    """A lab that answers as a recording does: the outputs of each command in turn, and then from the first again."""

    live, running, mark, name = False, True, "RECORDED on 1 May 2026", "old"

    def __init__(self, outputs: dict[str, list[str]]):
        self.outputs, self.asked, self.lab = outputs, dict.fromkeys(outputs, 0), self

    def run(self, argv: list[str], timeout: float) -> Done:
        which = argv[3]
        runs = self.outputs[which]
        self.asked[which] += 1
        return Done(argv, 0, runs[(self.asked[which] - 1) % len(runs)], "", "h1")


def test_a_recording_gives_the_samples_and_the_times_of_then() -> None:
    def at(time: float, out: int) -> str:
        return f"{time}\n#kernel\nTcpOutSegs {out} 0.0\n"

    runs = {"first": [at(100.0, 1)], "next": [at(100.5, 5), at(101.0, 9)], "last": [at(101.25, 9)]}
    for _ in range(2):
        with Sampling(Recorded(runs), kind_of("nstat", ()), (), 0.05) as samples:  # type: ignore[arg-type]
            assert not samples.running
        assert [(row["time"], row["TcpOutSegs"]) for row in samples.rows] == [(0, 1), (0.5, 5), (1.0, 9), (1.25, 9)]
        assert samples.start == 100.0 and samples.times == [0, 0.5, 1.0, 1.25]
        assert "RECORDED on 1 May 2026" in str(samples)


def test_a_lab_that_is_sampled_can_be_recorded_and_played(labs_work: None) -> None:
    def sampled(lab: Lab) -> Samples:
        with lab["h1"].sample("nstat", "IcmpOutEchos", every=0.01) as samples:
            if lab.live:
                until(lambda: len(samples.times) >= 3)
            lab["h1"].run("ping -c 2 -i 0.05 -W 5 10.0.1.1", check=True)
        return samples

    lab = Lab("06-icmp")
    recorder = Recorder(engines.start(lab.topology))
    lab.adopt(recorder)
    live = sampled(lab)
    lab.down()
    about = About(lab.name, digest(lab.topology), "2026-05-01", "Linux 6.18", "netns", "0", {})
    recording = Recording(about, recorder.commands, recorder.captures, recorder.asked)
    played = Lab(lab.topology)
    played.adopt(ReplaySession(lab.topology, recording))
    replayed = sampled(played)
    banner = played._repr_html_()
    played.down()
    assert replayed.rows == live.rows and replayed.start == live.start and len(live.rows) >= 4
    assert live.rows[-1]["IcmpOutEchos"] == 2
    assert "RECORDED on 1 May 2026" in replayed.mark and replayed.mark in str(replayed)
    assert "border:3px solid" in banner and "RECORDED on 1 May 2026" in banner  # the drawing's banner
