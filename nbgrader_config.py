"""nbgrader's settings.

Where this course keeps its files, how a solved notebook becomes the student's, and that students' code is run nowhere
but in the sandbox.
"""

import os
import sys
from pathlib import Path

try:
    from netlib.authoring.release import NOT_RELEASED, STEPS
    from netlib.instructor.execute import REFUSE, take_over
except Exception as error:  # nbgrader would say so, go on with its own settings, and run students' code as you
    sys.exit(f"nbgrader_config.py: {error}; make instructor installs what is missing")

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# nbgrader starts alembic by its name: it is here, also where .venv has not been activated
if str(Path(sys.executable).parent) not in os.environ["PATH"].split(os.pathsep):
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

c.CourseDirectory.root = str(Path(__file__).parent)
c.CourseDirectory.course_id = "networking"
c.CourseDirectory.source_directory = "solutions"  # <assignment>/<assignment>.ipynb, written by `make notebooks`
c.CourseDirectory.release_directory = "course"
c.CourseDirectory.submitted_directory = "submitted"
c.CourseDirectory.ignore = NOT_RELEASED
c.ClearSolutions.enforce_metadata = True
c.GenerateAssignment.preprocessors = STEPS
# c.CourseDirectory.db_url = "postgresql://me@host/gradebook"  # in place of gradebook.db

# `nbgrader autograde` and formgrader's button: netlib's sandbox in place of a notebook run with your rights.
take_over()
c.Autograde.sanitize_preprocessors = c.Autograde.autograde_preprocessors = REFUSE
c.ExchangeFactory.collect = "netlib.instructor.exchange.CollectPlainFiles"
# What a student's code printed can't fill the gradebook's disk.
c.LimitOutput.max_lines = 1000
c.LimitOutput.max_traceback = 100
# Pages for students and in formgrader: nothing of a submission acts in a browser.
PAGES = "netlib.instructor.feedback"
c.HTMLExporter.filters = {
    "markdown2html": f"{PAGES}.markdown",
    "highlight_code": f"{PAGES}.highlight",
    "strip_files_prefix": f"{PAGES}.unchanged",
}
c.HTMLExporter.preprocessors = [f"{PAGES}.Harmless"]
c.GenerateFeedback.exporter_class = f"{PAGES}.PageExporter"
