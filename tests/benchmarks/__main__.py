"""Run the benchmarks and print a table: `python -m tests.benchmarks [part of a file's name ...]`.

The exit status is 0 also below a target: on a busy machine a time is not a test.
"""

import os
import sys
from importlib import import_module
from pathlib import Path

from .measure import Missing

ROW = "{what:<62} {value:>9}  {target:>9}  {verdict}"
PEERS = Path(sys.prefix, "peers")  # where `make bench` puts PyTCP and ns.py


def main(words: list[str]) -> None:
    if PEERS.is_dir():  # last, so nothing of ours is looked for there
        sys.path.append(str(PEERS))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(PEERS))))
    print(ROW.format(what="", value="measured", target="target", verdict="").rstrip())
    below = 0
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if words and not any(word in path.stem for word in words):
            continue
        for result in import_module(f"{__package__}.{path.stem}").results():
            if isinstance(result, Missing):
                print(ROW.format(what=result.what, value="missing", target="", verdict=result.fix), flush=True)
                continue
            digits = 1 if result.value < 100 else 0
            digits = 2 if result.value < 10 else digits
            value = f"{result.value:.{digits}f} {result.unit}"
            target = "" if result.target is None else f"{result.better} {result.target:g} {result.unit}"
            print(ROW.format(what=result.what, value=value, target=target, verdict=result.verdict).rstrip(), flush=True)
            below += result.verdict not in ("", "ok")
    print("every target is met" if not below else f"{below} below target (or above, where less is better)")


main(sys.argv[1:])
