#!/usr/bin/env bash
# The whole method on your own model and data: a text LLM, a folder of recordings with their texts, and a file of texts.
#
#   LLM=my-llm SPEECH=recordings POOL=texts.jsonl QUESTIONS=questions.jsonl bash recipes/your_own_data.sh
#   DRY_RUN=1 …      print what each line would make, and what is missing on this machine
#
# SPEECH is a folder with NAME.wav beside NAME.txt, or anything that docs/sources.md lists. An interrupted run resumes with the same
# line. The defaults train a small speech encoder from scratch, on CPUs: for a try on hours of speech. On a GPU, give
# ENCODER=kyutai/mimi PRESET=3b and the hours that recipes/salad_3b.sh speaks of.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit
RUN=${RUN:-runs/own}
. recipes/steps.sh
. recipes/loaded.sh

given LLM "a text LLM in Hugging Face's format: a folder, or a name on the Hub"
given SPEECH "natural speech: a folder of NAME.wav with NAME.txt"
given POOL "texts to select from, as many and as broad as there are: id, text"
given QUESTIONS "questions, evaluated as text and as speech: id, text, choices, answer"
REPLAY=${REPLAY:-$POOL}                         # read beside the speech, so that the model does not forget
VOICE=${VOICE:-espeak:en-us}                    # for what is spoken here; a better one pays
HELD_OUT_VOICE=${HELD_OUT_VOICE:-espeak:en-gb+f2}  # for questions alone
ALIGNER=${ALIGNER:-sphinx}                      # English; ctc:MODEL for any language
ENCODER=${ENCODER:-log-mel}
PRESET=${PRESET:-desk}
LEXICAL_STEPS=${LEXICAL_STEPS:-2000}            # of Stage I, for an encoder from scratch; 0 for a frozen one
STAGE1_STEPS=${STAGE1_STEPS:-4000}
STAGE2_STEPS=${STAGE2_STEPS:-800}
STAGE2_LEXICAL_STEPS=${STAGE2_LEXICAL_STEPS:-200}
SHARE=${SHARE:-0.05}                            # hours that Stage II adds, as a share of the natural speech
REGIONS=${REGIONS:-24}
PROBES=${PROBES:-8}
MAX_NOISE=${MAX_NOISE:-0.33}                    # select stops where so few probes cannot tell the regions apart
EMBEDDER=${EMBEDDER:-lm:$LLM}                   # or a sentence encoder
SEED=${SEED:-0}
SET=(--preset "$PRESET" --seed "$SEED")
CLEAN=(--decontaminate "$QUESTIONS")            # no training row contains a question

step "when each word is spoken; the text LLM's next-token distributions, once for all later steps"
saladkit timestamps "$SPEECH" -o "$RUN/words" --aligner "$ALIGNER"
saladkit cache-teacher "$SPEECH" "$POOL" "$REPLAY" -o "$RUN/teacher" --model "$LLM"
saladkit cache-speech "$SPEECH" -o "$RUN/frames" --speech-encoder "$ENCODER"

step "Stage I: train the text LLM to understand speech, by distillation"
TRAIN=("${SET[@]}" "${CLEAN[@]}" --teacher "$RUN/teacher" --words "$RUN/words" --frames "$RUN/frames")
saladkit distill "$LLM" -o "$RUN/stage1" --data "$SPEECH:2" --replay "$REPLAY:1" --speech-encoder "$ENCODER" \
  --max-steps "$STAGE1_STEPS" --lexical-steps "$LEXICAL_STEPS" "${TRAIN[@]}"

step "the gap by region of the texts: a few spoken probes of each"
saladkit regions "$POOL" -o "$RUN/regions" --embedder "$EMBEDDER" --clusters "$REGIONS" --speech "$SPEECH" --seed "$SEED"
saladkit select "$POOL" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" --seed "$SEED" "${CLEAN[@]}"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" --voice "$VOICE" --seed "$SEED"
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --teacher "$LLM" --regions "$RUN/regions" "${SET[@]}"

step "the questions, spoken, in two voices"
saladkit synth "$QUESTIONS" -o "$RUN/questions" --voice "$VOICE" --seed "$SEED"
saladkit synth "$QUESTIONS" -o "$RUN/heldout" --voice "$HELD_OUT_VOICE" --seed "$SEED"

# Two selections with the same budget: where the gap is (active), and at random (uniform, the control).
stage2() {
  local arm=$1
  shift
  step "Stage II, $arm: select texts, speak them, align on them"
  saladkit select "$POOL" -o "$RUN/$arm-texts" --regions "$RUN/regions" --exclude "$RUN/probe-texts" \
    --fraction-of "$SPEECH" "$SHARE" --seed "$SEED" "${CLEAN[@]}" "$@"
  saladkit synth "$RUN/$arm-texts" -o "$RUN/$arm" --voice "$VOICE" --seed "$SEED"
  saladkit cache-speech "$RUN/$arm" -o "$RUN/frames-$arm" --speech-encoder "$ENCODER"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$arm" --data "$SPEECH:1" --data "$RUN/$arm:1" --replay "$REPLAY:1" \
    --max-steps "$STAGE2_STEPS" --lexical-steps "$STAGE2_LEXICAL_STEPS" "${TRAIN[@]}" --frames "$RUN/frames-$arm"
}
stage2 active --gap "$RUN/gap-stage1" --gamma 1 --max-noise "$MAX_NOISE"
stage2 uniform --strategy uniform

step "accuracy on text input and on speech input, on the same questions, and the gap between the two"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$LLM" \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active" --seed "$SEED"

step "the page: what was made, before and after, and where it is still wrong"
saladkit report "$RUN" -o "$RUN/report.html" --contrast stage2_active stage2_uniform --contrast stage2_active stage1 >/dev/null
