"""The system calls that a sandboxed process may make: a seccomp filter, as the kernel wants it.

A list of what is allowed, so that calls which nobody thought of, and those that kernels will have one day, are
refused: they answer ENOSYS, "this kernel does not have that", which C libraries know how to live with.  What a
student's code may well try, and must not have (new processes, sockets, signals to others, changed files), answers
EPERM, which Python raises as a PermissionError.  Threads may be allowed; processes are not.  `execve` is, because the
filter is there before Python starts; without a new process it only lets a process end itself.

The program is classic BPF (see the kernel's Documentation/userspace-api/seccomp_filter.rst): eight bytes an
instruction, for the machine that it was made for; calls in the style of another architecture kill.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass, field

# BPF instructions: load a word of seccomp_data, jump, return
LOAD, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets into seccomp_data
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
CLONE_THREAD, AF_UNIX, X32 = 0x00010000, 1, 0x40000000
NEW_NAMESPACES = 0x7E020080  # CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET


@dataclass(frozen=True)
class Machine:
    """An architecture: its name in audit records, and its numbers of the calls in this file."""

    audit: int
    numbers: dict[str, int] = field(repr=False)


words = str.split
ALLOWED = words("""
    read write close close_range fstat lseek mmap mprotect munmap brk mremap madvise
    readv writev pread64 pwrite64 preadv pwritev
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack restart_syscall
    openat newfstatat statx faccessat faccessat2 readlinkat getdents64 getcwd fcntl dup dup3 ioctl pipe2
    statfs fstatfs chdir fchdir umask fadvise64
    epoll_create1 epoll_ctl epoll_pwait eventfd2 ppoll pselect6 timerfd_create timerfd_settime timerfd_gettime
    futex set_robust_list get_robust_list rseq set_tid_address membarrier sched_yield sched_getaffinity
    sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getpriority
    getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getsid
    uname sysinfo times getrusage getrlimit prlimit64 setrlimit getcpu getrandom
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday setitimer getitimer
    tgkill setsid wait4 waitid exit exit_group execve
""")
ALLOWED_X86 = words("""
    open stat lstat poll select access pipe dup2 readlink getdents epoll_create epoll_wait eventfd alarm time arch_prctl
    getpgrp
""")
# EPERM, so that Python raises PermissionError; everything else that is not allowed: ENOSYS
REFUSED = words("""
    socket connect bind listen accept accept4 sendto recvfrom sendmsg recvmsg shutdown execveat kill tkill
    ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot unshare setns bpf keyctl add_key
    request_key perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register memfd_create
    setuid setgid setresuid setresgid setreuid setregid setgroups capset shmget msgget semget
    mknodat init_module finit_module kexec_load reboot swapon acct settimeofday clock_settime adjtimex
    ftruncate fsync fdatasync mkdirat unlinkat renameat renameat2 linkat symlinkat fchmod fchmodat fchown fchownat
    utimensat inotify_init1 fanotify_init name_to_handle_at open_by_handle_at pidfd_open pidfd_send_signal
""")
REFUSED_X86 = words("""
    fork vfork mknod mkdir rmdir unlink rename link symlink chmod chown utime utimes creat
""")

X86_64 = Machine(0xC000003E, {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "ioctl": 16, "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "shmget": 29, "dup": 32, "dup2": 33, "nanosleep": 35,
    "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "socket": 41, "connect": 42, "accept": 43,
    "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "bind": 49, "listen": 50,
    "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "exit": 60, "wait4": 61, "kill": 62,
    "uname": 63, "semget": 64, "msgget": 68, "fcntl": 72, "fsync": 74, "fdatasync": 75, "ftruncate": 77,
    "getdents": 78, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85,
    "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93,
    "umask": 95, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "ptrace": 101,
    "getuid": 102, "getgid": 104, "setuid": 105, "setgid": 106, "geteuid": 107, "getegid": 108, "getppid": 110,
    "getpgrp": 111, "setsid": 112, "setreuid": 113, "setregid": 114, "getgroups": 115, "setgroups": 116,
    "setresuid": 117, "getresuid": 118, "setresgid": 119, "getresgid": 120, "getpgid": 121, "getsid": 124,
    "capset": 126, "rt_sigpending": 127, "rt_sigtimedwait": 128, "rt_sigsuspend": 130, "sigaltstack": 131,
    "utime": 132, "mknod": 133, "statfs": 137, "fstatfs": 138, "getpriority": 140, "sched_getparam": 143,
    "sched_getscheduler": 145, "sched_get_priority_max": 146, "sched_get_priority_min": 147, "pivot_root": 155,
    "arch_prctl": 158, "adjtimex": 159, "setrlimit": 160, "chroot": 161, "acct": 163, "settimeofday": 164,
    "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "init_module": 175, "gettid": 186, "tkill": 200,
    "time": 201, "futex": 202, "sched_getaffinity": 204, "epoll_create": 213, "getdents64": 217,
    "set_tid_address": 218, "restart_syscall": 219, "fadvise64": 221,
    "clock_settime": 227, "clock_gettime": 228, "clock_getres": 229,
    "clock_nanosleep": 230, "exit_group": 231, "epoll_wait": 232, "epoll_ctl": 233, "tgkill": 234, "utimes": 235,
    "kexec_load": 246, "waitid": 247, "add_key": 248, "request_key": 249, "keyctl": 250, "openat": 257,
    "mkdirat": 258, "mknodat": 259, "fchownat": 260, "newfstatat": 262, "unlinkat": 263, "renameat": 264,
    "linkat": 265, "symlinkat": 266, "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "pselect6": 270,
    "ppoll": 271, "unshare": 272, "set_robust_list": 273, "get_robust_list": 274, "utimensat": 280,
    "epoll_pwait": 281, "timerfd_create": 283, "eventfd": 284, "timerfd_settime": 286, "timerfd_gettime": 287,
    "accept4": 288, "eventfd2": 290, "epoll_create1": 291, "dup3": 292, "pipe2": 293, "inotify_init1": 294,
    "preadv": 295, "pwritev": 296, "perf_event_open": 298, "fanotify_init": 300, "prlimit64": 302,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308, "getcpu": 309, "process_vm_readv": 310,
    "process_vm_writev": 311, "finit_module": 313, "renameat2": 316, "getrandom": 318, "memfd_create": 319,
    "bpf": 321, "execveat": 322, "userfaultfd": 323, "membarrier": 324, "statx": 332, "rseq": 334,
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "pidfd_open": 434, "clone3": 435, "close_range": 436, "faccessat2": 439,
})  # fmt: skip
AARCH64 = Machine(0xC00000B7, {
    "getcwd": 17, "eventfd2": 19, "epoll_create1": 20, "epoll_ctl": 21, "epoll_pwait": 22, "dup": 23, "dup3": 24,
    "fcntl": 25, "inotify_init1": 26, "ioctl": 29, "mknodat": 33, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36,
    "linkat": 37, "renameat": 38, "umount2": 39, "mount": 40, "pivot_root": 41, "statfs": 43, "fstatfs": 44,
    "ftruncate": 46, "faccessat": 48, "chdir": 49, "fchdir": 50, "chroot": 51, "fchmod": 52, "fchmodat": 53,
    "fchownat": 54, "fchown": 55, "openat": 56, "close": 57, "pipe2": 59, "getdents64": 61, "lseek": 62, "read": 63,
    "write": 64, "readv": 65, "writev": 66, "pread64": 67, "pwrite64": 68, "preadv": 69, "pwritev": 70,
    "pselect6": 72, "ppoll": 73, "readlinkat": 78, "newfstatat": 79, "fstat": 80, "fsync": 82, "fdatasync": 83,
    "timerfd_create": 85, "timerfd_settime": 86, "timerfd_gettime": 87, "utimensat": 88, "acct": 89, "capset": 91,
    "exit": 93, "exit_group": 94, "waitid": 95, "set_tid_address": 96, "unshare": 97, "futex": 98,
    "set_robust_list": 99, "get_robust_list": 100, "nanosleep": 101, "getitimer": 102, "setitimer": 103,
    "kexec_load": 104, "init_module": 105,
    "clock_settime": 112, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
    "ptrace": 117, "sched_getscheduler": 120, "sched_getparam": 121, "sched_getaffinity": 123, "sched_yield": 124,
    "sched_get_priority_max": 125, "sched_get_priority_min": 126, "restart_syscall": 128, "kill": 129, "tkill": 130,
    "tgkill": 131, "sigaltstack": 132, "rt_sigsuspend": 133, "rt_sigaction": 134, "rt_sigprocmask": 135,
    "rt_sigpending": 136, "rt_sigtimedwait": 137, "rt_sigreturn": 139, "getpriority": 141, "reboot": 142,
    "setregid": 143, "setgid": 144, "setreuid": 145, "setuid": 146, "setresuid": 147, "getresuid": 148,
    "setresgid": 149, "getresgid": 150, "times": 153, "getpgid": 155, "getsid": 156, "setsid": 157, "getgroups": 158,
    "setgroups": 159, "uname": 160, "getrlimit": 163, "setrlimit": 164, "getrusage": 165, "umask": 166, "getcpu": 168,
    "gettimeofday": 169, "settimeofday": 170, "adjtimex": 171, "getpid": 172, "getppid": 173, "getuid": 174,
    "geteuid": 175, "getgid": 176, "getegid": 177, "gettid": 178, "sysinfo": 179, "msgget": 186, "semget": 190,
    "shmget": 194, "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "accept": 202, "connect": 203,
    "sendto": 206, "recvfrom": 207, "shutdown": 210, "sendmsg": 211, "recvmsg": 212, "brk": 214, "munmap": 215,
    "mremap": 216, "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221, "mmap": 222,
    "fadvise64": 223, "swapon": 224, "mprotect": 226, "madvise": 233, "perf_event_open": 241, "accept4": 242,
    "wait4": 260, "prlimit64": 261, "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265,
    "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "renameat2": 276,
    "getrandom": 278, "memfd_create": 279, "bpf": 280, "execveat": 281, "userfaultfd": 282, "membarrier": 283,
    "statx": 291, "rseq": 293, "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "pidfd_open": 434, "clone3": 435, "close_range": 436, "faccessat2": 439,
})  # fmt: skip
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}


def known(machine: str | None = None) -> bool:
    """Is there a filter for this architecture (of this machine, if not given)?"""
    return (machine or platform.machine()) in MACHINES


def program(machine: str | None = None, threads: bool = True) -> bytes:
    """The filter for an architecture, this machine's if not given.  KeyError for one that is not `known`.

    `threads` is for where something else limits their number: RLIMIT_NPROC does, but not root's.
    """
    name = machine or platform.machine()
    chosen = MACHINES[name]
    x86 = chosen is X86_64
    allowed = [chosen.numbers[call] for call in (*ALLOWED, *(ALLOWED_X86 if x86 else ()))]
    refused = [chosen.numbers[call] for call in (*REFUSED, *(REFUSED_X86 if x86 else ()))]
    code = [
        step(LOAD, ARCHITECTURE),
        step(EQUAL, chosen.audit, 1, 0),
        step(RETURN, KILL),
        step(LOAD, NUMBER),
    ]
    if x86:  # the x32 variant of each call has this bit
        code += [step(AT_LEAST, X32, 0, 1), step(RETURN, KILL)]
    for number in allowed:
        code += [step(EQUAL, number, 0, 1), step(RETURN, ALLOW)]
    for number in refused:
        code += [step(EQUAL, number, 0, 1), step(RETURN, ERRNO | errno.EPERM)]
    code += [
        # clone: for a thread, and nothing else
        step(EQUAL, chosen.numbers["clone"], 0, 6),
        step(LOAD, FIRST_ARGUMENT),
        step(ANY_OF, NEW_NAMESPACES, 0, 1),
        step(RETURN, ERRNO | errno.EPERM),
        step(ANY_OF, CLONE_THREAD, 0, 1),
        step(RETURN, ALLOW if threads else ERRNO | errno.EAGAIN),
        step(RETURN, ERRNO | errno.EPERM),
        # socketpair: between this process and itself (asyncio's loop wakes itself up so)
        step(EQUAL, chosen.numbers["socketpair"], 0, 4),
        step(LOAD, FIRST_ARGUMENT),
        step(EQUAL, AF_UNIX, 0, 1),
        step(RETURN, ALLOW),
        step(RETURN, ERRNO | errno.EPERM),
        step(RETURN, ERRNO | errno.ENOSYS),  # clone3 too: the C library then takes clone
    ]
    return b"".join(code)


def step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction; the jumps say how many instructions to skip."""
    return struct.pack("=HBBI", operation, if_true, if_false, value)
