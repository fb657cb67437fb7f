#!/usr/bin/env bash
# Select in three rounds on the desk: measure again, select again, and align on all texts selected so far.
#
#   bash recipes/reselect.sh        runs recipes/desk.sh first, and writes to runs/desk; an interrupted run resumes
#
# The probes are spoken once and measured with the model of every round: a region whose M has fallen loses weight. No text
# is selected twice. A round has a third of the desk's budget and takes as long as Stage II of the desk.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUN=${RUN:-runs/desk}
SEED=${SEED:-0}
ROUNDS=${ROUNDS:-3}
HOURS=${HOURS:-0.0867}  # of speech, per round
GAMMA=${GAMMA:-1}
WORLD=$RUN/world
. recipes/desk_settings.sh

RUN=$RUN SEED=$SEED bash recipes/desk.sh

MODEL=$RUN/stage1
SPOKEN=() TAKEN=(--exclude "$RUN/probe-texts")
for ROUND in $(seq "$ROUNDS"); do
  AT=$RUN/round-$ROUND
  step "round $ROUND: measure the gap by region, and select texts where it is"
  saladkit gap "$MODEL" "$RUN/probes" -o "$AT/gap" --regions "$RUN/regions" --teacher "$RUN/text-lm" "${PRESET[@]}" \
    --seed "$SEED"
  saladkit select "$WORLD/pool.parquet" -o "$AT/texts" --regions "$RUN/regions" --gap "$AT/gap" --gamma "$GAMMA" \
    --hours "$HOURS" --rate-from "$RUN/natural" "${TAKEN[@]}" --seed "$SEED" --explain
  saladkit synth "$AT/texts" -o "$AT/speech" "${VOICES[@]}" --seed "$SEED"
  TAKEN+=(--exclude "$AT/texts") SPOKEN+=(--data "$AT/speech:1")

  step "round $ROUND: align Stage I on all texts selected so far"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-round-$ROUND" --data "$RUN/natural:$ROUND" "${SPOKEN[@]}" \
    --replay "$WORLD/pool.parquet:$ROUND" --teacher "$RUN/teacher" --frames "$RUN/frames" "${STAGE2[@]}" \
    --seed "$SEED"
  MODEL=$RUN/stage2-round-$ROUND
done

step "accuracy after every round, and with the same hours selected at once"
saladkit eval "$MODEL" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval-rounds" --teacher "$RUN/text-lm" --heard "$RUN/natural" \
  $(for ROUND in $(seq $((ROUNDS - 1))); do echo "--compare $RUN/stage2-round-$ROUND"; done) \
  --compare "$RUN/stage2-active" "${EVAL[@]}"
saladkit report "$RUN" -o "$RUN/rounds.html" --title "Three rounds on the desk" --teacher eval/original \
  --result stage1=eval/stage1 --result stage2_at_once=eval-rounds/stage2-active \
  --result "stage2_in_rounds=eval-rounds/stage2-round-$ROUNDS" --contrast stage2_in_rounds stage2_at_once --speech natural \
  --held-out heldout --primary cell >/dev/null
