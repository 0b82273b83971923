"""The clients: whoever speaks first.

`smtp`, `pop3` and `imap` (with `imap_replies`) are dialogues that read from top to bottom (see
`dialogue`); `stdlib` is Python's own smtplib, poplib and imaplib inside the lab; `console` sends what you
type.
"""
