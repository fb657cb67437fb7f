"""Measure how well Whisper's own decoder reads speech that was encoded with little silence behind it.

python benchmarks/whisper_spans.py openai/whisper-tiny.en recordings --silence 0 1 4 --limit 150
python benchmarks/whisper_spans.py openai/whisper-tiny.en recordings --silence 0 1 4 --words 5 --times timed

The model is a Whisper with its decoder; the samples are English recordings with their texts. `--words` cuts a span of
so many words out of every recording that has more; `--times` (from `saladkit timestamps`) has their times, if the
samples have none. Everything is encoded alone: in a window of 30 s as the model was trained, and with each `--silence`.

The decoder needs silence to find the end of a text. "In place": it is given windows of 30 s as it was trained with, in
which the frames of speech, which are all that `saladkit` stores, are replaced; a control, with the mean of these frames
there, shows what it reads from the silence. "Alone": it is given the speech with its own silence.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from transformers import GenerationMixin, WhisperForConditionalGeneration, WhisperProcessor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from saladkit.batches import batches_by_length
from saladkit.formats.samples import words_from_row
from saladkit.formats.word_times import join_word_times
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import heard_between
from saladkit.settings.shared import SpeechEncoder
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.encoders.whisper import WhisperFrontEnd
from saladkit.speech.front_end import cut_audio
from side_by_side import arguments, emit

RATE, LONGEST, TRAINED = 16_000, 8, 30  # Hz; s of the longest speech; s of the windows
TOGETHER, NEW_TOKENS = 30, 60  # recordings that are decoded at once; tokens that a text has at most
NORMALIZED = EnglishTextNormalizer({})


@dataclass(frozen=True)
class Spoken:
    """Speech of at most `LONGEST` seconds, float32 [n] at 16 kHz, and its normalized words."""

    samples: np.ndarray
    words: list[str]


@dataclass(frozen=True)
class Encoded:
    """Frames of each recording and its silence, float32 [frames, width], and the CPU seconds that they took."""

    frames: list[torch.Tensor]
    seconds: float


def spoken(source: str, times: str | None, limit: int | None, words: int) -> list[Spoken]:
    """Read recordings, or a span of `words` words of each."""
    needed = ["id", "text", "audio", *(["words"] if words and times is None else [])]
    table = read_samples(source, needed=needed, optional=[], limit=limit)
    table = table if times is None else join_word_times(table, times)
    found = [one for number, row in enumerate(table.to_pylist()) for one in _cut(row, words, number)]
    return [one for one in found if one.words and len(one.samples) <= LONGEST * RATE]


def _cut(row: dict, count: int, number: int) -> Iterator[Spoken]:
    """Yield the recording of a row, or a span of `count` words that begins and ends at known times, if it has one."""
    samples, rate = decode_row(row, row["id"])
    if not count:
        yield Spoken(cut_audio(samples, rate, (None, None), RATE), NORMALIZED(row["text"]).split())
        return
    words = words_from_row(row)
    timed = [word.start is not None for word in words]
    places = [begin for begin in range(len(words) - count) if timed[begin] and timed[begin + count]]
    if places:
        begin = int(np.random.default_rng(number).choice(places))
        bounds = heard_between(Span(True, begin, begin + count), words)
        said = " ".join(word.word for word in words[begin : begin + count])
        yield Spoken(cut_audio(samples, rate, bounds, RATE), NORMALIZED(said).split())


def encoded(model: str, recordings: list[Spoken], silence: float) -> Encoded:
    """Encode recordings as `cache-speech` does, in batches of similar length of at most 120 s."""
    front_end = open_front_end(SpeechEncoder(encoder=model, silence=silence), device="cpu", dtype="float32")
    assert isinstance(front_end, WhisperFrontEnd)
    lengths = [front_end.encoded_seconds(len(one.samples) / RATE) for one in recordings]
    found: dict[int, torch.Tensor] = {}
    started = time.process_time()
    for batch in batches_by_length(lengths, padded=120.0):
        found |= zip(batch, front_end.with_silence([recordings[index].samples for index in batch]), strict=True)
    return Encoded([found[index] for index in range(len(found))], time.process_time() - started)


class Decoder:
    """Whisper's decoder, greedy; frames of different lengths are padded, and the padding is masked."""

    def __init__(self, name: str):
        """Load the whole model."""
        self._processor = WhisperProcessor.from_pretrained(name)
        self._model = WhisperForConditionalGeneration.from_pretrained(name).eval()
        self._mask: torch.Tensor | None = None
        known = self._model.generation_config
        task = [known.lang_to_id["<|en|>"], known.task_to_id["transcribe"]] if known.is_multilingual else []
        self._prompt = torch.tensor([[known.decoder_start_token_id, *task, known.no_timestamps_token_id]])
        for layer in self._model.model.decoder.layers:  # transformers gives cross-attention no mask
            layer.encoder_attn.register_forward_pre_hook(self._masked, with_kwargs=True)

    def _masked(self, module: torch.nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        return args, kwargs | {"attention_mask": self._mask}

    @torch.inference_mode()
    def words(self, frames: list[torch.Tensor]) -> list[list[str]]:
        """Return the normalized words that are read from the frames of each recording."""
        found: dict[int, list[str]] = {}
        for batch in batches_by_length([len(row) for row in frames], items=TOGETHER):
            hidden = torch.nn.utils.rnn.pad_sequence([frames[index] for index in batch], batch_first=True)
            lengths = torch.tensor([len(frames[index]) for index in batch])
            self._mask = (torch.arange(hidden.shape[1]) < lengths[:, None])[:, None, None]
            ids = GenerationMixin.generate(  # Whisper's own counts on audio
                self._model,
                encoder_outputs=BaseModelOutput(hidden),
                decoder_input_ids=self._prompt.expand(len(batch), -1),
                max_new_tokens=NEW_TOKENS,
            )
            texts = self._processor.batch_decode(ids, skip_special_tokens=True)
            found |= {index: NORMALIZED(text).split() for index, text in zip(batch, texts, strict=True)}
        return [found[index] for index in range(len(frames))]


@dataclass(frozen=True)
class Reading:
    """Reads recordings whose words are known, encoded in windows of 30 s and otherwise."""

    decoder: Decoder
    recordings: list[Spoken]
    trained: Encoded

    @property
    def speech(self) -> list[int]:
        """Frames of each recording without silence."""
        return [-(-len(one.samples) // 320) for one in self.recordings]

    def errors(self, frames: list[torch.Tensor]) -> np.ndarray:
        """Return the number of wrong words that the decoder reads from the frames of each recording."""
        pairs = zip(self.recordings, self.decoder.words(frames), strict=True)
        return np.array([Levenshtein.distance(one.words, heard) for one, heard in pairs])

    def in_place(self, frames: list[torch.Tensor]) -> list[torch.Tensor]:
        """Put frames of speech into the windows of 30 s, in the place of those of the window."""
        found = zip(frames, self.trained.frames, self.speech, strict=True)
        return [torch.cat([row[:count], window[count:]]) for row, window, count in found]

    def control(self) -> list[torch.Tensor]:
        """Put the mean of the frames of speech in the place of each of them."""
        found = zip(self.trained.frames, self.speech, strict=True)
        return self.in_place([row[:count].mean(0).expand(count, -1) for row, count in found])

    def cosine(self, frames: list[torch.Tensor]) -> float:
        """Return the mean cosine between frames of speech and those of windows of 30 s."""
        found = zip(frames, self.trained.frames, self.speech, strict=True)
        pairs = [(row[:count], window[:count]) for row, window, count in found]
        return torch.cosine_similarity(*map(torch.cat, zip(*pairs, strict=True))).mean().item()


def interval(errors: np.ndarray, others: np.ndarray, words: np.ndarray) -> list[float]:
    """Return a 95 % interval of the difference of two word error rates in points, over recordings drawn again."""
    drawn = np.random.default_rng(0).integers(0, len(words), (10_000, len(words)))
    differences = 100 * (errors - others)[drawn].sum(1) / words[drawn].sum(1)
    return [round(float(end), 2) for end in np.quantile(differences, (0.025, 0.975))]


@dataclass
class Lines:
    """Prints a line for each way to encode recordings; the first is what the others are compared with."""

    reading: Reading
    what: str
    shape: str
    first: np.ndarray | None = None

    def line(self, how: str, encoded: Encoded, frames: list[torch.Tensor]) -> None:
        """Print the word errors of the decoder that reads `frames`, which were made of `encoded`."""
        errors = self.reading.errors(frames)
        self.first = errors if self.first is None else self.first
        counts = np.array([len(one.words) for one in self.reading.recordings])
        speech = sum(len(one.samples) for one in self.reading.recordings) / RATE
        emit(
            f"word errors of Whisper's decoder: {self.what}, encoded {how}",
            ours=100 * float(errors.sum() / counts.sum()),
            theirs=100 * float(self.first.sum() / counts.sum()),
            unit="%",
            ratio=None,
            target=None,
            device="cpu",
            shape=self.shape,
            interval=interval(errors, self.first, counts),
            wrong=int((errors > 0).sum()),
            cosine=round(self.reading.cosine(frames), 4),
            cpu_seconds_per_second=round(encoded.seconds / speech, 4),
            recordings=len(counts),
            words=int(counts.sum()),
            seconds=round(speech, 1),
        )


def main() -> None:
    """Print word error rates: of windows of 30 s, of the control, and for each `--silence` in place and alone."""
    parser = arguments(__doc__, shape="base")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="folder or name of a Whisper")
    parser.add_argument("source", help="samples with recordings")
    parser.add_argument("--silence", type=float, nargs="+", default=[0.0, 1.0, 4.0], help="s")
    parser.add_argument("--words", type=int, default=0, help="words of a span; 0: whole recordings")
    parser.add_argument("--times", help="word times of the samples")
    parser.add_argument("--limit", type=int, help="rows of the samples")
    options = parser.parse_args()
    recordings = spoken(options.source, options.times, options.limit, options.words)
    trained = encoded(options.model, recordings, TRAINED)
    reading = Reading(Decoder(options.model), recordings, trained)
    show = Lines(reading, f"spans of {options.words} words" if options.words else "recordings", options.shape)
    show.line("in windows of 30 s", trained, trained.frames)
    show.line("in windows of 30 s, the speech replaced by its mean", trained, reading.control())
    for silence in options.silence:
        found = encoded(options.model, recordings, silence)
        show.line(f"with {silence:g} s of silence, in place", found, reading.in_place(found.frames))
        show.line(f"with {silence:g} s of silence, alone", found, found.frames)


if __name__ == "__main__":
    main()
