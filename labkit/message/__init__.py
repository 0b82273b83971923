"""What is carried: addresses, header fields, the MIME tree.

`address` reads and writes mailboxes, paths and address lists, and is strict; `fields` cuts the
header into fields and knows Received, Date and Message-ID; `mime` finds the parts of a
message by their byte offsets and composes new ones.  `fields` and `mime` never raise
on a message, whatever its octets: captured mail is what it is.
"""
