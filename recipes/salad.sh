#!/usr/bin/env bash
# The published method at one size. Run it as recipes/salad_3b.sh or recipes/salad_7b.sh.
#
# WE HAVE NOT RUN THIS RECIPE: we have neither the weights nor the speech. It has the commands of recipes/desk.sh, which we
# have run, with the published settings (arXiv 2510.13632; `--preset 3b`, `--preset 7b`) where saladkit has them. No time
# and no memory of a step has been measured. The paper trains on LibriHeavy and Emilia (141,612 h), this recipe on your own
# speech. The paper's 24,000 steps of about a million positions take weeks on one GPU: begin with fewer steps, or use
# more GPUs (`accelerate launch -m saladkit distill` and `align` instead of `saladkit`, and a smaller ACCUMULATE).
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit
RUN=${RUN:-runs/salad-$SIZE}
. recipes/steps.sh
[ -z "${DRY_RUN:-}" ] || . recipes/loaded.sh  # a plan starts saladkit once for every line

needs_gpu
given SPEECH "samples of natural speech: id, text, audio, duration"
given QUESTIONS "questions, evaluated as text and as speech: id, text, choices, answer"
given POOL "broad texts to select from, such as a sample of FineWeb-Edu: id, text"
given REPLAY "text-only rows, so that the model does not forget, such as a sample of the SmolLM corpus: id, text"
given HELD_OUT_VOICE "a voice that is not used in training, such as piper:en_US-lessac-medium.onnx"
VOICE=${VOICE:-kokoro:af_heart}      # the paper's
SEED=${SEED:-0}
ALIGNER=${ALIGNER:-ctc:facebook/wav2vec2-base-960h}
ASR=${ASR:-openai/whisper-large-v3}
SHARE=${SHARE:-0.01}                 # hours to speak for Stage II, as a share of the natural speech (1,416 h in the paper)
PROBES=${PROBES:-32}                 # ours; the paper says "small"
# STAGE1_STEPS, STAGE2_STEPS (24,000 and 1,900 of about a million positions), BATCH and ACCUMULATE replace the preset's.

PRESET=(--preset "$SIZE" --seed "$SEED")
CLEAN=(--decontaminate "$QUESTIONS")  # no row of any training or probe contains a question of the evaluation
TRAIN=("${PRESET[@]}" "${CLEAN[@]}" ${BATCH:+--per-device-train-batch-size "$BATCH"}
  ${ACCUMULATE:+--gradient-accumulation-steps "$ACCUMULATE"})
SPOKEN=("${PRESET[@]}" --aligner "$ALIGNER")
# Recordings that the recognizer does not understand are left out, and `gap` counts them by region. Questions are spoken
# without the recognizer, because no question may be left out.
SELECTED_SPOKEN=(--voice "$VOICE" "${SPOKEN[@]}" --asr "$ASR" --max-cer 0.5)

step "word times of the natural speech"
saladkit timestamps "$SPEECH" -o "$RUN/words" --aligner "$ALIGNER"

step "Mimi's codes of the natural speech, once: about 200 bytes a second, 0.7 MB an hour"
saladkit cache-speech "$SPEECH" -o "$RUN/frames" --preset "$SIZE"

step "the text LLM's next-token distributions, once for all later steps"
# Draws instead of a top k: on the desk they were no worse for the forward KL, at a quarter of the size (docs/lab-notes.md).
saladkit cache-teacher "$SPEECH" "$REPLAY" -o "$RUN/teacher" --model "$LLM" "${PRESET[@]}"

step "Stage I: train the text LLM to understand speech, by distillation; two thirds of the positions have speech"
saladkit distill "$LLM" -o "$RUN/stage1" --data "$SPEECH:2" --replay "$REPLAY:1" --teacher "$RUN/teacher" \
  --frames "$RUN/frames" --words "$RUN/words" ${STAGE1_STEPS:+--max-steps "$STAGE1_STEPS"} "${TRAIN[@]}"

step "the gap by region: regions of the pool, a few spoken probes of each, their misalignment"
saladkit regions "$POOL" -o "$RUN/regions" --speech "$SPEECH" "${PRESET[@]}"
saladkit select "$POOL" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" "${PRESET[@]}" "${CLEAN[@]}"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${SELECTED_SPOKEN[@]}"
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --teacher "$LLM" --regions "$RUN/regions" "${PRESET[@]}"

step "two selections with the same budget: where the gap is (active), and at random (uniform, the control)"
# Left out are texts that contain questions, texts that no voice can speak, and near duplicates; a note counts the selected
# texts that hold the fact of a question. The natural speech needs `duration`, from which the budget and the speaking rate
# are computed.
CHOICE=("${PRESET[@]}" --regions "$RUN/regions" --gap "$RUN/gap-stage1" --exclude "$RUN/probe-texts"
  --fraction-of "$SPEECH" "$SHARE" --near-duplicate 0.95 --min-words 5 --max-words 400
  "${CLEAN[@]}" --decontaminate-cosine 0.9)
saladkit select "$POOL" -o "$RUN/active-texts" "${CHOICE[@]}"
saladkit select "$POOL" -o "$RUN/uniform-texts" "${CHOICE[@]}" --strategy uniform

step "the questions, spoken in the voice of Stage II and in a voice that is not used in training"
saladkit synth "$QUESTIONS" -o "$RUN/questions" --voice "$VOICE" "${SPOKEN[@]}"
saladkit synth "$QUESTIONS" -o "$RUN/heldout" --voice "$HELD_OUT_VOICE" "${SPOKEN[@]}"

for CHOSEN in active uniform; do
  step "Stage II, $CHOSEN: speak the selected texts, and align; natural, selected and text rows have a third of the positions each"
  saladkit synth "$RUN/$CHOSEN-texts" -o "$RUN/$CHOSEN" "${SELECTED_SPOKEN[@]}"
  saladkit cache-speech "$RUN/$CHOSEN" -o "$RUN/frames-$CHOSEN" --preset "$SIZE"
  saladkit cache-teacher "$SPEECH" "$REPLAY" "$RUN/$CHOSEN" -o "$RUN/teacher-$CHOSEN" --model "$LLM" \
    --reuse "$RUN/teacher" "${PRESET[@]}"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$CHOSEN" --data "$SPEECH:1" --data "$RUN/$CHOSEN:1" \
    --replay "$REPLAY:1" --teacher "$RUN/teacher-$CHOSEN" --frames "$RUN/frames" --frames "$RUN/frames-$CHOSEN" \
    --words "$RUN/words" ${STAGE2_STEPS:+--max-steps "$STAGE2_STEPS"} "${TRAIN[@]}"
  saladkit gap "$RUN/stage2-$CHOSEN" "$RUN/probes" -o "$RUN/gap-$CHOSEN" --teacher "$LLM" "${PRESET[@]}"
done

step "accuracy on text input and on speech input, on the same questions, and the gap between the two"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$LLM" \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active" "${PRESET[@]}"
