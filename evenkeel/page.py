"""Self-contained HTML pages: one style, light and dark, phone width, no external asset.

Blocks are ``Markup``; every text given to a maker is escaped.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

Text = str | Markup

_STYLE = """
:root{--ink:#1b2430;--soft:#5b6878;--line:#dde3ea;--paper:#fff;--panel:#f6f8fa;--accent:#0b63a5;
--pass:#17733a;--fail:#b3261e;--warn:#8a5a00;--skip:#5b6878;--second:#b45309}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9fadbd;--line:#2c3743;--paper:#10161d;--panel:#18212b;
--accent:#6db6f2;--pass:#5fd08a;--fail:#ff8a80;--warn:#f2c063;--skip:#9fadbd;--second:#f0a45d}}
*{box-sizing:border-box}html{background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
body{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
.lead{color:var(--soft);margin:0 0 1rem}p{margin:.5rem 0}a{color:var(--accent)}
.scroll{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;width:100%;font-size:.92rem;
font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line);
vertical-align:top}th{color:var(--soft);font-weight:600;white-space:nowrap}
figure{margin:1rem 0;display:inline-block;max-width:100%;vertical-align:top}figure svg{max-width:100%;height:auto}
figcaption{color:var(--soft);font-size:.88rem}code,pre{font:.9em ui-monospace,SFMono-Regular,Menlo,monospace}
pre{background:var(--panel);padding:.8rem;overflow-x:auto;border-radius:6px}
.badge{display:inline-block;padding:.05rem .55rem;border-radius:99px;border:1px solid currentColor;font-size:.82rem;
font-weight:600;white-space:nowrap}.pass{color:var(--pass)}.fail{color:var(--fail)}.warn{color:var(--warn)}
.skip{color:var(--skip)}.verdict{font-size:1.25rem;font-weight:600;padding:.8rem 1rem;
border-left:5px solid currentColor;
background:var(--panel);border-radius:0 6px 6px 0;margin:1rem 0}
.verdict small{display:block;font-weight:400;font-size:1rem;color:var(--ink)}
@media print{html{background:#fff;color:#000}}
"""


def render_page(title: str, lead: Text, blocks: Sequence[Markup]) -> str:
    """A whole page: title, one sentence under it, then the blocks in order."""
    body = Markup("\n").join(blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>\n{body}\n</body></html>\n'
    )


def heading(text: Text) -> Markup:
    """A section's heading."""
    return Markup("<h2>{}</h2>").format(text)


def paragraph(text: Text) -> Markup:
    """A paragraph."""
    return Markup("<p>{}</p>").format(text)


def table(headers: Sequence[Text], rows: Sequence[Sequence[Text | int | float]]) -> Markup:
    """A table that scrolls sideways on its own where it is too wide."""
    head = Markup("").join(Markup("<th>{}</th>").format(header) for header in headers)
    body = Markup("").join(Markup("<tr>{}</tr>").format(_cells(row)) for row in rows)
    frame = Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    return frame.format(head, body)


def _cells(values: Sequence[Text | int | float]) -> Markup:
    return Markup("").join(Markup("<td>{}</td>").format(value) for value in values)


def figure(svg: Markup, caption: Text) -> Markup:
    """An inline SVG (made by us: it is not escaped) over its caption."""
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(svg, caption)


def badge(verdict: str) -> Markup:
    """pass, fail, warn or skip, in its colour and in words."""
    return Markup('<span class="badge {0}">{0}</span>').format(verdict)


def verdict(kind: str, text: Text, detail: Text = "") -> Markup:
    """The one sentence a reader came for; ``kind`` is pass, fail, warn or skip."""
    return Markup('<div class="verdict {}">{}<small>{}</small></div>').format(kind, text, detail)
