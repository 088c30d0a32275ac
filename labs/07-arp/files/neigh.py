"""What `ip neigh` says of an address, each time that it has changed, and how many milliseconds after the start.

    neigh.py ADDRESS STEP ...    a step is `ping` (send one, and go on), or a state to wait for: REACHABLE, STALE, ...
"""

import subprocess
import sys
import time

PATIENCE = 10.0  # seconds for one step

address, *steps = sys.argv[1:]
start = time.monotonic()
before = ""


def look() -> str:
    """The state now; printed where it is another one."""
    global before
    words = subprocess.run(["ip", "neigh", "show", address], capture_output=True, text=True).stdout.split()
    state = words[-1] if words else "(none)"
    if state != before:
        print(f"{1000 * (time.monotonic() - start):.0f} {state}", flush=True)
    before = state
    return state


for step in steps:
    if step == "ping":
        subprocess.run(["ping", "-n", "-c", "1", "-W", "0.2", address], capture_output=True)
        look()
        continue
    deadline = time.monotonic() + PATIENCE
    while look() != step:
        if time.monotonic() > deadline:
            sys.exit(f"{address} is {before}, and not {step} after {PATIENCE:g} s")
        time.sleep(0.005)
