"""From a column's kind to its dtype in pandas and its type in Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.tables import arrays
from labkit.tables.schema import Column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from labkit.tables.values import Values


def text_dtype() -> Any:
    """pandas' `str`: strings with NaN where they are absent."""
    import numpy as np
    import pandas as pd

    try:
        return pd.StringDtype(na_value=np.nan)
    except TypeError:  # pandas 2.2 has it under another name
        return pd.StringDtype("pyarrow_numpy")


def dtype(column: Column) -> Any:
    """The dtype of a column in a DataFrame."""
    import pandas as pd

    if column.kind == "text":
        return text_dtype()
    if column.kind == "choice":
        return pd.CategoricalDtype(pd.Index(column.choices, dtype=text_dtype()))
    if column.kind == "time":
        return pd.DatetimeTZDtype("us", "UTC")
    return {"number": "Int64", "seconds": "float64", "flag": "boolean", "octets": "object"}[column.kind]


def series(column: Column, values: list[Any] | Values) -> pd.Series[Any]:
    """A column of a DataFrame."""
    import numpy as np
    import pandas as pd

    if not isinstance(values, list):
        return values.series(column)
    if column.kind == "time":
        absent = np.iinfo(np.int64).min
        micros = np.array([absent if value is None else value for value in values], np.int64)
        return pd.Series(micros.view("datetime64[us]"), copy=False).dt.tz_localize("UTC")
    if column.kind == "seconds":
        return pd.Series(np.array([np.nan if value is None else value for value in values], np.float64))
    if column.kind == "choice":
        places = {choice: place for place, choice in enumerate(column.choices)}
        codes = [places.get(value, -1) for value in values]
        return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype(column)))
    if column.kind == "number":
        absent_at = np.array([value is None for value in values], bool)
        numbers = np.array([0 if value is None else value for value in values], np.int64)
        return pd.Series(pd.arrays.IntegerArray(numbers, absent_at))
    if column.kind == "text":
        return text_series(arrow_array(column, values))
    if column.kind == "flag":
        absent_at = np.array([value is None for value in values], bool)
        return pd.Series(pd.arrays.BooleanArray(np.array([bool(value) for value in values], bool), absent_at))
    return pd.Series(values, dtype=object)


def text_series(texts: pa.Array) -> pd.Series[Any]:
    """An Arrow column of text for a DataFrame."""
    import pandas as pd

    found: pd.Series[Any] = pd.Series(text_dtype().__from_arrow__(texts))
    return found


def arrow_type(column: Column) -> pa.DataType:
    """The type of a column in Arrow; of a choice, that of its values."""
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "choice": pa.string(),
        "number": pa.int64(),
        "seconds": pa.float64(),
        "time": pa.timestamp("us", "UTC"),
        "flag": pa.bool_(),
        "octets": pa.binary(),
    }
    return kinds[column.kind]


def arrow_array(column: Column, values: list[Any] | Values) -> pa.Array:
    """A column of an Arrow table."""
    import numpy as np

    if not isinstance(values, list):
        return values.arrow(column)
    if column.kind == "choice":
        places = {choice: place for place, choice in enumerate(column.choices)}
        codes = np.array([places.get(value, -1) for value in values], np.int8)
        return arrays.choices(codes, column.choices)
    if column.kind == "text":
        return arrays.texts(values)
    if column.kind == "octets":
        import pyarrow as pa

        return pa.array(values, pa.binary())
    kind = {"seconds": np.float64, "flag": np.bool_}.get(column.kind, np.int64)
    absent = np.array([value is None for value in values], np.bool_)
    data: NDArray[Any] = np.array([0 if value is None else value for value in values], kind)
    return arrays.numbers(arrow_type(column), data, absent)
