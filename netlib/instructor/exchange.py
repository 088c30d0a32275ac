"""`nbgrader collect` of plain files only, and of what a student has put into the exchange in person.

nbgrader copies a student's folder out of the exchange with the instructor's rights, and follows links: a notebook that
is a link to somebody else's would be handed in as the student's own.  Whose a folder is, its name says, which anybody
chooses; nbgrader only warns when another user owns it, and takes it in place of the student's own if it is newer.
"""

from __future__ import annotations

import logging
import os
import pwd
from pathlib import Path
from typing import Any

from nbgrader.exchange.default.collect import ExchangeCollect
from nbgrader.utils import ignore_patterns

from netlib.instructor.store import read_plain


class CollectPlainFiles(ExchangeCollect):  # type: ignore[misc]
    """Copies a submission's files; leaves out links, pipes, folders and what is too large, and says so.

    Leaves out what somebody else handed in under a student's name, unless `check_owner` is off: it has to be where all
    students are one user of the machine, as in containers.
    """

    def _sort_by_timestamp(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Where nbgrader chooses one of a student's submissions: other people's are not among them."""
        own = [record for record in records if self.is_own(record)]
        return super()._sort_by_timestamp(own or records)  # type: ignore[no-any-return]

    def copy_files(self) -> None:
        chosen: list[dict[str, Any]] = self.src_records  # type: ignore[has-type]
        self.src_records = [record for record in chosen if self.is_own(record)]
        super().copy_files()

    def is_own(self, record: dict[str, Any]) -> bool:
        """Does the folder belong to the user whose name it has?"""
        if not self.check_owner:
            return True
        path = Path(self.inbound_path, record["filename"])
        try:
            owner = pwd.getpwuid(path.lstat().st_uid).pw_name
        except KeyError:
            owner = "a user without a name"
        if owner != record["username"]:
            self.log.warning("%s: left out, for it is from %s", path, owner)
        return bool(owner == record["username"])

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
