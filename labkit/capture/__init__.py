"""What was seen: a tape of every connection, whether it came off the wire of a lab or out of a file.

stream.py      one direction: contiguous octets, and when each of them was seen
tape.py        the flows of a capture; follows a live tap as it grows
"""
