"""Postfix and Dovecot in a network of their own, for `record_sessions.py`.

Everything happens in a new network namespace, whose loopback interface has the addresses of
documentation (RFC 5737), so that the servers have their true ports and nothing of the machine is touched.
Needs root, for that and because the servers change their users.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

ALICE_PC, BOB_PC, SENDER, RECIPIENT = "192.0.2.10", "198.51.100.10", "192.0.2.25", "198.51.100.25"
HOSTS = {
    ALICE_PC: "alice-pc.example.com",
    SENDER: "mail.example.com",
    BOB_PC: "bob-pc.example.org",
    RECIPIENT: "mail.example.org",
}
USERS = {"alice@example.com": "correct-horse", "bob@example.org": "battery-staple"}
PORTS = (25, 587, 110, 143, 993, 995)
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

DOVECOT = """
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
protocols = pop3 imap
listen = {address}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
mail_location = maildir:{mail}/%u
first_valid_uid = 1
login_greeting = Dovecot ready.
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={mail}/%u
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
"""

POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/{name}/spool
data_directory = {folder}/{name}/data
maillog_file = {folder}/{name}/log
maillog_file_prefixes = {folder}
myhostname = {host}
mydestination =
mynetworks = 192.0.2.0/24
inet_interfaces = {address}
inet_protocols = ipv4
smtp_bind_address = {address}
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtp_tls_security_level = {tls}
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/server.pem
transport_maps = inline:{{ {other}=smtp:[mail.{other}] }}
alias_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{ alice@example.com=alice@example.com/ bob@example.org=bob@example.org/ }}
virtual_mailbox_base = {mail}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
"""
MASTER = """
smtp       inet n - n - -    smtpd
submission inet n - n - -    smtpd
  -o smtpd_sasl_auth_enable=yes
pickup     unix n - n 60 1   pickup
cleanup    unix n - n - 0    cleanup
qmgr       unix n - n 300 1  qmgr
tlsmgr     unix - - n 1000? 1 tlsmgr
rewrite    unix - - n - -    trivial-rewrite
bounce     unix - - n - 0    bounce
defer      unix - - n - 0    bounce
trace      unix - - n - 0    bounce
verify     unix - - n - 1    verify
proxymap   unix - - n - -    proxymap
smtp       unix - - n - -    smtp
error      unix - - n - -    error
retry      unix - - n - -    error
virtual    unix - n n - -    virtual
anvil      unix - - n - 1    anvil
scache     unix - - n - 1    scache
postlog    unix-dgram n - n - 1 postlogd
"""


def command(*words: str) -> None:
    """Run a program that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, env={"PATH": PATH}, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")


def make_network(folder: Path) -> None:
    """The addresses of the hosts on the loopback interface, and their names."""
    command("ip", "link", "set", "lo", "up")
    for address in HOSTS:
        command("ip", "address", "add", f"{address}/32", "dev", "lo")
    for server, client in ((SENDER, ALICE_PC), (RECIPIENT, BOB_PC)):  # whence one connects to a server
        command("ip", "route", "change", "table", "local", "local", server, "dev", "lo", "src", client)
    command("hostname", HOSTS[ALICE_PC])
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{a} {n}\n" for a, n in HOSTS.items()))
    command("mount", "--bind", str(hosts), "/etc/hosts")


def make_certificate(folder: Path) -> None:
    """server.pem for all the names, and ca.pem, which is to be trusted."""
    authority = trustme.CA()
    issued = authority.issue_cert(*HOSTS.values())
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")


@contextmanager
def dovecot(folder: Path, mail: Path) -> Iterator[None]:
    """POP3 and IMAP for bob at mail.example.org; logins for both Postfixes."""
    users = folder / "users"
    users.write_text("".join(f"{user}:{{PLAIN}}{password}::::::\n" for user, password in USERS.items()))
    config = folder / "dovecot.conf"
    config.write_text(DOVECOT.format(folder=folder, mail=mail, address=RECIPIENT))
    process = subprocess.Popen(["dovecot", "-F", "-c", str(config)], env={"PATH": PATH})
    try:
        until_it_listens(RECIPIENT, 143)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def postfix(folder: Path, name: str, address: str, mail: Path, *, tls: str = "none") -> Iterator[Path]:
    """An instance of Postfix with folders of its own; gives that of its configuration."""
    config = folder / name
    for each in ("spool", "data"):
        (config / each).mkdir(parents=True)
    shutil.chown(config / "data", "postfix")
    host = HOSTS[address]
    about = mail.stat()
    values = dict(folder=folder, name=name, host=host, address=address, tls=tls, mail=mail)
    domain = host.partition(".")[2]
    other = "example.org" if domain == "example.com" else "example.com"
    values |= {"domain": domain, "other": other, "uid": about.st_uid, "gid": about.st_gid}
    (config / "main.cf").write_text(POSTFIX.format(**values))
    (config / "master.cf").write_text(MASTER)
    command("postfix", "-c", str(config), "start")
    try:
        until_it_listens(address, 25)
        yield config
    finally:
        command("postfix", "-c", str(config), "stop")


def until_queue_is_empty(config: Path) -> None:
    """Wait until Postfix has handed on all it was given."""
    for _ in range(200):
        waiting = [
            f for kind in ("maildrop", "incoming", "active") for f in (config / "spool" / kind).rglob("*")
        ]
        if not any(file.is_file() for file in waiting):
            time.sleep(0.3)  # until its last connection is closed
            return
        time.sleep(0.1)
    raise RuntimeError(f"mail is left in the queue: {(config / 'log').read_text()}")


def until_it_listens(address: str, port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection((address, port), 5) as sock:
            if sock.recv(100):
                sock.sendall(b"QUIT\r\n" if port == 25 else b"a LOGOUT\r\n")
                while sock.recv(100):
                    pass
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody answers on port {port} of {address}")


@contextmanager
def sniffing(file: Path) -> Iterator[None]:
    """tcpdump on the loopback interface, mail's ports only."""
    ports = " or ".join(f"tcp port {port}" for port in PORTS)
    # Each packet takes a slot of the snapshot's length: with tcpdump's own 2 MiB only eight could wait.
    room = ["-s", "65535", "-B", "131072"]
    words = ["tcpdump", "-i", "lo", *room, "-U", "--immediate-mode", "-Z", "root", "-w", str(file), ports]
    with subprocess.Popen(words, stderr=subprocess.PIPE, env={"PATH": PATH}) as sniffer:
        assert sniffer.stderr is not None
        while b"listening on" not in sniffer.stderr.readline():
            if sniffer.poll() is not None:
                raise RuntimeError("tcpdump does not run")
        try:
            yield
            time.sleep(0.5)  # the last packets
        finally:
            sniffer.terminate()
