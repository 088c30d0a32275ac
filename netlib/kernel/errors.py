"""What goes wrong with a socket, under the names that the kernel has for it."""

import errno


class SocketError(OSError):
    """A call on a socket failed.  `name` is the errno name: "ECONNREFUSED", "EADDRINUSE", ..."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(getattr(errno, name, None), text or MEANING.get(name, name))
        self.name = name

    def __str__(self) -> str:
        return f"{self.name}: {self.strerror}"

    def __reduce__(self) -> tuple[type["SocketError"], tuple[str, str]]:
        return type(self), (self.name, self.strerror or "")


MEANING = {
    "EALREADY": "a connect is under way",
    "EBADF": "this socket is closed",
    "ECONNREFUSED": "nobody has bound this port there: an ICMP port unreachable came back",
    "EDESTADDRREQ": "this socket is not connected: use send_to, or connect first",
    "EHOSTUNREACH": "the host can't be reached: an ICMP error said so",
    "EISCONN": "this socket is connected",
    "ENETUNREACH": "the network can't be reached: an ICMP error said so",
    "EPIPE": "nothing more can be sent by this socket",
    "ENOPROTOOPT": "the host there has no UDP: an ICMP protocol unreachable came back",
}
