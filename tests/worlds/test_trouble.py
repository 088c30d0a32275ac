"""What a student sees of an error in their own code, when it happens inside a simulation."""

import traceback
from pathlib import Path

import pytest
import simpy

import netlib
from netlib.apps.ping import ping
from netlib.host import Host, Parts
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import sleep


def two_hosts(parts: Parts) -> tuple[Simulation, Host]:
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b", parts)
    sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"))
    return sim, a


def short_reply(request: bytes) -> bytes:
    return bytes([request[1000]])


async def dies() -> None:
    await sleep(1.0)
    raise LookupError("of my own")


def files_of(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


def test_a_part_that_raises_is_shown_with_its_own_line_only() -> None:
    sim, a = two_hosts(Parts(echo_reply=short_reply))
    with pytest.raises(IndexError) as caught:
        sim.run(ping(a, "10.0.0.2"))
    error = caught.value
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[-1].name == "short_reply"
    assert error.__cause__ is None and error.__suppress_context__
    # what `with_traceback` gave, and the two frames that raise it once more
    inside = [name for name in files_of(error) if name.startswith(str(Path(simpy.__file__).parent))]
    assert not inside
    assert len([name for name in files_of(error) if name.startswith(str(Path(netlib.__file__).parent))]) <= 2


def test_an_application_that_raises_is_shown_the_same_way() -> None:
    sim, _ = two_hosts(Parts())
    with pytest.raises(LookupError, match="of my own") as caught:
        sim.run(dies())
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "dies"
    assert not [name for name in files_of(caught.value) if name.startswith(str(Path(simpy.__file__).parent))]


def test_the_last_frame_stays_where_all_are_hidden() -> None:
    sim, a = two_hosts(Parts())
    with pytest.raises(ValueError, match="not an IPv4 address") as caught:
        sim.run(ping(a, "10.0.0"))
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "from_text"
