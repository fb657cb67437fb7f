#!/usr/bin/env bash
# SALAD-3B as published: Qwen2.5-3B with frozen Mimi, LibriHeavy and Emilia, FineWeb-Edu, the SmolLM corpus, Kokoro, six benchmarks.
# Needs one GPU of 80 GB or more, and disk space for data and caches.
#
#   bash recipes/public_data.sh             the data, from the public hubs
#   DRY_RUN=1 bash recipes/salad_3b.sh      print the plan and what is missing on this machine, and make nothing
#   bash recipes/salad_3b.sh                run or resume it
#
# Other data, models and sizes are variables; the commands are in recipes/salad.sh, whose first lines say what each means.
SIZE=3b LLM=${LLM:-Qwen/Qwen2.5-3B} exec bash "$(dirname "$0")/salad.sh"
