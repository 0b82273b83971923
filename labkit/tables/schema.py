"""The tables by their names, and what their columns are in pandas and in Arrow.

A row's dataclass is the schema: names, order, kinds and meanings (see dissect/exchange.py, and rows.py).
The names and dtypes are a promise, the same for live captures and files and for zero rows;
`tests/tables/test_schema.py` pins them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labkit.dissect.exchange import Column, Exchange, columns_of

__all__ = ["TABLES", "Column", "columns_of"]


class _Tables(Mapping[str, type]):
    """The dataclass of each table's rows; all but the most common are made when one of them is asked for."""

    def __getitem__(self, name: str) -> type:
        return Exchange if name == "exchanges" else self._others[name]

    def __iter__(self) -> Iterator[str]:
        yield "exchanges"
        yield from self._others

    def __len__(self) -> int:
        return 1 + len(self._others)

    @property
    def _others(self) -> dict[str, type]:
        from labkit.tables.rows import ROWS

        return ROWS


TABLES = _Tables()
