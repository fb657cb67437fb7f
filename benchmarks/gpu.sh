#!/usr/bin/env bash
# Run every benchmark on one GPU at the true 3B shape (random weights; nothing is downloaded), and the tests marked gpu.
# We expect about 20 minutes and 70 GB of GPU memory, but no GPU has run this script yet.
#
#   OUT=results bash benchmarks/gpu.sh      writes results/bench-gpu.jsonl, one JSON line per figure
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-runs}
PYTHON=${PYTHON:-python}
FOUND=$OUT/bench-gpu.jsonl
GPU=(--device cuda --dtype bfloat16)
mkdir -p "$OUT"
: > "$FOUND"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

# Run the tests first: the speed of a wrong result is worth nothing.
"$PYTHON" -m pytest -m gpu tests/gpu

# Bytes of 65,536 positions; tokens/s of 65,536 tokens in batches of 8,192, the command's default.
"$PYTHON" benchmarks/cache_teacher_bytes.py "${GPU[@]}" --positions 65536 >> "$FOUND"
"$PYTHON" benchmarks/cache_teacher_speed.py "${GPU[@]}" --shape 3b --tokens 65536 --batch-tokens 8192 >> "$FOUND"

# Spoken prompts, and 64 tokens behind each; transformers' generate has the same model and the same batch size.
"$PYTHON" benchmarks/rollout.py "${GPU[@]}" --shape 3b --prompts 256 --batch-size 64 >> "$FOUND"

# Loss and head: the 3B shape, then the width of the absolute target (30 ms and 3 GB on one H200).
for shape in 3b h4096; do
  "$PYTHON" benchmarks/head_loss.py "${GPU[@]}" --shape $shape --positions 4096 --memory-positions 4096 >> "$FOUND"
done

# Questions with four options each; lm-evaluation-harness has the same model and the same batch size.
"$PYTHON" benchmarks/eval_options.py "${GPU[@]}" --shape 3b --questions 256 --batch-size 32 >> "$FOUND"

# The delay from the end of 10 s of speech to the first token of an answer.
"$PYTHON" benchmarks/first_token.py "${GPU[@]}" --shape 3b >> "$FOUND"

# Regions: a million vectors of 384 dimensions, K = 1,000 (1 s), and the neighbours of 10,000 (0.5 s) on one H200.
"$PYTHON" benchmarks/embedding.py --device cuda >> "$FOUND"
"$PYTHON" benchmarks/regions.py --device cuda >> "$FOUND"
"$PYTHON" benchmarks/million_texts.py >> "$FOUND"

# A Piper voice in one process per core, all on this GPU; needs onnxruntime-gpu.
"$PYTHON" benchmarks/synth_piper.py --device cuda >> "$FOUND"
"$PYTHON" benchmarks/timestamps.py --device cuda >> "$FOUND"

# Rows in micro-batches of about 4,096 places. The model is small, because the comparison is about padding.
"$PYTHON" benchmarks/packing.py "${GPU[@]}" --shape 0.5b --rows 256 --micro-batch 16 >> "$FOUND"
"$PYTHON" benchmarks/online_teacher.py "${GPU[@]}" --shape 3b --rows 16 >> "$FOUND"

# The whole step at 4,096 positions, in full training and with LoRA; then both again with torch.compile.
"$PYTHON" benchmarks/training_step.py "${GPU[@]}" --shape 3b --positions 4096 >> "$FOUND"
"$PYTHON" benchmarks/training_step.py "${GPU[@]}" --shape 3b --positions 4096 --torch-compile >> "$FOUND"

echo "$FOUND"
