"""Bad input at a whole host: whatever comes, no exception, bounds that hold, all ends at last, and it still serves."""

import pytest

from kernel.hostile import Hostile
from netlib.transport.tcp.states import ESTABLISHED


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_the_host_goes_on_and_all_ends_at_last(seed: int, version: int) -> None:
    enemy = Hostile(seed, version)
    for _ in range(250):
        enemy.step()
    assert not {reason for reason in enemy.host.dropped if "Error" in reason}
    for socket in enemy.sockets:
        socket.close()
    for listener in enemy.listeners:
        while made := listener.accept():
            made.close()
    enemy.look()
    enemy.wait(4 * 3600.0)  # keep-alive begins after two
    assert not enemy.tcp.table and not enemy.tcp.opening and not enemy.tcp.planned
    enemy.tcp.settings.syncookies = 1
    key = enemy.key(4000, 80)
    enemy.give(enemy.segment(key, syn=True))
    enemy.give(enemy.segment(key, ack=True, payload=b"GET /"))
    served = enemy.listeners[0].accept()
    assert served is not None and served.recv(100) == b"GET /" and enemy.tcp.table[key].state is ESTABLISHED
