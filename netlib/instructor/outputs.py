"""Outputs of a graded notebook: of those handed in, what is harmless; of the graded cells, the verdicts.

Handed-in outputs are shown to the student and the instructor and count for nothing.  Text is kept, without terminal
escapes, and PNG images, rebuilt from the parts that make the picture; HTML, JavaScript, SVG and widgets are dropped.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from netlib.instructor.record import Verdict

OUTPUTS = 50  # of a cell
TEXT = 20_000  # characters of an output
IMAGE = 1_000_000  # bytes of an image
IMAGES = 5  # of a cell
PIXELS = 16_000_000  # of an image: a small file can hold a huge one
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_PARTS = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"IDAT", b"IEND")

ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")  # bidi ones, too
SURROGATES = re.compile("[\ud800-\udfff]")


def keep(outputs: Any) -> list[dict[str, Any]]:
    """What of a handed-in cell's outputs is shown, as nbformat 4 has it.  Takes anything, and never raises."""
    kept: list[dict[str, Any]] = []
    images = 0
    for output in outputs if isinstance(outputs, list) else []:
        if len(kept) == OUTPUTS:
            kept.append(stream("... more outputs are left out\n"))
            break
        if not isinstance(output, dict):
            continue
        match output.get("output_type"):
            case "stream":
                name = "stderr" if output.get("name") == "stderr" else "stdout"
                kept.append(stream(shortened(output.get("text")), name))
            case "error":
                lines = traceback_lines(output.get("traceback")) or [one_line(output.get("evalue"))]
                name, value = (one_line(output.get(key)) for key in ("ename", "evalue"))
                kept.append({"output_type": "error", "ename": name, "evalue": value, "traceback": lines})
            case "display_data" | "execute_result":
                data: dict[str, str] = {}
                found = output.get("data")
                if not isinstance(found, dict):
                    continue
                if "text/plain" in found:
                    data["text/plain"] = shortened(found["text/plain"])
                image = picture(found.get("image/png")) if images < IMAGES else ""
                if image:
                    data["image/png"] = image
                    images += 1
                if data:
                    kept.append({"output_type": "display_data", "data": data, "metadata": {}})
    return kept


def verdict_outputs(verdict: Verdict) -> list[dict[str, Any]]:
    """What a graded cell shows, such that nbgrader reads exactly `verdict.points` from it.

    nbgrader gives nothing where there is an error, what a result says as a number, and all points else.  ValueError
    for points that the exercise doesn't have.
    """
    if not (math.isfinite(verdict.points) and 0 <= verdict.points <= verdict.of):
        raise ValueError(f"exercise {verdict.number}: {verdict.points} points of {verdict.of}")
    data = {"text/plain": clean(verdict.text or verdict.message)}
    if verdict.html:
        data["text/html"] = SURROGATES.sub("\ufffd", verdict.html)
    shown: list[dict[str, Any]] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    if verdict.points == verdict.of:
        return shown
    if verdict.points == 0:
        said = one_line(verdict.message)
        name = "NotImplementedYet" if verdict.status == "waiting" else "CheckFailed"
        return [*shown, {"output_type": "error", "ename": name, "evalue": said, "traceback": [said]}]
    points = {"text/plain": repr(float(verdict.points))}
    return [*shown, {"output_type": "execute_result", "execution_count": None, "data": points, "metadata": {}}]


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def clean(text: str) -> str:
    """Text without terminal escapes and control characters; of a line written over and over, what was last seen."""
    text = ESCAPES.sub("", text.replace("\r\n", "\n"))
    if "\r" in text:
        text = "\n".join(next((part for part in reversed(line.split("\r")) if part), "") for line in text.split("\n"))
    return SURROGATES.sub("\ufffd", CONTROLS.sub("", text))


def shortened(text: Any) -> str:
    """Text of an output, which may be a list of lines."""
    if isinstance(text, list):
        text = "".join(limited(text))
    if not isinstance(text, str):
        return ""
    more = len(text) > TEXT
    return clean(text[:TEXT]) + ("\n... the rest is left out\n" if more else "")


def limited(parts: list[Any]) -> Iterator[str]:
    """The first texts of a list, as many as can be of use."""
    length = 0
    for part in parts:
        if isinstance(part, str):
            yield part
            length += len(part)
        if length > TEXT:
            return


def traceback_lines(lines: Any) -> list[str]:
    """A traceback's parts, which end without a newline."""
    parts = [part for part in lines if isinstance(part, str)][:100] if isinstance(lines, list) else []
    return shortened("\n".join(parts)).split("\n") if parts else []


def one_line(text: Any) -> str:
    return " ".join(shortened(text).split())[:300]


def picture(encoded: Any) -> str:
    """A PNG image in base64, rebuilt from the parts that make the picture; an empty string if it isn't one."""
    if isinstance(encoded, list):
        encoded = "".join(part for part in encoded if isinstance(part, str))
    if not isinstance(encoded, str) or len(encoded) > IMAGE * 3 // 2:
        return ""
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
        rebuilt = SIGNATURE + b"".join(parts_of_png(data))
    except (binascii.Error, ValueError, struct.error):
        return ""
    return base64.b64encode(rebuilt).decode()


def parts_of_png(data: bytes) -> Iterator[bytes]:
    """The chunks that make the picture.  ValueError or struct.error when it is no PNG, or too large a one."""
    if not data.startswith(SIGNATURE) or len(data) > IMAGE:
        raise ValueError
    at = len(SIGNATURE)
    kinds: list[bytes] = []
    while not kinds or kinds[-1] != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        if len(chunk) != 12 + length or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise ValueError
        if not kinds:
            width, height = struct.unpack_from(">II", chunk, 8)
            if kind != b"IHDR" or not 0 < width * height <= PIXELS:
                raise ValueError
        if kind in PNG_PARTS:
            yield chunk
        kinds.append(kind)
        at += len(chunk)
    if b"IDAT" not in kinds or kinds.count(b"IHDR") != 1:
        raise ValueError
