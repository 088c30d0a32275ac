"""TCP connections to look at: what the pictures say is what the connection did, from whichever source they are made."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from netlib.transport.tcp.connection import Connection
from netlib.transport.tcp.states import ARROWS, State
from netlib.transport.tcp.variables import Event
from netlib.view import byte_strip, conversation, record, segments, state_path, windows
from netlib.view.moments import Moment
from netlib.wire.address import IPv4Address
from netlib.wire.ipv4 import TCP, IPv4Packet
from netlib.wire.packet import Packet, decode, stack
from netlib.wire.tcp import TCPSegment

from .tcp import Run, transfer

SVG = "{http://www.w3.org/2000/svg}"
A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
EVERY_LOSS = (9,)  # a data segment on its way there, an acknowledgment on its way back


@pytest.fixture(scope="module")
def run() -> Run:
    return transfer(drop=EVERY_LOSS)


@pytest.fixture(scope="module")
def long_run() -> Run:
    return transfer(600_000, queue=30_000)


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


def seen(time: float, source: IPv4Address, sequence: int, **fields: object) -> tuple[float, Packet]:
    """A segment of a connection between ports 1000 and 80."""
    ports = (1000, 80) if source == A else (80, 1000)
    ip = IPv4Packet(protocol=TCP, source=source, destination=B if source == A else A)
    return time, decode(stack(ip, TCPSegment(*ports, sequence, **fields)), "ip")  # type: ignore[arg-type]


# ---- segments ---------------------------------------------------------------------------------------------------


def test_segments_are_told_relative_to_the_syns_with_flags_ack_and_length(run: Run) -> None:
    labels = [s.label for s in conversation(run.near).segments]
    assert labels[:5] == ["SYN seq 0", "SYN ACK seq 0 ack 1", "ACK seq 1 ack 1", "ACK seq 1 ack 1 len 1448",
                          "ACK seq 1449 ack 1 len 1448"]  # fmt: skip
    assert "ACK seq 1 ack 7241 SACK 8689-10136" in labels
    assert conversation(run.near).segments[2].window == 1 << 20, "the window is scaled as the SYNs say"


def test_what_is_sent_again_is_marked_wherever_it_is_seen_and_what_was_lost_where_it_was(run: Run) -> None:
    near, far = conversation(run.near).segments, conversation(run.far).segments
    assert [s.seq for s in near if s.remark == "again" and s.length > 1447] == [7241]
    assert [s.seq for s in far if s.arrival is None and s.side == 0] == [7241]
    assert all(s.arrival is not None for s in near)
    # seen from behind the loss alone, it is the first copy, late
    arrived = [(c.arrival, c.packet) for c in run.far.crossings if c.receiver == "b" and c.arrival is not None]
    assert [s.seq for s in conversation(arrived).segments if s.remark == "fills a gap"] == [7241]
    both = conversation({"r": run.near.packets, "b": arrived})
    assert {(s.place[0], s.seq, s.remark) for s in both.segments if s.remark and s.length == 1448} == {
        ("r", 7241, "again"), ("b", 7241, "again")}  # fmt: skip


def test_two_interfaces_of_a_router_see_a_segment_once_each(run: Run) -> None:
    crossed = [(c.arrival, c.packet) for c in run.near.crossings if c.receiver == "r" and c.arrival is not None]
    talk = conversation({"r:eth0": crossed, "r:eth1": [pair for pair in run.far.packets if pair[0] > 0.022]})
    assert [s.seq for s in talk.segments if s.remark and s.side == 0 and s.length == 1448] == [7241, 7241]


def test_the_diagram_is_true_to_scale_and_says_lost_and_again(run: Run) -> None:
    diagram = segments(run.far)
    said = texts(diagram.svg())
    assert "time in ms, to scale" in said and said.count("lost") == 2
    assert any(words.startswith("again: ACK seq 7241") for words in said)
    lines = [line for line in ET.fromstring(diagram.svg()).iter(f"{SVG}line") if line.get("marker-end")]
    starts, first = [float(line.get("y1") or 0) for line in lines], diagram.messages[0].sent
    scale = (starts[-1] - starts[0]) / ([m for m in diagram.messages if not m.lost][-1].sent - first)
    for message, start in zip([m for m in diagram.messages if not m.lost], starts, strict=True):
        assert start - starts[0] == pytest.approx(scale * (message.sent - first), abs=0.2)
    assert {line.get("stroke-width") for line in lines} == {"1.5", "3"}
    assert "lost" in str(diagram).lower() and "again: ACK seq 7241" in str(diagram)


def test_many_segments_are_cut_and_counted_and_a_part_can_be_chosen(long_run: Run) -> None:
    diagram = segments(long_run.near, most=50)
    total = len(conversation(long_run.near).segments)
    assert f"and {total - 50} more messages" in str(diagram) and len(diagram.svg()) < 100_000
    part = segments(long_run.near, since=0.1, until=0.12)
    assert part.messages and all(0.1 <= m.sent - part.start <= 0.12 for m in part.messages)
    assert len(part.messages) < total


def test_what_an_end_did_stands_at_its_column(run: Run) -> None:
    diagram = segments(run.far, notes={"b": run.server})
    assert [n.label for n in diagram.notes if n.participant == "b"] == [
        "LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]  # fmt: skip
    late = segments(run.far, notes={"b": [*run.server.told, Event("state", "CLOSED: 2 MSL are over", 60.0)]})
    assert late.notes == diagram.notes, "a minute of nothing would leave no room on a true axis"


def test_of_several_connections_the_one_with_the_port_is_taken_or_else_the_largest(run: Run) -> None:
    other = [seen(0.0, A, 5, syn=True), seen(0.1, B, 9, syn=True, ack=True, acknowledgment=6)]
    assert conversation([*run.near.packets, *other]).ends[0][1] == 5000
    assert conversation([*run.near.packets, *other], port=1000).name == "10.0.0.1:1000 and 10.0.0.2:80"
    with pytest.raises(ValueError, match="has the port 7"):
        conversation(run.near, port=7)


def test_the_same_two_ends_again_are_another_connection() -> None:
    first = [seen(0.0, A, 5, syn=True), seen(0.1, A, 6, ack=True, acknowledgment=1, payload=b"x")]
    again = [seen(9.0, A, 5000, syn=True), seen(9.1, B, 1, syn=True, ack=True, acknowledgment=5001),
             seen(9.2, A, 5001, ack=True, acknowledgment=2, payload=b"yz"),
             seen(9.3, B, 2, ack=True, acknowledgment=5003)]  # fmt: skip
    talk = conversation([*first, seen(1.0, A, 5, syn=True), *again])
    assert talk.others == 1
    assert [s.label for s in talk.segments][:3] == ["SYN seq 0", "SYN ACK seq 0 ack 1", "ACK seq 1 ack 1 len 2"]


def test_sequence_numbers_that_wrap_go_on_counting() -> None:
    last = 2**32 - 3
    talk = conversation([seen(0.0, A, last, syn=True), seen(0.1, A, last + 1, payload=b"abcd"),
                         seen(0.2, A, 2, payload=b"ef"),
                         seen(0.3, B, 7, ack=True, acknowledgment=4)])  # fmt: skip
    assert [(s.seq, s.ack) for s in talk.segments] == [(0, 0), (1, 0), (5, 0), (1, 7)]


# ---- bytes ------------------------------------------------------------------------------------------------------


def test_the_strip_shows_una_nxt_windows_sacked_ranges_and_holes(run: Run) -> None:
    when = next(m for m in run.client.moments if m.sacked)
    strip = byte_strip(run.client, at=when.time - run.client.moments[0].time)
    (row,) = strip.rows()
    assert row[1:4] == (str(when.una), str(when.nxt), str(when.nxt - when.una))
    assert row[6:] == ("8689-10136", "7241-8688")
    drawn = strip.drawn(strip.moments[0])
    assert drawn.strip("=#%. ") == "" and drawn.index("#") < drawn.index("%") < drawn.rindex("#")
    assert "UNA 7241" in texts(strip.svg())


def test_a_capture_at_the_sender_shows_the_same_bytes_as_the_connection_itself(run: Run) -> None:
    known, taken = run.client.track(), conversation(run.near).track()
    assert taken.moments and "cwnd" in taken.known and taken.moments[0].cwnd is None
    for moment in known.moments:
        if moment.time > known.moments[0].time:
            told = taken.at(moment.time)
            assert (told.una, told.nxt, told.sacked) == (moment.una, moment.nxt, moment.sacked), moment


def test_the_other_direction_can_be_asked_for(run: Run) -> None:
    assert byte_strip(run.near, sender=1).rows()[-1][1:3] == ("2", "2")  # a SYN and a FIN
    assert byte_strip(run.near, sender=0).rows()[-1][1:3] == ("30002", "30002")


def test_without_the_syns_the_window_is_not_known_and_that_is_said(run: Run) -> None:
    strip = byte_strip(run.near.packets[4:])
    assert strip.rows()[0][4:6] == ("not known", "not known") and "its SYNs are not in it" in str(strip)


def test_a_socket_and_a_bare_connection_can_be_looked_at_as_they_are(run: Run) -> None:
    assert byte_strip(run.socket).rows()[0][1:4] == ("30002", "30002", "0")
    connection = Connection((A, 1000), (B, 80), 5)
    connection.open(0.0)
    assert byte_strip(connection).rows()[0][1:5] == ("0", "1", "1", "not known")


def test_a_recovery_with_a_board_of_its_own_kind_does_no_harm() -> None:
    connection = Connection((A, 1000), (B, 80), 5)
    connection.recovery.board = {"mine": []}  # type: ignore[attr-defined]
    recording = record(connection)
    connection.open(0.0)
    assert [m.sacked for m in recording.moments] == [()]


def test_holes_are_what_is_missing_below_sacked_bytes() -> None:
    assert Moment(0, 100, 900, 1000, ((200, 300), (500, 600))).holes == [(100, 200), (300, 500)]
    assert Moment(0, 100, 900, 1000).holes == []
    assert Moment(0, 100, 900, 1000, cwnd=300).limit == 400 and Moment(0, 100, 900, None).limit is None


# ---- windows ----------------------------------------------------------------------------------------------------


def test_the_recording_has_the_window_at_every_decision(long_run: Run) -> None:
    track = long_run.client.track()
    assert track.moments == sorted(track.moments, key=lambda m: m.time)
    assert track.losses and len(track.lost) == len(long_run.client.capture.crossings) - sum(
        c.arrival is not None for c in long_run.client.capture.crossings)  # fmt: skip
    when = track.losses[0][0]
    before, after = [m for m in track.moments if m.time < when][-1], track.at(when)
    assert before.cwnd and after.cwnd and after.cwnd < 0.6 * before.cwnd and after.ssthresh == after.cwnd
    assert len(track.resent) == long_run.client.connection.counts["retrans"]


def test_the_queue_is_what_waits_at_the_link_and_never_more_than_its_limit(long_run: Run) -> None:
    track = long_run.client.track()
    assert track.queue_name == "from r to b" and track.queue_limit == 30_000
    assert 28_000 < max(size for _, size in track.queue) <= 30_000 + 1514
    for (t0, q0), (t1, q1) in zip(track.queue, track.queue[1:], strict=False):
        assert t1 >= t0
        if t1 > t0 and q0:  # it empties at the link's rate, 5 Mbit/s
            assert q0 - q1 == pytest.approx(625_000 * (t1 - t0), abs=1)


def test_the_picture_has_two_panels_and_names_every_line(long_run: Run) -> None:
    picture = windows(long_run.client)
    said = " ".join(texts(picture.svg()))
    for words in ("cwnd", "ssthresh", "in flight", "peer's window", "queue from r to b", "its limit", "x: lost here"):
        assert words in said
    assert "3 duplicate acknowledgments" in str(picture) and "no limit" in str(picture)
    assert len(picture.svg()) < 200_000 and len(picture.rows()) <= 31
    part = windows(long_run.client, since=0.2, until=0.3)
    assert all(200 <= float(row[0].split()[0]) <= 300 for row in part.rows())


def test_from_a_capture_only_flight_and_window_are_drawn_and_the_picture_says_so(long_run: Run, tmp_path: Path) -> None:
    long_run.near.write(tmp_path / "seen.pcap")
    picture = windows(tmp_path / "seen.pcap")
    said = " ".join(texts(picture.svg()))
    assert "cwnd, ssthresh and the queue are not in packets" in said and "in flight" in said
    assert "queue from" not in said
    assert {row[1] for row in picture.rows()} == {"not known"}
    most = max(m.flight for m in long_run.client.moments)
    assert max(m.flight for m in picture.track.moments) == most


def test_a_long_recording_keeps_every_second_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlib.view.recording.MOST", 20)
    connection = Connection((A, 1000), (B, 80), 5)
    recording = record(connection)
    for i in range(1000):
        connection.note("acknowledged", "a test", i / 10)
    times = [m.time for m in recording.moments]
    assert len(times) <= 21 and times[0] == 0.0 and times[-1] > 90 and times == sorted(times)
    recording.stop()
    connection.note("acknowledged", "a test", 999.0)
    assert [m.time for m in recording.moments] == times


def test_a_socket_that_is_not_connected_cannot_be_recorded(run: Run) -> None:
    with pytest.raises(ValueError, match="no connection to record"):
        record(run.sim["a"].socket("stream"))


# ---- states -----------------------------------------------------------------------------------------------------


def path_of(changes: object) -> list[str]:
    return [str(b) for _, b in state_path(changes).steps]


def test_the_figure_has_every_state_and_every_arrow_of_the_table() -> None:
    figure = state_path()
    said = texts(figure.svg())
    assert {str(state) for state in State} <= set(said) and said.count("CLOSED") == 2
    heads = [e for e in ET.fromstring(figure.svg()).iter() if e.get("marker-end")]
    assert len(heads) == len(ARROWS)
    together = " ".join(said)
    for words in ARROWS.values():
        assert words.split(",")[0].split(" (")[0] in together


def test_the_path_is_the_same_from_recording_socket_and_capture(run: Run) -> None:
    client = ["SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]
    assert path_of(run.client) == path_of(run.socket) == path_of(run.near) == client
    server = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]
    assert path_of(run.server) == server
    assert [str(b) for _, b in state_path(run.far, side=1).steps] == server


def test_steps_are_numbered_and_have_their_causes(run: Run) -> None:
    path = state_path(run.client)
    assert path.rows()[1][2:] == ("SYN-SENT", "ESTABLISHED", "receive SYN,ACK", "receive SYN,ACK, send ACK")
    assert {"1", "2", "3", "4", "5"} <= set(texts(path.svg()))
    thick = [e for e in ET.fromstring(path.svg()).iter() if e.get("marker-end") and e.get("stroke-width") == "3"]
    assert len(thick) == 5


def test_an_end_that_the_figure_leaves_out_is_drawn_dashed() -> None:
    path = state_path([(0.0, "SYN-SENT", "active OPEN"), (0.1, "ESTABLISHED", "SYN,ACK"), (0.2, "CLOSED", "RST")])
    heads = [e for e in ET.fromstring(path.svg()).iter() if e.get("marker-end")]
    assert len(heads) == len(ARROWS) + 1 and sum(bool(e.get("stroke-dasharray")) for e in heads) == 1
    assert path.rows()[-1][-1] == "RST, ABORT or a timeout"


def test_a_path_goes_round_as_often_as_it_did_and_is_bounded() -> None:
    around = [(float(i), "LISTEN" if i % 2 else "SYN-RECEIVED", "again") for i in range(1000)]
    path = state_path([(0.0, "LISTEN", "passive OPEN"), *around])
    assert len(path.rows()) == 100 and "901 more steps" in str(path)
    assert len(path.svg()) < 40_000


def test_simultaneous_open_is_read_from_a_capture() -> None:
    both = [seen(0.0, A, 5, syn=True), seen(0.0, B, 9, syn=True),
            seen(0.1, A, 5, syn=True, ack=True, acknowledgment=10),
            seen(0.1, B, 9, syn=True, ack=True, acknowledgment=6)]  # fmt: skip
    assert path_of(both) == ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"]
    assert [str(b) for _, b in state_path(both, side=1).steps] == ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"]


def test_any_segments_in_any_order_can_be_drawn() -> None:
    flags = ({"syn": True}, {"fin": True}, {"rst": True}, {"ack": True}, {})
    capture = [
        seen(i / 10, A if i % 3 else B, i * 1_234_567_891 % 2**32, payload=bytes(i % 4), window=i * 977 % 65536,
             acknowledgment=i * 2_345_678_917 % 2**32, **flags[i * 7 % 5]) for i in range(200)
    ]  # fmt: skip
    for view in (segments(capture), byte_strip(capture), windows(capture), state_path(capture)):
        ET.fromstring(view.svg())
        assert str(view) and view._repr_html_()
