"""A value and its parameters, as Content-Type and Content-Disposition have them (RFC 2045 5.1, RFC 2231).

Reading takes what others write: values without their quotes, charsets nobody knows, continuations
with holes.  Writing is strict: a token, a quoted string, or in another charset than ASCII `name*=`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from labkit.message.words import known_charset

# parameter = ";" attribute "=" ( quoted-string / token, or what else stands before the next ";" )
_PARAMETER = re.compile(rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+))', re.DOTALL)
# what nearly all are: type/subtype; name="value"
_PLAIN = re.compile(
    r'([!#-\'*+\--:<-\[\]-~]++)(?:;[ \t]*+([!#-&+-:<>-~]++)=(?:"([^"\\]*+)"|([!#-\'*+\--:<-\[\]-~]++)))?'
)
_MAIN = re.compile(rb"[^\s;()]*+")
_COMMENT = re.compile(rb"\s*\(")
_CACHED = 120  # octets of a value that is kept: text/plain; charset=utf-8 and the like


def parse_parameters(value: bytes) -> tuple[str, dict[str, str]]:
    """An unfolded value like that of Content-Type: what it begins with and its parameters.

    The first and the names of the parameters in lower case; continued and encoded
    parameters (RFC 2231) are put together.  Of two with one name the first counts.
    """
    if value.isascii() and (plain := _PLAIN.fullmatch(value.decode())):
        kind, name, quoted, bare = plain.groups()
        return kind.lower(), {name.lower(): bare or quoted} if name else {}
    main, params = _usual(value) if len(value) < _CACHED else _parse(value)
    return main, dict(params)


def repeated_parameter(value: bytes) -> bool:
    """True if a parameter of the value stands twice."""
    names = [found[0].lower() for found in _PARAMETER.findall(value)]
    return len(set(names)) < len(names)


def _parse(value: bytes) -> tuple[str, dict[str, str]]:
    main = _MAIN.match(_without_comment(value))
    said: dict[str, bytes] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        octets = re.sub(rb"\\(.)", rb"\1", quoted) if quoted else bare.partition(b" (")[0].strip()
        said.setdefault(name.decode("utf-8", "backslashreplace").lower(), octets)
    params: dict[str, str] = {}
    for name, octets in said.items():
        base, star, section = name.partition("*")
        if not star:
            params.setdefault(name, octets.decode("utf-8", "backslashreplace"))
        elif section in ("", "0", "0*"):
            params[base] = _extended(said, base, section)
    return (main[0].decode("utf-8", "backslashreplace").lower() if main else ""), params


_usual = lru_cache(1024)(_parse)


def _without_comment(value: bytes) -> bytes:
    """The value without a comment before it, (which) is rare."""
    if not _COMMENT.match(value):
        return value
    from labkit.message.tokens import comment_end

    end = comment_end(value, value.index(b"("))
    return value[end:].lstrip() if end > 0 else value


def _extended(said: dict[str, bytes], base: str, section: str) -> str:
    """name*=charset'language'octets, or name*0, name*1* … (RFC 2231 3 and 4)."""
    octets, charset = said[f"{base}*{section}"], b"utf-8"
    if section.endswith("*") or not section:
        charset, _, octets = octets.partition(b"'")
        octets = unquote_to_bytes(octets.partition(b"'")[2])
    pieces = [octets]
    while section:
        plain = f"{base}*{len(pieces)}"
        if plain in said:
            pieces.append(said[plain])
        elif f"{plain}*" in said:
            pieces.append(unquote_to_bytes(said[f"{plain}*"]))
        else:
            break
    name = charset.decode("ascii", "replace")
    return b"".join(pieces).decode(name if known_charset(name) else "utf-8", "backslashreplace")


def write_parameter(name: str, value: str) -> str:
    """`name="value"`, or `name*=utf-8''…` for what ASCII does not have."""
    if value.isascii():
        escaped = re.sub(r'(["\\])', r"\\\1", value)
        return f'{name}="{escaped}"'
    return f"{name}*=utf-8''{quote(value, safe='')}"
