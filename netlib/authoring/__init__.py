"""What authors use: one text source per chapter, and from it the solved notebook and the student's.

    solutions/05-ip-packet/05-ip-packet.py       written by hand: py:percent, with a short notation for exercises
    solutions/05-ip-packet/05-ip-packet.ipynb    generated and executed: nbgrader's source, and what nbval compares
    course/05-ip-packet/05-ip-packet.ipynb       generated: what students get; no solutions, hidden tests, outputs

`source` reads the text, `execute` runs it, `release` lets nbgrader cut the student's version, `notebooks` does all
three for every chapter and tells what has drifted. The same source gives the same bytes, on every machine.
"""

import sys

# nbformat would spend two seconds of each start on a grammar of internet addresses, which no notebook needs; jsonschema
# does without where it can't be imported.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
