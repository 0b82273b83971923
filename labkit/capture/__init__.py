"""What was seen: a tape of every connection, whether it came off the wire of a lab or out of a file.

stream.py         one direction: contiguous octets, and when each of them was seen
tape.py           the flows of a capture; follows a live tap as it grows
changes.py        what faults did to octets on their way, as a live tap knows it
pcap.py           read a capture file into a tape; write.py, a tape into one

Under `pcap.read`, from the file upwards, in columns:
source.py         a path, pipe or file object, compressed or not, as octets
windows.py        a file of any size: one window of it after the other
frames.py         the packets in them: classic pcap (strides.py); pcapng.py, the newer format
packets.py        link, IP and transport headers; fragments.py, IP fragments
conversations.py  whose packets are whose, and who is the client
closing.py        when a connection is over
reassembly.py     segments to contiguous octets
hello.py          where TLS begins; proxy.py, what a proxy says before anybody else
assembly.py       all that, window by window; ended.py, what is over, in columns; flows.py, as flows

keys.py and tls/: what was said inside TLS, for who has its keys.  inflate.py: behind COMPRESS.
live.py: flows that grow with each packet, as from `tcpdump -w -`.

write.py: the packets that would have carried a tape's octets.
archive.py: labkit's own captures, a whole tape as JSON Lines or Parquet.
files.py: a file appears when it is whole, and not before.
"""
