"""The four devices and the internet between them.

world.py        World: domains, users, the clock, and everything that was seen
devices.py      the hosts that people sit at
mail_server.py  the servers, always on
expansion.py    aliases and mailing lists
relay.py        where mail goes next: MX choice, queue, retries
queue.py        what waits to be relayed, and how the store keeps it
bounce.py       the notice of what could not be delivered
faults/         what can go wrong on the way, in mail's words
journey.py      one message through all of it, told in five steps
trials.py       one fault, one protocol, one letter: what becomes of it
week.py         a week of mail, its last step done in one of three ways

Beside programs and servers that are not ours:
serve.py        the servers on real ports
record.py       a recording proxy between any client and any server
fetch.py        new mail from any POP3 server; shelf.py, the files it is put into
"""
