"""TLS records of a capture, opened with the secrets of a key log (../keys.py): versions 1.2 and 1.3.

suites.py      what a cipher suite is called, and which algorithm and hash it means
handshake.py   what the messages of a handshake say
openers.py     what opens one record, with its keys (RFC 5246 6.2.3, RFC 8446 5.2)
schedule.py    from a session's secrets to the keys of a record (RFC 5246 6.3, RFC 8446 7)
records.py     one side's records, found and opened in order, gaps notwithstanding
decrypt.py     both sides of a flow: what was said inside TLS, put behind what was said before it

Nothing is verified but that a record opens: no certificate, no signature, no Finished.
"""
