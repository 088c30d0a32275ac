"""docs/jupyterhub.md: its configuration names what exists; its permissions let a class work, and allow no more."""

from __future__ import annotations

import ast
import os
import pwd
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import nbgrader.api
import pytest
from nbgrader.apps import NbGraderApp
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import (
    Exchange,
    ExchangeFetchAssignment,
    ExchangeFetchFeedback,
    ExchangeReleaseAssignment,
    ExchangeReleaseFeedback,
    ExchangeSubmit,
)
from traitlets.config import Config

from docs import pages
from netlib.instructor.exchange import CollectPlainFiles

PAGE = pages.ROOT / "docs" / "jupyterhub.md"
HUB = pages.block(PAGE, "/etc/jupyterhub/jupyterhub_config.py")
SHARED = pages.block(PAGE, "/etc/jupyter/nbgrader_config.py")
# JupyterHub is not among the course's packages. These are options of version 6.1.
OF_THE_HUB = {
    "JupyterHub": {"bind_url", "db_url", "cookie_secret_file", "authenticator_class", "spawner_class"},
    "ConfigurableHTTPProxy": {"pid_file"},
    "PAMAuthenticator": {"allowed_groups", "open_sessions"},
    "Spawner": {"pre_spawn_hook", "default_url", "http_timeout"},
}


def options(source: str) -> set[tuple[str, str]]:
    """The (class, option) pairs that a configuration sets."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Attribute(ast.Attribute(ast.Name("c"), owner), option)]):
                found.add((owner, option))
    return found


def load(source: str) -> Config:
    """The configuration that a file of this text gives."""
    config = Config()
    exec(compile(source, "config.py", "exec"), {"get_config": lambda: config})
    return config


def test_the_hubs_configuration_names_what_exists() -> None:
    found = options(HUB)
    assert len(found) >= 8
    assert [pair for pair in found if pair[1] not in OF_THE_HUB.get(pair[0], ())] == []
    config = load(HUB)
    assert config.PAMAuthenticator.allowed_groups == {"networking-instructors", "networking-students"}
    assert not config.JupyterHub.get("admin_users")


def test_nbgraders_configuration_names_what_exists() -> None:
    kinds = [*NbGraderApp().all_configurable_classes(), Exchange]
    there = {kind.__name__: kind.class_trait_names(config=True) for kind in kinds}
    text = PAGE.read_text("utf-8") + (pages.ROOT / "docs" / "instructors.md").read_text("utf-8")
    named = set(re.findall(r"\bc\.([A-Z]\w+)\.(\w+)", text.replace(HUB, "")))
    assert options(SHARED) <= named
    for owner, option in named:
        assert owner == "DockerSpawner" or option in there[owner], f"nbgrader has no {owner}.{option}"
    ours = load((pages.ROOT / "nbgrader_config.py").read_text("utf-8").replace("__file__", repr(__file__)))
    assert load(SHARED).CourseDirectory.course_id == ours.CourseDirectory.course_id


# -- what the hub's hook chooses for whom --


class Spawner:
    """As much of a spawner as the hook uses."""

    def __init__(self, name: str) -> None:
        self.user = type("User", (), {"name": name})()
        self.environment: dict[str, str] = {}
        self.cmd: list[str] = []
        self.notebook_dir = ""


def test_a_student_gets_the_courses_programs_and_an_instructor_the_clones(monkeypatch: pytest.MonkeyPatch) -> None:
    import grp

    group = type("Group", (), {"gr_mem": ["ivy"]})()
    monkeypatch.setattr(grp, "getgrnam", {"networking-instructors": group}.__getitem__)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: type("Entry", (), {"pw_dir": f"/home/{name}"})())
    hook = load(HUB).Spawner.pre_spawn_hook
    ivy, sam = Spawner("ivy"), Spawner("sam")
    hook(ivy)
    hook(sam)
    assert ivy.cmd == ["/home/ivy/networking-course/.venv/bin/jupyterhub-singleuser"]
    assert (ivy.notebook_dir, sam.notebook_dir) == ("/home/ivy/networking-course", "/home/sam")
    assert ivy.environment["JUPYTER_CONFIG_PATH"] == "/home/ivy/networking-course"
    assert sam.cmd == ["/opt/networking-course/.venv/bin/jupyterhub-singleuser"]
    assert set(sam.environment) == {"PATH"} and "ivy" not in str(vars(sam))


# -- the exchange, between different users of this machine --

NAME = "05-ip-packet"


class Machine:
    """Homes below one folder, an exchange with the page's mode, and functions that run as another user."""

    def __init__(self, top: Path, users: list[pwd.struct_passwd]) -> None:
        self.top = top
        self.exchange = top / "exchange"
        self.exchange.mkdir()
        (mode,) = re.findall(r"install -d -m (\d+) /srv/nbgrader/exchange", PAGE.read_text("utf-8"))
        self.exchange.chmod(int(mode, 8))
        self.instructor, self.sam, self.tess = users
        for user in users:
            home = self.home(user)
            home.mkdir()
            home.chmod(0o700)
            os.chown(home, user.pw_uid, user.pw_gid)

    def home(self, user: pwd.struct_passwd) -> Path:
        return self.top / user.pw_name

    def course(self) -> None:
        """Give the instructor a course folder with this chapter's release."""
        release = self.home(self.instructor) / "course" / NAME
        shutil.copytree(pages.ROOT / "course" / NAME, release)
        for path in [release.parent, release, *release.rglob("*")]:
            os.chown(path, self.instructor.pw_uid, self.instructor.pw_gid)

    def config(self, user: pwd.struct_passwd) -> Config:
        config = load(SHARED)
        config.Exchange.root = str(self.exchange)
        config.CourseDirectory.root = str(self.home(user))
        config.CourseDirectory.release_directory = "course"
        config.CourseDirectory.assignment_id = NAME
        return config

    def nbgrader(self, user: pwd.struct_passwd, step: type[Exchange]) -> None:
        config = self.config(user)
        parts = CourseDirectory(config=config), Authenticator(config=config)
        step(coursedir=parts[0], authenticator=parts[1], config=config).start()

    def run(self, user: pwd.struct_passwd, what: Callable[[], object]) -> None:
        """Do this in a process of that user's, in the user's home; what it raises fails the test."""
        child = os.fork()
        if not child:
            status = 1
            try:
                os.chdir(self.home(user))
                os.umask(0o022)
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)
                os.environ.update(HOME=str(self.home(user)), USER=user.pw_name, LOGNAME=user.pw_name)
                what()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0, f"{user.pw_name} could not"

    def refused(self, user: pwd.struct_passwd, what: Callable[[], object]) -> None:
        """The same, for what has to fail for want of permission."""

        def attempt() -> None:
            with pytest.raises(PermissionError):
                what()

        self.run(user, attempt)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    if os.geteuid():
        pytest.skip("only root can be several users")
    users = [user for user in pwd.getpwall() if user.pw_uid not in (0, os.getuid())][:3]
    if len(users) < 3:
        pytest.skip("this machine has fewer than three users beside root")
    monkeypatch.setenv("HOME", "/nonexistent")
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "XDG_DATA_HOME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    # nbgrader asks a program that is in the tests' own .venv, where other users may not get
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    version = nbgrader.api.get_alembic_version()
    monkeypatch.setattr(nbgrader.api, "get_alembic_version", lambda: version)
    top = Path(tempfile.mkdtemp())  # not tmp_path, which is root's alone
    top.chmod(0o755)
    yield Machine(top, users)
    shutil.rmtree(top)


def found(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def test_a_class_goes_round_the_exchange_and_nobody_sees_anothers(machine: Machine) -> None:
    ivy, sam, tess = machine.instructor, machine.sam, machine.tess
    course, inbound = machine.exchange / "networking", machine.exchange / "networking" / "inbound"
    machine.course()
    machine.run(ivy, lambda: machine.nbgrader(ivy, ExchangeReleaseAssignment))
    for student in (sam, tess):
        machine.run(student, lambda student=student: machine.nbgrader(student, ExchangeFetchAssignment))
        mine = machine.home(student) / NAME / f"{NAME}.ipynb"
        assert mine.stat().st_uid == student.pw_uid
        answer = f"NotImplementedYet('{student.pw_name}' and "
        mine.write_text(mine.read_text("utf-8").replace("NotImplementedYet(", answer))
        machine.run(student, lambda student=student: machine.nbgrader(student, ExchangeSubmit))

    handed_in = found(inbound, f"{sam.pw_name}+*")
    machine.refused(tess, lambda: os.listdir(inbound))
    machine.refused(tess, lambda: os.listdir(machine.home(ivy)))
    machine.refused(tess, lambda: os.listdir(machine.home(sam)))
    machine.refused(tess, lambda: (course / "outbound" / NAME / f"{NAME}.ipynb").write_text("{}"))
    machine.refused(tess, lambda: course.rename(machine.exchange / "mine"))
    machine.refused(tess, lambda: (course / "outbound" / "more").mkdir())

    def forge() -> None:
        """Hand something in under her name, later than she has."""
        forged = inbound / f"{tess.pw_name}+{NAME}+2199-01-01 00:00:00.000000 UTC+xxxxxxxxxxxx"
        forged.mkdir()
        (forged / "timestamp.txt").write_text("2199-01-01 00:00:00.000000 UTC")
        (forged / f"{NAME}.ipynb").write_text("{}")

    machine.run(sam, forge)
    machine.run(ivy, lambda: machine.nbgrader(ivy, CollectPlainFiles))
    submitted = machine.home(ivy) / "submitted"
    for student in (sam, tess):
        collected = submitted / student.pw_name / NAME
        assert f"'{student.pw_name}' and" in (collected / f"{NAME}.ipynb").read_text("utf-8")
        feedback = machine.home(ivy) / "feedback" / student.pw_name / NAME
        shutil.copytree(collected, feedback)
        (feedback / f"{NAME}.ipynb").unlink()
        (feedback / f"{NAME}.html").write_text(f"for {student.pw_name}")
        os.chown(feedback, ivy.pw_uid, ivy.pw_gid)
        for path in feedback.rglob("*"):
            os.chown(path, ivy.pw_uid, ivy.pw_gid)

    machine.run(ivy, lambda: machine.nbgrader(ivy, ExchangeReleaseFeedback))
    machine.refused(tess, lambda: os.listdir(course / "feedback"))
    for student in (sam, tess):
        machine.run(student, lambda student=student: machine.nbgrader(student, ExchangeFetchFeedback))
        page = found(machine.home(student) / NAME / "feedback", "*/*.html")
        assert page.read_text() == f"for {student.pw_name}"
    assert handed_in.is_dir()
