"""formgrader in a real Jupyter server: it shows and keeps the grades, and nothing of a student's acts there."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from instructor import books
from instructor.test_feedback import HOSTILE, markdown_cell, output

from netlib.instructor.gradebook import Gradebook

NAME = books.NAME
TOKEN = secrets.token_hex(16)


class Server:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, method: str = "GET", data: Any = None) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
            data=None if data is None else json.dumps(data).encode(),
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return str(answer.read().decode())

    def json(self, path: str, method: str = "GET", data: Any = None) -> Any:
        return json.loads(self.ask(f"/formgrader/api/{path}", method, data))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = books.course(tmp_path_factory.mktemp("formgrader") / "course")
    ada = books.record("ada", 0.5)
    markdown_cell(ada, HOSTILE)
    output(ada, {"text/html": "<script>alert(11)</script>", "text/plain": "mine"})
    book = Gradebook(root, NAME)
    for student in ("ada", "bob"):
        books.hand_in(root, student)
    assert book.record([ada, books.record("bob", 0.0, unsafe=True)]) == {}
    book.close()
    return root


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "server",
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}", "--allow-root"]
    extensions = "{'nbgrader.server_extensions.formgrader': True}"
    command += [f"--ServerApp.jpserver_extensions={extensions}"]
    environment = os.environ | {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "JUPYTER_RUNTIME_DIR": str(home)}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    server = Server(port)
    try:
        for _ in range(3000):
            if process.poll() is not None:
                pytest.fail((home / "log").read_text())
            try:
                server.ask("/api")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_its_pages_answer(server: Server) -> None:
    for page in (
        "manage_assignments",
        f"manage_submissions/{NAME}",
        "gradebook",
        f"gradebook/{NAME}/{NAME}",
        "manage_students",
    ):
        assert "formgrade" in server.ask(f"/formgrader/{page}"), page
    [assignment] = server.json("assignments")
    assert (assignment["name"], assignment["num_submissions"], assignment["max_score"]) == (NAME, 2, 20)
    found = {row["student"]: row["score"] for row in server.json(f"submissions/{NAME}")}
    assert found == {"ada": 10.0, "bob": 0.0}


def test_it_flags_what_was_graded_without_a_sandbox(server: Server) -> None:
    rows = {row["student"]: row for row in server.json(f"submitted_notebooks/{NAME}/{NAME}")}
    assert rows["bob"]["flagged"] and not rows["ada"]["flagged"]
    assert "Graded without a sandbox" in server.ask(f"/formgrader/submissions/{rows['bob']['id']}/")


def test_a_submission_shows_the_story_and_nothing_in_it_acts(server: Server) -> None:
    rows = {row["student"]: row for row in server.json(f"submitted_notebooks/{NAME}/{NAME}")}
    page = server.ask(f"/formgrader/submissions/{rows['ada']['id']}/")
    assert "5.3 is worth 2" in page and ">mine" in page
    for number in range(1, 12):
        assert f"<script>alert({number})" not in page and f"onerror=alert({number})>" not in page.replace("&gt;", "")
    assert "&lt;script&gt;alert(1)" in page and "javascript:alert" not in page.replace("(javascript:alert", "")


def test_points_and_comments_given_here_survive_a_new_grading(server: Server, root: Path) -> None:
    [ada] = [row for row in server.json(f"submitted_notebooks/{NAME}/{NAME}") if row["student"] == "ada"]
    grades = {row["name"]: row for row in server.json(f"grades?submission_id={ada['id']}")}
    comments = {row["name"]: row for row in server.json(f"comments?submission_id={ada['id']}")}
    server.json(f"grade/{grades['check-5-1']['id']}", "PUT", {"manual_score": 2, "extra_credit": 1})
    server.json(f"comment/{comments['exercise-5-1']['id']}", "PUT", {"manual_comment": "Well told."})
    book = Gradebook(root, NAME)
    book.record([books.record("ada", 0.0)])
    [row] = [row for row in server.json(f"submissions/{NAME}") if row["student"] == "ada"]
    assert (row["score"], row["needs_manual_grade"]) == (3.0, True)
    assert next(score for score in book.scores() if score.student == "ada").total == 3.0
    book.feedback(["ada"])
    assert "Well told." in (root / "feedback" / "ada" / NAME / f"{NAME}.html").read_text()


def test_its_button_grades_by_the_sandbox_or_not_at_all(server: Server, root: Path, tmp_path: Path) -> None:
    """What is handed in here can't be read: there are no points in it, by whatever sandbox there is."""
    books.hand_in(root, "cid", "not a notebook")
    said = server.json(f"submission/{NAME}/cid/autograde", "POST")
    if said["success"]:
        rows = {row["student"]: row for row in server.json(f"submissions/{NAME}")}
        assert rows["cid"]["score"] == 0 and rows["cid"]["autograded"]
    else:
        assert "sandbox" in said["log"] and "cid" not in {path.name for path in (root / "autograded").iterdir()}
