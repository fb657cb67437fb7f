#!/usr/bin/env bash
# SALAD-3B: Qwen2.5-3B with frozen Mimi. Needs one GPU of 80 GB or more, and disk space for the caches.
#
#   SPEECH=... QUESTIONS=... POOL=... REPLAY=... HELD_OUT_VOICE=... bash recipes/salad_3b.sh
#   DRY_RUN=1 bash recipes/salad_3b.sh      print the plan and what is missing on this machine, and make nothing
#
# The commands are in recipes/salad.sh, whose first lines say what each variable means.
SIZE=3b LLM=${LLM:-Qwen/Qwen2.5-3B} exec bash "$(dirname "$0")/salad.sh"
