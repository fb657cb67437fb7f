"""Describe regions by keywords: class-based TF-IDF, as in BERTopic (Grootendorst, arXiv 2203.05794, eq. 2)."""

import re
from collections import Counter

import numpy as np


def keywords(texts: list[list[str]], count: int = 8) -> list[list[str]]:
    """Return the `count` most distinctive words of each cluster, by tf(word, cluster) * log(1 + mean words / tf(word)).

    Args:
        texts: the texts of each cluster.
    """
    by_cluster: list[Counter[str]] = [Counter() for _ in texts]
    for counts, of_cluster in zip(by_cluster, texts, strict=True):
        for text in of_cluster:
            counts.update(re.findall(r"[^\W\d_]{2,}", text.lower()))
    overall = sum(by_cluster, Counter[str]())
    mean_words = sum(overall.values()) / len(texts)
    weight = {word: np.log(1 + mean_words / times) for word, times in overall.items()}
    return [
        [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1] * weight[item[0]], item[0]))[:count]]
        for counts in by_cluster
    ]
