#!/usr/bin/env bash
# Try the claims of the paper, and some beyond it, on the small world, and write which of them hold to docs/claims.md.
#
#   bash recipes/desk_claims.sh     writes to runs/claims/seed-N; an interrupted run resumes with the same line
#
# A seed takes about a quarter of an hour on two cores; two may run side by side (SEEDS=0, and SEEDS=1).
#
# For each seed: recipes/demo.sh; Stage I by other losses, for other lengths and with one voice; Stage II on other selections, two
# side by side; then the gap of every checkpoint and one evaluation of all.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUNS=${RUNS:-runs/claims}
SEEDS=${SEEDS:-0 1 2}
[ -z "${DRY_RUN:-}" ] || SEEDS=${SEEDS%% *}  # all seeds have the same plan
export HOURS=${HOURS:-0.12} REGIONS=${REGIONS:-12} PROBES=${PROBES:-4}
export LEXICAL_STEPS=${LEXICAL_STEPS:-300} STAGE1_STEPS=${STAGE1_STEPS:-700}
STEPS=$((STAGE1_STEPS - LEXICAL_STEPS))  # of Stage I that distil
CLAIMS=${CLAIMS:-docs/claims.md}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}  # seeds may run side by side; the bytes depend on it
. recipes/demo_settings.sh

FIRST_STAGES=(nll half quarter-length half-length double-length one-voice)
SECOND_STAGES=(none coverage gamma-5 half-regions double-regions metric-jsd metric-nll-gap)

# distill_with NAME SPEECH STEPS OPTION...: Stage I on the demo's text and on the speech in SPEECH, with STEPS that distil.
distill_with() {
  local name=$1 speech=$2 steps=$3
  shift 3
  saladkit distill "$RUN/text-lm" -o "$RUN/stage1-$name" --data "$RUN/$speech:2" --replay "$WORLD/pool.parquet:1" \
    --teacher "$RUN/teacher" --frames "$RUN/frames${speech#natural}" --speech-encoder phones \
    --max-steps "$((LEXICAL_STEPS + steps))" --lexical-steps "$LEXICAL_STEPS" ${ADAPTER_OPTIONS:-} "${PRESET[@]}" --seed "$SEED" "$@"
}
first_stage() {
  case $1 in
    nll) distill_with nll natural "$STEPS" --alpha 0 ;;  # next-token prediction alone
    half) distill_with half natural "$STEPS" --alpha 0.5 ;;
    quarter-length) distill_with quarter-length natural "$((STEPS / 4))" ;;
    half-length) distill_with half-length natural "$((STEPS / 2))" ;;
    double-length) distill_with double-length natural "$((STEPS * 2))" ;;
    one-voice) distill_with one-voice natural-one-voice "$STEPS" ;;
  esac
}
# choose_and_align NAME REGIONS OPTION...: as the demo does, with the regions in REGIONS.
choose_and_align() {
  local name=$1 regions=$2
  shift 2
  saladkit select "$WORLD/pool.parquet" -o "$RUN/$name-texts" --regions "$RUN/$regions" --exclude "$RUN/probe-texts" \
    --hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED" "$@"
  saladkit synth "$RUN/$name-texts" -o "$RUN/$name" "${VOICES[@]}" --seed "$SEED"
  align_on "$name" --data "$RUN/natural:1" --data "$RUN/$name:1"
}
align_on() {
  local name=$1
  shift
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$name" --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" \
    --frames "$RUN/frames" "${STAGE2[@]}" --seed "$SEED" "$@"
}
# other_regions NAME COUNT: as many regions of the pool, their probes and their gap.
other_regions() {
  saladkit regions "$WORLD/pool.parquet" -o "$RUN/regions-$1" --embedder "lm:$RUN/text-lm" --clusters "$2" \
    --speech "$WORLD/natural.parquet" --seed "$SEED"
  saladkit select "$WORLD/pool.parquet" -o "$RUN/probe-texts-$1" --regions "$RUN/regions-$1" --per-region "$PROBES" --seed "$SEED"
  saladkit synth "$RUN/probe-texts-$1" -o "$RUN/probes-$1" "${VOICES[@]}" --seed "$SEED"
  saladkit gap "$RUN/stage1" "$RUN/probes-$1" -o "$RUN/gap-of-regions-$1" --regions "$RUN/regions-$1" "${GAP[@]}"
}
# choose_by_regions NAME REGIONS PROBES: by other regions, of whose probes none is chosen.
choose_by_regions() {
  choose_and_align "$1" "$2" --gap "$RUN/gap-of-$2" --exclude "$RUN/$3" --gamma 1 --max-noise 1
}
second_stage() {
  local gap=(--gap "$RUN/gap-stage1" --max-noise 1)  # four probes a region may be too few for a metric: that is compared
  case $1 in
    none) align_on none --data "$RUN/natural:2" ;;
    coverage) choose_and_align coverage regions --strategy coverage --gamma 1 ;;
    gamma-5) choose_and_align gamma-5 regions "${gap[@]}" --gamma 5 ;;
    half-regions | double-regions) choose_by_regions "$1" "regions-${1%-regions}" "probe-texts-${1%-regions}" ;;
    metric-*) choose_and_align "$1" regions "${gap[@]}" --metric "${1#metric-}" --gamma 1 ;;
  esac
}
for SEED in $SEEDS; do
  RUN=$RUNS/seed-$SEED
  WORLD=$RUN/world
  RUN=$RUN SEED=$SEED bash recipes/demo.sh
  [ -z "${DRY_RUN:-}" ] || command python recipes/plan.py made "$PLAN" recipes/demo.sh -o "$RUN"
  GAP=(--teacher "$RUN/text-lm" "${PRESET[@]}" --seed "$SEED")

  step "seed $SEED: the natural speech again, by one voice; Stage I by other losses, for other lengths, and with one voice"
  saladkit synth "$WORLD/natural.parquet" -o "$RUN/natural-one-voice" "${VOICES[@]:0:2}" --seed "$SEED"
  saladkit cache-speech "$RUN/natural-one-voice" -o "$RUN/frames-one-voice" --speech-encoder phones
  for NAME in "${FIRST_STAGES[@]}"; do
    beside first_stage "$NAME"
    [ "${#BESIDE[@]}" -lt 2 ] || wait_beside
  done
  wait_beside

  step "seed $SEED: Stage II on other selections"
  beside other_regions half "$((REGIONS / 2))"
  beside other_regions double "$((REGIONS * 2))"
  wait_beside
  for NAME in "${SECOND_STAGES[@]}"; do
    beside second_stage "$NAME"
    [ "${#BESIDE[@]}" -lt 2 ] || wait_beside
  done
  wait_beside

  step "seed $SEED: the gap of every checkpoint on the same probes; accuracy on the same questions"
  COMPARED=(--compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active")
  for NAME in "${FIRST_STAGES[@]/#/stage1-}" "${SECOND_STAGES[@]/#/stage2-}"; do
    saladkit gap "$RUN/$NAME" "$RUN/probes" -o "$RUN/gap-${NAME#stage?-}" --regions "$RUN/regions" "${GAP[@]}"
    COMPARED+=(--compare "$RUN/$NAME")
  done
  TABLES=("$RUN/gap-quarter-length" "$RUN/gap-half-length" "$RUN/gap-stage1" "$RUN/gap-double-length")
  saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval-all" --teacher "$RUN/text-lm" --heard "$RUN/natural" \
    "${COMPARED[@]}" --by cell --by spoken
  saladkit fit-scaling "${TABLES[@]}" -o "$RUN/scaling" --seed "$SEED"
done

step "the verdicts"
RUN_FOLDERS=()
for SEED in $SEEDS; do RUN_FOLDERS+=("$RUNS/seed-$SEED"); done
python examples/desk/claim_verdicts.py "${RUN_FOLDERS[@]}" -o "$CLAIMS"
