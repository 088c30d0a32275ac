"""A process that says what it likes: whatever comes back, the check goes on and gives no point for it."""

import json
import os
import sys
import time

import pytest
from grading import toys

from netlib.grading import exercise, sandbox
from netlib.grading.check import CHECK_SEED, examine
from netlib.grading.outcome import UNREADABLE
from netlib.grading.plain import Record, clean, decode, read_json
from netlib.grading.sandbox import Started
from netlib.grading.words import words

P = sys.hash_info.modulus  # multiples of it have all the same hash


class Saying:
    """Starts a process that answers every request with the same bytes."""

    def __init__(self, reply):
        self.reply = reply

    def start(self):
        from_parent, requests = os.pipe()
        replies, to_parent = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.close(requests)
                os.close(replies)
                while header := os.read(from_parent, 64):
                    os.read(from_parent, json.loads(header)[0])
                    view = memoryview(self.reply)
                    while view:
                        view = view[os.write(to_parent, view) :]
            finally:
                os._exit(0)
        os.close(from_parent)
        os.close(to_parent)
        return Started(pid, requests, replies)


def frame(answer):
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return f"{len(data):<16}".encode() + data


def returned(value, **more):
    return frame({"kind": "returned", "value": value, "printed": "", "called": []} | more)


def nested(depth):
    value = {"i": "0"}
    for _ in range(depth):
        value = {"l": [value]}
    return value


SAID = {
    "no frame": b"x" * 64,
    "a negative length": b"-5".ljust(16),
    "a giant": f"{10**15:<16}".encode(),
    "no JSON": frame(b"\xff\xfe"),
    "no object": frame([1, 2]),
    "a kind of its own": frame({"kind": "passed"}),
    "a kind that is a list": frame({"kind": ["returned"], "value": None}),
    "ready, again": frame({"kind": "ready"}),
    "no value": frame({"kind": "returned"}),
    "deep JSON": frame(b'{"kind": ' + b"[" * 1_000_000),
    "deep value": returned(nested(100)),
    "a million empty objects": frame(b'{"kind": "returned", "value": {"l": [' + b"{}," * 1_000_000 + b"{}]}}"),
    "nothing, a million times": frame(b'{"kind": "returned", "value": {"l": [' + b"null," * 1_000_000 + b"null]}}"),
    "a number of a megabyte": frame(b'{"kind": "returned", "value": {"i": 1' + b"0" * 1_000_000 + b"}}"),
    "an integer of a megabyte": returned({"i": "f" * 1_000_000}),
    "no number": frame(b'{"kind": "returned", "value": {"f": NaN}}'),
    "a float of a megabyte": returned({"f": "0x1." + "f" * 1_000_000}),
    "eight megabytes": returned({"b": "00" * 8_000_000}),
    "integers of one hash": returned({"S": [{"i": format(n * P, "x")} for n in range(60_000)]}),
    "keys of one hash": returned({"d": [[{"i": format(n * P, "x")}, None] for n in range(60_000)]}),
    "records of one hash": returned({"S": [{"r": {"a": {"i": f"{n:x}"}}, "class": "m:C"} for n in range(30_000)]}),
    "a key that can't be one": returned({"d": [[{"l": []}, None]]}),
    "bytes that are a list": returned({"b": ["00"]}),
    "raised nothing": frame({"kind": "raised"}),
    "raised a number": frame({"kind": "raised", "raised": 7}),
    "called a number": frame({"kind": "returned", "value": None, "called": 7}),
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_no_answer_is_told_so_and_the_check_goes_on(said):
    before = time.process_time()
    report = examine(exercise("0.1"), None, CHECK_SEED, shrink=False, starter=Saying(SAID[said]))
    assert report.status == "failed"
    assert report.cause == "died" and UNREADABLE in report.message
    assert time.process_time() - before < 20  # a flood of one hash would take minutes


LOGS = {
    "nothing": [],
    "no log": 7,
    "too short": [["returned", 1]],
    "no entries": [1, 2, 3],
    "raised without a name": [["raised", {}]],
    "a word of its own": [["passed", None]],
}


@pytest.mark.parametrize("log", LOGS)
def test_a_log_of_other_steps_earns_nothing(log):
    from netlib.grading.plain import encode

    report = examine(exercise("0.3"), None, CHECK_SEED, starter=Saying(returned(encode(LOGS[log]))))
    assert report.status == "failed"
    assert exercise("0.3") is toys.COUNTER


NASTY = "\x1b[2J\u202egnp.exe\ud800\x07"


@pytest.mark.parametrize(
    "answer",
    [
        returned({"s": NASTY.encode("utf-8", "surrogatepass").hex()}),
        returned({"o": NASTY, "class": NASTY}),
        returned({"r": {NASTY: None}, "class": f"m:{NASTY}"}),
        returned(None, printed=NASTY),
        frame({"kind": "raised", "raised": {"names": [NASTY], "message": NASTY, "line": 1, "source": NASTY}}),
        frame({"kind": "hung", "line": 3, "source": NASTY, "called": []}),
        frame({"kind": "too large", "message": NASTY}),
        frame({"kind": "returned", "value": None, "called": [NASTY]}),
        frame({"kind": "waiting", "message": f"waiting for exercise {NASTY}"}),
    ],
)
def test_nothing_of_it_reaches_a_terminal_as_it_was(answer, monkeypatch):
    monkeypatch.setattr(sandbox, "GRACE", 0.3)
    report = examine(exercise("0.1"), None, CHECK_SEED, starter=Saying(answer))
    for text in (report.message, repr(report), report._repr_html_()):
        assert not {"\x1b", "\u202e", "\ud800", "\x07"} & set(text)
        text.encode()


@pytest.mark.parametrize("name", ["_values", "_class_name", "_fields", "__class__", "__deepcopy__", "__dict__"])
def test_a_record_may_have_fields_of_any_name(name):
    import copy

    record = decode({"r": {name: {"i": "7"}}, "class": "m:C"})
    assert type(record) is Record and record == decode({"r": {name: {"i": "7"}}, "class": "m:C"})
    assert f"{name}=7" in words(record)
    assert copy.copy(record) == record


def test_an_address_of_three_bytes_can_be_shown():
    value = decode({"b": "0a0001", "class": "netlib.wire.address:IPv4Address"})
    assert "0a 00 01" in words(value) or words(value)


@pytest.mark.parametrize("path", ["netlib.grading.exercise:Exercise", "netlib.instructor.record:Record", "netlib:x"])
def test_nothing_that_grades_is_made_from_outside(path):
    assert type(decode({"r": {}, "class": path})) is Record


def test_text_is_kept_but_for_what_acts():
    assert clean("a\tb\nc é ✓") == "a\tb\nc é ✓"
    assert clean("\x1b[0m\r") == "\\x1b[0m\\r"
    assert len(clean("x" * 1000, 10)) == 10


def test_json_that_grows_in_memory_is_not_read():
    with pytest.raises(ValueError, match="too many parts"):
        read_json(b"[" + b"{}," * 1_000_000 + b"{}]")
