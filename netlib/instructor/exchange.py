"""`nbgrader collect` of plain files only.

nbgrader copies a student's folder out of the exchange with the instructor's rights, and follows links: a notebook that
is a link to somebody else's would be handed in as the student's own.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from nbgrader.exchange.default.collect import ExchangeCollect
from nbgrader.utils import ignore_patterns

from netlib.instructor.store import read_plain


class CollectPlainFiles(ExchangeCollect):  # type: ignore[misc]
    """Copies a submission's files; leaves out links, pipes, folders and what is too large, and says so."""

    def do_copy(self, src: str, dest: str, log: logging.Logger | None = None) -> None:
        source, into = Path(src), Path(dest)
        if source.is_symlink():
            self.log.warning("%s: left out, for it is a link", source)
            return
        into.mkdir(parents=True)
        ignored = ignore_patterns(exclude=self.coursedir.ignore, include=self.coursedir.include)
        names = sorted(os.listdir(source))
        room = 1000 * self.coursedir.max_dir_size
        for name in sorted(set(names) - set(ignored(src, names))):
            try:
                data = read_plain(source / name)
                room -= len(data)
                if room < 0 or len(data) > 1000 * self.coursedir.max_file_size:
                    raise OSError(None, "too large")
                (into / name).write_bytes(data)
            except OSError as error:
                self.log.warning("%s: left out: %s", source / name, error.strerror or error)
