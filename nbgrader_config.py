"""nbgrader's settings: where this course keeps its files, and how a solved notebook becomes the student's."""

import os
import sys
from pathlib import Path

from netlib.authoring.release import NOT_RELEASED, STEPS

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# nbgrader starts alembic by its name: it is here, also where .venv has not been activated
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

c.CourseDirectory.root = str(Path(__file__).parent)
c.CourseDirectory.course_id = "networking"
c.CourseDirectory.source_directory = "solutions"  # <assignment>/<assignment>.ipynb, written by `make notebooks`
c.CourseDirectory.release_directory = "course"
c.CourseDirectory.submitted_directory = "submitted"
c.CourseDirectory.ignore = NOT_RELEASED
c.ClearSolutions.enforce_metadata = True
c.GenerateAssignment.preprocessors = STEPS

# A cell of a submission gets 60 s, then an interrupt; what a student's code prints can't fill the gradebook's disk.
c.Execute.timeout = 60
c.Execute.interrupt_on_timeout = True
c.LimitOutput.max_lines = 1000
c.LimitOutput.max_traceback = 100
