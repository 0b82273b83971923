"""Arrow arrays without pandas: what is in them, and that pandas stays where it is."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from labkit.tables import arrays

KINDS = {
    "int8": pa.int8(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us", "UTC"),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("absent", [[False] * 9, [True] * 9, [True, False, False] * 3])
def test_numbers_are_what_arrow_makes_of_them(kind, absent):
    data = np.arange(9) % 2 == 0 if pa.types.is_boolean(kind) else np.arange(9, dtype=np.int64)
    data = data.astype({"int8": np.int8, "double": np.float64}.get(str(kind), data.dtype))
    found = arrays.numbers(kind, data, np.array(absent))
    found.validate(full=True)
    assert found.equals(pa.array(data, mask=np.array(absent)).cast(kind))


def test_every_second_number_is_taken_from_where_it_stands():
    data = np.arange(10, dtype=np.int64)[::2]
    assert arrays.numbers(pa.int64(), data, np.zeros(5, bool)).to_pylist() == [0, 2, 4, 6, 8]


def test_narrow_numbers_are_widened():
    assert arrays.numbers(pa.int64(), np.array([1, 2], np.int32), np.zeros(2, bool)).to_pylist() == [1, 2]
    assert arrays.numbers(pa.float64(), np.array([1, 2]), np.zeros(2, bool)).to_pylist() == [1.0, 2.0]


def test_texts_of_octets_and_of_strings():
    found = arrays.texts(["ä", None, "ö".encode(), b""])
    found.validate(full=True)
    assert found.to_pylist() == ["ä", None, "ö", ""]


@pytest.mark.parametrize("count", [0, 3])
def test_texts_all_of_which_are_absent(count):
    found = arrays.texts([None] * count)
    assert found.type == pa.string()
    assert found.to_pylist() == [None] * count


def test_numbers_are_packed_as_numpy_would():
    numbers = [0, -1, 1 << 62, 7]
    assert arrays.packed(numbers).tolist() == numbers
    assert arrays.packed(range(3)).tolist() == [0, 1, 2]
    assert arrays.packed([]).dtype == np.int64


def test_octets_that_are_no_utf8_become_escapes_and_the_others_stay():
    assert arrays.texts([b"caf\xe9", None, "é".encode(), "é"]).to_pylist() == ["caf\\xe9", None, "é", "é"]


def test_choices_are_a_dictionary():
    found = arrays.choices(np.array([1, -1, 0], np.int8), ("pop3", "imap"))
    found.validate(full=True)
    assert found.to_pylist() == ["imap", None, "pop3"]
    assert found.type == pa.dictionary(pa.int8(), pa.string())


def test_one_text_many_times():
    assert arrays.same("x.pcap", 3).to_pylist() == ["x.pcap"] * 3
    assert len(arrays.same("x.pcap", 0)) == 0


def test_integers_of_slices_and_chunks():
    times = pa.array(range(10), pa.timestamp("us", "UTC"))
    assert arrays.integers(pa.chunked_array([times.slice(3, 2)])).tolist() == [3, 4]
    assert arrays.integers(pa.chunked_array([times.slice(3, 2), times.slice(8)])).tolist() == [3, 4, 8, 9]
    assert arrays.integers(pa.chunked_array([], pa.int64())).tolist() == []


def test_a_pass_over_a_capture_does_without_pandas():
    code = (
        "import sys; from labkit import datasets; from labkit.tables.passes import Pass\n"
        "tables = ['exchanges', 'connections', 'messages', 'flaws']\n"
        "with Pass(sys.argv[1], tables) as found:\n"
        "    print(*[sum(part.num_rows for part in found.rows(table)) > 0 for table in tables[:3]])\n"
        "print('pandas' in sys.modules)\n"
    )
    from labkit import datasets

    path = datasets.path("fetchmail-pop3")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", "False"]
