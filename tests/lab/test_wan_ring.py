"""The relay's ring, alone: what the kernel and we do to one slot at the same moment."""

import os
import shutil
import subprocess
import sys

import pytest

# In a network namespace of its own, with a cable whose one end is flooded, and whose other end is read too slowly.
FLOODED = """
import socket, subprocess, sys, time
from netlib.lab.wan.ring import Ring

FRAME = bytes.fromhex("020000000909 020000000908 88b5")
for command in ("link add near type veth peer name far", "link set near up", "link set far up"):
    subprocess.run(["ip", *command.split()], check=True)
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("near", 0))
flood = "import socket\\n" \\
    "out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\\n" \\
    "out.bind(('near', 0))\\n" \\
    f"while True:\\n try: out.send({FRAME + bytes(50)!r})\\n except OSError: pass"
for _ in range(4):
    ring = Ring("far")
    floods = [subprocess.Popen([sys.executable, "-c", flood]) for _ in range(2)]
    end, enough = time.monotonic() + 25, float("inf")
    while time.monotonic() < min(end, enough):
        if list(ring.receive(64)):
            time.sleep(0.0005)
        if enough > end and ring.count_missed() > 1000:
            enough = time.monotonic() + 0.4  # a flood that has filled the ring goes on a little
    for each in floods:
        each.kill()
        each.wait()
    while list(ring.receive(64)):
        pass
    assert ring.count_missed() > 1000, "the flood was too small to fill the ring"
    out.send(FRAME + b"after the flood".ljust(50))
    end, after = time.monotonic() + 20, []
    while not after and time.monotonic() < end:
        after = [frame[14:29] for _, frame in ring.receive(64) if frame[12:14] == FRAME[12:14]]
    assert after == [b"after the flood"], after
    ring.socket.close()
"""


def test_a_flood_leaves_no_slot_that_nobody_frees(labs_work: None) -> None:
    """The kernel fills a slot at the moment we give it back, where it waits for one: both have to see that alike."""
    if not shutil.which("unshare"):
        pytest.skip("needs unshare (Debian: apt install util-linux)")
    namespace = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    done = subprocess.run([*namespace, sys.executable, "-c", FLOODED], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
