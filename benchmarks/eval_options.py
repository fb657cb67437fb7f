"""Compare the questions/s of `eval` on text, four options each, with those of lm-evaluation-harness on the same model.

Both sides tokenize the texts. Their log-likelihoods have to be equal.
"""

import logging
from functools import partial

import lm_eval.models.huggingface
import numpy as np
from lm_eval.api.instance import Instance
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from saladkit.model.salad import TextModel
from saladkit.scoring.conditions import Condition
from saladkit.scoring.multiple_choice import ContinuationScorer
from saladkit.scoring.prompts import PromptBuilder
from shapes import SHAPES, text_model
from side_by_side import Target, arguments, emit, run_pairs

WORDS = 2000  # of the made-up language
CHOICES = 4


def main() -> None:
    """Print a line without few-shot examples and one with five, each with the largest difference of log-likelihoods."""
    parser = arguments(__doc__, shape="small")
    parser.add_argument("--questions", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = questions(options.questions + 5)
    asked, solved = rows[:-5], rows[-5:]
    tokenizer = a_tokenizer(rows, SHAPES[options.shape].vocab_size)
    model = text_model(options.shape, dtype=options.dtype, device=options.device)
    harness = lm_eval.models.huggingface.HFLM(
        pretrained=model, tokenizer=tokenizer, batch_size=options.batch_size, max_length=2048
    )
    for shots in (0, 5):
        builder = PromptBuilder(tokenizer, 2048, shots=shots)
        scorer = ContinuationScorer(TextModel(model), builder, Condition("model", "text"), options.batch_size)
        examples = [builder.example(row, "solved") for row in solved]
        before = "".join(example.text for example in examples[:shots])
        ours = partial(scorer.predict, asked, examples, "task", "questions")
        theirs = partial(score_by_harness, harness, asked, before)
        values = [value for row in ours()[0] for value in row["log_likelihoods"]]
        apart = float(np.abs(np.array(values) - np.array(theirs())).max())
        found = run_pairs(ours, theirs, options.pairs, options.device)
        emit(
            f"eval, {CHOICES} options, {shots} examples",
            ours=options.questions / found.ours,
            theirs=options.questions / found.theirs,
            unit="questions/s",
            ratio=found.speedup,
            target=Target("ratio", ">=", 3, holds=options.shape != "tiny"),
            device=options.device,
            shape=options.shape,
            dtype=options.dtype,
            pairs=found.pairs,
            questions=options.questions,
            furthest_log_likelihoods=apart,
        )


def questions(count: int) -> list[dict]:
    """Make up questions of 8 to 40 words, with options of 1 to 8 words."""
    random = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = np.array(["".join(random.choice(letters, random.integers(2, 9))) for _ in range(WORDS)])
    # Few words are frequent and most are rare, as in any language.
    shares = 1 / np.arange(1, WORDS + 1)

    def text(shortest: int, longest: int) -> str:
        return " ".join(random.choice(words, random.integers(shortest, longest + 1), p=shares / shares.sum()))

    return [
        {"id": str(i), "text": text(8, 40), "choices": [text(1, 8) for _ in range(CHOICES)], "answer": i % CHOICES}
        for i in range(count)
    ]


def a_tokenizer(rows: list[dict], vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer on the questions."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(vocabulary, 3000),
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator((text for row in rows for text in (row["text"], *row["choices"])), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def score_by_harness(harness: lm_eval.models.huggingface.HFLM, rows: list[dict], before: str) -> list[float]:
    """Return the log-likelihood of every option, requested as lm-evaluation-harness does."""
    requests = [
        Instance("loglikelihood", row, (f"{before}{row['text']}", f" {choice}"), index)
        for row in rows
        for index, choice in enumerate(row["choices"])
    ]
    return [value for value, _ in harness.loglikelihood(requests, disable_tqdm=True)]


if __name__ == "__main__":
    main()
