"""What an exercise is, and how an answer to it is judged.

A check is a function of the learner's `answer`, of the `capture`, or of both, and returns
None when all is right, else the reason why not, in words.  Whatever a learner hands over,
judging it never raises: an answer that cannot be read gets a reason like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

from labkit.course.answers import Unreadable, word
from labkit.course.evidence import Evidence, looks_like_a_capture
from labkit.errors import LabError

Check = Callable[..., str | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a quiz: `why` it is right or is not."""

    key: str
    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Exercise:
    """`number` is notebook and place ("00.1"); `expects` says what an answer looks like; `explanation`
    is what is learnt, said once the answer is right."""

    number: str
    title: str
    question: str
    hints: tuple[str, str, str]
    solution: str
    second_way: str
    explanation: str
    check: Check
    expects: str = ""
    choices: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hints) != 3 or not all(self.hints):
            raise LabError(f"exercise {self.number} has {len(self.hints)} hints; it must have exactly three")
        if not (self.solution and self.second_way and self.explanation):
            raise LabError(f"exercise {self.number} lacks a solution, a second way or an explanation")
        if "answer" in self.takes and not self.expects:
            raise LabError(f"exercise {self.number} does not say what an answer looks like")

    @property
    def notebook(self) -> str:
        return self.number.partition(".")[0]

    @property
    def takes(self) -> tuple[str, ...]:
        """What the check reads: "answer", "capture" or both, in this order."""
        return tuple(signature(self.check).parameters)

    @property
    def call(self) -> str:
        """How a notebook cell asks for the check."""
        return ", ".join([f'course.check("{self.number}"', *(_CALLED[name] for name in self.takes)]) + ")"

    def judge(self, *given: Any) -> Verdict:
        """Whether the answer is right, and why not; never raises."""
        try:
            reason = self._judge(given)
        except Unreadable as error:
            reason = f"{error} It expects {self.expects}." if self.expects else str(error)
        except LabError as error:
            reason = f"{str(error).rstrip('.')}."
        except Exception as error:
            # A learner's object may do anything when it is looked at; the card stays calm.
            reason = f"The check could not read this: {type(error).__name__}."
            reason += f" It expects {self.expects}." if self.expects else ""
        return Verdict(self, reason is None, self.explanation if reason is None else reason)

    def _judge(self, given: Sequence[Any]) -> str | None:
        if len(given) != len(self.takes):
            return f"Give the check what it reads: `{self.call}`."
        named = dict(zip(self.takes, given, strict=True))
        if "answer" in named:
            answer = named["answer"]
            if looks_like_a_capture(answer):
                return f"The answer comes first, then the world: `{self.call}`."
            if _is_unwritten(answer):
                return f"There is no answer yet. It expects {self.expects}."
        if "capture" in named:
            named["capture"] = Evidence(named["capture"])
        return self.check(**named)


def _is_unwritten(answer: Any) -> bool:
    """Whether this is what stands in the cell before anybody wrote an answer into it."""
    if isinstance(answer, str):
        return not answer.strip("… .")
    if isinstance(answer, dict | list | tuple):
        return all(_is_unwritten(part) for part in (answer.values() if isinstance(answer, dict) else answer))
    return answer is None or answer is ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` says why not, or what is learnt."""

    exercise: Exercise
    ok: bool
    reason: str


_CALLED = {"answer": "answer", "capture": "world"}


def exercise(
    number: str,
    *,
    title: str,
    question: str,
    hints: tuple[str, str, str],
    solution: str,
    second_way: str,
    explanation: str,
    expects: str = "",
) -> Callable[[Check], Exercise]:
    """Makes an Exercise of the check function below it."""
    return lambda check: Exercise(
        number, title, question, hints, solution, second_way, explanation, check, expects
    )


def quiz(
    number: str,
    *,
    title: str,
    question: str,
    choices: Sequence[Choice],
    hints: tuple[str, str, str],
    solution: str,
    second_way: str,
) -> Exercise:
    """An exercise whose answer is the key of one choice; each wrong one has its explanation."""
    right = [choice for choice in choices if choice.right]
    if len(right) != 1 or not all(choice.why for choice in choices):
        raise LabError(f"quiz {number} needs exactly one right choice, and why for each")
    by_key = {choice.key: choice for choice in choices}

    def check(answer: Any) -> str | None:
        chosen = by_key.get(word(answer).strip("().:"))
        if chosen is None:
            return f"“{answer}” is none of the choices {', '.join(by_key)}."
        return None if chosen.right else chosen.why

    keys = " or ".join(f'"{key}"' for key in by_key)
    return Exercise(number, title, question, hints, solution, second_way, right[0].why, check,
                    f"one letter, {keys}", tuple(choices))  # fmt: skip
