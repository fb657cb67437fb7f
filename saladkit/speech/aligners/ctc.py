"""Forced alignment by any Hugging Face CTC model that writes characters (wav2vec 2.0, HuBERT, WavLM, MMS...)."""

import math
import unicodedata

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.formats.words import Word
from saladkit.speech.audio import ctc_forced_align, resample

# wav2vec 2.0 hears 25 ms at once and fails on less; this leaves it 4 frames
_SHORTEST_SECONDS = 0.1


class CtcAligner:
    """`MODEL`: a folder or a name on the Hub.

    The characters of a word are taken from the vocabulary as they are, else in lower or upper case, else without their
    accents; punctuation that the vocabulary lacks is left out. A word with a letter or digit that the model cannot
    write ("1984") has no times; in the alignment it is a wildcard, so that its sound is not given to its neighbours.

    A time is a multiple of the model's frame (20 ms in wav2vec 2.0). CTC models report a character at one or two
    frames of it: a word's end is where its last character was recognised, which is before its sound ends.
    """

    def __init__(self, model: str, *, device: str = "cpu"):
        """Load the model.

        Raises:
            SaladError: no CTC model, no feature extractor, or no vocabulary of characters.
        """
        self.name, self.model = f"ctc:{model}", model
        check_model_folder(model)
        try:
            self._network, notes = AutoModelForCTC.from_pretrained(model, dtype=torch.float32, output_loading_info=True)
            self._features = AutoFeatureExtractor.from_pretrained(model)
            tokenizer = AutoTokenizer.from_pretrained(model)
        except Exception as error:  # transformers and safetensors raise whatever the file at fault led to
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise SaladError(
                f"{model} cannot be loaded as a CTC model with its feature extractor and tokenizer: {first_line}",
                "Give a model such as facebook/wav2vec2-base-960h.",
            ) from error
        # the embedding of masked frames is of use in training only, and left out of many checkpoints
        missing = sorted(key for key in notes["missing_keys"] if not key.endswith("masked_spec_embed"))
        if missing:
            raise SaladError(
                f"{model} lacks weights of a CTC model: {', '.join(missing[:3])}",
                "Give a model that was fine-tuned for recognition, such as facebook/wav2vec2-base-960h.",
            )
        self._network = self._network.to(device).eval()
        self._blank = self._network.config.pad_token_id
        self._star = self._network.config.vocab_size  # a column behind the model's own
        vocabulary = tokenizer.get_vocab()
        self._delimiter = vocabulary.get(getattr(tokenizer, "word_delimiter_token", None))
        not_written = {*tokenizer.all_special_ids, self._blank, self._delimiter}
        tokens = {token: id_ for token, id_ in vocabulary.items() if id_ not in not_written}
        self._characters = {token: id_ for token, id_ in tokens.items() if len(token) == 1}
        if 2 * len(self._characters) < len(tokens) or not tokens:
            raise SaladError(
                f"{model} writes pieces of words, not characters",
                "Give a model with a vocabulary of characters, such as facebook/wav2vec2-base-960h.",
            )
        self.identity = {"sampling_rate": self._features.sampling_rate}

    def align(self, samples: np.ndarray, sample_rate: int, text: str) -> list[Word]:
        """The words of `text` with times in s; scores are the geometric mean of a word's frame probabilities.

        Raises:
            SaladError: no word that the model can write, or fewer frames of audio than characters.
        """
        words = text.split()
        targets, owners = self._targets(words)
        if not any(owner is not None for owner in owners):
            raise SaladError(f"{self.name} can write no word of this text.", "Use a model of the text's language.")
        log_probs, seconds_per_frame = self._log_probs(samples, sample_rate)
        wildcard = torch.zeros(len(log_probs), 1)
        spans = ctc_forced_align(torch.cat([log_probs, wildcard], dim=1), targets, self._blank)
        found: dict[int, list[tuple[int, int, float]]] = {}
        for owner, span in zip(owners, spans, strict=True):
            if owner is not None:
                found.setdefault(owner, []).append(span)
        return [
            _timed(word, found[index], seconds_per_frame) if index in found else Word(word, None, None)
            for index, word in enumerate(words)
        ]

    def _targets(self, words: list[str]) -> tuple[list[int], list[int | None]]:
        """Token ids to align, and for each the index of its word; None for delimiters and wildcards."""
        targets: list[int] = []
        owners: list[int | None] = []
        for index, word in enumerate(words):
            if not any(character.isalnum() for character in word):
                continue
            if targets and self._delimiter is not None:
                targets.append(self._delimiter)
                owners.append(None)
            spelled = self._spell(word)
            targets += spelled or [self._star]
            owners += [index] * len(spelled) or [None]
        return targets, owners

    def _spell(self, word: str) -> list[int]:
        """The characters of `word`, [] if a letter or digit of it is not in the vocabulary."""
        ids: list[int] = []
        for character in word.replace("’", "'"):
            plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
            for form in (character, character.lower(), character.upper(), plain, plain.lower(), plain.upper()):
                if form and all(c in self._characters for c in form):
                    ids += [self._characters[c] for c in form]
                    break
            else:
                if character.isalnum():
                    return []
        return ids

    def _log_probs(self, samples: np.ndarray, sample_rate: int) -> tuple[torch.Tensor, float]:
        """float32 [frames, vocabulary] on the CPU, and how many seconds a frame is."""
        rate = self._features.sampling_rate
        heard = resample(samples, sample_rate, rate)
        heard = np.pad(heard, (0, max(0, round(_SHORTEST_SECONDS * rate) - len(heard))))
        features = self._features(heard, sampling_rate=rate, return_tensors="pt").to(self._network.device)
        with torch.inference_mode():
            logits = self._network(**features).logits[0]
        return logits.float().log_softmax(-1).cpu(), len(heard) / rate / len(logits)


def _timed(word: str, spans: list[tuple[int, int, float]], seconds_per_frame: float) -> Word:
    frames = sum(end - start for start, end, _ in spans)
    log_prob = sum((end - start) * mean for start, end, mean in spans) / frames
    return Word(word, spans[0][0] * seconds_per_frame, spans[-1][1] * seconds_per_frame, math.exp(log_prob))
