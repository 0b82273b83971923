"""What addresses once looked like: each form by its name, none of them taken for an address of today."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.message.historical import recognise

FORMS = [
    ("<@hosta.int,@jkl.org:userc@d.bar.org>", "source route", "userc", ("hosta.int", "jkl.org", "d.bar.org")),
    ("@relay.example:a@b.example", "source route", "a", ("relay.example", "b.example")),
    ("ihnp4!seismo!mcvax!piet", "bang path", "piet", ("ihnp4", "seismo", "mcvax")),
    ("mcvax!piet@seismo.css.gov", "bang path at a domain", "piet", ("seismo.css.gov", "mcvax")),
    ("user%node.bitnet@cunyvm.cuny.edu", "percent hack", "user", ("cunyvm.cuny.edu", "node.bitnet")),
    ("a%b%c@d", "percent hack", "a", ("d", "c", "b")),
    ("VAXA::SMITH", "DECnet address", "SMITH", ("VAXA",)),
    ("/G=Ann/S=Lee/O=Lab/PRMD=x/ADMD=y/C=gb/@gate.example", "X.400 address", "Ann Lee", ("gate.example",)),
    ("piet@mcvax.UUCP", "UUCP host", "piet", ("mcvax.UUCP",)),
    ("JOHN@CUNYVM.BITNET", "BITNET host", "JOHN", ("CUNYVM.BITNET",)),
    ("a@b.EARN", "BITNET host", "a", ("b.EARN",)),
    ("a@udel.csnet", "CSNET host", "a", ("udel.csnet",)),
    ("Postel@isif.ARPA", "ARPANET host", "Postel", ("isif.ARPA",)),
    ("a@node.dnet", "DECnet host", "a", ("node.dnet",)),
    ("Ann.Lee@p3.f42.n250.z2.fidonet.org", "FidoNet node", "Ann.Lee", ("2:250/42.3",)),
    ("ann@uk.ac.ucl.cs", "JANET name", "ann", ("cs.ucl.ac.uk",)),
    ("Smith at MIT-AI", "at in words", "Smith", ("MIT-AI",)),
]


@pytest.mark.parametrize(("text", "name", "user", "route"), FORMS)
def test_form(text: str, name: str, user: str, route: tuple[str, ...]) -> None:
    found = recognise(text)
    assert found is not None
    assert (found.name, found.user, found.route) == (name, user, route)
    assert found.sentence.endswith(".")


@pytest.mark.parametrize(
    "text", ["alice@example.org", "<bob@example.net>", "postmaster", "", "<>", "a@b@c", "@x"]
)
def test_no_form_of_the_past(text: str) -> None:
    assert recognise(text) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["a!", "a%", "a::", "/a=b", "@a,", "a at ", "a-"])
def test_long_ones_cost_linear_time(unit: str) -> None:
    recognise(unit * 20_000 + "\n")


@given(st.text("ab!%:@/=. <>-\n"))
def test_any_text_is_recognised_or_not(text: str) -> None:
    recognise(text)
