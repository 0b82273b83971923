"""POP3 sessions as exercises look at them: who logged in, what was marked, what was deleted."""

from __future__ import annotations

from dataclasses import dataclass, field

from labkit.course.evidence import Evidence
from labkit.views.rows import Row, select

LOGINS = ("PASS", "APOP", "AUTH", "(response)")


@dataclass
class Visit:
    """One POP3 connection, as far as deleting goes."""

    number: int
    rows: list[Row]
    ended: str | None
    marked: set[str] = field(default_factory=set)  # by number, as typed
    unmarked: set[str] = field(default_factory=set)  # what RSET took back
    logged_in: bool = False
    quit: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.get("status") != "+OK":
                continue
            verb, number = row.get("verb"), str(row.get("argument") or "").strip().lstrip("0")
            if verb in LOGINS and row.get("state") == "authorization":
                self.logged_in = True
            elif verb == "DELE":
                self.marked.add(number)
                self.unmarked.discard(number)
            elif verb == "RSET":
                self.unmarked |= self.marked
                self.marked = set()
            elif verb == "QUIT":
                self.quit = True

    @property
    def deleted(self) -> set[str]:
        """The update state is entered by QUIT alone."""
        return self.marked if self.quit else set()

    @property
    def way_out(self) -> str | None:
        """How this visit left its marks without effect; None: it is not over."""
        if self.ended is None and not self.quit:
            return None
        if self.quit or not self.marked:
            return "the marks were taken back with RSET"
        words = {
            "cut": "the line was cut",
            "reset": "the line was cut",
            "timeout": "the server waited too long, and logged Bob out",
        }
        return words.get(str(self.ended), "Bob's host closed the connection without QUIT")

    def refused(self, *verbs: str) -> Row | None:
        """The last of these commands that was answered with -ERR."""
        found = [row for row in self.rows if row.get("verb") in verbs and row.get("status") == "-ERR"]
        return found[-1] if found else None


def visits(capture: Evidence) -> list[Visit]:
    return [
        Visit(row["connection"], select(capture.exchanges, connection=row["connection"]), row.get("ended"))
        for row in capture.speaking("pop3")
    ]
