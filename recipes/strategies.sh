#!/usr/bin/env bash
# Compare ways to choose texts and ways to align on them: one Stage I a seed, equal hours of speech, equal steps.
#
#   bash recipes/strategies.sh      writes to runs/strategies/seed-N; an interrupted run resumes with the same line
#
# For each seed: recipes/demo.sh, on the small world with a subject of homophones; then the arms, two side by side; then one
# evaluation of all. A seed took about nine minutes on two cores before the demo became faster.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUNS=${RUNS:-runs/strategies}
SEEDS=${SEEDS:-0 1 2 3 4 5 6 7}
ARMS=${ARMS:-none coverage oracle unfiltered progress two-to-one slow-lexical fresh-moments}
[ -z "${DRY_RUN:-}" ] || SEEDS=${SEEDS%% *}  # all seeds have the same plan
export HOURS=${HOURS:-0.12} LM_STEPS=${LM_STEPS:-400}
export WORLD_OPTIONS=${WORLD_OPTIONS:---subjects animals astronomy capitals cards formulae inns rooms --unasked irreducible}
. recipes/demo_settings.sh

# choose ARM OPTION...: select texts with the demo's budget, and speak them.
choose() {
  local arm=$1
  shift
  saladkit select "$WORLD/pool.parquet" -o "$RUN/$arm-texts" --regions "$RUN/regions" --exclude "$RUN/probe-texts" \
    --hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED" "$@"
  saladkit synth "$RUN/$arm-texts" -o "$RUN/$arm" "${VOICES[@]}" --seed "$SEED"
}
# align_on ARM OPTION...: Stage II; the options name its speech.
align_on() {
  local arm=$1
  shift
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$arm" --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" \
    --frames "$RUN/frames" "${STAGE2[@]}" --seed "$SEED" "$@"
}
# choose_and_align ARM OPTION...: as the demo does.
choose_and_align() {
  choose "$@"
  align_on "$1" --data "$RUN/natural:1" --data "$RUN/$1:1"
}
arm() {
  # Four probes a region may be too few for a metric: here that is what is compared.
  local gap=(--gap "$RUN/gap-stage1" --gamma 1 --max-noise 1)
  case $1 in
    none) align_on none --data "$RUN/natural:2" ;;  # what Stage II itself costs
    coverage) choose_and_align coverage --strategy coverage --gamma 1 ;;  # far from speech; needs no gap
    oracle) choose_and_align oracle --gap "$RUN/gap-pool" --gamma 1 --max-noise 1 ;;  # the gap of all texts instead of probes
    unfiltered) choose_and_align unfiltered "${gap[@]}" --bad-speech keep ;;  # also where speech is too long for its text
    progress) choose_and_align progress "${gap[@]}" --metric progress --gap-before "$RUN/gap-stable" ;;
    two-to-one) align_on two-to-one --data "$RUN/natural:1.33" --data "$RUN/active:0.67" ;;
    slow-lexical) align_on slow-lexical --data "$RUN/natural:1" --data "$RUN/active:1" --lexical-learning-rate 5e-4 ;;
    fresh-moments) align_on fresh-moments --data "$RUN/natural:1" --data "$RUN/active:1" --fresh-optimizer ;;
    balanced | proportional) choose_and_align "$1" --strategy "$1" ;;
    *) echo "there is no arm $1" >&2 && return 2 ;;
  esac
}
# The averages cost no training: weights of Stage I and of active Stage II.
averages() {
  saladkit average "$RUN/stage1" "$RUN/stage2-active" --weight 0.25 --weight 0.75 -o "$RUN/stage2-average-25"
  saladkit average "$RUN/stage1" "$RUN/stage2-active" --weight 0.5 --weight 0.5 -o "$RUN/stage2-average-50"
}

for SEED in $SEEDS; do
  RUN=$RUNS/seed-$SEED
  WORLD=$RUN/world
  RUN=$RUN SEED=$SEED bash recipes/demo.sh
  [ -z "${DRY_RUN:-}" ] || command python recipes/plan.py made "$PLAN" recipes/demo.sh -o "$RUN"

  step "seed $SEED: what oracle and progress read: the gap of all texts, and of the checkpoint before Stage I's decay"
  GAP=(--regions "$RUN/regions" --teacher "$RUN/text-lm" "${PRESET[@]}" --seed "$SEED")
  all_texts() {
    saladkit synth "$WORLD/pool.parquet" -o "$RUN/pool" "${VOICES[@]}" --seed "$SEED"
    saladkit gap "$RUN/stage1" "$RUN/pool" -o "$RUN/gap-pool" --interleavings 2 "${GAP[@]}"
  }
  beside all_texts
  beside saladkit gap "$RUN/stage1/stable" "$RUN/probes" -o "$RUN/gap-stable" "${GAP[@]}"
  beside averages
  wait_beside

  step "seed $SEED: the arms, two side by side: select, speak, align"
  for ARM in $ARMS; do
    beside arm "$ARM"
    [ "${#BESIDE[@]}" -lt 2 ] || wait_beside
  done
  wait_beside

  step "seed $SEED: accuracy"
  COMPARED=()
  for ARM in uniform active average-25 average-50 $ARMS; do COMPARED+=(--compare "$RUN/stage2-$ARM"); done
  saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval-arms" --teacher "$RUN/text-lm" \
    --heard "$RUN/natural" "${COMPARED[@]}" "${EVAL[@]}"
done

step "the report of all seeds"
RESULTS=(--result stage1=eval-arms/stage1) ACROSS=() CONTRASTS=()
for ARM in uniform active average-25 average-50 $ARMS; do
  RESULTS+=(--result "$ARM=eval-arms/stage2-$ARM")
  case $ARM in
    active) ;;
    none) CONTRASTS+=(--contrast none stage1 --contrast active none) ;;
    uniform | coverage | oracle | unfiltered) CONTRASTS+=(--contrast active "$ARM") ;;
    progress) CONTRASTS+=(--contrast progress active --contrast progress uniform) ;;
    *) CONTRASTS+=(--contrast "$ARM" active) ;;
  esac
done
for SEED in $SEEDS; do [ "$SEED" = "${SEEDS%% *}" ] || ACROSS+=(--across "$RUNS/seed-$SEED"); done
saladkit report "$RUNS/seed-${SEEDS%% *}" -o "$RUNS/report.html" --title "Ways to choose and to align" \
  --teacher eval-arms/original "${RESULTS[@]}" "${ACROSS[@]}" "${CONTRASTS[@]}" --speech natural --held-out heldout --primary cell >/dev/null
