"""Find near duplicates among the texts that are drawn: the first text of each group stays."""

import numpy as np

from saladkit.selection.neighbours import flat_index
from saladkit.selection.vectors import Vectors
from saladkit.selection.whole_texts import WholeTexts

AT_ONCE = 4096
ROUNDING = 1e-5  # of a float32 product: the similarity of equal texts is not quite 1
COMPARED = 64  # texts with a similar beginning with which a truncated text is compared, beside all equal texts
NONE = -1


class NearDuplicates:
    """Remember the texts that are drawn, and compare further texts with them.

    Where the embedder has read a part of a text alone, a near duplicate must also agree in the words beyond it.

    Attributes:
        texts: all texts.
        spared: texts that are no near duplicates only because they differ beyond what the embedder has read.
    """

    def __init__(self, vectors: Vectors, place: np.ndarray, cosine: float, texts: WholeTexts):
        """Call two texts near duplicates if their cosine similarity is at least `cosine`.

        Args:
            vectors: of N texts and perhaps others.
            place: row of each text among the vectors, int [N].
        """
        self._vectors, self._place, self._cosine, self.texts = vectors, place, cosine - ROUNDING, texts
        self._kept = flat_index(vectors.width)
        self._rows: list[int] = []  # of the texts in the index
        self._truncated: dict[bytes, int] = {}  # truncated texts in the index, by the digest of their words
        self.spared = 0

    def know(self, rows: np.ndarray) -> None:
        """Remember rows, int [n], that were drawn before, such as in earlier rounds."""
        for begin in range(0, len(rows), AT_ONCE):
            some = rows[begin : begin + AT_ONCE]
            self._kept.add(self._vectors.take(self._place[some]))
            for row in some.tolist():
                self._remember(row)

    def twins_of(self, rows: np.ndarray) -> np.ndarray:
        """Return of which earlier row each row is a near duplicate, int64 [n], and add the rows that are of none: -1.

        Args:
            rows: in the order drawn, int [n].
        """
        twins = [self._twins_of_few(rows[begin : begin + AT_ONCE]) for begin in range(0, len(rows), AT_ONCE)]
        return np.concatenate(twins) if twins else np.empty(0, np.int64)

    def _twins_of_few(self, rows: np.ndarray) -> np.ndarray:
        vectors = self._vectors.take(self._place[rows])
        twins = np.full(len(rows), NONE)
        similar = np.zeros(len(rows), dtype=bool)
        if self._kept.ntotal:
            similar = self._kept.search(vectors, 1)[0][:, 0] >= self._cosine
            for place in np.flatnonzero(similar):
                twins[place] = self._twin_among_kept(int(rows[place]), vectors[place])
        near = vectors @ vectors.T >= self._cosine
        for at, row in enumerate(rows.tolist()):
            if twins[at] == NONE:
                earlier = np.flatnonzero(near[at, :at] & (twins[:at] == NONE))
                similar[at] |= len(earlier) > 0
                twins[at] = self._twin_of(row, rows[earlier].tolist())
            if twins[at] == NONE:
                self._remember(row)
        new = twins == NONE
        self.spared += int((new & similar).sum())
        self._kept.add(vectors[new])
        return twins

    def _twin_among_kept(self, row: int, vector: np.ndarray) -> int:
        similarity, places = self._kept.search(vector[None], min(COMPARED, self._kept.ntotal))
        return self._twin_of(row, [self._rows[place] for place in places[0][similarity[0] >= self._cosine]])

    def _twin_of(self, row: int, similar: list[int]) -> int:
        """Return the first text with a similar vector that is a near duplicate, or else a text of the same words."""
        truncated = self.texts.is_truncated(row)
        if similar and truncated and self.texts.digest(row) in self._truncated:
            return self._truncated[self.texts.digest(row)]
        for other in similar[:COMPARED]:
            is_whole = not (truncated or self.texts.is_truncated(other))
            if is_whole or self.texts.agree(row, other):
                return other
        return NONE

    def _remember(self, row: int) -> None:
        self._rows.append(row)
        if self.texts.is_truncated(row):
            self._truncated.setdefault(self.texts.digest(row), row)
