"""Where mail rests: mailboxes shared by SMTP delivery, POP3 and IMAP, and the relay's queue.

accounts.py  the store: accounts, the hierarchy of mailbox names, delivery, quota, the maildrop's lock
mailbox.py   one mailbox: messages with UIDs, flags and MODSEQ
changes.py   what each open session sees of a mailbox, and has yet to be told
spool.py     messages on their way to other hosts
journal.py   transactions: what is done together, kept or undone
sqlite.py    the store in a folder; rows.py: how it lies in tables
files.py     messages out of .eml, mbox and Maildir; export.py: and into them

`Store(now)` is in memory and forgets; `open_store(folder, now)` is the same store with a journal
that keeps what is done.  Neither has a clock of its own.
"""
