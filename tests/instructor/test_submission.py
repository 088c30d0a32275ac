"""Whatever is handed in: a notebook comes out, or one line that says why not."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlib.instructor.submission import CELLS, DEPTH, Unreadable, read

ROOT = Path(__file__).parents[2]


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": source} | more


def notebook(*cells: Any, **more: Any) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells} | more).encode()


@pytest.mark.parametrize("chapter", ["05-ip-packet", "06-icmp"])
def test_a_released_notebook_is_read_whole(chapter: str) -> None:
    data = (ROOT / "course" / chapter / f"{chapter}.ipynb").read_bytes()
    found, released = read(data), nbformat.reads(data.decode(), 4)
    assert [(c["cell_type"], c["id"], c["source"]) for c in found["cells"]] == [
        (c.cell_type, c.id, c.source) for c in released.cells
    ]
    nbformat.validate(nbformat.from_dict(found))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "nothing in it but blanks"),
        (b"hello", "a notebook's file is JSON and begins with {"),
        (b"def f(): pass", "begins with {"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04\xff\xfe\xfd", "zip"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\xff\xfa\xf5 \x80", "neither UTF-8"),
        (b"[]", "it is JSON, but not a notebook"),
        (b"{}", "it has no cells"),
        (b'{"cells": 5}', "it has no cells"),
        (b'{"cells": {"a": 1}}', "it has no cells"),
        (b'{"a": 1,}', "not JSON, as notebooks are"),
        (notebook(code("x"))[:-20], "ends in the middle"),
        (notebook(code("x"))[:-1], "ends in the middle"),
        (
            b'{\n "cells": [\n<<<<<<< HEAD\n  {},\n=======\n  {}\n>>>>>>> theirs\n ]}',
            r"merge conflict of git \(line 3\)",
        ),
        (b'{"cells": ' + b"[" * 200_000, "deep|middle"),
        (b'{"cells": ' + b'{"a":' * 200_000, "deep|middle"),
        (b'{"cells": [' + b"[]," * 4_000_000 + b"[]]}", "too many parts"),
        (b'{"cells": [' + b"0," * 4_000_000 + b"0]}", "too many parts"),
        (notebook(*[{}] * (CELLS + 1)), f"{CELLS} are read at most"),
    ],
    ids=range(22),
)
def test_what_is_no_notebook_gets_one_line(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why) as caught:
        read(data)
    assert "\n" not in str(caught.value)


def test_a_huge_file_is_refused_by_its_size() -> None:
    with pytest.raises(Unreadable, match="256 MB are read at most"):
        read(bytes((256 << 20) + 1))


def sources(data: bytes) -> list[str]:
    return [cell["source"] for cell in read(data)["cells"]]


def test_sources_as_lines_as_text_and_as_nonsense() -> None:
    cells = [code(["a\n", "b"]), code("c\r\nd\re"), code(None), code(["x", 5, "y"]), code({"a": 1}), "cell", 7, None]
    assert sources(notebook(*cells)) == ["a\nb", "c\nd\ne", "", "xy", ""]


def test_what_no_text_can_hold_is_replaced() -> None:
    assert sources(b'{"cells": [{"cell_type": "code", "source": "a\\ud800b\\u0000c\\ud83d\\ude00"}]}') == [
        "a\ufffdb\ufffdc😀"
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_that_editors_save_in(encoding: str) -> None:
    data = json.dumps({"cells": [code("é 日本")]}, ensure_ascii=False).encode(encoding)
    assert sources(data) == ["é 日本"]


def test_of_two_keys_the_last_one_counts_as_in_jupyter() -> None:
    assert sources(b'{"cells": [], "cells": [{"cell_type": "code", "source": "a", "source": "b"}]}') == ["b"]


def test_numbers_that_python_finds_too_long() -> None:
    long = b'{"nbformat": ' + b"9" * 10_000 + b', "x": NaN, "y": -Infinity, "z": 1e999, "cells": []}'
    assert read(long)["cells"] == []


def test_metadata_do_not_survive_but_for_the_cells_name() -> None:
    points = {"grade_id": "check-5-1", "points": 1000, "grade": True, "locked": False, "schema_version": 3}
    found = read(notebook(code("x", id="a", metadata={"nbgrader": points, "tags": ["t"], "deletable": False})))
    assert found["cells"][0] == {
        **{"cell_type": "code", "id": "a", "source": "x", "outputs": [], "execution_count": None},
        "metadata": {"nbgrader": {"grade_id": "check-5-1"}},
    }


def test_nonsense_in_metadata_and_ids() -> None:
    odd = [
        code("1", metadata=[1], id=5),
        code("2", metadata={"nbgrader": "x", "id": "colab"}),
        code("3", metadata={"nbgrader": {"grade_id": {}}}, id="x" * 65),
        {"cell_type": "heading", "source": "4"},
        {"source": "5", "outputs": "x"},
    ]
    found = read(notebook(*odd))["cells"]
    assert [cell["id"] for cell in found] == ["", "colab", "", "", ""]
    assert [cell["cell_type"] for cell in found] == ["code", "code", "code", "raw", "raw"]
    assert all(cell["metadata"] == {} for cell in found)


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, ""),
        ({"kernelspec": {"name": "python3", "language": "python"}}, ""),
        ({"kernelspec": {"name": "conda-env-x-py", "language": "Python"}}, ""),
        ({"kernelspec": {"name": "xpython"}}, ""),
        ({"language_info": {"name": "ipython"}}, ""),
        ({"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}}, "R"),
        ({"kernelspec": {"name": "julia-1.10"}}, "julia-1.10"),
        ({"kernelspec": 5, "language_info": [1]}, ""),
        ({"language_info": {"name": "\x1b[31mred"}}, "[31mred"),
    ],
)
def test_the_kernels_language(metadata: Any, language: str) -> None:
    assert read(notebook(metadata=metadata))["metadata"].get("language_info", {}).get("name", "") == language


def test_nbformat_3_is_upgraded() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Title"},
        {"cell_type": "code", "input": ["x = 1\n", "y"], "outputs": [{"output_type": "pyout"}], "language": "python"},
        {"cell_type": "markdown", "source": "text"},
    ]
    found = read(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode())
    assert [(c["cell_type"], c["source"]) for c in found["cells"]] == [
        ("markdown", "## Title"),
        ("code", "x = 1\ny"),
        ("markdown", "text"),
    ]


def test_large_outputs_are_left_out_and_the_rest_is_read() -> None:
    large = {"output_type": "stream", "text": 'x"]}[{\\' * 400_000}
    small = {"output_type": "stream", "text": "small"}
    outputs = '"outputs": [' + " " * 1_200_000  # in a source it is only text
    found = read(
        notebook(code(outputs, outputs=[small]), code("b", outputs=[large, small]), code("c", outputs=[small]))
    )
    assert [(cell["source"], cell["outputs"]) for cell in found["cells"]] == [
        (outputs, [small]),
        ("b", []),
        ("c", [small]),
    ]


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="no limit on memory here")
@pytest.mark.parametrize("what", ["one text", "many lines", "escapes"])
def test_200_MB_of_outputs_are_read_in_bounded_memory(what: str, tmp_path: Path) -> None:
    text = {"one text": '"%s"' % ("A" * (200 << 20)), "escapes": '"%s"' % (r"\n" * (100 << 20))}
    text["many lines"] = "[" + ",".join([f'"{"x" * 120}"'] * 1_700_000) + "]"
    data = notebook(code("solved")).replace(b"[]", b'[{"output_type": "stream", "text": ' + text[what].encode() + b"}]")
    assert len(data) > 190 << 20
    path = tmp_path / "large.ipynb"
    path.write_bytes(data)
    script = f"""
import resource
from netlib.instructor.submission import read
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
print(read(open({str(path)!r}, "rb").read())["cells"][0]["source"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=900)
    assert done.stdout == "solved\n", done.stderr[-500:]


def test_deep_nesting_in_what_is_cut_out_is_refused() -> None:
    deep = notebook(code("x")).replace(b"[]", b"[" * (DEPTH + 5) + b" " * 3_000_000 + b"]" * (DEPTH + 5))
    with pytest.raises(Unreadable, match="deep"):
        read(deep)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["cell_type", "id", "metadata", "source", "outputs", "input", "level"])


@settings(deadline=None)  # other tests may run at the same time
@given(
    st.lists(st.dictionaries(KEYS, ANYTHING | st.sampled_from(["code", "markdown"]), max_size=6)),
    st.sampled_from([3, 4]),
)
def test_any_json_becomes_a_valid_notebook(cells: list[Any], version: int) -> None:
    whole = {"cells": cells} if version == 4 else {"worksheets": [{"cells": cells}]}
    found = read(json.dumps(whole).encode())
    ids: list[str] = []
    for cell in found["cells"]:
        cell["outputs" if cell["cell_type"] == "code" else "none"] = []
        cell.pop("none", None)
        cell["id"] = f"c{len(ids)}"
        ids.append(cell["id"])
    nbformat.validate(nbformat.from_dict(found), relax_add_props=True)


@settings(deadline=None)  # other tests may run at the same time
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ 1a\n', max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(data: bytes) -> None:
    try:
        assert read(data)["cells"] is not None
    except Unreadable as why:
        assert "\n" not in str(why)
