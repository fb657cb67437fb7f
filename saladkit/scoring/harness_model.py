"""The model `saladkit` of lm-evaluation-harness: a checkpoint whose contexts may hold recordings.

Importing this module registers it; `examples/neighbours/harness.py` does so and runs the harness's own program. A task
has recordings by `doc_to_audio`, and each `<audio>` in a context stands for the next of them.
"""

from typing import Any

import lm_eval.models  # noqa: F401  # the harness adds its own models only where there is none yet
import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from transformers import StoppingCriteriaList, StopStringCriteria

from saladkit.errors import SaladError
from saladkit.machine import resolve_device
from saladkit.model.chat_messages import Recording
from saladkit.model.loading import load_processor, load_salad_model
from saladkit.model.processor import mono_samples
from saladkit.progress import say
from saladkit.rows.prompt_sequences import join_parts, split_prompt
from saladkit.rows.sequences import Sequence
from saladkit.rows.tokens import bos_of, ids_after_text
from saladkit.scoring.likelihood import can_share_rows, score_continuations
from saladkit.settings.evaluate import EvalSettings
from saladkit.speech.audio.decoding import decode_audio
from saladkit.speech.audio.resampling import resample

DEFAULTS = EvalSettings()
AUDIO = "<audio>"  # as in the harness's own tasks with recordings
Asked = tuple[Sequence, list[list[int]], list[int]]  # a prompt, its continuations, and the requests that they are of


@register_model("saladkit")
class SaladLM(LM):
    """A checkpoint of `distill` or `align`.

    Args:
        pretrained: folder of the checkpoint, or its name on the Hub.
        max_length: most positions of a context and its continuation, speech vectors included.
        max_gen_toks: most tokens of an answer where a task says nothing.

    Raises:
        SaladError: the checkpoint cannot be loaded, or the device does not exist.
    """

    MULTIMODAL = True  # the harness gives recordings only to models that say so

    def __init__(
        self,
        pretrained: str,
        device: str = DEFAULTS.device,
        dtype: str = DEFAULTS.dtype,
        batch_size: int | str = DEFAULTS.batch_size,
        max_batch_size: int | None = None,
        max_length: int = DEFAULTS.max_length,
        max_gen_toks: int = 256,
    ):
        super().__init__()
        self.pretrained = pretrained
        name = resolve_device(device.partition(":")[0])
        self.model, self.processor = (
            load_salad_model(pretrained, dtype=dtype, device=name).eval(),
            load_processor(pretrained),
        )
        self.tokenizer, self._device = self.processor.tokenizer, torch.device(name)
        self.batch_size = int(batch_size) if str(batch_size).isdigit() else DEFAULTS.batch_size
        self.max_length, self.max_gen_toks = max_length, max_gen_toks
        self._share_rows = can_share_rows(self.model)

    @property
    def eot_token_id(self) -> int | None:
        """Id of the token that ends a text."""
        return self.tokenizer.eos_token_id

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Score the continuation of each context; a context runs once for all its continuations.

        Raises:
            SaladError: a context has more or fewer places than recordings, or a recording cannot be decoded.
        """
        found: list[Any] = [None] * len(requests)
        asked = self._asked(requests)
        scores = score_continuations(
            self.model,
            [prompt for prompt, _, _ in asked],
            [ids for _, ids, _ in asked],
            self.batch_size,
            self._share_rows,
        )
        for (_, _, places), of_prompt in zip(asked, scores, strict=True):
            for place, score in zip(places, of_prompt, strict=True):
                found[place] = (score.log_likelihood, score.greedy)
                self.cache_hook.add_partial("loglikelihood", requests[place].args, found[place])
        return found

    def _asked(self, requests: list[Instance]) -> list[Asked]:
        """Return each distinct prompt with its continuations; prompts of one document share their recordings."""
        asked: dict[tuple, Asked] = {}
        shortened = 0
        for place, request in enumerate(requests):
            context, continuation, audio = _taken_apart(request.args)
            text = context.rstrip()
            key = (text, id(request.doc) if audio is not None else None)
            if key not in asked:
                asked[key] = (self._prompt(text, audio), [], [])
            prompt, continuations, places = asked[key]
            continuations.append(self._continuation(text, context[len(text) :] + continuation, audio))
            places.append(place)
        rows = []
        for prompt, continuations, places in asked.values():
            room = self.max_length - max(map(len, continuations)) + 1
            shortened += len(prompt) > room
            rows.append((_last(prompt, room), continuations, places))
        if shortened:
            say(f"{shortened} of {len(rows)} contexts have over {self.max_length} positions, and lose their beginning")
        return rows

    def _prompt(self, text: str, audio: list | None) -> Sequence:
        if not text:
            return join_parts([], [self._start], self.processor.layout)
        return self.processor.lay_out(self._pieces(text, audio), self.processor.front_end.sample_rate)

    @property
    def _start(self) -> list[int]:
        """Token ids of an empty context."""
        return bos_of(self.tokenizer) or [self.tokenizer.eos_token_id]

    def _pieces(self, text: str, audio: list | None) -> list[Recording]:
        """Return text and recordings, float32 [n] at the front end's rate, in turn."""
        if audio is None:
            return [text]
        first, *others = text.split(AUDIO)
        if len(others) != len(audio):
            raise SaladError(
                f"a context has {len(others)} places for {len(audio)} recordings: {text[-100:]!r}",
                f"Write {AUDIO} into the task's doc_to_text for each recording of doc_to_audio.",
            )
        rate = self.processor.front_end.sample_rate
        pieces: list[Recording] = [first]
        for recording, after in zip(audio, others, strict=True):
            pieces += [resample(*_decoded(recording), rate), after]
        return pieces

    def _continuation(self, text: str, continuation: str, audio: list | None) -> list[int]:
        """Return the tokens that a continuation adds to the text behind the last recording, as `PromptBuilder` does."""
        heard = audio is not None
        behind = text.rpartition(AUDIO)[2] if heard else text
        own, whole = (self.processor.text_ids(one, heard, False) for one in (behind, behind + continuation))
        return whole[len(own) :] if whole[: len(own)] == own else ids_after_text(self.tokenizer, continuation)

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Score whole texts, in windows of `max_length` tokens, as the harness's own models do."""
        return [self._rolling(request.args[0]) for request in requests]

    def _rolling(self, text: str) -> float:
        windows = get_rolling_token_windows(
            token_list=self.tokenizer(text, add_special_tokens=False)["input_ids"],
            prefix_token=self._start[-1],
            max_seq_len=self.max_length,
            context_len=1,
        )
        pairs = [make_disjoint_window(window) for window in windows]
        prompts = [join_parts([], [list(context)], self.processor.layout) for context, _ in pairs]
        continuations = [[list(ids)] for _, ids in pairs]
        scores = score_continuations(self.model, prompts, continuations, self.batch_size, self._share_rows)
        return sum(score.log_likelihood for (score,) in scores)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Write on from each context, one by one, until one of the task's stop strings.

        Raises:
            SaladError: as `loglikelihood`.
        """
        answers = []
        for request in requests:
            context, settings, audio = _taken_apart(request.args)
            answers.append(self._answer(self._prompt(context, audio), dict(settings)))
            self.cache_hook.add_partial("generate_until", request.args, answers[-1])
        return answers

    def _answer(self, prompt: Sequence, settings: dict) -> str:
        until = settings.pop("until", None) or []
        until = [until] if isinstance(until, str) else until
        most = settings.pop("max_gen_toks", settings.pop("max_new_tokens", self.max_gen_toks))
        sampled = settings.get("do_sample", settings.get("temperature", 0) > 0)
        how = {name: settings[name] for name in ("temperature", "top_p", "top_k") if sampled and name in settings}
        inputs = self.processor.batch([_last(prompt, max(1, self.max_length - most))]).to(self._device)
        stop = StoppingCriteriaList([StopStringCriteria(self.tokenizer, until)] if until else [])
        ids = self.model.generate(**inputs, max_new_tokens=most, do_sample=sampled, stopping_criteria=stop, **how)
        text = self.processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return min((text.partition(one)[0] for one in until), key=len, default=text)


def _taken_apart(arguments: tuple) -> tuple[str, Any, list | None]:
    """Return context, continuation or settings, and recordings of a request; a context without text has none."""
    context, other, *more = arguments
    audio = more[0].get("audio") if more and context else None
    return context, other, audio if audio is None or isinstance(audio, list) else [audio]


def _decoded(recording: Any) -> tuple[np.ndarray, int]:
    """Return samples, float32 [n], and rate of a recording in any form in which `datasets` has it.

    Raises:
        SaladError: it cannot be decoded, or is in no known form.
    """
    if isinstance(recording, str):
        return decode_audio(recording, name=recording)
    if hasattr(recording, "get_all_samples"):  # a decoder of TorchCodec
        found = recording.get_all_samples()
        return mono_samples(found.data.mean(dim=0).numpy()), found.sample_rate
    if isinstance(recording, dict) and recording.get("array") is not None:
        return mono_samples(recording["array"]), recording["sampling_rate"]
    if isinstance(recording, dict) and (recording.get("bytes") or recording.get("path")):
        return decode_audio(recording.get("bytes") or recording["path"], name=str(recording.get("path") or AUDIO))
    raise SaladError(
        f"doc_to_audio gives {type(recording).__name__}",
        "Give a path, {bytes, path} or {array, sampling_rate}, or a list of these.",
    )


def _last(prompt: Sequence, room: int) -> Sequence:
    """Return the last `room` positions of a prompt; a recording is kept or left out as a whole."""
    at = len(prompt) - room
    while 0 < at < len(prompt) and prompt.speech_mask[at]:
        at += 1
    return prompt if at <= 0 else split_prompt(prompt, at)[1]
