"""The one stylesheet of all views, in parts, so that each picture carries only what it needs.

Colours come from JupyterLab's own variables, with fallbacks for pages without it; the
accents are chosen from the Okabe-Ito set, which colour-blind readers tell apart, and
darkened or lightened until text in them has a contrast of 4.5 to 1.  A colour never says
anything that a sign, a word or the kind of line does not say as well.
"""

from __future__ import annotations

from labkit.views.markup import Markup
from labkit.views.words import exchange_class

SANS = "var(--jp-content-font-family, system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif)"
MONO = "var(--jp-code-font-family, ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace)"

_LIGHT = """
--lk-ink: var(--jp-content-font-color1, #1b1f24); --lk-dim: #5a626b; --lk-paper: var(--jp-layout-color0,
#fff);
--lk-card: var(--jp-layout-color1, #fff); --lk-band: #eef1f4; --lk-rule: #c3cad1;
--lk-client: #005a9c; --lk-server: #00684a; --lk-bad: #a63c00; --lk-warn: #7a5200; --lk-tls: #7b3f74;
--lk-client-soft: #e3f0fa; --lk-server-soft: #e0f3ec; --lk-bad-soft: #fbe9df; --lk-warn-soft: #faf0d7;
--lk-tls-soft: #f4e9f2;"""
_DARK = """
--lk-ink: var(--jp-content-font-color1, #e6e9ec); --lk-dim: #a3adb8; --lk-paper: var(--jp-layout-color0,
#111418);
--lk-card: var(--jp-layout-color1, #1b1f24); --lk-band: #2a3038; --lk-rule: #4b5661;
--lk-client: #7cc0f2; --lk-server: #5fd0a8; --lk-bad: #ffa06b; --lk-warn: #f0c35a; --lk-tls: #dda3d5;
--lk-client-soft: #12304a; --lk-server-soft: #0f3a2d; --lk-bad-soft: #46230f; --lk-warn-soft: #3d2f0b;
--lk-tls-soft: #38243a;"""

_BASE = f"""
.lk {{{_LIGHT}
color: var(--lk-ink); font: 14px/1.5 {SANS}; }}
@media (prefers-color-scheme: dark) {{ svg.lk:root, body:not([data-jp-theme-light]) .lk {{{_DARK}
}} }}
[data-jp-theme-light="false"] .lk {{{_DARK}
}}
"""

_PARTS = {
    "svg": f"""
svg.lk-svg {{ display: block; width: 100%; height: auto; }}
.lk-svg text {{ font: 13px {SANS}; fill: var(--lk-ink); }}
.lk-svg .lk-mono {{ font: 12.5px {MONO}; }}
.lk-svg .lk-small {{ font-size: 11.5px; }}
.lk-svg .lk-dim {{ fill: var(--lk-dim); }}
.lk-svg .lk-strong {{ font-weight: 600; }}
.lk-svg .lk-halo {{ paint-order: stroke; stroke: var(--lk-paper); stroke-width: 5px; stroke-linejoin:
round; }}
.lk-svg .lk-halo-tls {{ paint-order: stroke; stroke: var(--lk-tls-soft); stroke-width: 4px; }}
.lk-svg .lk-box {{ fill: var(--lk-card); stroke: var(--lk-rule); stroke-width: 1.2; }}
.lk-svg .lk-band {{ fill: var(--lk-band); }}
.lk-svg .lk-line {{ stroke: var(--lk-dim); fill: none; stroke-width: 1.2; }}
.lk-client-ink {{ color: var(--lk-client); }} .lk-server-ink {{ color: var(--lk-server); }}
.lk-bad-ink {{ color: var(--lk-bad); }} .lk-warn-ink {{ color: var(--lk-warn); }} .lk-dim-ink {{ color:
var(--lk-dim); }}
.lk-svg .lk-stroke {{ stroke: currentColor; fill: none; stroke-width: 1.6; }}
.lk-svg .lk-fill {{ fill: currentColor; }}
.lk-svg text.lk-fill {{ fill: currentColor; }}
.lk-svg .lk-dashed {{ stroke-dasharray: 5 4; }} .lk-svg .lk-dotted {{ stroke-dasharray: 2 4; }}
""",
    "ladder": """
.lk-svg .lk-life { stroke: var(--lk-rule); stroke-width: 1.5; }
.lk-svg .lk-tls { fill: var(--lk-tls-soft); stroke: var(--lk-tls); stroke-width: 1; stroke-dasharray: 1 3; }
.lk-svg text.lk-tls-word { fill: var(--lk-tls); font-weight: 600; font-size: 11.5px; }
.lk-svg .lk-wait { stroke: var(--lk-client); stroke-width: 3; stroke-opacity: .45; }
.lk-svg .lk-late { stroke: var(--lk-bad); stroke-opacity: .9; stroke-dasharray: 6 2; }
.lk-svg text.lk-late-word { fill: var(--lk-bad); font-weight: 700; }
.lk-svg .lk-flaw { fill: var(--lk-bad); font-weight: 700; }
.lk-svg .lk-hit { fill: transparent; stroke: none; stroke-width: 1.5; }
.lk-svg .lk-hit.lk-chosen { fill: var(--lk-client-soft); stroke: var(--lk-client); }
.lk-svg .lk-gap { stroke: var(--lk-paper); stroke-width: 9; fill: none; }
""",
    "states": """
.lk-svg .lk-been { stroke: var(--lk-client); stroke-width: 1.6; }
.lk-svg .lk-now { fill: var(--lk-client-soft); stroke: var(--lk-client); stroke-width: 3; }
.lk-svg .lk-taken { stroke: var(--lk-client); stroke-width: 2.6; }
.lk-svg .lk-coin { fill: var(--lk-client); } .lk-svg text.lk-coin-word { fill: var(--lk-paper);
font-weight: 700;
font-size: 10.5px; }
""",
    "moments": """
.lk-svg .lk-part { stroke: var(--lk-client); stroke-width: 2.4; }
.lk-svg .lk-floor { fill: none; stroke: var(--lk-rule); stroke-dasharray: 2 4; }
""",
    "plot": """
.lk-svg.lk-plot { margin: 4px 0; } .lk-svg.lk-plot path { stroke-linejoin: round; }
""",
    "summary": f"""
.lk .lk-sum h2 {{ font: 600 16px {SANS}; margin: 0 0 8px; color: var(--lk-ink); }}
.lk .lk-sum h3 {{ font: 600 14px {SANS}; margin: 18px 0 4px; color: var(--lk-ink); }}
.lk .lk-facts {{ display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 10px; padding: 0; }}
.lk .lk-facts > div {{ border: 1px solid var(--lk-rule); border-radius: 6px; background: var(--lk-card);
padding: 6px 14px; }}
.lk .lk-facts dt {{ color: var(--lk-dim); font-size: 12px; font-weight: 400; }}
.lk .lk-facts dd {{ margin: 0; font: 600 17px/1.3 {SANS}; }}
.lk .lk-sum table {{ border-collapse: collapse; margin: 4px 0 8px; font: 12.5px/1.5 {SANS}; }}
.lk .lk-sum tbody tr:nth-child(n), .lk .lk-sum tbody tr:hover {{ background: none; }}
.lk .lk-sum th, .lk .lk-sum td {{ padding: 3px 14px 3px 0; text-align: right; border: 0; border-bottom:
1px solid var(--lk-rule); color: var(--lk-ink); white-space: nowrap; }}
.lk .lk-sum th:first-child, .lk .lk-sum td:first-child {{ text-align: left; }}
.lk .lk-sum thead th {{ color: var(--lk-dim); font-weight: 400; }}
.lk .lk-sum .lk-scroll {{ overflow-x: auto; }}
""",
    "matrix": f"""
.lk .lk-matrix {{ overflow-x: auto; }}
.lk .lk-matrix table {{ border-collapse: collapse; font: 12.5px/1.5 {MONO}; margin: 0; }}
.lk .lk-matrix caption {{ text-align: left; font: 600 14px {SANS}; padding: 0 0 6px; color: var(--lk-ink); }}
.lk .lk-matrix tbody tr:nth-child(n), .lk .lk-matrix tbody tr:hover {{ background: none; }}
.lk .lk-matrix th, .lk .lk-matrix td {{ text-align: left; padding: 2px 14px 2px 8px; border: 0; white-space:
nowrap;
border-bottom: 1px solid var(--lk-rule); color: var(--lk-ink); max-width: none; }}
.lk .lk-matrix thead th {{ font: 600 13px {SANS}; border-bottom: 2px solid var(--lk-rule); }}
.lk .lk-matrix td.lk-leads {{ font-weight: 700; color: var(--lk-client); }}
.lk .lk-matrix td.lk-stays, .lk .lk-matrix td.lk-not {{ color: var(--lk-dim); }}
.lk .lk-matrix .lk-now-cell {{ background: var(--lk-client-soft); box-shadow: inset 2px 0 var(--lk-client),
inset -2px 0 var(--lk-client); }}
.lk-matrix .lk-legend, .lk-sum .lk-legend {{ color: var(--lk-dim); font-size: 12.5px; margin: 6px 0 0; }}
""",
    "fold": f"""
.lk details summary {{ cursor: pointer; color: var(--lk-dim); font-size: 12.5px; }}
.lk details pre {{ font: 12px/1.35 {MONO}; overflow-x: auto; color: var(--lk-ink); }}
""",
    "bytes": f"""
.lk-wire {{ overflow-x: auto; margin: 0; }}
.lk .lk-wire table {{ border-collapse: collapse; font: 13px/1.55 {MONO}; margin: 0; border: 0; }}
.lk .lk-wire tbody tr:nth-child(n), .lk .lk-wire tbody tr:hover {{ background: none; border: 0; }}
.lk .lk-wire td, .lk .lk-wire th {{ padding: 1px 12px 1px 0; text-align: left; vertical-align: top; border: 0;
white-space: pre; color: var(--lk-ink); max-width: none; height: 1.55em; }}
.lk .lk-wire th {{ font-weight: 400; color: var(--lk-dim); font-size: 12px; }}
.lk .lk-wire td.lk-off {{ color: var(--lk-dim); text-align: right; }}
.lk .lk-wire td.lk-who {{ font-weight: 700; width: 1.4em; padding: 1px 6px 1px 9px;
background: linear-gradient(currentColor, currentColor) 0 0 / 3px 100% no-repeat; }}
.lk .lk-wire td.lk-c {{ color: var(--lk-client); }} .lk .lk-wire td.lk-s {{ color: var(--lk-server); }}
.lk .lk-wire td.lk-f-first {{ background-position: 0 4px; }}
.lk .lk-wire td.lk-f-last {{ background-size: 3px calc(100% - 4px); }}
.lk .lk-wire td.lk-f-only {{ background-position: 0 4px; background-size: 3px calc(100% - 8px); }}
.lk .lk-wire td.lk-who + td {{ padding-left: 8px; }}
.lk .lk-wire tr.lk-first > * {{ border-top: 1px solid var(--lk-rule); }}
.lk .lk-wire tr.lk-chosen > td {{ background-color: var(--lk-client-soft); }}
.lk .lk-wire tr.lk-chosen > td.lk-off:nth-child(2) {{ font-weight: 700; }}
.lk .lk-wire .lk-eol {{ color: var(--lk-dim); font-style: italic; }}
.lk .lk-wire td.lk-caret {{ padding-left: 8px; color: var(--lk-bad); white-space: pre-wrap;
max-width: 100ch; }}
.lk-b-verb {{ font-weight: 700; color: var(--lk-client); }}
.lk-b-argument {{ text-decoration: underline; text-decoration-color: var(--lk-client);
text-underline-offset: 3px; }}
.lk-b-code {{ font-weight: 700; color: var(--lk-server); box-shadow: 0 0 0 1.5px var(--lk-server);
border-radius: 2px; }}
.lk-b-detail {{ color: var(--lk-server); font-weight: 600; border-bottom: 2px solid; }}
.lk-b-text {{ text-decoration: underline dotted; text-decoration-color: var(--lk-server);
text-underline-offset: 3px; }}
.lk-b-tag {{ font-style: italic; color: var(--lk-tls); }}
.lk-b-literal {{ color: var(--lk-warn); font-weight: 600; border-bottom: 2px dashed; }}
.lk-b-data {{ background: var(--lk-band); }}
.lk-b-dot {{ background: var(--lk-warn-soft); color: var(--lk-warn); font-weight: 700; box-shadow: 0 0 0 1.5px
var(--lk-warn); border-radius: 2px; }}
.lk-b-ending {{ font: 9.5px {SANS}; letter-spacing: .04em; color: var(--lk-dim); border: 1px solid
var(--lk-rule);
border-radius: 3px; padding: 0 2px; margin-left: 2px; vertical-align: 1px; }}
.lk-b-ending.lk-odd {{ color: var(--lk-bad); border-color: var(--lk-bad); font-weight: 700; }}
.lk-legend {{ color: var(--lk-dim); font-size: 12.5px; margin: 6px 0 0; }} .lk-legend span {{ font-size:
inherit; margin-right: 4px; }}
""",
    "card": f"""
.lk-card {{ border: 1px solid var(--lk-rule); border-left: 5px solid var(--lk-client); border-radius: 6px;
background: var(--lk-card); padding: 10px 16px; margin: 4px 0; max-width: 74ch; }}
.lk-card.lk-yes {{ border-left-color: var(--lk-server); }} .lk-card.lk-no {{ border-left-color:
var(--lk-bad); }}
.lk-card p {{ margin: 6px 0; color: var(--lk-ink); }} .lk-card .lk-head {{ font-weight: 600; margin: 0 0
4px; }}
.lk-card .lk-head small, .lk-card .lk-quiet {{ color: var(--lk-dim); font-weight: 400; font-size: 12.5px; }}
.lk-card code, .lk-card pre {{ font: 12.5px/1.45 {MONO}; background: var(--lk-band); color: var(--lk-ink);
border-radius: 3px; padding: 0 3px; }} .lk-card pre {{ padding: 8px 10px; overflow-x: auto; }}
.lk-card details {{ margin: 4px 0; }} .lk-card summary {{ cursor: pointer; color: var(--lk-client); }}
.lk-card ol, .lk-card ul {{ margin: 6px 0; padding-left: 28px; }}
.lk-card dt {{ font-weight: 600; }} .lk-card dd p {{ margin: 0 0 6px; }}
.lk-yes .lk-head {{ color: var(--lk-server); }} .lk-no .lk-head {{ color: var(--lk-bad); }}
""",
    "page": "body { margin: 16px; background: #fff; } "
    "@media (prefers-color-scheme: dark) { body { background: #111418; } }",
}


def css(*parts: str) -> str:
    """The base and the named parts as one text; line breaks inside a rule are gone."""
    return " ".join((_BASE + "".join(_PARTS[part] for part in parts)).split())


def chosen(connection: int, exchange: int) -> Markup:
    """A style element that makes one exchange stand out in all views of the page it is put into."""
    name = exchange_class(connection, exchange)
    return Markup(
        f"<style>.lk .lk-wire tr.{name} > td {{ background-color: var(--lk-client-soft); }} "
        f".lk .lk-wire tr.{name} > td.lk-off {{ font-weight: 700; }} "
        f".lk-svg .{name} .lk-hit {{ stroke: var(--lk-client); fill: var(--lk-client-soft); }}</style>"
    )


def sheet(*parts: str) -> Markup:
    """The same as a style element."""
    return Markup(f"<style>{css(*parts)}</style>")
