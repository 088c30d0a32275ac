"""Feedback pages: nbgrader's own, with nothing in them that a browser would run.

nbgrader shows a submission's Markdown with whatever HTML it holds, in the student's page and in formgrader, where it
would act with the instructor's rights.  `markdown` and `Harmless` stand in nbgrader_config.py, so that both pages are
harmless whichever command makes them.  An exchange that a verdict tells of lies beside the page as a pcap file, and
the page has a link that holds it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from typing import Any

from bleach.sanitizer import Cleaner  # type: ignore[import-untyped]
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.filters import Highlight2HTML, markdown2html
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy.exc import OperationalError

from netlib.instructor.execute import PCAP, is_judged
from netlib.instructor.ledger import Ledger
from netlib.instructor.shared import in_a_line, opened

TAGS = (
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "hr", "i", "img"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "kbd", "li", "ol", "p", "pre", "s", "samp", "span", "strong", "sub", "sup"),
    *("summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var"),
)
PLAIN = {"text/plain", "image/png"}
LONG = 8_000  # characters of a Markdown cell; a longer one, or one with so many tags, is shown as it is written:
MARKS = 500  # what lays it out takes time that grows with the square of these
ASKED = re.compile(r'check\("([^"]+)", *(\w+)')
SHORT_CODE = 4_000  # characters of a code cell that is coloured with its magics: takes time by the square as well
LONG_CODE = 50_000  # of one that isn't coloured at all
HIDDEN = re.compile(r"^[^\n]*BEGIN HIDDEN TESTS.*?(?:END HIDDEN TESTS[^\n]*\n?|\Z)", re.DOTALL | re.MULTILINE)


@pass_context
def markdown(context: Any, source: str) -> str:
    """A Markdown cell, or a grader's comment, as HTML.  In place of nbconvert's filter `markdown2html`."""
    return safe_html(str(source))


@lru_cache(maxsize=1000)  # most cells are the release's, the same in every notebook
def safe_html(source: str) -> str:
    """Markdown as HTML without scripts, frames, forms, styles, names that pages use, and pictures from elsewhere.

    What is left out is shown as text.
    """
    if len(source) > LONG or source.count("<") + source.count("\\") > MARKS:
        return f"<pre>{escape(source)}</pre>"
    return str(cleaner().clean(markdown2html(source)))


@cache
def cleaner() -> Cleaner:
    return Cleaner(tags=TAGS, attributes=is_allowed, protocols=["http", "https", "mailto", "data"])


def is_allowed(tag: str, name: str, value: str) -> bool:
    """May this attribute stay?  Classes are those of highlighted code; ids and names could be taken for the page's."""
    match tag, name:
        case "a", "href":
            return value.startswith(("http://", "https://", "mailto:", "#"))
        case "img", "src":
            return value.startswith("data:image/png;base64,")
        case "span" | "div" | "code", "class":
            return re.fullmatch(r"highlight|[a-z]{1,2}[0-9]?", value) is not None
        case _:
            return name in ("alt", "title", "align", "colspan", "rowspan", "start")


@lru_cache(maxsize=1000)
def highlighted(source: str) -> str:
    if len(source) > LONG_CODE:
        return f'<div class="highlight"><pre>{escape(source)}</pre></div>'
    lexer = "ipython3" if len(source) <= SHORT_CODE else "python3"
    lexed: Any = Highlight2HTML(pygments_lexer=lexer)  # type: ignore[no-untyped-call]
    return str(lexed(source))


def highlight(source: str, *_: Any, **__: Any) -> str:
    """Code as HTML.  In place of nbconvert's filter `highlight_code`, which does released cells over and over."""
    return highlighted(source)


def unchanged(text: str) -> str:
    """In place of nbconvert's filter `strip_files_prefix`, for links of ten years ago: "[[[[" takes it for ever."""
    return text


class PageExporter(HTMLExporter):
    """nbconvert's exporter; the page's list of points names the exercises.

    Without nbconvert's last step: it reads the whole page once more to give pictures a text.
    """

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> Any:
        resources = self._init_resources(resources)  # type: ignore[no-untyped-call]
        of_type: Any = WidgetsDataTypeFilter
        this = of_type(notebook_metadata=self._nb_metadata, parent=self, resources=resources)
        self.register_filter("filter_data_type", this)  # type: ignore[no-untyped-call]
        page, resources = super(HTMLExporter, self).from_notebook_node(nb, resources, **kw)
        for cell in filter(is_judged, nb.cells):
            grade_id = escape(cell.metadata.nbgrader.grade_id)
            asked = ASKED.search(cell.source)
            if asked:
                link = f'<a href="#{grade_id}">'
                page = page.replace(f"{link}Test cell</a>", f"{link}{' '.join(map(escape, asked.groups()))}</a>", 1)
        return page, resources


class Harmless(NbGraderPreprocessor):  # type: ignore[misc]
    """Of outputs only text and pictures, but the verdicts whole; no hidden test; exchanges as files and links."""

    def __call__(self, notebook: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        return self.preprocess(notebook, resources)  # type: ignore[no-any-return]  # whatever a flag set `enabled` to

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, cell_index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        if cell.cell_type != "code":
            cell.pop("attachments", None)
            return cell, resources
        if utils.is_locked(cell):
            cell.source = HIDDEN.sub("", cell.source)
        for output in cell.outputs:
            if not is_judged(cell) and "data" in output:
                output.data = {kind: data for kind, data in output.data.items() if kind in PLAIN}
            if "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": "A picture that this cell has drawn"}
            if PCAP in output.get("data", {}):
                self.link(output, resources)
        cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
        return cell, resources

    def link(self, output: NotebookNode, resources: ResourcesDict) -> None:
        """Make an exchange a file beside the page, and a link in it."""
        name = re.sub(r"[^\w.-]", "_", str(output.metadata.get(PCAP, {}).get("name", "exchange.pcap")))
        try:
            data = base64.b64decode(output.data.pop(PCAP), validate=True)
        except binascii.Error:
            return
        resources.setdefault("outputs", {})[name] = data
        address = f"data:{PCAP};base64,{base64.b64encode(data).decode('ascii')}"
        said = f"The exchange as a pcap file: {name}"
        output.data["text/html"] = f'<p><a download="{name}" href="{address}">{said}</a></p>'


class Pages(GenerateFeedback):  # type: ignore[misc]
    """The pages of these students.  `why` says, after `start`, which could not be written and why, in one line."""

    def __init__(self, students: Iterable[str], ledger: Ledger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.students, self.ledger, self.why = students, ledger, dict[str, str]()
        self.force = True

    def init_notebooks(self) -> None:
        """`students` says which."""

    def convert_notebooks(self) -> None:
        assignment = self.coursedir.assignment_id
        with opened(self.ledger.engine, self.coursedir.course_id):
            for student in self.students:
                path = Path(self._format_source(assignment, student), f"{assignment}.ipynb")
                self.notebooks = [str(path)]
                try:
                    self.init_destination(assignment, student)
                    self.init_assignment(assignment, student)
                    self.convert_single_notebook(str(path))
                    self.set_permissions(assignment, student)
                except OperationalError:
                    raise
                except Exception as error:
                    self.why[student] = in_a_line(error)

    def write_single_notebook(self, output: str, resources: Any) -> None:
        """Write a page whole or not at all."""
        extension, name = resources["output_extension"], resources["unique_key"]
        resources["output_extension"] = f"{extension}.part"
        super().write_single_notebook(output, resources)
        part = Path(self.writer.build_directory, f"{name}{extension}.part")
        part.replace(part.with_suffix(""))
