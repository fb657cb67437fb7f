"""Count how many spoken tokens a checkpoint names: those whose input embedding is nearest to their speech vector.

`python benchmarks/named_tokens.py runs/stage1 held-out --frames held-out-frames`, on speech that was not trained on,
says in seconds how well lexical steps have gone; no language model runs. All tokens of the vocabulary compete. With a
phoneme head (`distill --phoneme-weight`), phonemes are counted too, against espeak-ng's in `--language`.
"""

import argparse
import json

import torch
from torch.nn import functional

from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.loading import load_processor, load_salad_model
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import cut_speech
from saladkit.rows.spoken_phonemes import SpokenPhonemes
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.training_sources import open_speech
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.phonemes import EspeakPhonemizer


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("speech")
    parser.add_argument("--frames", action="append", default=[])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--language", default="en-us")
    options = parser.parse_args()
    model = load_salad_model(options.checkpoint, dtype="float32", device="cpu")
    front_end, tokenizer = front_end_of(model.config, device="cpu"), load_processor(options.checkpoint).tokenizer
    where = WeightedPath(options.speech)
    source = open_speech(where, tokenizer, front_end, frames_caches=options.frames, limit=options.limit)
    phonemes = SpokenPhonemes(EspeakPhonemizer(options.language), source.words) if model.phoneme_head else None
    counts = torch.stack([count_row(model, source, row, phonemes) for row in range(len(source))]).sum(dim=0).tolist()
    tokens, named, sounds, heard = counts
    print(json.dumps({"rows": len(source), "tokens": tokens, "named": named / tokens} | of_phonemes(sounds, heard)))


def of_phonemes(sounds: int, heard: int) -> dict[str, float]:
    """Return the entries of phonemes; none without a phoneme head."""
    return {"phonemes": sounds, "phonemes_named": heard / sounds} if sounds else {}


@torch.no_grad()
def count_row(
    model: SaladForCausalLM, source: TrainingSource, row: int, phonemes: SpokenPhonemes | None
) -> torch.Tensor:
    """Return tokens, tokens named right, phonemes, and phonemes named right, int64 [4]."""
    layout, words = layout_of(model.config, front_end_of(model.config, device="cpu")), source.words[row]
    span = Span(True, 0, len(words))
    speech = cut_speech(source.texts[row], span, words, source.frames.of_spans(source.ids[row], [span], words), layout)
    encoded = model.speech_encoder(torch.from_numpy(speech.frames)[None])
    targets = torch.from_numpy(speech.lexical_targets)
    vectors = functional.normalize(model.speech_adapter(encoded)[0][targets >= 0], dim=-1)
    nearest = (vectors @ functional.normalize(model.get_input_embeddings().weight, dim=-1).T).argmax(dim=-1)
    counts = [(targets >= 0).sum(), (nearest == targets[targets >= 0]).sum()]
    if phonemes is None:
        return torch.stack([*counts, *torch.zeros(2, dtype=torch.int64)])
    [speech] = phonemes.named_in(row, [span], [speech], words, layout)
    own = [model.config.phonemes.index(name) if name in model.config.phonemes else -1 for name in phonemes.names]
    said = torch.from_numpy(speech.phonemes)
    guessed, known = model.phoneme_head(encoded)[0].argmax(dim=-1), said >= 0
    return torch.stack([*counts, known.sum(), (guessed[known] == torch.tensor(own)[said[known]]).sum()])


if __name__ == "__main__":
    main()
