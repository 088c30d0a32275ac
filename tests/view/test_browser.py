"""The pictures in a real browser: axe-core finds nothing to object to, and hovering and Tab light things up.

The page dresses its outputs as JupyterLab does, whose rules for tables and code would spoil careless HTML.
"""

import faulthandler
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from netlib.view import show

from .examples import echo, every_view

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium"),
]
# As JupyterLab 4.6 styles the HTML of outputs, in its own words' effect.
THEME = """
:root {{ {colours} }}
body {{ background: var(--page); color: var(--text); margin: 0; font-family: sans-serif; font-size: 14px }}
.out {{ padding: 12px; line-height: 1.6 }}
.out table {{ border-collapse: collapse; color: var(--text); font-size: 12px; table-layout: fixed; margin: 0 auto 1em }}
.out td, .out th {{ vertical-align: middle; padding: .5em; white-space: normal; border: none; text-align: right }}
.out tbody tr:nth-child(odd) {{ background: var(--page) }}
.out tbody tr:nth-child(even) {{ background: var(--stripe) }}
.out :not(pre) > code {{ background: var(--stripe); color: var(--text); padding: 1px 5px }}
"""
COLOURS = {
    "light": "--page: #fff; --text: #212121; --stripe: #f5f5f5",
    "dark": "--page: #111; --text: #e0e0e0; --stripe: #212121",
}


def page_of(outputs: list[str], theme: str, trusted: bool) -> str:
    body = "".join(f'<div class="out">{output}</div>' for output in outputs)
    if not trusted:  # as JupyterLab's sanitiser does
        body = re.sub(r"<style>.*?</style>", "", body, flags=re.DOTALL)
        body = re.sub(r' (?:id|role|tabindex|aria-[a-z]+)="[^"]*"', "", body)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Every view</title>'
        f"<style>{THEME.format(colours=COLOURS[theme])}</style></head>"
        f"<body><main><h1>Every view</h1>{body}</main></body></html>"
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=300_000)
        yield chromium
        faulthandler.dump_traceback_later(300, exit=True)
        chromium.close()
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def not_for_ever() -> Iterator[None]:
    """Playwright waits for ever for a browser that was killed; a run that ends with a traceback is better."""
    faulthandler.dump_traceback_later(900, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    context.set_default_timeout(300_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("theme", "trusted"), [("light", True), ("dark", True), ("dark", False)])
def test_axe_finds_no_violation(page: Any, theme: str, trusted: bool) -> None:
    outputs = [view._repr_html_().replace("<details", "<details open") for view in every_view().values()]
    page.set_content(page_of(outputs, theme, trusted))
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 50)")
    results = axe.Axe().run(page)
    assert results.response["passes"], "axe has looked at nothing"
    assert results.violations_count == 0, results.generate_report()


def lit(page: Any) -> list[str]:
    """What has the highlight's outline: bytes and rows."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('span[title], tr')].filter(e => getComputedStyle(e).outlineStyle == 'solid')"
        ".map(e => e.title || e.cells[0].textContent)"
    )
    return found


def test_bytes_and_fields_light_each_other_up(page: Any) -> None:
    page.set_content(page_of([show(echo())._repr_html_()], "light", True))
    assert lit(page) == []
    page.hover("tr:has(th:text-is('ttl'))")
    assert lit(page) == ["byte 22", "ttl"]
    page.hover("span[title='byte 24']")
    assert lit(page) == ["byte 24", "byte 25", "checksum"]
    page.mouse.move(0, 0)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert lit(page) == [*(f"byte {i}" for i in range(6, 12)), "source"]
