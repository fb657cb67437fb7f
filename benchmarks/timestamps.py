"""Compare word times with known ones, and the speed of a CTC model in batches with one recording at a time.

Known times are espeak-ng's own word events, and the places of words in a recording that was joined from single words
and pauses. The CTC model is a wav2vec 2.0 of base size with random weights.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.aligners.aligner import Aligner, Alignment, Recording, align_one, open_aligner
from saladkit.speech.voices.voice import open_voice
from sentences import paragraphs
from side_by_side import Target, arguments, emit, run_pairs

COUNTS = {"base": 48, "tiny": 4}
VOICES = ("en-us", "en-us+f3", "en-gb+m3")
PAUSE = 0.15  # s, between the words of a joined recording
TINY = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
TINY |= {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}


def main() -> None:
    """Print one line for batches and four for errors in ms."""
    options = arguments(__doc__, shape="base").parse_args()
    count = COUNTS[options.shape]
    texts = [text for text in paragraphs(16 * count) if text.isascii() and len(text.split()) <= 25][:count]
    texts = ["".join(c if c.isalnum() or c in " '.," else " " for c in text) for text in texts]
    spoken = [(text, VOICES[row % len(VOICES)]) for row, text in enumerate(texts)]
    in_batches(spoken[: len(spoken) // 4 + 1], options)
    sphinx = open_aligner("sphinx", scored=False)
    events = [error for text, voice in spoken for error in against_events(sphinx, text, voice)]
    joined = [error for text, voice in spoken for error in against_joined(sphinx, text, voice)]
    for truth, errors in (("espeak-ng's events", events), ("joined words", joined)):
        for name, share in (("median", 0.5), ("90 %", 0.9)):
            emit(
                f"timestamps, sphinx against {truth}: {name} of boundary errors",
                ours=1000 * float(np.quantile(errors, share)),
                theirs=None,
                unit="ms",
                ratio=None,
                target=None,
                device="cpu",
                shape=options.shape,
                boundaries=len(errors),
            )


def in_batches(spoken: list[tuple[str, str]], options: argparse.Namespace) -> None:
    """Time both ways, and check that they give the same word times."""
    recordings = [Recording(*_said(text, voice)[:2], text) for text, voice in spoken]
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder), options.shape)
        aligner = open_aligner(f"ctc:{folder}", device=options.device)
        work = gflop_a_second(Path(folder))

    def ours() -> list[Alignment | SaladError]:
        return aligner.align(recordings)

    def one_by_one() -> list[Alignment | SaladError]:
        return [aligner.align([recording])[0] for recording in recordings]

    same = [_times(one) == _times(other) for one, other in zip(ours(), one_by_one(), strict=True)]
    found = run_pairs(ours, one_by_one, options.pairs, options.device)
    seconds = sum(len(recording.samples) / recording.sample_rate for recording in recordings)
    emit(
        "timestamps, CTC: together against one recording at a time",
        ours=seconds / found.ours,
        theirs=seconds / found.theirs,
        unit="s/s",
        ratio=found.speedup,
        target=Target("ratio", ">=", 2, holds=options.shape == "base"),
        device=options.device,
        shape=options.shape,
        pairs=found.pairs,
        recordings=len(recordings),
        same_times=sum(same) / len(same),
        gflop_a_second_of_speech=work,
    )


def gflop_a_second(folder: Path) -> float:
    """Return the GFLOP that the model computes per second of speech, measured on 10 s."""
    model = Wav2Vec2ForCTC.from_pretrained(folder).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 160_000))
    return float(f"{counter.get_total_flops() / 10 / 1e9:.4g}")


def against_events(aligner: Aligner, text: str, voice: str) -> list[float]:
    """Return the errors, in s, at the start and end of every word that espeak-ng reports."""
    samples, rate, truth = _said(text, voice)
    return _errors(align_one(aligner, samples, rate, text), truth)


def against_joined(aligner: Aligner, text: str, voice: str) -> list[float]:
    """Return the same errors in a recording joined from words, each spoken alone and without silence at its ends."""
    parts, truth, position, rate = [], [], 0, 0
    for word in text.split():
        if not any(map(str.isalnum, word)):
            continue
        samples, rate, _ = _said(word, voice)
        sounding = np.flatnonzero(np.abs(samples) > 0.01)
        samples = samples[sounding[0] : sounding[-1] + 1]
        silence = np.zeros(round(PAUSE * rate), np.float32)
        begin = position + len(silence)
        truth.append(Word(word, begin / rate, (begin + len(samples)) / rate))
        parts += [silence, samples]
        position = begin + len(samples)
    joined = np.concatenate([*parts, np.zeros(round(PAUSE * rate), np.float32)])
    return _errors(align_one(aligner, joined, rate, " ".join(word.word for word in truth)), truth)


def save_model(folder: Path, shape: str) -> None:
    """Save a CTC model of English letters with random weights, of wav2vec 2.0's base size or tiny."""
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
    torch.manual_seed(0)
    size = TINY if shape == "tiny" else {}
    Wav2Vec2ForCTC(Wav2Vec2Config(vocab_size=len(letters), pad_token_id=0, **size)).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({letter: place for place, letter in enumerate(letters)}))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)


def _said(text: str, voice: str) -> tuple[np.ndarray, int, list[Word]]:
    utterance = open_voice(f"espeak:{voice}").speak(text)
    return utterance.samples, utterance.sample_rate, utterance.words


def _errors(found: list[Word], truth: list[Word]) -> list[float]:
    pairs = zip(found, truth, strict=True)
    both = [(word, known) for word, known in pairs if None not in (word.start, known.start)]
    return [abs(getattr(word, end) - getattr(known, end)) for word, known in both for end in ("start", "end")]


def _times(alignment: Alignment | SaladError) -> list[tuple] | str:
    return (
        alignment.problem
        if isinstance(alignment, SaladError)
        else [(word.word, word.start, word.end) for word in alignment.words]
    )


if __name__ == "__main__":
    main()
