"""What a lab cannot do: write to this machine, change it, or reach it. Even as root, even on purpose."""

from __future__ import annotations

import errno
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlib.lab import Lab
from netlib.wire.ipv4 import IPv4Packet

ROOT = Path(__file__).resolve().parents[2]

ESCAPES = {
    "write through a link": "echo evil > {target}",
    "make the root writable": "mount -o remount,rw /; mount -o remount,bind,rw /; echo evil > {target}",
    "look under the covers": (
        "for place in /etc/.image /etc /opt/.image /opt /var /srv /tmp /run /root /dev/shm; do"
        " umount -l $place; umount -l $place; done;"
        "echo evil > {target}; echo evil > {folder}/new"
    ),
    "bind it elsewhere": (
        "mkdir -p /run/here; mount --rbind / /run/here; mount -o remount,bind,rw /run/here;"
        "echo evil > /run/here{target}"
    ),
    "another user namespace": "unshare -Urm sh -c 'mount -o remount,bind,rw /; umount -l /tmp; echo evil > {target}'",
    "through the init's root": "echo evil > /proc/1/root{target}; echo evil > /proc/1/cwd{target}",
    "link and move": "ln -s {target} /run/link; echo evil > /run/link; mv {target} {target}.moved; rm -f {target}",
    "change its mode": "chmod 777 {target}; chown 0:0 {target}; touch -d 2001-01-01 {target}",
}


@pytest.fixture
def target(own_lab: Lab) -> Iterator[Path]:
    """A file that everybody may write to, and that the nodes see: only the lab's walls protect it."""
    for place in (ROOT, Path("/opt"), Path("/home"), Path("/usr/local")):
        if not os.access(place, os.W_OK):
            continue
        with tempfile.TemporaryDirectory(dir=place, prefix=".lab-test-") as folder:
            os.chmod(folder, 0o777)
            path = Path(folder, "target")
            path.write_text("safe\n")
            path.chmod(0o666)
            if own_lab["h1"].run(["cat", str(path)]).stdout == "safe\n":
                yield path
                return
    pytest.skip("there is no place that both this test can write to and a node can see")


@pytest.fixture
def own_lab(labs_work: None) -> Iterator[Lab]:
    with Lab("06-icmp") as lab:
        yield lab


@pytest.mark.parametrize("script", ESCAPES.values(), ids=ESCAPES.keys())
def test_nothing_outside_can_be_written(own_lab: Lab, target: Path, script: str) -> None:
    status = target.stat()
    own_lab["h1"].sh(script.format(target=target, folder=target.parent))
    assert target.read_text() == "safe\n"
    assert os.listdir(target.parent) == ["target"]
    assert (target.stat().st_mode, target.stat().st_mtime) == (status.st_mode, status.st_mtime)


# These tests must do no harm where the walls have a hole: they open files for writing, and write nothing, or the same.
OPEN = "for file; do if (: >> $file) 2>/dev/null; then echo $file; fi; done"
SAME = "for file; do if (cat $file > $file) 2>/dev/null; then echo $file; fi; done"


def test_the_machines_own_files_cannot_be_opened_for_writing(own_lab: Lab) -> None:
    files = ["/etc/passwd", "/etc/.image/hosts", "/etc/.image/passwd", "/var/.image/lib/dpkg/status", "/usr/bin/env"]
    assert own_lab["h1"].run(["sh", "-c", OPEN, "sh", *files, "/tmp/own"]).stdout == "/tmp/own\n"
    uncover = "for place in /etc/.image /etc /var; do umount -l $place; done; mount -o remount,bind,rw /; "
    files = ["/etc/passwd", "/etc/hosts", "/var/lib/dpkg/status"]
    assert own_lab["h1"].run(["sh", "-c", uncover + OPEN, "sh", *files]).stdout == ""


def test_the_machines_settings_cannot_be_changed(own_lab: Lab) -> None:
    names = ["kernel/core_pattern", "kernel/panic", "vm/swappiness", "fs/file-max"]
    files = [f"/proc/sys/{name}" for name in names if os.path.exists(f"/proc/sys/{name}")]
    own = "/proc/sys/net/ipv4/ip_forward"  # which the node has for itself
    assert own_lab["h1"].run(["sh", "-c", SAME, "sh", *files, own]).stdout == f"{own}\n"
    assert own_lab["h1"].run(["sh", "-c", "umount -l /proc; " + SAME, "sh", *files]).stdout == ""
    before = [socket.gethostname(), Path(own).read_text()]
    own_lab["h2"].sh(f"hostname other; echo 1 > {own}", check=True)
    assert [socket.gethostname(), Path(own).read_text()] == before


def test_disks_cannot_be_opened_and_no_device_can_be_made(own_lab: Lab) -> None:
    disks = [path for path in Path("/dev").iterdir() if stat.S_ISBLK(path.stat().st_mode)]
    if os.geteuid() != 0 or not disks:
        pytest.skip("only root could open a disk, and only if there is one in /dev")
    number = disks[0].stat().st_rdev
    done = own_lab["h1"].sh(
        f"head -c 1 {disks[0]}; mknod /tmp/disk b {os.major(number)} {os.minor(number)} && head -c 1 /tmp/disk"
    )
    assert done.stdout == "" and not done


def test_a_node_cannot_fill_the_machines_memory_with_files(own_lab: Lab) -> None:
    done = own_lab["h1"].sh("head -c 100000000 /dev/zero > /tmp/big; stat -c %s /tmp/big")
    assert int(done.stdout) <= 64 << 20 and "No space left" in done.stderr


def test_other_processes_are_out_of_sight(own_lab: Lab) -> None:
    seen = own_lab["h1"].sh("ls /proc | grep -c '^[0-9]'; kill -0 " + str(os.getpid())).stdout
    assert int(seen) <= 5
    assert f"{os.getpid()}\n" not in own_lab["h1"].sh("ls /proc").stdout or os.getpid() < 10


def test_there_is_no_way_out(own_lab: Lab) -> None:
    """A server of this machine on every address, an abstract socket: no node reaches them, and no frame leaves."""
    with socket.create_server(("0.0.0.0", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        port = server.getsockname()[1]
        abstract.bind(b"\0netlib-test-%d" % os.getpid())
        abstract.listen()
        with socket.create_connection(("127.0.0.1", port), 5):  # it does serve
            server.accept()[0].close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
                own = [probe.getsockname()[0]]
            except OSError:
                own = []
        server.settimeout(0.2)
        for node in own_lab:
            for address in ["127.0.0.1", "192.0.2.1", *own]:
                with node.socket() as client:
                    client.settimeout(10)
                    assert client.connect_ex((address, port)) in (
                        errno.ECONNREFUSED,
                        errno.ENETUNREACH,
                        errno.EHOSTUNREACH,
                    )
            code = f"import socket; socket.socket(socket.AF_UNIX).connect(b'\\0netlib-test-{os.getpid()}')"
            assert "ConnectionRefusedError" in node.run(["python3", "-c", code]).stderr
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_links_of_a_node_are_those_of_the_topology(own_lab: Lab) -> None:
    for node in own_lab:
        names = {line.split()[0].split("@")[0] for line in node.run("ip -br link", check=True).stdout.splitlines()}
        assert names == {"lo", *node.interfaces}
    with own_lab.capture("r1:eth2") as capture:
        own_lab["h1"].run("ping -c 1 -W 1 192.0.2.1")
    assert not [packet for _, packet in capture.packets if IPv4Packet in packet]
