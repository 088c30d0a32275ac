"""Where labs do not work, one line says so and what to do; the doctor says the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.conftest import examined

from netlib.lab import Lab, LabError
from netlib.lab import doctor as doctors
from netlib.lab.doctor import Doctor, Finding
from netlib.lab.errors import EngineMissing
from netlib.lab.features import FEATURES, Trial
from netlib.lab.netns import diagnosis

ROOT = Path(__file__).resolve().parents[2]

TRY = """
from netlib.lab import Lab, LabError
try:
    with Lab("06-icmp", engine="netns"):
        print("up")
except LabError as error:
    print(error)
doctor = Lab.doctor()
print(bool(doctor), doctor.problems[0].name, doctor.problems[0].fix, sep="|")
"""

# Answers unshare(2) with EPERM, as container runtimes do; the number is the system call's
FILTER = """
import ctypes, platform, struct
number = {"x86_64": 272, "aarch64": 97}[platform.machine()]
program = b"".join(struct.pack("=HBBI", *each) for each in [
    (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)])
buffer = ctypes.create_string_buffer(program)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("=HxxxxxxQ", 4, ctypes.addressof(buffer))) == 0
"""


def lines(command: list[str]) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_doctor_finds_this_machine_well(labs_work: None) -> None:
    doctor = Lab.doctor()
    assert doctor and doctor["namespaces"].works and doctor["captures"].works
    assert str(doctor).startswith("Labs work on this machine.\n")


def test_a_limit_of_no_namespaces_is_named_with_its_fix(labs_work: None) -> None:
    shell = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    error, doctor = lines(["unshare", "-Ur", "sh", "-c", shell, sys.executable, TRY])
    assert error == (
        "labs need user namespaces, which are not allowed here: user.max_user_namespaces is 0; "
        "do: sudo sysctl user.max_user_namespaces=15000"
    )
    assert doctor == "False|namespaces|sudo sysctl user.max_user_namespaces=15000"


def test_a_containers_filter_is_named_with_its_fix(labs_work: None) -> None:
    if os.uname().machine not in ("x86_64", "aarch64"):
        pytest.skip("the filter is written for x86_64 and aarch64")
    error, doctor = lines([sys.executable, "-c", FILTER + TRY])
    assert error.startswith("labs need user namespaces, which are not allowed here: ")
    assert "seccomp" in error and "--security-opt" in error
    assert doctor.startswith("False|namespaces|start the container with")


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"user.max_user_namespaces": "0"}, "sudo sysctl user.max_user_namespaces=15000"),
        ({"kernel.unprivileged_userns_clone": "0"}, "sudo sysctl kernel.unprivileged_userns_clone=1"),
        ({"kernel.apparmor_restrict_unprivileged_userns": "1"}, "kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_each_setting_that_forbids_namespaces_has_its_fix(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], fix: str
) -> None:
    monkeypatch.setattr(diagnosis, "read_setting", settings.get)
    monkeypatch.setattr(diagnosis.os, "geteuid", lambda: 1000)
    reason = diagnosis.forbidden_by()
    assert reason and fix in reason
    sentence = diagnosis.explain("mount", 13, "Permission denied")
    assert sentence == f"labs need user namespaces, which are not allowed here: {reason}"


def test_what_is_needed_comes_before_what_is_only_wanted() -> None:
    findings = (
        Finding("tun", False, fix="load it", needed=False),
        Finding("ip", False, "not installed", "install it"),
        Finding("ping", True),
    )
    doctor = Doctor(findings)
    assert not doctor and [each.name for each in doctor.problems] == ["ip", "tun"]
    assert "NO   ip: not installed\n       fix: install it" in str(doctor)
    assert bool(Doctor(findings[2:])) and bool(Doctor((findings[0],)))


def test_what_a_kernel_has_for_some_lessons_is_tried(lab: Lab, labs_work: None) -> None:
    """Each feature is there, and right: what the doctor says of bridges and VLANs is what a node meets."""
    doctor = examined()
    for feature in FEATURES:
        finding = doctor[feature.name]
        assert not finding.needed and bool(finding.fix) is not finding.works
    kinds = {"bridges": "type bridge", "VLANs": "link eth1 type vlan id 7", "WireGuard": "type wireguard"}
    for name, kind in kinds.items():
        made = lab["h2"].run(f"ip link add tried {kind}")
        lab["h2"].run("ip link delete tried")
        assert doctor[name].works is (made.returncode == 0), made


def test_a_kernel_without_it_is_told_from_a_mistake() -> None:
    feature = FEATURES[1]
    missing = Trial(feature, False, "Unknown device type.")
    assert (missing.reason, missing.fix) == ("this kernel has none", "sudo modprobe 8021q, or a kernel that has it")
    uninstalled = Trial(feature, False, "sh: 1: ip: not found")
    assert (uninstalled.reason, uninstalled.fix) == ("sh: 1: ip: not found", "sudo apt install iproute2")
    assert Trial(feature, False, "Operation not permitted").reason == "Operation not permitted"


def test_an_exec_line_that_this_kernel_cannot_do_says_so(labs_work: None, write: Callable[[str], Path]) -> None:
    path = write("""
        nodes:
          a: {kind: linux, exec: ["ip link add x type nosuchkind"]}
    """)
    with pytest.raises(LabError, match=r"topology.clab.yml:7: node a: .*this kernel lacks what the line asks for"):
        Lab(path, engine="netns").up()


class _Engine:
    """An engine's module, as far as the doctor looks at it."""

    @staticmethod
    def check() -> str:
        raise EngineMissing("no such thing is installed; do: install it")


def test_a_docker_without_its_daemon_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("docker"):
        pytest.skip("needs docker (Debian: apt install docker.io)")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(LabError, match=r"the Docker daemon does not run; start it: "):
        doctors.CHECKS["docker"]()


def test_recordings_are_counted_and_their_lack_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctors, "shelves", lambda: [tmp_path])
    with pytest.raises(LabError, match="no lab here has a recording; netlib lab record"):
        doctors.CHECKS["replay"]()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "recording.zip").touch()
    assert doctors.CHECKS["replay"]() == "labs that have a recording: 1"


def test_each_engine_says_what_stands_in_its_way(labs_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctors, "ENGINES", {"netns": "netlib.lab.netns.session", "other": "json"})
    monkeypatch.setattr("json.check", _Engine.check, raising=False)
    doctor = Lab.doctor()
    finding = doctor["engine other"]
    assert doctor and (finding.detail, finding.fix) == ("no such thing is installed", "install it")
