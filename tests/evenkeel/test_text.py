"""TF-IDF word for word as scikit-learn's."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from components.train.hostile import TEXTS
from evenkeel.config.features import TextFeatures
from evenkeel.errors import EncodingError
from evenkeel.text import Vocabulary, fit_vocabulary, split_terms

CORPUS = [
    "I don't like it, I don't like it at all",
    "the film is great; the music isn't",
    "Great GREAT film!",
    "na\u00efve stra\u00dfe \u0130stanbul film film",
    "",
    "a b c",
]


def objects(texts: list[Any]) -> Any:
    return np.array(texts, dtype=object)


def dense(vocabulary: Vocabulary, texts: list[Any]) -> Any:
    rows, places, weights = vocabulary.weigh(texts)
    matrix = np.zeros((len(texts), len(vocabulary.terms)))
    matrix[rows, places] = weights
    return matrix


def theirs(features: TextFeatures) -> TfidfVectorizer:
    return TfidfVectorizer(
        ngram_range=features.ngrams,
        min_df=features.min_count,
        max_features=features.max_features,
        sublinear_tf=features.sublinear,
    )


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 2), (2, 3), (1, 4)])
@pytest.mark.parametrize("sublinear", [True, False])
def test_weights_are_scikit_learns_on_hostile_texts(ngrams: tuple[int, int], sublinear: bool) -> None:
    features = TextFeatures(ngrams=ngrams, min_count=1, sublinear=sublinear)
    hostile = [text or "" for text in TEXTS]
    vectorizer = theirs(features).fit(CORPUS + hostile)
    ours = fit_vocabulary("review", objects(CORPUS + hostile), features)
    assert list(ours.terms) == list(vectorizer.get_feature_names_out())
    assert list(ours.idf) == vectorizer.idf_.tolist()
    unseen = ["great music, don't miss it", "nothing known", *hostile, *CORPUS]
    np.testing.assert_allclose(dense(ours, unseen), vectorizer.transform(unseen).toarray(), rtol=0, atol=1e-15)


WORDS = st.text(alphabet="abA'\u00e9\u00ff -_1\x00\u0301\U0001f600\n\u0130\u01c5\u4e2d.", max_size=30)


@given(st.lists(WORDS, min_size=1, max_size=8), st.sampled_from([(1, 1), (1, 2), (2, 3)]), st.integers(1, 2))
@settings(max_examples=150)
def test_any_corpus_gives_scikit_learns_matrix(texts: list[str], ngrams: tuple[int, int], least: int) -> None:
    features = TextFeatures(ngrams=ngrams, min_count=least)
    documents = Counter(term for text in texts for term in set(split_terms(text, ngrams)))
    if not any(count >= least for count in documents.values()):
        with pytest.raises(EncodingError, match="no term"):
            fit_vocabulary("review", objects(texts), features)
        return
    vectorizer = theirs(features).fit(texts)
    ours = fit_vocabulary("review", objects(texts), features)
    assert list(ours.terms) == list(vectorizer.get_feature_names_out())
    np.testing.assert_allclose(dense(ours, texts), vectorizer.transform(texts).toarray(), rtol=0, atol=1e-15)


@given(st.lists(st.lists(st.sampled_from(["aa", "bb", "cc", "dd", "ee"]), max_size=9), min_size=2), st.integers(1, 6))
@settings(max_examples=100)
def test_the_most_frequent_terms_are_kept_as_scikit_learn_does_but_for_ties(docs: list[list[str]], most: int) -> None:
    texts = [" ".join(words) for words in docs]
    features = TextFeatures(ngrams=(1, 1), min_count=1, max_features=most)
    if not any(docs):
        return
    total = Counter(word for words in docs for word in words)
    ours, known = fit_vocabulary("review", objects(texts), features).terms, theirs(features).fit(texts)
    assert sorted(total[term] for term in ours) == sorted(total[term] for term in known.get_feature_names_out())


def test_of_equally_frequent_terms_the_alphabetically_first_are_kept() -> None:
    features = TextFeatures(ngrams=(1, 1), min_count=1, max_features=2)
    assert fit_vocabulary("review", objects(["dd cc", "bb aa"]), features).terms == ("aa", "bb")


def test_a_missing_text_and_one_of_unknown_words_are_all_zero() -> None:
    vocabulary = fit_vocabulary("review", objects(["good film", None, "good"]), TextFeatures(min_count=1))
    assert not dense(vocabulary, [None, "", "unheard of"]).any()


def test_no_term_at_all_is_an_error_that_says_what_to_change() -> None:
    with pytest.raises(EncodingError, match=r"'review'.*2 or more of 3.*features\.text\.min_count"):
        fit_vocabulary("review", objects(["one", "two", "three"]), TextFeatures(min_count=2))


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
def test_texts_together_weigh_bit_for_bit_what_each_weighs_alone(ngrams: tuple[int, int]) -> None:
    texts = [text or "" for text in TEXTS] + CORPUS
    vocabulary = fit_vocabulary("review", objects(texts), TextFeatures(ngrams=ngrams, min_count=1, max_features=40))
    alone = np.concatenate([dense(vocabulary, [text]) for text in texts])
    np.testing.assert_array_equal(dense(vocabulary, texts), alone)


@given(st.lists(st.none() | WORDS | st.sampled_from(CORPUS), max_size=8), st.sampled_from([(1, 1), (1, 2), (2, 3)]))
@settings(max_examples=150)
def test_any_texts_together_have_the_terms_that_each_has_alone(
    texts: list[str | None], ngrams: tuple[int, int]
) -> None:
    known = [*CORPUS, "a\u00ff \u00ff\u00ff 1a_ b1 \u00e9a aa bb ab ba A\u00e9"]
    vocabulary = fit_vocabulary("review", objects(known), TextFeatures(ngrams=ngrams, min_count=1))
    rows, places, _ = vocabulary.weigh([None, *texts])  # one more, so that they are never one text
    for row, text in enumerate(texts, 1):
        alone = vocabulary.weigh([text])[1]
        assert places[rows == row].tolist() == alone.tolist()
    assert (np.diff(rows) >= 0).all()


def test_a_term_does_not_reach_from_one_text_into_the_next() -> None:
    vocabulary = fit_vocabulary("review", objects(["good film"]), TextFeatures(ngrams=(2, 2), min_count=1))
    assert not dense(vocabulary, ["good", "film", "good a", "A film"]).any()
    assert dense(vocabulary, ["good", "good a FILM"])[1, 0] == 1  # words of one character are none, as in scikit-learn
