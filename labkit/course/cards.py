"""Exercises, verdicts, hints, solutions and glossary entries as pictures: HTML and its twin in text.

None of them reads the progress file, so a notebook's committed outputs are the same on
every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill

from labkit.course.model import Choice, Exercise, Verdict
from labkit.course.terms import Term
from labkit.views.markup import Markup, codes, el, join, paragraphs, prose
from labkit.views.picture import Picture

WIDTH = 78
_CELL = "text-align:left;white-space:normal;vertical-align:top"  # words, not numbers


def exercise_card(exercise: Exercise) -> Picture:
    """The question, how to check an answer, hints and solution behind folds."""
    head = f"Exercise {exercise.number}"
    hints = [_fold(f"Hint {i} of 3", prose(hint)) for i, hint in enumerate(exercise.hints, 1)]
    html = card(
        "",
        el("p", el("small", head), " ", exercise.title, class_="lk-head"),
        prose(exercise.question),
        _choices_html(exercise.choices),
        el("p", "To check it: ", el("code", exercise.call), class_="lk-quiet"),
        *hints,
        _fold("Solution, and a second way", _solution_html(exercise)),
    )
    lines = [f"{head}: {exercise.title}", "", plain(exercise.question)]
    lines += ["", *(fill(f"{c.key}) {c.text}", WIDTH, subsequent_indent="   ") for c in exercise.choices)]
    lines += [""] if exercise.choices else []
    lines.append(f"To check it:  {exercise.call}")
    lines.append(f'For a hint:   course.hint("{exercise.number}")  (three, one by one)')
    lines.append(f'To give up:   course.solution("{exercise.number}")')
    return _picture("\n".join(lines), f"{head}: {exercise.title}", html)


def verdict_card(verdict: Verdict) -> Picture:
    """Solved, with what is learnt; or not yet, and why."""
    exercise = verdict.exercise
    head = f"✓ {exercise.number} solved" if verdict.ok else f"✗ {exercise.number} not yet"
    more = None if verdict.ok else f'Stuck? course.hint("{exercise.number}")'
    html = card("lk-yes" if verdict.ok else "lk-no", el("p", head, class_="lk-head"), prose(verdict.reason),
                el("p", more, class_="lk-quiet") if more else None)  # fmt: skip
    return _picture("\n".join(filter(None, [head, plain(verdict.reason), more])), head, html)


def hint_card(exercise: Exercise, which: int) -> Picture:
    head = f"{exercise.number}, hint {which} of 3"
    html = card("", el("p", head, class_="lk-head"), prose(exercise.hints[which - 1]))
    return _picture(f"{head}\n{plain(exercise.hints[which - 1])}", head, html)


def solution_card(exercise: Exercise) -> Picture:
    head = f"{exercise.number}, solution"
    html = card("", el("p", head, class_="lk-head"), _solution_html(exercise))
    text = "\n\n".join([head, plain(exercise.solution), "A second way", plain(exercise.second_way)])
    return _picture(text, head, html)


def progress_card(
    title: str, solved: Iterable[str], exercises: Sequence[Exercise], troubles: Iterable[str]
) -> Picture:
    """`3 of 5 solved`, exercise by exercise."""
    done = set(solved)
    head = f"{title}: {sum(x.number in done for x in exercises)} of {len(exercises)} solved"
    lines = [f"{'✓' if x.number in done else '·'} {x.number} {x.title}" for x in exercises]
    notes = list(troubles)
    html = card("", el("p", head, class_="lk-head"), *(el("p", line) for line in [*lines, *notes]))
    return _picture("\n".join([head, *lines, *notes]), head, html)


def note_card(head: str, body: str) -> Picture:
    """A few words under a heading."""
    return _picture(f"{head}\n{plain(body)}", head, card("", el("p", head, class_="lk-head"), prose(body)))


def terms_card(terms: Sequence[tuple[Term, str]]) -> Picture:
    """Terms, each with its place in the course: folded, and told in full under the pointer."""
    folds = [
        el(
            "details",
            el("summary", el("abbr", term.term, title=f"{term.meaning} {_sources(term, place)}".strip())),
            prose(term.meaning),
            el("p", _sources(term, place), class_="lk-quiet"),
        )
        for term, place in terms
    ]
    return _picture(_terms_text(terms), ", ".join(term.term for term, _ in terms), card("", *folds))


def glossary_card(head: str, terms: Sequence[tuple[Term, str]]) -> Picture:
    """All terms as a table: what each means, and where an RFC and the course say so."""
    names = ("word", "meaning", "RFC", "in the course")
    columns = el("thead", el("tr", *(el("th", name, scope="col", style=_CELL) for name in names)))
    rows = [
        el(
            "tr",
            el("th", term.term, scope="row", style=_CELL),
            *(el("td", said, style=_CELL) for said in (term.meaning, term.source, place)),
        )
        for term, place in terms
    ]
    table = el("div", el("table", columns, el("tbody", *rows)), class_="lk-sum")
    html = card("", el("p", head, class_="lk-head"), table)
    return Picture(f"{head}\n{_terms_text(terms)}", head, html=html, parts=("card", "summary"))


def _terms_text(terms: Iterable[tuple[Term, str]]) -> str:
    lines = (f"{term.term}: {term.meaning} {_sources(term, place)}".strip() for term, place in terms)
    return "\n".join(fill(line, WIDTH, subsequent_indent="  ") for line in lines)


def _sources(term: Term, place: str) -> str:
    """`(RFC 5321 2.3.1; notebook 07, “Three steps”)`, as far as they are known."""
    known = "; ".join(filter(None, [term.source, place and f"notebook {place}"]))
    return f"({known})" if known else ""


def recall_card(notebook: str, questions: Sequence[tuple[str, str]]) -> Picture:
    """Questions with their answers behind folds; in text, the answers stand below all the questions."""
    head = f"Before you go on: {len(questions)} questions from notebook {notebook}"
    folds = [join([prose(question), _fold("Answer", prose(answer))]) for question, answer in questions]
    html = card("", el("p", head, class_="lk-head"), *folds)
    asked = [fill(f"{i}. {' '.join(q.split())}", WIDTH) for i, (q, _) in enumerate(questions, 1)]
    answered = [fill(f"Answer {i}: {' '.join(a.split())}", WIDTH) for i, (_, a) in enumerate(questions, 1)]
    return _picture("\n".join([head, *asked, "", *answered]), head, html)


def card(class_: str, *content: Markup | None) -> Markup:
    return el("div", *content, class_=f"lk-card {class_}".strip())


def plain(words: str) -> str:
    """Prose as text: paragraphs wrapped, code as it is."""
    parts = paragraphs(words)
    return "\n\n".join(p if p.startswith("    ") else fill(" ".join(p.split()), WIDTH) for p in parts)


def _choices_html(choices: Sequence[Choice]) -> Markup | None:
    if not choices:
        return None
    return el(
        "ul",
        *(el("li", el("b", f"{choice.key}) "), codes(choice.text)) for choice in choices),
        style="list-style:none",
    )


def _solution_html(exercise: Exercise) -> Markup:
    return join(
        [prose(exercise.solution), el("p", "A second way", class_="lk-head"), prose(exercise.second_way)]
    )


def _fold(summary: str, content: Markup) -> Markup:
    return el("details", el("summary", summary), content)


def _picture(text: str, alt: str, html: Markup) -> Picture:
    return Picture(text, alt, html=html, parts=("card",))
