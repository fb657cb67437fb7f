#!/usr/bin/env bash
# The whole SALAD method on two CPU cores: no GPU, nothing to download.
#
#   bash recipes/desk.sh            into runs/desk; run it again and it goes on where it stopped
#
# The text LLM is small but real: trained here, from a random start, on the facts of examples/desk. Speech is real
# synthesised speech (espeak-ng). The seconds beside the steps were measured on two cores of an AMD EPYC
# (Milan) at 2.45 GHz, the start of each command included; all of it takes fourteen to fifteen minutes and 3.2 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUN=${RUN:-runs/desk}
SEED=${SEED:-0}
LM_STEPS=${LM_STEPS:-750}
LEXICAL_STEPS=${LEXICAL_STEPS:-950}  # the first of Stage I: the front-end alone learns the words
STAGE1_STEPS=${STAGE1_STEPS:-2000}
REGIONS=${REGIONS:-24}
PROBES=${PROBES:-4}
HOURS=${HOURS:-0.26}       # of speech that Stage II may have spoken, 3.6 % of the natural speech; the same for both choices
WORLD_OPTIONS=${WORLD_OPTIONS:-}
ADAPTER_OPTIONS=${ADAPTER_OPTIONS:-}  # another shape than the preset's, such as --adapter-width 80

. recipes/desk_settings.sh
WORLD=$RUN/world
TEACHER_LM=$RUN/text-lm

step "the world: facts as text, a selection pool, questions (2 s)"
python examples/desk/build_world.py -o "$WORLD" --seed "$SEED" $WORLD_OPTIONS  # the same bytes every time

step "the text LLM, from a random start (140 s)"
python examples/desk/train_lm.py "$WORLD/lm.parquet" -o "$TEACHER_LM" --steps "$LM_STEPS" --seed "$SEED"

step "what the text LLM would say next, once for all that follows (19 s)"
saladkit cache-teacher "$WORLD/natural.parquet" "$WORLD/pool.parquet" --model "$TEACHER_LM" -o "$RUN/teacher"

step "natural speech, about 7 of the 12 subjects; the questions, about all of them (53 s)"
saladkit synth "$WORLD/natural.parquet" -o "$RUN/natural" "${VOICES[@]}" --seed "$SEED"
saladkit synth "$WORLD/questions.parquet" -o "$RUN/questions" "${VOICES[@]}" --seed "$SEED"
saladkit synth "$WORLD/questions.parquet" -o "$RUN/heldout" "${HELD_OUT_VOICE[@]}" --seed "$SEED"
saladkit cache-speech "$RUN/natural" -o "$RUN/frames"

step "Stage I: distil the text LLM into its speech-adapted self (342 s)"
# The lexical warm-up is ours: an encoder that starts from random has to learn what a word sounds like first.
saladkit distill "$TEACHER_LM" -o "$RUN/stage1" --data "$RUN/natural:2" --replay "$WORLD/pool.parquet:1" \
  --teacher "$RUN/teacher" --frames "$RUN/frames" --max-steps "$STAGE1_STEPS" --lexical-steps "$LEXICAL_STEPS" \
  $ADAPTER_OPTIONS "${PRESET[@]}" --seed "$SEED"

step "where the gap is: regions of the pool, a few spoken probes of each, their divergence (28 s)"
saladkit regions "$WORLD/pool.parquet" -o "$RUN/regions" --embedder "lm:$TEACHER_LM" --clusters "$REGIONS" \
  --speech "$WORLD/natural.parquet" --seed "$SEED"
saladkit select "$WORLD/pool.parquet" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" --seed "$SEED"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${VOICES[@]}" --seed "$SEED"
GAP=(--teacher "$TEACHER_LM" "${PRESET[@]}" --seed "$SEED")
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --regions "$RUN/regions" "${GAP[@]}"

step "the same budget twice: where the gap is, and anywhere, the control (2 s)"
CHOICE=(--regions "$RUN/regions" --exclude "$RUN/probe-texts" --hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED")
saladkit select "$WORLD/pool.parquet" -o "$RUN/active-texts" "${CHOICE[@]}" --gap "$RUN/gap-stage1" "${PRESET[@]}" --explain
saladkit select "$WORLD/pool.parquet" -o "$RUN/uniform-texts" "${CHOICE[@]}" --strategy uniform

for CHOSEN in active uniform; do
  step "Stage II, $CHOSEN: speak what was chosen, align on it (115 s)"
  saladkit synth "$RUN/$CHOSEN-texts" -o "$RUN/$CHOSEN" "${VOICES[@]}" --seed "$SEED"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$CHOSEN" --data "$RUN/natural:1" --data "$RUN/$CHOSEN:1" \
    --replay "$WORLD/pool.parquet:2" --teacher "$RUN/teacher" --frames "$RUN/frames" "${STAGE2[@]}" \
    --seed "$SEED"
  saladkit gap "$RUN/stage2-$CHOSEN" "$RUN/probes" -o "$RUN/gap-$CHOSEN" "${GAP[@]}"
done

step "read and heard, on the same questions, and the gap in between (41 s)"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$TEACHER_LM" --heard "$RUN/natural" \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active"

step "the report (3 s)"
saladkit report "$RUN" -o "$RUN/report.html" --title "The desk: SALAD on two cores" --teacher eval/original \
  --result stage1=eval/stage1 --result stage2_uniform=eval/stage2-uniform --result stage2_active=eval/stage2-active \
  --contrast stage2_active stage2_uniform --speech natural --held-out heldout >/dev/null  # the JSON is summary.json
