"""Bytes to values and back, one frame at a time: no state, no I/O.

`framing` cuts a stream into frames; `cursor` reads one frame and says where it breaks
which rule; `smtp`, `pop3`, `imap` and its `imap_…` hold a protocol's commands and
replies; `sasl` (with `scram` and `saslprep`) the authentication exchanges that all three share.
"""
