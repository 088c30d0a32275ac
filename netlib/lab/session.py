"""What an engine gives: a running lab that answers requests for its nodes.

    session = netlib.lab.engines.start(topology)
    answer, fds = session.request("h1", "exec", [stdin, stdout, stderr, status], argv=["true"], env={})
    session.close()

The requests are the methods `do_...` of `netlib.lab.agent.agent.Agent`, and mean the same on every engine: on the live
ones an agent in the node answers them (`Connection`), and replay answers from a recording. So `Node`, `Process` and
`Capture` know nothing of engines.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from netlib.lab.agent.channel import Message, receive, send
from netlib.lab.errors import LabError

REQUEST_TIMEOUT = 30.0  # seconds


class Session(Protocol):
    """A running lab."""

    @property
    def engine(self) -> str: ...  # its name, such as "netns"
    @property
    def badge(self) -> str: ...  # one line that says what the reader looks at: "live: netns, Linux 6.18"
    @property
    def live(self) -> bool: ...  # False for a recording
    @property
    def owner(self) -> int: ...  # the process that started it; in a fork, requests are refused and closing does nothing
    @property
    def missing(self) -> Mapping[str, list[str]]: ...  # node -> what it could not have here
    @property
    def running(self) -> bool: ...

    def request(self, node: str, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        """The node's answer, and the descriptors that came with it. OSError as the node met it; LabError when there is
        nobody to ask. The caller keeps, and closes, the `fds` that it gives."""
        ...

    def close(self) -> None:
        """End the lab, and wait until it is gone. A second time does nothing."""
        ...


class Connection:
    """The notebook's end of a channel to one node's agent.

    A request is a message, its answer another, under a lock: no threads. `lab` and `node` are for its errors.
    """

    def __init__(self, lab: str, node: str, channel: socket.socket):
        self.lab, self.node = lab, node
        self._channel = channel
        self._channel.settimeout(REQUEST_TIMEOUT)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def request(self, op: str, fds: Sequence[int] = (), **arguments: Any) -> tuple[Message, list[int]]:
        """As `Session.request`."""
        number = next(self._numbers)
        try:
            with self._lock:
                send(self._channel, {"id": number, "op": op, **arguments}, fds)
                deadline = time.monotonic() + REQUEST_TIMEOUT
                while True:
                    answer, given = receive(self._channel)
                    if answer is None or answer.get("id") == number:
                        break
                    for fd in given:  # the answer to a request that was interrupted
                        os.close(fd)
                    if time.monotonic() > deadline:
                        raise TimeoutError
        except TimeoutError:
            raise LabError(f"node {self.node} does not answer; take the lab down and up again") from None
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise LabError(f"node {self.node}: the command is too long") from None
            answer, given = None, []
        if answer is None:
            raise LabError(f"node {self.node} has died; take the lab down and up again")
        if "errno" in answer:
            raise OSError(answer["errno"], answer["message"])
        return answer, given

    def close(self) -> None:
        self._channel.close()


def check_owner(session: Session, lab: str) -> None:
    """LabError where `session` may not be asked: in a fork, or when it is down."""
    if os.getpid() != session.owner:
        raise LabError("this process is a fork of the one that started the lab; start a lab of its own here")
    if not session.running:
        raise LabError(f"lab {lab} is down; start it again with lab.up()")
