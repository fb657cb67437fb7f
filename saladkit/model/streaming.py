"""Read a prompt while it is being spoken, so that its answer begins when the speech ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import StoppingCriteriaList
from transformers.cache_utils import DynamicCache

from saladkit.errors import SaladError
from saladkit.model.answer_pieces import AnswerPieces
from saladkit.model.cache_name import CACHE
from saladkit.model.language_model import run_language_model
from saladkit.model.processor import SaladProcessor, mono_samples
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.streamed_span import StreamedSpan
from saladkit.rows.sequences import SPEECH_FOLLOWS, TEXT_FOLLOWS
from saladkit.rows.tokens import bos_of, ids_after_text


class SpeechStream:
    """A conversation of text, speech and answers, in any order, that the model reads as it comes.

    Speech is given in pieces of any length. Each piece becomes vectors at once, and the language model adds their keys
    and values to its cache. At the end of the speech there is at most one vector left to read.

    The prompt is the one that `SaladProcessor` lays out for the same texts and recordings, up to rounding. Encoders
    that look ahead (Whisper, wav2vec 2.0, HuBERT, WavLM) cannot be streamed. A recording's constant offset, which
    `decode_audio` subtracts, is not known before its end and stays.

        stream = SpeechStream(*load_checkpoint("stage1"), sampling_rate=16_000)
        for samples in microphone:
            stream.feed(samples)
        for piece in stream.answer("The answer is", max_new_tokens=64):
            print(piece, end="", flush=True)
    """

    def __init__(self, model: SaladForCausalLM, processor: SaladProcessor, sampling_rate: int):
        """Begin with nothing read, and load the encoder.

        Args:
            sampling_rate: of all samples, in Hz.

        Raises:
            SaladError: the encoder looks ahead, or does not load.
        """
        self.model, self.processor, self.sampling_rate = model.eval(), processor, sampling_rate
        self._ids: list[int] = []  # of every position; those of speech and modality tokens are ignored
        self._cache = DynamicCache(config=model.config.text_config)
        # The language model has read all positions but the last, from which `generate` predicts the first token.
        self._last = torch.zeros(1, 0, model.config.text_config.hidden_size).to(model.device, model.dtype)
        self._text = ""  # to read once it is known whether speech follows
        self._span: StreamedSpan | None = None
        self._after_speech = False
        # The first 0.2 s of speech, for nothing: what is loaded at first use (filters, weights) takes seconds.
        StreamedSpan(model, processor.front_end, sampling_rate).feed(np.zeros(sampling_rate // 5, np.float32))

    @property
    def positions(self) -> int:
        """Number of positions of the language model that are in use: tokens, and 12.5 vectors per second of speech."""
        return len(self._ids)

    @property
    def longest(self) -> int | None:
        """Most positions: those that the language model has, or was made for; None if it states no number.

        32,768 for Qwen2.5, or 43 minutes of speech.
        """
        stated = getattr(self.model.config.text_config, "max_position_embeddings", None)
        return stated if self.processor.limits.positions is None else self.processor.limits.positions

    def read(self, text: str) -> None:
        """Read text, which ends the speech before it. A text may come in pieces.

        Spaces beside speech follow training, as in `SaladProcessor`.
        """
        self._text += text

    def feed(self, samples: np.ndarray) -> None:
        """Read the next piece of speech, float [n] in [-1, 1]; n may be 0.

        Raises:
            SaladError: the samples are no mono signal or not finite, or the stream is longer than the model reads.
        """
        samples = mono_samples(samples)
        if not len(samples):
            return
        if self._text.strip(" ") or self._span is None:
            self._end_speech()
            self._read_waiting_text(speech_follows=True)
            span = StreamedSpan(self.model, self.processor.front_end, self.sampling_rate)
            self._read_ids([SPEECH_FOLLOWS] if self.model.config.modality_tokens else [])
            self._span = span
        self._read_vectors(self._span.feed(samples))

    def answer(self, text: str = "", *, max_new_tokens: int, **settings: Any) -> Iterator[str]:
        """End the speech, read `text`, and yield what the model writes next, in pieces of whole characters.

        The model writes while the pieces are taken. The answer is then part of the conversation. If no more pieces are
        taken, the answer ends within one token.

        Args:
            max_new_tokens: most tokens of the answer; fewer where `longest` is reached.
            settings: of transformers' `generate`, for one answer without beams; `do_sample=False` for the likeliest.

        Raises:
            SaladError: nothing has been read, or the stream is longer than the model reads.
        """
        self.read(text)
        self._end_speech()
        self._read_waiting_text(speech_follows=False)
        if not self._ids:
            raise SaladError("an empty prompt", "Give text or a recording.")
        room = max_new_tokens if self.longest is None else min(max_new_tokens, self.longest - len(self._ids))
        if room < 1:
            raise self._too_long(len(self._ids) + 1)
        return self._write(max_new_tokens=room, **settings)

    def _write(self, **settings: Any) -> Iterator[str]:
        pieces = AnswerPieces(self.processor.tokenizer)
        ids = torch.tensor([self._ids], device=self.model.device)
        prompt = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "speech_vectors": self._last,
            "speech_lengths": torch.ones(1, dtype=torch.int64, device=ids.device),
            "speech_mask": torch.arange(ids.shape[1], device=ids.device)[None] == ids.shape[1] - 1,
            CACHE: self._cache,
        }
        with ThreadPoolExecutor(1) as thread:
            written = thread.submit(
                self.model.generate,
                **prompt,
                streamer=pieces,
                stopping_criteria=StoppingCriteriaList([pieces]),
                use_cache=True,
                **settings,
            )
            written.add_done_callback(lambda _: pieces.end())  # an error ends it too
            try:
                yield from pieces
            finally:
                pieces.stop()
                self._ids = written.result()[0].tolist()
                self._last = self._embeddings(self._ids[-1:])

    def _end_speech(self) -> None:
        if self._span is None:
            return
        span, self._span = self._span, None
        self._read_vectors(span.close())
        self._read_ids([TEXT_FOLLOWS] if self.model.config.modality_tokens else [])

    def _read_waiting_text(self, speech_follows: bool) -> None:
        text, self._text = self._text, ""
        if self._after_speech or not self._ids:
            ids = self.processor.text_ids(text, self._after_speech, speech_follows)
        else:
            ids = ids_after_text(self.processor.tokenizer, text.rstrip(" ") if speech_follows else text)
        if not self._ids:
            bos = bos_of(self.processor.tokenizer)
            ids = ids if ids[: len(bos)] == bos else bos + ids
        self._read_ids(ids)
        self._after_speech = False

    def _read_ids(self, ids: list[int]) -> None:
        """Read token ids, or a negative modality token."""
        if reason := self.processor.limits.why_not_tokens(ids):
            raise SaladError(f"a text cannot be read: {reason}", "Leave out this token.")
        if ids:
            self._append(self._embeddings(ids), [max(0, id_) for id_ in ids])

    def _read_vectors(self, vectors: Tensor) -> None:
        """Read speech vectors [n, hidden_size]."""
        if len(vectors):
            self._append(vectors[None], [self.processor.ignored_id] * len(vectors))
            self._after_speech = True

    @torch.no_grad()
    def _embeddings(self, ids: list[int]) -> Tensor:
        tokens = torch.tensor([ids], device=self.model.device)
        marks = (-tokens).clamp(min=0)
        return self.model.embed_text(tokens.clamp(min=0), marks if marks.any() else None)

    @torch.no_grad()
    def _append(self, embeddings: Tensor, ids: list[int]) -> None:
        """Put n positions, [1, n, hidden_size], behind the others, and let the language model read all but the last."""
        if self.longest is not None and len(self._ids) + len(ids) > self.longest:
            raise self._too_long(len(self._ids) + len(ids))
        waiting = torch.cat([self._last, embeddings], dim=1)
        if waiting.shape[1] > 1:
            decoder: dict[str, object] = {"inputs_embeds": waiting[:, :-1], "use_cache": True, CACHE: self._cache}
            run_language_model(self.model.language_model, None, None, 0, False, **decoder)
        self._ids, self._last = self._ids + ids, waiting[:, -1:]

    def _too_long(self, positions: int) -> SaladError:
        return SaladError(
            f"the stream has come to {positions} positions, and the model reads {self.longest}",
            "Ask for the answer earlier, or begin a new SpeechStream.",
        )
