"""The words of many texts numbered at once: those that ``split_words`` finds in each."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.words import WordNumbers, split_words

LONG = "internationally"
KNOWN = [
    *(LONG[:size] for size in range(2, 16)),
    "stra\u00dfe",
    "\u4e2d\u6587",
    "\u4e2d\u6587\u4e2d",
    "a_",
    "__",
    "\u00ff\u00ff",
]
"""Of two bytes to fifteen, each the begin of the next, so around the eight that make one number; and others."""
TOKENS = st.sampled_from(
    [*KNOWN, *map(str.upper, KNOWN), LONG + "s", "xinter", "a", "\u00ff", "\u4e2d", "\x00", "\ufffd"]
)
TEXTS = st.lists(TOKENS, max_size=12).flatmap(
    lambda tokens: st.sampled_from([" ", "-", ", ", "\x00"]).map(lambda s: s.join(tokens))
)


def expected(words: list[str], texts: list[str | None]) -> list[tuple[int, int]]:
    places = {word: place for place, word in enumerate(words)}
    return [(places.get(word, -1), row) for row, text in enumerate(texts) for word in split_words(text or "")]


@given(st.lists(st.none() | TEXTS, min_size=1, max_size=6), st.sets(st.sampled_from(KNOWN)))
@settings(max_examples=200)
def test_the_words_of_texts_are_numbered_as_each_texts_own(texts: list[str | None], known: set[str]) -> None:
    words = sorted(known)
    numbers, rows = WordNumbers(words).find(texts)
    ends = np.flatnonzero(np.diff(rows, prepend=0))
    assert len(ends) == len(texts) - 1
    assert (numbers[ends] == -1).all()
    pairs = np.delete(np.stack([numbers, rows], axis=1), ends, axis=0)
    assert list(map(tuple, pairs.tolist())) == expected(words, texts)


def test_a_word_is_not_the_longer_one_that_it_begins() -> None:
    assert WordNumbers(["internat", "internationally"]).find(["interna internat internati"])[0].tolist() == [-1, 0, -1]


def test_a_word_that_no_text_can_have_is_never_found_nor_looked_for_for_ever() -> None:
    """A file may say what it likes: with its zero bytes left out, the second would be the first."""
    assert WordNumbers(["ab", "ab\0", "ab\0\0"]).find(["ab ab\0 ab"])[0].tolist() == [0, 0, 0]


def test_nothing_known_is_nothing_found() -> None:
    assert WordNumbers([]).find(["some words", None])[0].tolist() == [-1, -1, -1]
