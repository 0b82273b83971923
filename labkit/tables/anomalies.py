"""What is suspicious in mail traffic, as queries over the tables.

Each gives rows of one form: `capture`, `connection`, `exchange` and `time` of what was seen, `anomaly` (the
query's name), `detail`, and the section (`rfc`) that says why it matters.  None of them proves an
attack: a bare LF may be a careless program, a refused recipient a typing mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.tables.analysis import CONNECTION, asked, finished

if TYPE_CHECKING:
    import pandas as pd

KEYS = [*CONNECTION, "exchange"]
COLUMNS = [*KEYS, "time", "anomaly", "detail", "rfc"]
READABLE = ("PLAIN", "LOGIN", "USER", "OAUTHBEARER", "XOAUTH2")
"""Mechanisms that give the password, or what is as good, to whoever listens."""
_PROMPTED = ("PLAIN", "LOGIN")  # whose user and password may come after a challenge, user first
LINE_ENDS = ("bare-lf", "bare-cr", "bare-dot")
MANY = 20
"""Recipients of one connection from which on they are many."""
_ADDRESS = r"<[^>]*>"  # relay.example.org, say
_POLICY = "5.7.1"  # RFC 3463 3.8: delivery not authorized
_BEGINS = ("STARTTLS", "STLS", "TLS")


def bare_lines(flaws: pd.DataFrame, exchanges: pd.DataFrame) -> pd.DataFrame:
    """Lines that end otherwise than with CRLF, in what clients sent (RFC 5321 2.3.8, 4.1.1.4).

    Two servers that disagree about where a line ends can be told two different things: SMTP smuggling.
    """
    rows = asked(flaws, "bare line ends", "flaws", *KEYS, "sender", "flaw", "meaning")
    found = rows[rows["flaw"].isin(LINE_ENDS) & (rows["sender"] == "client")]
    times = asked(exchanges, "when lines were sent", "exchanges", *KEYS, "time")
    found = found.merge(times, on=KEYS, how="left")
    return _told(found.assign(detail=found["flaw"] + ": " + found["meaning"]), "bare-lf", "RFC 5321 2.3.8")


def plaintext_passwords(logins: pd.DataFrame) -> pd.DataFrame:
    """Logins that gave the password to every listener: readable, and without TLS (RFC 8314 3, RFC 4954 4).

    Where the server refused AUTH before anything was said, there was nothing to hear.
    """
    of = ("time", "user", "mechanism", "outcome", "encrypted")
    rows = asked(logins, "plaintext passwords", "logins", *KEYS, *of)
    silent = rows["user"].isna() & rows["mechanism"].isin(_PROMPTED) & (rows["outcome"] != "ok")
    found = rows[rows["mechanism"].isin(READABLE) & ~rows["encrypted"].fillna(False) & ~silent]
    who = found["user"].fillna("somebody") + " by " + found["mechanism"].fillna("?")
    return _told(found.assign(detail=who), "plaintext-password", "RFC 8314 3")


def relay_tests(
    recipients: pd.DataFrame, exchanges: pd.DataFrame, local: Collection[str] = ()
) -> pd.DataFrame:
    """Attempts to have mail for elsewhere taken without a login (RFC 5321 7.9, RFC 2505 2.1).

    Those that were refused as relaying, for good by code 5.7.1 or by words, for now by words (Postfix
    says 454 unless told otherwise); and, where `local` names the domain or the domains that the servers
    keep mail for, those that were accepted: an open relay.
    """
    rows = asked(
        recipients, "relay tests", "recipients", *KEYS, "time", "address", "outcome", "text", "enhanced"
    )
    said = asked(exchanges, "who has logged in", "exchanges", *CONNECTION, "verb", "code")
    strangers = ~_in(rows, said[said["verb"].isin(["AUTH", "(response)"]) & (said["code"] == 235)])
    why = rows["text"].str.replace(_ADDRESS, "", regex=True)
    by_policy = (rows["enhanced"] == _POLICY) | why.str.contains(_POLICY, regex=False, na=False)
    in_words = rows["outcome"].isin(["permanent", "temporary"]) & why.str.contains(
        "relay", case=False, na=False
    )
    refused = in_words | (by_policy & (rows["outcome"] == "permanent"))
    ours = [name.lower() for name in ([local] if isinstance(local, str) else local)]
    domain = rows["address"].str.extract(r"@([^@]*)$", expand=False).str.lower()  # NA: <postmaster>
    taken = (rows["outcome"] == "ok") & domain.notna() & ~domain.isin(ours)
    found = rows[strangers & (refused | (taken & bool(ours)))]
    verdicts = ["accepted" if outcome == "ok" else "refused" for outcome in found["outcome"]]
    detail = [f"{of}: {said}" for of, said in zip(found["address"].fillna("?"), verdicts, strict=True)]
    return _told(found.assign(detail=detail), "relay-test", "RFC 5321 7.9")


def mass_rcpt(recipients: pd.DataFrame, at_least: int = MANY) -> pd.DataFrame:
    """Connections with many recipients: a mailing, or somebody who tries which addresses there are.

    The latter shows in how many are refused (RFC 5321 7.3).
    """
    rows = asked(recipients, "mass RCPT", "recipients", *KEYS, "time", "address", "outcome")
    refused = rows["outcome"].isin(["permanent", "temporary"])
    grouped = rows.assign(refused=refused).groupby(CONNECTION, as_index=False)
    found = grouped.agg(
        exchange=("exchange", "min"),
        time=("time", "min"),
        rcpt=("address", "size"),
        refused=("refused", "sum"),
    )
    found = found[found["rcpt"] >= at_least]
    said = found["rcpt"].astype("str") + " recipients, " + found["refused"].astype("str") + " refused"
    return _told(found.assign(detail=said), "mass-rcpt", "RFC 5321 7.3")


def starttls_unused(exchanges: pd.DataFrame) -> pd.DataFrame:
    """Connections on which the server offered STARTTLS and the client went on in clear (RFC 3207 4).

    An offer is seen in the reply to EHLO and in the greeting of IMAP (RFC 9051 6.2.1); what CAPA and
    CAPABILITY list is not in this table.  A STARTTLS that was refused did not use it.  The row is that of
    the offer; `detail` says what was sent in clear behind it.
    """
    of = ("time", "protocol", "verb", "outcome", "response_code", "text", "encrypted")
    rows = asked(exchanges, "STARTTLS unused", "exchanges", *KEYS, *of).sort_values(KEYS)
    listed = rows["text"].where(rows["protocol"] != "imap", rows["response_code"])
    offered = rows[listed.str.contains(r"\bSTARTTLS\b", case=False, na=False)]
    offered = offered[
        ~offered["encrypted"].fillna(False) & (offered["verb"].isna() | offered["verb"].isin(["EHLO"]))
    ]
    began = rows[rows["verb"].isin(_BEGINS) & (rows["outcome"] == "ok")]
    found = offered[~_in(offered, began)].drop_duplicates(CONNECTION)
    verbs = rows[rows["verb"].notna() & ~rows["verb"].isin(["EHLO", "QUIT", "LOGOUT", "."])]
    said = verbs.groupby(CONNECTION)["verb"].agg(lambda each: ", ".join(each.unique())).rename("detail")
    found = found.merge(said.reset_index(), on=CONNECTION, how="left")
    rfc = found["protocol"].map({"imap": "RFC 9051 6.2.1"}).astype("object").fillna("RFC 3207 4")
    return _told(found.assign(detail=found["detail"].fillna("nothing")), "starttls-unused", rfc)


def anomalies(capture: Any, *, local: Collection[str] = (), at_least: int = MANY) -> pd.DataFrame:
    """All of these for a capture (or `Captures`, or a world's), in order of time.

    `local` are the domains that the servers keep mail for, which shows open relays.
    """
    import pandas as pd

    capture = getattr(capture, "capture", capture)
    if not hasattr(capture, "logins"):
        raise LabError(f"anomalies are looked for in a capture or a world, not in {type(capture).__name__}")
    exchanges, logins, recipients = capture.exchanges, capture.logins, capture.recipients
    queries: list[Callable[[], pd.DataFrame]] = [
        lambda: bare_lines(capture.flaws, exchanges),
        lambda: plaintext_passwords(logins),
        lambda: relay_tests(recipients, exchanges, local),
        lambda: mass_rcpt(recipients, at_least),
        lambda: starttls_unused(exchanges),
    ]
    found = pd.concat([query() for query in queries], ignore_index=True)
    return finished(found.sort_values(["time", *KEYS], kind="stable"))


def _told(found: pd.DataFrame, anomaly: str, rfc: str | pd.Series[Any]) -> pd.DataFrame:
    """Rows in the common form."""
    from labkit.tables.dtypes import text_dtype

    named = dict.fromkeys(("anomaly", "detail", "rfc"), text_dtype())
    told = found.assign(anomaly=anomaly, rfc=rfc)[COLUMNS].astype(named)
    told = told.astype({"connection": "Int64", "exchange": "Int64"})
    return finished(told.sort_values(["time", *KEYS], kind="stable"))


def _in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series[bool]:
    """Which rows are on a connection of the others."""
    known = set(zip(others["capture"], others["connection"], strict=True))
    import pandas as pd

    pairs = zip(rows["capture"], rows["connection"], strict=True)
    return pd.Series([pair in known for pair in pairs], index=rows.index, dtype="bool")
