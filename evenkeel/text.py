"""Text as TF-IDF, word for word as scikit-learn's ``TfidfVectorizer`` does it (proved in the tests).

Lower case, words of two or more word characters, runs of words as terms, sublinear counts, smooth inverse document
frequency, unit length: the defaults of ``sklearn.feature_extraction.text``, in plain Python and numpy, because ONNX
tokenizers disagree with its regular expression (an apostrophe is enough) and a server must not import scikit-learn.

One thing is stricter: where several terms are equally frequent at the limit ``max_features``, scikit-learn leaves the
choice to an unstable sort that differs between processors; here the alphabetically first are kept.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from evenkeel.config.features import TextFeatures
from evenkeel.errors import EncodingError
from evenkeel.hashed import Integers, PerfectHash
from evenkeel.prediction import FloatArray
from evenkeel.words import WordNumbers, split_words

Places = NDArray[np.int32]
SparseRows = tuple[Integers, Integers, FloatArray]
"""Rows that are mostly zero: (row, position, weight) of each cell that is not, ordered by row, then position."""


def split_terms(text: str, ngrams: tuple[int, int]) -> list[str]:
    """The words of a text and its runs of ``ngrams[0]`` to ``ngrams[1]`` words, repeats included."""
    words = split_words(text)
    shortest, longest = ngrams
    terms = words if shortest == 1 else []
    for size in range(max(shortest, 2), min(longest, len(words)) + 1):
        terms = terms + [" ".join(words[i : i + size]) for i in range(len(words) - size + 1)]
    return terms


class Vocabulary(BaseModel):
    """The terms of one text column and what each weighs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    ngrams: tuple[int, int]
    sublinear: bool
    terms: tuple[str, ...]
    """Alphabetically; a term's place is its position in the matrix."""
    idf: tuple[float, ...]
    """ln((1 + documents) / (1 + documents with the term)) + 1, per term."""

    def weigh(self, texts: Sequence[str | None]) -> SparseRows:
        """The unit-length TF-IDF rows of some texts; a missing text, or one of unknown words only, is all zero."""
        row_of, position, count = self._count_one(texts[0]) if len(texts) == 1 else self._count(texts)
        weights = (np.log(count) + 1.0 if self.sublinear else count) * self._idf.take(position)
        return row_of, position, weights / np.sqrt(np.bincount(row_of, weights * weights)).take(row_of)

    def _count(self, texts: Sequence[str | None]) -> SparseRows:
        """How often each text has each term."""
        words, text = self._runs.words.find(texts)
        bits = len(self.terms).bit_length()
        first, behind = text << bits, len(texts) << bits
        cells = [first.take(at) + place for at, place in self._runs.places(words)]
        narrow = np.int32 if behind < 1 << 31 else np.int64  # which takes half the time to sort
        ordered = np.concatenate([[-1], *cells, [behind]], dtype=narrow, casting="unsafe")
        ordered.sort()
        ends = np.flatnonzero(ordered[1:] != ordered[:-1])
        cell, count = ordered.take(ends[1:]).astype(np.int64), ends[1:] - ends[:-1]
        return cell >> bits, cell & ((1 << bits) - 1), count.astype(np.float64)

    def _count_one(self, text: str | None) -> SparseRows:
        """The same of one text, term by term: for so few words a dictionary is faster than arrays."""
        known = Counter(map(self.positions.get, split_terms(text or "", self.ngrams)))
        known.pop(None, None)
        places = sorted(known.items())  # None was taken out
        position = np.array([place for place, _ in places], np.int64)
        return np.zeros(len(places), np.int64), position, np.array([count for _, count in places], np.float64)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Each term's place."""
        return {term: position for position, term in enumerate(self.terms)}

    @cached_property
    def _runs(self) -> "_Runs":
        return _Runs(self.terms)

    @cached_property
    def _idf(self) -> FloatArray:
        return np.array(self.idf, np.float64)


class _Runs:
    """Terms as runs of numbered words, so that those of many texts are found at once, without making a text of each.

    A run of k words is a run of k - 1 and one more word: each such pair that begins or is a term has a number.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        split = [term.split(" ") for term in terms]
        numbers = {word: i for i, word in enumerate(dict.fromkeys(word for words in split for word in words))}
        self.words = WordNumbers(list(numbers))
        self._count = len(numbers)
        run = np.array([numbers[words[0]] for words in split], np.int64)
        size = np.array([len(words) for words in split])
        self._pairs: list[PerfectHash] = []
        """For two words, three...: a run and one more word -> the longer run."""
        self._places = [_placed(self._count, run, size == 1)]
        """For one word, two...: a run -> the term's place, -1 where it only begins one."""
        for length in range(2, int(size.max()) + 1):
            longer = np.flatnonzero(size >= length)
            last = np.array([numbers[split[term][length - 1]] for term in longer], np.int64)
            pair = self._pair(run[longer], last)
            pairs = PerfectHash(np.unique(pair))
            run[longer] = pairs.find(pair)
            self._pairs.append(pairs)
            self._places.append(_placed(pairs.size, run, size == length))

    def places(self, words: Integers) -> Iterator[tuple[Integers, Places]]:
        """For each length of terms: where in these ``words`` one begins, and its place."""
        words = np.concatenate([words, np.full(len(self._places), -1)])  # so that there is a word behind each run
        at = np.flatnonzero(words >= 0)
        run = words.take(at)
        for length, places in enumerate(self._places, 1):
            if length > 1:
                run = self._pairs[length - 2].find(self._pair(run, words.take(at + (length - 1))))
                known = np.flatnonzero(run >= 0)
                at, run = at.take(known), run.take(known)
            place = places.take(run)
            is_term = np.flatnonzero(place >= 0)
            yield at.take(is_term), place.take(is_term)

    def _pair(self, run: Integers, word: Integers) -> Integers:
        """A number for each pair; one with the word -1 is no other's."""
        return run * (self._count + 1) + (word + 1)


def _placed(count: int, run: Integers, terms: NDArray[np.bool_]) -> Places:
    """Of so many runs the place of each that is one of these terms, else -1."""
    places = np.full(count, -1, np.int32)  # half as wide: it is read here and there
    places[run[terms]] = np.flatnonzero(terms)
    return places


def fit_vocabulary(column: str, texts: NDArray[Any], settings: TextFeatures) -> Vocabulary:
    """The vocabulary of the training texts. Raises EncodingError where no term is left."""
    total: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for text in texts:
        counts = Counter(split_terms(text or "", settings.ngrams))
        total.update(counts)
        documents.update(counts.keys())
    frequent = sorted(term for term, count in documents.items() if count >= settings.min_count)
    if not frequent:
        raise EncodingError(
            f"column {column!r}: no term occurs in {settings.min_count} or more of {len(texts)} training texts;"
            f" lower features.text.min_count, or name {column!r} in features.drop"
        )
    kept = sorted(sorted(frequent, key=lambda term: -total[term])[: settings.max_features])
    idf = np.log((1.0 + len(texts)) / (1.0 + np.array([documents[term] for term in kept]))) + 1.0
    return Vocabulary(
        column=column,
        ngrams=settings.ngrams,
        sublinear=settings.sublinear,
        terms=tuple(kept),
        idf=tuple(idf.tolist()),
    )
