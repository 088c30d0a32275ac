"""The process that owns a lab of the command line, so that it stays up between two commands.

`start` runs it, detached from the terminal; kept.py is how others find it and talk to it. It hands the requests of its
clients to its lab's session unchanged, each client in a thread of its own. It ends with `netlib lab down`, with
SIGTERM, when its lab ends by itself, and with the machine; the lab goes with it however it ends, as with any notebook.
What a client has started and has not waited for gets SIGHUP when the client goes, as when a terminal closes.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, NoReturn

import netlib
from netlib.lab import engines, kept
from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.agent.system import set_process_name
from netlib.lab.errors import LabError
from netlib.lab.kept import Kept
from netlib.lab.lab import Lab, find_topology
from netlib.lab.topology import NODE_NAME, read_topology

LOOK = 2.0  # seconds between two looks whether the lab still runs
REMEMBERED = 1000  # commands of a client that may still run when it goes
_PACKAGE_PARENT = str(Path(netlib.__file__).resolve().parent.parent)
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from netlib.lab.keeper import main; main()"


def start(
    lab: str, engine: str | None = None, name: str | None = None, waiting: Callable[[float], None] = lambda _: None
) -> Kept:
    """Start a keeper with a lab, called `name` if that is given. Returns when the lab is up; `waiting` hears meanwhile
    how many seconds that takes. LabError, with nothing left, when it does not come up."""
    engines.asked_for(engine)
    find_topology(lab)
    if name is not None and not NODE_NAME.fullmatch(name):
        raise LabError(f"--as {name!r}: a lab's name is letters, digits and '-' (at most 63)")
    read, write = os.pipe()
    order = json.dumps({"lab": lab, "engine": engine, "name": name, "report": write})
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _BOOT, _PACKAGE_PARENT, order],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if "NETLIB_LAB_DEBUG" in os.environ else subprocess.DEVNULL,
        pass_fds=[write],
        start_new_session=True,
    )
    os.close(write)
    try:
        with open(read, "rb", buffering=0) as report:
            begin = time.monotonic()
            while not select.select([report], [], [], 1.0)[0]:
                waiting(time.monotonic() - begin)
            said = report.readall()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    answer = json.loads(said or "{}")
    if "kept" in answer:
        return Kept(**answer["kept"])
    process.wait()
    raise LabError(answer.get("error") or "the lab's keeper has died while starting; NETLIB_LAB_DEBUG=1 shows why")


def main() -> NoReturn:
    """The keeper's process. Its argument is what `start` wants; it reports to the descriptor that is named there."""
    order = json.loads(sys.argv[1])
    set_process_name("lab-keeper")
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminated)
    with open(order["report"], "wb", buffering=0) as report:
        os.set_inheritable(report.fileno(), False)
        try:
            path = find_topology(order["lab"])
            keeper = Keeper(path, order["engine"], order["name"])
            keeper.run(report)
        except LabError as error:
            report.write(json.dumps({"error": str(error)}).encode())
            sys.exit(1)
    sys.exit(0)


def _terminated(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


class Keeper:
    """A lab, the socket under its name, and the threads that serve clients."""

    def __init__(self, path: Path, engine: str | None, name: str | None):
        topology = read_topology(path)
        self.text = os.memfd_create("topology")  # for clients: the file may change
        os.write(self.text, path.read_bytes())
        self.lab = Lab(topology, engine=engine)
        self.kept = Kept(name or topology.name, os.getpid(), time.time(), path=str(path.resolve()), shown=topology.path)
        self._up = threading.Event()

    def run(self, report: IO[bytes]) -> None:
        """Bring the lab up, say so to `report`, and serve it until it ends. LabError when it runs already, or does not
        come up."""
        listener, inode = kept.listen(self.kept.name)
        try:
            threading.Thread(target=self._accept, args=[listener], daemon=True).start()
            with self.lab as lab:
                os.chdir("/")  # the folder that it was started in may be removed
                assert lab.engine
                self.kept = replace(
                    self.kept,
                    since=time.time(),
                    engine=lab.engine,
                    badge=lab.badge,
                    live=lab.live,
                    missing=dict(lab.missing),
                )
                self._up.set()
                report.write(json.dumps({"kept": asdict(self.kept)}).encode())  # if nobody hears it, that is the end
                report.close()
                while lab.running:
                    time.sleep(LOOK)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
        finally:
            kept.forget(self.kept.name, inode)

    def _accept(self, listener: socket.socket) -> NoReturn:
        while True:
            channel, _ = listener.accept()
            if kept.peer(channel)[1] == os.geteuid():
                threading.Thread(target=self._serve, args=[channel], daemon=True).start()
            else:
                channel.close()

    def _serve(self, channel: socket.socket) -> None:
        """Answer a client until it goes."""
        started: collections.deque[tuple[str, int]] = collections.deque(maxlen=REMEMBERED)
        with channel, contextlib.suppress(OSError, ValueError):
            while True:
                message, fds = receive(channel)
                if message is None:
                    break
                give: list[int] = []
                try:
                    reply = self._reply(message, fds, give)
                    if message["op"] == "exec" and "pid" in reply:
                        started.append((message["node"], reply["pid"]))
                    send(channel, {**reply, "id": message["id"]}, give)
                finally:
                    for fd in (*fds, *give):
                        os.close(fd)
        for node, pid in started:
            with contextlib.suppress(LabError, OSError):
                self.lab.request(node, "kill", pid=pid, signal=int(signal.SIGHUP))

    def _reply(self, message: Message, fds: list[int], give: list[int]) -> Message:
        """The answer to one message. Errors are answers too."""
        node, op, arguments = message["node"], message["op"], message["arguments"]
        try:
            if op == "about" and node is None:
                if arguments["wait"]:
                    self._up.wait(kept.START_TIMEOUT)
                give.append(os.dup(self.text))
                return {"kept": asdict(self.kept)}
            if op == "end" and node is None:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
                return {}
            self._up.wait(kept.START_TIMEOUT)
            answer, given = self.lab.request(self.lab[node].name, op, fds, **arguments)
            give += given
            return answer
        except OSError as error:
            return {"errno": error.errno, "message": error.strerror or str(error)}
        except LabError as error:
            return {"refused": type(error).__name__, "message": str(error)}
