"""What nobody else may know of a host's TCP: keys of sequence numbers, of SYN cookies, of Fast Open's cookies."""

from random import Random

from netlib.kernel.cookies import SYNCookies
from netlib.transport.tcp.fast_open import FastOpenServer


class Secrets:
    """Drawn once for each host, from its own `random`."""

    def __init__(self, random: Random) -> None:
        self.isn = random.randbytes(16)
        self.cookies = SYNCookies(random.randbytes(16))
        self.fast_open = FastOpenServer(random.randbytes(16))
