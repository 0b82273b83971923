"""`labkit tour`: one message through four devices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from labkit.cli.options import Faults, NetworkName, Output, Retrieve, TourFormat, check_target, option
from labkit.errors import LabError


def tour(
    message: Annotated[
        Path | None, option(form="FILE.eml", help="Send this message instead of the built-in one.")
    ] = None,
    retrieve: Annotated[
        Retrieve, option(form="HOW", help="How Bob fetches his mail: pop3, imap or both.")
    ] = "both",
    network: Annotated[
        NetworkName,
        option(
            form="NETWORK",
            help="simulated: in memory, in virtual time; loopback: real TCP on this machine.",
        ),
    ] = "simulated",
    fault: Faults = None,
    seed: Annotated[int, option(form="N", help="Same seed, same octets (simulated).")] = 0,
    format: Annotated[
        TourFormat,
        option(
            "--format",
            form="FORMAT",
            help="table tells the story; jsonl, csv and parquet give every exchange; pcap the packets.",
        ),
    ] = "table",
    output: Output = None,
) -> None:
    """Follow one message through four devices, command by command.

    Alice's host composes it and submits it to her server. Her server finds
    Bob's by DNS and relays it; Bob's server files it; Bob's host fetches it
    with POP3, and again with IMAP.

    [dim]labkit tour --retrieve pop3[/dim]
    [dim]labkit tour --message letter.eml --format jsonl[/dim]
    [dim]labkit tour --format pcap -o tour.pcap[/dim]    then open it in Wireshark
    [dim]labkit tour --fault cut-before-final-reply@mail.example.org[/dim]    two copies
    """
    from labkit.views.terminal import telling, write_table
    from labkit.views.terminal_talk import tell_step, tell_totals
    from labkit.world.faults import switched_on
    from labkit.world.journey import travel, travellers
    from labkit.world.world import World

    check_target(format, output)
    sent = _message(message) if message else None
    with World(seed, network) as world, switched_on(travellers(world), fault or ()):
        if format == "table":
            with telling(output) as terminal:
                terminal.print("[bold]One message through four devices[/bold]\n")
                began = world.now()
                journey = travel(
                    world,
                    sent,
                    retrieve=retrieve,
                    told=lambda step: tell_step(terminal, step, world.capture),
                )
                tell_totals(terminal, journey, world, (world.now() - began).total_seconds())
        else:
            travel(world, sent, retrieve=retrieve)
            if format == "pcap":
                assert output is not None
                world.capture.to_pcap(output)
            else:
                write_table(world.capture.rows("exchanges"), format, output)


def _message(path: Path) -> bytes:
    from labkit.store.files import read_messages

    messages = list(read_messages(path))
    if len(messages) != 1:
        raise LabError(f"{path} holds {len(messages)} messages, and the tour takes one")
    return messages[0]
