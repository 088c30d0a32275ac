"""Exercise 1.3: carry out what a JSON-RPC message asks for; what goes wrong comes back as a value."""

import json
from typing import Any

from hypothesis import strategies as st

from netlib.exercises.client_server_methods import METHODS
from netlib.exercises.client_server_peers import (
    FAILED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    dispatch,
)
from netlib.grading import Exercise, Mistake
from netlib.grading.exercise import MISSING, describe_type
from netlib.grading.outcome import Raised

MEANINGS = {
    PARSE_ERROR: "this is no JSON",
    INVALID_REQUEST: "this is JSON, but no request",
    METHOD_NOT_FOUND: "nobody has such a method",
    INVALID_PARAMS: "the method can't be called with these params",
    FAILED: "the method raised, or its result can't be written as JSON",
}


def plain(reply: Any) -> Any:
    """A reply without the words of its errors, which are free."""
    if isinstance(reply, list):
        return [plain(each) for each in reply]
    if isinstance(reply, dict) and isinstance(reply.get("error"), dict):
        said = reply["error"]
        return reply | {"error": {"code": said.get("code"), "message": isinstance(said.get("message"), str)}}
    return reply


def judge(args: Any, got: Any) -> str | None:
    """What is wrong with a reply.  Spaces, the order of members and the words of an error are free."""
    expected = dispatch(*args)
    if expected is None:
        return None if got is None else "Nobody waits for a reply here: return None."
    if not isinstance(got, bytes):
        return f"A reply has to be bytes; {describe_type(got)} came back."
    try:
        said = json.loads(got)
    except ValueError as error:
        return f"A reply has to be JSON: {error}."
    return difference(json.loads(expected), said)


def difference(want: Any, said: Any) -> str | None:
    """In what a reply, or a list of replies, differs from what it has to be."""
    if isinstance(want, list):
        if not isinstance(said, list):
            return "A list of requests has to be answered with a list of replies."
        if len(said) != len(want):
            return f"The list has to have {len(want)} repl{'y' if len(want) == 1 else 'ies'}; it has {len(said)}."
        found = ((number, difference(*pair)) for number, pair in enumerate(zip(want, said, strict=True), 1))
        return next((f"Reply {number} of the list: {what}" for number, what in found if what), None)
    if not isinstance(said, dict):
        return f"A reply has to be an object, so in Python a dict; {json.dumps(said):.80} is none."
    for name in ("jsonrpc", "id"):
        if name not in said:
            return f'Its "{name}" is missing.'
        if json.dumps(said[name]) != json.dumps(want[name]):
            return f'Its "{name}" has to be {json.dumps(want[name])}; it is {json.dumps(said[name]):.80}.'
    wrong, right = ("error", "result") if "result" in want else ("result", "error")
    if wrong in said or right not in said:
        return f'It has to have a member "{right}", and no "{wrong}".'
    if right == "result":
        same = json.dumps(said[right], sort_keys=True) == json.dumps(want[right], sort_keys=True)
        return None if same else f"Its result has to be {json.dumps(want[right])}; it is {json.dumps(said[right]):.80}."
    error = said[right] if isinstance(said[right], dict) else {}
    if type(error.get("code")) is not int or error["code"] != want[right]["code"]:
        return f"Its error's code has to be {want[right]['code']}; it is {json.dumps(error.get('code')):.80}."
    return None if isinstance(error.get("message"), str) else "Its error has to have a message, some text."


def request(method: Any, params: Any = None, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method} | ({} if params is None else {"params": params}) | more


def case(*requests: Any, batch: bool = False) -> tuple[Any, bytes]:
    return dict(METHODS), json.dumps(list(requests) if batch else requests[0]).encode()


def raw(message: bytes) -> tuple[Any, bytes]:
    return dict(METHODS), message


def why(args: Any) -> str:
    reply = dispatch(*args)
    if reply is None:
        return "Nobody asked for a reply: without an id a request is a notification."
    said = json.loads(reply)
    right = f"A right reply is {reply.decode()}"
    if isinstance(said, list):
        return f"A batch gets one list, with a reply to each request in it that has an id, or is none. {right}"
    if "error" in said:
        code = said["error"]["code"]
        whose = "" if said["id"] is not None else ", and nobody can tell which request it was: id null"
        return f"Code {code}: {MEANINGS[code]}{whose}. {right}"
    return f"The result, under the request's own id. {right}"


def show(value: Any) -> str | None:
    if isinstance(value, bytes):  # text, mostly: nobody reads JSON in hex
        return repr(value)
    return "METHODS" if isinstance(value, dict) and value.keys() == METHODS.keys() else None


def changed(change: Any) -> Any:
    """A wrong dispatch: the right one, and then something done to its replies."""

    def wrong(methods: Any, message: bytes) -> bytes | None:
        reply = dispatch(methods, message)
        if reply is None:
            return None
        said = json.loads(reply)
        many = [change(each) for each in said] if isinstance(said, list) else change(said)
        return json.dumps(many).encode()

    return wrong


def without_id(reply: Any) -> Any:
    return {name: value for name, value in reply.items() if name != "id"}


def all_failed(reply: Any) -> Any:
    return reply | {"error": reply["error"] | {"code": FAILED}} if "error" in reply else reply


def params_as_failure(reply: Any) -> Any:
    known = reply.get("error", {}).get("code") == INVALID_PARAMS
    return reply | {"error": reply["error"] | {"code": FAILED}} if known else reply


def text_id(reply: Any) -> Any:
    return reply | {"id": str(reply["id"])}


def without_version(reply: Any) -> Any:
    return {name: value for name, value in reply.items() if name != "jsonrpc"}


def answers_notifications(methods: Any, message: bytes) -> bytes | None:
    try:
        said = json.loads(message)
    except ValueError:
        return dispatch(methods, message)
    many = said if isinstance(said, list) else [said]
    for each in many:
        if isinstance(each, dict):
            each.setdefault("id", None)
    return dispatch(methods, json.dumps(said).encode())


def one_by_one(methods: Any, message: bytes) -> bytes | None:
    """Takes a batch for one request."""
    try:
        said = json.loads(message)
    except ValueError:
        return dispatch(methods, message)
    return dispatch(methods, b"{}" if isinstance(said, list) else message)


def empty_list(methods: Any, message: bytes) -> bytes | None:
    try:
        said = json.loads(message)
    except ValueError:
        return dispatch(methods, message)
    reply = dispatch(methods, message)
    return (reply or b"[]") if isinstance(said, list) and said else reply


def like(wrong: Any) -> Any:
    """Recognises an answer that says what this wrong one says, in other words perhaps."""

    def when(args: Any, expected: Any, got: Any) -> bool:
        theirs = wrong(*args)
        if theirs is None or got is None:
            return theirs is got
        return bool(plain(json.loads(theirs)) == plain(json.loads(got)))

    return when


def gets_through(args: Any, expected: Any, got: Any) -> bool:
    reply = dispatch(*args)
    quiet = reply is None or b'"error"' in reply  # something goes wrong in this case
    return isinstance(got, Raised) and quiet and got.name not in ("NameError", "UnboundLocalError", "AttributeError")


ids = st.one_of(st.integers(0, 99), st.sampled_from(["a", "ada:7", "7"]), st.none())
values = st.one_of(st.integers(-9, 99), st.text(st.sampled_from("abxyz ä€"), max_size=5), st.none())
calls = st.one_of(
    st.builds(request, st.just("add"), st.lists(st.integers(0, 50), min_size=1, max_size=3)),
    st.builds(lambda a, b: request("add", {"a": a, "b": b}), st.integers(0, 9), st.integers(0, 9)),
    st.builds(request, st.just("divide"), st.tuples(st.integers(0, 9), st.integers(0, 2)).map(list)),
    st.builds(request, st.just("echo"), st.lists(values, max_size=2)),
    st.builds(request, st.just("price"), st.lists(st.integers(0, 200), min_size=1, max_size=1)),
    st.builds(request, st.sampled_from(["letters", "echo", "nothing", "Add", ""]), st.just(["ab"])),
    st.builds(request, st.just("echo")),
)
numbered = st.builds(lambda call, number: call | {"id": number}, calls, ids)
junk = st.sampled_from([
    {}, 5, "add", None, True, {"foo": "boo"}, request(1, id=1), request("add", "bar", id=1), request("add", 7, id=3),
    {"method": "add", "params": [1, 2], "id": 1}, {"jsonrpc": "1.0", "method": "add", "params": [1, 2], "id": 1},
    {"jsonrpc": 2.0, "method": "add", "params": [1, 2], "id": 1}, {"jsonrpc": "2.0", "params": [1, 2], "id": 4},
])  # fmt: skip
items = st.one_of(numbered, numbered, numbered, calls, junk)
texts = st.sampled_from([b"", b"{", b"hello", b'{"jsonrpc": "2.0", "method"', b"[1, 2", b"\xff\xfe\xfa", b"'add'"])

class Judged(Exercise):
    """The judge says what is right; the reference is there for whoever has no answer yet (`mine`)."""

    def expected(self, case: bytes) -> Any:
        return MISSING


DISPATCH = Judged(
    number="1.3",
    name="dispatch",
    points=4,
    summary="From a request to its reply; what goes wrong comes back as a value.",
    signature="dispatch(methods: dict, message: bytes) -> bytes | None",
    rfc="JSON-RPC 2.0 sections 4 to 6",
    reference=dispatch,
    judge=judge,
    inputs=st.one_of(
        st.builds(case, items), st.builds(case, items),
        st.builds(lambda many: case(*many, batch=True), st.lists(items, min_size=1, max_size=4)),
        st.builds(raw, texts),
    ),
    pinned={
        "a call": case(request("add", [2, 3], id=1)),
        "a call by the names of its parameters": case(request("add", {"b": 3, "a": 2}, id=1)),
        "a call without params": case(request("echo", id=2)),
        "an id that is text": case(request("add", [2, 3], id="ada:7")),
        "a result of null": case(request("echo", [None], id=3)),
        "a result of 0": case(request("add", [0, 0], id=0)),
        "a method that nobody has": case(request("nothing", [1], id=4)),
        "too few params": case(request("add", [1], id=5)),
        "a name that is none of its parameters": case(request("add", {"a": 1, "c": 2}, id=5)),
        "a method that raises": case(request("divide", [1, 0], id=6)),
        "a method that raises TypeError": case(request("add", [1, "x"], id=6)),
        "a result that JSON can't write": case(request("letters", ["ab"], id=7)),
        "no JSON": raw(b'{"jsonrpc": "2.0", "method"'),
        "no text": raw(b"\xff\xfe\xfa"),
        "JSON, but no request": case({"foo": "boo"}),
        "a number": case(5),
        "no version": case({"method": "add", "params": [1, 2], "id": 1}),
        "a method that is no text": case(request(1, [2], id=1)),
        "params that are no list and no object": case(request("add", "bar", id=1)),
        "a notification": case(request("add", [2, 3])),
        "a notification that goes wrong": case(request("nothing", [2, 3])),
        "an id of null is an id": case(request("add", [2, 3], id=None)),
        "a batch": case(request("add", [1, 2], id=1), request("price", [3], id=2), batch=True),
        "a batch in which one goes wrong": case(
            request("divide", [1, 0], id=1), 5, request("add", [1, 2], id=2), batch=True),
        "a batch with a notification": case(request("echo", [1]), request("echo", [2], id=9), batch=True),
        "a batch of one": case(request("add", [1, 2], id=1), batch=True),
        "a batch of notifications": case(request("echo", [1]), request("echo", [2]), batch=True),
        "an empty batch": raw(b"[]"),
    },
    mistakes=[
        Mistake("It looks as if the reply does not say which request it is for: its id is missing.",
                when=like(changed(without_id))),
        Mistake("It looks as if the id changes its type: give it back as it came.", when=like(changed(text_id))),
        Mistake("It looks as if a call with wrong params is a failure of the method: it was never called. Ask "
                "inspect.signature first.", when=like(changed(params_as_failure))),
        Mistake("It looks as if every error has the same code: a client wants to know whose fault it was.",
                when=like(changed(all_failed))),
        Mistake("It looks as if a reply lacks its \"jsonrpc\": \"2.0\".", when=like(changed(without_version))),
        Mistake("It looks as if notifications are answered: without an id nobody waits for a reply.",
                when=like(answers_notifications)),
        Mistake("It looks as if a batch is taken for one request: a list of requests gets a list of replies.",
                when=like(one_by_one)),
        Mistake("It looks as if an empty list is sent where nobody wants a reply: return None.",
                when=like(empty_list)),
        Mistake("It looks as if an exception gets through: neither what a method raises nor what can't be read may "
                "stop the server.", when=gets_through),
    ],
    without=("netlib.exercises.client_server_peers", "netlib.apps.rpc", "netlib.apps.rpc_messages"),
    why=why,
    show=show,
    reproduce=lambda args: f"dispatch(METHODS, {args[1]!r})",
)  # fmt: skip
