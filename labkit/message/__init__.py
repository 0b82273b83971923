"""What is carried: addresses, header fields, the MIME tree.

`address` reads and writes mailboxes, paths and address lists, and raises ProtocolError;
`fields` cuts the header into fields and knows Received, Date and Message-ID; `mime` finds the
parts of a message by their byte offsets; `compose` makes new messages.  Reading with `fields`
and `mime` never raises, whatever the octets: captured mail is what it is.
"""
