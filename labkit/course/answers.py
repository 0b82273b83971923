"""Reads what a learner gave as an answer, generously: `"SMTP"`, `["smtp"]` and `{"Smtp"}` mean the same.

Each function returns the plain value or raises Unreadable, whose message says what came instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labkit.errors import LabError


class Unreadable(LabError):
    """The answer is of another kind than the question asks for."""


def word(answer: Any) -> str:
    """One word or phrase, in lower case, with plain apostrophes and single spaces."""
    if not isinstance(answer, str):
        raise Unreadable(f"The answer is {_kind(answer)}, not a word in quotes.")
    return " ".join(answer.lower().replace("’", "'").replace("_", " ").split())  # noqa: RUF001


def text(answer: Any) -> str:
    """A text as it stands; octets are read as UTF-8."""
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    if not isinstance(answer, str):
        raise Unreadable(f"The answer is {_kind(answer)}, not a text.")
    return answer


def words(answer: Any) -> set[str]:
    """Several words: a list, a set, a tuple, or one text with commas, "and", "or"."""
    if isinstance(answer, str):
        text = word(answer).replace(" and ", ",").replace(" or ", ",").replace("/", ",")
        return {part.strip() for part in text.split(",") if part.strip()}
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        raise Unreadable(f"The answer is {_kind(answer)}, not a list of words.")
    return {word(part) for part in answer}


def mapping(answer: Any) -> dict[str, Any]:
    """A dict with words as keys."""
    if not isinstance(answer, Mapping):
        raise Unreadable(f"The answer is {_kind(answer)}, not a dict.")
    return {word(key): value for key, value in answer.items()}


def number(answer: Any) -> float:
    """One number; a text that is a number is one too."""
    if isinstance(answer, bool):
        raise Unreadable("The answer is True or False, not a number.")
    try:
        return float(answer.replace(",", ".") if isinstance(answer, str) else answer)
    except (TypeError, ValueError):
        raise Unreadable(f"The answer is {_kind(answer)}, not a number.") from None


def numbers(answer: Any) -> list[int]:
    """Whole numbers, in the order given; one alone is a list of one."""
    if isinstance(answer, str):
        answer = answer.strip("[](){} ").split(",")
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable) or hasattr(answer, "columns"):
        answer = [answer]  # a DataFrame, too, which would give the names of its columns
    found = [number(part) for part in answer]
    if any(part != part // 1 for part in found):
        raise Unreadable("The answer has a number that is not whole.")
    return [int(part) for part in found]


def _kind(answer: Any) -> str:
    names = {str: "a text", int: "a number", float: "a number", bool: "True or False", list: "a list",
             dict: "a dict", tuple: "a tuple", set: "a set"}  # fmt: skip
    return names.get(type(answer), f"an object of type {type(answer).__name__}")
