"""Sessions of the three protocols, by port: what the client (C) and the server (S) say, in order."""

from __future__ import annotations

MESSAGE = b"Subject: x\r\n\r\n" + b"hello there\r\n" * 20
FETCHED = b"BODY[] {%d}\r\n" % len(MESSAGE) + MESSAGE + b")\r\n"
SESSIONS = {
    25: [
        *(("S", b"220 mx.example.org ESMTP\r\n"), ("C", b"EHLO a.example\r\n")),
        *(("S", b"250-mx\r\n250-PIPELINING\r\n250 SIZE\r\n"), ("C", b"MAIL FROM:<a@example.com>\r\n")),
        *(
            ("S", b"250 2.1.0 Sender ok\r\n"),
            ("C", b"RCPT TO:<b@example.org>\r\n"),
            ("S", b"250 2.1.5 ok\r\n"),
        ),
        *(
            ("C", b"DATA\r\n"),
            ("S", b"354 go on\r\n"),
            ("C", MESSAGE + b".\r\n"),
            ("S", b"250 2.0.0 queued as 1\r\n"),
        ),
        *(("C", b"MAIL FROM:<a@example.com>\r\n"), ("S", b"250 2.1.0 Sender ok\r\n")),
        *(("C", b"RCPT TO:<c@example.org>\r\n"), ("S", b"550 5.1.1 no\r\n"), ("C", b"RSET\r\n")),
        *(("S", b"250 reset\r\n"), ("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")),
    ],
    110: [
        *(("S", b"+OK ready\r\n"), ("C", b"USER b\r\n"), ("S", b"+OK\r\n"), ("C", b"PASS x\r\n")),
        *(("S", b"+OK 2 messages\r\n"), ("C", b"LIST\r\n"), ("S", b"+OK\r\n1 120\r\n2 130\r\n.\r\n")),
        *(("C", b"RETR 1\r\n"), ("S", b"+OK\r\n" + MESSAGE + b".\r\n"), ("C", b"DELE 1\r\n")),
        *(("S", b"+OK deleted\r\n"), ("C", b"RETR 2\r\n"), ("S", b"+OK\r\n" + MESSAGE + b".\r\n")),
        *(("C", b"NOOP\r\n"), ("S", b"+OK fine\r\n"), ("C", b"QUIT\r\n"), ("S", b"+OK bye\r\n")),
    ],
    143: [
        *(("S", b"* OK ready\r\n"), ("C", b"a1 LOGIN b x\r\n"), ("S", b"a1 OK in\r\n")),
        *(("C", b"a2 SELECT INBOX\r\n"), ("S", b"* 2 EXISTS\r\n* FLAGS (\\Seen)\r\na2 OK done\r\n")),
        *(("C", b"a3 FETCH 1:2 BODY[]\r\n"), ("S", b"* 1 FETCH (" + FETCHED + b"* 2 FETCH (" + FETCHED)),
        *(("S", b"a3 OK done\r\n"), ("C", b"a4 APPEND Sent {%d+}\r\n" % len(MESSAGE) + MESSAGE + b"\r\n")),
        *(("S", b"a4 OK appended\r\n"), ("C", b"a5 NOOP\r\n"), ("S", b"a5 OK fine\r\n")),
        *(("C", b"a6 LOGOUT\r\n"), ("S", b"* BYE\r\na6 OK bye\r\n")),
    ],
}
