"""Describe regions by keywords: words that are frequent in a region and in few others.

This is class-based TF-IDF (BERTopic; Grootendorst, arXiv 2203.05794) with another inverse frequency: of regions, not of
words. "The" and "his" are in every region, more often in some, and describe none, in whatever language.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import regex

from saladkit.sources.folding import folded

SAMPLE = 3000  # words drawn from a region; a word counts as in the region by its probability to be among them
_TERM = regex.compile(
    r"(?P<han>\p{Han}{2,})|[\p{Katakana}ー]{2,}|[[\p{L}\p{M}]--[\p{Han}\p{Hiragana}\p{Katakana}ー]]{2,}", regex.V1
)


def keywords(texts: list[list[str]], count: int = 8) -> list[list[str]]:
    """Return at most `count` words that describe each cluster, best first: of the highest share * log(1 / spread).

    The spread of a word is the share of clusters that it is in; words of more than half of the clusters are left out.

    Args:
        texts: the texts of each cluster.
    """
    by_cluster: list[Counter[str]] = [Counter() for _ in texts]
    for counts, of_cluster in zip(by_cluster, texts, strict=True):
        for text in of_cluster:
            counts.update(_terms(folded(text)))
    shares = [{word: times / counts.total() for word, times in counts.items()} for counts in by_cluster]
    present: Counter[str] = Counter()  # the number of clusters that a word is in, not a whole number
    for of_cluster_shares in shares:
        for word, share in of_cluster_shares.items():
            present[word] += 1 - np.exp(-SAMPLE * share)
    most = (len(texts) + 1) / 2
    weight = {word: np.log(len(texts) / clusters) for word, clusters in present.items() if clusters <= most}
    return [
        sorted(weight.keys() & found.keys(), key=lambda word: (-found[word] * weight[word], word))[:count]
        for found in shares
    ]


def _terms(text: str) -> Iterator[str]:
    """Yield the words of a folded text; of Chinese characters, which no spaces separate, all pairs."""
    for match in _TERM.finditer(text):
        if match["han"]:
            yield from (match[0][at : at + 2] for at in range(len(match[0]) - 1))
        else:
            yield match[0]
