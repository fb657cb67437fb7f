#!/usr/bin/env bash
# The model's own words on the desk: arms of training on them, from one Stage I a seed, with equal steps of equal positions.
#
#   bash recipes/rollout.sh                        all arms of all seeds, in runs/rollout/seed-N; the same line resumes
#   SEED=0 ARM=rounds bash recipes/rollout.sh      one arm of one seed
#   SIZE=demo bash recipes/rollout.sh              on the small world, whose speech input is symbolic
#
# Each arm goes on from Stage I before its decay. The last third of its steps decays. Primary: the exact second slot of
# continuations that the model writes itself (examples/desk/two_slots.py); then multiple choice, M and the exposure gap.
# `offline` has no new words behind its speech; `read` has words that the checkpoint wrote behind the text of the prompts. What
# words that it wrote behind the speech add is what `forward` has beyond `read`.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUNS=${RUNS:-runs/rollout}
SEEDS=${SEED:-0 1 2 3 4}
ARMS=${ARM:-offline read forward reverse sampled rounds pure}
SIZE=${SIZE:-desk}
ARM_STEPS=${ARM_STEPS:-540}  # of each arm, a multiple of 3
ARM_WINDOW=${ARM_WINDOW:-256}  # positions, so that the steps of all arms have as many
TOP_K=${TOP_K:-128}  # the fewest that the reverse KL takes
PROMPTS=${PROMPTS:-1200}  # rows of natural speech of whose beginnings a round writes on
EXPOSED=${EXPOSED:-200}  # other rows, for M and the exposure gap
TWO_SLOT_DOCUMENTS=${TWO_SLOT_DOCUMENTS:-6000}
WORLD_OPTIONS=${WORLD_OPTIONS:---unasked irreducible}  # nobody can tell homophones apart
ADAPTER_OPTIONS=${ADAPTER_OPTIONS:-}
RUN=$RUNS  # what a dry run replaces by a folder of its own

. "recipes/${SIZE}_settings.sh"
RUNS=$RUN
[ -z "${DRY_RUN:-}" ] || SEEDS=${SEEDS%% *}  # all seeds have the same plan
SMALL=() LM_SHAPE=() ENCODER=()
if [ "$SIZE" = demo ]; then
  SMALL=(--small) LM_SHAPE=(--hidden-size 128 --layers 3 --vocabulary 1024) ENCODER=(--speech-encoder phones)
fi

# begin: all that the arms of a seed share.
begin() {
  step "seed $SEED: the world with two slots, the text LLM, its distributions, and speech"
  python examples/desk/build_world.py -o "$WORLD" "${SMALL[@]}" --seed "$SEED" \
    --two-slot-documents "$TWO_SLOT_DOCUMENTS" $WORLD_OPTIONS
  python examples/desk/train_lm.py "$WORLD/lm.parquet" -o "$LM" --steps "${LM_STEPS:-1000}" "${LM_SHAPE[@]}" --seed "$SEED"
  saladkit cache-teacher "$WORLD/natural.parquet" "$WORLD/pool.parquet" --model "$LM" -o "$RUN/teacher" --top-k "$TOP_K"
  saladkit synth "$WORLD/natural.parquet" -o "$RUN/natural" "${VOICES[@]}" --seed "$SEED"
  saladkit synth "$WORLD/questions.parquet" -o "$RUN/questions" "${VOICES[@]}" --seed "$SEED"
  saladkit synth "$WORLD/two-slots.parquet" -o "$RUN/two-slots" "${VOICES[@]}" --seed "$SEED"
  saladkit synth "$WORLD/pool.parquet" -o "$RUN/exposed" "${VOICES[@]}" --limit "$EXPOSED" --seed "$SEED"
  saladkit cache-speech "$RUN/natural" -o "$RUN/frames" "${ENCODER[@]}"
  step "seed $SEED: Stage I"
  saladkit distill "$LM" -o "$RUN/stage1" --data "$RUN/natural:2" --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" \
    --frames "$RUN/frames" "${ENCODER[@]}" --max-steps "${STAGE1_STEPS:-2000}" --lexical-steps "${LEXICAL_STEPS:-950}" \
    $ADAPTER_OPTIONS "${PRESET[@]}" --seed "$SEED"
  write_on "$RUN/stage1/stable" first "$((1000 + SEED))"  # the first round, which the arms share
}
# write_on CHECKPOINT NAME SEED: the checkpoint writes on behind what it hears, and the text LLM scores it.
write_on() {
  saladkit rollout "$1" "$RUN/natural" -o "$RUN/$2-rollouts" --frames "$RUN/frames" --prompt-words 4 16 \
    --max-new-tokens 24 --limit "$PROMPTS" --seed "$3"
  saladkit cache-teacher "$RUN/$2-rollouts" -o "$RUN/$2-teacher" --model "$LM" --top-k "$TOP_K"
}
# read_and_write_on: the same checkpoint writes on behind the text of the same prompts; its words are laid out behind the speech.
read_and_write_on() {
  saladkit rollout "$RUN/stage1/stable" "$RUN/natural" -o "$RUN/both-rollouts" --frames "$RUN/frames" --prompt-words 4 16 \
    --prompt-modality speech --prompt-modality text --max-new-tokens 24 --limit "$PROMPTS" --seed "$((1000 + SEED))"
  python examples/desk/as_heard.py "$RUN/both-rollouts" -o "$RUN/read-rollouts"
  saladkit cache-teacher "$RUN/read-rollouts" -o "$RUN/read-teacher" --model "$LM" --top-k "$TOP_K"
}
# align_on FROM TO STEPS DECAY OPTION...
align_on() {
  saladkit align "$1" -o "$2" --frames "$RUN/frames" --max-steps "$3" --decay-fraction "$4" "${PRESET[@]}" \
    --window "$ARM_WINDOW" --per-device-train-batch-size 4 --seed "$SEED" "${@:5}"
}
arm() {
  local data=(--data "$RUN/natural:1" --replay "$WORLD/pool.parquet:1")
  local mixed=("${data[@]}" --rollouts "$RUN/first-rollouts:1") caches=(--teacher "$RUN/teacher" --teacher "$RUN/first-teacher")
  local once=("$RUN/stage1" "$RUN/$1" "$ARM_STEPS" 0.3333333333)
  case $1 in
    offline) align_on "${once[@]}" --data "$RUN/natural:2" --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" ;;
    read)
      read_and_write_on
      align_on "${once[@]}" "${data[@]}" --rollouts "$RUN/read-rollouts:1" --teacher "$RUN/teacher" --teacher "$RUN/read-teacher"
      ;;
    forward) align_on "${once[@]}" "${mixed[@]}" "${caches[@]}" ;;
    reverse) align_on "${once[@]}" "${mixed[@]}" "${caches[@]}" --rollout-loss reverse-kl ;;
    sampled) align_on "${once[@]}" "${mixed[@]}" --teacher "$LM" --rollout-loss sampled ;;  # a cache lacks some tokens
    pure) align_on "${once[@]}" --data "$RUN/natural:0" --rollouts "$RUN/first-rollouts" --teacher "$RUN/first-teacher" ;;
    rounds)  # three rounds, each by the same three lines; only the last one decays
      align_on "$RUN/stage1" "$RUN/round1" "$((ARM_STEPS / 3))" 0 "${mixed[@]}" "${caches[@]}"
      write_on "$RUN/round1/stable" second "$((2000 + SEED))"
      align_on "$RUN/round1" "$RUN/round2" "$((ARM_STEPS / 3))" 0 "${data[@]}" --rollouts "$RUN/second-rollouts:1" \
        --teacher "$RUN/teacher" --teacher "$RUN/second-teacher"
      write_on "$RUN/round2/stable" third "$((3000 + SEED))"
      align_on "$RUN/round2" "$RUN/rounds" "$((ARM_STEPS / 3))" 1 "${data[@]}" --rollouts "$RUN/third-rollouts:1" \
        --teacher "$RUN/teacher" --teacher "$RUN/third-teacher"
      ;;
    *) echo "there is no arm $1" >&2 && return 2 ;;
  esac
}
# judge ARM: what it writes, what it chooses, its misalignment, and its exposure gap on its own words.
judge() {
  saladkit eval "$RUN/$1" "$RUN/two-slots" -o "$RUN/slots-$1" --generate --template continuation --max-new-tokens 16
  saladkit eval "$RUN/$1" "$RUN/questions" -o "$RUN/eval-$1" --teacher "$LM" --by cell
  saladkit rollout "$RUN/$1" "$RUN/exposed" -o "$RUN/exposed-$1" --prompt-words 4 16 --max-new-tokens 24 --seed "$SEED"
  saladkit gap "$RUN/$1" "$RUN/exposed" -o "$RUN/gap-$1" --teacher "$LM" --rollouts "$RUN/exposed-$1" "${PRESET[@]}" \
    --seed "$SEED"
  python examples/desk/score_two_slots.py "$WORLD" "$RUN/slots-$1"
}

for SEED in $SEEDS; do
  RUN=$RUNS/seed-$SEED
  WORLD=$RUN/world LM=$RUN/text-lm
  begin
  for ARM in $ARMS; do
    step "seed $SEED, $ARM"
    arm "$ARM"
    judge "$ARM"
  done
done

step "each arm against the first, over all seeds that are there"
NAMES=()
for ARM in $ARMS; do NAMES+=(--arm "$ARM"); done
python examples/desk/rollout_table.py "$RUNS"/seed-* "${NAMES[@]}"
