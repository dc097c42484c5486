"""Where Unicode ends a character and a word: what a reader sees as one is never cut. Torch-free.

A character is an extended grapheme cluster: "é" of two code points, "हि", an emoji of a family; "குழந்தை" has four. A
word is a run of clusters that begin with a letter, digit or underscore. Where the standard leaves a choice, or English
would suffer:

- an apostrophe joins whatever it stands between ("rock'n'roll", "90's"); "." "," and ":" join nothing;
- the middle marks of Catalan, Hebrew, Armenian and dictionaries join letters, as in rules WB6 and WB7;
- invisible format characters (a soft hyphen, joiners) belong to the word, as in rule WB4;
- scripts without spaces (Chinese, Japanese; Thai, Lao, Khmer, Burmese …) have one word per cluster.

Source:  Unicode Standard Annex #29, revision 47, tables 1b, 1c and 3, §4.1 and §4.2
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

# Scripts written without spaces: kana, Han (with its extensions), and those that break lines by dictionary.
_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = rf"[[{_IDEOGRAPHS}\p{{Line_Break=Complex_Context}}]--\p{{M}}]"
_WORD_CHARACTER = rf"[[\w\p{{N}}]--{_UNSPACED}]"  # \p{N} beyond \w: "½" and "²"; marks are in \w
_PIECE = (  # some signs of Arabic and Syriac stand before what they belong to
    rf"\p{{Grapheme_Cluster_Break=Prepend}}*{_WORD_CHARACTER}"
    rf"[{_WORD_CHARACTER}\p{{M}}\u200d\p{{Word_Break=Format}}\p{{Word_Break=Extend}}]*"
)
# Middle marks join letters. The colons among them are left out: in most texts they end what they follow.
_JOINT = r"(?:['’]|[·\u0387\u055f\u05f4\u2027](?=\p{L})|(?<=\p{Hebrew}\p{M}*)\x22(?=\p{Hebrew}))"
_SPACE = r"[\s\x1c-\x1f]"  # and those that only Python counts as white space

_CLUSTER = regex.compile(r"(?V1)\X")
_WORD = regex.compile(rf"(?V1){_PIECE}(?:{_JOINT}{_PIECE})*|(?!{_SPACE})\X")
_NO_LETTERS = regex.compile(r"(?V1)(?:[^[\w\p{N}]--[\p{Nd}\p{Pc}]][\p{M}\u200d\p{Grapheme_Cluster_Break=Extend}]*)+")
_UNSPACED_CLUSTER = regex.compile(rf"(?V1)(?=[{_UNSPACED}。，、；：！？（）「」『』《》])\X")
# Whatever may belong to the character before or after it: none of these, and each code point is a character.
_MAY_CLING = regex.compile(r"(?V1)[^\p{Grapheme_Cluster_Break=Other}\p{Grapheme_Cluster_Break=Control}\n]")


def split_characters(text: str) -> Sequence[str]:
    """Cut into extended grapheme clusters; a text where each is one code point is its own sequence of them."""
    return _CLUSTER.findall(text) if _MAY_CLING.search("".join(set(text))) else text


def split_words(text: str) -> list[str]:
    """Cut into words, and all else but white space into single clusters."""
    return _WORD.findall(text)


def keep_letters(text: str) -> str:
    """Put one space in place of each run of characters that are no letters; a letter keeps its marks."""
    return _NO_LETTERS.sub(" ", text)


def is_unspaced(token: str) -> bool:
    """Whether a token is one character of a script without spaces, or of its punctuation."""
    return _UNSPACED_CLUSTER.fullmatch(token) is not None
