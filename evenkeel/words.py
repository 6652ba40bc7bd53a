"""Words as scikit-learn's text vectorizers split them, of one text and, numbered, of many at once."""

import re
from collections.abc import Sequence

import numpy as np

from evenkeel.hashed import Integers, PerfectHash

_WORD = re.compile(r"\w\w+")
"""scikit-learn's ``(?u)\\b\\w\\w+\\b``: a longest match from the left has these bounds anyway."""
_ASCII = "".join(chr(i).lower() if re.match(r"\w", chr(i)) else " " for i in range(128)).encode()
_BYTES = _ASCII + bytes(range(128, 256))
"""Word characters in lower case, other ASCII a space, the rest of UTF-8 as it is."""
_END = b"\xff\xff"
"""Between two texts: no word, as UTF-8 does not have this byte."""
_PIECE = 8
"""Bytes that make one number."""
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(_PIECE + 1)], np.uint64).view(np.int64)
"""For so many bytes of a piece: the bits that are theirs."""


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, each of two or more word characters."""
    if text.isascii():  # what ``_WORD`` finds, in a sixth of the time
        return [word for word in text.encode().translate(_BYTES).decode().split() if len(word) > 1]
    words: list[str] = _WORD.findall(text.lower())
    return words


class WordNumbers:
    """Distinct words -> the place of each among them, for all words of many texts by a few operations on their bytes.

    No object is made of a word, unless it is a long one: what has at most ``_PIECE`` bytes is looked up as a number.
    """

    def __init__(self, words: Sequence[str]) -> None:
        coded = [word.encode() for word in words]
        # No text has a word with a zero byte, whose number would be that of another word: it is never found.
        short = [number for number, word in enumerate(coded) if len(word) <= _PIECE and b"\0" not in word]
        pieces = np.array([int.from_bytes(coded[number], "little") for number in short], np.uint64).view(np.int64)
        self._pieces = PerfectHash(pieces)
        self._short = np.full(self._pieces.size + 1, -1)
        """A piece's slot -> the word; the last, which is also that of -1, has none."""
        self._short[self._pieces.find(pieces)] = short
        self._long = {word: number for number, word in enumerate(coded) if len(word) > _PIECE}

    def find(self, texts: Sequence[str | None]) -> tuple[Integers, Integers]:
        """The texts' words in order, between two texts one that is none: each one's number or -1, and its text's."""
        joined = _joined(texts)
        is_word = np.frombuffer(joined, np.uint8) != ord(" ")
        edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
        starts, sizes = edges[::2], edges[1::2] - edges[::2]
        words = np.flatnonzero(sizes > 1)
        starts, sizes = starts.take(words), sizes.take(words)
        begins = np.ndarray((len(joined) - _PIECE + 1,), "<i8", joined, 0, (1,))  # the bytes from each on, as a number
        pieces = begins[starts] & _MASKS.take(sizes, mode="clip")
        numbers = self._short.take(self._pieces.find(pieces))
        for at in np.flatnonzero(sizes > _PIECE).tolist():
            numbers[at] = self._long.get(joined[starts[at] : starts[at] + sizes[at]], -1)
        return numbers, (pieces == int.from_bytes(_END, "little")).cumsum()


def _joined(texts: Sequence[str | None]) -> bytes:
    """Words, and ASCII ones of one character, with spaces before, between and, room for a piece, behind them."""
    known = [text or "" for text in texts]
    parts = [(text if text.isascii() else " ".join(split_words(text))).encode() for text in known]
    return b"".join([b" ", (b" " + _END + b" ").join(parts), b" " * _PIECE]).translate(_BYTES)
