"""Calling netlib's own function as the answer does not pass, however it is called."""

import asyncio
import contextlib
import functools
import importlib
import operator
import sys
import threading
import zlib

import pytest
from grading import toys
from hypothesis import strategies as st

from netlib.grading import Exercise, Scenario, StatefulExercise, check, register, steps
from netlib.grading.guard import Guard
from netlib.wire import checksum
from netlib.wire.address import IPv4Address
from netlib.wire.checksum import internet_checksum
from netlib.wire.checksum import internet_checksum as innocent
from netlib.wire.ipv4 import IPv4Packet


def own(data):
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return -total % 0xFFFF if total else 0xFFFF


class Sneaky(IPv4Packet):
    """A class of one's own, with netlib's build."""


def by_import(data):
    from netlib.wire.checksum import internet_checksum

    return internet_checksum(data)


def by_importlib(data):
    return importlib.import_module("netlib.wire." + "checksum").internet_checksum(data)


def by_getattr(data):
    return getattr(checksum, "internet_" + "checksum")(data)


def by_sys_modules(data):
    return vars(sys.modules["netlib.wire.checksum"])["internet_checksum"](data)


def by_other_function(data):
    return checksum.internet_checksum_by_words(data)


def while_swallowing(data):
    try:
        return internet_checksum(data)
    except BaseException:
        return own(data)


def only_to_look(data):
    with contextlib.suppress(BaseException):
        internet_checksum(data)
    return own(data)


def in_a_thread(data):
    found = []
    thread = threading.Thread(target=lambda: found.append(internet_checksum(data)))
    thread.start()
    thread.join()
    return found[0]


def with_the_guard_off(data):
    sys.setprofile(None)
    return internet_checksum(data)


def by_its_code(data):
    copied = type(own)(internet_checksum.__code__, {})
    return copied(data, b"")


class Callable:
    __call__ = staticmethod(internet_checksum)


def by_default_argument(data, f=internet_checksum):
    return f(data)


def by_map(data):
    return next(map(internet_checksum, [data]))


DELEGATING = {
    "the function itself": internet_checksum,
    "an alias": innocent,
    "partial": functools.partial(internet_checksum),
    "partial with an argument": functools.partial(internet_checksum, pseudo_header=b""),
    "lambda": lambda data: internet_checksum(data),
    "wrapped": functools.lru_cache(internet_checksum),
    "attrgetter": lambda data: operator.attrgetter("internet_checksum")(checksum)(data),
    "methodcaller": lambda data: operator.methodcaller("internet_checksum", data)(checksum),
    "callable object": Callable(),
    **{f.__name__: f for f in (by_import, by_importlib, by_getattr, by_sys_modules, by_other_function)},
    **{f.__name__: f for f in (while_swallowing, only_to_look, in_a_thread, by_its_code, by_default_argument, by_map)},
}


@pytest.mark.parametrize("answer", DELEGATING.values(), ids=DELEGATING)
def test_delegating_is_noticed(answer):
    report = check("0.1", answer)
    assert report.cause == "delegated"
    assert report.message.startswith("0.1 word_sum: your answer called netlib.wire.checksum.internet_checksum")
    assert report.message.endswith("; write it yourself")


def test_switching_the_guard_off_is_noticed():
    assert "your answer called sys.setprofile" in check("0.1", with_the_guard_off).message


def test_the_reference_is_on_the_list_without_being_named():
    assert "called grading.toys.word_sum" in check("0.1", toys.word_sum).message
    assert "called grading.toys.word_sum" in check("0.1", lambda data: toys.CHECKSUM.reference(data)).message


def test_using_addresses_and_own_code_is_allowed():
    def word_sum(data):
        IPv4Address("10.0.0.1")
        return own(data)

    assert check("0.1", word_sum).ok


def test_this_process_is_not_guarded():
    check("0.1", DELEGATING["lambda"])
    assert sys.getprofile() is None
    assert internet_checksum(b"\0\1") == 0xFFFE


def packets_of(length):
    return IPv4Packet(source=IPv4Address("10.0.0.1"), destination=IPv4Address("10.0.0.2"), payload=bytes(length))


BUILT = Exercise(
    number="0.20",
    name="built",
    points=1,
    reference=lambda packet: packet.build(),
    inputs=st.tuples(st.integers(0, 20).map(packets_of)),
    without=("netlib.wire.ipv4", "netlib.wire.packet"),
)
register(BUILT)


def by_subclass(packet):
    mine = Sneaky(**{name: getattr(packet, name) for name in ("ttl", "source", "destination", "payload")})
    return mine.build()


def by_super(packet):
    class Mine(IPv4Packet):
        def build(self):
            return super().build()

    return Mine(source=packet.source, destination=packet.destination, payload=packet.payload).build()


def by_class(packet):
    return IPv4Packet.build(packet)


def by_stack(packet):
    from netlib.wire.packet import stack

    return stack(packet)


@pytest.mark.parametrize("answer", [by_subclass, by_super, by_class, by_stack])
def test_netlibs_methods_are_noticed_also_through_subclasses(answer):
    report = check("0.20", answer)
    assert report.cause == "delegated"
    assert "your answer called netlib.wire." in report.message


def test_code_that_the_header_declaration_compiles_is_noticed():
    data = packets_of(0).build()
    for listed in ("netlib.wire", "netlib.wire.ipv4", "netlib.wire.ipv4.IPv4Packet.parse_header"):
        with Guard([listed], ["netlib.wire.address"]) as guard:
            IPv4Packet.parse_header(data)
        assert any("IPv4Packet.parse_header" in name for name in guard.called), listed


def test_building_a_packet_object_and_reading_its_fields_is_allowed():
    def built(packet):
        IPv4Packet(ttl=packet.ttl, payload=packet.payload) == packet  # noqa: B015
        return b""

    assert check("0.20", built).cause == "value"


def test_allowing_takes_names_off_the_list():
    with Guard(["netlib.wire"], ["netlib.wire.address", "netlib.wire.checksum.update_checksum"]) as guard:
        IPv4Address("10.0.0.1")
        checksum.update_checksum(0, b"\0\0", b"\0\1")
    assert guard.called == []
    with guard:
        internet_checksum(b"")
    assert guard.called == ["netlib.wire.checksum.internet_checksum"]


def test_properties_class_methods_builtins_and_caches_are_noticed():
    class Kind:
        @property
        def prop(self):
            return 1

        @classmethod
        def make(cls):
            return cls()

        @staticmethod
        def static(): ...

    @functools.lru_cache
    def cached(): ...

    for use in (lambda: Kind().prop, Kind.make, Kind.static, lambda: Kind.make.__func__(Kind)):
        with Guard(also=[Kind]) as guard:
            use()
        assert len(guard.called) == 1, use
    with Guard(["zlib.crc32"]) as guard:
        zlib.crc32(b"")
    assert guard.called == ["zlib.crc32"]
    cached()
    guard = Guard(also=[cached])
    guard.forget_caches()
    with guard:
        cached()
    assert len(guard.called) == 1


def test_a_name_that_does_not_exist_is_an_error_of_the_author():
    with pytest.raises(ValueError, match="there is no such module, class or function"):
        Guard(["netlib.wire.checksum.interned_checksum"])
    with pytest.raises(ValueError, match="there is no such module"):
        Guard(["netlib.wires"])


class Adder:
    def __init__(self):
        self.total = b""

    def add(self, data):
        self.total += data
        return own(self.total)


class AdderThatDelegates(Adder):
    def add(self, data):
        self.total += data
        return internet_checksum(self.total)


STATEFUL = StatefulExercise(
    number="0.21",
    name="Adder",
    points=1,
    reference=type("Reference", (Adder,), {"add": lambda self, data: Adder.add(self, data)}),
    inputs=steps(add=st.tuples(st.binary(max_size=4))),
    without=("netlib.wire.checksum",),
)


async def nap():
    await asyncio.sleep(0)


def run_coroutine(student, data):
    internet_checksum(data)  # the scenario itself may
    return asyncio.run(student(data))


SCENARIO = Scenario(
    number="0.22",
    name="later",
    points=1,
    run=run_coroutine,
    reference=None,
    judge=lambda args, got: None if got == own(args[0]) else "wrong",
    inputs=st.tuples(st.binary(max_size=4)),
    without=("netlib.wire.checksum",),
    examples=10,
)
register(STATEFUL, SCENARIO)


def test_a_class_is_guarded_in_every_method():
    assert check("0.21", AdderThatDelegates).cause == "delegated"
    assert check("0.21", lambda: AdderThatDelegates()).cause == "delegated"
    assert check("0.21", Adder).ok


def test_a_coroutine_is_guarded_while_it_runs_and_only_then():
    async def delegates(data):
        await nap()
        return internet_checksum(data)

    async def later(data):
        await nap()
        return own(data)

    assert check("0.22", delegates).cause == "delegated"
    assert check("0.22", later).ok
