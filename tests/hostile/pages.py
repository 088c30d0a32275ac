"""What a browser would do with a page: parsed as browsers parse (html5lib), not by regular expressions."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from bleach._vendor import html5lib

LOADS = {
    "src",
    "srcset",
    "poster",
    "data",
    "background",
    "action",
    "formaction",
    "href",
    "xlink:href",
    "style",
    "content",
}
TERMINAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")


def dangers(html: str, evil: str) -> list[str]:
    """Where text with the word `evil` would run, load or lead somewhere in a page."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    found = []
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        tag = element.tag.rpartition("}")[2].lower()
        if tag in ("script", "style") and evil in "".join(element.itertext()):
            found.append(f"<{tag}> {''.join(element.itertext())[:80]}")
        for name, value in element.attrib.items():
            name = (name if isinstance(name, str) else name[-1]).rpartition("}")[2].lower()
            if evil not in value:
                continue
            scheme = re.sub(r"[\s\x00-\x20]", "", value).lower()
            link = tag == "a" and name == "href" and not scheme.startswith(("javascript:", "data:", "vbscript:"))
            if name.startswith("on") or name == "srcdoc" or (name in LOADS and not link):
                found.append(f"<{tag} {name}={value[:80]!r}>")
    return found


def texts(*folders: Path) -> Iterator[tuple[Path, str]]:
    """Every text in these folders; of notebooks and records also the strings, as JSON gives them."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                yield path, data.decode("utf-8", "replace")
                if path.suffix in (".ipynb", ".json"):
                    with contextlib.suppress(ValueError):  # a submission, perhaps
                        yield path, "\n".join(strings(json.loads(data)))


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from strings(item)


def outputs(notebook: dict[str, object]) -> list[object]:
    cells = notebook["cells"]
    assert isinstance(cells, list)
    return [output for cell in cells for output in cell.get("outputs", [])]
