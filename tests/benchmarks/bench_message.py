"""How fast messages and addresses are read, against the standard library and other parsers in the same run.

    python tests/benchmarks/bench_message.py [MESSAGES]

The messages have 20 KiB: a quarter each plain text, twice text and HTML, and that with a PDF.  `scan` finds
every part and its offsets; the other parsers are measured at what they do when asked for a message,
which for the compiled ones includes decoding it.  Those that are not installed are left out:
`pip install fast-mail-parser mail-parser eml-parser flanker-next`, and in a folder of its own
`npm install postal-mime mailparser`, named in LABKIT_NODE_MODULES.
"""

from __future__ import annotations

import email
import inspect
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from base64 import b64encode, encodebytes
from collections.abc import Callable
from email.utils import getaddresses
from importlib import import_module
from pathlib import Path
from typing import Any

from measure import best, show

from labkit.message.address import parse_address_list
from labkit.message.mime import parse

SIZE = 20 * 1024
WORDS = (
    "the",
    "of",
    "to",
    "and",
    "in",
    "is",
    "it",
    "that",
    "he",
    "was",
    "for",
    "on",
    "are",
    "as",
    "with",
    "his",
)
ROUNDS = 5


def text(chance: random.Random, size: int) -> bytes:
    lines: list[str] = []
    while size > 0:
        lines.append(" ".join(chance.choices(WORDS, k=chance.randint(8, 16))))
        size -= len(lines[-1]) + 2
    return "\r\n".join([*lines, ""]).encode()


def leaf(header: str, body: bytes) -> bytes:
    return header.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    line = f"--{boundary}".encode()
    header = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    return header + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


def message(number: int) -> bytes:
    """The same for the same number; no two boundaries, names or texts alike."""
    chance = random.Random(number)
    hops = "".join(
        f"Received: from mx{hop}.example.org (mx{hop}.example.org [192.0.2.{hop}])\r\n"
        f"\tby mail.example.net with ESMTPS id {chance.getrandbits(64):x}\r\n"
        f"\tfor <bob@example.net>; Mon, 05 Jan 2026 09:00:0{hop} +0000\r\n"
        for hop in range(4)
    )
    head = (
        f"{hops}From: Alice <alice@example.org>\r\nTo: Bob <bob@example.net>\r\nSubject: number {number}\r\n"
        f"Date: Mon, 05 Jan 2026 09:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n"
        "MIME-Version: 1.0\r\n"
    ).encode()
    plain = "Content-Type: text/{}; charset=utf-8\nContent-Transfer-Encoding: {}"
    room, kind = SIZE - len(head) - 500, number % 4
    if kind == 0:
        return head + leaf(plain.format("plain", "7bit"), text(chance, room))
    shared = room if kind < 3 else room // 2
    readings = [
        leaf(plain.format("plain", "quoted-printable"), text(chance, shared // 3)),
        leaf(plain.format("html", "7bit"), b"<p>" + text(chance, shared * 2 // 3) + b"</p>\r\n"),
    ]
    both = multipart("alternative", f"----=_Part_{number}_{chance.getrandbits(40)}", readings)
    if kind < 3:
        return head + both
    name = f"report-{number}.pdf"
    disposition = f'Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="{name}"'
    file = encodebytes(chance.randbytes(room * 36 // 100)).replace(b"\n", b"\r\n")
    pdf = leaf(f'Content-Type: application/pdf; name="{name}"\n{disposition}', file)
    return head + multipart("mixed", f"{chance.getrandbits(120):030x}", [both, pdf])


def others() -> dict[str, tuple[Callable[[bytes], Any], int]]:
    """The parsers that are here, and how many messages are enough to measure each."""
    found: dict[str, tuple[Callable[[bytes], Any], int]] = {}
    for name, module, function, enough in (
        ("fast-mail-parser (Rust)", "fast_mail_parser", "parse_email", 10_000),
        ("fast-mail-parser (Rust), tree", "fast_mail_parser", "parse_email_tree", 10_000),
        ("flanker", "flanker.mime", "from_string", 300),
        ("mail-parser", "mailparser", "parse_from_bytes", 100),
        ("eml-parser", "eml_parser", "EmlParser", 50),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call = getattr(import_module(module), function)
            found[name] = (call().decode_email_bytes if name == "eml-parser" else call, enough)
        except ImportError:
            print(f"{name} is not here")
    return found


def per_message(call: Callable[[bytes], Any], messages: list[bytes]) -> Callable[[], float]:
    """Microseconds of processor time: others may be at work on this machine."""

    def measure() -> float:
        before = time.process_time()
        for each in messages:
            call(each)
        return (time.process_time() - before) / len(messages) * 1e6

    return measure


NODE = """
const fs = require('fs'), [, , modules, file] = process.argv;
const found = JSON.parse(fs.readFileSync(file)).map(text => Buffer.from(text, 'base64'));
const parsers = {'postal-mime': m => m.default.parse, 'mailparser': m => m.simpleParser};
(async () => {
  for (const [name, pick] of Object.entries(parsers)) {
    const parse = pick(require(modules + '/' + name));
    let best = Infinity;
    for (let round = 0; round < 6; round++) {
      const before = process.cpuUsage();
      for (const one of found) await parse(one);
      best = Math.min(best, process.cpuUsage(before).user / found.length);
    }
    console.log(name + '\\t' + best);
  }
})();
"""


def on_node(messages: list[bytes]) -> dict[str, float]:
    modules = os.environ.get("LABKIT_NODE_MODULES")
    if not modules:
        print("npm's parsers are not here: LABKIT_NODE_MODULES names no folder")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(folder) / "run.cjs", Path(folder) / "messages.json"
        script.write_text(NODE)
        file.write_text(json.dumps([b64encode(each).decode() for each in messages]))
        said = subprocess.run(
            ["node", script, modules, file], check=True, capture_output=True, text=True
        ).stdout.splitlines()
    return {name: float(took) for name, took in (line.split("\t") for line in said)}


def addresses() -> str:
    """A To field as they come: names, quoted names, bare addresses, encoded words; a comment now and then."""
    people = []
    for number in range(40):
        people += [
            f'"Doe, Jane {number}" <jane.{number}@example.org>',
            f"Bob Smith <bob{number}@mail.example.net>",
            f"carol{number}@example.com",
            f"=?utf-8?q?J=C3=B6rg?= <joerg{number}@example.de>",
        ]
    return ", ".join([*people, "Pete (his friends know) <pete@example.org>"])


def main(count: int = 10_000) -> None:
    messages = [message(number) for number in range(count)]
    print(f"{count} messages of {sum(map(len, messages)) / count / 1024:.1f} KiB")
    peers = others()
    ours, standard, *theirs = best(
        ROUNDS,
        per_message(parse, messages),
        per_message(email.message_from_bytes, messages[:1000]),
        *(per_message(call, messages[:enough]) for call, enough in peers.values()),
    )
    took = {"email": standard, **dict(zip(peers, theirs, strict=True)), **on_node(messages[:200])}
    print(f"{'labkit: scan':60} {ours:8.1f} µs a message")
    for name, peer in took.items():
        print(f"{name:60} {peer:8.1f} µs a message")
    show(
        (f"scan, times as fast as {name}", peer / ours, ">= 5" if name == "email" else ">= 1")
        for name, peer in took.items()
    )
    listed = addresses()
    strict = {"strict": True} if "strict" in inspect.signature(getaddresses).parameters else {}
    quick, slow = best(
        ROUNDS,
        per_message(lambda value: parse_address_list(value), [listed.encode()] * 20),
        per_message(lambda value: getaddresses([value.decode()], **strict), [listed.encode()] * 20),
    )
    print(f"{'labkit: a list of 161 addresses':60} {quick:8.1f} µs")
    print(f"{'email.utils.getaddresses' + (', strict' if strict else ''):60} {slow:8.1f} µs")
    show([("an address list, times as fast as getaddresses", slow / quick, ">= 5")])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
