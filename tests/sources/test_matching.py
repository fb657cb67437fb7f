"""Names that tools gave to recordings find the rows they belong to, and no others."""

import unicodedata

import pytest

from saladkit.errors import SaladError
from saladkit.sources.word_times.matching import match_ids

NFC, NFD = "café", unicodedata.normalize("NFD", "café")

MATCHES = {
    "equal": (["a/1"], {"a/1": "a/1"}),
    "a stem, and the id a path": (["one", "two"], {"wav/one": "one", "wav/two": "two", "wav/three": None}),
    "a path, and the id a stem": (["s1/a", "s1/b"], {"a": "s1/a", "c": None}),
    "a path, and the id a longer one": (["s1/a", "s2/a"], {"data/x/s1/a": "s1/a", "data/x/s2/a": "s2/a"}),
    "another folder": (["aligned/a"], {"wav/a": "aligned/a"}),
    "a name that is another's own": (["b/1"], {"a/1": None, "b/1": "b/1"}),
    "a name that is nearer to another": (["b/1"], {"x/a/1": None, "x/b/1": "b/1"}),
    "escaped as a file": (["large%2F1%20%C3%BC"], {"large/1 ü": "large%2F1%20%C3%BC"}),
    "escaped as a line": (["b%20c", "50%25", "50%2525"], {"b c": "b%20c", "50%": "50%25", "50%25": "50%2525"}),
    "half escaped": (["large%2F1%20ü"], {"large/1 ü": None}),
    "decomposed on one side": ([NFC], {f"wav/{NFD}": NFC}),
    "decomposed on the other": ([NFD], {NFC: NFD}),
    "a dash for a space": (["my-talk"], {"wav/my talk": "my-talk"}),
    "the suffix of the recording": (["one.wav", "two"], {"wav/one": "one.wav", "two.mp3": "two"}),
    "folders joined by a line": (["wav_one", "two"], {"data/wav/one": "wav_one", "wav/two": "two", "wav/one_": None}),
    "a path of Windows": (["C:\\data\\wav\\one.wav"], {"wav/one": "C:\\data\\wav\\one.wav"}),
    "no suffix": (["v1.5"], {"wav/v1.5": "v1.5", "wav/v1": None}),
    "no letters": (["a"], {"": None, "a/": None}),
}


@pytest.mark.parametrize("kind", list(MATCHES))
def test_an_id_finds_its_name(kind):
    names, expected = MATCHES[kind]
    find = match_ids(names, expected)
    assert {id_: find(id_) for id_ in expected} == expected


@pytest.mark.parametrize(
    "names, ids, problem",
    [
        (["s1/a", "s2/a"], ["a"], "s1/a and s2/a are both named after the row 'a'"),
        (["s1/a", "s2/a"], ["s3/a"], "s1/a and s2/a are both named after the row 's3/a'"),
        (["a"], ["s1/a", "s2/a"], "a may be the row 's1/a' or the row 's2/a'"),
        ([NFC, NFD], [f"x/{NFC}"], "are both named after the row"),
    ],
)
def test_what_could_be_either_is_an_error(names, ids, problem):
    find = match_ids(names, ids)
    for id_ in ids:
        with pytest.raises(SaladError, match=problem):
            find(id_)
