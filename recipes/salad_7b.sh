#!/usr/bin/env bash
# SALAD-7B as published: Qwen2.5-7B with frozen Mimi, LibriHeavy and Emilia, FineWeb-Edu, the SmolLM corpus, Kokoro, six benchmarks.
# Needs GPUs that together hold a fully trained 7B model and its optimizer (about 112 GB), and disk space for data and caches.
#
#   bash recipes/public_data.sh             the data, from the public hubs
#   DRY_RUN=1 bash recipes/salad_7b.sh      print the plan and what is missing on this machine, and make nothing
#   bash recipes/salad_7b.sh                run or resume it
#
# Other data, models and sizes are variables; the commands are in recipes/salad.sh, whose first lines say what each means.
SIZE=7b LLM=${LLM:-Qwen/Qwen2.5-7B} exec bash "$(dirname "$0")/salad.sh"
