"""A chapter in JupyterLab, in a real browser: fresh as a student opens it, and solved."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.jupyterlab import (
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    REPOSITORY,
    RUN_ALL,
    TOKEN,
    copy_of_the_course,
    make_course,
    text_of,
)

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test installs it")
CHAPTER = "06-icmp"
PATIENCE = 300_000  # milliseconds for each thing that a page does

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
    pytest.mark.skipif(shutil.which("make") is None, reason="no make: apt-get install make"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_of_the_course(tmp_path_factory.mktemp("browser"))
    notebook = folder / "course" / CHAPTER / f"{CHAPTER}.ipynb"
    solved = json.loads((REPOSITORY / "solutions" / CHAPTER / f"{CHAPTER}.ipynb").read_text())
    (notebook.parent / "solved.ipynb").write_text(json.dumps(filled_in(json.loads(notebook.read_text()), solved)))
    return folder


def filled_in(released: dict[str, Any], solved: dict[str, Any]) -> dict[str, Any]:
    """The released notebook with every exercise solved."""
    solutions = {grade_id(cell): cell["source"] for cell in solved["cells"] if is_solution(cell)}
    for cell in released["cells"]:
        if is_solution(cell):
            cell["source"] = solutions[grade_id(cell)]
    return released


def is_solution(cell: dict[str, Any]) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("solution"))


def grade_id(cell: dict[str, Any]) -> str:
    return str(cell["metadata"]["nbgrader"]["grade_id"])


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with make_course(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=PATIENCE)
        yield browser
        browser.close()


def new_page(browser: Any, **options: Any) -> Any:
    """A page that waits for a busy machine."""
    page = browser.new_page(**options)
    page.set_default_timeout(PATIENCE)
    return page


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    page = new_page(browser, viewport={"width": 1400, "height": 1000})
    page.goto(f"{address}/lab?token={TOKEN}")
    page.wait_for_function("window.jupyterapp !== undefined")
    yield page
    page.close()


def run_all(page: Any, name: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = page.evaluate(RUN_ALL, f"{CHAPTER}/{name}")
    return cells


def checks(cells: list[dict[str, Any]]) -> list[str]:
    """What each exercise's check said."""
    return [text_of(cell) for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade")]


def test_a_fresh_chapter_waits_for_the_student(page: Any) -> None:
    cells = run_all(page, f"{CHAPTER}.ipynb")
    said = checks(cells)
    assert len(said) >= 5
    assert all("waiting for" in text for text in said), said
    for cell in cells:  # Run All reached the end, and whatever was raised is an exercise that waits
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error" or output["ename"] == "NotImplementedYet", text_of(cell)
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code" and cell["source"].strip())


def test_a_solved_chapter_passes_with_its_pictures(page: Any) -> None:
    cells = run_all(page, "solved.ipynb")
    said = checks(cells)
    assert len(said) >= 5
    assert all("passed" in text for text in said), said
    assert not [text_of(cell) for cell in cells if any(o["output_type"] == "error" for o in cell.get("outputs", []))]
    pictures = re.findall(r"<img [^>]*alt=", json.dumps(cells).replace('\\"', '"'))
    assert pictures, "no picture with a text alternative was drawn"


def test_outputs_have_no_accessibility_violation(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    cells = run_all(page, "solved.ipynb")
    drawn = json.dumps(cells).count('"text/html"')
    # only what this course draws: JupyterLab's own frame is JupyterLab's
    ours = ".jp-OutputArea-output.jp-RenderedHTMLCommon"
    assert drawn >= 10
    page.locator(ours).nth(drawn - 1).wait_for(state="attached")  # all that was drawn is in the page, or soon will be
    results = axe.Axe().run(page, context={"include": [[ours]]})
    assert results.violations_count == 0, results.generate_report()


def test_it_opens_on_the_first_chapter(browser: Any, address: str) -> None:
    page = new_page(browser)
    page.goto(f"{address}/?token={TOKEN}")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("async () => { await window.jupyterapp.restored; }")
    shown = "window.jupyterapp.shell.currentWidget?.title.label"
    page.wait_for_function(f"{shown} === '01-client-server.ipynb'")
    page.close()


def test_nothing_is_fetched_from_elsewhere(browser: Any, address: str) -> None:
    page = new_page(browser)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/lab?token={TOKEN}")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("async () => { await window.jupyterapp.restored; }")
    page.wait_for_timeout(2000)
    page.close()
    assert len(asked) > 5
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
