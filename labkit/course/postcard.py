"""A letter with everything in it, for notebook 04: two readings, a picture, a table, another letter."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime

from labkit.message.compose import Attachment, compose

PICTURE = b64decode(
    """
iVBORw0KGgoAAAANSUhEUgAAABgAAAAMCAIAAAD3UuoiAAAAVklEQVR42mOo2PeMKoiBDD2/PmyBIIoMgpuCZtZQNEgkpQkN
YQ8jkawmfKZkNeFC6LEmUtAERFiMAIsTREgGlTVRBTGI1DRRBTGINDVRBTGIdDRRBQEAuWDlbLA0e0sAAAAASUVORK5CYII=
"""
)
"""The sea, 24 by 12 pixels, as a PNG."""

_WEATHER = compose(
    sender="carol@example.net",
    to=["alice@example.com"],
    subject="The weather",
    text="Sun from ten o'clock on.\n",
    date=datetime(2026, 1, 5, 7, 30, tzinfo=UTC),
    message_id="<weather@carol-pc.example.net>",
)
POSTCARD = compose(
    sender="Alice <alice@example.com>",
    to=["bob@example.org"],
    subject="From the sea",
    text="Grüße from the sea!\n",
    html='<p>Grüße from the sea!</p>\n<img src="cid:sea@example.com" alt="The sea">\n',
    related=[Attachment("sea.png", PICTURE, "image/png", content_id="sea@example.com")],
    attachments=[
        Attachment("tides.csv", b"day,high water\r\nMon,09:12\r\nTue,10:01\r\n", "text/csv"),
        Attachment("weather.eml", _WEATHER, "message/rfc822"),
    ],
    date=datetime(2026, 1, 5, 9, tzinfo=UTC),
    message_id="<postcard@alice-pc.example.com>",
)
"""The letter, as Alice's program wrote it."""
