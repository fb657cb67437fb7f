"""lm-evaluation-harness with a checkpoint as its model, on its own tasks and on tasks with recordings.

pip install 'saladkit[eval]'
python examples/neighbours/harness.py run --model saladkit --model_args pretrained=stage1 --tasks arc_easy
python examples/neighbours/harness.py run --model saladkit --model_args pretrained=stage1 --tasks spoken \
  --include_path .

with spoken.yaml, a task over the questions that `saladkit synth questions.parquet -o spoken` has made:

    task: spoken
    dataset_path: parquet
    dataset_kwargs: {data_files: {test: spoken/*.parquet}}
    test_split: test
    output_type: multiple_choice
    doc_to_audio: audio
    doc_to_text: "<audio>"
    doc_to_choice: choices
    doc_to_target: answer
    metric_list: [{metric: acc}, {metric: acc_norm}]

In a program of your own, import `saladkit.scoring.harness_model` before `lm_eval.simple_evaluate(model="saladkit", …)`.
"""

from lm_eval.__main__ import cli_evaluate

import saladkit.scoring.harness_model  # noqa: F401  # registers the model

if __name__ == "__main__":
    cli_evaluate()
