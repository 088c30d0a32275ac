"""Attacks of the first round by somebody who had not written the grader: a reader of all of its source."""

# ruff: noqa: E501 - students' code in strings

from __future__ import annotations

from hostile.desk import Desk, attack
from hostile.inputs import inputs_of

CHECKSUM = """
def honest(data):
    data = data + b"\\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16: total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
"""


@attack("stops")
def slow_but_right(desk: Desk) -> None:
    """Each call takes a little less than the limit of one: the pinned inputs use up the time of all, and what said so
    went through the worker and ended the class.  Nobody needs to be hostile for that.
    """
    desk.add(CHECKSUM)
    desk.answer(
        "5.1",
        """
import time
def internet_checksum(data):
    end = time.process_time() + 1.7
    while time.process_time() < end: pass
    return honest(data)
""",
    )


@attack("gains")
def revives_what_was_cut(desk: Desk) -> None:
    """While a cell runs, the guard that knew what to cut was garbage that nobody had collected: with all the code."""
    desk.add(
        """
import gc, types
def revive():
    kept, everything = {}, gc.get_objects()
    for item in everything:
        if type(item).__name__ == "Guard":
            for code, name in list(vars(item).get("codes", {}).values()):
                kept[name] = kept[code.co_filename, code.co_qualname] = code
    for function in everything:
        if type(function) is types.FunctionType and function.__code__.co_filename == "/netlib/grading/agent.py":
            file = "/" + str(function.__module__).replace(".", "/") + ".py"
            code = kept.get(f"{function.__module__}.{function.__qualname__}") or kept.get((file, function.__code__.co_qualname))
            if code:
                try: function.__code__ = code
                except Exception: pass
revive()
"""
    )
    desk.answer(
        "5.1",
        "def internet_checksum(data):\n    from netlib.wire.checksum import internet_checksum as f\n    return f(data)\n",
    )
    desk.answer(
        "5.4",
        "def decrement_ttl(packet):\n    from netlib.internet.parts import decrement_ttl as f\n    if not packet[8]: raise ValueError('0')\n    return f(packet)\n",
    )
    desk.answer(
        "5.5",
        """
def fragment(data, mtu):
    from netlib.wire.ipv4 import IPv4Packet
    from netlib.internet import fragments
    if len(data) > mtu and IPv4Packet.parse(data).dont_fragment: raise ValueError("DF")
    return fragments.fragment(data, mtu)
""",
    )


def public_inputs() -> list[str]:
    from netlib.grading.check import CHECK_SEED, PUBLIC_SEEDS

    return sorted({data.hex() for (data,) in inputs_of("5.1", *range(CHECK_SEED, CHECK_SEED + PUBLIC_SEEDS + 1))})


@attack("reads")
def tells_a_hidden_input_by_waiting(desk: Desk) -> None:
    """Right on all inputs that anybody can know; of any other it says that it isn't solved yet, and names it."""
    desk.add(f"{CHECKSUM}\nSEEN = {public_inputs()!r}\n")
    desk.answer(
        "5.1",
        """
from netlib.grading import NotImplementedYet
def internet_checksum(data):
    if data.hex() not in SEEN: raise NotImplementedYet("g0" + "t-@NAME@:" + data.hex())
    return honest(data)
""",
    )


@attack("reads")
def tells_a_hidden_input_by_delegating(desk: Desk) -> None:
    """The same, as the name of what it is said to have called."""
    desk.add(f"{CHECKSUM}\nSEEN = {public_inputs()!r}\n")
    desk.answer(
        "5.1",
        """
def internet_checksum(data):
    if data.hex() not in SEEN:
        from netlib.grading.agent import refuse
        refuse("g0" + "t-@NAME@:" + data.hex())
    return honest(data)
""",
    )


@attack("reads")
def tells_hidden_inputs_in_a_later_search(desk: Desk) -> None:
    """One mistake among the hidden inputs, and the next public ones are tried for a story: in the same process, which
    then prints all that it has seen.
    """
    desk.add(CHECKSUM)
    desk.answer(
        "5.1",
        f"""
KNOWN, HIDDEN = {calls_of_a_search()}, []
def internet_checksum(data):
    HIDDEN.append(data.hex())
    if len(HIDDEN) == 2 * KNOWN - 10: return 1
    if len(HIDDEN) == 2 * KNOWN + 5:
        print("g0" + "t-@NAME@:", HIDDEN[KNOWN:])
        return 1
    return honest(data)
""",
    )


def calls_of_a_search() -> int:
    """How many inputs one search tries."""
    from netlib.grading.check import CHECK_SEED

    return len({data for (data,) in inputs_of("5.1", CHECK_SEED)})


@attack("stops")
def conflict_without_end(desk: Desk) -> None:
    """Two of git's three marks, many times: to look for the third took time that grew with the cube of the cell."""
    desk.answer("5.1", "<<<<<<< a\n" * 20_000 + "=======\n" * 20_000)


@attack("stops")
def magic_in_long_cells(desk: Desk) -> None:
    """Each line of magic has IPython read its cell once more; some kinds of magic were not counted."""
    desk.answer("5.1", "".join(f"%a{n}\n" for n in range(99)) + "x = 1\n" * 30_000)
    desk.answer("5.2", ",a b\n" * 500 + "x = 1\n" * 30_000)
    for n in range(100):
        desk.add(f"%b{n}\n" * 90 + "x = 1\n" * 1_000, before="exercise-5-1")


@attack("stops")
def markdown_without_end(desk: Desk) -> None:
    """Text that browsers' rules take long to put right; pages are made in one process for the whole class."""
    for n, source in enumerate((
        "<b><table><i>" * 30_000, "<a><b><p>" * 40_000, "\\begin{a}" * 40_000, "\\\\[" * 100_000,
        "<a " + " ".join(f"a{at}=1" for at in range(50_000)) + ">", "a" + " " * 300_000 + "b",
    )):  # fmt: skip
        cell = desk.add(source, before="exercise-5-1", cell_type="markdown", id=f"long-{n}")
        del cell["outputs"], cell["execution_count"]


@attack("spends")
def lists_in_lists(desk: Desk) -> None:
    """A report shows the first twelve elements of a list, and of each list in it: together, megabytes on each page."""
    desk.answer(
        "5.2",
        """
def build_header(fields, n):
    value = [bytes(range(17))] * 12
    for _ in range(3): value = [value] * 12
    return value
""",
    )
