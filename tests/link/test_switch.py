"""The learning switch: who is where, learnt from what passes by, and never without bounds."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.link.switch import AGEING, Entry, Switch
from netlib.wire.address import MACAddress
from netlib.wire.ethernet import EthernetFrame

A, B, C = (MACAddress(f"02:00:00:00:00:0{i}") for i in (1, 2, 3))
GROUP = MACAddress("01:00:5e:00:00:01")


def frame(source: MACAddress, destination: MACAddress, payload: bytes = b"x" * 46) -> bytes:
    return EthernetFrame(destination, source, 0x88B5, payload).build()


def out(switch: Switch, port: int, data: bytes, now: float = 0.0) -> list[int]:
    """The ports by which the switch sends this frame on; each copy is the frame that came."""
    switch.receive(port, data, now)
    sent, switch.outbox = switch.outbox, []
    assert all(copy == data for _, copy in sent)
    return [to for to, _ in sent]


@pytest.fixture
def switch() -> Switch:
    return Switch("s", 4)


def test_a_frame_floods_once_and_then_not(switch: Switch) -> None:
    assert out(switch, 0, frame(A, B)) == [1, 2, 3]  # nobody knows where B is
    assert out(switch, 2, frame(B, A)) == [0]  # A has been heard
    assert out(switch, 0, frame(A, B)) == [2]
    assert (switch.flooded, switch.forwarded, switch.filtered) == (1, 2, 0)
    assert switch.table == {B: Entry(2, AGEING), A: Entry(0, AGEING)}


def test_what_is_for_the_same_port_is_filtered(switch: Switch) -> None:
    out(switch, 1, frame(A, C))
    assert out(switch, 1, frame(B, A)) == []
    assert out(switch, 1, frame(A, A)) == []
    assert switch.filtered == 2
    assert switch.table[B].port == 1  # and its sender is learnt all the same


@pytest.mark.parametrize("group", [MACAddress.BROADCAST, GROUP, MACAddress("33:33:00:00:00:01")])
def test_groups_get_every_frame_and_are_never_learnt(switch: Switch, group: MACAddress) -> None:
    for _ in range(2):
        assert out(switch, 0, frame(A, group)) == [1, 2, 3]
    assert out(switch, 3, frame(group, A)) == []
    assert list(switch.table) == [A] and switch.dropped == {"Ethernet invalid source": 1}
    assert out(switch, 0, frame(A, group)) == [1, 2, 3]


def test_an_entry_counts_until_its_ageing_time_is_over_and_each_frame_renews_it(switch: Switch) -> None:
    out(switch, 0, frame(A, B), 0.0)
    assert out(switch, 1, frame(B, A), 299.999) == [0]
    assert out(switch, 1, frame(B, A), 300.0) == [0, 2, 3]  # also where nobody has called tick
    out(switch, 0, frame(A, B), 300.0)
    assert out(switch, 1, frame(B, A), 599.0) == [0]


def test_known_is_what_counts_at_that_time(switch: Switch) -> None:
    out(switch, 0, frame(A, B), 0.0)
    out(switch, 3, frame(B, A), 10.0)
    assert switch.known(299.9) == {A: 0, B: 3}
    assert switch.known(300.0) == {B: 3} and set(switch.table) == {A, B}  # also where nobody has called tick


def test_tick_forgets_what_is_due_and_nothing_else(switch: Switch) -> None:
    assert switch.deadline() is None
    out(switch, 0, frame(A, B), 0.0)
    out(switch, 1, frame(B, A), 10.0)
    out(switch, 2, frame(C, A), 20.0)
    out(switch, 0, frame(A, B), 30.0)
    assert switch.deadline() == 310.0
    switch.tick(309.9)
    assert set(switch.table) == {A, B, C}
    switch.tick(310.0)
    assert set(switch.table) == {A, C} and switch.deadline() == 320.0
    switch.tick(1000.0)
    assert not switch.table and switch.deadline() is None


def test_who_moves_is_found_at_the_new_port_at_once(switch: Switch) -> None:
    out(switch, 0, frame(A, B))
    out(switch, 3, frame(A, MACAddress.BROADCAST), 1.0)
    assert out(switch, 1, frame(B, A), 1.0) == [3]
    assert len(switch.table) == 2


def test_a_full_table_learns_nobody_new_but_still_moves_and_renews() -> None:
    switch = Switch("s", 3, limit=2)
    out(switch, 0, frame(A, C), 0.0)
    out(switch, 1, frame(B, C), 1.0)
    for number in range(1000):  # a flood of forged addresses
        out(switch, 2, frame(MACAddress(b"\x02\1" + number.to_bytes(4, "big")), C), 2.0)
    assert list(switch.table) == [A, B]
    assert out(switch, 0, frame(A, B), 3.0) == [1]  # it pushes nobody out
    assert out(switch, 0, frame(A, C), 3.0) == [1, 2]
    out(switch, 2, frame(B, A), 4.0)
    assert switch.table == {A: Entry(0, 303.0), B: Entry(2, 304.0)}
    out(switch, 1, frame(C, A), 303.5)  # room again: A is too old
    assert set(switch.table) == {B, C}


@pytest.mark.parametrize("options", [{"ageing": 0.0}, {"limit": 0}])
def test_a_switch_that_remembers_nothing_is_a_hub(options: dict[str, float]) -> None:
    hub = Switch("hub", 3, **options)  # type: ignore[arg-type]
    for now in range(3):
        assert out(hub, 0, frame(A, B), now) == [1, 2]
        assert out(hub, 1, frame(B, A), now) == [0, 2]
    assert hub.flooded == 6


@pytest.mark.parametrize("last, passes", [(0x00, False), (0x01, False), (0x0E, False), (0x0F, False), (0x10, True)])
def test_what_is_for_the_next_device_only_goes_no_further(switch: Switch, last: int, passes: bool) -> None:
    out(switch, 1, frame(B, A))
    assert out(switch, 0, frame(A, MACAddress(b"\x01\x80\xc2\0\0" + bytes([last])))) == ([1, 2, 3] if passes else [])
    assert switch.table[A].port == 0  # its sender is learnt


def test_what_is_no_frame_is_dropped_and_counted(switch: Switch) -> None:
    for data in (b"", bytes(13), frame(MACAddress.ANY, A), frame(MACAddress.BROADCAST, A)):
        assert out(switch, 0, data) == []
    assert switch.dropped == {"Ethernet truncated": 2, "Ethernet invalid source": 2}
    assert out(switch, 0, frame(A, B, b"")) == [1, 2, 3]  # 14 bytes are one
    assert not (switch.filtered or switch.forwarded)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Switch("s", 0),
        lambda: Switch("s", 2, ageing=-1.0),
        lambda: Switch("s", 2, ageing=float("nan")),
        lambda: Switch("s", 2, limit=-1),
        lambda: Switch("s", 2).receive(2, bytes(60), 0.0),
        lambda: Switch("s", 2).receive(-1, bytes(60), 0.0),
    ],
)
def test_mistakes_are_told_in_a_line(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"^switch 's'") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_it_prints_its_table(switch: Switch) -> None:
    out(switch, 2, frame(A, B), 1.5)
    assert str(switch) == "switch s: 1 of at most 1024 addresses\n02:00:00:00:00:01  port 2  until 301.500 s"
    assert repr(switch) == "<switch s, 4 ports, 1 addresses>"


class Diary:
    """The same, as slowly as can be: it keeps all that it has heard and reads it from the end."""

    def __init__(self, ports: int, ageing: float) -> None:
        self.ports, self.ageing = ports, ageing
        self.heard: list[tuple[float, MACAddress, int]] = []

    def out(self, port: int, source: MACAddress, destination: MACAddress, now: float) -> list[int]:
        self.heard.append((now, source, port))
        if not destination.is_group:
            for when, who, where in reversed(self.heard):
                if who == destination and now < when + self.ageing:
                    return [where] if where != port else []
        return [other for other in range(self.ports) if other != port]


events = st.tuples(
    st.integers(0, 3),
    st.sampled_from([A, B, C]),
    st.sampled_from([A, B, C, MACAddress.BROADCAST]),
    st.sampled_from([0.0, 0.5, 4.0, 5.0]),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(events, max_size=40))
def test_it_does_what_a_diary_of_all_frames_says(
    history: list[tuple[int, MACAddress, MACAddress, float, bool]],
) -> None:
    switch, diary = Switch("s", 4, ageing=5.0), Diary(4, 5.0)
    now = 0.0
    for port, source, destination, later, tick in history:
        now += later
        if tick:  # whether the owner is punctual changes nothing
            switch.tick(now)
            assert (deadline := switch.deadline()) is None or deadline > now
        assert out(switch, port, frame(source, destination), now) == diary.out(port, source, destination, now)
    assert switch.flooded + switch.forwarded + switch.filtered == len(history)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=20)), max_size=50), st.integers(0, 4))
def test_no_bytes_break_it_and_the_table_keeps_its_bound(noise: list[tuple[int, bytes]], limit: int) -> None:
    switch = Switch("s", 3, limit=limit)
    for port, data in noise:
        assert port not in out(switch, port, data)
        assert len(switch.table) <= limit
        assert not any(address.is_group for address in switch.table)
