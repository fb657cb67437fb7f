"""Align words by any Hugging Face CTC model with a vocabulary of characters (wav2vec 2.0, HuBERT, WavLM, MMS...)."""

import math
import unicodedata

import torch
from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

from saladkit.errors import SaladError, first_line
from saladkit.formats.checkpoint import check_model_folder, model_digest
from saladkit.formats.words import Word, joined_words, words_of_text
from saladkit.speech.aligners.aligner import Alignment, Recording
from saladkit.speech.aligners.emissions import Emissions, EmissionsReader
from saladkit.speech.aligners.forced_alignment import ctc_forced_align
from saladkit.speech.aligners.long_audio import Piece, pieces_of
from saladkit.speech.audio.torchaudio import find_torchaudio

# Frames times twice the characters: the alignment keeps one byte for every pair. 15 minutes of speech, at 50 frames and
# 15 characters a second, make 1.2e9.
LARGEST_TABLE = 1_200_000_000


class CtcAligner:
    """An aligner by the CTC model in a folder or on the Hub.

    A character is looked up in the vocabulary as it is, then in lower or upper case, then without accents; punctuation
    that the vocabulary lacks is left out. A word with a letter or digit that the model cannot write ("日本") has no
    times; the alignment puts a wildcard in its place, so that its sound is not given to its neighbours.

    Times are multiples of the model's frame (20 ms in wav2vec 2.0). CTC models report a character in one or two of its
    frames: a word ends where its last character was recognized, before its sound ends.
    """

    one_core = False

    def __init__(self, model: str, *, device: str = "cpu", scored: bool = True):
        """Load the model.

        Raises:
            SaladError: the model is no CTC model, or has no feature extractor or no vocabulary of characters.
        """
        self.name, self.model = f"ctc:{model}", model
        check_model_folder(model, example="facebook/wav2vec2-base-960h")
        find_torchaudio()  # before transformers looks for it
        try:
            network, notes = AutoModelForCTC.from_pretrained(model, dtype=torch.float32, output_loading_info=True)
            features = AutoFeatureExtractor.from_pretrained(model)
            tokenizer = AutoTokenizer.from_pretrained(model)
        except Exception as error:  # transformers and safetensors raise errors of many types
            raise SaladError(
                f"{model} cannot be loaded as a CTC model with its feature extractor and tokenizer:"
                f" {first_line(error)}",
                "Give a model such as facebook/wav2vec2-base-960h.",
            ) from error
        # Only training uses the embedding of masked frames; many checkpoints leave it out.
        missing = sorted(key for key in notes["missing_keys"] if not key.endswith("masked_spec_embed"))
        if missing:
            raise SaladError(
                f"{model} lacks weights of a CTC model: {', '.join(missing[:3])}",
                "Give a model that was fine-tuned for speech recognition, such as facebook/wav2vec2-base-960h.",
            )
        self._reader = EmissionsReader(network.to(device).eval(), features)
        self._blank = network.config.pad_token_id
        self._wildcard = network.config.vocab_size  # the wildcard, a column after the model's own
        vocabulary = tokenizer.get_vocab()
        delimiter = getattr(tokenizer, "word_delimiter_token", None)
        self._delimiter = None if delimiter is None else vocabulary.get(delimiter)
        not_written = {*tokenizer.all_special_ids, self._blank, self._delimiter}
        tokens = {token: id_ for token, id_ in vocabulary.items() if id_ not in not_written}
        self._characters = {token: id_ for token, id_ in tokens.items() if len(token) == 1}
        if 2 * len(self._characters) < len(tokens) or not tokens:
            raise SaladError(
                f"{model} writes pieces of words, not characters",
                "Give a model with a vocabulary of characters, such as facebook/wav2vec2-base-960h.",
            )
        self.identity = {"model": model_digest(model), **self._reader.identity}

    def align(self, recordings: list[Recording]) -> list[Alignment | SaladError]:
        """As `Aligner.align`, with scores of words and texts.

        The score of a word is the geometric mean of the probabilities of its frames; the score of a text is the mean
        of its words' scores. A recording cannot be aligned if the model can write no word of the text, if it has fewer
        frames than characters, or if it is too long to align at once and the recognized words do not match the text.
        """
        emissions = self._reader.read([(recording.samples, recording.sample_rate) for recording in recordings])
        found: list[Alignment | SaladError] = []
        for recording, emission in zip(recordings, emissions, strict=True):
            try:
                found.append(self._aligned(recording.text, emission))
            except SaladError as error:
                found.append(error)
        return found

    def _aligned(self, text: str, emission: Emissions) -> Alignment:
        words, joined = words_of_text(text), joined_words(text)
        spelled = [self._spell(word) if any(map(str.isalnum, word)) else None for word in words]
        if not any(spelled):
            raise SaladError(f"{self.name} can write no word of this text", "Use a CTC model of the text's language.")
        pieces = [Piece(0, len(words), 0, len(emission.log_probs))]
        parts = math.ceil(_table_bytes(spelled, pieces[0]) / LARGEST_TABLE)
        if parts > 1:
            pieces = pieces_of(spelled, emission.log_probs, self._blank, self._delimiter, at_least=2 * parts)
        if any(_table_bytes(spelled, piece) > LARGEST_TABLE for piece in pieces):
            raise SaladError(
                "the audio is too long to align at once, and too few of the words recognized in it agree with its text"
                " to cut both",
                "Check that the text is what is spoken, or cut the recording into pieces of up to 15 minutes.",
            )
        timed: list[Word] = []
        for piece in pieces:
            timed += self._words(words, spelled, joined, emission, piece)
        scores = [word.score for word in timed if word.score is not None]
        return Alignment(timed, sum(scores) / len(scores) if scores else None)

    def _words(
        self,
        words: list[str],
        spelled: list[list[int] | None],
        joined: frozenset[int],
        emission: Emissions,
        piece: Piece,
    ) -> list[Word]:
        """Return the words of one piece with the times of the best path through its frames."""
        indices = range(piece.first_word, piece.last_word)
        targets, owners = self._targets(spelled, joined, indices)
        if not targets:
            return [Word(words[index], None, None) for index in indices]
        log_probs = emission.log_probs[piece.first_frame : piece.last_frame]
        wildcard = torch.zeros(len(log_probs), 1)
        spans = ctc_forced_align(torch.cat([log_probs, wildcard], dim=1), targets, self._blank)
        found: dict[int, list[tuple[int, int, float]]] = {}
        for owner, span in zip(owners, spans, strict=True):
            if owner is not None:
                found.setdefault(owner, []).append(span)
        return [
            _timed(words[index], found[index], piece.first_frame, emission.seconds_per_frame)
            if index in found
            else Word(words[index], None, None)
            for index in indices
        ]

    def _targets(
        self, spelled: list[list[int] | None], joined: frozenset[int], indices: range
    ) -> tuple[list[int], list[int | None]]:
        """Return the token ids to align and, for each, the index of its word; None for delimiters and wildcards."""
        targets: list[int] = []
        owners: list[int | None] = []
        for index in indices:
            ids = spelled[index]
            if ids is None:
                continue
            if targets and self._delimiter is not None and index not in joined:
                targets.append(self._delimiter)
                owners.append(None)
            targets += ids or [self._wildcard]
            owners += [index] * len(ids) or [None]
        return targets, owners

    def _spell(self, word: str) -> list[int]:
        """Return the token ids of the characters of `word`; [] if the vocabulary lacks one of its letters or digits."""
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


def _table_bytes(spelled: list[list[int] | None], piece: Piece) -> int:
    """Return the size of the table of frames and characters that aligning a piece needs, in bytes."""
    characters = sum(len(ids or []) + 1 for ids in spelled[piece.first_word : piece.last_word])
    return 2 * characters * (piece.last_frame - piece.first_frame)


def _timed(word: str, spans: list[tuple[int, int, float]], first_frame: int, seconds_per_frame: float) -> Word:
    frames = sum(end - start for start, end, _ in spans)
    log_prob = sum((end - start) * mean for start, end, mean in spans) / frames
    start, end = ((first_frame + frame) * seconds_per_frame for frame in (spans[0][0], spans[-1][1]))
    return Word(word, start, end, math.exp(log_prob))
