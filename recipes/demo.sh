#!/usr/bin/env bash
# The whole SALAD method in five minutes on two CPU cores: no GPU, nothing to download.
#
#   bash recipes/demo.sh            writes to runs/demo; an interrupted run resumes with the same line
#
# The text LLM is small but real: it is trained here, from random weights, on the facts of examples/desk. Its speech input
# is symbolic: espeak-ng's phonemes, confused and noisy as a recognizer's (`phones`); recipes/desk.sh has sound. Lines that do
# not need each other run side by side, with one thread each; the others have two.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

RUN=${RUN:-runs/demo}
SEED=${SEED:-0}
LM_STEPS=${LM_STEPS:-300}
LEXICAL_STEPS=${LEXICAL_STEPS:-300}  # the first steps of Stage I: only the front-end learns, to name words
STAGE1_STEPS=${STAGE1_STEPS:-700}
REGIONS=${REGIONS:-12}
PROBES=${PROBES:-4}
HOURS=${HOURS:-0.12}  # of speech that Stage II adds, 7 % of the natural speech; the same for both selections
WORLD_OPTIONS=${WORLD_OPTIONS:-}
ANY_WORLD=${ANY_WORLD:-}  # 1: do not check the cells
ADAPTER_OPTIONS=${ADAPTER_OPTIONS:-}  # another shape than the preset's, such as --adapter-width 80

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}  # these matrices are too small for more, and the bytes depend on it

. recipes/demo_settings.sh
WORLD=$RUN/world
TEACHER_LM=$RUN/text-lm
GAP=(--teacher "$TEACHER_LM" "${PRESET[@]}" --seed "$SEED")

step "the small world: facts as text, a selection pool, questions (3 s)"
python examples/desk/build_world.py -o "$WORLD" --small --seed "$SEED" $WORLD_OPTIONS
[ -n "$ANY_WORLD" ] || python examples/desk/check_world.py "$WORLD"  # stop unless near texts are near, and far ones far

step "the text LLM, trained from random weights (31 s)"
python examples/desk/train_lm.py "$WORLD/lm.parquet" -o "$TEACHER_LM" --steps "$LM_STEPS" --hidden-size 128 --layers 3 \
  --vocabulary 1024 --seed "$SEED"

step "the text LLM's next-token distributions, once for all later steps; natural speech (11 s)"
beside saladkit cache-teacher "$WORLD/natural.parquet" "$WORLD/pool.parquet" --model "$TEACHER_LM" -o "$RUN/teacher"
beside saladkit synth "$WORLD/natural.parquet" -o "$RUN/natural" "${VOICES[@]}" --seed "$SEED"
wait_beside
saladkit cache-speech "$RUN/natural" -o "$RUN/frames" --speech-encoder phones

regions_and_probes() {
  saladkit regions "$WORLD/pool.parquet" -o "$RUN/regions" --embedder "lm:$TEACHER_LM" --clusters "$REGIONS" \
    --speech "$WORLD/natural.parquet" --seed "$SEED"
  saladkit select "$WORLD/pool.parquet" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" --seed "$SEED"
  saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${VOICES[@]}" --seed "$SEED"
}
questions() {
  saladkit synth "$WORLD/questions.parquet" -o "$RUN/questions" "${VOICES[@]}" --seed "$SEED"
  saladkit synth "$WORLD/questions.parquet" -o "$RUN/heldout" "${HELD_OUT_VOICE[@]}" --seed "$SEED"
}
step "regions of the pool and a few spoken probes of each; the questions, spoken (8 s)"
beside regions_and_probes
beside questions
wait_beside

# With two threads a lexical step is 1.5 times as fast as with one, a step of distillation 1.4 times.
# The lexical warm-up is ours, not the paper's: a front-end with random weights first has to learn which sounds are words.
step "Stage I: train the text LLM to understand speech, by distillation (80 s)"
saladkit distill "$TEACHER_LM" -o "$RUN/stage1" --data "$RUN/natural:2" --replay "$WORLD/pool.parquet:1" \
  --teacher "$RUN/teacher" --frames "$RUN/frames" --speech-encoder phones --max-steps "$STAGE1_STEPS" \
  --lexical-steps "$LEXICAL_STEPS" $ADAPTER_OPTIONS "${PRESET[@]}" --seed "$SEED"

step "the gap by region: the misalignment of its probes (2 s)"
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --regions "$RUN/regions" "${GAP[@]}"

# Two selections with the same budget: where the gap is (active), and at random (uniform, the control).
stage2() {
  local chosen=$1
  shift
  saladkit select "$WORLD/pool.parquet" -o "$RUN/$chosen-texts" --regions "$RUN/regions" --exclude "$RUN/probe-texts" \
    --hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED" "$@"
  saladkit synth "$RUN/$chosen-texts" -o "$RUN/$chosen" "${VOICES[@]}" --seed "$SEED"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$chosen" --data "$RUN/natural:1" --data "$RUN/$chosen:1" \
    --replay "$WORLD/pool.parquet:1" --teacher "$RUN/teacher" --frames "$RUN/frames" "${STAGE2[@]}" --seed "$SEED"
}
step "Stage II: select texts, speak them, align on them; where the gap is (active) and at random (uniform, the control) (51 s)"
beside stage2 active --gap "$RUN/gap-stage1" "${PRESET[@]}" --explain
beside stage2 uniform --strategy uniform
wait_beside

step "accuracy on text input and on speech input, on the same questions; beside it, the gap that is left (13 s)"
beside saladkit gap "$RUN/stage2-active" "$RUN/probes" -o "$RUN/gap-active" "${GAP[@]}"
beside saladkit gap "$RUN/stage2-uniform" "$RUN/probes" -o "$RUN/gap-uniform" "${GAP[@]}"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$TEACHER_LM" --heard "$RUN/natural" \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active" "${EVAL[@]}"
wait_beside

step "the report (2 s)"
# The JSON summary is kept in summary.json.
saladkit report "$RUN" -o "$RUN/report.html" --title "The demo: SALAD in five minutes" --teacher eval/original \
  --result stage1=eval/stage1 --result stage2_uniform=eval/stage2-uniform --result stage2_active=eval/stage2-active \
  --contrast stage2_active stage2_uniform --speech natural --held-out heldout --primary cell >/dev/null
python benchmarks/desk.py "$RUN" --took "$SECONDS"  # of this call alone, if it resumed
