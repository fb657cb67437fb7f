#!/usr/bin/env bash
# The desk with sound over several seeds, two side by side: texts selected at once and in three rounds.
#
#   bash recipes/sound.sh           writes to runs/sound/seed-N; an interrupted run resumes with the same line
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUNS=${RUNS:-runs/sound}
SEEDS=${SEEDS:-0 1 2}
[ -z "${DRY_RUN:-}" ] || SEEDS=${SEEDS%% *}  # all seeds have the same plan
. recipes/desk_settings.sh

for SEED in $SEEDS; do
  beside env RUN="$RUNS/seed-$SEED" SEED="$SEED" bash recipes/reselect.sh
  [ "${#BESIDE[@]}" -lt 2 ] || wait_beside
done
wait_beside

step "the report of all seeds"
ACROSS=()
for SEED in $SEEDS; do [ "$SEED" = "${SEEDS%% *}" ] || ACROSS+=(--across "$RUNS/seed-$SEED"); done
saladkit report "$RUNS/seed-${SEEDS%% *}" -o "$RUNS/report.html" --title "The desk with sound" --teacher eval/original \
  --result stage1=eval/stage1 --result uniform=eval/stage2-uniform --result active=eval/stage2-active \
  --result rounds=eval-rounds/stage2-round-3 "${ACROSS[@]}" --contrast active uniform --contrast uniform stage1 \
  --contrast active stage1 --contrast rounds active --speech natural --held-out heldout --primary cell >/dev/null
