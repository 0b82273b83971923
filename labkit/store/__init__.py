"""Where mail rests: mailboxes shared by SMTP delivery, POP3 and IMAP.

accounts.py  the store: accounts, the hierarchy of mailbox names, delivery, the maildrop's lock
mailbox.py   one mailbox: messages with UIDs, flags and MODSEQ
changes.py   what each open session sees of a mailbox, and has yet to be told
files.py     messages out of .eml, mbox and Maildir, for a store that begins with mail in it

The store itself is in memory, without I/O or a clock of its own: `Store(now)` is told the time.
"""
