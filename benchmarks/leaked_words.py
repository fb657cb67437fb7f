"""Measure how well the word behind a span can be named from the span's last vector: of whole recordings, and alone.

Texts are words drawn at random, so nothing but the sound tells which word comes next, and chance is 1 in 20. A small
encoder of HuBERT's kind, whose attention goes both ways, learns to name the word of every frame. A linear probe
(logistic regression) then names the word behind a span of four words from the last four frames (80 ms) of the span:
of frames cut out of those of the whole recording, and of the span encoded alone. The utterances of encoder, probe and
figures are different ones.
"""

import argparse
import tempfile
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import SequenceLayout, frames_of_span, heard_between
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.audio.resampling import resample
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import FrontEnd, cut_audio
from saladkit.speech.voices.voice import open_voice
from side_by_side import arguments, emit

WORDS = (
    "about river seven paper child money black garden music under teacher yellow coffee simple number window animal"
    " thousand evening question"
).split()
VOICES = ("en-us", "en-us+f3", "en-us+m7", "en-gb+m3", "en-gb+f2")
SPOKEN, HEARD = 10, 4  # words of an utterance, and of a span
RATE, SAMPLES_PER_FRAME, FRAMES_PER_VECTOR = 16_000, 320, 4
WIDTH, LAYERS = 96, 3


@dataclass(frozen=True)
class Sizes:
    """Utterances of the encoder, the probe and the figures; steps of 8 utterances; width of the convolutions."""

    trained: int
    probed: int
    measured: int
    steps: int
    channels: int


SIZES = {"base": Sizes(300, 250, 250, 300, 32), "tiny": Sizes(4, 20, 20, 1, 8)}


@dataclass(frozen=True)
class Spoken:
    """An utterance at 16 kHz."""

    samples: np.ndarray
    words: list[Word]

    def labels(self, count: int) -> np.ndarray:
        """Return the word that each of `count` frames lies in, int64; -100 between words."""
        found = np.full(count, -100, dtype=np.int64)
        for word in self.words:
            begin, end = (int(time * RATE / SAMPLES_PER_FRAME) for time in (word.start, word.end))
            found[begin:end] = WORDS.index(word.word)
        return found


def utterances(count: int, seed: int) -> list[Spoken]:
    """Speak random words; voices take turns."""
    random = np.random.default_rng(seed)
    found = []
    for row in range(count):
        said = open_voice(f"espeak:{VOICES[row % len(VOICES)]}").speak(" ".join(random.choice(WORDS, SPOKEN)))
        found.append(Spoken(resample(said.samples, said.sample_rate, RATE), said.words))
    return found


def train_encoder(spoken: list[Spoken], steps: int, channels: int) -> HubertModel:
    """Train an encoder to name the word of every frame, in batches of eight utterances."""
    torch.manual_seed(0)
    shape = {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 2 * WIDTH,
    }
    norms = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
    off = {"mask_time_prob": 0.0, "layerdrop": 0.0, "hidden_dropout": 0.0, "attention_dropout": 0.0}
    model = HubertModel(HubertConfig(**shape, **norms, **off, conv_dim=(channels,) * 7, num_conv_pos_embeddings=32))
    head = torch.nn.Linear(WIDTH, len(WORDS))
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-3)
    extractor, random = Wav2Vec2FeatureExtractor(return_attention_mask=True), np.random.default_rng(0)
    for _ in range(steps):
        chosen = [spoken[row] for row in random.integers(0, len(spoken), 8)]
        inputs = extractor([one.samples for one in chosen], sampling_rate=RATE, padding=True, return_tensors="pt")
        logits = head(model(**inputs).last_hidden_state)
        labels = torch.from_numpy(np.stack([one.labels(logits.shape[1]) for one in chosen]))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def last_vectors(front_end: FrontEnd, spoken: list[Spoken]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the last frames of every span and the word behind it.

    The frames are those of the whole recording, [N, 4 * width], and those of the span alone, [N, 4 * width].
    """
    layout = SequenceLayout(front_end.frames_per_second, FRAMES_PER_VECTOR, looks_ahead=True)
    whole, alone, behind = [], [], []
    for one in spoken:
        (frames,) = front_end.frames([one.samples])
        for end in range(HEARD, SPOKEN):
            span = Span(True, end - HEARD, end)
            _, last = frames_of_span(span, one.words, len(frames), layout)
            cut = cut_audio(one.samples, RATE, heard_between(span, one.words), RATE)
            whole.append(frames[last - FRAMES_PER_VECTOR : last].ravel())
            alone.append(front_end.frames([cut])[0][-FRAMES_PER_VECTOR:].ravel())
            behind.append(WORDS.index(one.words[end].word))
    return np.array(whole, np.float32), np.array(alone, np.float32), np.array(behind)


def named_right(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the percentage of words that a linear probe names right."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300)).fit(*train)
    return 100 * float(probe.score(*test))


def save_and_open(model: HubertModel, folder: str) -> FrontEnd:
    """Open a model as the front end that `cache-speech` would have of it."""
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return open_front_end(SpeechEncoder(encoder=folder), device="cpu", dtype="float32")


def main() -> None:
    """Print two lines for the trained encoder, and two for one with random weights."""
    options: argparse.Namespace = arguments(__doc__, shape="base").parse_args()
    sizes = SIZES[options.shape]
    trained, probed, measured = (
        utterances(count, seed) for seed, count in enumerate((sizes.trained, sizes.probed, sizes.measured))
    )
    for what, steps in (("trained", sizes.steps), ("random", 0)):
        model = train_encoder(trained, steps, sizes.channels)
        with tempfile.TemporaryDirectory() as folder:
            front_end = save_and_open(model, folder)
            whole, alone, behind = last_vectors(front_end, probed)
            whole_test, alone_test, behind_test = last_vectors(front_end, measured)
        for frames, train, test in (("whole recordings", whole, whole_test), ("spans alone", alone, alone_test)):
            emit(
                f"the word behind a span, named from the span's last vector: {what} encoder, {frames}",
                ours=named_right((train, behind), (test, behind_test)),
                theirs=None,
                unit="%",
                ratio=None,
                target=None,
                device="cpu",
                shape=options.shape,
                chance=100 / len(WORDS),
                spans=len(behind_test),
            )


if __name__ == "__main__":
    main()
