"""netlib as a student's process has it: what is asked for is gone, whatever one tries, and the rest works."""

from __future__ import annotations

import copyreg
import os

import pytest
from instructor.attacks import call

from netlib.authoring.chapter import find_chapters, find_root
from netlib.grading import exercise
from netlib.grading.check import CHECK_SEED, examine
from netlib.grading.report import Report
from netlib.grading.zoo import load_zoo
from netlib.instructor import bubblewrap, cut
from netlib.instructor.bubblewrap import Sandboxed
from netlib.instructor.program import Program
from netlib.kernel.errors import SocketError

pytestmark = pytest.mark.skipif(bool(bubblewrap.available()), reason=bubblewrap.available())
CUT = "NotWhileGraded"
PACKET = "from netlib import IPv4Packet\n"

DELEGATING = [
    ("5.1", "import netlib; return netlib.internet_checksum(b'ab')"),
    ("5.1", "from netlib.wire import checksum; return checksum.internet_checksum(b'ab')"),
    ("5.1", "from netlib import ICMPEcho; return ICMPEcho().build()"),
    ("5.1", "import importlib, netlib.wire.checksum as c; importlib.reload(c); return c.internet_checksum(b'ab')"),
    ("5.1", "import sys; del sys.modules['netlib.wire.checksum']\n"
            "from netlib.wire.checksum import internet_checksum as f\nreturn f(b'ab')"),
    ("5.1", "import netlib.wire.checksum as c, types\nf = c.internet_checksum\n"
            "return types.FunctionType(f.__code__, f.__globals__)(b'ab', b'')"),
    ("5.1", "import copy, netlib; return copy.deepcopy(netlib.internet_checksum)(b'ab')"),
    ("5.1", "import functools, netlib; return functools.partial(netlib.internet_checksum, b'ab')()"),
    ("5.1", "import inspect, netlib; return inspect.getsource(netlib.internet_checksum)"),
    ("5.1", "import netlib; return open(netlib.__file__).read()"),
    ("5.1", "import pkgutil; return pkgutil.get_data('netlib.wire', 'checksum.py').decode()"),
    ("5.1", "from netlib.exercises.ip_packet import internet_checksum"),
    ("5.1", "from netlib.exercises import ip_packet_mistakes as m; return m.carry_once(b'ab')"),
    ("5.1", "from netlib.grading.mine import mine; return mine('5.1')(b'ab')"),
    ("5.1", "from netlib.grading import exercise; return exercise('5.1').reference(b'ab')"),
    ("5.1", "from netlib.instructor import examiner"),
    ("5.1", "import scapy.utils as s; return s.checksum(b'ab')"),
    ("5.1", "import dpkt"),
    ("5.1", "import subprocess; return subprocess.run(['cat', '/etc/passwd'])"),
    ("5.2", PACKET + "return IPv4Packet(ttl=3).build()"),
    ("5.2", PACKET + "return IPv4Packet(ttl=3).build_header()"),
    ("5.3", PACKET + "return IPv4Packet.parse(bytes(20))"),
    ("5.3", PACKET + "scope = dict(IPv4Packet.parse_header.__func__.__globals__)\n"
            "exec(IPv4Packet.source_code, scope)\nreturn scope['parse_header'](IPv4Packet, bytes(20))"),
    ("5.3", "from netlib import decode; return decode(bytes(20))"),
    ("5.5", "from netlib.internet.fragments import fragment; return fragment(bytes(20), 100)"),
    ("5.6", "from netlib.internet.fragments import Reassembler; return Reassembler().add(bytes(20), 0.0)"),
    ("6.1", "from netlib.internet.icmp import echo_reply; return echo_reply(b'')"),
    ("6.2", "from netlib.internet.icmp import error; return error(b'', 3, 3)"),
    ("6.3", "from netlib.exercises.icmp_path import match; return match(b'', [])"),
    ("6.3", "from netlib.exercises.icmp import walk; f = walk.__defaults__[0]\nreturn f(bytes(8), [])"),
    ("6.4", "from netlib.exercises.icmp_path import Traceroute; return Traceroute().poll(0.0)"),
    ("6.5", "from netlib.exercises.icmp_path import read_path; return read_path([], '')"),
    ("6.5", "from netlib.grading.mine import mine; return mine('6.5')([], '')"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "body"), DELEGATING)
def test_delegating_leads_nowhere(number: str, body: str) -> None:
    outcome = call(body, number=number)
    assert outcome.kind in ("raised", "died"), outcome
    if outcome.called or not outcome.raised:
        return
    assert outcome.raised.name in (
        "NotHere", "ImportError", "OSError", "FileNotFoundError", "PermissionError", "ModuleNotFoundError", "KeyError",
        "AttributeError", "TypeError",
    ), outcome  # fmt: skip


def test_catching_everything_hides_nothing() -> None:
    outcome = call("import netlib\ntry: netlib.internet_checksum(b'')\nexcept BaseException: return 0xFFFF")
    assert outcome.value == 0xFFFF and outcome.called


LEFT = """
import importlib, types
home, _, name = %r.rpartition(".")
try:
    thing = getattr(importlib.import_module(home), name)
except (ImportError, AttributeError):
    return "not there"
members = vars(thing).items() if isinstance(thing, type) else [(name, thing)]
left = [name for name, member in members if isinstance(member, types.FunctionType) and not name.startswith("__")
        and member.__code__.co_filename != "/netlib/grading/agent.py"]
return left or "cut"
"""


@pytest.mark.parametrize("number", [number for number, _ in sorted(cut.declared().items())])
def test_no_exercise_leaves_its_own_answer(number: str) -> None:
    """Whatever an exercise lists: its reference is not there, or cut."""
    reference = exercise(number).reference
    if reference is None:
        return
    name = f"{reference.__module__}.{getattr(reference, '__name__', '<none>')}"
    assert call(LEFT % name, number=number).value in ("not there", "cut")


HUNT = """
import gc, types
needle = %r
seen, found, todo = set(), [], gc.get_objects()
while todo:
    thing = todo.pop()
    if id(thing) in seen: continue
    seen.add(id(thing))
    if isinstance(thing, types.CodeType):
        if thing.co_filename.startswith("/netlib/") and needle in thing.co_names + thing.co_varnames:
            found.append(thing.co_qualname)
        todo += [each for each in thing.co_consts if isinstance(each, types.CodeType)]
    elif isinstance(thing, (bytes, str)):
        there = (needle if isinstance(thing, str) else needle.encode()) in thing
        if there and len(thing) > 200 and "needle = " not in str(thing):
            found.append(str(thing)[:80])
    elif isinstance(thing, types.FunctionType):
        todo.append(thing.__code__)
    elif isinstance(thing, types.FrameType):
        todo += [thing.f_code, *thing.f_locals.values()]
    else:
        todo += gc.get_referents(thing)
return found
"""


def test_hunting_for_what_was_cut_finds_nothing() -> None:
    """Neither code nor source of a function that was cut, through all that the garbage collector knows of."""
    assert call(HUNT % "struct_error", number="5.3").value == []
    assert call(HUNT % "insort", number="5.6").value == []
    assert call(HUNT % "insort", number="6.1").value != []  # the hunt does find what is there


def test_what_is_not_asked_for_works() -> None:
    assert call("import netlib; return netlib.internet_checksum(b'ab')", number="6.1").value == 0x9E9D
    address = call("from netlib import IPv4Address; return str(IPv4Address('10.0.0.1'))", number="5.2")
    assert address.value == "10.0.0.1"
    assert call(PACKET + "return IPv4Packet(ttl=3).ttl", number="5.2").value == 3
    body = """
    from netlib import Host, MACAddress, Simulation
    from netlib.apps.ping import ping
    sim = Simulation(seed=1)
    a, b = sim.host("a"), sim.host("b")
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"), delay=0.01)
    return sim.run(ping(a, "10.0.0.2", count=2)).received
    """
    assert call(body, number="6.3", limit=20.0).kind in ("returned", "raised")


@pytest.mark.parametrize("number", ["5.1", "5.4", "6.1", "6.4"])
def test_all_of_netlib_can_be_imported(number: str) -> None:
    body = """
    import sys, importlib
    importer = next(item for item in sys.meta_path if type(item).__name__ == "Importer")
    failed = {}
    for name in list(importer.modules):
        try: importlib.import_module(name)
        except BaseException as error: failed[name] = repr(error)
    return failed
    """
    assert call(body, number=number).value == {}


@pytest.mark.parametrize("number", ["5.1", "5.2", "5.3", "5.4", "5.5", "5.6"])
def test_mine_gives_netlibs_answer_in_another_chapter(number: str) -> None:
    outcome = call(f"from netlib.grading.mine import mine; return mine({number!r}).__name__", number="6.4")
    assert outcome.kind == "returned", outcome


def test_no_path_of_this_machine_and_no_zoo_goes_along() -> None:
    for number in ("5.1", "6.1"):
        data = cut.boot_package(exercise(number))
        assert str(cut.NETLIB).encode() not in data
        assert b"hypothesis" not in data.replace(b"netlib.grading", b"") or b"import hypothesis" not in data
        for secret in (b"carry_once", b"in_simulation", b"GRADE_SEED", b"kill_table"):
            assert secret not in data


# ---- the same verdict as in the notebook ---------------------------------------------------------------------------


def animals() -> list[tuple[str, str, str, int]]:
    """A fifth of all: chapter, exercise, WRONG or RIGHT, and which."""
    found = []
    for chapter in find_chapters(find_root(), None, "zoo.py"):
        wrong, right = load_zoo(chapter.folder)
        for side, zoo in (("WRONG", wrong), ("RIGHT", right)):
            found += [(chapter.name, number, side, at) for number in zoo for at in range(len(zoo[number]))]
    return found[:: 1 if "ALL_ANIMALS" in os.environ else 5]


@pytest.mark.parametrize(("chapter", "number", "side", "at"), animals())
def test_the_verdict_is_the_notebooks(chapter: str, number: str, side: str, at: int) -> None:
    graded = in_the_sandbox(chapter, number, side, at)
    answer = load_zoo(find_root() / "solutions" / chapter / "zoo.py")[side == "RIGHT"][number][at]
    expected = examine(exercise(number), answer, CHECK_SEED, shrink=False)
    verdict = graded.status, graded.cause, graded.points
    assert verdict == (expected.status, expected.cause, expected.points), graded.message
    assert graded.message == expected.message


def in_the_sandbox(chapter: str, number: str, side: str, at: int) -> Report:
    zoo = find_root() / "solutions" / chapter / "zoo.py"
    program = Program(number, f"{side}[{number!r}][{at}]", [("zoo", zoo.read_text("utf-8"))])
    starter = Sandboxed(exercise(number), program)
    return examine(exercise(number), None, CHECK_SEED, shrink=False, starter=starter)


def unknown_there(*told: object) -> None: ...


def test_other_libraries_do_not_change_what_a_student_can_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    """dask has every exception pickled by a function that is not in the sandbox."""
    monkeypatch.setitem(copyreg.dispatch_table, SocketError, lambda error: (unknown_there, (error.name,)))
    graded = in_the_sandbox("09-udp", "9.4", "RIGHT", 1)
    assert graded.status == "passed", graded.message
