#!/usr/bin/env bash
# The whole SALAD method with sound, on two CPU cores and the whole world: no GPU, nothing to download.
#
#   bash recipes/desk.sh            writes to runs/desk; an interrupted run resumes with the same line
#
# The text LLM is small but real: it is trained here, from random weights, on the facts of examples/desk. Speech is real
# synthesised speech (espeak-ng), and the encoder learns to hear. The seconds beside the steps were measured on two cores of an
# AMD EPYC (Milan) at 2.45 GHz, with an earlier world of twelve subjects, AdamW for the text LLM, and no written answers.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUN=${RUN:-runs/desk}
SEED=${SEED:-0}
LM_STEPS=${LM_STEPS:-1000}
LEXICAL_STEPS=${LEXICAL_STEPS:-950}  # the first steps of Stage I: only the front-end learns, to name words
STAGE1_STEPS=${STAGE1_STEPS:-2000}
REGIONS=${REGIONS:-24}
PROBES=${PROBES:-4}
HOURS=${HOURS:-0.26}       # of speech that Stage II adds; the same for both selections
WORLD_OPTIONS=${WORLD_OPTIONS:---unasked irreducible}  # nobody can tell homophones apart
ANY_WORLD=${ANY_WORLD:-}  # 1: do not check the cells
ADAPTER_OPTIONS=${ADAPTER_OPTIONS:-}  # another shape than the preset's, such as --adapter-width 80

. recipes/desk_settings.sh
WORLD=$RUN/world
TEACHER_LM=$RUN/text-lm

step "the desk's world: facts as text, a selection pool, questions (2 s)"
python examples/desk/build_world.py -o "$WORLD" --seed "$SEED" $WORLD_OPTIONS  # the same bytes every time
[ -n "$ANY_WORLD" ] || python examples/desk/check_world.py "$WORLD"  # stop unless near texts are near, and far ones far

step "the text LLM, trained from random weights (140 s)"
python examples/desk/train_lm.py "$WORLD/lm.parquet" -o "$TEACHER_LM" --steps "$LM_STEPS" --seed "$SEED"

step "the text LLM's next-token distributions, once for all later steps (19 s)"
saladkit cache-teacher "$WORLD/natural.parquet" "$WORLD/pool.parquet" --model "$TEACHER_LM" -o "$RUN/teacher"

step "speech: natural speech about the near subjects, questions about all that are asked (53 s)"
saladkit synth "$WORLD/natural.parquet" -o "$RUN/natural" "${VOICES[@]}" --seed "$SEED"
saladkit synth "$WORLD/questions.parquet" -o "$RUN/questions" "${VOICES[@]}" --seed "$SEED"
saladkit synth "$WORLD/questions.parquet" -o "$RUN/heldout" "${HELD_OUT_VOICE[@]}" --seed "$SEED"
saladkit cache-speech "$RUN/natural" -o "$RUN/frames"

step "Stage I: train the text LLM to understand speech, by distillation (342 s)"
# The lexical warm-up is ours, not the paper's: an encoder with random weights first has to learn what words sound like.
saladkit distill "$TEACHER_LM" -o "$RUN/stage1" --data "$RUN/natural:2" --replay "$WORLD/pool.parquet:1" \
  --teacher "$RUN/teacher" --frames "$RUN/frames" --max-steps "$STAGE1_STEPS" --lexical-steps "$LEXICAL_STEPS" \
  $ADAPTER_OPTIONS "${PRESET[@]}" --seed "$SEED"

step "the gap by region: regions of the pool, a few spoken probes of each, their misalignment (28 s)"
saladkit regions "$WORLD/pool.parquet" -o "$RUN/regions" --embedder "lm:$TEACHER_LM" --clusters "$REGIONS" \
  --speech "$WORLD/natural.parquet" --seed "$SEED"
saladkit select "$WORLD/pool.parquet" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" --seed "$SEED"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${VOICES[@]}" --seed "$SEED"
GAP=(--teacher "$TEACHER_LM" "${PRESET[@]}" --seed "$SEED")
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --regions "$RUN/regions" "${GAP[@]}"

step "two selections with the same budget: where the gap is (active), and at random (uniform, the control) (2 s)"
CHOICE=(--regions "$RUN/regions" --exclude "$RUN/probe-texts" --hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED")
saladkit select "$WORLD/pool.parquet" -o "$RUN/active-texts" "${CHOICE[@]}" --gap "$RUN/gap-stage1" "${PRESET[@]}" --explain
saladkit select "$WORLD/pool.parquet" -o "$RUN/uniform-texts" "${CHOICE[@]}" --strategy uniform

for CHOSEN in active uniform; do
  step "Stage II, $CHOSEN: speak the selected texts, align on them (115 s)"
  saladkit synth "$RUN/$CHOSEN-texts" -o "$RUN/$CHOSEN" "${VOICES[@]}" --seed "$SEED"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$CHOSEN" --data "$RUN/natural:1" --data "$RUN/$CHOSEN:1" \
    --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" --frames "$RUN/frames" "${STAGE2[@]}" \
    --seed "$SEED"
  saladkit gap "$RUN/stage2-$CHOSEN" "$RUN/probes" -o "$RUN/gap-$CHOSEN" "${GAP[@]}"
done

step "accuracy on text input and on speech input, on the same questions (41 s)"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$TEACHER_LM" --heard "$RUN/natural" \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active" "${EVAL[@]}"

step "the report (4 s)"
# The JSON summary is kept in summary.json.
saladkit report "$RUN" -o "$RUN/report.html" --title "The desk: SALAD with sound, on two cores" --teacher eval/original \
  --result stage1=eval/stage1 --result stage2_uniform=eval/stage2-uniform --result stage2_active=eval/stage2-active \
  --contrast stage2_active stage2_uniform --speech natural --held-out heldout --primary cell >/dev/null
