"""docs/nat.md: every requirement of the three RFCs is there, with a test that shows it or a reason."""

from __future__ import annotations

import pytest

from .nat_requirements import DOCUMENTS, PAGE, page, showing

# How many each RFC has, and the letters below a number (RFC 4787 section 12, RFC 5382 section 8, RFC 5508 section 9)
NUMBERS = {
    "RFC 4787": (14, {3: "a", 5: "abc", 6: "a", 8: "a", 9: "a", 10: "a", 12: "ab", 13: "a", 14: "a"}),
    "RFC 5382": (10, {2: "a", 3: "ab", 4: "a", 5: "a", 8: "a"}),
    "RFC 5508": (11, {1: "a", 2: "a", 3: "abcd", 4: "abc", 5: "abc", 7: "a", 10: "abcdef"}),
}


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "docs/nat.md is old: python -m tests.internet.nat_requirements"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_requirement_is_listed(document: str) -> None:
    last, letters = NUMBERS[document[:8]]
    expected = [f"REQ-{n}{letter}" for n in range(1, last + 1) for letter in ("", *letters.get(n, ""))]
    expected = [number for number in expected if (document[:8], number) != ("RFC 5508", "REQ-10")]  # only its letters
    assert [requirement.number for requirement in DOCUMENTS[document]] == expected


def test_each_has_a_test_or_a_reason() -> None:
    shown = {number for test in showing() for number in test.shows}
    known = {f"{document[:8]} {each.number}": each for document, listed in DOCUMENTS.items() for each in listed}
    assert shown <= set(known), f"a test names what the RFCs have not: {shown - set(known)}"
    for number, requirement in known.items():
        assert number in shown or requirement.reason, f"{number}: no test, no reason"
