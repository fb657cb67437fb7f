"""Prompts that a model writes on from, laid out as training lays out a rollout."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from saladkit.formats.rollouts import SPEECH, TEXT
from saladkit.formats.words import Word
from saladkit.rows.frame_sources import DrawnFrames, SpansAlone
from saladkit.rows.heard_turns import hearable_stretches
from saladkit.rows.interleaving import Span, may_cut
from saladkit.rows.sequences import ANY_LENGTH, Frames, Sequence, SequenceLayout, build_sequence, sequence_length
from saladkit.rows.tokens import TokenizedText
from saladkit.rows.training_rows import TrainingSource


@dataclass(frozen=True)
class Prompt:
    """A prompt; the response behind it counts as one word more.

    Attributes:
        source_id: id of the row of samples.
        modality: speech or text.
        words: number of first words of the row's text.
        token_ids: int32 [n], the tokens of the prompt as text, BOS included.
        prefix: number of special tokens before the first word of a heard prompt.
        word_tokens: int64 [units], the token with which each unit of the prompt begins, the last one the response.
        spans: speech and text in turn; the response is in the last one.
        timed: the units with their times.
        recording: the frames of its speech, and the id of the recording there; None for a read prompt.
        is_conversation: whether a chat template has laid it out.
    """

    source_id: str
    modality: str
    words: int
    token_ids: np.ndarray
    prefix: int
    word_tokens: np.ndarray
    spans: list[Span]
    timed: list[Word]
    recording: tuple[DrawnFrames, str] | None
    is_conversation: bool

    def frames(self) -> Frames | None:
        """Return the front-end frames of what is heard; None for a read prompt."""
        if self.recording is None:
            return None
        frames, id_ = self.recording
        return frames.of_spans(id_, self.spans, self.timed)

    def sequence(self, response: np.ndarray, frames: Frames | None, layout: SequenceLayout | None) -> Sequence:
        """Lay out the prompt and the beginning of a response, int [m]; its positions predict m + 1 tokens.

        Without a response it is the prompt, whose one position predicts the first token.
        """
        return build_sequence(self._text(response), self.spans, self.timed, frames, layout)

    def most_positions(self, layout: SequenceLayout | None) -> int:
        """Return a number of positions that `sequence` without a response does not exceed, by the times of words."""
        if self.recording is None or layout is None:
            return len(self.token_ids)
        frames, id_ = self.recording
        last = max(span.end for span in self.spans if span.is_speech)
        if isinstance(frames, SpansAlone):
            count: int | dict[tuple[int, int], int] = frames.most_frames(id_, self.spans, self.timed, layout)
        else:
            count = frames.length(id_) if self.timed[last].start is None else ANY_LENGTH
        return sequence_length(self._text(np.zeros(0)), self.spans, self.timed, count, layout)

    def _text(self, response: np.ndarray) -> TokenizedText:
        tokens = np.concatenate([self.token_ids, response.astype(np.int32)])
        ends = np.append(self.word_tokens, len(tokens))
        learned = np.arange(len(tokens) + 1) >= len(self.token_ids)
        return TokenizedText(tokens, ends, np.ones(len(ends), dtype=bool), self.prefix, learned=learned)


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
        token_ids = text.token_ids[: text.word_tokens[end]]
        spans = [Span(True, 0, end), Span(False, end, end + 1)]
        return self._in_modalities(source, row, token_ids, end, end, spans)

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
        end = int(np.searchsorted(text.word_tokens, begin, side="right")) - 1
        spans, at = list[Span](), 0
        for first, last in hearable_stretches(text, allowed) if source.words is not None else ():
            if last <= end:
                spans += [Span(False, at, first)] if at < first else []
                spans.append(Span(True, first, last))
                at = last
        spans.append(Span(False, at, end + 1))
        if SPEECH in self.modalities and len(spans) == 1:
            return "no turn before the last answer whose word times are known"
        heard = int(text.hearable[:end].sum())
        return self._in_modalities(source, row, text.token_ids[:begin], heard, end, spans)

    def _in_modalities(
        self, source: TrainingSource, row: int, token_ids: np.ndarray, words: int, end: int, spans: list[Span]
    ) -> list[Prompt]:
        """Return a prompt in each modality; `end` is its number of units, and `spans` are those of the heard prompt."""
        read = _read_prompt(source, row, token_ids, words)
        return [
            _heard_prompt(read, source, row, end, spans) if modality == SPEECH else read for modality in self.modalities
        ]


def _read_prompt(source: TrainingSource, row: int, token_ids: np.ndarray, words: int) -> Prompt:
    is_conversation, begins = source.texts[row].learned is not None, np.zeros(1, dtype=np.int64)
    whole, unit = [Span(False, 0, 1)], [Word("", None, None)]
    return Prompt(source.ids[row], TEXT, words, token_ids, 0, begins, whole, unit, None, is_conversation)


def _heard_prompt(read: Prompt, source: TrainingSource, row: int, end: int, spans: list[Span]) -> Prompt:
    text, frames = source.texts[row], source.frames
    assert source.words is not None and isinstance(frames, DrawnFrames)
    words = source.words[row]
    # The response stands for the word behind the prompt, where the speech ends as it does in training.
    behind = words[end] if end < len(words) else Word("", words[-1].end, None)
    return replace(
        read,
        modality=SPEECH,
        prefix=text.prefix,
        word_tokens=text.word_tokens[: end + 1],
        spans=spans,
        timed=[*words[:end], behind],
        recording=(frames, source.ids[row]),
    )
