"""Images with and without words."""

from __future__ import annotations

import pytest
from support.notebooks import shown

from labkit.course.validation.pictures import in_output, in_prose, without_words


@pytest.mark.parametrize(
    "html",
    [
        '<img src="a.png" alt="a way">',
        '<img src="a.png" aria-hidden="true">',
        '<svg aria-label="a way"></svg>',
        "<svg><title>a way</title><g><svg></svg></g></svg>",
        '<svg role="presentation"/>',
        '<svg aria-hidden="true"><title></title></svg>',
        "no image",
    ],
)
def test_images_with_words(html: str) -> None:
    assert without_words(html) == []


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<img src="a.png">', ["the image a.png"]),
        ('<img src="a.png" alt=" "><img src="b.png"/>', ["the image a.png", "the image b.png"]),
        ("<svg><g><title>of a part</title></g></svg>", ["a drawing (svg)"]),
        ("<svg><circle/></svg><svg><title>x</title></svg><svg/>", 2 * ["a drawing (svg)"]),
        ("<svg><path>", []),  # cut off: nobody draws it
    ],
)
def test_images_without(html: str, found: list[str]) -> None:
    assert without_words(html) == found


def test_in_prose() -> None:
    text = "![](a.png) ![words](b.png) `![](c.png)`\n```\n![](d.png)\n```\n<img src='e.png'>"
    assert list(in_prose(text)) == ["the image a.png", "the image e.png"]


def test_in_outputs() -> None:
    figure = shown(image_png="aaaa", text_plain="<Figure size 640x480 with 1 Axes>")
    assert list(in_output(figure)) == ["an image/png"]
    figure.metadata["image/png"] = {"alt": "a curve that falls"}
    assert list(in_output(figure)) == []
    assert list(in_output(shown(image_jpeg="aaaa", text_plain="a curve that falls"))) == []
