"""Compare the tokens/s of `rollout`'s generation with transformers' `generate` on the same spoken prompts."""

from functools import partial

import numpy as np
import torch

from saladkit.batches import batches_by_length
from saladkit.model.salad import SaladForCausalLM
from saladkit.rollouts.generation import Response, write_responses
from saladkit.rollouts.sampling import Sampling
from saladkit.rollouts.second_pass import response_log_probs
from saladkit.rows.prompt_sequences import join_parts, pad_at_front
from saladkit.rows.sequences import Sequence, SequenceLayout, speech_span
from side_by_side import Target, arguments, emit, median_seconds, run_pairs
from training_batches import speech_model

VECTORS_A_WORD = 4.6  # natural speech at 12.5 vectors per second
MEAN_LENGTH = 16  # of the responses that end by themselves, in tokens
SAMPLING = Sampling(temperature=1.0, top_p=1.0, seed=0)


def main() -> None:
    """Print a line of responses that all have the greatest length, and one of responses that end at any length."""
    parser = arguments(__doc__, shape="small")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    options = parser.parse_args()
    model, vocabulary = speech_model(options.shape, device=options.device)
    model = model.eval().to(getattr(torch, options.dtype))
    prompts = spoken_prompts(options.prompts, model)
    ends = {"of one length": frozenset[int](), "that end": frozenset(range(0, vocabulary, MEAN_LENGTH))}
    for name, stops in ends.items():
        size, most = options.batch_size, options.max_new_tokens
        ours, theirs = (
            partial(write, model, prompts, stops, size, most),
            partial(generate, model, prompts, stops, size, most),
        )
        responses = ours()
        tokens, their_tokens = sum(len(response.tokens) for response in responses), theirs()
        found = run_pairs(ours, theirs, options.pairs, options.device)
        emit(
            f"rollout, speed: responses {name} ({options.shape})",
            ours=tokens / found.ours,
            theirs=their_tokens / found.theirs,
            unit="tokens/s",
            ratio=tokens / their_tokens * found.speedup,
            target=Target("ratio", ">=", 1.0, holds=options.shape != "tiny"),
            device=options.device,
            shape=options.shape,
            dtype=options.dtype,
            pairs=found.pairs,
            prompts=options.prompts,
            batch_size=size,
            tokens=tokens,
            their_tokens=their_tokens,
            seconds=found.ours,
            second_pass_seconds=median_seconds(partial(again, model, prompts, responses, size), 3, options.device),
        )


def spoken_prompts(count: int, model: SaladForCausalLM) -> list[Sequence]:
    """Return prompts of 8 to 40 spoken words, as `--prompt-words 8 40` draws them."""
    config, random = model.config, np.random.default_rng(0)
    layout = SequenceLayout(100.0, config.frames_per_vector)
    vectors = np.maximum(1, np.round(random.integers(8, 41, size=count) * VECTORS_A_WORD)).astype(int)
    shapes = [(length * config.frames_per_vector, config.num_mel_bins) for length in vectors]
    spans = [speech_span(random.standard_normal(shape, dtype=np.float32), layout) for shape in shapes]
    return [join_parts([], [span], layout) for span in spans]


def write(
    model: SaladForCausalLM, prompts: list[Sequence], stops: frozenset[int], batch_size: int, most: int
) -> list[Response]:
    """Write a response to each prompt as `rollout` does, in batches of prompts of similar length."""
    responses = [Response(str(place), stops, SAMPLING.random(str(place)), most) for place in range(len(prompts))]
    for batch in batches_by_length([len(prompt) for prompt in prompts], items=batch_size):
        of_batch = [responses[place] for place in batch]
        write_responses(model, [prompts[place] for place in batch], of_batch, SAMPLING)
    return responses


def generate(
    model: SaladForCausalLM, prompts: list[Sequence], stops: frozenset[int], batch_size: int, most: int
) -> int:
    """Generate as transformers does, in batches of prompts in the given order; return the number of tokens."""
    torch.manual_seed(0)
    tokens = 0
    for begin in range(0, len(prompts), batch_size):
        inputs = {
            name: values.to(model.device) for name, values in pad_at_front(prompts[begin : begin + batch_size]).items()
        }
        found = model.generate(
            **inputs,
            max_new_tokens=most,
            do_sample=True,
            top_k=0,
            eos_token_id=sorted(stops) or None,
            pad_token_id=1,  # ends no response
        )
        written = found[:, inputs["input_ids"].shape[1] :]
        ended = torch.isin(written, torch.tensor(sorted(stops), device=written.device, dtype=written.dtype)).long()
        tokens += int((ended.cumsum(dim=1) - ended == 0).sum())
    return tokens


def again(model: SaladForCausalLM, prompts: list[Sequence], responses: list[Response], batch_size: int) -> None:
    """Run prompts and responses once more for the log-probabilities."""
    sequences = []
    for prompt, response in zip(prompts, responses, strict=True):
        ids = np.concatenate([prompt.input_ids, response.tokens[:-1]])
        mask = np.concatenate([prompt.speech_mask, np.zeros(len(response.tokens) - 1, dtype=bool)])
        places = np.arange(len(prompt) - 1, len(ids))
        sequences.append(Sequence(ids, mask, prompt.spans, places, places))
    for batch in batches_by_length([len(sequence) for sequence in sequences], items=batch_size):
        of_batch = [sequences[place] for place in batch], [responses[place].tokens for place in batch]
        response_log_probs(model, *of_batch, SAMPLING)


if __name__ == "__main__":
    main()
