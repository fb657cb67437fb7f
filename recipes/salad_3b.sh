#!/usr/bin/env bash
# SALAD-3B: Qwen2.5-3B listens through frozen Mimi. One GPU of 80 GB or more, and a disk for what is cached.
#
#   SPEECH=... QUESTIONS=... POOL=... REPLAY=... HELD_OUT_VOICE=... bash recipes/salad_3b.sh
#   DRY_RUN=1 bash recipes/salad_3b.sh      print the plan and what is missing on this machine; make nothing
#
# The lines are those of recipes/salad.sh; its head says what each variable means.
SIZE=3b LLM=${LLM:-Qwen/Qwen2.5-3B} BATCH=${BATCH:-8} exec bash "$(dirname "$0")/salad.sh"
