"""Text and recordings -> what SaladForCausalLM reads and hears, in the manner of Hugging Face's processors."""

from pathlib import Path

import numpy as np
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from saladkit.errors import SaladError
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.rows.prompt_parts import join_parts, pad_at_front
from saladkit.rows.sequences import Sequence, SpeechSpan, speech_span
from saladkit.rows.tokens import bos_of
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.audio.resampling import resample

AUDIO_MARK = "<|audio|>"

Recording = str | Path | np.ndarray


class SaladProcessor(ProcessorMixin):
    """The tokenizer and the front end of one checkpoint.

    What it needs of the speech encoder stands in the checkpoint's `config.json` and nowhere else; its own
    `processor_config.json` only names it, so that `AutoProcessor` finds it.

    A text of a prompt is laid out as training lays out the text between two spans of speech: a space parts it from the
    speech before it, and no space ends it before speech, since a space is a part of the word that follows.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: SaladConfig):
        super().__init__(tokenizer)
        self.front_end = front_end_of(config, device="cpu")
        self.layout = layout_of(config, self.front_end)

    @classmethod
    def from_pretrained(cls, name: str | Path, **kwargs: object) -> "SaladProcessor":
        """The processor of a checkpoint; `kwargs` say where on the Hub it is (`revision`, `token` and the like)."""
        kwargs = {key: value for key, value in kwargs.items() if not key.startswith("_") and key != "trust_remote_code"}
        (tokenizer,) = cls._get_arguments_from_pretrained(name, **kwargs)
        return cls(tokenizer, SaladConfig.from_pretrained(name, **kwargs))

    def to_dict(self) -> dict:
        """What processor_config.json holds."""
        return {"processor_class": type(self).__name__}

    def __call__(
        self,
        text: str | list[str] | None = None,
        audio: Recording | list[Recording] | None = None,
        sampling_rate: int | None = None,
        return_tensors: str = "pt",
    ) -> BatchFeature:
        """Prompts, padded at the front: arguments of SaladForCausalLM's forward and `generate`.

        Args:
            text: one prompt or several. `<|audio|>` stands where a recording is heard; a prompt without it hears its
                recording first. None: the recordings are the prompts.
            audio: the recordings, in the order in which they are heard: mono float [n], or files that libsndfile reads.
            sampling_rate: of the arrays among them, in Hz.

        Returns:
            `input_ids`, `attention_mask`, `position_ids`; with speech also `speech_mask`, `speech_frames`,
            `speech_lengths`; where the model has modality tokens, `modality_marks`.

        Raises:
            SaladError: as many recordings as places for them are not given, or as `lay_out`.
        """
        recordings = [] if audio is None else list(audio) if isinstance(audio, list | tuple) else [audio]
        if text is None:
            text = [AUDIO_MARK] * len(recordings)
        texts = [text] if isinstance(text, str) else list(text)
        if recordings and not any(AUDIO_MARK in one for one in texts):
            texts = [AUDIO_MARK + one for one in texts]
        places = sum(one.count(AUDIO_MARK) for one in texts)
        if places != len(recordings) or not texts:
            raise SaladError(
                f"{len(recordings)} recordings for {places} places in {len(texts)} prompts",
                f"Write {AUDIO_MARK} into the prompts where each recording is heard, or give one recording a prompt.",
            )
        heard = iter(recordings)
        prompts = []
        for one in texts:
            first, *others = one.split(AUDIO_MARK)
            pieces = [first, *(piece for text_after in others for piece in (_as_heard(next(heard)), text_after))]
            prompts.append(self.lay_out(pieces, sampling_rate))
        return self.batch(prompts, return_tensors)

    def lay_out(self, pieces: list[Recording], sampling_rate: int | None = None) -> Sequence:
        """One prompt made of pieces, in order: a `str` is read; a `Path` or an array of samples is heard.

        Raises:
            SaladError: nothing to read or hear; a recording that cannot be decoded, is no mono signal or has no rate.
        """
        heard = [not isinstance(piece, str) for piece in pieces]
        neighbours = zip([False, *heard], [*heard[1:], False], strict=False)
        parts = [
            self._hear(piece, sampling_rate) if is_heard else self._read(piece, speech_before, speech_after)
            for piece, is_heard, (speech_before, speech_after) in zip(pieces, heard, neighbours, strict=True)
        ]
        prompt = join_parts(bos_of(self.tokenizer), parts, self.layout)
        if not len(prompt):
            raise SaladError("an empty prompt", "Give it text or a recording.")
        return prompt

    def batch(self, prompts: list[Sequence], return_tensors: str = "pt") -> BatchFeature:
        """Prompts side by side, padded at the front."""
        batch = pad_at_front(prompts)
        # What stands where nothing is read is not looked at; a special token there leaves no trace in decoded text.
        unread = batch["attention_mask"] == 0
        if "speech_mask" in batch:
            unread |= batch["speech_mask"]
        if "modality_marks" in batch:
            unread |= batch["modality_marks"] > 0
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        batch["input_ids"].masked_fill_(unread, pad or 0)
        return BatchFeature(batch, tensor_type=return_tensors)

    def batch_decode(self, *args: object, **kwargs: object) -> list[str]:
        """The tokenizer's."""
        return self.tokenizer.batch_decode(*args, **kwargs)

    def decode(self, *args: object, **kwargs: object) -> str:
        """The tokenizer's."""
        return self.tokenizer.decode(*args, **kwargs)

    @property
    def model_input_names(self) -> list[str]:
        """What a call gives."""
        names = ["input_ids", "attention_mask", "position_ids"]
        return [*names, "speech_mask", "speech_frames", "speech_lengths", "modality_marks"]

    def _read(self, text: str, speech_before: bool, speech_after: bool) -> list[int]:
        if speech_after:
            text = text.rstrip(" ")
        if speech_before and text and not text[0].isspace():
            text = f" {text}"
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _hear(self, recording: Recording, sampling_rate: int | None) -> SpeechSpan:
        if isinstance(recording, Path):
            samples, sampling_rate = decode_audio(recording, name=str(recording))
        else:
            samples = np.asarray(recording, dtype=np.float32)
            if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
                raise SaladError(
                    f"a recording of shape {list(samples.shape)} is no signal, or not a finite one",
                    "Give mono samples, float [n] in [-1, 1], or the path of a sound file.",
                )
            if sampling_rate is None:
                raise SaladError("samples without their rate", "Give sampling_rate, in Hz.")
        heard = resample(samples, sampling_rate, self.front_end.sample_rate)
        return speech_span(self.front_end.frames([heard])[0], self.layout)


def _as_heard(recording: Recording) -> Path | np.ndarray:
    return Path(recording) if isinstance(recording, str) else recording
