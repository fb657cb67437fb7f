"""SaladProcessor: makes prompts of texts and recordings, in the manner of transformers' processors."""

from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from saladkit.errors import SaladError
from saladkit.model.chat_messages import Recording, turns_with_marks
from saladkit.model.chat_template import template_of
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import limits_of
from saladkit.rows.chat_prompts import SPEECH, chat_prompt
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.model_limits import ModelLimits
from saladkit.rows.prompt_sequences import join_parts, pad_at_front
from saladkit.rows.sequences import Sequence, SpeechSpan, speech_span
from saladkit.rows.tokens import bos_of, ids_after_text
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.audio.resampling import resample

AUDIO_MARK = "<|audio|>"


class SaladProcessor(ProcessorMixin):
    """The tokenizer and the front end of a checkpoint.

    The front end is described by the checkpoint's `config.json` alone. `processor_config.json` only names this class,
    so that `AutoProcessor` finds it.

    Spaces at the ends of a text follow training: text after speech begins with a space, and text before speech does not
    end with one, because a space belongs to the word after it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: SaladConfig):
        super().__init__(tokenizer)
        self.front_end = front_end_of(config, device="cpu")
        self.layout = layout_of(config, self.front_end)
        self.config = config

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | PathLike,
        cache_dir: str | PathLike | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        token: str | bool | None = None,
        revision: str = "main",
        **kwargs: Any,
    ) -> "SaladProcessor":
        """Load the processor of a checkpoint; all other arguments say where on the Hub the checkpoint is."""
        kwargs |= {"cache_dir": cache_dir, "force_download": force_download, "local_files_only": local_files_only}
        kwargs |= {"revision": revision} | ({} if token is None else {"token": token})
        kwargs = {key: value for key, value in kwargs.items() if not key.startswith("_") and key != "trust_remote_code"}
        (tokenizer,) = cls._get_arguments_from_pretrained(pretrained_model_name_or_path, **kwargs)
        return cls(tokenizer, SaladConfig.from_pretrained(pretrained_model_name_or_path, **kwargs))

    def to_dict(self) -> dict:
        """Return the content of `processor_config.json`."""
        return {"processor_class": type(self).__name__}

    def __call__(
        self,
        text: str | list[str] | None = None,
        audio: Recording | list[Recording] | None = None,
        sampling_rate: int | None = None,
        return_tensors: str = "pt",
        images: None = None,
        videos: None = None,
        padding: bool = True,
    ) -> BatchFeature:
        """Make a batch of prompts, padded at the front: arguments of SaladForCausalLM's `forward` and `generate`.

        transformers' pipelines give `images` and `videos`, which must be None, and `padding`, which is always done.

        Args:
            text: one prompt or several, with `<|audio|>` at the place of each recording. If no prompt has this mark,
                each prompt begins with one recording. If None, each recording is a prompt.
            audio: the recordings in the order of their places: mono float [n] in [-1, 1], or paths of files that
                libsndfile can read.
            sampling_rate: sampling rate of the arrays, in Hz.

        Returns:
            `input_ids`, `attention_mask`, `position_ids`; with speech also `speech_mask`, `speech_frames`,
            `speech_lengths`; for a model with modality tokens also `modality_marks`.

        Raises:
            SaladError: the number of recordings is not the number of places for them, or there are images or videos; or
                as `lay_out`.
        """
        if images is not None or videos is not None:
            raise SaladError("images or videos, which the model does not read", "Give text and recordings alone.")
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
                f"Write {AUDIO_MARK} into the prompts at the place of each recording, or give each one recording.",
            )
        remaining = iter(recordings)
        prompts = []
        for one in texts:
            first, *others = one.split(AUDIO_MARK)
            pieces = [first, *(piece for after in others for piece in (_as_recording(next(remaining)), after))]
            prompts.append(self.lay_out(pieces, sampling_rate))
        return self.batch(prompts, return_tensors)

    def lay_out(self, pieces: list[Recording], sampling_rate: int | None = None) -> Sequence:
        """Make one prompt of pieces in order: a `str` is text, and a `Path` or an array of samples is a recording.

        Raises:
            SaladError: the prompt is empty, is longer than the model reads, or has a token that the model does not
                know; or a recording cannot be decoded, is no mono signal, or has no sampling rate.
        """
        is_speech = [not isinstance(piece, str) for piece in pieces]
        neighbours = zip([False, *is_speech], [*is_speech[1:], False], strict=False)
        parts = [
            self.text_ids(piece, *neighbour) if isinstance(piece, str) else self._speech_part(piece, sampling_rate)
            for piece, neighbour in zip(pieces, neighbours, strict=True)
        ]
        return self._checked(join_parts(bos_of(self.tokenizer), parts, self.layout))

    def _checked(self, prompt: Sequence) -> Sequence:
        if not len(prompt):
            raise SaladError("an empty prompt", "Give text or a recording.")
        if reason := self.limits.why_not(prompt.input_ids, len(prompt)):
            raise SaladError(f"a prompt cannot be read: {reason}", "Leave out this token, or shorten the prompt.")
        return prompt

    def apply_chat_template(  # type: ignore[override]  # transformers' templates of its own, tools and images are not taken
        self,
        conversation: list,
        *,
        add_generation_prompt: bool = False,
        tokenize: bool = False,
        return_dict: bool = False,
        return_tensors: str = "pt",
        sampling_rate: int | None = None,
        continue_final_message: bool = False,
        processor_kwargs: dict[str, Any] | None = None,
    ) -> BatchFeature | str | list[str]:
        """Lay out conversations by the tokenizer's chat template; defaults are those of transformers' processors.

        Args:
            conversation: turns as `turns_with_marks` takes them, or a list of such conversations.
            add_generation_prompt: whether the beginning of the assistant's answer follows; must be true for `tokenize`.
            tokenize: whether to return a batch as `__call__`, and not the text with `<|audio|>` for each recording.
            return_dict: must be true for `tokenize`.
            sampling_rate: sampling rate of the arrays, in Hz; pipelines give it in `processor_kwargs`.
            continue_final_message: must be false.

        Raises:
            SaladError: as `template_of`, `turns_with_marks`, `chat_prompt` and `lay_out`; or an argument that must be
                true is not.
        """
        sampling_rate = (processor_kwargs or {}).get("sampling_rate", sampling_rate)
        if continue_final_message:
            raise SaladError("continue_final_message, which is not supported", "End with a turn of the user.")
        template = template_of(self.tokenizer, self.config)
        is_batched = isinstance(conversation, list) and bool(conversation) and isinstance(conversation[0], list | tuple)
        conversations = conversation if is_batched else [conversation]
        if not tokenize:
            marked = [turns_with_marks(messages, AUDIO_MARK)[0] for messages in conversations]
            texts = [
                template.render(turns, "the conversation", generation_prompt=add_generation_prompt) for turns in marked
            ]
            return texts if is_batched else texts[0]
        if not (add_generation_prompt and return_dict):
            raise SaladError(
                "only prompts that the assistant answers are tokenized, as a dict",
                "Give add_generation_prompt=True and return_dict=True, or tokenize=False.",
            )
        prompts = [self._chat_prompt(template, messages, sampling_rate) for messages in conversations]
        return self.batch(prompts, return_tensors)

    def _chat_prompt(self, template: ChatTemplate, messages: list, sampling_rate: int | None) -> Sequence:
        turns, recordings = turns_with_marks(messages, SPEECH)
        spans = [self._speech_part(recording, sampling_rate) for recording in recordings]
        return self._checked(join_parts([], chat_prompt(template, turns, spans, "the conversation"), self.layout))

    def batch(self, prompts: list[Sequence], return_tensors: str = "pt") -> BatchFeature:
        """Collate prompts into one batch, padded at the front."""
        batch = pad_at_front(prompts)
        ignored = batch["attention_mask"] == 0
        if "speech_mask" in batch:
            ignored |= batch["speech_mask"]
        if "modality_marks" in batch:
            ignored |= batch["modality_marks"] > 0
        batch["input_ids"].masked_fill_(ignored, self.ignored_id)
        return BatchFeature(batch, tensor_type=return_tensors)

    def batch_decode(self, *args: object, **kwargs: object) -> list[str]:
        """Decode token ids with the tokenizer's `batch_decode`."""
        return self.tokenizer.batch_decode(*args, **kwargs)

    def decode(self, *args: object, **kwargs: object) -> str:
        """Decode token ids with the tokenizer's `decode`."""
        return self.tokenizer.decode(*args, **kwargs)

    @property
    def ignored_id(self) -> int:
        """Id at places of padding, speech and modality tokens: a special one, which is left out of decoded text."""
        pad, end = self.tokenizer.pad_token_id, self.tokenizer.eos_token_id
        return (pad if pad is not None else end) or 0

    @cached_property
    def limits(self) -> ModelLimits:
        """What the model can read."""
        return limits_of(self.config, "the model")

    @property
    def model_input_names(self) -> list[str]:
        """Names of the tensors that a call returns."""
        names = ["input_ids", "attention_mask", "position_ids"]
        return [*names, "speech_mask", "speech_frames", "speech_lengths", "modality_marks"]

    def text_ids(self, text: str, speech_before: bool, speech_after: bool) -> list[int]:
        """Return the token ids of a text before or after speech, without BOS."""
        if speech_after:
            text = text.rstrip(" ")
        if not speech_before:
            return self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids_after_text(self.tokenizer, text if not text or text[0].isspace() else f" {text}")

    def _speech_part(self, recording: Recording, sampling_rate: int | None) -> SpeechSpan:
        if isinstance(recording, Path):
            samples, sampling_rate = decode_audio(recording, name=str(recording))
        else:
            samples = mono_samples(recording)
            if not len(samples):
                raise SaladError("a recording without samples", "Leave out the recording.")
            if sampling_rate is None:
                raise SaladError("samples without their rate", "Give sampling_rate, in Hz.")
        samples = resample(samples, sampling_rate, self.front_end.sample_rate)
        return speech_span(self.front_end.frames([samples])[0], self.layout)


def _as_recording(recording: Recording) -> Path | np.ndarray:
    return Path(recording) if isinstance(recording, str) else recording


def mono_samples(recording: str | np.ndarray) -> np.ndarray:
    """Return samples as float32 [n].

    Raises:
        SaladError: they are no mono signal, or not finite.
    """
    samples = np.asarray(recording, dtype=np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise SaladError(
            f"a recording of shape {list(samples.shape)} is no mono signal, or has values that are not finite",
            "Give mono samples, float [n] in [-1, 1], or the path of a sound file.",
        )
    return samples
