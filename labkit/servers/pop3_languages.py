"""The POP3 server's texts in other languages (RFC 6856 3).

The server speaks English; what it said is looked up here on its way out, so that no command has
to know of languages.  A text that is not in the list stays English.  Protocol words are not
for translation: commands, codes, numbers.
"""

from __future__ import annotations

import re

LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español"}
"""Tag -> the language's name in itself.  The first is what the administrator prefers."""

_COUNT = r"(\d+) messages?"
_TEXTS = {
    "language changed": {"de": "Sprache gewechselt", "es": "Idioma cambiado"},
    r"invalid language (.*)": {"de": r"die Sprache \1 gibt es nicht", "es": r"el idioma \1 no es conocido"},
    "Language listing follows:": {"de": "Es folgen die Sprachen:", "es": "Lista de idiomas:"},
    "Capability list follows": {"de": "Es folgt, was der Server kann", "es": "Lista de capacidades"},
    "send PASS": {"de": "weiter mit PASS", "es": "siga con PASS"},
    rf"(.*)'s maildrop has {_COUNT} \((\d+) octets\)": {
        "de": r"im Postfach von \1 liegen \2 Nachrichten (\3 Oktette)",
        "es": r"el buzón de \1 tiene \2 mensajes (\3 octetos)",
    },
    rf"maildrop has {_COUNT} \((\d+) octets\)": {
        "de": r"im Postfach liegen \1 Nachrichten (\2 Oktette)",
        "es": r"el buzón tiene \1 mensajes (\2 octetos)",
    },
    rf"{_COUNT} \((\d+) octets\)": {
        "de": r"\1 Nachrichten (\2 Oktette)",
        "es": r"\1 mensajes (\2 octetos)",
    },
    r"(\d+) octets": {"de": r"\1 Oktette", "es": r"\1 octetos"},
    r"message (\d+) deleted": {"de": r"Nachricht \1 gelöscht", "es": r"mensaje \1 borrado"},
    r"message (\d+) already deleted": {
        "de": r"Nachricht \1 ist schon gelöscht",
        "es": r"el mensaje \1 ya está borrado",
    },
    rf"no such message, only {_COUNT} in maildrop": {
        "de": r"diese Nachricht gibt es nicht, im Postfach liegen \1",
        "es": r"no existe tal mensaje, solo hay \1 en el buzón",
    },
    "wrong name or password": {
        "de": "Name oder Passwort ist falsch",
        "es": "nombre o contraseña incorrectos",
    },
    "maildrop already locked": {"de": "das Postfach ist schon belegt", "es": "el buzón ya está en uso"},
    r"there is no command (\w+) here": {
        "de": r"den Befehl \1 gibt es hier nicht",
        "es": r"aquí no existe la orden \1",
    },
    r"(.*) POP3 server signing off": {"de": r"\1 verabschiedet sich", "es": r"\1 se despide"},
    r"(.*) POP3 server signing off \(maildrop empty\)": {
        "de": r"\1 verabschiedet sich (Postfach leer)",
        "es": r"\1 se despide (buzón vacío)",
    },
    rf"(.*) POP3 server signing off \({_COUNT} left\)": {
        "de": r"\1 verabschiedet sich (\2 Nachrichten übrig)",
        "es": r"\1 se despide (quedan \2 mensajes)",
    },
}
_PATTERNS = [(re.compile(english), others) for english, others in _TEXTS.items()]


def choose(wanted: str) -> str | None:
    """The tag that a language range stands for, "*" for the preferred one; None: there is none.

    A range stands for every tag that it begins, up to a "-" (RFC 4647 3.3.1).
    """
    wanted = wanted.lower()
    return next((tag for tag in LANGUAGES if wanted == "*" or f"{tag}-".startswith(f"{wanted}-")), None)


def translated(text: str, language: str) -> str:
    """A text of the server in another language."""
    for pattern, others in _PATTERNS:
        if language in others and (found := pattern.fullmatch(text)):
            return found.expand(others[language])
    return text
