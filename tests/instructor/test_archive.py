"""Folders and zip files made to do harm, or broken: each odd file is a line, and the others are collected."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netlib.instructor import archive
from netlib.instructor.archive import Bounded, Member, Refused, members, shown
from netlib.instructor.collect import Collected, collect

NAME = "05-ip-packet"
NOTEBOOK = f"{NAME}.ipynb"
HONEST = f"bob/{NOTEBOOK}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course, with a secret beside it that no submission may bring into it."""
    (tmp_path / "secret").write_text("canary")
    (tmp_path / "course" / "course" / NAME).mkdir(parents=True)
    return tmp_path / "course"


def collected(source: Path, root: Path) -> Collected:
    """Collect, and see to it that the honest one is there, and that the secret isn't."""
    found = collect(source, root, NAME)
    assert found.students["bob"].read_text() == "honest"
    written = [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]
    assert all(path.is_file() and not path.is_symlink() and "canary" not in path.read_text() for path in written)
    assert {path.relative_to(root).parts[0] for path in written} <= {"submitted", "grading"}
    assert sorted(path.name for path in root.parent.iterdir() if path.name != source.name) == ["course", "secret"]
    return found


def lines_of(found: Collected, student: str = "eve") -> list[str]:
    assert student not in found.students
    return [line for line in found.look if line.startswith((student, "…"))]


# Folders


def symlink(folder: Path, secret: Path) -> None:
    (folder / NOTEBOOK).symlink_to(secret)


def hard_link(folder: Path, secret: Path) -> None:
    os.link(secret, folder / NOTEBOOK)


def pipe(folder: Path, secret: Path) -> None:
    os.mkfifo(folder / NOTEBOOK)


def listening_socket(folder: Path, secret: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # a socket's path may be short only
    try:
        socket.socket(socket.AF_UNIX).bind(NOTEBOOK)
    finally:
        os.chdir(here)


def folder_for_a_notebook(folder: Path, secret: Path) -> None:
    (folder / NOTEBOOK).mkdir()
    (folder / NOTEBOOK / "x.pdf").touch()


def linked_folder(folder: Path, secret: Path) -> None:
    (folder / "work").symlink_to(secret.parent)


def deep(folder: Path, secret: Path) -> None:
    for _ in range(40):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).touch()


@pytest.mark.parametrize(
    ("trick", "line"),
    [
        (symlink, f"eve: eve/{NOTEBOOK}: a symbolic link, which is not followed"),
        (hard_link, f"eve: eve/{NOTEBOOK}: a hard link, which may lead elsewhere; put a copy in its place"),
        (pipe, f"eve: eve/{NOTEBOOK}: a pipe, device or socket, not a file"),
        (listening_socket, f"eve: eve/{NOTEBOOK}: a pipe, device or socket, not a file"),
        (folder_for_a_notebook, "eve: no notebook among what was handed in: x.pdf"),
        (linked_folder, "eve: eve/work: a symbolic link, which is not followed"),
        (deep, "eve: eve/" + "d/" * 15 + "d: more than 16 folders deep"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_folders(trick: Callable[[Path, Path], None], line: str, tmp_path: Path, root: Path) -> None:
    source = tmp_path / "in"
    (source / "eve").mkdir(parents=True)
    (source / HONEST).parent.mkdir()
    (source / HONEST).write_text("honest")
    trick(source / "eve", tmp_path / "secret")
    assert lines_of(collected(source, root)) == [line]


@pytest.mark.parametrize("around", ["", "sheet/"])
def test_very_many_files_cost_the_others_nothing(
    around: str, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_IN_FOLDER", 20)
    monkeypatch.setattr(archive, "MOST_BELOW", (1000, 40, 30))
    top = tmp_path / "in" / around
    for student in ("bob", "zoe"):
        (top / student).mkdir(parents=True)
        (top / student / NOTEBOOK).write_text("honest")
    for number in range(100):
        (top / "eve" / str(number % 5)).mkdir(parents=True, exist_ok=True)
        (top / "eve" / str(number % 5) / f"{number}.ipynb").touch()
    for number in range(50):
        (top / "eve" / f"{number}.txt").touch()
    found = collected(tmp_path / "in", root)
    assert sorted(found.students) == ["bob", "eve", "zoe"]
    assert any("more files than are looked at" in line for line in found.look if line.startswith("eve"))


def test_a_student_may_zip_everything_there_is(tmp_path: Path, root: Path) -> None:
    inner = zipped(*((f"{number}.txt", b"") for number in range(3000)), (f"z/{NOTEBOOK}", b"found"), honest="a.txt")
    (tmp_path / "in.zip").write_bytes(zipped(("eve/work.zip", inner)))
    assert collected(tmp_path / "in.zip", root).students["eve"].read_text() == "found"
    with members(tmp_path / "in.zip") as listed:
        assert sum(1 for _ in listed) < 100


def test_names_that_are_not_text(tmp_path: Path, root: Path) -> None:
    source = os.fsencode(tmp_path / "in")
    for name in (b"bob", b"caf\xe9", b"new\nline\x1b[31m", "\u202edab".encode()):
        os.makedirs(os.path.join(source, name))
        with open(os.path.join(source, name, NOTEBOOK.encode()), "w") as file:
            file.write("honest")
    found = collected(tmp_path / "in", root)
    assert sorted(found.students) == ["bob", "caf-xe9", "dab", "new-line-31m"]
    assert all(line.isprintable() for line in found.look + found.notes)
    assert (root / "grading/names.csv").read_text().count("\n") == 5


# Zip files


def zipped(*more: tuple[str | zipfile.ZipInfo, bytes], honest: str = HONEST) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(honest, "honest")
        for name, data in more:
            packed.writestr(name, data)
    return file.getvalue()


def special(mode: int, data: bytes = b"../../secret") -> bytes:
    info = zipfile.ZipInfo(f"eve/{NOTEBOOK}")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    return zipped((info, data))


def patched(data: bytes, offset: int, form: str, value: int) -> bytes:
    """Change a field of the last member, in its local header and in the directory."""
    packed = bytearray(data)
    struct.pack_into(form, packed, packed.rindex(b"PK\x03\x04") + offset, value)
    struct.pack_into(form, packed, packed.rindex(b"PK\x01\x02") + offset + 2, value)
    return bytes(packed)


def eves(data: bytes = b"e" * 100) -> bytes:
    return zipped((f"eve/{NOTEBOOK}", data))


def bad_crc() -> bytes:
    return patched(eves(), 14, "<I", 1)


def with_method(method: int) -> bytes:
    file = io.BytesIO(zipped())
    with zipfile.ZipFile(file, "a", method) as packed:
        packed.writestr(f"eve/{NOTEBOOK}", b"e" * 100)
    return file.getvalue()


def damaged() -> bytes:
    packed = bytearray(eves())
    start = packed.rindex(b"PK\x03\x04") + 30 + len(f"eve/{NOTEBOOK}")
    packed[start : start + 2] = b"\xff\xff"
    return bytes(packed)


NESTED = zipped(honest=NOTEBOOK)
TRICKS = {
    "a link": (special(stat.S_IFLNK), "a symbolic link, which is not followed"),
    "a device": (special(stat.S_IFBLK), "a pipe, device or socket, not a file"),
    "a pipe": (special(stat.S_IFIFO), "a pipe, device or socket, not a file"),
    "encrypted": (patched(eves(), 6, "<H", 1), "encrypted; hand it in without a password"),
    "CRC error": (bad_crc(), f"damaged: Bad CRC-32 for file 'eve/{NOTEBOOK}'"),
    "unknown method": (patched(eves(), 8, "<H", 77), "packed in an unusual way; pack it again as an ordinary zip file"),
    "a method that takes memory": (with_method(zipfile.ZIP_LZMA), "packed in an unusual way"),
    "damaged data": (damaged(), "damaged: Error -3 while decompressing data"),
    "an empty zip file": (zipped(("eve/work.zip", b"PK\x05\x06" + bytes(18))), "an empty zip file"),
    "no zip file": (zipped(("eve/work.zip", b"no zip")), "not a zip file, or a damaged one"),
    "zip in zip in zip": (
        zipped(("eve/work.zip", zipped(("more.zip", NESTED), honest="a.txt"))),
        "a zip file in a zip file",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_zip_files(trick: str, tmp_path: Path, root: Path) -> None:
    data, line = TRICKS[trick]
    (tmp_path / "in.zip").write_bytes(data)
    found = collected(tmp_path / "in.zip", root)
    said = lines_of(found)
    assert len(said) == 1 and line in said[0], said


@pytest.mark.parametrize(
    "path", ["../../x.ipynb", "eve/../../x.ipynb", "..\\x.ipynb", "/eve/x.ipynb", "C:\\eve\\x.ipynb", "eve/.."]
)
def test_paths_that_lead_out_make_nobody_a_student(path: str, tmp_path: Path, root: Path) -> None:
    (tmp_path / "in.zip").write_bytes(zipped((path, b"planted")))
    found = collected(tmp_path / "in.zip", root)
    assert list(found.names) == ["bob"]
    assert [line.partition(": ")[2] for line in found.look] == [archive.LEADS_OUT]


def test_a_zip_file_handed_in_as_it_should_be(tmp_path: Path, root: Path) -> None:
    (tmp_path / "in.zip").write_bytes(zipped(("eve/work.zip", NESTED), ("cid.zip", NESTED)))
    found = collected(tmp_path / "in.zip", root)
    assert {student: path.read_text() for student, path in found.students.items()} == dict.fromkeys(
        ["bob", "cid", "eve"], "honest"
    )
    assert found.look == []


def test_a_date_inside_a_students_zip_file_does_not_count(tmp_path: Path, root: Path) -> None:
    early = zipfile.ZipInfo(NOTEBOOK, (2001, 1, 1, 0, 0, 0))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr(early, "late")
        packed.writestr("timestamp.txt", "2001-01-01 00:00:00 UTC")
    outer = zipfile.ZipInfo("eve/work.zip", (2026, 3, 29, 12, 0, 0))
    (tmp_path / "in.zip").write_bytes(zipped((outer, inner.getvalue())))
    found = collected(tmp_path / "in.zip", root)
    assert (found.students["eve"].parent / "timestamp.txt").read_text().startswith("2026-03-")


def test_a_bomb_is_cut_off_where_it_is_read(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose header says that it is small."""
    monkeypatch.setattr("netlib.instructor.collect.MOST_BYTES", 1000)
    (tmp_path / "in.zip").write_bytes(eves(bytes(10_000_000)))
    assert lines_of(collected(tmp_path / "in.zip", root)) == [f"eve: eve/{NOTEBOOK}: more than 0 MB when unpacked"]
    bomb = Member(("x",), None, open=lambda: io.BytesIO(bytes(2_000_000)))
    sink = io.BytesIO()
    with pytest.raises(Refused, match="more than 1 MB"):
        bomb.copy(sink, 1024 * 1024)
    assert len(sink.getvalue()) <= 1024 * 1024


def test_a_zip_file_packed_to_nearly_nothing_is_not_opened(tmp_path: Path, root: Path) -> None:
    (tmp_path / "in.zip").write_bytes(zipped(("eve/work.zip", bytes(40_000_000))))
    assert "packed to a fraction of its size" in lines_of(collected(tmp_path / "in.zip", root))[0]


def test_a_long_list_of_members_is_not_read(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_LISTING", 3000)
    inner = zipped(*((f"{number}.txt", b"") for number in range(100)), honest=NOTEBOOK)
    (tmp_path / "in.zip").write_bytes(zipped(("eve/work.zip", inner)))
    assert lines_of(collected(tmp_path / "in.zip", root)) == [
        "eve: eve/work.zip: a zip file with too long a list of members"
    ]
    with pytest.raises(Refused):
        Bounded(io.BytesIO(bytes(5000))).read()


def test_two_members_of_one_name(tmp_path: Path, root: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped((f"eve/{NOTEBOOK}", b"first"), (f"eve/{NOTEBOOK}", b"second"))
    (tmp_path / "in.zip").write_bytes(data)
    found = collected(tmp_path / "in.zip", root)
    assert found.students["eve"].read_text() == "second"
    assert found.look == [f"eve: 2 files are called eve/{NOTEBOOK}; the newest counts"]


def test_the_older_one_counts_where_the_newer_is_damaged(tmp_path: Path, root: Path) -> None:
    data = zipped((f"eve/{NAME} (1).ipynb", b"old"), (f"eve/{NOTEBOOK}", b"new" * 100))
    (tmp_path / "in.zip").write_bytes(patched(data, 14, "<I", 1))
    found = collected(tmp_path / "in.zip", root)
    assert found.students["eve"].read_text() == "old"
    assert found.look == [
        f"eve: eve/{NOTEBOOK}: damaged: Bad CRC-32 for file 'eve/{NOTEBOOK}'",
        f"eve: eve/{NAME} (1).ipynb counts, because what is newer can't be read",
    ]


def test_umlauts_without_the_flag_that_says_utf8(tmp_path: Path) -> None:
    packed = zipped((f"M\u00fcller/{NOTEBOOK}", b"m"))
    (tmp_path / "in.zip").write_bytes(patched(packed, 6, "<H", 0))
    with members(tmp_path / "in.zip") as found:
        assert f"M\u00fcller/{NOTEBOOK}" in [member.shown for member in found]


def test_the_time_in_utc_counts_where_there_is_one(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a.ipynb", (2026, 3, 29, 12, 5, 0))
    when = datetime(2026, 3, 29, 9, 30, tzinfo=UTC)
    info.extra = struct.pack("<HHBI", 0x5455, 5, 1, int(when.timestamp()))
    (tmp_path / "in.zip").write_bytes(zipped((info, b"")))
    with members(tmp_path / "in.zip") as found:
        assert [member.when for member in found if member.name == "a.ipynb"] == [when]


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 400))
@example([(0, 0)], 10_000)
def test_a_damaged_zip_file_is_a_line_at_most(tmp_path: Path, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(zipped((f"eve/{NOTEBOOK}", b"e" * 50), ("fay.zip", NESTED)))
    for place, value in changes:
        data[place % len(data)] = value
    (tmp_path / "in.zip").write_bytes(data[: len(data) - cut % 40])
    sink = io.BytesIO()
    try:
        with members(tmp_path / "in.zip") as found:
            for member in found:
                assert member.shown.isprintable()
                try:
                    member.copy(sink, 1000)
                except Refused as refused:
                    assert str(refused).isprintable()
    except Refused as refused:
        assert "not a zip file, or a damaged one" in str(refused)


@given(st.text(max_size=300))
def test_what_is_shown_is_one_short_printable_line(text: str) -> None:
    assert len(shown(text)) <= 100 and "\n" not in shown(text) and "\x1b" not in shown(text)
    assert not set(shown(text)) & set("\u202e\u2066\u2028")
