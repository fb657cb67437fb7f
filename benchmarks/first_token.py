"""Compare the delay from the end of speech to an answer's first token: speech streamed, or given as a whole."""

from functools import partial

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.streaming import SpeechStream
from side_by_side import arguments, emit, run_pairs
from training_batches import speech_model

RATE, PIECE = 16_000, 1280  # Hz; samples of 80 ms, the speech of one vector
ONE = {"max_new_tokens": 1, "do_sample": False}


def main() -> None:
    """Print one line."""
    parser = arguments(__doc__, shape="0.5b")
    parser.add_argument(
        "--layers", type=int, help="layers, if fewer than the shape's  [default: 4 on a CPU, the shape's on a GPU]"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the speech")
    options = parser.parse_args()
    layers = options.layers or (4 if options.device == "cpu" and options.shape != "tiny" else None)
    model, _ = speech_model(options.shape, device=options.device, layers=layers)
    model = model.eval().to(getattr(torch, options.dtype))
    processor = SaladProcessor(bytes_tokenizer(), model.config)
    speech = np.random.default_rng(0).standard_normal(int(options.seconds * RATE)).astype(np.float32) / 10
    # Each stream is asked once; the speech before its last piece has been read while it was spoken, outside the time.
    streams = iter([heard(model, processor, speech[:-PIECE]) for _ in range(options.pairs + 1)])
    found = run_pairs(
        lambda: finish(next(streams), speech[-PIECE:]),
        partial(ask, model, processor, speech),
        options.pairs,
        options.device,
    )
    emit(
        "first token after the end of speech: streamed, against the whole recording",
        ours=1000 * found.ours,
        theirs=1000 * found.theirs,
        unit="ms",
        ratio=found.speedup,
        target=None,
        device=options.device,
        shape=options.shape,
        dtype=options.dtype,
        pairs=found.pairs,
        layers=model.config.text_config.num_hidden_layers,
        seconds=options.seconds,
    )


def heard(model: SaladForCausalLM, processor: SaladProcessor, speech: np.ndarray) -> SpeechStream:
    """Return a stream that has read the speech."""
    stream = SpeechStream(model, processor, RATE)
    stream.feed(speech)
    return stream


def finish(stream: SpeechStream, speech: np.ndarray) -> list[str]:
    """Give a stream the last piece, and return the first token of the answer."""
    stream.feed(speech)
    return list(stream.answer(**ONE))


def ask(model: SaladForCausalLM, processor: SaladProcessor, speech: np.ndarray) -> str:
    """Return the first token of the answer to the whole speech, by the processor and `generate`."""
    inputs = processor(audio=speech, sampling_rate=RATE).to(model.device)
    ids = model.generate(**inputs, **ONE)
    return processor.decode(ids[0, inputs["input_ids"].shape[1] :])


def bytes_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer of bytes: it is not what is timed."""
    vocabulary = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend)


if __name__ == "__main__":
    main()
