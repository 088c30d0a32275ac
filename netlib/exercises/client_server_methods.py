"""The procedures that chapter 1 calls from afar."""

from collections.abc import Callable, Mapping
from typing import Any

Methods = Mapping[str, Callable[..., Any]]


def add(a: Any, b: Any) -> Any:
    return a + b


def divide(a: float, b: float) -> float:
    return a / b


def price(item: int) -> int:
    """What an item costs, in cents."""
    return 100 + 7 * item % 900


def echo(value: Any = None) -> Any:
    return value


def letters(text: str) -> Any:
    """A set: something that JSON can't write."""
    return set(text)


METHODS: Methods = {"add": add, "divide": divide, "price": price, "echo": echo, "letters": letters}
