"""The gradebook in PostgreSQL: a server of our own, in a temporary folder, on a unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from instructor import books
from instructor.commands import nbgrader
from nbgrader import api
from sqlalchemy import create_engine, inspect, text

from netlib.instructor.gradebook import Gradebook
from netlib.instructor.ledger import INDEXED

NAME = books.NAME
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or "/none/initdb").parent]
pytestmark = pytest.mark.skipif(
    not (PROGRAMS[-1] / "initdb").exists(), reason="needs PostgreSQL's server (Debian: apt install postgresql)"
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of an empty database.  PostgreSQL refuses to run as root, so an ordinary user runs it."""
    me = pwd.getpwuid(os.getuid() or pwd.getpwnam("nobody").pw_uid)

    def run(program: str, *arguments: str) -> None:
        who = {"user": me.pw_uid, "group": me.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        command = [PROGRAMS[-1] / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **who)  # type: ignore[call-overload]
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    folder = Path(tempfile.mkdtemp(prefix="netlib-pg-"))  # pytest's own is too long for a socket, and not for others
    try:
        os.chown(folder, me.pw_uid, me.pw_gid)
        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "me", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
        run("pg_ctl", "-D", data, "-w", "-t", "120", "-l", str(folder / "log"), "-o", options, "start")
        try:
            run("createdb", "-h", str(folder), "-U", "me", "grades")
            yield f"postgresql://me@/grades?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_class_is_recorded_shown_and_exported(url: str, tmp_path: Path) -> None:
    root = books.course(tmp_path / "course")
    (root / "gradebook.db").unlink()
    book = Gradebook(root, NAME, db=url)
    book.prepare()
    books.hand_in(root, "ada", when="2026-11-02 10:00:00 UTC")
    assert book.record([books.record("ada", 0.5), books.record("bob", 1.0, unsafe=True)]) == {}
    assert book.feedback(["ada", "bob"]) == {}
    assert {score.student: (score.total, score.flagged) for score in book.scores()} == {
        "ada": (10, False),
        "bob": (20, True),
    }
    assert book.recorded("ada") == "digest of ada"

    with api.Gradebook(url) as nbgraders:
        nbgraders.find_grade("check-5-1", NAME, NAME, "ada").manual_score = 2.0
        nbgraders.update_or_create_assignment(NAME, duedate="2026-11-01 10:00:00 UTC")
        nbgraders.db.commit()
    assert book.recorded("ada") is None
    broken = books.record("bob", 0.0)
    broken.verdicts.pop()
    assert list(book.record([broken, books.record("ada", 0.0)])) == ["bob"]
    assert {score.student: score.total for score in book.scores()} == {"ada": 2.0, "bob": 20.0}
    assert not (root / "gradebook.db").exists()

    inspector = inspect(create_engine(url))
    indexed = {(table, *index["column_names"]) for table, _ in INDEXED for index in inspector.get_indexes(table)}
    assert set(INDEXED) <= indexed

    with (root / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
    assert nbgrader("export --to grades.csv", root) == 0
    assert "ada" in (root / "grades.csv").read_text()
    assert Gradebook(root, NAME).url == url
    book.close()


def test_the_server_of_these_tests_has_no_port(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("show listen_addresses")).scalar() == ""
