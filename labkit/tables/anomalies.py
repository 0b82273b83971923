"""What is suspicious in mail traffic, as queries over the tables.

Each gives rows of one form: `capture`, `connection`, `exchange` and `time` of what was seen, `anomaly` (the
query's name), `detail`, and the section (`rfc`) that says why it matters.  None of them proves an
attack: a bare LF may be a careless program, a refused recipient a typing mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from labkit.tables.analysis import CONNECTION, finished, need

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = [*CONNECTION, "exchange", "time", "anomaly", "detail", "rfc"]
READABLE = ("PLAIN", "LOGIN", "USER", "OAUTHBEARER", "XOAUTH2")
"""Mechanisms that give the password, or what is as good, to whoever listens."""
LINE_ENDS = ("bare-lf", "bare-cr", "bare-dot")
MANY = 20
"""Recipients of one connection from which on they are many."""
_DENIED = r"relay|5\.7\.1"
_POLICY = "5.7.1"  # RFC 3463 3.8: delivery not authorized
_BEGINS = ("STARTTLS", "STLS", "TLS")


def bare_lines(flaws: pd.DataFrame, exchanges: pd.DataFrame) -> pd.DataFrame:
    """Lines that end otherwise than with CRLF, in what clients sent (RFC 5321 2.3.8, 4.1.1.4).

    Two servers that disagree about where a line ends can be told two different things: SMTP smuggling.
    """
    need(flaws, "bare line ends", "flaws", "flaw", "sender", "meaning")
    found = flaws[flaws["flaw"].isin(LINE_ENDS) & (flaws["sender"] == "client")]
    keys = [*CONNECTION, "exchange"]
    found = found.merge(exchanges[[*keys, "time"]], on=keys, how="left")
    return _told(found.assign(detail=found["flaw"] + ": " + found["meaning"]), "bare-lf", "RFC 5321 2.3.8")


def plaintext_passwords(logins: pd.DataFrame) -> pd.DataFrame:
    """Logins that gave the password to every listener: readable, and without TLS (RFC 8314 3, RFC 4954 4)."""
    need(logins, "plaintext passwords", "logins", "mechanism", "encrypted")
    found = logins[logins["mechanism"].str.upper().isin(READABLE) & ~logins["encrypted"].fillna(False)]
    who = found["user"].fillna("somebody") + " by " + found["mechanism"].fillna("?")
    return _told(found.assign(detail=who), "plaintext-password", "RFC 8314 3")


def relay_tests(
    recipients: pd.DataFrame, exchanges: pd.DataFrame, local: Collection[str] = ()
) -> pd.DataFrame:
    """Attempts to have mail for elsewhere taken without a login (RFC 5321 7.9, RFC 2505 2.1).

    Those that were refused as relaying, by code 5.7.1 or by words; and, where `local` names
    the domains that the servers keep mail for, those that were accepted: an open relay.
    """
    need(recipients, "relay tests", "recipients", "address", "outcome", "text", "enhanced")
    logged_in = exchanges[exchanges["verb"].isin(["AUTH", "(response)"]) & (exchanges["code"] == 235)]
    strangers = ~_in(recipients, logged_in)
    denied = recipients["text"].str.contains(_DENIED, case=False, na=False) | (
        recipients["enhanced"] == _POLICY
    )
    refused = (recipients["outcome"] == "permanent") & denied
    domain = recipients["address"].str.extract(r"([^@]*)$", expand=False).str.lower()
    taken = (recipients["outcome"] == "ok") & ~domain.isin([name.lower() for name in local])
    found = recipients[strangers & (refused | (taken & bool(local)))]
    verdicts = ["accepted" if outcome == "ok" else "refused" for outcome in found["outcome"]]
    detail = [f"{of}: {said}" for of, said in zip(found["address"].fillna("?"), verdicts, strict=True)]
    return _told(found.assign(detail=detail), "relay-test", "RFC 5321 7.9")


def mass_rcpt(recipients: pd.DataFrame, at_least: int = MANY) -> pd.DataFrame:
    """Connections with many recipients: a mailing, or somebody who tries which addresses there are.

    The latter shows in how many are refused (RFC 5321 7.3).
    """
    need(recipients, "mass RCPT", "recipients", "address", "outcome")
    refused = recipients["outcome"].isin(["permanent", "temporary"])
    grouped = recipients.assign(refused=refused).groupby(CONNECTION, as_index=False)
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

    The row is that of the offer; `detail` says what was sent in clear behind it.
    """
    need(exchanges, "STARTTLS unused", "exchanges", "verb", "text", "encrypted")
    offered = exchanges[exchanges["text"].str.contains(r"\bSTARTTLS\b", case=False, na=False)]
    offered = offered[
        ~offered["encrypted"].fillna(False) & (offered["verb"].isna() | offered["verb"].isin(["EHLO"]))
    ]
    found = offered[~_in(offered, exchanges[exchanges["verb"].isin(_BEGINS)])].drop_duplicates(CONNECTION)
    verbs = exchanges[exchanges["verb"].notna() & ~exchanges["verb"].isin(["EHLO", "QUIT", "LOGOUT", "."])]
    said = verbs.groupby(CONNECTION)["verb"].agg(lambda each: ", ".join(each.unique())).rename("detail")
    found = found.merge(said.reset_index(), on=CONNECTION, how="left")
    return _told(found.assign(detail=found["detail"].fillna("nothing")), "starttls-unused", "RFC 3207 4")


def anomalies(capture: Any, *, local: Collection[str] = (), at_least: int = MANY) -> pd.DataFrame:
    """All of these for a capture (or `Captures`, or a world's), in order of time.

    `local` are the domains that the servers keep mail for, which shows open relays.
    """
    import pandas as pd

    exchanges, logins, recipients = capture.exchanges, capture.logins, capture.recipients
    queries: list[Callable[[], pd.DataFrame]] = [
        lambda: bare_lines(capture.flaws, exchanges),
        lambda: plaintext_passwords(logins),
        lambda: relay_tests(recipients, exchanges, local),
        lambda: mass_rcpt(recipients, at_least),
        lambda: starttls_unused(exchanges),
    ]
    found = pd.concat([query() for query in queries], ignore_index=True)
    return finished(found.sort_values(["time", *CONNECTION, "exchange"], kind="stable"))


def _told(found: pd.DataFrame, anomaly: str, rfc: str) -> pd.DataFrame:
    """Rows in the common form."""
    from labkit.tables.dtypes import text_dtype

    named = dict.fromkeys(("anomaly", "detail", "rfc"), text_dtype())
    told = found.assign(anomaly=anomaly, rfc=rfc)[COLUMNS].astype(named)
    return finished(told.astype({"connection": "Int64", "exchange": "Int64"}))


def _in(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series[bool]:
    """Which rows are on a connection of the others."""
    known = set(zip(others["capture"], others["connection"], strict=True))
    import pandas as pd

    pairs = zip(rows["capture"], rows["connection"], strict=True)
    return pd.Series([pair in known for pair in pairs], index=rows.index, dtype="bool")
