"""`frame.mail`: the questions of analysis.py and anomalies.py, asked of a table in pandas' own way.

    capture.exchanges.mail.round_trips()
    capture.messages.mail.trace("<1@example.com>")
    pandas.read_parquet("exchanges.parquet").mail.timeline("1min")

It is there on every DataFrame from when labkit has made its first (or `register` was called).
A question that a table cannot answer raises LabError and names what is missing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from labkit.tables import analysis, anomalies

if TYPE_CHECKING:
    import pandas as pd


class Mail:
    """The questions, each with the table to which it is put."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def think_times(self) -> pd.DataFrame:
        """Of `exchanges`: how long clients took from having their answer to the next command."""
        return analysis.think_times(self._frame)

    def round_trips(self) -> pd.DataFrame:
        """Of `exchanges`: what waiting cost, one row per connection."""
        return analysis.round_trips(self._frame)

    def timeline(self, every: str = "1s") -> pd.DataFrame:
        """Of `exchanges`: how busy it was, per stretch of time and protocol."""
        return analysis.timeline(self._frame, every)

    def starttls_unused(self) -> pd.DataFrame:
        """Of `exchanges`: where STARTTLS was offered and not used."""
        return anomalies.starttls_unused(self._frame)

    def matrix(self, values: analysis.Measure = "connections") -> pd.DataFrame:
        """Of `connections`: who talked with whom, and how much."""
        return analysis.matrix(self._frame, values)

    def software(self) -> pd.DataFrame:
        """Of `connections`: what the servers say they are."""
        return analysis.software(self._frame)

    def authentication(self) -> pd.DataFrame:
        """Of `logins`: who logged in, how, and how often."""
        return analysis.authentication(self._frame)

    def plaintext_passwords(self) -> pd.DataFrame:
        """Of `logins`: those that every listener could read."""
        return anomalies.plaintext_passwords(self._frame)

    def mass_rcpt(self, at_least: int = anomalies.MANY) -> pd.DataFrame:
        """Of `recipients`: connections with many of them."""
        return anomalies.mass_rcpt(self._frame, at_least)

    def trace(self, of: str | None = None) -> pd.DataFrame:
        """Of `messages`: the journey of one, by its Message-ID or a hash, or of all."""
        return analysis.trace(self._frame, of)


@cache
def register() -> None:
    """Give every DataFrame its `mail`."""
    import pandas as pd

    pd.api.extensions.register_dataframe_accessor("mail")(Mail)
