"""The glossary: the words of the course, what they mean, and where an RFC says so."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from labkit.errors import LabError


@dataclass(frozen=True, slots=True)
class Term:
    term: str
    meaning: str
    source: str = ""  # RFC and section


_ALL = """
A-label | A label of a domain beyond ASCII as the DNS is asked for it: xn-- and letters, digits and hyphens. | RFC 5890 2.3.2.1
access | The last step of a message's way: the recipient's host fetches it from the mailbox on the server, with POP3 or IMAP. | RFC 5598 4.2
access protocol | A protocol by which a host fetches mail from the mailbox on a server when it likes: POP3 or IMAP. | RFC 5598 4.2
address literal | A host's address in brackets in place of a domain: [192.0.2.1]. No name is looked up for it. | RFC 5321 4.1.3
alias | An address that a server replaces by others in the envelope. The reverse-path stays: the sender hears of failures. | RFC 5321 3.9.1
APOP | A login of POP3 in which a digest of the greeting's timestamp and the password crosses the wire, and the password does not. | RFC 1939 7
attachment | A part of a message that is to be shown as a file, not as text: Content-Disposition says so. | RFC 2183 2.2
autologout | A server's end of a session in which nothing was said for ten minutes or more. It deletes nothing. | RFC 1939 3
base64 | A transfer encoding: three octets become four characters out of 64 that every transport leaves alone. | RFC 2045 6.8
body | What stands in a message behind the first empty line: lines of text, which MIME may divide into parts. | RFC 5322 2.1
bounce | A message that tells a sender that mail could not be delivered. Its own reverse-path is empty, so that it can never cause another bounce. | RFC 5321 6.1
boundary | The line of the author's choosing, with -- in front, that stands between the parts of a multipart and in none of them. | RFC 2046 5.1.1
capability | Something beyond the basic protocol that a server says it can do: a line of the reply to EHLO, CAPA or CAPABILITY. | RFC 5321 2.2.1
capture | What was seen on the wire, live or in a file. The tables are made from it. |
charset | The table by which octets become characters: us-ascii, utf-8, iso-8859-1. | RFC 2046 4.1.2
client | The end that opens the connection and sends commands. A mail server is a client whenever it passes mail on. | RFC 5321 2.3.2
command | What a client sends to have something done: a verb, often with an argument, ended by CRLF. | RFC 5321 2.3.7
connection | One TCP connection, from its opening to its end. The lab counts them 0, 1, 2 in order of their first packet. |
continuation | The server's "go on" in the middle of a command: 334 and 354 in SMTP, a line with + in POP3 and IMAP. | RFC 9051 7.6
credentials | What a client shows to log in: a name with a password, a proof of one, or a token. | RFC 4422 2
CRLF | The two octets 13 and 10 that end every line of these protocols. One of them alone is not a line end. | RFC 5321 2.3.8
delivery | The step in which the sender's server hands the message to the recipient's server by SMTP. The tables call it relay. | RFC 5598 4.3
digest | What a hash function makes of octets: short, always the same for the same octets, and of no help in finding them. | RFC 1321 1
DNS | The name system. It says, among other things, which hosts take mail for a domain. | RFC 5321 5.1
domain | The part of an address behind the @: a name in the DNS, whose owner says which hosts take its mail. | RFC 5321 2.3.5
dot-stuffing | A line of the message that begins with a dot gets a second dot on the wire, so that a line with only a dot can mean the end. | RFC 5321 4.5.2
EHLO | The client's first command in SMTP: it says its name and asks which extensions the server has. | RFC 5321 4.1.1.1
enhanced status code | Three numbers such as 5.1.1 behind an SMTP reply code, which say more exactly what happened. | RFC 3463 2
envelope | The reverse-path and the forward-paths that SMTP carries in MAIL and RCPT. Servers deliver by the envelope; the header may say something else. | RFC 5321 2.3.1
error | What a reply says when a command was not carried out; temporary or permanent. | RFC 5321 4.2.1
exchange | One command and its reply. The greeting is exchange 0, a reply without a command. |
extension | An addition to SMTP that a server offers in its reply to EHLO, such as SIZE or STARTTLS. | RFC 5321 2.2
fault | Something that goes wrong on purpose: on the line, in its middle, or at a server. `labkit faults` lists them. |
field | One line, or several that are folded, of the header: a name, a colon and a value. | RFC 5322 2.2
flag | A mark on a message in an IMAP mailbox, such as \\Seen or \\Deleted. | RFC 9051 2.3.2
flaw | Something in captured bytes that breaks a rule. The lab names it in a table and reads on. |
folding | To write a field on several lines: each but the first begins with white space. | RFC 5322 2.2.3
forward-path | The address in RCPT TO: where the message is to go. One message may have many. | RFC 5321 4.1.1.3
frame | The bytes that belong together: a line, a line with its literals, or a block that ends with a dot. |
greeting | What the server says first, before any command: 220, +OK or * OK. | RFC 5321 4.3.1
greylisting | Refusing a letter from an unknown sender once, with a code of temporary failure: a real queue comes back, much spam software does not. | RFC 6647 1
group | A name for several addresses in a header, with a colon and a semicolon. The writer's program puts its members into the envelope. | RFC 5322 3.4
half-close | The end of one direction of a connection while the other stays open: who has done so can hear, and say nothing more. | RFC 9293 3.6.1
header | The fields at the start of a message, up to the first empty line. It is part of the message, not of the envelope. | RFC 5322 2.1
host | A computer in a network, with a name and an address. | RFC 5321 2.3.4
IMAP | Internet Message Access Protocol: works with mailboxes that stay on the server. | RFC 9051
ladder | The drawing of a conversation: time runs down, each arrow is a command or a reply. |
literal | In IMAP, a string sent as its length in braces and then exactly so many octets. | RFC 9051 4.3
local part | The part of an address before the @. Only the host that keeps the mailbox may say what it means. | RFC 5321 2.3.11
lock | What a POP3 session takes on the maildrop at its login, so that no other session changes it meanwhile. | RFC 1939 4
mail exchanger | A host that takes mail for a domain; its MX record says so. | RFC 5321 5.1
mailbox | Where delivered messages rest until somebody reads them; in IMAP one of several folders of an account. | RFC 5321 2.3.11
maildrop | What POP3 calls the mailbox that a session has locked for itself. | RFC 1939 4
mailing list | An address that a server replaces by others, with an envelope of its own: its owner hears of failures. | RFC 5321 3.9.2
man in the middle | Somebody on the line between two hosts who reads what passes and can change it. Each end believes that it speaks with the other. | RFC 3207 6
mechanism | One way to log in, with a name of its own, which AUTH in SMTP and POP3 and AUTHENTICATE in IMAP have in common: PLAIN, SCRAM-SHA-256. | RFC 4422 3
media type | What a part is, in two words: text/plain, image/png, multipart/mixed. The first is the kind, the second the very format. | RFC 2045 5
Message-ID | The field with a name for this one message, unique in the world. | RFC 5322 3.6.4
MIME | The way to put text in any script, attachments and several parts into a message. | RFC 2045 1
multipart | A part that is made of other parts, with a boundary between them. | RFC 2046 5.1
MX | The DNS record that names a host which takes mail for a domain, with a preference; the lowest number is tried first. | RFC 5321 5.1
null MX | An MX record with only a dot: this domain takes no mail at all. | RFC 7505 3
null reverse-path | MAIL FROM:<>, the envelope of a bounce: nobody is to be told when it fails. | RFC 5321 4.5.5
obsolete syntax | Forms that are to be understood when they are read, and not to be written any more. | RFC 5322 4
octet | Eight bits; what everybody else calls a byte. The RFCs prefer the exact word. |
open relay | A server that passes on mail from anybody to anybody, and so is soon used by those who send spam. | RFC 2505 2.1
part | A piece of a message with a header of its own; IMAP calls it by numbers, such as 2.1. | RFC 2045 2.4
path | What MAIL and RCPT carry in angle brackets: an address, or nothing. | RFC 5321 4.1.2
permanent failure | A refusal that will be the same next time: code 5xx in SMTP. The message goes back to its sender. | RFC 5321 4.2.1
pipelining | To send several commands without waiting for the reply to each. | RFC 2920 3.1
POP3 | Post Office Protocol, version 3: fetches the messages of one maildrop and usually deletes them there. | RFC 1939
port | The number of the service on a host: 25 for relaying, 587 for submission, 110 for POP3, 143 for IMAP. | RFC 6409 3.1
preference | The number in an MX record: the lowest is tried first, equal ones in any order. | RFC 5321 5.1
protocol | The rules of a conversation between programs: who speaks first, what may be said, what must be answered. | RFC 5321 2.1
queue | Where a server keeps the messages it has accepted and not yet passed on. It tries again for days. | RFC 5321 4.5.4.1
quoted-printable | A transfer encoding that leaves most text readable: what is not harmless ASCII becomes = and two digits. | RFC 2045 6.7
Received | The field that each server puts on top of a message when it takes it: a trace of the way. | RFC 5321 4.4
recipient | Whom a message is for, as the envelope names it: one RCPT each. | RFC 5321 2.3.1
record | Octets that one end wrote at once, with the time and the connection: what the lab's tap notes. |
relay | To take mail for an address somewhere else and pass it on; also the server that does so. | RFC 5321 2.3.10
reply | The server's answer to a command, with a code or a word that says how it went. | RFC 5321 4.2
reply code | Three digits that begin an SMTP reply. 2: done, 3: go on, 4: not now, 5: no. | RFC 5321 4.2.1
resolver | What asks the name system for a host, and remembers the answer for a while. | RFC 1034 5
response code | A word in brackets behind -ERR, OK or NO that tells a program why, such as [IN-USE]. | RFC 2449 8
Return-Path | The field that the last server puts on top: the sender of the envelope. | RFC 5321 4.4
reverse-path | The address in MAIL FROM: who is told when the message cannot be delivered. | RFC 5321 4.1.1.2
round trip | The time from sending a command to having its reply: there and back again. |
SCRAM | A mechanism in which client and server prove to each other that they know the password; each guess costs a listener thousands of hashes. | RFC 5802 3
sender | Who sends a message; the reverse-path says where its failures are told. | RFC 5321 2.3.1
sequence number | The place of a message in an IMAP mailbox, from 1; it shrinks when one before it is expunged. | RFC 9051 2.3.1.2
server | The end that waits for connections and answers commands. | RFC 5321 2.3.2
session | All that client and server say to each other on one connection. | RFC 5321 3.1
SMTP | Simple Mail Transfer Protocol: pushes a message towards its recipient, one server at a time. | RFC 5321
smuggling | A message hidden in another: two servers disagree about where the data ends, and the second sees two. | RFC 5321 4.1.1.4
source route | The way written into an address, host by host. Read today, and ignored. | RFC 5321 appendix C
spam | Mail that nobody asked for, sent to very many. | RFC 2505 1
STARTTLS | The command after which both ends continue the same connection under TLS. POP3 calls it STLS. | RFC 3207 4
state | What a connection has been through, as far as it decides which command may come next. | RFC 1939 3
STLS | POP3's command to continue the connection under TLS; the other protocols call it STARTTLS. | RFC 2595 4
store and forward | The way of mail: each device takes the whole message, is answerable for it, and passes it on when it can. | RFC 5598 1.1
submission | The step in which the sender's host hands a new message to the sender's own server, after logging in. | RFC 6409 3
tag | The word that an IMAP client puts before a command and the server repeats in its final reply. | RFC 9051 2.2.1
temporary failure | A refusal that may be gone later: code 4xx in SMTP, [SYS/TEMP] in POP3, [UNAVAILABLE] in IMAP. The message stays where it is. | RFC 5321 4.2.1
thread | Letters that answer each other, held together by In-Reply-To and References. | RFC 5322 3.6.4
timestamp | In the greeting of a POP3 server, the words in angle brackets that are never the same twice; APOP makes a digest of them. | RFC 1939 7
TLS | Transport Layer Security: the connection between two hosts is encrypted. Each server on the way still reads the message. | RFC 8314 3
token | A word given out for one purpose and one time, which is shown in place of a password. | RFC 6749 1.4
TOP | POP3's command for the header of a letter and the first lines of its body. | RFC 1939 7
trace field | A field that a server on the way puts on top of the header: Received and Return-Path. | RFC 5322 3.6.7
transaction | In SMTP, MAIL, one or more RCPT, DATA and the message: one message sent. | RFC 5321 3.3
transfer encoding | How the octets of a part are written as lines that every server can carry: 7bit, base64, quoted-printable. | RFC 2045 6
UID | A number that names a message in an IMAP mailbox for good; sequence numbers change when others are deleted. | RFC 9051 2.3.1.1
UIDL | POP3's command for the unique-ids of the letters. | RFC 1939 7
unique-id | POP3's lasting name for a letter, the same in every session: 1 to 70 visible characters. | RFC 1939 7
untagged response | What an IMAP server tells without being the final reply to a command: it begins with *. | RFC 9051 2.2.2
update state | The last state of POP3, entered by QUIT alone: what was marked with DELE is deleted now. | RFC 1939 6
verb | The first word of a command: MAIL, RETR, FETCH. |
"""  # noqa: E501

TERMS = tuple(Term(*(part.strip() for part in line.split("|"))) for line in _ALL.strip().splitlines())
"""In the order of the alphabet."""


def look_up(term: str) -> Term:
    """The entry for a term, in any case, singular or plural; raises LabError with the nearest ones."""
    by_name = {entry.term.lower(): entry for entry in TERMS}
    wanted = " ".join(str(term).lower().split())
    single = wanted.removesuffix("s")
    for form in (wanted, single, single.removesuffix("e"), single.removesuffix("ie") + "y"):
        for spelt in (form, form.replace(" ", "-")):
            if spelt in by_name:
                return by_name[spelt]
    near = [by_name[name].term for name in get_close_matches(wanted, by_name, n=3)]
    hint = f"; did you mean {' or '.join(near)}?" if near else "; glossary() lists all entries"
    raise LabError(f"the glossary has no entry {term!r}{hint}")
