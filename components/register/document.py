"""A small document that is written as Markdown and as HTML: headings, paragraphs and tables, the same in both."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evenkeel.page import heading, paragraph, render_page, table

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|])")


@dataclass(frozen=True)
class Table:
    """Rows of texts under headers."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = str | Table
"""A paragraph or a table."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; one without blocks is left out."""

    name: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A title, a sentence under it, and sections."""

    title: str
    lead: str
    sections: Sequence[Section]

    def to_html(self) -> str:
        """A self-contained page."""
        return render_page(self.title, self.lead, list(self._blocks()))

    def to_markdown(self) -> str:
        """GitHub-flavoured Markdown; whatever a text holds is shown as it is."""
        parts = [f"# {_escaped(self.title)}", _escaped(self.lead)]
        for section in self._written():
            parts += [f"## {_escaped(section.name)}", *map(_markdown, section.blocks)]
        return "\n\n".join(parts) + "\n"

    def _blocks(self) -> Iterator[Markup]:
        for section in self._written():
            yield heading(section.name)
            for block in section.blocks:
                yield paragraph(block) if isinstance(block, str) else table(block.headers, block.rows)

    def _written(self) -> list[Section]:
        return [section for section in self.sections if section.blocks]


def _markdown(block: Block) -> str:
    if isinstance(block, str):
        return _escaped(block)
    lines = [block.headers, ["---"] * len(block.headers), *[[_escaped(cell) for cell in row] for row in block.rows]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escaped(text: str) -> str:
    """The text on one line, with what Markdown would read as its own marked."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))
