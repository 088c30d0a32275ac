"""A server that cannot start stops its lab: one line with the topology's line and the server's own reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.processes import eventually, names_below

from netlib.lab import Lab, LabError

LABS = Path(__file__).resolve().parents[2] / "labs"

NGINX = """\
user root;
pid /run/nginx-{port}.pid;
error_log /var/log/nginx/error.log;
events {{ }}
http {{ access_log off; server {{ listen {port}; }} }}
"""
HAPROXY = """\
global
    daemon
defaults
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen web
    bind :80
"""
UNBOUND = """\
server:
    interface: 0.0.0.0
    do-ip6: no
    username: ""
    chroot: ""
    pidfile: "/run/unbound.pid"
    use-syslog: no
    module-config: "iterator"
remote-control:
    control-enable: no
"""
FILES = {"nginx.conf": NGINX.format(port=80), "haproxy.cfg": HAPROXY, "unbound.conf": UNBOUND}
FROM_LABS = {
    "nsd.conf": LABS / "18-dns/files/nsd.conf",
    "serve": LABS / "19-tls/files/serve",
    "server.crt": LABS / "19-tls/files/www.crt",
    "server.key": LABS / "19-tls/files/www.key",
    "start-sshd": LABS / "21-ssh/files/start-sshd",
    "sshd_config": LABS / "21-ssh/files/sshd_config",
    "passwd": LABS / "21-ssh/files/passwd",
}

START = {
    "nginx": "nginx -c /opt/lab/nginx.conf",
    "haproxy": "haproxy -f /opt/lab/haproxy.cfg",
    "nsd": "sh -c 'nsd -c /opt/lab/nsd.conf || ! cat /var/log/nsd.log'",
    "unbound": "unbound -c /opt/lab/unbound.conf",
    "openssl": "/opt/lab/serve /tmp/openssl.log ACCEPT openssl s_server -port 443 -www"
    " -cert /opt/lab/server.crt -key /opt/lab/server.key",
    "gnutls-serv": "/opt/lab/serve /tmp/gnutls.log done gnutls-serv --http -p 443"
    " --x509certfile /opt/lab/server.crt --x509keyfile /opt/lab/server.key",
    "sshd": "/opt/lab/start-sshd",
    "socat": "/opt/lab/serve /tmp/log listening socat -d -d TCP-LISTEN:22,fork SYSTEM:true",
}


@pytest.fixture
def node(write: Callable[[str], Path]) -> Callable[..., Path]:
    """Writes a lab of one node with these exec lines, and all the servers' files in /opt/lab."""

    def node(*commands: str) -> Path:
        places = {**dict.fromkeys(FILES, "/opt/lab/"), **dict.fromkeys(FROM_LABS, "/opt/lab/"), "passwd": "/etc/"}
        binds = [f"{name}:{places[name]}{name}:ro" for name in places]
        path = write(
            "nodes:\n  a:\n    kind: linux\n    sysctls: {net.ipv4.ip_unprivileged_port_start: '0'}\n"
            f"    binds: {json.dumps(binds)}\n    exec:\n"
            + "".join(f"      - {json.dumps(command)}\n" for command in commands)
        )
        for name, text in FILES.items():
            (path.parent / name).write_text(text)
            (path.parent / name).chmod(0o644)
        for name, source in FROM_LABS.items():
            shutil.copy(source, path.parent / name)
        return path

    return node


def line_of(path: Path, text: str) -> int:
    """The last line of the file that has `text` in it."""
    return max(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[("nginx", "nginx"), ("nginx", "haproxy"), ("haproxy", "nginx"), ("nsd", "unbound"), ("unbound", "nsd")],
        *[("openssl", "gnutls-serv"), ("gnutls-serv", "openssl"), ("socat", "sshd"), ("sshd", "socat")],
    ],
)
def test_a_port_that_is_taken(labs_work: None, node: Callable[..., Path], first: str, second: str) -> None:
    for name in (first, second):
        program = START[name].split()[3] if "/serve" in START[name] else "sshd" if name == "sshd" else name
        if not shutil.which(program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"):
            pytest.skip(f"needs {name} (scripts/packages)")
    again = START[second] if first != second else START[second].replace("-c", "-e /tmp/error.log -c")
    path = node("ip addr add 10.0.0.1/24 dev lo", START[first], again)
    before = names_below()
    with pytest.raises(LabError) as error:
        Lab(path, engine="netns").up()
    said = str(error.value)
    assert "\n" not in said and len(said) < 400, said
    assert f"topology.clab.yml:{line_of(path, again[:40])}: node a: " in said, said
    assert said.lower().count("in use") == 1, said
    assert eventually(lambda: names_below() <= before), "the lab of the first server is still there"


def test_a_mistake_in_a_servers_file(labs_work: None, node: Callable[..., Path]) -> None:
    if not shutil.which("nginx", path="/usr/sbin"):
        pytest.skip("needs nginx (scripts/packages)")
    path = node(START["nginx"])
    (path.parent / "nginx.conf").write_text(FILES["nginx.conf"].replace("listen", "lisen"))
    with pytest.raises(LabError, match=r'unknown directive "lisen" in /opt/lab/nginx.conf:5') as error:
        Lab(path, engine="netns").up()
    assert "\n" not in str(error.value)
    assert f"topology.clab.yml:{line_of(path, 'nginx -c')}: node a: " in str(error.value)


def test_a_server_that_ends_before_it_listens_is_no_running_server(labs_work: None, node: Callable[..., Path]) -> None:
    path = node("/opt/lab/serve /tmp/log never sh -c 'echo first; echo my reason; exit 0'")
    with pytest.raises(LabError, match=r"node a: first; my reason$"):
        Lab(path, engine="netns").up()


def test_the_labs_have_the_same_serve() -> None:
    assert (LABS / "19-tls/files/serve").read_bytes() == (LABS / "21-ssh/files/serve").read_bytes()
