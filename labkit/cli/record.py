"""`labkit record`: a recording proxy between any client and any server."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labkit.cli.complaints import complain
from labkit.cli.options import KEEPING, check_capture_name, misused, option

if TYPE_CHECKING:
    from labkit.world.record import Context

BETWEEN = "Between whom"
TLS = "TLS, which passes as it is unless one of these is given"
Service = Literal["smtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps"]


def record(
    to: Annotated[str, option(form="HOST:PORT", help="The server.", rich_help_panel=BETWEEN)],
    listen: Annotated[
        str,
        option(
            form="[ADDRESS:]PORT",
            help="Where clients connect: on 127.0.0.1, unless it says otherwise. 0: any free port.",
            rich_help_panel=BETWEEN,
        ),
    ] = "0",
    service: Annotated[
        Service | None,
        option(
            form="SERVICE", help="What the server is, where its port does not tell.", rich_help_panel=BETWEEN
        ),
    ] = None,
    starttls_strip: Annotated[
        Literal["yes", "no"],
        option(
            "--starttls-strip",
            form="yes|no",
            help="Remove STARTTLS and STLS from what the server offers, as an attacker would.",
            rich_help_panel=TLS,
        ),
    ] = "no",
    tls_listen: Annotated[
        bool,
        typer.Option("--tls-listen", help="TLS from the start with the client.", rich_help_panel=TLS),
    ] = False,
    tls_to: Annotated[
        bool, typer.Option("--tls-to", help="TLS from the start with the server.", rich_help_panel=TLS)
    ] = False,
    ca_file: Annotated[
        Path | None,
        option(
            form="FILE.pem", help="Whom to trust for --tls-to, instead of the system's.", rich_help_panel=TLS
        ),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            "-o",
            "--output",
            form="FILE",
            help="Keep everything when it ends, as .pcap, .pcapng, .jsonl or .parquet; passwords included, "
            "unless --no-secrets.",
            rich_help_panel=KEEPING,
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        option(
            form="KEYLOG",
            help="Put the secrets of TLS that a client logs there (SSLKEYLOGFILE) into the .pcapng.",
            rich_help_panel=KEEPING,
        ),
    ] = None,
    no_secrets: Annotated[
        bool,
        typer.Option(
            "--no-secrets", help="A * for every octet of a secret in the file.", rich_help_panel=KEEPING
        ),
    ] = False,
) -> None:
    """Record what any client and any server say to each other.

    Let the client connect here; every octet goes on to the server, and back.
    Each exchange appears on the terminal as it happens. Ctrl-C ends it.

    [dim]labkit record --listen 2525 --to mail.example.org:25 -o session.pcap[/dim]
    [dim]labkit record --listen 1143 --to imap.example.org:993 --tls-to[/dim]    readable
    [dim]labkit record --listen 2587 --to mail.example.org:587 --starttls-strip yes[/dim]
    [dim]labkit record --listen 2587 --to mail.example.org:587 --keys k.log -o s.pcapng[/dim]
    """
    from labkit.views.terminal import console
    from labkit.views.terminal_talk import tell_said
    from labkit.world import serve
    from labkit.world.record import Route, recording

    if output is not None:
        check_capture_name("--output", output)
        serve.check_writable(output)
    if keys is not None and (no_secrets or output is None or not output.name.endswith(serve.PCAPNG)):
        raise misused("--keys", "it needs an --output that ends in .pcapng, with its secrets")
    for name, said, without in (("--no-secrets", no_secrets, output), ("--ca-file", ca_file, tls_to)):
        if said and not without:
            raise misused(name, f"there is no {'--output' if without is None else '--tls-to'} it could serve")
    host, port = _where(to, "--to", "HOST:PORT")
    if not port:
        raise misused("--to", "there is no port 0 at which a server could be reached")
    address, own_port = _where(
        listen if ":" in listen else f"127.0.0.1:{listen}", "--listen", "[ADDRESS:]PORT"
    )
    with ExitStack() as stack:
        here = _own_context(Path(stack.enter_context(tempfile.TemporaryDirectory()))) if tls_listen else None
        route = Route(
            to=host,
            to_port=port,
            listen=serve.own_address(address),
            listen_port=own_port,
            service=service,
            strip=starttls_strip == "yes",
            tls_listen=here and here[0],
            tls_to=_trust(ca_file) if tls_to else None,
        )
        told = stack.enter_context(serve.told_to_stop())
        recorder = stack.enter_context(recording(route, complain))
        terminal = console()
        terminal.print(
            f"Listening on {recorder.address}:{recorder.port} for {to}.", highlight=False, markup=False
        )
        if here:
            terminal.print(f"CA file {here[1]}", highlight=False, markup=False, soft_wrap=True)
        terminal.print("\nEach exchange appears here as it happens. Ctrl-C ends it.\n", highlight=False)
        for row in serve.heard(recorder.tap, told, recorder.close):
            tell_said(terminal, row, f"{route.spoken or row.protocol or '?'} {row.connection}")
        if output is not None:
            capture = recorder.capture.without_secrets() if no_secrets else recorder.capture
            if keys is not None:
                capture.to_pcap(output, keys=keys)
            else:
                capture.save(output)
            terminal.print(f"The capture is in {output}.", highlight=False, markup=False, soft_wrap=True)


def _where(text: str, option: str, form: str) -> tuple[str, int]:
    """A host, by name or address (one with colons in brackets), and a port."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) <= 65535):
        raise misused(option, f"{text!r} is not {form}")
    return host, int(port)


def _trust(ca_file: Path | None) -> Context:
    from labkit.net.outside import trusting

    context = trusting(ca_file)
    return lambda: context


def _own_context(folder: Path) -> tuple[Context, Path]:
    """TLS towards clients, and the file with the authority they are to trust."""
    from labkit.net.tls import Authority

    authority = Authority()
    file = folder / "ca.pem"
    file.write_bytes(authority.pem)
    return (lambda: authority.server_context([])), file
