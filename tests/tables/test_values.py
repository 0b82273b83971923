"""Columns made in one piece: the same values as a list, for Arrow and for pandas."""

import numpy as np
import pyarrow as pa
import pytest

from labkit.tables.schema import Column
from labkit.tables.values import Texts, Words

TEXT = Column("verb", "text", "a word")
WANTED = ["USER", None, "caf\\xe9", "USER", ""]
SAME = {
    "octets of each": Texts([b"USER", None, b"caf\xe9", b"USER", b""]),
    "words by place": Words(np.array([2, -1, 0, 2, 1], np.int32), [b"caf\xe9", b"", b"USER"]),
    "strings by place": Words(np.array([0, -1, 2, 0, 1], np.int32), ["USER", "", "caf\\xe9"]),
}


@pytest.mark.parametrize("values", SAME.values(), ids=SAME)
def test_text_is_the_same_everywhere(values):
    assert len(values) == 5
    assert values.tolist() == WANTED
    found = values.arrow(TEXT)
    found.validate(full=True)
    assert found.type == pa.string()
    assert found.to_pylist() == WANTED
    series = values.series(TEXT)
    assert series.dtype == "str"
    assert [None if text is np.nan else text for text in series] == WANTED


def test_words_of_which_there_are_none():
    assert Words(np.full(3, -1, np.int32), []).arrow(TEXT).to_pylist() == [None] * 3
    assert Words(np.zeros(0, np.int32), []).tolist() == []
