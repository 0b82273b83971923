"""The SMTP dialogues: against lists of replies, and against our server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.office import Office

from labkit.clients import smtp
from labkit.clients.dialogue import Dialogue, DialogueSession, Disconnected, play
from labkit.clients.smtp import Refused, Unsupported, deliver, hello, relay, submit
from labkit.errors import LabError
from labkit.grammar.smtp import Reply, parse_reply
from labkit.net.driver import converse
from labkit.net.session import StartTLS

MESSAGE = b"Subject: x\r\n\r\n.dot\r\n"
EVERYTHING = dict.fromkeys(["SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING"], ())


def replies(*codes: int) -> list[Reply]:
    return [Reply(code) for code in codes]


def lines(asked: list[Any]) -> list[bytes]:
    """What was sent, write by write."""
    writes = [each if isinstance(each, tuple) else (each,) for each in asked if each is not smtp.GREETING]
    return [b"".join(b"(TLS)" if isinstance(c, StartTLS) else c.data for c in write) for write in writes]


def test_one_transaction() -> None:
    asked, delivery = play(
        deliver("a@b", ["c@d", "e@f"], MESSAGE, offered=EVERYTHING), replies(250, 250, 550, 354, 250)
    )
    assert lines(asked) == [
        b"MAIL FROM:<a@b> SIZE=20\r\n",
        b"RCPT TO:<c@d>\r\n",
        b"RCPT TO:<e@f>\r\n",
        b"DATA\r\n",
        b"Subject: x\r\n\r\n..dot\r\n.\r\n",
    ]
    assert delivery.reply == Reply(250)
    assert delivery.refused == {"e@f": Reply(550)}


def test_one_transaction_pipelined() -> None:
    dialogue = deliver("", ["c@d"], MESSAGE, offered=EVERYTHING, pipelined=True)
    asked, _ = play(dialogue, replies(250, 250, 354, 250))
    assert lines(asked)[0] == b"MAIL FROM:<> SIZE=20\r\nRCPT TO:<c@d>\r\nDATA\r\n"
    assert len(asked) == 2
    asked, _ = play(deliver("", ["c@d"], MESSAGE, pipelined=True), replies(250, 250, 354, 250))
    assert len(asked) == 4  # where it is not offered, it is not done


@pytest.mark.parametrize("pipelined", [False, True])
def test_nobody_is_left(pipelined: bool) -> None:
    said = replies(250, 550, 450, 554, 250) if pipelined else replies(250, 550, 450, 250)
    dialogue = deliver("a@b", ["c@d", "e@f"], MESSAGE, offered=EVERYTHING, pipelined=pipelined)
    asked, delivery = play(dialogue, said)
    assert lines(asked)[-1] == b"RSET\r\n"
    assert delivery.reply is None
    assert delivery.refused == {"c@d": Reply(550), "e@f": Reply(450)}


def test_a_server_that_waits_for_a_message_to_nobody_gets_a_dot() -> None:
    """RFC 2920 3.1."""
    dialogue = deliver("a@b", ["c@d"], MESSAGE, offered=EVERYTHING, pipelined=True)
    asked, delivery = play(dialogue, replies(250, 550, 354, 554, 250))
    assert lines(asked)[1:] == [b".\r\n", b"RSET\r\n"]
    assert delivery.reply is None


@pytest.mark.parametrize("said", [(550,), (250, 250, 452), (250, 250, 354, 552)])
def test_a_refusal_is_raised(said: tuple[int, ...]) -> None:
    with pytest.raises(Refused) as caught:
        play(deliver("a@b", ["c@d"], MESSAGE), replies(*said))
    assert caught.value.reply.code == said[-1]


def test_what_is_not_offered_is_not_asked_for() -> None:
    with pytest.raises(Unsupported, match=r"5\.6\.3"):
        play(deliver("a@b", ["c@d"], "ü".encode()), [])
    with pytest.raises(Unsupported, match=r"5\.6\.7"):
        play(deliver("ä@b", ["c@d"], b"x"), [])
    dialogue = deliver("a@b", ["ü@d"], "ü".encode(), offered=EVERYTHING)
    asked, _ = play(dialogue, replies(250, 250, 354, 250))
    assert lines(asked)[:2] == [
        b"MAIL FROM:<a@b> SIZE=2 BODY=8BITMIME SMTPUTF8\r\n",
        "RCPT TO:<ü@d>\r\n".encode(),
    ]


def test_helo_to_a_server_that_knows_no_ehlo() -> None:
    asked, offered = play(hello("me"), replies(500, 250))
    assert (lines(asked), offered) == ([b"EHLO me\r\n", b"HELO me\r\n"], {})
    with pytest.raises(Refused, match="HELO was refused: 550"):
        play(hello("me"), replies(550, 550))
    with pytest.raises(Refused, match="EHLO was refused: 421"):
        play(hello("me"), replies(421))


EHLO = parse_reply(b"250-mx.example\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH LOGIN\r\n")


def test_a_whole_session() -> None:
    dialogue = submit("me", "a@b", ["c@d"], MESSAGE, user="alice", password="secret", starttls="mx.example")
    user, password = parse_reply(b"334 VXNlcm5hbWU6\r\n"), parse_reply(b"334 UGFzc3dvcmQ6\r\n")
    begin = [Reply(220), EHLO, Reply(220), EHLO, user, password, Reply(235)]
    asked, delivery = play(dialogue, begin + replies(250, 250, 354, 250, 221))
    assert lines(asked)[:7] == [
        b"EHLO me\r\n",
        b"STARTTLS\r\n",
        b"(TLS)",
        b"EHLO me\r\n",
        b"AUTH LOGIN\r\n",
        b"YWxpY2U=\r\n",
        b"c2VjcmV0\r\n",
    ]
    assert lines(asked)[-1] == b"QUIT\r\n"
    assert delivery.reply is not None
    assert "secret" not in repr(asked)
    assert "c2VjcmV0" not in repr(asked)


def test_a_login_needs_something_both_know() -> None:
    with pytest.raises(LabError, match="no mechanism"):
        play(submit("me", "a@b", ["c@d"], MESSAGE, user="u", password="p"), replies(220, 250, 221))


def test_a_refused_session_says_goodbye() -> None:
    dialogue = submit("me", "a@b", ["c@d"], MESSAGE)
    asked = [next(dialogue)]
    for reply in replies(220, 250, 550):
        asked.append(dialogue.send(reply))
    assert lines(asked)[-1] == b"QUIT\r\n"
    with pytest.raises(Refused, match="MAIL was refused"):
        dialogue.throw(Disconnected("no answer"))


def test_the_relay_has_a_last_word_for_each_recipient() -> None:
    def told(*codes: int, **options: Any) -> dict[str, int]:
        dialogue = relay("me", "a@b", ["c@d", "e@f"], MESSAGE, pipelined=False, **options)
        return {path: reply.code for path, reply in play(dialogue, replies(*codes))[1].items()}

    assert told(220, 250, 250, 250, 550, 354, 250, 221) == {"c@d": 250, "e@f": 550}
    assert told(220, 250, 250, 450, 550, 250, 221) == {"c@d": 450, "e@f": 550}
    assert told(220, 250, 250, 250, 250, 354, 552, 221) == {"c@d": 552, "e@f": 552}
    assert told(421, 221) == {"c@d": 421, "e@f": 421}


def test_the_relay_takes_tls_where_it_is_offered() -> None:
    dialogue = relay("me", "a@b", ["c@d"], MESSAGE, starttls="mx.example", pipelined=False)
    asked, _ = play(dialogue, [Reply(220), EHLO, Reply(220), EHLO, *replies(250, 250, 354, 250, 221)])
    assert b"(TLS)" in lines(asked)


# Against our server


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as office:
        office.serve("smtp")
        office.serve("submission")
        yield office


def run(office: Office, dialogue: Dialogue[Any], port: int = 25) -> Any:
    session = DialogueSession(dialogue)
    trust = office.authority.client_context
    going = converse(office.network, office.client(), office.host.address, port, session, trust=trust)
    return office.network.run(going)


@pytest.mark.parametrize("pipelined", [False, True])
@pytest.mark.parametrize("starttls", [None, "mx.example.org"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_submission(office: Office, pipelined: bool, starttls: str | None, mechanism: str) -> None:
    dialogue = submit(
        "client1.example",
        "bob@example.org",
        ["carol@example.net", "nobody@example.org"],
        MESSAGE,
        user="bob@example.org",
        password="secret",
        mechanism=mechanism,
        starttls=starttls,
        pipelined=pipelined,
    )
    delivery = run(office, dialogue, 587)
    assert delivery.reply.text == "Ok: queued as 0000000002"
    assert delivery.refused["nobody@example.org"].enhanced == "5.1.1"
    assert office.accepted[0].data.endswith(MESSAGE)
    assert (b"ESMTPSA" in office.accepted[0].data) == (starttls is not None)


def test_a_wrong_password(office: Office) -> None:
    with pytest.raises(Refused, match=r"AUTH was refused: 535 5\.7\.8"):
        run(office, submit("me", "a@b", ["c@d"], MESSAGE, user="bob@example.org", password="x"), 587)


def test_pipelining_saves_round_trips(office: Office) -> None:
    def seconds(pipelined: bool) -> float:
        start = office.network.now()
        run(office, relay("me", "a@b", ["bob@example.org"] * 5, MESSAGE, pipelined=pipelined))
        return (office.network.now() - start).total_seconds()

    slow, fast = seconds(False), seconds(True)
    assert slow - fast == pytest.approx(6 * 0.04)  # MAIL, five RCPTs and DATA in one round trip
    assert len(office.accepted) == 2


def test_utf8_all_the_way(office: Office) -> None:
    office.store.add_user("böb@example.org", "secret")
    message = "Subject: ü\r\n\r\nä\r\n".encode()
    told = run(office, relay("me", "älice@example.com", ["böb@example.org"], message))
    assert told["böb@example.org"].code == 250
    assert (office.accepted[0].reverse_path, office.accepted[0].body) == ("älice@example.com", "8BITMIME")
