"""What containerlab leaves open in a node, done from outside: MAC addresses, offloads, the settings of every engine.

A container may not write its own settings: its /proc/sys is read-only. So a child of the caretaker, which is root here,
enters the network namespace of the container (and no other namespace of it), and writes them there. Nothing of this
machine is handed into the container.

The interfaces are there already, and have taken over whatever this machine's `default` settings are: what is to hold
for `default` is written for each of them too.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from typing import Any, NoReturn

from netlib.lab.agent.baseline import BASELINE, write_sysctls
from netlib.lab.agent.netlink import (
    IFLA_ADDRESS,
    IFLA_IFNAME,
    RTM_NEWLINK,
    Netlink,
    _link_header,
    _name,
    attribute,
    switch_offloads_off,
)
from netlib.lab.agent.system import CLONE_NEWNET, setns

LINK_TIMEOUT = 2.0  # seconds until both ends of a link have seen each other
# Who has met another under its first MAC address forgets it. The program is this machine's, the network the node's
_FORGET = """
for bridge in $(ip -o link show type bridge | cut -d: -f2); do ip link set dev $bridge type bridge fdb_flush; done
ip neigh flush all
"""
_PER_INTERFACE = re.compile(r"(net\.ipv[46]\.(?:conf|neigh))\.default\.(.+)")
_FOR_ALL = "net.ipv6.conf.all.disable_ipv6"  # one that the kernel passes on to every interface by itself


def settings_for(node: dict[str, Any]) -> dict[str, str]:
    """All settings of a node as netns would have them, in their order."""
    own: dict[str, str] = node["sysctls"]
    base = {name: value for name, value in BASELINE.items() if not (_FOR_ALL in own and name.endswith(".disable_ipv6"))}
    settings: dict[str, str] = {}
    for name, value in {**base, **own}.items():
        settings[name] = value
        found = _PER_INTERFACE.fullmatch(name)
        if found:
            settings |= {f"{found[1]}.{interface}.{found[2]}": value for interface in node["interfaces"]}
    return settings


def furnish(pid: int, node: dict[str, Any], macs: dict[str, str]) -> dict[str, str]:
    """Furnish the node whose container has the process `pid`. The settings that this kernel refuses, with its reason.

    OSError where the namespace or an interface is not there.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _enter(pid, node, macs, write)
    os.close(write)
    with open(read, encoding="utf-8") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    head, *rest = text.split("\0")
    if head != "done":
        raise OSError(f"node {node['name']} cannot be furnished: {head or 'its child has died'}")
    return dict(zip(rest[::2], rest[1::2], strict=True))


def forget_neighbours(pid: int) -> None:
    """After all nodes have their MAC addresses: nobody remembers the first ones."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "sh", "-c", _FORGET], capture_output=True, timeout=10)


def _enter(pid: int, node: dict[str, Any], macs: dict[str, str], answer: int) -> NoReturn:
    """The child: never returns."""
    try:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        setns(namespace, CLONE_NEWNET)
        netlink = Netlink()
        for interface, mac in macs.items():
            address = attribute(IFLA_IFNAME, _name(interface)) + attribute(IFLA_ADDRESS, bytes.fromhex(mac))
            netlink.request(RTM_NEWLINK, 0, _link_header() + address)
            switch_offloads_off(interface)
        failed = write_sysctls(settings_for(node))
        for interface in macs:
            _renew_link_local(interface)
        deadline = time.monotonic() + LINK_TIMEOUT
        while not all(map(netlink.is_operational, macs)) and time.monotonic() < deadline:
            time.sleep(0.005)
        words = ["done", *(word for pair in failed.items() for word in pair)]
    except BaseException as error:
        words = [f"{type(error).__name__}: {error}"]
    os.write(answer, "\0".join(words).encode())
    os._exit(0)


def _renew_link_local(interface: str) -> None:
    """Where IPv6 is on, the link-local address comes from the MAC address (RFC 4291, appendix A): make it anew."""
    folder = f"/proc/sys/net/ipv6/conf/{interface}"
    with contextlib.suppress(OSError):
        with open(f"{folder}/disable_ipv6", encoding="utf-8") as file:
            if file.read().strip() != "0":
                return
        subprocess.run(
            ["ip", "-6", "addr", "flush", "dev", interface, "scope", "link"], capture_output=True, timeout=10
        )
        for mode in "1", "0":  # none, then from the MAC address: the kernel makes it on the change
            with open(f"{folder}/addr_gen_mode", "w", encoding="utf-8") as file:
                file.write(mode)
