"""POP3 as labkit speaks it (RFC 1939, RFC 2449): see labkit/standards."""

from labkit.standards.entries import Capability, Code, Command

_POP, _POP_PRACTICE = "12-pop3-session", "13-pop3-in-practice"

CAPABILITIES = (
    Capability(
        *("POP3", "RFC 1939", "fetch the maildrop, delete, go", _POP),
        ("STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT"),
        advertised=False,
    ),
    Capability("CAPA", "RFC 2449", "what the server can do", _POP_PRACTICE, ("CAPA",), False),
    Capability("USER", "RFC 1939 7", "name and password", _POP, ("USER", "PASS")),
    Capability("TOP", "RFC 1939 7", "a message's header and first lines", _POP_PRACTICE, ("TOP",)),
    Capability("UIDL", "RFC 1939 7", "names that stay from session to session", _POP_PRACTICE, ("UIDL",)),
    Capability("RESP-CODES", "RFC 2449 6.4", "replies that programs can tell apart", _POP_PRACTICE),
    Capability("AUTH-RESP-CODE", "RFC 3206", "why a login failed", _POP_PRACTICE),
    Capability("PIPELINING", "RFC 2449 6.6", "commands sent without waiting", _POP_PRACTICE),
    Capability("STLS", "RFC 2595 4", "from plain text into TLS", _POP_PRACTICE, ("STLS",)),
    Capability("SASL", "RFC 5034", "the logins of the other protocols", _POP_PRACTICE, ("AUTH",)),
)

_AUTHORIZATION, _MAILDROP = ("authorization",), ("transaction",)
COMMANDS = (
    Command("USER", "RFC 1939 7", "whose maildrop", _AUTHORIZATION),
    Command("PASS", "RFC 1939 7", "the password", _AUTHORIZATION),
    Command("AUTH", "RFC 5034 4", "logs in by a mechanism", _AUTHORIZATION),
    Command("STLS", "RFC 2595 4", "goes into TLS", _AUTHORIZATION),
    Command("CAPA", "RFC 2449 5", "what can you do?", ("authorization", "transaction")),
    Command("STAT", "RFC 1939 5", "how many messages, how many octets", _MAILDROP),
    Command("LIST", "RFC 1939 5", "the size of each message", _MAILDROP),
    Command("UIDL", "RFC 1939 7", "the lasting name of each message", _MAILDROP),
    Command("RETR", "RFC 1939 5", "a whole message", _MAILDROP),
    Command("TOP", "RFC 1939 7", "a message's header and first lines", _MAILDROP),
    Command("DELE", "RFC 1939 5", "marks a message to be deleted", _MAILDROP),
    Command("RSET", "RFC 1939 5", "takes all marks off", _MAILDROP),
    Command("NOOP", "RFC 1939 5", "nothing but a reply", _MAILDROP),
    Command("QUIT", "RFC 1939 6", "deletes what is marked, ends", ("authorization", "transaction")),
)

RESPONSE_CODES = (
    Code("IN-USE", "another session has locked the maildrop", "RFC 2449 8.1.2"),
    Code("LOGIN-DELAY", "too soon after the last login", "RFC 2449 8.1.1"),
    Code("AUTH", "wrong name or password", "RFC 3206 5"),
    Code("SYS/TEMP", "an error of the server, try later", "RFC 3206 4"),
    Code("SYS/PERM", "an error of the server that stays", "RFC 3206 4"),
)
