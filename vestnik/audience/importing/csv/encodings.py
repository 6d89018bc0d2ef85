"""Detects the encoding of a text file by its byte order mark, its bytes, or letter frequencies."""

import codecs
import math
from typing import IO

#: The file is read in pieces of this size, so that its memory use is constant.
PIECE = 2**20
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "cp1251": "cp1251",
    "utf-16": "utf-16",
    "cp866": "cp866",
    "koi8-r": "koi8-r",
    "mac-cyrillic": "mac-cyrillic",
}
#: A byte order mark decides at once.
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
#: Encodings of one byte per letter; the first wins a tie.
OF_ONE_BYTE = ("cp1251", "cp866", "koi8-r", "mac-cyrillic")
#: Bytes of words that are enough to tell the encoding.
LOOKED_AT = 64 * 1024

# The frequencies of letters in Russian texts, per thousand.
LETTERS = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
TIMES = (
    """110 84 80 74 67 63 55 47 45 44 35 32 30 28 26 20 19 17 17 17 16 15 12 10 9 7 6 5 4 3 3 1 1"""
)
PER_MILLE = dict(zip(LETTERS, map(int, TIMES.split()), strict=True))
#: Log-likelihoods, so that a text's score is a sum.
LIKELY = {letter: math.log(times / 1000) for letter, times in PER_MILLE.items()}
#: Typographic characters that Russian texts contain beside letters.
BESIDE = frozenset("«»–—…№“”„’‘\u00a0")
# Scores of unlikely characters, comparable with the logs in LIKELY: the rarest Russian letter has
# -6.9.
OTHER_LETTER, BESIDE_LETTERS, NONSENSE, CASE_TURNS = -8.0, -7.0, -12.0, -6.0
# Scores of pairs: no Russian word begins with ь, ъ or ы, and vowels alternate with consonants.
# USUAL favours cp1251, by far the most frequent encoding.
NEVER_FIRST, ALTERNATE, USUAL, VOWELS = -6.0, 1.0, 2.0, "аеёиоуыэюя"


def encoding_of(file: IO[bytes]) -> str:
    """Return UTF-8 with or without a mark, UTF-16 with one, or an encoding of one byte per letter.

    A file of UTF-8 with a few broken bytes stays UTF-8: its broken lines are refused, and the
    others are not misread.
    """
    file.seek(0)
    head = file.read(4)
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    file.seek(0)
    right, wrong, words = _count(file)
    if not right or not wrong:
        return "utf-8" if not wrong else of_one_byte(words)
    other = of_one_byte(words)
    # Some letters are valid UTF-8 and some bytes are not: whichever reading is more like Russian.
    return max("utf-8", other, key=lambda name: _likeness_as(name, words))


def _count(file: IO[bytes]) -> tuple[int, int, bytes]:
    """Return the numbers of UTF-8 letters and of broken bytes, and the first non-ASCII words."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    right = wrong = 0
    words = bytearray()
    while piece := file.read(PIECE):
        if piece.isascii():
            continue
        if len(words) < LOOKED_AT:
            words += _words(piece)
        text = decoder.decode(piece)
        sound = text.encode("utf-8", "ignore")
        letters = len(sound.decode())
        wrong += len(text) - letters
        right += len(sound) - letters
    return right, wrong, bytes(words)


def _words(piece: bytes) -> bytes:
    """Return the words that are not ASCII."""
    words = (word for line in piece.splitlines() for word in line.split() if not word.isascii())
    collected = bytearray()
    for word in words:
        collected += word + b" "
        if len(collected) > LOOKED_AT:
            break
    return bytes(collected)


def of_one_byte(words: bytes) -> str:
    """Return the encoding in which the words are most like Russian; cp1251 if it is close."""
    liked = {name: _likeness_as(name, words) for name in OF_ONE_BYTE}
    liked["cp1251"] += USUAL
    return max(OF_ONE_BYTE, key=lambda name: liked[name])


def _likeness_as(name: str, words: bytes) -> float:
    return likeness(words.decode(ENCODINGS[name], "replace"))


def likeness(text: str) -> float:
    """Return how much a text is like Russian: a sum of log frequencies; larger is more alike."""
    score, before = 0.0, " "
    for letter in text:
        if not letter.isascii():
            score += LIKELY.get(letter.lower()) or _unlikely(letter)
            score += _beside(before, letter)
        before = letter
    return score


def _unlikely(letter: str) -> float:
    if letter in BESIDE:
        return BESIDE_LETTERS
    return OTHER_LETTER if letter.isalpha() else NONSENSE


def _beside(before: str, letter: str) -> float:
    """Return a score for two neighbouring letters: their cases, and whether vowels alternate."""
    if before.islower() and letter.isupper():
        return CASE_TURNS
    if not before.isalpha():
        return NEVER_FIRST if letter.lower() in "ьъы" else 0.0
    return ALTERNATE if (before.lower() in VOWELS) != (letter.lower() in VOWELS) else 0.0
