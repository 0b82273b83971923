"""Which command may come when: a table per protocol, and the two questions asked of it.

`machine` is what a table can tell; `smtp`, `pop3` and `imap` are the tables.
"""
