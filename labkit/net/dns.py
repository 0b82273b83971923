"""Names: what the lab's name server knows, and how its hosts ask it (RFC 1034, 1035).

Questions and answers are real DNS messages in datagrams, so that they are captured like everything
else.  The server is authoritative for all it is asked; it knows nothing of delegation.  The
resolver asks one server and follows no referrals.  Where a domain's mail goes is RFC 5321 5.1, the
null MX RFC 7505.
"""

from __future__ import annotations

from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from labkit.errors import LabError
from labkit.net.network import Host, Network

PORT = 53
TTL = 3600
TRIES = 2
ALIASES = 8
"""So many CNAMEs are followed, and no more."""


class NameNotFound(LabError):
    """No name like this exists (NXDOMAIN)."""


class NoAnswer(LabError):
    """The name exists, but has no record of this type."""


class ServerFailure(LabError):
    """The name server could not answer; asking again later may help."""


class NullMX(LabError):
    """The domain says that it takes no mail (RFC 7505)."""


class Names:
    """All zones of the lab in one place; `answer` is its name server."""

    def __init__(self) -> None:
        self._records: dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rrset.RRset]] = {}
        self._failing: set[dns.name.Name] = set()

    def add(self, name: str, kind: str, *values: str) -> None:
        """Records as in a zone file: `add("example.org", "MX", "10 mx.example.org")`.

        Names in values are absolute, with or without the last dot; `"0 ."` is the null MX.  The value
        of a TXT record may be given without quotes.  LabError for what is no name, type or value: then
        nothing is added.
        """
        owner, rdtype = _name(name), _type(kind)
        added = []
        for value in values:
            if rdtype == dns.rdatatype.TXT and not value.startswith('"'):
                value = " ".join(
                    f'"{_escape(value[i : i + 255])}"' for i in range(0, max(1, len(value)), 255)
                )
            try:
                added.append(dns.rdata.from_text(dns.rdataclass.IN, rdtype, value, dns.name.root, False))
            except dns.exception.DNSException as error:
                raise LabError(f"{value!r} is no record of type {kind}: {error}") from error
        found = self._records.setdefault(owner, {})
        rrset = found.setdefault(rdtype, dns.rrset.RRset(owner, dns.rdataclass.IN, rdtype))
        for record in added:
            rrset.add(record, TTL)

    def remove(self, name: str, kind: str | None = None) -> None:
        """Forget the records of a name, or only those of one type."""
        found = self._records.get(_name(name), {})
        if kind is None:
            found.clear()
        else:
            found.pop(_type(kind), None)
        if not found:
            self._records.pop(_name(name), None)

    def fail(self, name: str, failing: bool = True) -> None:
        """Answer SERVFAIL to questions about this name and all below it, or cease to."""
        (self._failing.add if failing else self._failing.discard)(_name(name))

    def answer(self, question: bytes) -> bytes | None:
        """The answer to a DNS message; None to what is none."""
        try:
            query = dns.message.from_wire(question)
            response = dns.message.make_response(query)
        except dns.exception.DNSException:
            return None
        response.flags |= dns.flags.AA
        if len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
        elif any(query.question[0].name.is_subdomain(zone) for zone in self._failing):
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(response, query.question[0].name, query.question[0].rdtype)
        return response.to_wire(want_shuffle=False)  # by chance, not by the world's seed

    def _fill(
        self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> None:
        for _ in range(ALIASES):
            found = self._records.get(name, {})
            alias = found.get(dns.rdatatype.CNAME) if kind != dns.rdatatype.CNAME else None
            if alias is None:
                break
            response.answer.append(alias)
            name = alias[0].target
        if kind in found:
            response.answer.append(found[kind])
        elif not any(known.is_subdomain(name) for known in self._records):
            response.set_rcode(dns.rcode.NXDOMAIN)


class MailHost(NamedTuple):
    """A host that takes a domain's mail; the lowest preference is tried first."""

    preference: int
    name: str


async def resolve(network: Network, client: Host, server: str, name: str, kind: str) -> list[str]:
    """Ask the name server at this address; the values as in a zone file, names without the last dot.

    Raises NameNotFound, NoAnswer or ServerFailure (which is also said of a server that is silent).
    """
    number = len(network.tap.connections) & 0xFFFF
    query = dns.message.make_query(_name(name), kind, id=number)
    for left in reversed(range(TRIES)):
        try:
            data = await network.ask(client, server, PORT, query.to_wire())
            response = dns.message.from_wire(data)
        except (OSError, dns.exception.DNSException) as error:
            if not left:
                raise ServerFailure(
                    f"no answer about {name} from the name server {server}: {error}"
                ) from error
            continue
        break
    match response.rcode():
        case dns.rcode.NOERROR:
            values = [_text(rdata) for rdata in _final(response, query.question[0].rdtype)]
        case dns.rcode.NXDOMAIN:
            raise NameNotFound(f"{name} does not exist")
        case code:
            raise ServerFailure(f"the name server answers {dns.rcode.to_text(code)} about {name}")
    if not values:
        raise NoAnswer(f"{name} has no {kind} record")
    return values


async def mail_hosts(network: Network, client: Host, server: str, domain: str) -> list[MailHost]:
    """Where mail for a domain goes (RFC 5321 5.1): its MX hosts, or else the host of that name.

    Hosts of equal preference stand in the order of the answer.  Raises NullMX for a domain that takes
    no mail, and what `resolve` raises.
    """
    try:
        answers = await resolve(network, client, server, domain, "MX")
    except NoAnswer:
        return [MailHost(0, domain)]
    hosts = [MailHost(int(preference), name) for preference, name in (answer.split() for answer in answers)]
    if any(host.name == "." for host in hosts):
        raise NullMX(f"{domain} takes no mail (null MX)")
    return sorted(hosts, key=lambda host: host.preference)


def _final(response: dns.message.Message, kind: dns.rdatatype.RdataType) -> list[dns.rdata.Rdata]:
    return [rdata for rrset in response.answer if rrset.rdtype == kind for rdata in rrset]


def _text(rdata: dns.rdata.Rdata) -> str:
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("utf-8", "backslashreplace")  # type: ignore[attr-defined]
    first, *rest = rdata.to_text().split(" ")
    return " ".join([first, *rest[:-1], _undotted(rest[-1])]) if rest else _undotted(first)


def _undotted(text: str) -> str:
    return text[:-1] if text.endswith(".") and text != "." else text


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text).canonicalize()
    except dns.exception.DNSException as error:
        raise LabError(f"{text!r} is no domain name: {error}") from error


def _type(text: str) -> dns.rdatatype.RdataType:
    try:
        return dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError) as error:
        raise LabError(f"there are no DNS records of type {text!r}: A, AAAA, MX, TXT …") from error
