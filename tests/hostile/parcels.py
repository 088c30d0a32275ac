"""Archives and folders, as a learning platform never made them: what collecting meets.

Each function adds to a zip file or a folder what one hostile student has handed in; all stand beside an honest one.
"""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

ZipTrick = Callable[[zipfile.ZipFile, bytes, dict[str, str]], None]
FolderTrick = Callable[[Path, bytes, dict[str, str]], None]
NOTEBOOK = "05-ip-packet.ipynb"


def link_member(archive: zipfile.ZipFile, name: str, target: str) -> None:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, target)


# ---- in a zip file -------------------------------------------------------------------------------------------------


def path_out_of_the_folder(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """`unzip` with a path from the archive writes anywhere: over the solutions, into start-up folders."""
    for name in (
        "../../planted.ipynb", f"{places['DROP']}/planted.ipynb", "sly/../../../planted.ipynb", "..\\..\\planted.ipynb",
        "C:\\planted.ipynb", "sly/./../../course/nbgrader_config.py", f"/{places['COURSE']}/solutions/planted.ipynb",
    ):  # fmt: skip
        archive.writestr(name, notebook)


def link_to_a_secret(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """A symbolic link in an archive: `unzip` makes it, what copies the folder follows it."""
    link_member(archive, f"linker/{NOTEBOOK}", places["SECRET"])
    link_member(archive, "linker/folder", places["COURSE"])
    archive.writestr("linker/folder/planted.ipynb", notebook)


def link_to_the_solution(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """Full points for a link of 60 bytes."""
    link_member(archive, f"borrower/{NOTEBOOK}", f"{places['COURSE']}/solutions/05-ip-packet/{NOTEBOOK}")


def a_bomb(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """A member of 400 MB in 400 kB; the real ones have petabytes."""
    with archive.open(f"bomber/{NOTEBOOK}", "w", force_zip64=True) as member:
        block = bytes(1 << 22)
        for _ in range(100):
            member.write(block)


def an_archive_in_an_archive(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """Archives in archives, ten deep."""
    data = notebook
    for depth in range(10):
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as nested:
            nested.writestr(f"{depth}.zip" if depth else NOTEBOOK, data)
        data = inner.getvalue()
    archive.writestr("russian/doll.zip", data)


def names_that_are_code(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """Names that a page, a table, a terminal or a shell takes for more than names."""
    for name in NAMES[:5]:
        archive.writestr(f"{name}/{NOTEBOOK}", notebook)


NAMES = [
    '<script>alert("EVIL")<|script>', "=HYPERLINK(1)", "\x1b[2Jescape", "right\u202etfel", "new\nline",
    # these are only collected
    "+1+1", "@SUM(1)", "-2+3", "$(touch x)", "a;touch x", "nul\x01name", "x" * 300, "CON", "  ", "--help", "-rf",
    "\U0001f600", "Zo\u00eb", "Zoe\u0308", "ADMIN", "admin", "%2e%2e%2fnobody", "'; drop table student; --",
]  # fmt: skip


def ten_thousand_members(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """Ten thousand empty files of one student, and one notebook behind them."""
    for number in range(10_000):
        archive.writestr(f"many/{number}.txt", b"")
    archive.writestr(f"many/{NOTEBOOK}", notebook)


def the_same_name_twice(archive: zipfile.ZipFile, notebook: bytes, places: dict[str, str]) -> None:
    """Two members of one name: what was checked need not be what is unpacked."""
    archive.writestr(f"twice/{NOTEBOOK}", notebook)
    archive.writestr(f"twice/{NOTEBOOK}", b"not a notebook")


ZIP_TRICKS: list[ZipTrick] = [
    path_out_of_the_folder, link_to_a_secret, link_to_the_solution, a_bomb, an_archive_in_an_archive,
    names_that_are_code,
    ten_thousand_members, the_same_name_twice,
]  # fmt: skip


def damaged(data: bytes) -> dict[str, bytes]:
    """Archives that are none, or lie about themselves: each is handed over as a whole class's download."""
    cut = data[: len(data) // 2]
    flagged = bytearray(data)  # says that its first member is encrypted
    at = flagged.index(b"PK\x01\x02")
    struct.pack_into("<H", flagged, at + 8, struct.unpack_from("<H", flagged, at + 8)[0] | 1)
    lying = bytearray(data)  # says that its first member has 4 GB
    struct.pack_into("<I", lying, at + 24, 0xFFFFFFF0)
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    return {
        "cut.zip": cut, "flagged.zip": bytes(flagged), "lying.zip": bytes(lying), "empty.zip": empty.getvalue(),
        "nothing.zip": b"", "text.zip": b"PK\x03\x04 is how these begin",
    }  # fmt: skip


# ---- in a folder ---------------------------------------------------------------------------------------------------


def fifo(folder: Path, notebook: bytes, places: dict[str, str]) -> None:
    """A pipe that nobody writes into: whoever opens it waits for ever."""
    (folder / "piper").mkdir()
    os.mkfifo(folder / "piper" / NOTEBOOK)


def unix_socket(folder: Path, notebook: bytes, places: dict[str, str]) -> None:
    """A socket where a notebook is expected."""
    (folder / "plug").mkdir()
    here = os.getcwd()
    os.chdir(folder / "plug")  # such paths have to be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(NOTEBOOK)
    finally:
        os.chdir(here)


def device(folder: Path, notebook: bytes, places: dict[str, str]) -> None:
    """/dev/zero has no end. Made only by root."""
    (folder / "device").mkdir()
    try:
        os.mknod(folder / "device" / NOTEBOOK, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        (folder / "device" / NOTEBOOK).symlink_to("/dev/zero")


def links(folder: Path, notebook: bytes, places: dict[str, str]) -> None:
    """Symbolic links to a secret, to the solution, to another's work, to themselves, as file and as folder."""
    solution = f"{places['COURSE']}/solutions/05-ip-packet/{NOTEBOOK}"
    for student, target in {
        "linker": places["SECRET"], "borrower": solution, "parasite": f"../ada/{NOTEBOOK}", "ouroboros": NOTEBOOK,
        "environ": "/proc/self/environ",
    }.items():  # fmt: skip
        (folder / student).mkdir()
        (folder / student / NOTEBOOK).symlink_to(target)
    (folder / "wholefolder").symlink_to(f"{places['COURSE']}/solutions/05-ip-packet")
    (folder / "spiral").mkdir()
    (folder / "spiral" / "again").symlink_to(folder)


def beside_a_right_one(folder: Path, notebook: bytes, places: dict[str, str]) -> None:
    """Files that later steps would pick up: a link in the folder, a config, a module of netlib's name, a timestamp."""
    (folder / "crowd").mkdir()
    (folder / "crowd" / NOTEBOOK).write_bytes(notebook)
    (folder / "crowd" / "extra.html").symlink_to(places["SECRET"])
    for name in ("nbgrader_config.py", "netlib.py", "sitecustomize.py", "conftest.py"):
        (folder / "crowd" / name).write_text(f"open({places['DROP'] + '/planted'!r}, 'w').write('x')\n")
    (folder / "crowd" / "timestamp.txt").write_text("1970-01-01 00:00:00 UTC\n; planted")


FOLDER_TRICKS: list[FolderTrick] = [fifo, unix_socket, device, links, beside_a_right_one]
