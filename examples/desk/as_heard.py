"""Take rollouts that were written behind prompts that were read as rollouts behind the same prompts, heard.

    saladkit rollout CHECKPOINT SAMPLES -o BOTH --prompt-modality speech --prompt-modality text
    python examples/desk/as_heard.py BOTH -o READ

It is the control for training on a model's own words: the same speech and as many new words behind it, but the words
are what the model writes if it knows what was said. `log_probs` stay those of the writing, so that `align
--rollout-loss sampled`, which divides by them, is not for such rollouts.
"""

import argparse
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.rollouts import SCHEMA, SPEECH, TEXT, VERSION, id_of, read_part, write_rollouts
from saladkit.job import Job, Made, Work
from saladkit.settings.shared import Files


def as_heard(read: Path, output: Path) -> dict:
    """Make the rollouts, and return the summary.

    Raises:
        SaladError: `read` is no complete artefact of rollouts, or none of its prompts was read.
    """
    source = Artefact.open(read, SCHEMA, VERSION)

    def make(work: Work) -> Made:
        rows = 0
        for part in source.parts(".parquet"):
            found, difference = read_part(part)
            heard = [_heard(row) for row in found if row["modality"] == TEXT]
            with work.writing(part.name) as aside:
                write_rollouts(heard, aside, difference)
            rows += len(heard)
        if not rows:
            raise SaladError(f"no prompt of {read} was read", "Make rollouts with `--prompt-modality text` as well.")
        return Made({"rows": rows}, {"rows": rows}, identity=source.manifest["identity"])

    return Job("as-heard", SCHEMA, VERSION, Files(), inputs={"rollouts": str(read)}).run(output, plan={}, make=make)


def _heard(row: dict) -> dict:
    sample = int(row["id"].removesuffix(f"/{TEXT}").rpartition("/k")[2])
    return row | {"id": id_of(row["source_id"], row["prompt_words"], sample, SPEECH), "modality": SPEECH}


def main() -> None:
    """Make the rollouts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("read", type=Path, metavar="READ", help="rollouts behind prompts that were heard and read")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the rollouts that are made")
    options = parser.parse_args()
    try:
        as_heard(options.read, options.output)
    except SaladError as error:
        parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")


if __name__ == "__main__":
    main()
