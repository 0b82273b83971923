"""What can go wrong on the way, in mail's words: the catalogue of faults.

    with world.fault(cut_before_final_reply()):
        ...
    with world.fault("latency:0.5@mail.example.org"):
        ...

Each fault is a function that makes a rule (see `labkit.net.faults`); its name says what happens, the
first line of its docstring what that means for mail.  A rule holds everywhere, unless `at` keeps
it to one host.  A rule that counts or draws lots remembers: make a new one for each world.

catalogue.py   the names, and the short form NAME[:ARGUMENTS]@HOST
network.py     the line: slow, narrow, cut, silent
middle.py      somebody on the line, who changes what is said
server.py      a server that cannot do what it is asked
talk.py        follows a conversation: which octets are a command, data, or a reply to what
"""

from labkit.world.faults.catalogue import CATALOGUE, Chosen, Fault, Parameter, at, parse, switched_on
from labkit.world.faults.middle import bare_lf, inject_before_tls, rewrite_line, strip_starttls
from labkit.world.faults.network import (
    bandwidth,
    blackhole,
    coalesce,
    cut_after,
    cut_before_final_reply,
    cut_in_data,
    half_close,
    jitter,
    latency,
    refuse,
    split,
)
from labkit.world.faults.server import (
    bye,
    disk_full,
    mailbox_locked,
    slow_reply,
    temporary_failure,
    transaction_421,
    wrong_reply,
)

__all__ = ["CATALOGUE", "Chosen", "Fault", "Parameter", "at", "parse", "switched_on"]
__all__ += ["bandwidth", "blackhole", "coalesce", "cut_after", "cut_before_final_reply", "cut_in_data"]
__all__ += ["half_close", "jitter", "latency", "refuse", "split"]
__all__ += ["bare_lf", "inject_before_tls", "rewrite_line", "strip_starttls"]
__all__ += ["bye", "disk_full", "mailbox_locked", "slow_reply", "temporary_failure", "transaction_421"]
__all__ += ["wrong_reply"]
