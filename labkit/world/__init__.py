"""The four devices and the internet between them.

devices.py   the hosts that people sit at
mail_server.py  the servers, always on
expansion.py  aliases and mailing lists
relay.py     where mail goes next: MX choice, queue, retries
bounce.py    the notice of what could not be delivered
queue.py     what waits to be relayed, and how the store keeps it
journey.py   one message through all of it, told in five steps
trials.py    one fault, one protocol, one letter: what becomes of it
week.py      a week of mail, its last step done in one of three ways
faults/      what can go wrong on the way, in mail's words
serve.py     the servers on real ports
world.py     World: domains, users, the clock, and everything that was seen
"""
