"""Prompts that a model writes on from, laid out as training lays out rollouts."""

import zlib
from collections.abc import Sequence as Many
from dataclasses import dataclass

import numpy as np

from saladkit.formats.rollouts import SPEECH, TEXT, id_of
from saladkit.rows.frame_sources import DrawnFrames, FixedSpans
from saladkit.rows.heard_turns import hearable_stretches
from saladkit.rows.interleaving import may_cut
from saladkit.rows.rollout_rows import HeardPrompt, HeardRow, RolloutRow, lay_out, units_before
from saladkit.rows.sequences import Frames, Sequence, SequenceLayout, sequence_length
from saladkit.rows.training_rows import TrainingSource


@dataclass(frozen=True)
class Prompt:
    """A prompt.

    Attributes:
        source_id: id of the row of samples.
        words: number of first words of the row's text.
        token_ids: int32 [n], the tokens of the prompt as text, BOS included.
        heard: where it is heard; None for a read prompt.
        is_conversation: whether a chat template has laid it out.
    """

    source_id: str
    words: int
    token_ids: np.ndarray
    heard: HeardPrompt | None
    is_conversation: bool

    @property
    def modality(self) -> str:
        """Speech or text."""
        return TEXT if self.heard is None else SPEECH

    def id(self, sample: int) -> str:
        """Return the id of a rollout."""
        return id_of(self.source_id, self.words, sample, self.modality)

    def frames(self) -> Frames | None:
        """Return the front-end frames of what is heard; None for a read prompt."""
        return self._laid_out(()).frames()

    def sequence(self, response: Many[int], frames: Frames | None, layout: SequenceLayout | None) -> Sequence:
        """Lay out the prompt and the beginning of a response, m tokens; its positions predict m + 1 tokens.

        Without a response it is the prompt, whose one position predicts the first token.
        """
        return self._laid_out(response).sequence(frames, layout)

    def most_positions(self, layout: SequenceLayout | None) -> int:
        """Return a number of positions that `sequence` without a response does not exceed, by the times of words."""
        laid = self._laid_out(())
        if laid.recording is None or layout is None:
            return len(self.token_ids)
        most = FixedSpans({"": laid.spans}, {"": laid.recording}).most_frames("", laid.words, layout)
        return sequence_length(laid.text, laid.spans, laid.words, most, layout)

    def _laid_out(self, response: Many[int]) -> RolloutRow:
        return lay_out(self.token_ids.tolist(), response, self.heard)


@dataclass(frozen=True)
class PromptDrawing:
    """Draws how many first words of each row are its prompt, by seed and id.

    Attributes:
        prompt_words: smallest and largest number of words.
        modalities: speech, text or both; a row's prompt is the same in both.
    """

    prompt_words: tuple[int, int]
    modalities: tuple[str, ...]
    seed: int

    def of_row(self, source: TrainingSource, row: int) -> list[Prompt] | str:
        """Return the prompts of a row, one in each modality, or why it has none."""
        text, id_ = source.texts[row], source.ids[row]
        allowed = text.splittable if source.words is None else may_cut(text, source.words[row])
        if text.learned is not None:
            return self._of_conversation(source, row, allowed)
        end = self._drawn_end(allowed, id_)
        if end is None:
            low, high = self.prompt_words
            times = "tokens allow" if source.words is None else "tokens and word times allow"
            return f"no place behind words {low} to {high} where {times} a cut"
        return self._in_modalities(source, row, text.token_ids[: text.word_tokens[end]], end, end)

    def _drawn_end(self, allowed: np.ndarray, id_: str) -> int | None:
        """Return the word before which a text is cut, drawn from the places in the range; None without one."""
        low, high = self.prompt_words
        count = len(allowed) - 1
        if count < low:
            return count or None
        places = np.flatnonzero(allowed[low : high + 1]) + low
        random = np.random.default_rng([self.seed, 6, zlib.crc32(id_.encode())])
        return int(random.choice(places)) if len(places) else None

    def _of_conversation(self, source: TrainingSource, row: int, allowed: np.ndarray) -> list[Prompt] | str:
        """Return the prompts of a conversation: all before the assistant's last turn, its beginning included."""
        text = source.texts[row]
        assert text.learned is not None and text.hearable is not None
        answers = np.flatnonzero(np.diff(text.learned.astype(int)) == 1)
        if not len(answers):
            return "no answer of the assistant behind a prompt"
        begin = int(answers[-1]) + 1
        end = units_before(text, begin)
        if SPEECH in self.modalities and all(last > end for _, last in hearable_stretches(text, allowed)):
            return "no turn before the last answer whose word times are known"
        return self._in_modalities(source, row, text.token_ids[:begin], int(text.hearable[:end].sum()), end)

    def _in_modalities(
        self, source: TrainingSource, row: int, token_ids: np.ndarray, words: int, end: int
    ) -> list[Prompt]:
        """Return a prompt in each modality; `end` as in `HeardPrompt`."""
        text, id_, made = source.texts[row], source.ids[row], []
        for modality in self.modalities:
            heard = None
            if modality == SPEECH:
                assert source.words is not None and isinstance(source.frames, DrawnFrames)
                heard = HeardPrompt(HeardRow(text, source.words[row], (source.frames, id_)), end)
            made.append(Prompt(id_, words, token_ids, heard, text.learned is not None))
        return made
