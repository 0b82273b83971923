from __future__ import annotations

from labkit.views.markup import Markup, el, join, prose


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = el("b", "<script>")
    assert el("p", inner, " & ", class_="x", hidden=True, title=None) == (
        '<p class="x" hidden=""><b>&lt;script&gt;</b> &amp; </p>'
    )


def test_attributes_cannot_be_left() -> None:
    assert el("a", title='"><script>') == '<a title="&quot;&gt;&lt;script&gt;"></a>'


def test_numbers_are_short_and_empty_shapes_closed() -> None:
    assert el("rect", x=1.5, y=2.0, stroke_width=3) == '<rect x="1.5" y="2" stroke-width="3"/>'


def test_controls_become_visible_but_lines_stay() -> None:
    assert join(["a\x07\nb", Markup("<br/>")]) == "a\\x07\nb<br/>"


def test_prose_has_paragraphs_and_code() -> None:
    assert prose("One `<b>`\nline.\n\nTwo.") == "<p>One <code>&lt;b&gt;</code> line.</p><p>Two.</p>"


def test_an_indented_paragraph_is_code() -> None:
    assert prose("Try\n\n    a = 1\n      b < 2\n\nthen.") == (
        "<p>Try</p><pre>a = 1\n  b &lt; 2</pre><p>then.</p>"
    )
