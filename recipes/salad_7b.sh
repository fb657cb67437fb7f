#!/usr/bin/env bash
# SALAD-7B: Qwen2.5-7B with frozen Mimi. Needs GPUs that together hold a fully trained 7B model and its optimizer (about
# 112 GB), and disk space for the caches.
#
#   SPEECH=... QUESTIONS=... POOL=... REPLAY=... HELD_OUT_VOICE=... bash recipes/salad_7b.sh
#   DRY_RUN=1 bash recipes/salad_7b.sh      print the plan and what is missing on this machine, and make nothing
#
# The commands are in recipes/salad.sh, whose first lines say what each variable means.
SIZE=7b LLM=${LLM:-Qwen/Qwen2.5-7B} exec bash "$(dirname "$0")/salad.sh"
