#!/usr/bin/env bash
# Stage II alone, on one GPU of 80 GB: from a checkpoint of Stage I to one that was aligned on chosen texts, sized for a day.
#
#   STAGE1=runs/salad-3b/stage1 SPEECH=some-hours bash recipes/stage2_only.sh
#   DRY_RUN=1 bash recipes/stage2_only.sh      print the plan and what is missing on this machine, and make nothing
#
# STAGE1 has `stable/`, the checkpoint before the decay. SPEECH is a part of what it was trained on: a hundred hours are enough for a
# third of these steps, and all natural speech would take weeks to cache. No step has been timed on a GPU: a day has 86,400 s times the
# positions per second that `saladkit align` prints, and a step has about a million positions, so set STAGE2_STEPS by that. For the control, which takes as
# long again, give ARMS="active uniform".
set -euo pipefail
export NEEDS_STAGE1=1 ARMS=${ARMS:-active} HOURS=${HOURS:-20} STAGE2_STEPS=${STAGE2_STEPS:-400} PROBES=${PROBES:-8}
SIZE=3b LLM=${LLM:-Qwen/Qwen2.5-3B} RUN=${RUN:-runs/stage2-only} exec bash "$(dirname "$0")/salad.sh"
