"""Compare a written answer to an open question with its reference: word for word, or somewhere in the answer."""

import re
import unicodedata

from saladkit.speech.normalizing.english import english_words

# A run of letters, digits and marks; where a script has no spaces, each character is a word.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]+"
)
_ARTICLES = {"a", "an", "the"}


def compare_with_reference(response: str, reference: str) -> tuple[bool, bool]:
    """Return whether a response is the reference, and whether it contains the reference.

    Case, punctuation, accents' composition and English articles do not count, and numbers are the same in digits and in
    English words ("7", "seven"). The reference is contained as whole words: "1" is not in "10". A response that names
    the reference to deny it contains it too.
    """
    found = [(_words(response), _words(reference)), (_spoken(response), _spoken(reference))]
    return any(a == b != [] for a, b in found), any(_contains(a, b) for a, b in found)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(plain) or plain.split()  # an answer may be a sign
    return [word for word in words if word not in _ARTICLES] or words


def _spoken(text: str) -> list[str]:
    return _words(" ".join(english_words(unicodedata.normalize("NFKC", text))[0]))


def _contains(words: list[str], wanted: list[str]) -> bool:
    return bool(wanted) and any(words[at : at + len(wanted)] == wanted for at in range(len(words) - len(wanted) + 1))
