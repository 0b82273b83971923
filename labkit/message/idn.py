"""Internationalised domain names: one name, two ways to write it (RFC 5890, RFC 5891).

DNS is asked for A-labels, `xn--bcher-kva.example`; people read U-labels, `bücher.example`.  The rules
are those of IDNA 2008, kept by the library `idna`, which maps as UTS 46 does before it looks up.
"""

from __future__ import annotations

from labkit.errors import ProtocolError


def lookup_domain(domain: str) -> str:
    """The domain as DNS is asked for it; raises ProtocolError if it has no such form."""
    if domain.isascii() or domain.startswith("["):
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError as error:  # every error of the library is one
        raise ProtocolError(
            f"no domain name: {error}", domain.encode("utf-8", "replace"), 0, "RFC 5891 5"
        ) from None


def shown_domain(domain: str) -> str:
    """The domain for people; a label that is no proper A-label stays as it is."""
    if "xn--" not in domain.lower() or domain.startswith("["):
        return domain
    return ".".join(map(_shown_label, domain.split(".")))


def _shown_label(label: str) -> str:
    import idna

    if label[:4].lower() != "xn--":
        return label
    try:
        return idna.decode(label)
    except UnicodeError:
        return label
