"""What the last reply means, and where the RFC says so."""

from __future__ import annotations

from collections.abc import Iterator

from labkit import standards
from labkit.views.markup import el, join
from labkit.views.picture import Picture
from labkit.views.rows import Row
from labkit.views.words import protocol_name, visible

_STATUS = {
    "+OK": ("done", "RFC 1939 3"),
    "-ERR": ("refused; nothing has changed", "RFC 1939 3"),
    "OK": ("done", "RFC 9051 7.1.1"),
    "NO": ("understood, but it could not be done", "RFC 9051 7.1.2"),
    "BAD": ("not understood; nothing was done", "RFC 9051 7.1.3"),
    "PREAUTH": ("welcome, you are logged in already", "RFC 9051 7.1.4"),
    "BYE": ("the server closes the connection", "RFC 9051 7.1.5"),
    "+": ("go on", "RFC 9051 7.6"),
}
_CLASSES = {"2": "done", "3": "go on", "4": "not now, try later", "5": "no, and it will stay so"}


def explain(row: Row | None) -> Picture:
    """One exchange in words: the command, the reply, and their sections."""
    facts = list(_facts(row)) if row is not None else []
    if not facts:
        words = "No reply has come yet."
        return Picture(words, words, html=el("p", words))
    text = "\n".join(f"{what}: {meaning} ({rfc})" for what, meaning, rfc in facts)
    html = join(
        el("p", el("b", what), f": {meaning} ", el("small", f"({rfc})")) for what, meaning, rfc in facts
    )
    return Picture(text, "What the last reply means", html=html)


def _facts(row: Row) -> Iterator[tuple[str, str, str]]:
    protocol, verb, status = row["protocol"], row.get("verb"), row.get("status")
    if protocol not in standards.COMMANDS:
        return
    if verb is None:
        yield "the greeting", "the server speaks first", _GREETING[protocol]
    elif (command := standards.command(protocol, verb)) is not None:
        yield verb, command.gist, command.rfc
    else:
        yield (
            visible(verb) or "this line",
            f"no command of {protocol_name(protocol)} that labkit knows",
            _COMMANDS[protocol],
        )
    if status is None:
        yield "no reply", "none has come, so nobody can know whether it was done", "RFC 5321 4.5.3.2"
        return
    if (known := standards.code(protocol, status)) is not None:
        yield status, known.meaning, known.rfc
    elif status in _STATUS:
        yield (status, *_STATUS[status])
    elif status[:1] in _CLASSES:
        yield visible(status), _CLASSES[status[:1]], "RFC 5321 4.2.1"
    for name in ("enhanced", "response_code"):
        code = row.get(name)
        if code and (known := standards.code(protocol, code)) is not None:
            yield visible(code), known.meaning, known.rfc
    if row.get("flaw"):
        yield f"⚠ {row['flaw']}", "what was said breaks a rule", _COMMANDS[protocol]


_GREETING = {"smtp": "RFC 5321 3.1", "pop3": "RFC 1939 4", "imap": "RFC 9051 7.1"}
_COMMANDS = {"smtp": "RFC 5321 4.1", "pop3": "RFC 1939 3", "imap": "RFC 9051 6"}
