"""What captured octets mean: one row for each command and its reply.

`dissector.py` chooses the protocol of a connection and runs its module (`smtp.py`, `pop3.py`,
`imap.py` with `imap_lines.py`, `dns.py`, `tls.py`) over the two streams, frame by frame, as they grow.
`conversation.py` is what the modules share, `half.py` one stream, `row.py` what the modules yield,
`exchange.py` the documented row of the table, `flaws.py` the names of all that can be wrong and
`examples.py` a conversation for each.  `whole/` does the same at once for a connection about which
nothing is odd, as most are in a large capture.
Nothing here raises on captured octets.
"""
