"""Functions from tables to pictures: text, HTML and SVG as strings.

ladder.py (who said what to whom, when), bytes.py (the octets, annotated), states.py (a
protocol's state machine and the path taken), journey.py (the four devices and the
message's way), waiting.py (where each letter waited, and how long), panels.py (all
ipywidgets, thin shells around the others).  What they are made of: rows.py reads any table,
ends.py knows the devices at the ends of a connection, words.py says numbers and text, markup.py writes
tags and escapes everything, style.py is the one stylesheet, picture.py what a notebook shows.
"""
