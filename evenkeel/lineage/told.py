"""A story as lines of text, as JSON and as one self-contained page."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from markupsafe import Markup

from evenkeel.lineage.fact import Fact, Section, Story
from evenkeel.page import heading, paragraph, render_page, table

FORMAT = "evenkeel.lineage/v1"
_WIDEST = 28
"""Longer names stand on a line of their own."""


def as_text(story: Story) -> str:
    """The table for a terminal; ``?`` marks what is unknown."""
    lines = [story.about, story.lead]
    for each in story.sections:
        lines += ["", each.title, *(_lines(each) if each.facts else [f"  {each.otherwise}"])]
    return "\n".join(lines)


def as_json(story: Story) -> str:
    """The same facts for programs; a value of null is unknown, and its note says why."""
    return json.dumps({"format": FORMAT, **asdict(story)}, indent=1, ensure_ascii=False)


def as_page(story: Story) -> str:
    """The same facts as one HTML file without external assets."""
    blocks = []
    for each in story.sections:
        rows = [(fact.thing, _value(fact), fact.note) for fact in each.facts]
        blocks += [heading(each.title), table(("", "", ""), rows) if rows else paragraph(each.otherwise)]
    return render_page(story.about, story.lead, [_WRAP, *blocks])


def _lines(each: Section) -> Iterator[str]:
    width = max((len(fact.thing) for fact in each.facts if len(fact.thing) <= _WIDEST), default=0)
    for fact in each.facts:
        said = f"? unknown: {fact.note}" if fact.value is None else "; ".join(filter(None, (fact.value, fact.note)))
        if len(fact.thing) > _WIDEST:
            yield f"  {fact.thing}"
            yield f"  {'':<{width}}  {said}"
        else:
            yield f"  {fact.thing:<{width}}  {said}".rstrip()
        if fact.link:
            yield f"  {'':<{width}}  {fact.link}"


_WRAP = Markup(
    "<style>h1,td{overflow-wrap:anywhere}thead{display:none}td:first-child{color:var(--soft);width:22%}"
    "td:nth-child(2){width:39%}@media(max-width:44rem){tr{display:block;border-bottom:1px solid var(--line)}"
    "td,td:first-child,td:nth-child(2){display:block;width:auto;border:0;padding:.1rem 0}}</style>"
)
"""Digests are longer than a phone is wide, so cells break, and there stand below each other; names need no headers."""


def _value(fact: Fact) -> Markup | str:
    if fact.value is None:
        return Markup('<span class="badge warn">unknown</span>')
    return Markup('<a href="{}">{}</a>').format(fact.link, fact.value) if fact.link else fact.value
