"""The course kit: exercises with checks that read the wire, hints, solutions, progress, glossary.

A notebook says `from labkit import course` and uses the functions of desk.py.  model.py is
what an exercise is, answers.py reads what a learner gave, evidence.py what happened,
exercises/ holds the exercises of each notebook, catalogue.py finds them, cards.py shows
them, record.py keeps what is solved, terms.py and questions.py are the glossary and the
recall questions; places.py knows where a word is explained, sections.py whether a check was given the
world of another section.

shelf.py lays a learner's copies of the notebooks out, start.py opens them in JupyterLab (jupyter/ is its
settings) on the page that index.py makes.  validation/ holds notebooks to their outputs.

For single notebooks: sample_letter.py (03) and postcard.py (04) are letters to take apart, visits.py reads
POP3 sessions (12), stages.py plays the transcripts of stages_pop3.py against a server that a learner
writes on top of pop_server.py (13; first_server.py is one that is whole), fortnight.py is two weeks of mail
on two hosts.
"""

from labkit.course.desk import check, exercise, glossary, hint, progress, recall, reset, solution

__all__ = ["check", "exercise", "glossary", "hint", "progress", "recall", "reset", "solution"]
