"""Two questions for each notebook, asked again when a learner comes back."""

from __future__ import annotations

RECALL: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "00": (
        (
            "Which of the four devices talks SMTP both as a server and as a client?",
            """The sender's server: it takes the letter from the sender's host, and passes it on to the
            recipient's server.""",
        ),
        (
            "The line was cut before the 250 after the message. Why were there two copies?",
            """The receiver had taken the letter; the sender could not know. To send twice is safe, not to
            send again could lose it, so it sent again (RFC 5321 4.2.5 and 6.1).""",
        ),
    ),
    "01": (
        (
            "Why does a host that is online two hours a day need an access protocol?",
            """SMTP pushes: the sender's side chooses the moment, and the host must be there. POP3 and IMAP
            pull: the recipient's host chooses the moment, and a server that is always on keeps the mail
            until then.""",
        ),
        (
            "What if SMTP did the last step too, and the host stayed away for a week?",
            """The server in front of it would try again and again, give up after four or five days
            (RFC 5321 4.5.4.1), and return the letter to its sender.""",
        ),
    ),
    "02": (
        (
            "Which machines read the left half of an address, and which the right?",
            """All read the domain, to find the way. Only the host that keeps the mailbox may say what the
            local part means (RFC 5321 2.3.11).""",
        ),
        (
            "A name server says that it is in trouble. Why does the letter not come back at once?",
            """That is no answer about the domain: it may exist. So the letter waits, as after a reply that
            begins with 4; only “does not exist” is for good.""",
        ),
    ),
    "03": (
        (
            "How does a reader know where the header ends, and how where a folded field ends?",
            """The header ends at the first empty line. A field goes on as long as lines begin with white
            space (RFC 5322 2.1 and 2.2.3).""",
        ),
        (
            "A letter has five Received. Which of them was written first, and which can you believe?",
            """The lowest was written first. Your own server wrote the topmost; below the first host that you
            trust, whoever sent the letter may have made them up.""",
        ),
    ),
    "04": (
        (
            "Where does a part of a multipart begin and end?",
            """Behind the line with -- and the boundary, and before the CRLF of the next such line: that CRLF
            belongs to the boundary (RFC 2046 5.1.1).""",
        ),
        (
            "When is quoted-printable shorter than base64, and when not?",
            """It writes three characters for each octet that is not plain ASCII, and one for all others;
            base64 writes four for three octets, whatever they are. Text of few umlauts is for the first, a
            photograph for the second.""",
        ),
    ),
    "06": (
        (
            "A program gets a reply code that it does not know, 458. What does it do?",
            """It goes by the first digit: not now. It keeps the letter and tries again later
            (RFC 5321 4.3.2).""",
        ),
        (
            "A reply begins with 250-SIZE 1000. What does the client know, and what does it wait for?",
            """The server takes letters of at most 1,000 octets, and there is at least one more line: the sign
            behind the code is a hyphen.""",
        ),
    ),
    "07": (
        (
            "A letter says To: Carol, and it lies in Bob's mailbox. How can that be, without any mistake?",
            """Bob was in the envelope. Servers deliver by RCPT, and never compare it with the header: that is
            how lists, forwarding and blind copies work.""",
        ),
        (
            "Two of three recipients were accepted, then came the 250 behind the dot. Who tells the author?",
            """The client, which alone knows of the third. If it is itself a server, it sends a notice to the
            reverse-path, with a null reverse-path of its own (RFC 5321 4.5.5 and 6.1).""",
        ),
    ),
    "12": (
        (
            "The line is cut after three DELE and before QUIT. Which letters are deleted?",
            """None. DELE marks; what is marked is deleted in the update state, and only QUIT leads there
            (RFC 1939 6). The worst that can happen is that letters are fetched twice.""",
        ),
        (
            "A listener has heard a login with APOP. What can she do with it, and what not?",
            """She cannot say it again, as the next greeting has another timestamp. She can try passwords, one
            hash for each, until the digest fits; and she reads the letters that follow.""",
        ),
    ),
    "13": (
        (
            "Two hosts leave their mail on the server. How does each know what it has already?",
            """By the unique-ids of UIDL: a name belongs to one letter and is the same in every session.
            Numbers begin at 1 each time (RFC 1939 7).""",
        ),
        (
            "A login is refused with [IN-USE]. What should a mail program do?",
            """Try again a little later, and not ask for the password: it was right. Another session has the
            lock of the maildrop (RFC 2449 8.1.2).""",
        ),
    ),
    "14": (
        (
            "An IMAP server sends a line that begins with *, and nothing was asked. What is it?",
            """Untagged data: something that is now so. A letter has come or gone, a flag has changed.
            The client corrects its picture of the mailbox (RFC 9051 7).""",
        ),
        (
            "How does the receiver of a literal know where it ends, and what follows from that?",
            """By the number of octets in braces before it. Nothing in it is special, no dot is doubled, and a
            wrong number makes commands of text, or text of commands.""",
        ),
    ),
    "22": (
        (
            "One letter was fetched once. Why has it three rows in the table of messages?",
            """A row is a message that crossed a connection. The letter crossed three: to its author's server,
            to the recipient's, to the recipient's host.""",
        ),
        (
            "How do you tell a slow line from a slow server?",
            """By many replies: a line is slow for each of them, a server for some. One slow reply proves
            nothing, so compare medians.""",
        ),
    ),
    "23": (
        (
            "A short letter takes five seconds over a line of 10 Mbit/s. Why?",
            """It waits, once for each reply, and the line is long: round trips times the time there and back.
            The width hardly matters for a short letter.""",
        ),
        (
            "What does pipelining save, and what can it not save?",
            """Round trips of commands that do not depend on each other (RFC 2920 3.1). What depends on a
            reply has to wait for it.""",
        ),
    ),
    "24": (
        (
            "The line is cut before the last reply. What happens to the letter in SMTP, and what in POP3?",
            """SMTP sends it again, and there are two: the sender had no 250. In POP3 the last reply is that
            to QUIT: the letters are deleted, and the client must have put them away before it said DELE.""",
        ),
        (
            "How do you find out that somebody on the line changes what is said?",
            """Not at one end: each has a sound conversation. Compare what one end sent with what the other
            heard, or let a fingerprint made with a key travel with the letter.""",
        ),
    ),
}
