"""The course kit: exercises with checks that read the wire, hints, solutions, progress, glossary.

A notebook says `from labkit import course` and uses the functions of desk.py.  model.py is
what an exercise is, answers.py reads what a learner gave, evidence.py what happened,
exercises/ holds the exercises of each notebook, catalogue.py finds them, cards.py shows
them, record.py keeps what is solved, terms.py and questions.py are the glossary and the
recall questions.

For single notebooks: stages.py plays transcripts against a server that a learner writes on top of
pop_server.py (13; first_server.py is one that is whole), fortnight.py is two weeks of mail on two hosts.
"""

from labkit.course.desk import check, exercise, glossary, hint, progress, recall, reset, solution

__all__ = ["check", "exercise", "glossary", "hint", "progress", "recall", "reset", "solution"]
