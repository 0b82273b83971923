"""A DataFrame that prints itself as the lab's tables do.

pandas is imported when `MailFrame` is first asked for, not when this module is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from labkit.tables.show import Grid, grid, html, plain

if TYPE_CHECKING:
    import pandas as pd


def mail_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The same frame, but it prints itself as the lab's tables do."""
    shown: pd.DataFrame = _class()(frame)
    return shown


@cache
def _class() -> Any:
    import pandas as pd

    from labkit.tables import accessor

    class EveryFrame(type):
        """`pandas.testing.assert_frame_equal` compares types; only the printing differs."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, pd.DataFrame)

    class MailFrame(pd.DataFrame, metaclass=EveryFrame):
        __doc__ = "A DataFrame that prints itself as the lab's tables do."

        @property
        def _constructor(self) -> Any:
            return MailFrame

        def __repr__(self) -> str:
            found = grid_of_frame(self)
            return super().__repr__() if found is None else plain(found)

        def _repr_html_(self) -> str | None:
            found = grid_of_frame(self)
            if found is not None:
                return html(found)
            shown: str | None = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return shown

    MailFrame.__module__, MailFrame.__qualname__ = __name__, "MailFrame"
    accessor.register()
    return MailFrame


def __getattr__(name: str) -> Any:
    if name == "MailFrame":
        return _class()
    raise AttributeError(name)


def grid_of_frame(frame: pd.DataFrame) -> Grid | None:
    """What is shown of a frame; None where its columns or its index have several levels."""
    if frame.columns.nlevels > 1 or frame.index.nlevels > 1 or not frame.columns.is_unique:
        return None
    found = []
    if frame.index.name is not None or frame.index.dtype.kind not in "iu":
        found.append((str(frame.index.name or ""), *_column(frame.index.to_series())))
    found += [(str(name), *_column(frame[name])) for name in frame.columns]
    return grid(found)


def _column(values: pd.Series[Any]) -> tuple[str, list[Any]]:
    """Kind and plain values."""
    dtype, absent = values.dtype, values.isna()
    kind = getattr(dtype, "kind", "O")
    if kind == "M":
        anything: Any = values
        if anything.dt.tz is not None:
            anything = anything.dt.tz_localize(None)  # as the clock shows it in its zone
        named, shown = "time", anything.astype("datetime64[us]").astype("int64")
    elif kind == "m":
        named, shown = "text", values.astype("str").str.removeprefix("0 days ")
    elif kind == "f":
        named, shown = "seconds", values
    elif kind == "b":
        named, shown = "flag", values
    elif kind in "iu":
        named, shown = "number", values
    else:
        bytes_only = len(values) > 0 and all(isinstance(value, bytes) for value in values)
        named, shown = "octets" if bytes_only else "text", values
    return named, [
        None if gone else value for value, gone in zip(shown.tolist(), absent.tolist(), strict=True)
    ]
