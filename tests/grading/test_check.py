"""Every state of a check, the story that a failure tells, and that it is the same story each time."""

import hashlib
import os
import pickle
import random
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from grading import toys
from hypothesis import strategies as st

from netlib.grading import CheckFailed, Exercise, NotImplementedYet, Scenario, check, exercise, grade, register
from netlib.grading.check import CHECK_SEED, GRADE_SEED
from netlib.grading.search import Search
from netlib.wire.address import IPv4Address
from netlib.wire.icmp import ICMPEcho
from netlib.wire.ipv4 import IPv4Packet
from netlib.wire.packet import stack

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def right(data):
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return -total % 0xFFFF if total else 0xFFFF


def carry_dropped(data):
    padded = data + bytes(len(data) % 2)
    return ~sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2)) & 0xFFFF


def index_error(data):
    total = 0
    for i in range(0, len(data), 2):
        total += data[i] << 8 | data[i + 1]
    return right(data)


def part(report, heading):
    return next(part.text for part in report.story if part.heading.startswith(heading))


def test_a_starter_is_waited_for():
    def word_sum(data):
        raise NotImplementedYet("0.1 word_sum")

    report = check("0.1", word_sum)
    assert report.status == "waiting"
    assert report.message == "waiting for exercise 0.1 word_sum"


def test_an_answer_that_waits_for_an_earlier_exercise_says_which():
    def build_toy(kind, code, payload):
        raise NotImplementedYet("0.1 word_sum")

    assert check("0.2", build_toy).message == "0.2 build_toy: waiting for exercise 0.1 word_sum"


def test_not_implemented_yet_is_one_line_everywhere():
    error = NotImplementedYet("5.2 internet_checksum")
    assert str(error) == "waiting for exercise 5.2 internet_checksum"
    assert error._render_traceback_() == [str(error)]


def test_a_right_answer_passes_with_its_points():
    report = check("0.1", right)
    assert report.ok
    assert (report.points, report.pinned, report.random) == (4, 2, 200)
    assert repr(report) == "✓ 0.1 word_sum: passed: 2 pinned and 200 random inputs (4 points)"


def test_a_wrong_answer_gets_the_smallest_counterexample():
    report = check("0.1", carry_dropped)
    assert (report.status, report.cause) == ("failed", "value")
    called = {"word_sum": lambda data: data, "bytes": bytes}
    data = eval(part(report, "To see it again"), called)
    assert carry_dropped(data) != toys.word_sum(data)
    # every shorter input is answered right, so none of them would do
    shorter = [b"", *(bytes([a]) for a in range(256)), *(bytes([a, b]) for a in range(256) for b in range(256))]
    assert len(data) == 3
    assert all(carry_dropped(item) == toys.word_sum(item) for item in shorter)


def test_the_smallest_odd_length_is_one_byte():
    """Shrinking byte by byte would stop at three: two is right again."""
    assert part(check("0.1", index_error), "To see it again") == 'word_sum(bytes.fromhex("00"))'


def test_the_story_says_what_was_expected_why_and_what_came():
    report = check("0.1", carry_dropped)
    assert "RFC 1071 section 1" in part(report, "Expected")
    assert "summed as 16-bit words" in part(report, "Expected")
    assert "0x" in part(report, "Your function returned")
    assert part(report, "A guess") == "It looks as if carries are dropped; add them back at the bottom."


def test_a_mistake_that_is_not_known_is_not_guessed():
    report = check("0.1", lambda data: 0x1234)
    assert not [part for part in report.story if part.heading.startswith("A guess")]


def test_an_exception_comes_with_the_students_own_line():
    report = check("0.1", index_error)
    text = part(report, "Your function raised")
    assert text.startswith("IndexError: index out of range\nin line ")
    assert text.endswith("total += data[i] << 8 | data[i + 1]")


def test_a_pinned_case_says_what_it_is_about():
    register(
        Exercise(
            number="0.60",
            name="minus",
            points=1,
            reference=lambda n: n,
            pinned={"the answer": (42,)},
        )
    )
    assert "(the answer)" in repr(check("0.60", lambda n: -n))


def test_bytes_are_set_side_by_side_with_the_field_named():
    def build_toy(kind, code, payload):
        head = bytes([kind, code, 0, 0]) + payload
        return bytes([kind, code]) + right(head).to_bytes(2, "little") + payload if len(payload) <= 8 else reject()

    def reject():
        raise ValueError

    text = part(check("0.2", build_toy), "Side by side")
    assert "checksum" in text


def test_returning_something_that_must_be_rejected_is_told_as_that():
    def build_toy(kind, code, payload):
        head = bytes([kind, code, 0, 0]) + payload
        return bytes([kind, code]) + right(head).to_bytes(2, "big") + payload

    report = check("0.2", build_toy)
    assert report.cause == "accepted"
    assert "has to be rejected: raise ValueError" in part(report, "What went wrong")
    assert part(report, "Expected").startswith("raises ValueError (payload: 9 bytes, 8 fit)")
    assert "9 times 00 (9 bytes)" in part(report, "The smallest input") or "00 00 00" in repr(report)


def test_rejecting_with_another_exception_is_told_as_that():
    def build_toy(kind, code, payload):
        if len(payload) > 8:
            raise KeyError("no")
        head = bytes([kind, code, 0, 0]) + payload
        return bytes([kind, code]) + right(head).to_bytes(2, "big") + payload

    report = check("0.2", build_toy)
    assert report.cause == "rejection"
    assert "your function raised KeyError" in part(report, "What went wrong")


def test_a_derived_exception_rejects_as_well():
    class TooLong(ValueError):
        pass

    def build_toy(kind, code, payload):
        if len(payload) > 8:
            raise TooLong
        head = bytes([kind, code, 0, 0]) + payload
        return bytes([kind, code]) + right(head).to_bytes(2, "big") + payload

    assert check("0.2", build_toy).ok


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "returned None where an int is expected. Is a return missing?"),
        ("1", "returned text (a str) where an int is expected"),
        (1.0, "returned a float where an int is expected"),
        (object(), "returned an object of class object where an int is expected"),
    ],
)
def test_a_wrong_type_is_called_that(value, said):
    assert said in repr(check("0.1", lambda data: value))


def test_a_none_among_other_answers_is_no_missing_return():
    text = repr(check("0.1", lambda data: None if data == b"\xff\xff" else right(data)))
    assert "returned None where an int is expected." in text
    assert "missing" not in text


class OnlyOnce:
    """A Counter that never counts past one."""

    def __init__(self, limit=3):
        self.limit, self.held = limit, set()

    def add(self, key):
        if key not in self.held and len(self.held) >= self.limit:
            raise ValueError("full")
        self.held.add(key)
        return 1

    def expire(self):
        count = len(self.held)
        self.held = set()
        return count

    @property
    def size(self):
        return len(self.held)


class Counts(OnlyOnce):
    def __init__(self, limit=3):
        super().__init__(limit)
        self.counts = {}

    def add(self, key):
        super().add(key)
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]

    def expire(self):
        self.counts = {}
        return super().expire()


def test_a_class_gets_the_shortest_list_of_steps():
    report = check("0.3", OnlyOnce)
    assert part(report, "To see it again") == "answer = Counter(1); answer.add(0); answer.add(0)"
    assert part(report, "The fewest steps").splitlines() == [
        "  1. Counter(1)",
        "  2. add(0)  ->  1",
        "     (key 0)",
        "! 3. add(0)  ->  1   <- here",
        "     (key 0)",
    ]
    assert part(report, "Expected") == "2"


def test_a_right_class_passes():
    assert check("0.3", Counts).ok


def test_a_class_without_a_method_is_told_so():
    class Counter:
        def __init__(self, limit=3): ...

    assert "AttributeError" in repr(check("0.3", Counter))


def test_a_scenario_names_the_property_that_does_not_hold():
    report = check("0.4", lambda request: b"\0\0\0")
    assert part(report, "What went wrong") == "This does not hold: the reply keeps the number."
    assert part(report, "The smallest input") == "losses = [True, False]"
    assert [part for part in report.story if part.heading == "The exchange"]
    assert check("0.4", lambda request: bytes([0, 0, request[2]])).ok


def test_a_judge_accepts_any_right_answer_and_says_what_is_wrong():
    assert check("0.5", lambda data, size: [data[i : i + size] for i in range(0, len(data), size)]).ok
    assert check("0.5", lambda data, size: [bytes([byte]) for byte in data]).ok
    report = check("0.5", lambda data, size: [data])
    assert "a piece has 2 bytes, 1 are allowed" in repr(report)
    assert part(report, "To see it again") == 'cut(bytes.fromhex("0000"), 1)'


def test_a_judge_that_trips_over_a_value_is_a_failure_of_the_answer():
    assert "can't be judged" in repr(check("0.5", lambda data, size: 7))


def test_an_answer_that_remembers_earlier_calls_is_told_so():
    seen = []

    def word_sum(data):
        seen.append(data)
        return right(data) if len(seen) < 10 else right(b"".join(seen))

    assert [part for part in check("0.1", word_sum).story if part.heading == "It depends on earlier calls"]


def test_what_is_no_function_is_refused_in_one_line():
    assert check("0.1", None).message == "0.1 word_sum: check needs your function word_sum, and was given None"
    assert check("0.3", 3).message == "0.3 Counter: check needs your class Counter, and was given an int"


def test_an_unknown_number_names_those_that_there_are():
    with pytest.raises(KeyError, match=r"there is no exercise '0\.99': chapter 0 has 0\.1, "):
        check("0.99", right)


def test_a_function_that_throws_dice_gets_the_same_report_twice():
    def word_sum(data):
        return random.getrandbits(16)

    assert repr(check("0.1", word_sum)) == repr(check("0.1", word_sum))


@pytest.mark.parametrize("answer", [carry_dropped, index_error])
def test_a_report_is_the_same_twice(answer):
    first, second = check("0.1", answer), check("0.1", answer)
    assert repr(first) == repr(second)
    assert first._repr_html_() == second._repr_html_()


TESTS = str(Path(__file__).parents[1])


def in_another_process(code, **options):
    code = f"import sys; sys.path.insert(0, {TESTS!r}); {code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, **options).stdout


def tried(number, answer):
    """A digest of all inputs that a check tries."""
    search = Search(exercise(number), answer, CHECK_SEED, shrink=False)
    assert search.run() is None
    return hashlib.sha256(b"".join(search.verdicts)).hexdigest()


def test_inputs_and_report_are_the_same_in_another_process(tmp_path):
    """Whatever modules are loaded, hypothesis draws the same: their constants must not matter."""
    (tmp_path / "other.py").write_text("CONSTANTS = [99_001, b'123456789', b'abcdefg', b'zzzzzzzz']")
    code = f"sys.path.insert(0, {str(tmp_path)!r}); import other; from grading.test_check import *; "
    code += "print(tried('0.1', right)); print(tried('0.3', Counts)); print(check('0.1', carry_dropped))"
    told = f"{tried('0.1', right)}\n{tried('0.3', Counts)}\n{check('0.1', carry_dropped)}\n"
    assert in_another_process(code) == told


def test_no_hypothesis_folder_is_left_beside_the_notebook(tmp_path):
    code = "from grading.test_check import *; text = st.tuples(st.text()); "
    code += "register(Exercise(number='0.63', name='f', points=1, reference=lambda s: 0, inputs=text)); "
    code += "print(check('0.63', lambda s: 0).ok, check('0.1', right).ok)"
    assert in_another_process(code, cwd=tmp_path) == "True True\n"
    assert list(tmp_path.iterdir()) == []


def test_grade_is_silent_when_right(capfd):
    assert grade("0.1", right) is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (carry_dropped, r"0\.1 word_sum: not right yet\. Expected .* came\. Try word_sum\(bytes"),
        (None, "check needs your function"),
        (toys.word_sum, r"your answer called grading\.toys\.word_sum; write it yourself"),
    ],
)
def test_grade_raises_one_clear_line(answer, said):
    with pytest.raises(CheckFailed, match=said) as failed:
        grade("0.1", answer)
    assert "\n" not in str(failed.value)
    assert failed.value._render_traceback_() == [str(failed.value)]


def test_grade_refuses_the_starter():
    def word_sum(data):
        raise NotImplementedYet("0.1 word_sum")

    with pytest.raises(CheckFailed, match=r"^waiting for exercise 0\.1 word_sum$"):
        grade("0.1", word_sum)


def test_an_answer_fitted_to_the_checks_inputs_passes_check_and_not_grade():
    tried = {}
    for seed in (CHECK_SEED, GRADE_SEED):
        search = Search(exercise("0.1"), right, seed, shrink=False)
        assert search.run() is None
        tried[seed] = {pickle.loads(key) for key in search.verdicts}
    hidden = sorted(tried[GRADE_SEED] - tried[CHECK_SEED])
    assert len(hidden) > 100

    def fitted(data):
        return 0 if (data,) in hidden else right(data)

    assert check("0.1", fitted).ok
    with pytest.raises(CheckFailed, match="right on the inputs that check tries, wrong on others") as failed:
        grade("0.1", fitted)
    assert not any(data.hex() in str(failed.value) for (data,) in hidden if len(data) > 1)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def evil_value(data):
    return "<script>alert(1)</script>"


def evil_print(data):
    print("<script>alert(2)</script>")
    return 1


def evil_error(data):
    raise RuntimeError("<script>alert(3)</script>")


def evil_name(data):
    return type("<script>", (), {"__repr__": lambda self: "<script>"})()


@pytest.mark.parametrize("answer", [evil_value, evil_print, evil_error, evil_name, carry_dropped, None])
def test_html_is_balanced_plain_and_escaped(answer):
    page = check("0.1", answer)._repr_html_()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.seen <= {"div", "p", "strong", "dl", "dt", "dd", "pre"}
    assert "✗" in page


def test_html_shows_bytes_side_by_side_and_stays_balanced():
    page = check("0.2", lambda kind, code, payload: bytes(4))._repr_html_()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "Side by side" in page and "checksum" in page
    assert not tags.seen & {"script", "svg", "iframe"}


def test_a_mistake_is_told_also_after_many_right_answers():
    pinned = [(number,) for number in range(100)]  # more than the right answers that are kept for the guess
    register(Exercise(number="0.62", name="same", points=1, reference=lambda n: n, pinned=pinned))
    assert part(check("0.62", lambda n: n if n < 99 else 0), "To see it again") == "same(99)"


def echoed(student):
    """A request and the student's reply on the wire, as IP packets."""
    request = stack(IPv4Packet(source=A, destination=B), ICMPEcho(type=8, identifier=1, sequence=2))
    reply = student(request)
    return {"right": reply[20] == 0, "captures": {"a": [(0.0, request), (0.01, reply)]}, "link": "ip"}


def test_an_exchange_is_drawn_where_there_are_captures():
    register(
        Scenario(number="0.61", name="echo", points=1, run=echoed, pinned=[()], properties={"it replies": replied})
    )
    report = check("0.61", lambda request: request)
    assert "10.0.0.1" in part(report, "The exchange")
    assert 'alt="' in report._repr_html_()
    assert "captures" not in part(report, "What came of it")


def replied(args, outcome):
    return outcome["right"]


def test_rejecting_exercises_and_judges_need_something_to_judge_by():
    with pytest.raises(ValueError, match="give it a reference, a judge or properties"):
        Exercise(number="0.70", name="f", points=1, inputs=st.tuples())
    with pytest.raises(ValueError, match="give it inputs, pinned cases, or both"):
        Exercise(number="0.70", name="f", points=1, reference=len)


def test_a_check_leaves_no_process_behind(forked):
    check("0.1", right)
    check("0.1", lambda data: os._exit(3))
    assert len(forked) > 2
    for pid in forked:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
