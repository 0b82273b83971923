"""How octets travel: hosts, links, names, time, TLS.  Knows `asyncio.Protocol` and nothing of mail.

The two networks answer the same calls (`network.Network`): `simulated.py` in memory and virtual time
(with `clock.py`, the loop, and `pipe.py`, the connections), `loopback.py` on real TCP.  `link.py` is the
way between two simulated hosts, `tcp.py` and `udp.py` are one end on real sockets, `outside.py` a
connection to somebody's real server.  `tap.py` holds what was on the wire; `wire.py` puts the tap, and
TLS, between a transport and a protocol.  `session.py` is the contract of sans-IO sessions, `driver.py`
runs them.  `sockets.py` is the blocking socket for the standard library's clients, `dns.py` the names,
`tls.py` the lab's certificate authority, `faults.py` what can be done to octets on their way,
`meddling.py` does it.
"""
