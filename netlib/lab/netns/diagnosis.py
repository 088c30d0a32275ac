"""Why the engine does not work here: one sentence with the fix.

The launcher says which step failed and with which errno; the machine's own settings say why. Each place that forbids
user namespaces has its own switch.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from netlib.lab.features import says_missing

CONTAINER_FIX = (
    "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined (see docs/labs.md)"
)


def read_setting(name: str) -> str | None:
    """A sysctl of this machine; None where the kernel has none."""
    try:
        return Path("/proc/sys", name.replace(".", "/")).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def in_container() -> bool:
    return any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))) or "container" in os.environ


def filtered() -> bool:
    """Is this process under a seccomp filter, as in most containers?"""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "\nSeccomp:\t2" in status


def forbidden_by() -> str | None:
    """The setting that forbids user namespaces here, with its fix; None when none is known to."""
    if read_setting("user.max_user_namespaces") == "0":
        return "user.max_user_namespaces is 0; do: sudo sysctl user.max_user_namespaces=15000"
    if os.geteuid() != 0:
        if read_setting("kernel.unprivileged_userns_clone") == "0":
            return "kernel.unprivileged_userns_clone is 0; do: sudo sysctl kernel.unprivileged_userns_clone=1"
        if read_setting("kernel.apparmor_restrict_unprivileged_userns") == "1":
            return (
                "AppArmor forbids them (Ubuntu's default); do: "
                "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            )
    if filtered() or in_container():
        return f"this container's seccomp filter forbids them; {CONTAINER_FIX}"
    return None


def explain(step: str, error: int, message: str) -> str:
    """One line for a start that failed at `step`."""
    match step:
        case "user namespace" | "id map" | "mount namespace" | "mount" | "inner namespaces":
            if error == errno.ENOENT and step == "mount":
                return f"labs cannot start: {message}"
            reason = forbidden_by()
            if reason is None and error in (errno.ENOSPC, errno.EUSERS):
                reason = (
                    "their limit is reached or is 0; do: sudo sysctl user.max_user_namespaces=15000 "
                    "user.max_net_namespaces=15000"
                )
            reason = reason or f"the kernel says {message!r} at step {step!r}; see docs/labs.md"
            return f"labs need user namespaces, which are not allowed here: {reason}"
        case "seal":
            if error == errno.ENOSYS:
                return "labs need Linux 5.12 or newer (mount_setattr); use a newer kernel, or run in a virtual machine"
            return f"labs cannot make the file system read-only here: {message}; {forbidden_by() or 'see docs/labs.md'}"
        case _:
            return f"labs cannot start here: {message} (step {step!r}); see Lab.doctor() and docs/labs.md"


def hint_for_command(message: str) -> str:
    """What to do about the error of an exec line, where it is a known one."""
    if "command not found" in message:
        return "; is it spelled like that, and installed on this machine? See docs/labs.md"
    if "read-only" in message.lower() and "sys" in message:
        return f"; {CONTAINER_FIX}" if in_container() else "; /proc/sys is read-only here, see docs/labs.md"
    if "IPv6 is disabled" in message:
        return "; for IPv6, give the node `sysctls: {net.ipv6.conf.all.disable_ipv6: 0}`"
    if says_missing(message):
        return "; this kernel lacks what the line asks for: Lab.doctor() tells what it has, and how to load the rest"
    return ""
