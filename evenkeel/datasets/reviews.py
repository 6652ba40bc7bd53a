"""Film reviews, GENERATED: 2,000 texts put together from phrases by a seed. Nobody wrote or meant them.

They exist so that the text path is tested and timed on a clone. For a real corpus point ``data.path`` of a project
at a CSV with a column of texts and one of labels; nothing in code changes.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from evenkeel.datasets.source import write_csv

ROWS = 2_000
SEED = 11
WRONG_LABELS = 0.05
"""Share of labels that contradict their text, as in any real corpus: no model can be right on these."""

_OPENINGS = (
    "I saw this on a rainy Sunday",
    "My sister made me watch it",
    "We went in without reading anything about it",
    "The trailer had made me curious",
    "After a long week I wanted something light",
    "I had read the book years ago",
)
_SUBJECTS = (
    "the plot",
    "the acting",
    "the score",
    "the camera work",
    "the dialogue",
    "the ending",
    "the lead",
    "the cast",
)
_PRAISE = (
    "was a delight",
    "stayed with me for days",
    "was warm and very funny",
    "could not have been better",
    "was superb",
    "moved me to tears",
    "felt fresh and honest",
    "was simply wonderful",
    "was not boring for a second",
)
_BLAME = (
    "was a mess",
    "put me to sleep",
    "was dull and predictable",
    "could not have been worse",
    "was awful",
    "made me cringe",
    "felt lazy and stale",
    "was simply terrible",
    "was not funny for a second",
)
_FILLERS = (
    "It runs for about two hours",
    "Most of it plays in one house",
    "There is a dog in it",
    "It was shot in black and white",
    "The director's earlier films were documentaries",
    "Half of it is in French",
)
_CLOSINGS = {
    "positive": ("Go and see it!", "Highly recommended.", "I would watch it again.", "8/10 from me."),
    "negative": ("Save your money!", "Avoid.", "I want my evening back.", "3/10 from me."),
}


def write(path: Path) -> None:
    """2,000 rows: ``review`` and ``sentiment``, positive or negative."""
    write_csv(path, ["review", "sentiment"], corpus())


def corpus(rows: int = ROWS, seed: int = SEED) -> list[tuple[str, str]]:
    """Different texts with their labels; the same arguments, the same corpus."""
    draw = random.Random(seed).random  # noqa: S311  the one draw that Python keeps the same across versions
    texts: dict[str, str] = {}
    while len(texts) < rows:
        mood = _one_of(("positive", "negative"), draw)
        label = mood if draw() >= WRONG_LABELS else _other(mood)
        texts.setdefault(_review(mood, draw), label)
    return list(texts.items())


def _one_of(options: Sequence[str], draw: Callable[[], float]) -> str:
    return options[int(draw() * len(options))]


def _other(mood: str) -> str:
    return "negative" if mood == "positive" else "positive"


def _review(mood: str, draw: Callable[[], float]) -> str:
    """An opening, two opinions, a filler; sometimes a third opinion of the other mood, sometimes a closing."""
    own, other = (_PRAISE, _BLAME) if mood == "positive" else (_BLAME, _PRAISE)
    subjects = sorted(_SUBJECTS, key=lambda _: draw())
    opinion = f"{subjects[0]} {_one_of(own, draw)} and {subjects[1]} {_one_of(own, draw)}"
    sentences = [_one_of(_OPENINGS, draw), opinion[0].upper() + opinion[1:], _one_of(_FILLERS, draw)]
    if draw() < 0.4:
        sentences.append(f"True, {subjects[2]} {_one_of(other, draw)}")
    text = ". ".join(sentences) + "."
    return f"{text} {_one_of(_CLOSINGS[mood], draw)}" if draw() < 0.5 else text
