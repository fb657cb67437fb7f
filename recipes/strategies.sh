#!/usr/bin/env bash
# Compare selection strategies on the desk: equal hours of speech, the same Stage I, several seeds.
#
#   bash recipes/strategies.sh      writes to runs/strategies/seed-N; an interrupted run resumes with the same line
#
# For each seed: the steps of recipes/desk.sh, then for each strategy a selection, its speech, Stage II and the
# evaluation. A strategy takes about two minutes on two cores, so the first seed takes an hour, all three two and a half.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUNS=${RUNS:-runs/strategies}
SEEDS=${SEEDS:-0 1 2}
STRATEGIES=${STRATEGIES:-uniform balanced dsir knn coverage-1 coverage-5 active-1 active-5}
CLUSTERS=${CLUSTERS:-16 64 128}  # numbers of regions for active selection, besides the desk's own
PROBES_IN_ALL=${PROBES_IN_ALL:-256}  # at least two per region: with one, its uncertainty is unknown
HOURS=${HOURS:-0.26}
. recipes/desk_settings.sh

for SEED in $SEEDS; do
  RUN=$RUNS/seed-$SEED
  WORLD=$RUN/world
  RUN=$RUN SEED=$SEED bash recipes/desk.sh
  BUDGET=(--hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED")
  GAP=(--teacher "$RUN/text-lm" "${PRESET[@]}" --seed "$SEED")

  for K in $CLUSTERS; do
    step "seed $SEED, $K regions: the same number of probes in all, and their misalignment"
    AT=$RUN/choices/regions-$K
    saladkit regions "$WORLD/pool.parquet" -o "$AT/regions" --embedder "lm:$RUN/text-lm" --clusters "$K" \
      --speech "$WORLD/natural.parquet" --reuse "$RUN/regions" --seed "$SEED"
    saladkit select "$WORLD/pool.parquet" -o "$AT/probe-texts" --regions "$AT/regions" \
      --per-region "$((PROBES_IN_ALL / K))" --seed "$SEED"
    saladkit synth "$AT/probe-texts" -o "$AT/probes" "${VOICES[@]}" --seed "$SEED"
    saladkit gap "$RUN/stage1" "$AT/probes" -o "$AT/gap" --regions "$AT/regions" "${GAP[@]}"
    saladkit select "$WORLD/pool.parquet" -o "$AT/texts" --regions "$AT/regions" --exclude "$AT/probe-texts" \
      "${BUDGET[@]}" --gap "$AT/gap" --gamma 1
  done

  for STRATEGY in $STRATEGIES; do
    step "seed $SEED, $STRATEGY: select"
    case $STRATEGY in
      # The desk's four probes a region may be too few for gamma 5: here that is what is compared.
      active-*) HOW=(--strategy active --gap "$RUN/gap-stage1" --gamma "${STRATEGY#active-}" --max-noise 1) ;;
      knn | hybrid) HOW=(--strategy "$STRATEGY" --gap "$RUN/gap-stage1" --gamma 1) ;;
      coverage-*) HOW=(--strategy coverage --gamma "${STRATEGY#coverage-}") ;;
      # dsir alone is given the questions of the evaluation, of heard and unheard subjects, without their answers.
      dsir) HOW=(--strategy dsir --target "$WORLD/questions.parquet") ;;
      *) HOW=(--strategy "$STRATEGY") ;;
    esac
    saladkit select "$WORLD/pool.parquet" -o "$RUN/choices/$STRATEGY/texts" --regions "$RUN/regions" \
      --exclude "$RUN/probe-texts" "${BUDGET[@]}" "${HOW[@]}"
  done

  for CHOSEN in $STRATEGIES $(printf 'regions-%s ' $CLUSTERS); do
    step "seed $SEED, $CHOSEN: speak, align, evaluate"
    AT=$RUN/choices/$CHOSEN
    saladkit synth "$AT/texts" -o "$AT/speech" "${VOICES[@]}" --seed "$SEED"
    saladkit align "$RUN/stage1" -o "$AT/stage2" --data "$RUN/natural:1" --data "$AT/speech:1" \
      --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" --frames "$RUN/frames" "${STAGE2[@]}" \
      --seed "$SEED"
    saladkit eval "$AT/stage2" "$RUN/questions" -o "$AT/eval" --heard "$RUN/natural"
  done
done

FIRST=${SEEDS%% *}
step "the report of all seeds"
COMPARED=() ACROSS=()
for CHOSEN in $STRATEGIES $(printf 'regions-%s ' $CLUSTERS); do COMPARED+=(--choice "$CHOSEN=choices/$CHOSEN/eval"); done
for SEED in $SEEDS; do [ "$SEED" = "$FIRST" ] || ACROSS+=(--across "$RUNS/seed-$SEED"); done
saladkit report "$RUNS/seed-$FIRST" -o "$RUNS/report.html" --title "Ways to choose, on the desk" --teacher eval/original \
  --result stage1=eval/stage1 --result stage2_uniform=eval/stage2-uniform --result stage2_active=eval/stage2-active \
  --contrast stage2_active stage2_uniform --speech natural --held-out heldout "${COMPARED[@]}" "${ACROSS[@]}"
