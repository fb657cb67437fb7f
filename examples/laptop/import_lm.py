"""Bring a Llama with its tokenizer from a GGUF file into a Hugging Face folder, in float32.

python examples/laptop/import_lm.py model.gguf -o runs/laptop/text-lm
"""

import json
import sys
from pathlib import Path

import click

from saladkit.errors import SaladError
from saladkit.job import Job, Made, Work
from saladkit.settings.shared import Output


def import_lm(gguf: Path, output: Path) -> dict:
    """Write the folder, and return the summary.

    Raises:
        SaladError: the file is no GGUF file of a Llama, or the output folder holds something else.
    """

    def make(work: Work) -> Made:
        import saladkit.model  # noqa: F401  # before transformers, which a torchaudio that does not load would break

        # isort: split
        from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

        try:
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
            read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype="float32")
        except (OSError, ValueError) as error:
            raise SaladError(f"{gguf} cannot be read: {error}", "Give a GGUF file of a Llama.") from error
        # The model that was read has dequantized weights, but its config still says that they are quantized, and then
        # it cannot be saved.
        config = read.config
        del config.quantization_config
        model = LlamaForCausalLM(config)
        model.load_state_dict(read.state_dict())
        model.generation_config = read.generation_config
        model.save_pretrained(work.path)
        tokenizer.save_pretrained(work.path)
        work.adopt_all()
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return Made(counts={"parameters": parameters, "vocabulary": len(tokenizer)}, figures={})

    job = Job("import-lm", "text-lm", 1, Output(), inputs={"gguf": str(gguf)})
    return job.run(output, plan={"bytes": gguf.stat().st_size}, make=make)


@click.command()
@click.argument("gguf", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the text LLM.")
def main(gguf: Path, output: Path) -> None:
    """Bring the text LLM of the file GGUF into a Hugging Face folder."""
    try:
        print(json.dumps(import_lm(gguf, output)))
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
