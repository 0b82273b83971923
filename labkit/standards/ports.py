"""Where servers listen (IANA; RFC 6409, RFC 8314)."""

from labkit.standards.entries import Port

PORTS = (
    Port(25, "smtp", "smtp", "relay", False),
    Port(587, "submission", "smtp", "submit", False),
    Port(465, "submissions", "smtp", "submit", True),
    Port(110, "pop3", "pop3", "access", False),
    Port(995, "pop3s", "pop3", "access", True),
    Port(143, "imap", "imap", "access", False),
    Port(993, "imaps", "imap", "access", True),
)
