"""Functions from tables to pictures: text, HTML and SVG as strings.

    ladder.py        who said what to whom, when; _steps, _scale, _draw and _text are its parts
    bytes.py         the octets, annotated; pieces.py cuts them
    meddled.py       which lines are the work of a fault; ladder and bytes mark them
    states.py        a protocol's state machine and the path taken; states_table.py, the table itself
    journey.py       the devices and the message's way; moments.py, the same moment by moment
    waiting.py       where each letter waited, and how long
    overheard.py     what a listener learns from POP3 sessions
    message.py       one message taken apart: lines, fields, parts, its way, what it breaks
    transcript.py    what was said, as C: and S: lines, beside what was expected
    catalogue.py     the faults there are, and what became of trials with them
    summary.py       a capture in figures; plots.py is matplotlib in the lab's style
    analysis_plots.py  latencies and the time line of any exchanges, as plots
    report.py        a capture as one page
    terminal.py      what the command line writes; terminal_talk.py, what it tells of exchanges;
                     terminal_faults.py and terminal_flaws.py, its catalogues
    panels/          all ipywidgets, thin shells around the others

Of a view with parts, _steps and _story find what there is to draw, _draw and _plots draw it.

What they are made of: rows.py reads any table, ends.py knows the devices at the ends of a connection,
received.py the trace of each message, deletions.py what a client deletes, words.py says numbers and text,
markup.py writes tags and escapes everything, style.py is the one stylesheet, picture.py what a notebook
shows.
"""
