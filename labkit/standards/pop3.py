"""POP3 as labkit speaks it (RFC 1939, RFC 2449, RFC 6856): see labkit/standards."""

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
    Capability(
        *("APOP", "RFC 1939 7", "a digest in place of the password; the greeting offers it", _POP),
        ("APOP",),
        advertised=False,
    ),
    Capability("TOP", "RFC 1939 7", "a message's header and first lines", _POP_PRACTICE, ("TOP",)),
    Capability("UIDL", "RFC 1939 7", "names that stay from session to session", _POP_PRACTICE, ("UIDL",)),
    Capability("RESP-CODES", "RFC 2449 6.4", "replies that programs can tell apart", _POP_PRACTICE),
    Capability("AUTH-RESP-CODE", "RFC 3206", "why a login failed", _POP_PRACTICE),
    Capability("PIPELINING", "RFC 2449 6.6", "commands sent without waiting", _POP_PRACTICE),
    Capability("LOGIN-DELAY", "RFC 2449 6.5", "how long to wait between two logins", _POP_PRACTICE),
    Capability("EXPIRE", "RFC 2449 6.7", "for how many days messages are kept", _POP_PRACTICE),
    Capability("STLS", "RFC 2595 4", "from plain text into TLS", _POP_PRACTICE, ("STLS",)),
    Capability("SASL", "RFC 5034", "the logins of the other protocols", _POP_PRACTICE, ("AUTH",)),
    Capability("UTF8", "RFC 6856 2", "names and header fields in UTF-8", _POP_PRACTICE, ("UTF8",)),
    Capability("LANG", "RFC 6856 3", "replies in the user's language", _POP_PRACTICE, ("LANG",)),
    Capability("IMPLEMENTATION", "RFC 2449 6.9", "which program this is", _POP_PRACTICE),
)

_AUTHORIZATION, _MAILDROP = ("authorization",), ("transaction",)
_BOTH = (*_AUTHORIZATION, *_MAILDROP)
COMMANDS = (
    Command("USER", "RFC 1939 7", "whose maildrop", _AUTHORIZATION),
    Command("PASS", "RFC 1939 7", "the password", _AUTHORIZATION),
    Command("APOP", "RFC 1939 7", "the name, and a digest of the password", _AUTHORIZATION),
    Command("AUTH", "RFC 5034 4", "logs in by a mechanism", _AUTHORIZATION),
    Command("STLS", "RFC 2595 4", "goes into TLS", _AUTHORIZATION),
    Command("UTF8", "RFC 6856 2.1", "permits UTF-8 in messages", _AUTHORIZATION),
    Command("LANG", "RFC 6856 3", "which language the replies are in", _BOTH),
    Command("CAPA", "RFC 2449 5", "what can you do?", _BOTH),
    Command("STAT", "RFC 1939 5", "how many messages, how many octets", _MAILDROP),
    Command("LIST", "RFC 1939 5", "the size of each message", _MAILDROP),
    Command("UIDL", "RFC 1939 7", "the lasting name of each message", _MAILDROP),
    Command("RETR", "RFC 1939 5", "a whole message", _MAILDROP),
    Command("TOP", "RFC 1939 7", "a message's header and first lines", _MAILDROP),
    Command("DELE", "RFC 1939 5", "marks a message to be deleted", _MAILDROP),
    Command("RSET", "RFC 1939 5", "takes all marks off", _MAILDROP),
    Command("NOOP", "RFC 1939 5", "nothing but a reply", _MAILDROP),
    Command("QUIT", "RFC 1939 6", "deletes what is marked, ends", _BOTH),
)

RESPONSE_CODES = (
    Code("IN-USE", "another session has locked the maildrop", "RFC 2449 8.1.2"),
    Code("LOGIN-DELAY", "too soon after the last login", "RFC 2449 8.1.1"),
    Code("AUTH", "wrong name or password", "RFC 3206 5"),
    Code("UTF8", "the message has UTF-8 in its header, ask for it with UTF8", "RFC 6856 5"),
    Code("SYS/TEMP", "an error of the server, try later", "RFC 3206 4"),
    Code("SYS/PERM", "an error of the server that stays", "RFC 3206 4"),
)
