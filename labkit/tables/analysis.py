"""What analysts ask of the tables: thin layers over pandas, each giving a DataFrame.

Every function takes the tables of a capture, or of many (`pandas.concat`, `Captures`): what is counted
per connection is counted per (`capture`, `connection`).  They may have been filtered, sorted or indexed,
or have come through CSV or another library (see `asked`).  Nothing is changed in what is given.
They are the methods of `frame.mail` as well (accessor.py); what is suspicious is in anomalies.py.

Times are seen where the capture was taken.  Far from the client, a think time holds a round trip
to it; far from the server, a latency does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from labkit.errors import LabError
from labkit.tables.schema import TABLES, Column, columns_of

if TYPE_CHECKING:
    import pandas as pd

CONNECTION = ["capture", "connection"]
Measure = Literal["connections", "exchanges", "round_trips", "octets"]


def asked(frame: pd.DataFrame, what: str, table: str, *columns: str) -> pd.DataFrame:
    """These columns of a table, with the dtypes that they have in it; times may be in another zone.

    What became the index is a column again; flags that became objects, say, would turn a question into
    its opposite.  Raises LabError for a column that is missing, or that holds something else.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise LabError(f"{what} is asked of the table {table}, not of {type(frame).__name__}")
    rows = frame.reset_index([name for name in frame.index.names if name in columns and name not in frame])
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise LabError(f"{what} is asked of the table {table}: this one has no column {missing[0]!r}")
    kinds = {column.name: column for column in columns_of(TABLES[table])}
    found = {}
    for name in columns:
        try:
            found[name] = _restored(rows[name], kinds[name])
        except (ValueError, TypeError) as error:
            holds = f"column {name!r} of this one holds no {kinds[name].kind.removesuffix('s')}s"
            raise LabError(f"{what} is asked of the table {table}: {holds}") from error
    return pd.DataFrame(found).reset_index(drop=True)


def _restored(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    """A column with its dtype."""
    import pandas as pd

    from labkit.tables.dtypes import dtype

    if column.kind == "choice" and not (values.isna() | values.isin(column.choices)).all():
        return values  # a choice of the analyst's own
    if column.kind != "time":
        return values if values.dtype == dtype(column) else values.astype(dtype(column))
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values
    return pd.to_datetime(values, format="ISO8601", utc=True).astype(dtype(column))


def finished(frame: pd.DataFrame) -> pd.DataFrame:
    """A result as the lab shows its tables, its rows numbered anew."""
    from labkit.tables.frame import mail_frame

    return mail_frame(frame.reset_index(drop=True))


_THINKING = (
    *(*CONNECTION, "exchange", "protocol", "time", "replied_at"),
    *("latency_s", "verb", "pipelined"),
)


def think_times(exchanges: pd.DataFrame) -> pd.DataFrame:
    """How long clients took from having their answer to the next command.

    One row per command that was not pipelined: `capture`, `connection`, `exchange`, `time`, `verb`;
    `think_s`, seconds since the last reply before it had come (0 if it has not; NA when there was none);
    `latency_s`, seconds until its own reply.  Servers have to be patient for
    minutes (RFC 5321 4.5.3.2, RFC 1939 3, RFC 9051 5.4).
    """
    rows = _in_order(asked(exchanges, "think time", "exchanges", *_THINKING))
    keys = [rows[name] for name in CONNECTION]
    latest = rows.groupby(keys)["replied_at"].cummax()
    answered = latest.groupby(keys).ffill().groupby(keys).shift()
    rows = rows.assign(think_s=(rows["time"] - answered).dt.total_seconds().clip(lower=0))
    commands = rows[rows["verb"].notna() & ~rows["pipelined"].fillna(False)]
    return finished(commands[[*CONNECTION, "exchange", "time", "verb", "think_s", "latency_s"]])


def round_trips(exchanges: pd.DataFrame) -> pd.DataFrame:
    """What waiting cost: one row per connection.

    `capture`, `connection`, `protocol`; `exchanges`, all rows of it; `round_trips`, how often the client
    waited for a reply before it sent more (a pipelined command costs none, RFC 2920 1);
    `latency_s`, the median of its replies, and `slowest_s`, the longest; `waiting_s`, in how many seconds
    some command was without its reply; `thinking_s`, for how many the client had its replies and
    sent nothing; `span_s`, from the first octet to the last.
    """
    import pandas as pd

    rows = _in_order(asked(exchanges, "round trips", "exchanges", *_THINKING, "sent_at"))
    grouped = rows.groupby(CONNECTION)
    commands = rows[rows["verb"].notna()]
    followed = commands.groupby(CONNECTION)["pipelined"].shift(-1).fillna(False)
    commands = commands[commands["replied_at"].notna() & ~followed.astype("bool")]
    last = grouped[["time", "sent_at", "replied_at"]].max().max(axis=1)
    found = pd.DataFrame(
        {
            "protocol": grouped["protocol"].first(),
            "exchanges": grouped["exchange"].size(),
            "round_trips": commands.groupby(CONNECTION)["exchange"].size(),
            "latency_s": grouped["latency_s"].median(),
            "slowest_s": grouped["latency_s"].max(),
            "waiting_s": _covered(rows),
            "thinking_s": think_times(rows).groupby(CONNECTION)["think_s"].sum(),
            "span_s": (last - grouped["time"].min()).dt.total_seconds(),
        }
    )
    found = found.fillna({"round_trips": 0, "waiting_s": 0.0, "thinking_s": 0.0}).astype(
        {"round_trips": "Int64"}
    )
    return finished(found.reset_index().astype({"exchanges": "Int64"}))


def _in_order(exchanges: pd.DataFrame) -> pd.DataFrame:
    """The rows of TCP connections, as the commands were sent."""
    return exchanges[exchanges["protocol"] != "dns"].sort_values([*CONNECTION, "exchange"])


def _covered(rows: pd.DataFrame) -> pd.Series[float]:
    """Seconds in which at least one command of a connection was without its reply."""
    spans = rows.dropna(subset=["sent_at", "replied_at"]).sort_values([*CONNECTION, "sent_at"])
    keys = [spans[name] for name in CONNECTION]
    before = spans["replied_at"].groupby(keys).cummax().groupby(keys).shift()
    begin = spans["sent_at"].where(before.isna() | (spans["sent_at"] > before), before)
    seconds = (spans["replied_at"] - begin).dt.total_seconds().clip(lower=0)
    return seconds.groupby(keys).sum()


def timeline(exchanges: pd.DataFrame, every: str = "1s") -> pd.DataFrame:
    """How busy it was: one row per stretch of time and protocol in which something was said.

    `time`, when the stretch began (`every` is pandas' notation: "100ms", "1min"); `protocol`;
    `exchanges` that began in it, `refused` of them (outcome temporary or permanent),
    and `octets` of their commands and replies.  Raises LabError if `every` is no length of time.
    """
    of = ("exchange", "protocol", "time", "outcome", "octets_sent", "octets_received")
    rows = asked(exchanges, "a time line", "exchanges", *of)
    rows = rows.assign(
        time=rows["time"].dt.floor(length(every)),
        refused=rows["outcome"].isin(["temporary", "permanent"]),
        octets=rows["octets_sent"].fillna(0) + rows["octets_received"].fillna(0),
    )
    grouped = rows.groupby(["time", "protocol"], observed=True)
    found = grouped.agg(exchanges=("exchange", "size"), refused=("refused", "sum"), octets=("octets", "sum"))
    return finished(found.reset_index().astype({"exchanges": "Int64", "refused": "Int64"}))


def length(every: str) -> pd.Timedelta:
    """A length of time in pandas' notation; raises LabError if it is none ("soon", "0s", a month)."""
    import pandas as pd
    from pandas.tseries.frequencies import to_offset

    try:
        offset: Any = to_offset(every)  # which knows "min" as well as "1min"
        found = pd.Timedelta(offset)
    except (ValueError, TypeError):
        found = pd.Timedelta(0)
    if not found > pd.Timedelta(0):
        raise LabError(f"{every!r} is no length of time; pandas writes 100ms, 1s, 10min, 1h")
    return found


def matrix(connections: pd.DataFrame, values: Measure = "connections") -> pd.DataFrame:
    """Who talked with whom: a row for each client, a column for each server, 0 where they did not.

    Hosts bear their names where they are known, else their addresses.  `values`: connections,
    exchanges, round_trips, or octets of both directions.
    """
    measures: dict[str, tuple[str, ...]] = {
        "connections": (),
        "exchanges": ("exchanges",),
        "round_trips": ("round_trips",),
        "octets": ("octets_sent", "octets_received"),
    }
    if values not in measures:
        raise LabError(f"a matrix counts {', '.join(measures)}, not {values!r}")
    summed = list(measures[values])
    of = ("client", "client_name", "server", "server_name", *summed)
    rows = asked(connections, "a conversation matrix", "connections", *of)
    rows = rows.assign(
        client=rows["client_name"].fillna(rows["client"]),
        server=rows["server_name"].fillna(rows["server"]),
        counted=rows[summed].sum(axis=1) if summed else 1,
    )
    found = rows.pivot_table(index="client", columns="server", values="counted", aggfunc="sum", fill_value=0)
    found.columns.name = None
    from labkit.tables.frame import mail_frame

    return mail_frame(found.astype("Int64"))


def software(connections: pd.DataFrame) -> pd.DataFrame:
    """What the servers say they are: one row per server, port and greeting (RFC 5321 4.3.1, RFC 1939 4).

    `server` (name, else address), `server_port`, `protocol`, `software` where the greeting names one that is
    known, `greeting`; `connections` to it, and on how many TLS began (`with_tls`); `first_seen`, `last_seen`.
    A greeting may say what it likes; times and the Message-ID of an APOP greeting are left out of it.
    """
    of = ("connection", "server", "server_name", "server_port", "protocol", "software", "greeting")
    rows = asked(connections, "software", "connections", *of, "tls", "start")
    rows = rows.assign(
        server=rows["server_name"].fillna(rows["server"]),
        greeting=rows["greeting"].str.replace(r"\s*<[^<>@\s]+@[^<>\s]+>", "", regex=True),
        with_tls=rows["tls"] != "none",
    )
    grouped = rows.groupby(
        ["server", "server_port", "protocol", "software", "greeting"], dropna=False, observed=True
    )
    found = grouped.agg(
        connections=("connection", "size"),
        with_tls=("with_tls", "sum"),
        first_seen=("start", "min"),
        last_seen=("start", "max"),
    )
    return finished(found.reset_index().astype({"connections": "Int64", "with_tls": "Int64"}))


def authentication(logins: pd.DataFrame) -> pd.DataFrame:
    """Who logged in, how, and how often: one row per user, mechanism and kind of connection.

    `user` (NA where it cannot be read), `mechanism`, `encrypted` (under TLS); `attempts`, `succeeded`,
    `refused` (what is neither was never answered); `first_seen`, `last_seen`.  Mechanisms: RFC 4954 4,
    RFC 5034 4, RFC 9051 6.2; USER and APOP: RFC 1939 7.
    """
    of = ("exchange", "time", "user", "mechanism", "outcome", "encrypted")
    rows = asked(logins, "an authentication summary", "logins", *of)
    rows = rows.assign(
        succeeded=rows["outcome"] == "ok",
        refused=rows["outcome"].isin(["temporary", "permanent", "closed"]),
    )
    grouped = rows.groupby(["user", "mechanism", "encrypted"], dropna=False, observed=True)
    found = grouped.agg(
        attempts=("exchange", "size"),
        succeeded=("succeeded", "sum"),
        refused=("refused", "sum"),
        first_seen=("time", "min"),
        last_seen=("time", "max"),
    )
    counted = dict.fromkeys(("attempts", "succeeded", "refused"), "Int64")
    return finished(found.reset_index().astype(counted))


def trace(messages: pd.DataFrame, of: str | None = None) -> pd.DataFrame:
    """The journey of messages across connections and captures: one row per crossing, in order of time.

    `of` is a Message-ID (with or without its angle brackets), or a `trace_id`, `sha256` or
    `body_sha256` of the table; without it, every message.  Two rows are of one message if they have
    the same `trace_id` (equal but for what is added on the way) or the same Message-ID (RFC 5322 3.6.4:
    unique, if its maker obeys).

    `journey` numbers the messages, `hop` the crossings of each, from 0; `capture`, `connection`, `exchange`,
    `time`, `step`, `direction`, `outcome`; `since_s`, seconds since the crossing before; `octets`, and how
    many more than there (`added`); `same_body`, whether what stands behind the header is as it was at
    first; `message_id`, `subject`.
    """
    keys = [*CONNECTION, "exchange", "message"]
    of_each = ("time", "step", "direction", "outcome", "octets", "message_id", "subject")
    rows = asked(messages, "a trace", "messages", *keys, *of_each, "trace_id", "sha256", "body_sha256")
    rows = rows.sort_values(["time", *keys], ignore_index=True)
    rows = rows.assign(journey=_alike(rows))
    if of is not None:
        names = {of, f"<{of.strip('<>')}>", of.strip("<>")}
        named = rows[["message_id", "trace_id", "sha256", "body_sha256"]].isin(names).any(axis=1)
        rows = rows[rows["journey"].isin(rows.loc[named, "journey"])]
    rows = rows.assign(journey=rows["journey"].factorize()[0]).sort_values("journey", kind="stable")
    grouped = rows.groupby("journey")
    rows = rows.assign(
        hop=grouped.cumcount(),
        since_s=grouped["time"].diff().dt.total_seconds(),
        added=grouped["octets"].diff(),
        same_body=(rows["body_sha256"] == grouped["body_sha256"].transform("first")).astype("boolean"),
    ).astype({"journey": "Int64", "hop": "Int64"})
    shown = ["journey", "hop", *CONNECTION, "exchange", "time", "step", "direction", "outcome", "since_s"]
    return finished(rows[[*shown, "octets", "added", "same_body", "message_id", "subject"]])


def _alike(messages: pd.DataFrame) -> pd.Series[int]:
    """A number for each row, equal where rows share a trace_id or a Message-ID, through others as well."""
    import pandas as pd

    number = pd.Series(range(len(messages)), index=messages.index, dtype="int64")
    while True:
        before = number
        for name in ("trace_id", "message_id"):
            smallest = number.groupby(messages[name]).transform("min")  # NA where there is no name
            number = smallest.fillna(number).astype("int64")
        if number.equals(before):
            return number
