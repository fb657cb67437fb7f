#!/usr/bin/env bash
# SALAD-7B: Qwen2.5-7B listens through frozen Mimi. GPUs that hold a fully trained 7B model with its optimizer (about 112 GB).
#
#   SPEECH=... QUESTIONS=... POOL=... REPLAY=... HELD_OUT_VOICE=... bash recipes/salad_7b.sh
#   DRY_RUN=1 bash recipes/salad_7b.sh      print the plan and what is missing on this machine; make nothing
#
# The lines are those of recipes/salad.sh; its head says what each variable means.
SIZE=7b LLM=${LLM:-Qwen/Qwen2.5-7B} BATCH=${BATCH:-4} exec bash "$(dirname "$0")/salad.sh"
