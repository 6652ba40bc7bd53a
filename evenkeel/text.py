"""Text as TF-IDF, word for word as scikit-learn's ``TfidfVectorizer`` does it (proved in the tests).

Lower case, words of two or more word characters, runs of words as terms, sublinear counts, smooth inverse document
frequency, unit length: the defaults of ``sklearn.feature_extraction.text``, in plain Python and numpy, because ONNX
tokenizers disagree with its regular expression (an apostrophe is enough) and a server must not import scikit-learn.

One thing is stricter: where several terms are equally frequent at the limit ``max_features``, scikit-learn leaves the
choice to an unstable sort that differs between processors; here the alphabetically first are kept.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from evenkeel.config.features import TextFeatures
from evenkeel.errors import EncodingError
from evenkeel.prediction import FloatArray

_WORD = re.compile(r"(?u)\b\w\w+\b")

SparseRows = tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]
"""Rows that are mostly zero: (row, position, weight) of each cell that is not, ordered by row, then position."""


def split_terms(text: str, ngrams: tuple[int, int]) -> list[str]:
    """The words of a text and its runs of ``ngrams[0]`` to ``ngrams[1]`` words, repeats included."""
    words: list[str] = _WORD.findall(text.lower())
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

    def weigh(self, texts: Iterable[str | None]) -> SparseRows:
        """The unit-length TF-IDF rows of some texts; a missing text, or one of unknown words only, is all zero."""
        rows: list[int] = []
        places: list[int] = []
        counts: list[int] = []
        position = self.positions.get
        for row, text in enumerate(texts):
            known = Counter(map(position, split_terms(text or "", self.ngrams)))
            known.pop(None, None)
            for place in sorted(known):  # type: ignore[type-var]  # None was taken out
                rows.append(row)
                places.append(place)  # type: ignore[arg-type]
                counts.append(known[place])
        at = np.array(places, np.int64)
        weights = np.array(counts, np.float64)
        weights = (np.log(weights) + 1.0 if self.sublinear else weights) * self._idf[at]
        row_of = np.array(rows, np.int64)
        return row_of, at, weights / np.sqrt(np.bincount(row_of, weights * weights))[row_of]

    @cached_property
    def positions(self) -> dict[str, int]:
        """Each term's place."""
        return {term: position for position, term in enumerate(self.terms)}

    @cached_property
    def _idf(self) -> FloatArray:
        return np.array(self.idf, np.float64)


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
