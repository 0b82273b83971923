"""IMAP as labkit speaks it (RFC 3501): see labkit/standards."""

from labkit.standards.entries import Capability, Code, Command

_IMAP, _BOXES, _MAIL, _LIVE = "14-imap-session", "15-imap-mailboxes", "16-imap-messages", "17-imap-live"
_ANY_LOGIN, _LOGGED_IN, _CHOSEN = ("not authenticated",), ("authenticated", "selected"), ("selected",)

_BASE_BOXES = ("SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB")
_BASE_MAIL = ("CHECK", "CLOSE", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY")
_BASE_UID = ("UID SEARCH", "UID FETCH", "UID STORE", "UID COPY")

CAPABILITIES = (
    Capability(
        *("IMAP4rev1", "RFC 3501", "mailboxes that stay on the server", _IMAP),
        (
            *("CAPABILITY", "NOOP", "LOGOUT", "LOGIN", "AUTHENTICATE"),
            *(*_BASE_BOXES, "STATUS", "APPEND", *_BASE_MAIL, *_BASE_UID),
        ),
    ),
    Capability("STARTTLS", "RFC 3501 6.2.1", "from plain text into TLS", _IMAP, ("STARTTLS",)),
    Capability("AUTH=PLAIN", "RFC 4616", "name and password in one response", _IMAP),
    Capability("AUTH=LOGIN", "RFC 3501 6.2.2", "name and password, asked for one by one", _IMAP),
    Capability("AUTH=CRAM-MD5", "RFC 2195", "a digest in place of the password", _IMAP),
    Capability("AUTH=SCRAM-SHA-1", "RFC 5802", "both sides prove that they know the password", _IMAP),
    Capability("AUTH=SCRAM-SHA-256", "RFC 7677", "the same with a better hash", _IMAP),
    Capability("AUTH=OAUTHBEARER", "RFC 7628", "an access token in place of the password", _IMAP),
    Capability("AUTH=XOAUTH2", "RFC 6750 2.1", "the same before it was standardised", _IMAP),
    Capability("SASL-IR", "RFC 4959", "a login in one round trip", _IMAP),
    Capability("LITERAL+", "RFC 7888", "literals sent without waiting", _IMAP),
    Capability("ID", "RFC 2971", "who are you?", _IMAP, ("ID",)),
    Capability("NAMESPACE", "RFC 2342", "whose mailboxes begin with what", _BOXES, ("NAMESPACE",)),
    Capability("UNSELECT", "RFC 3691", "leaves a mailbox, deletes nothing", _BOXES, ("UNSELECT",)),
    Capability("UIDPLUS", "RFC 4315", "which UID a message got", _MAIL, ("UID EXPUNGE",)),
    Capability("MOVE", "RFC 6851", "from one mailbox to another", _MAIL, ("MOVE", "UID MOVE")),
    Capability("IDLE", "RFC 2177", "hears of new mail at once", _LIVE, ("IDLE",)),
)

COMMANDS = (
    Command("CAPABILITY", "RFC 3501 6.1.1", "what can you do?"),
    Command("NOOP", "RFC 3501 6.1.2", "is there news?"),
    Command("LOGOUT", "RFC 3501 6.1.3", "ends the session"),
    Command("ID", "RFC 2971 3.1", "names the two programs"),
    Command("STARTTLS", "RFC 3501 6.2.1", "goes into TLS", _ANY_LOGIN),
    Command("AUTHENTICATE", "RFC 3501 6.2.2", "logs in by a mechanism", _ANY_LOGIN),
    Command("LOGIN", "RFC 3501 6.2.3", "logs in with a password", _ANY_LOGIN),
    Command("SELECT", "RFC 3501 6.3.1", "opens a mailbox", _LOGGED_IN),
    Command("EXAMINE", "RFC 3501 6.3.2", "opens a mailbox to read only", _LOGGED_IN),
    Command("CREATE", "RFC 3501 6.3.3", "a new mailbox", _LOGGED_IN),
    Command("DELETE", "RFC 3501 6.3.4", "no longer a mailbox", _LOGGED_IN),
    Command("RENAME", "RFC 3501 6.3.5", "another name for a mailbox", _LOGGED_IN),
    Command("SUBSCRIBE", "RFC 3501 6.3.6", "adds to the user's own list", _LOGGED_IN),
    Command("UNSUBSCRIBE", "RFC 3501 6.3.7", "takes off the user's own list", _LOGGED_IN),
    Command("LIST", "RFC 3501 6.3.8", "which mailboxes are there?", _LOGGED_IN),
    Command("LSUB", "RFC 3501 6.3.9", "which did the user subscribe to?", _LOGGED_IN),
    Command("NAMESPACE", "RFC 2342 5", "whose mailboxes begin with what?", _LOGGED_IN),
    Command("STATUS", "RFC 3501 6.3.10", "how many messages lie in it?", _LOGGED_IN),
    Command("APPEND", "RFC 3501 6.3.11", "puts a message in", _LOGGED_IN),
    Command("IDLE", "RFC 2177 3", "tell me when something happens", _LOGGED_IN),
    Command("CHECK", "RFC 3501 6.4.1", "puts the mailbox in order", _CHOSEN),
    Command("CLOSE", "RFC 3501 6.4.2", "leaves the mailbox, deletes what is marked", _CHOSEN),
    Command("UNSELECT", "RFC 3691 2", "leaves the mailbox, deletes nothing", _CHOSEN),
    Command("EXPUNGE", "RFC 3501 6.4.3", "deletes what is marked", _CHOSEN),
    Command("SEARCH", "RFC 3501 6.4.4", "which messages are such?", _CHOSEN),
    Command("FETCH", "RFC 3501 6.4.5", "parts of messages", _CHOSEN),
    Command("STORE", "RFC 3501 6.4.6", "sets flags", _CHOSEN),
    Command("COPY", "RFC 3501 6.4.7", "copies to another mailbox", _CHOSEN),
    Command("MOVE", "RFC 6851 3.1", "moves to another mailbox", _CHOSEN),
    Command("UID FETCH", "RFC 3501 6.4.8", "parts of messages, by UID", _CHOSEN),
    Command("UID STORE", "RFC 3501 6.4.8", "sets flags, by UID", _CHOSEN),
    Command("UID SEARCH", "RFC 3501 6.4.8", "which messages are such, by UID?", _CHOSEN),
    Command("UID COPY", "RFC 3501 6.4.8", "copies to another mailbox, by UID", _CHOSEN),
    Command("UID MOVE", "RFC 6851 3.2", "moves to another mailbox, by UID", _CHOSEN),
    Command("UID EXPUNGE", "RFC 4315 2.1", "deletes what is marked, of these only", _CHOSEN),
)

RESPONSE_CODES = (
    Code("ALERT", "show this to the user", "RFC 3501 7.1"),
    Code("APPENDUID", "the UID that the new message got", "RFC 4315 3"),
    Code("AUTHENTICATIONFAILED", "wrong name or password", "RFC 5530 3"),
    Code("AUTHORIZATIONFAILED", "this user may not act as that one", "RFC 5530 3"),
    Code("BADCHARSET", "the server knows these character sets only", "RFC 3501 7.1"),
    Code("CANNOT", "this can never be done", "RFC 5530 3"),
    Code("CAPABILITY", "what the server can do", "RFC 3501 7.1"),
    Code("COPYUID", "the UIDs that the copies got", "RFC 4315 3"),
    Code("EXPUNGEISSUED", "another session expunged the message", "RFC 5530 3"),
    Code("HASCHILDREN", "there are mailboxes below it", "RFC 9051 7.1"),
    Code("LIMIT", "more than the server permits", "RFC 5530 3"),
    Code("PERMANENTFLAGS", "flags that outlast the session", "RFC 3501 7.1"),
    Code("READ-ONLY", "nothing can be changed here", "RFC 3501 7.1"),
    Code("READ-WRITE", "messages can be changed here", "RFC 3501 7.1"),
    Code("TOOBIG", "more octets than the server takes", "RFC 4469 4.2"),
    Code("TRYCREATE", "no such mailbox, create it first", "RFC 3501 7.1"),
    Code("UIDNEXT", "the UID the next message will get", "RFC 3501 7.1"),
    Code("UIDVALIDITY", "while this stays, UIDs mean the same", "RFC 3501 7.1"),
    Code("UNSEEN", "the first message not yet seen", "RFC 3501 7.1"),
    Code("NONEXISTENT", "no such mailbox", "RFC 5530 3"),
    Code("ALREADYEXISTS", "there is such a mailbox already", "RFC 5530 3"),
)
