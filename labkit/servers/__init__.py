"""The servers: what a host says when it is spoken to.

`smtp` (with `smtp_engine`, which is aiosmtpd's, and `smtp_policy`), `pop3` (with `pop3_policy` and
`pop3_languages`) and `imap/`.  `site` is what the servers of one host share, `registry` says which code
stands behind which capability.  POP3 and IMAP are sessions without I/O (see labkit/net/session.py).
"""
