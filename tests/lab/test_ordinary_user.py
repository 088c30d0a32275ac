"""The same for an ordinary user: no root, no capability, no way to get any (no_new_privs)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lab.processes import Footprint, children, eventually

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path("/usr/bin/python3")
USER = 5005
BECOME = ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"]


@pytest.fixture(scope="module")
def folder(labs_work: None) -> Iterator[Path]:
    """netlib, PyYAML and the labs where everybody may read them."""
    if os.geteuid() != 0:
        pytest.skip(
            "only root can become another user; this run is an ordinary user's, so all the other tests are the proof"
        )
    if not PYTHON.exists() or not shutil.which("setpriv"):
        pytest.skip("needs /usr/bin/python3 and setpriv (Debian: apt install python3 util-linux)")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        for source in (ROOT / "netlib", ROOT / "labs", Path(yaml.__file__).parent):
            shutil.copytree(source, path / source.name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        probe = "import sys; assert sys.version_info >= (3, 11); import ctypes, netlib.lab.lab"
        done = subprocess.run(
            [*BECOME, "--no-new-privs", str(PYTHON), "-c", probe], cwd=path, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"{PYTHON} cannot run netlib as user {USER}: {done.stderr.strip().splitlines()[-1]}")
        yield path


def start(folder: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BECOME, "--no-new-privs", str(PYTHON), "-c", code],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


USE = """
import json, os
from netlib.lab import Lab
status = open("/proc/self/status").read()
result = {"capabilities": status.split("CapEff:")[1].split()[0], "uid": os.getuid(),
          "no_new_privs": status.split("NoNewPrivs:")[1].split()[0]}
with Lab("06-icmp") as lab, lab.capture("r2:eth1") as capture:
    result["ping"] = lab["h1"].run("ping -c 1 -W 5 10.0.4.2").stdout
    result["traceroute"] = lab["h1"].run("traceroute -n -w 2 10.0.4.2").stdout
    result["packets"] = [str(packet) for _, packet in capture.packets]
    result["missing"] = lab.missing
    result["setting"] = lab["r1"].run("sysctl -n net.ipv4.ip_forward net.ipv4.tcp_congestion_control").stdout
    result["write"] = lab["r1"].sh("echo x > /etc/passwd; echo x > %s/own").stderr
result["doctor"] = bool(Lab.doctor())
print(json.dumps(result))
"""


def test_a_lab_works_for_an_ordinary_user(folder: Path) -> None:
    own = folder / "own"
    own.write_text("")
    os.chown(own, USER, USER)
    process = start(folder, USE % folder)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    result = json.loads(output)
    assert (result["uid"], int(result["capabilities"], 16), result["no_new_privs"]) == (USER, 0, "1")
    assert "ttl=61 " in result["ping"]
    for hop in ("10.0.1.1", "10.0.2.2", "10.0.3.3", "10.0.4.2"):
        assert f" {hop} " in result["traceroute"]
    assert "*" not in result["traceroute"]
    assert sum("echo" in packet for packet in result["packets"]) == 2
    assert result["missing"] == {}
    assert result["setting"] == "1\nreno\n"
    assert result["write"].count("cannot create") == 2 and own.read_text() == ""
    assert result["doctor"]


NOTEBOOK = """
import time
from netlib.lab import Lab
lab = Lab("06-icmp").up()
lab["h1"].sh("setsid sleep 4900 >/dev/null 2>&1 &")
print("ready", flush=True)
time.sleep(4901)
"""


def test_nothing_is_left_of_an_ordinary_users_lab(folder: Path) -> None:
    process = start(folder, NOTEBOOK)
    assert process.stdout and process.stdout.readline() == "ready\n"
    footprint = Footprint(children(process.pid)[0])
    assert len(footprint.inhabitants()) >= 9
    process.kill()
    assert eventually(lambda: not footprint.left()), footprint.left()
    process.communicate(timeout=20)


PING = """
from netlib.lab import Lab
with Lab("06-icmp") as lab:
    print(lab["h1"].run("ping -c 1 -W 5 10.0.4.2").returncode)
"""


@pytest.mark.parametrize("command", [["unshare", "-Ur"], ["unshare", "-Urn"]])
def test_a_lab_works_for_the_only_user_of_a_rootless_container(folder: Path, command: list[str]) -> None:
    """There the user is called root, has one id and no other to give away."""
    done = subprocess.run(
        [*BECOME, *command, str(PYTHON), "-c", PING],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("unshare(1) may not make a user namespace here")
    assert done.stdout == "0\n", done.stderr


KEPT = """
import os, tempfile
from netlib.lab import Lab, keeper, kept
with tempfile.TemporaryDirectory() as folder:
    os.environ["XDG_RUNTIME_DIR"] = folder
    keeper.start("06")
    print(Lab.join("06")["h1"].run("ping -c 1 -W 5 10.0.4.2").returncode, kept.find().engine)
    kept.end("06-icmp")
    print(kept.running())
"""


def test_a_lab_may_have_a_keeper(folder: Path) -> None:
    process = start(folder, KEPT)
    output, errors = process.communicate(timeout=60)
    assert output == "0 netns\n[]\n", errors
