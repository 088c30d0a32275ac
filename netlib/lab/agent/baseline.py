"""The settings that every node starts from.

A new network namespace copies many settings from the machine it is made on, forwarding and congestion control among
them, so the same lab would behave differently on two laptops. These are the kernel's own defaults, written out, but for
what repeatable lessons need: no rate limit on ICMP errors (a traceroute would show random gaps), no TCP metrics kept
from the connection before, loopback pings for everyone, IPv6 silent.

IPv6 is off so that router solicitations and multicast reports stay out of captures; a topology that wants it gives the
node `sysctls: {net.ipv6.conf.all.disable_ipv6: 0}`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_INTERFACES = ("all", "default", "lo")

BASELINE: dict[str, str] = {
    "net.ipv4.ip_forward": "0",
    **{f"net.ipv4.conf.{name}.rp_filter": "0" for name in _INTERFACES},
    **{f"net.ipv4.conf.{name}.accept_redirects": "1" for name in _INTERFACES},
    **{f"net.ipv4.conf.{name}.send_redirects": "1" for name in _INTERFACES},
    **{f"net.ipv4.conf.{name}.accept_source_route": "0" for name in _INTERFACES},
    **{f"net.ipv4.conf.{name}.log_martians": "0" for name in _INTERFACES},
    **{f"net.ipv4.conf.{name}.arp_{what}": "0" for name in _INTERFACES for what in ("ignore", "announce", "filter")},
    **{f"net.ipv4.conf.{name}.arp_accept": "0" for name in _INTERFACES},
    **{f"net.ipv4.conf.{name}.proxy_arp": "0" for name in _INTERFACES},
    "net.ipv4.ip_default_ttl": "64",
    "net.ipv4.ip_no_pmtu_disc": "0",
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.ping_group_range": "0\t0",
    "net.ipv4.icmp_echo_ignore_all": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.icmp_ratelimit": "0",
    "net.ipv4.icmp_msgs_per_sec": "100000",
    "net.ipv4.icmp_msgs_burst": "10000",
    "net.ipv4.neigh.default.base_reachable_time_ms": "30000",
    "net.ipv4.neigh.default.delay_first_probe_time": "5",
    "net.ipv4.neigh.default.gc_stale_time": "60",
    "net.ipv4.neigh.default.locktime": "100",
    "net.ipv4.neigh.default.mcast_solicit": "3",
    "net.ipv4.neigh.default.retrans_time_ms": "1000",
    "net.ipv4.neigh.default.ucast_solicit": "3",
    "net.ipv4.tcp_congestion_control": "reno",  # the one that a namespace may always choose
    "net.ipv4.tcp_ecn": "2",
    "net.ipv4.tcp_fastopen": "1",
    "net.ipv4.tcp_fin_timeout": "60",
    "net.ipv4.tcp_mtu_probing": "0",
    "net.ipv4.tcp_no_metrics_save": "1",
    "net.ipv4.tcp_retries2": "15",
    "net.ipv4.tcp_rmem": "4096\t131072\t6291456",
    "net.ipv4.tcp_wmem": "4096\t16384\t4194304",
    "net.ipv4.tcp_sack": "1",
    "net.ipv4.tcp_slow_start_after_idle": "1",
    "net.ipv4.tcp_syn_retries": "6",
    "net.ipv4.tcp_synack_retries": "5",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.tcp_timestamps": "1",
    "net.ipv4.tcp_tw_reuse": "2",
    "net.ipv4.tcp_window_scaling": "1",
    "net.core.somaxconn": "4096",
    # where the machine has Docker, a bridge in a node would hand its frames to the node's packet filter
    **{f"net.bridge.bridge-nf-call-{table}": "0" for table in ("arptables", "iptables", "ip6tables")},
    **{f"net.ipv6.conf.{name}.disable_ipv6": "1" for name in _INTERFACES},
    **{f"net.ipv6.conf.{name}.accept_ra": "0" for name in _INTERFACES},
}


def write_baseline(folder: str = "/proc/sys/net") -> list[str]:
    """Write the settings that every node starts from. What cannot be had here is in the answer."""
    return ["sysctls (/proc/sys is read-only)"] if write_sysctls(BASELINE, folder) else []


def write_sysctls(settings: Mapping[str, str], folder: str = "/proc/sys/net") -> dict[str, str]:
    """Write the settings; those that could not be written, each with the kernel's reason.

    All are of the network. `folder` is /proc/sys/net under another name, where a container has its own read-only: they
    are those of the process that opens them, so it does not matter whose /proc it is.
    """
    failed: dict[str, str] = {}
    for name, value in settings.items():
        path = f"{folder}/{name.removeprefix('net.').replace('.', '/')}"
        try:
            setting = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(setting, value.encode())
            finally:
                os.close(setting)
        except FileNotFoundError:
            if name not in BASELINE:  # kernels differ in what they have
                failed[name] = "this kernel has no such setting"
        except OSError as error:
            if not _is(path, value):
                failed[name] = error.strerror or str(error)
    return failed


def _is(path: str, value: str) -> bool:
    """Has it that value already? Some engines write the settings before the agent is there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split() == value.split()
    except OSError:
        return False
