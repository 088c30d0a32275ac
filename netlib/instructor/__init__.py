"""What instructors grade with: a whole class at once, with students' code held in a sandbox.

    collect      a folder, or a zip file of a learning platform, becomes submitted/<student>/<assignment>/
    repair       a notebook as handed in becomes the released one with the student's own code in it
    program      which statements of it an exercise's answer needs
    cut          netlib as the student's process gets it: without what the exercise asks for
    bubblewrap   the sandbox: no network, no files, limits on everything
    examiner     one submission in, one `Record` out; nothing of the student's runs in this process
    workers      many submissions at once, here or on a cluster
    gradebook    what nbgrader records, shows and exports: by its own steps (`execute`), in one session (`shared`),
                 with what it has no place for (`ledger`)
    feedback     the students' pages
    exchange     `nbgrader collect`, of plain files only
    grade        the whole class: what `netlib grade` does
    bundle       what `netlib release` packs for students

None of it is part of what students get.
"""

import sys

# jsonschema, which nbformat uses, takes two seconds to load this, for a kind of address that no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
