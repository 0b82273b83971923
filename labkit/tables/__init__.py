"""Captures as tables, the same for a live lab and for a pcap.

capture.py is the `Capture`; read.py makes one from a file or follows a tap, live.py a pipe.
schema.py and rows.py say what every column is; table.py holds plain columns, dtypes.py and frame.py make
them pandas'.
exchanges.py, mail.py and wire.py fill the tables from what the dissector found (dissected.py,
carried.py, pieces.py), columns.py, moments.py and values.py for many rows at once.  passes.py makes
tables of files of any size (runs.py, writing.py), in several processes (workers.py, shared.py); many.py of
many files.  letters.py writes the messages as files.  masking.py hides secrets.  show.py, story.py and
summary.py print.  analysis.py and anomalies.py are what analysts ask, accessor.py makes it `frame.mail`.
"""

from labkit.tables.capture import Capture
from labkit.tables.many import read_captures
from labkit.tables.read import Captures, follow, read_capture, read_table
from labkit.tables.schema import TABLES
from labkit.tables.table import Table

__all__ = ["TABLES", "Capture", "Captures", "Table", "follow", "read_capture", "read_captures", "read_table"]
