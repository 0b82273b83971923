"""Addresses: `mailbox` reads what commands carry, `address_list` what header fields carry.

Both give the same values.  `idn` writes a domain for people and for DNS, and `historical` knows
how addresses looked before all hosts were on one network.
"""

from labkit.message.address_list import LIST_RULE, Group, NamedMailbox, parse_address_list
from labkit.message.historical import Historical, recognise
from labkit.message.idn import lookup_domain, shown_domain
from labkit.message.mailbox import (
    NULL_PATH,
    PATH_RULE,
    Mailbox,
    Path,
    parse_mailbox,
    parse_path,
    read_path,
)

__all__ = [
    "LIST_RULE",
    "NULL_PATH",
    "PATH_RULE",
    "Group",
    "Historical",
    "Mailbox",
    "NamedMailbox",
    "Path",
    "lookup_domain",
    "parse_address_list",
    "parse_mailbox",
    "parse_path",
    "read_path",
    "recognise",
    "shown_domain",
]
