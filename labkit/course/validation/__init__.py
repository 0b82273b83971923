"""Notebooks held to their word, ours and other people's: `labkit notebooks check | refresh | new | grade`.

A committed notebook says what its cells put out. check.py runs it twice, in clean kernels and in
surroundings that differ (surroundings.py, kernel.py; jobs.py does several at a time), and compares
(compare.py) as strictly as nbval does; rules.py and pictures.py look at what is committed. findings.py
names the rules, report.py tells, also as JUnit XML. refresh.py makes the outputs anew, skeleton.py begins a
notebook, grade.py reads the verdicts of exercises; notebook.py is what all of them know of a notebook.
sanitise.cfg is for nbval.

It needs nbclient and ipykernel (the extra `ci`), and no JupyterLab.
"""
