"""Record sessions of real mail software: Postfix and Dovecot, and seven programs that talk to them.

    python datasets/record_sessions.py [FOLDER [SESSION ...]]

Each session is seen by tcpdump on the loopback interface of a network of its own (real_servers.py).
Where the client can write down its TLS secrets, they are put into the file, a pcapng, so that
it can be read.  Times, identifiers and ciphertext differ from one run to the next; what is said does not.
Needs root and the programs of `make programs`; a session whose program is missing is left as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from real_servers import (
    PATH,
    PORTS,
    RECIPIENT,
    SENDER,
    USERS,
    dovecot,
    make_certificate,
    make_network,
    postfix,
    sniffing,
    until_queue_is_empty,
)

LONGEST = 60  # seconds
BOB = "bob@example.org"
PASSWORD = USERS[BOB]
POP3, IMAP = f"pop3://{'mail.example.org'}", f"imap://{'mail.example.org'}"


@dataclass
class Session:
    """What is recorded: `talk` does it; `programs` must be there; `tls` is Postfix's as a client."""

    name: str
    talk: Callable[[Lab], None]
    programs: tuple[str, ...]
    tls: str
    keys: bool  # the client writes them to $SSLKEYLOGFILE


@dataclass
class Lab:
    """Where a session happens."""

    folder: Path
    mail: Path
    sender: Path  # configurations of the two Postfixes
    recipient: Path

    def run(self, *words: str, text: str = "", fails: bool = False) -> str:
        """A client, whose home is the folder."""
        env = {"PATH": PATH, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TERM": "vt100"}
        env["SSLKEYLOGFILE"] = str(self.folder / "keys")
        done = subprocess.run(
            words,
            input=text,
            env=env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        if bool(done.returncode) != fails:
            raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def relayed(self) -> None:
        """Wait until both servers have nothing more to do."""
        for each in (self.sender, self.recipient, self.sender):
            until_queue_is_empty(each)


SESSIONS: list[Session] = []


def session(
    *programs: str, tls: str = "none", keys: bool = False
) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
    def enter(talk: Callable[[Lab], None]) -> Callable[[Lab], None]:
        name = f"{talk.__name__.replace('_', '-')}.pcap{'ng' * keys}"
        SESSIONS.append(Session(name, talk, programs, tls, keys))
        return talk

    return enter


def letters() -> list[EmailMessage]:
    """What lies in Bob's INBOX, and what is sent: plain text, other alphabets, an attachment."""
    made = []
    for number, (subject, text) in enumerate(
        (
            ("Lunch on Friday", "Dear Bob,\n\nlunch on Friday?\n.\n..and a walk.\n\nAlice\n"),
            ("Grüße aus Zürich", "Lieber Bob,\n\nschöne Grüße.\n"),
            ("The plan", "Dear Bob,\n\nthe plan is attached.\n"),
        ),
        1,
    ):
        letter = EmailMessage(policy=SMTP)
        letter["From"], letter["To"], letter["Subject"] = "Alice <alice@example.com>", f"Bob <{BOB}>", subject
        letter["Date"] = f"Mon, 05 Jan 2026 09:0{number}:00 +0000"
        letter["Message-ID"] = f"<letter{number}@alice-pc.example.com>"
        letter.set_content(text, cte="quoted-printable" if not text.isascii() else "7bit")
        if number == 3:
            letter.add_attachment(bytes(range(256)) * 12, "application", "octet-stream", filename="plan.bin")
            letter.set_boundary("=-the-plan-")
        made.append(letter)
    return made


def sendmail(lab: Lab, *recipients: str, letter: EmailMessage) -> None:
    """Hand a letter to the sender's Postfix on its own host."""
    words = ("sendmail", "-i", "-C", str(lab.sender), "-f", "alice@example.com", *recipients)
    lab.run(*words, text=letter.as_string().replace("\r\n", "\n"))


@session("postfix")
def postfix_relay(lab: Lab) -> None:
    one, two, three = letters()
    sendmail(lab, BOB, letter=one)
    sendmail(lab, BOB, "nobody@example.org", letter=two)
    sendmail(lab, BOB, letter=three)
    lab.relayed()


@session("postfix", tls="may")
def postfix_relay_starttls(lab: Lab) -> None:
    sendmail(lab, BOB, letter=letters()[0])
    lab.relayed()


SWAKS = (
    "swaks",
    "--from",
    "alice@example.com",
    "--helo",
    "alice-pc.example.com",
    "--header",
    "Message-Id: <{}>",
)


@session("swaks")
def swaks_smtp(lab: Lab) -> None:
    """A letter, pipelined; two recipients of whom one is unknown; whether it is an open relay; logins."""
    to = (*SWAKS[:5], "--server", "mail.example.org")
    lab.run(*to, "--to", BOB, "--pipeline", "--header", "Subject: Pipelined")
    lab.run(*to, "--to", f"{BOB},nobody@example.org", "--header", "Subject: Half of it")
    lab.run(*to, "--to", "victim@example.net", fails=True)
    home = (
        *SWAKS[:5],
        "--server",
        "mail.example.com",
        "--port",
        "587",
        "--to",
        BOB,
        "--auth-user",
        "alice@example.com",
    )
    lab.run(*home, "--auth", "LOGIN", "--auth-password", USERS["alice@example.com"])
    lab.run(*home, "--auth", "PLAIN", "--auth-password", "wrong", fails=True)
    lab.run(*home, "--auth", "CRAM-MD5", "--auth-password", USERS["alice@example.com"])
    lab.relayed()


def msmtp(lab: Lab, *more: str) -> None:
    settings = ["defaults", "account default", "host mail.example.com", "port 587", "from alice@example.com"]
    settings += ["domain alice-pc.example.com", "auth plain", "user alice@example.com"]
    settings += [f"password {USERS['alice@example.com']}", *more]
    file = lab.file("msmtprc", "\n".join(settings) + "\n")
    lab.run("msmtp", "-C", file, BOB, text=letters()[0].as_string().replace("\r\n", "\n"))


@session("msmtp", keys=True)
def msmtp_starttls(lab: Lab) -> None:
    msmtp(lab, "tls on", "tls_starttls on", f"tls_trust_file {lab.folder}/ca.pem")
    lab.relayed()


@session("msmtp", "fetchmail")
def real_journey(lab: Lab) -> None:
    """One letter through four devices: msmtp, two Postfixes, Dovecot, fetchmail."""
    shutil.rmtree(lab.mail / BOB)
    msmtp(lab, "tls off")
    lab.relayed()
    fetchmail_pop3(lab)


@session("fetchmail")
def fetchmail_pop3(lab: Lab) -> None:
    poll = f"poll mail.example.org protocol pop3 user '{BOB}' password '{PASSWORD}'"
    poll += " sslproto '' nokeep fetchall\n"
    lab.run(
        "fetchmail",
        "-f",
        lab.file("fetchmailrc", poll),
        "--mda",
        "cat >/dev/null",
        "--nosyslog",
        "--norewrite",
    )


@session("mpop", keys=True)
def mpop_stls(lab: Lab) -> None:
    settings = ["account default", "host mail.example.org", f"user {BOB}", f"password {PASSWORD}", "keep on"]
    settings += [
        "tls on",
        "tls_starttls on",
        f"tls_trust_file {lab.folder}/ca.pem",
        "delivery mbox /dev/null",
    ]
    settings += [f"uidls_file {lab.folder}/uidls"]
    lab.run("mpop", "-C", lab.file("mpoprc", "\n".join(settings) + "\n"))


CURL = ("curl", "-q", "-sS", "--max-time", "30", "--user", f"{BOB}:{PASSWORD}")


@session("curl")
def curl_pop3(lab: Lab) -> None:
    for words in (("/",), ("/2",), ("/", "--request", "TOP 1 2"), ("/", "--request", "UIDL")):
        lab.run(*CURL, POP3 + words[0], *words[1:])
    lab.run(*CURL[:-1], f"{BOB}:wrong", POP3 + "/", fails=True)


@session("curl", keys=True)
def curl_imap_starttls(lab: Lab) -> None:
    trust = ("--ssl-reqd", "--cacert", f"{lab.folder}/ca.pem")
    for path in ("/", "/INBOX?ALL", "/INBOX;UID=1", "/INBOX;UID=3/;SECTION=HEADER"):
        lab.run(*CURL, *trust, IMAP + path)
    lab.run(*CURL, *trust, IMAP + "/INBOX", "--request", "STORE 1 +FLAGS \\Seen")


@session("mbsync")
def mbsync_imap(lab: Lab) -> None:
    """Twice: everything, and then nothing new."""
    local = lab.folder / "isync"
    local.mkdir()
    settings = ["IMAPAccount bob", "Host mail.example.org", f"User {BOB}", f"Pass {PASSWORD}", "SSLType None"]
    settings += [
        "AuthMechs LOGIN",
        "",
        "IMAPStore far",
        "Account bob",
        "",
        "MaildirStore near",
        f"Path {local}/",
    ]
    settings += [f"Inbox {local}/INBOX", "SubFolders Verbatim", "", "Channel bob", "Far :far:", "Near :near:"]
    settings += ["Patterns *", "Create Near", "SyncState *", ""]
    for _ in range(2):
        lab.run("mbsync", "-c", lab.file("mbsyncrc", "\n".join(settings)), "bob")


@session("offlineimap")
def offlineimap_imap(lab: Lab) -> None:
    settings = "[general]\naccounts = bob\nui = quiet\n"
    settings += "[Account bob]\nlocalrepository = near\nremoterepository = far\n"
    settings += f"[Repository near]\ntype = Maildir\nlocalfolders = {lab.folder}/offline\n[Repository far]\n"
    settings += (
        "type = IMAP\nremotehost = mail.example.org\nssl = no\nstarttls = no\nauth_mechanisms = PLAIN\n"
    )
    settings += f"remoteuser = {BOB}\nremotepass = {PASSWORD}\n"
    lab.run("offlineimap", "-o", "-c", lab.file("offlineimaprc", settings))


@session("neomutt", "script", keys=True)
def neomutt_imap_starttls(lab: Lab) -> None:
    """Opens INBOX, reads the first letter, flags it, leaves."""
    settings = [f"set folder=imap://{BOB.replace('@', '%40')}@mail.example.org/", "set spoolfile=+INBOX"]
    settings += [
        f"set imap_user={BOB}",
        f"set imap_pass={PASSWORD}",
        "set ssl_starttls=yes",
        "set ssl_force_tls=yes",
    ]
    settings += [f"set certificate_file={lab.folder}/ca.pem", "unset ssl_usesystemcerts", "set mail_check=0"]
    settings += [
        "set wait_key=no",
        "set quit=yes",
        'push "<first-entry><flag-message><display-message><exit><quit>"',
    ]
    file = lab.file("muttrc", "\n".join(settings) + "\n")
    lab.run("script", "-qec", f"neomutt -n -F {file}", "/dev/null")


@session(keys=True)
def imapclient_starttls(lab: Lab) -> None:
    program = f"""
import ssl
from imapclient import IMAPClient
with IMAPClient("mail.example.org", ssl=False, timeout=30) as imap:
    imap.starttls(ssl.create_default_context(cafile={str(lab.folder / "ca.pem")!r}))
    imap.login({BOB!r}, {PASSWORD!r})
    imap.id_({{"name": "IMAPClient"}})
    imap.select_folder("INBOX")
    found = imap.search(["UNSEEN"])
    imap.fetch(found, ["FLAGS", "ENVELOPE", "BODYSTRUCTURE"])
    imap.fetch(found[-1:], ["BODY[]"])
    imap.append("Sent", b"Subject: Re: The plan\\r\\n\\r\\nFine.\\r\\n", ["\\\\Seen"])
    imap.idle()
    imap.idle_done()
    imap.move(found[:1], "Sent")
"""
    lab.run(sys.executable, "-c", program)


def record(each: Session, target: Path) -> None:
    """Set everything up, let the session happen, and keep what was seen."""
    with tempfile.TemporaryDirectory(prefix="datasets-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        make_network(folder)
        make_certificate(folder)
        mail = folder / "mail"
        inbox = mail / BOB / "new"
        for kind in ("new", "cur", "tmp"):
            (mail / BOB / kind).mkdir(parents=True)
        for number, letter in enumerate(letters(), 1):
            (inbox / f"176760{number}000.letter{number}.mail").write_bytes(
                letter.as_bytes().replace(b"\r\n", b"\n")
            )
        for path in (mail, *mail.rglob("*")):
            shutil.chown(path, "dovecot", "dovecot")
        stack.enter_context(dovecot(folder, mail))
        sender = stack.enter_context(postfix(folder, "sender", SENDER, mail, tls=each.tls))
        recipient = stack.enter_context(postfix(folder, "recipient", RECIPIENT, mail))
        with sniffing(folder / "seen.pcap"):
            each.talk(Lab(folder, mail, sender, recipient))
        if each.keys:
            secrets = f"tls,{folder / 'keys'}"
            subprocess.run(
                ["editcap", "--inject-secrets", secrets, folder / "seen.pcap", folder / "out"],
                env={"PATH": PATH},
                check=True,
            )
        shutil.copyfile(folder / ("out" if each.keys else "seen.pcap"), target / each.name)


def main() -> int:
    words = sys.argv[1:]
    if words[:1] == ["--inside"]:  # a network of its own
        record(next(each for each in SESSIONS if each.name == words[2]), Path(words[1]))
        return 0
    target = Path(words[0] if words else Path(__file__).parent).resolve()
    basic = ("unshare", "ip", "tcpdump", "editcap", "postfix", "dovecot")
    for each in SESSIONS:
        if words[1:] and each.name.partition(".")[0] not in words[1:]:
            continue
        missing = [
            program for program in (*basic, *each.programs) if shutil.which(program, path=PATH) is None
        ]
        if missing or os.geteuid():
            print(
                f"{each.name} stays as it is: {f'there is no {missing[0]}' if missing else 'this needs root'}"
            )
            continue
        isolated = ["unshare", "--net", "--uts", "--mount", sys.executable, __file__, "--inside", str(target)]
        if subprocess.run([*isolated, each.name], check=False, env={**os.environ, "PATH": PATH}).returncode:
            return 1
        print(f"{each.name}: {(target / each.name).stat().st_size} octets, ports {PORTS[0]} and others")
    return 0


if __name__ == "__main__":
    sys.exit(main())
