"""Sends a newsletter, and says who could not be reached.  It knows nothing of labkit."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterable
from email.message import EmailMessage


def letter(subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "news@example.net"
    message["To"] = "readers:;"
    message["Subject"] = subject
    message.set_content(text)
    return message


def send(server: smtplib.SMTP, message: EmailMessage, readers: Iterable[str]) -> dict[str, tuple[int, bytes]]:
    """One copy to all; returns the readers whom the server refused, and why."""
    return server.send_message(message, "news@example.net", list(readers))


def send_by(
    host: str, port: int, message: EmailMessage, readers: Iterable[str], trust: ssl.SSLContext
) -> dict[str, tuple[int, bytes]]:
    """The same, over a connection of its own and under TLS."""
    with smtplib.SMTP(host, port, "news.example.net") as server:
        server.starttls(context=trust)
        return send(server, message, readers)
