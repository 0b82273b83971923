"""Columns of a table that were made in one piece; a list of Python objects is made when somebody looks.

Each gives itself as a list, to Arrow and to pandas.  Where many rows come at once, as from a
large capture, nothing else is ever made of most columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labkit.tables import arrays, dtypes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from labkit.tables.schema import Column


class Values(ABC):
    """A column."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def tolist(self) -> list[Any]:
        """The values, None where there is none."""

    @abstractmethod
    def arrow(self, column: Column) -> pa.Array: ...

    @abstractmethod
    def series(self, column: Column) -> pd.Series[Any]: ...


class Numbers(Values):
    """Numbers, times in µs, flags (as bool) or seconds (as float); `absent` says where there is none."""

    def __init__(self, data: NDArray[Any], absent: NDArray[np.bool_]) -> None:
        self.data, self.absent = data, absent

    def __len__(self) -> int:
        return len(self.data)

    def tolist(self) -> list[Any]:
        values: list[Any] = self.data.tolist()
        for index in self.absent.nonzero()[0].tolist():
            values[index] = None
        return values

    def arrow(self, column: Column) -> pa.Array:
        return arrays.numbers(dtypes.arrow_type(column), self.data, self.absent)

    def series(self, column: Column) -> pd.Series[Any]:
        import numpy as np
        import pandas as pd

        if column.kind == "time":
            micros = np.where(self.absent, np.iinfo(np.int64).min, self.data)
            return pd.Series(micros.view("datetime64[us]"), copy=False).dt.tz_localize("UTC")
        if column.kind == "seconds":
            return pd.Series(np.where(self.absent, np.nan, self.data))
        make = pd.arrays.BooleanArray if column.kind == "flag" else pd.arrays.IntegerArray
        return pd.Series(make(self.data, self.absent), copy=False)


class Choices(Values):
    """Values of a closed set, by their places in it; -1 where there is none."""

    def __init__(self, codes: NDArray[np.int8], choices: tuple[str, ...]) -> None:
        self.codes, self.choices = codes, choices

    def __len__(self) -> int:
        return len(self.codes)

    def tolist(self) -> list[Any]:
        named = (*self.choices, None)
        return [named[code] for code in self.codes.tolist()]

    def arrow(self, column: Column) -> pa.Array:
        return arrays.choices(self.codes, self.choices)

    def series(self, column: Column) -> pd.Series[Any]:
        import pandas as pd

        return pd.Series(pd.Categorical.from_codes(self.codes, dtype=dtypes.dtype(column)))


class Texts(Values):
    """Octets of text, None where there is none; UTF-8, what is not becomes backslash escapes."""

    def __init__(self, octets: list[bytes | None]) -> None:
        self.octets = octets

    def __len__(self) -> int:
        return len(self.octets)

    def tolist(self) -> list[Any]:
        return arrays.decoded(self.octets)

    def arrow(self, column: Column) -> pa.Array:
        return arrays.texts(self.octets)

    def series(self, column: Column) -> pd.Series[Any]:
        return dtypes.text_series(self.arrow(column))


class Words(Values):
    """Text in which little differs, as octets or not, by places in a vocabulary; -1 where there is none."""

    def __init__(self, codes: NDArray[np.int32], vocabulary: Sequence[bytes | str]) -> None:
        self.codes, self.vocabulary = codes, vocabulary

    def __len__(self) -> int:
        return len(self.codes)

    def tolist(self) -> list[Any]:
        words = [*arrays.decoded(self.vocabulary), None]
        return [words[code] for code in self.codes.tolist()]

    def arrow(self, column: Column) -> pa.Array:
        return arrays.words(self.codes, self.vocabulary)

    def series(self, column: Column) -> pd.Series[Any]:
        return dtypes.text_series(self.arrow(column))


class Same(Values):
    """One text in every row."""

    def __init__(self, value: str, count: int) -> None:
        self.value, self.count = value, count

    def __len__(self) -> int:
        return self.count

    def tolist(self) -> list[Any]:
        return [self.value] * self.count

    def arrow(self, column: Column) -> pa.Array:
        return arrays.same(self.value, self.count)

    def series(self, column: Column) -> pd.Series[Any]:
        return dtypes.text_series(self.arrow(column))


class Stored(Values):
    """What `arrow` gave once."""

    def __init__(self, data: pa.ChunkedArray) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def tolist(self) -> list[Any]:
        import pyarrow as pa

        is_time = pa.types.is_timestamp(self.data.type)
        values: list[Any] = (self.data.cast(pa.int64()) if is_time else self.data).to_pylist()
        return values

    def arrow(self, column: Column) -> pa.Array:
        return self.data.unify_dictionaries().combine_chunks()

    def series(self, column: Column) -> pd.Series[Any]:
        import pyarrow.compute as pc

        data = self.arrow(column)
        if column.kind == "text":
            return dtypes.text_series(data)
        if column.kind == "choice":
            return Choices(pc.fill_null(data.indices, -1).to_numpy(), column.choices).series(column)
        absent = pc.is_null(data).to_numpy(zero_copy_only=False)
        if column.kind == "octets":
            return dtypes.series(column, data.to_pylist())
        if column.kind == "time":
            data = data.cast("int64")
        nothing = False if column.kind == "flag" else 0
        return Numbers(pc.fill_null(data, nothing).to_numpy(zero_copy_only=False), absent).series(column)
