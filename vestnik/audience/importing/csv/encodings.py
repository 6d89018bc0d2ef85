"""In which encoding a text file is: by its marks, by its bytes, or by how often letters occur."""

import codecs
import math
from typing import IO

PIECE = 2**20
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "cp1251": "cp1251",
    "utf-16": "utf-16",
    "cp866": "cp866",
    "koi8-r": "koi8-r",
    "mac-cyrillic": "mac-cyrillic",
}
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
#: Those of one byte a letter. The first goes before where two read the file alike.
OF_ONE_BYTE = ("cp1251", "cp866", "koi8-r", "mac-cyrillic")
#: So many bytes of a file's words tell its encoding.
LOOKED_AT = 64 * 1024

# How many of a thousand letters of Russian texts are each, from the most frequent on.
LETTERS = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
TIMES = (
    """110 84 80 74 67 63 55 47 45 44 35 32 30 28 26 20 19 17 17 17 16 15 12 10 9 7 6 5 4 3 3 1 1"""
)
PER_MILLE = dict(zip(LETTERS, map(int, TIMES.split()), strict=True))
LIKELY = {letter: math.log(times / 1000) for letter, times in PER_MILLE.items()}
BESIDE = frozenset("«»–—…№“”„’‘\u00a0")
OTHER_LETTER, BESIDE_LETTERS, NONSENSE, CASE_TURNS = -8.0, -7.0, -12.0, -6.0
NEVER_FIRST, ALTERNATE, USUAL, VOWELS = -6.0, 1.0, 2.0, "аеёиоуыэюя"


def encoding_of(file: IO[bytes]) -> str:
    """UTF-8 with or without its mark, UTF-16 with it, or else one of a byte a letter.

    A file of UTF-8 with a few broken bytes stays UTF-8: its broken lines are refused, and the
    others are not taken for something else.
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
    return max("utf-8", other, key=lambda name: _likeness_as(name, words))


def _count(file: IO[bytes]) -> tuple[int, int, bytes]:
    """How many bytes are letters of UTF-8, how many are none, and the first that are not ASCII."""
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
    """The words with letters beyond ASCII."""
    words = (word for line in piece.splitlines() for word in line.split() if not word.isascii())
    found = bytearray()
    for word in words:
        found += word + b" "
        if len(found) > LOOKED_AT:
            break
    return bytes(found)


def of_one_byte(words: bytes) -> str:
    """The encoding in which the words are most like Russian; the usual one where it is close."""
    liked = {name: _likeness_as(name, words) for name in OF_ONE_BYTE}
    liked["cp1251"] += USUAL
    return max(OF_ONE_BYTE, key=lambda name: liked[name])


def _likeness_as(name: str, words: bytes) -> float:
    return likeness(words.decode(ENCODINGS[name], "replace"))


def likeness(text: str) -> float:
    """How much a text is like Russian: a sum over its letters, of which larger is more like."""
    found, before = 0.0, " "
    for letter in text:
        if not letter.isascii():
            found += LIKELY.get(letter.lower()) or _unlikely(letter)
            found += _beside(before, letter)
        before = letter
    return found


def _unlikely(letter: str) -> float:
    if letter in BESIDE:
        return BESIDE_LETTERS
    return OTHER_LETTER if letter.isalpha() else NONSENSE


def _beside(before: str, letter: str) -> float:
    """How likely the two are beside each other: a small letter and a large one, two vowels."""
    if before.islower() and letter.isupper():
        return CASE_TURNS
    if not before.isalpha():
        return NEVER_FIRST if letter.lower() in "ьъы" else 0.0
    return ALTERNATE if (before.lower() in VOWELS) != (letter.lower() in VOWELS) else 0.0
