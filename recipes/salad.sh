#!/usr/bin/env bash
# The published method at one size. Run it as recipes/salad_3b.sh or recipes/salad_7b.sh.
#
# WE HAVE NOT RUN THIS: we have neither the weights nor the speech. Its lines are those of recipes/desk.sh, which we have
# run, with the published settings (arXiv 2510.13632; `--preset 3b`, `--preset 7b`) where saladkit has them. No time or
# memory beside a step is measured. Unlike the paper, it trains on speech of your own instead of LibriHeavy and Emilia (141,612 h).
# The paper's 24,000 steps of about a million positions are weeks of one GPU: begin with fewer, or use more GPUs
# (`accelerate launch -m saladkit distill` and `align` instead of `saladkit`, and a smaller ACCUMULATE).
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit
. recipes/steps.sh

given SPEECH "samples of natural speech: id, text, audio, duration"
given QUESTIONS "questions to read and hear: id, text, choices, answer"
given POOL "broad texts to select from, such as a sample of FineWeb-Edu: id, text"
given REPLAY "texts to read, so that the model does not forget, such as a sample of the SmolLM corpus: id, text"
given HELD_OUT_VOICE "a voice that no training hears, such as piper:en_US-lessac-medium.onnx"
VOICE=${VOICE:-kokoro:af_heart}      # the paper's
RUN=${RUN:-runs/salad-$SIZE}
SEED=${SEED:-0}
ALIGNER=${ALIGNER:-ctc:facebook/wav2vec2-base-960h}
ASR=${ASR:-openai/whisper-large-v3}
STAGE1_STEPS=${STAGE1_STEPS:-24000}  # 24 billion positions
STAGE2_STEPS=${STAGE2_STEPS:-1900}   # 1.9 billion positions
SHARE=${SHARE:-0.01}                 # of the natural speech, spoken for Stage II (1,416 h in the paper)
PROBES=${PROBES:-32}                 # ours; the paper says "small"
ACCUMULATE=${ACCUMULATE:-128}        # batches per step; about a million positions where a row has a thousand

PRESET=(--preset "$SIZE" --seed "$SEED")
TRAIN=(--preset "$SIZE" --seed "$SEED" --per-device-train-batch-size "$BATCH" --gradient-accumulation-steps "$ACCUMULATE")
SPOKEN=("${PRESET[@]}" --aligner "$ALIGNER")
# What the recognizer does not understand is left out, and `gap` counts it by region; no question may be left out.
SELECTED_SPOKEN=(--voice "$VOICE" "${SPOKEN[@]}" --asr "$ASR" --max-cer 0.5)

step "word times of the natural speech"
saladkit timestamps "$SPEECH" -o "$RUN/words" --aligner "$ALIGNER"

step "Mimi's codes of the natural speech, once: about 200 bytes a second, 0.7 MB an hour"
saladkit cache-speech "$SPEECH" -o "$RUN/frames" --preset "$SIZE"

step "the text LLM's next-token distributions, once for all that follows"
# Draws, not a top k: on the desk no worse for the forward KL, and a quarter of the size (docs/lab-notes.md).
saladkit cache-teacher "$SPEECH" "$REPLAY" -o "$RUN/teacher" --model "$LLM" "${PRESET[@]}"

step "Stage I: distil the text LLM into its speech-adapted self, two rows of speech for one of text"
saladkit distill "$LLM" -o "$RUN/stage1" --data "$SPEECH:2" --replay "$REPLAY:1" --teacher "$RUN/teacher" \
  --frames "$RUN/frames" --words "$RUN/words" --max-steps "$STAGE1_STEPS" "${TRAIN[@]}"

step "where the gap is: regions of the pool, a few spoken probes of each, their divergence"
saladkit regions "$POOL" -o "$RUN/regions" --speech "$SPEECH" "${PRESET[@]}"
saladkit select "$POOL" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" "${PRESET[@]}"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${SELECTED_SPOKEN[@]}"
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --teacher "$LLM" --regions "$RUN/regions" "${PRESET[@]}"

step "the same budget twice: where the gap is, and anywhere, the control"
# Left out: what the questions say, what a voice cannot say, and what would be said twice. The natural speech needs `duration`.
CHOICE=("${PRESET[@]}" --regions "$RUN/regions" --gap "$RUN/gap-stage1" --exclude "$RUN/probe-texts"
  --fraction-of "$SPEECH" "$SHARE" --near-duplicate 0.95 --min-words 5 --max-words 400
  --decontaminate "$QUESTIONS" --decontaminate-cosine 0.9)
saladkit select "$POOL" -o "$RUN/active-texts" "${CHOICE[@]}"
saladkit select "$POOL" -o "$RUN/uniform-texts" "${CHOICE[@]}" --strategy uniform

step "the questions, spoken in the voice of Stage II and in one that no training hears"
saladkit synth "$QUESTIONS" -o "$RUN/questions" --voice "$VOICE" "${SPOKEN[@]}"
saladkit synth "$QUESTIONS" -o "$RUN/heldout" --voice "$HELD_OUT_VOICE" "${SPOKEN[@]}"

for CHOSEN in active uniform; do
  step "Stage II, $CHOSEN: speak what was selected, and align on it, a third each of natural, selected and text rows"
  saladkit synth "$RUN/$CHOSEN-texts" -o "$RUN/$CHOSEN" "${SELECTED_SPOKEN[@]}"
  saladkit cache-speech "$RUN/$CHOSEN" -o "$RUN/frames-$CHOSEN" --preset "$SIZE"
  saladkit cache-teacher "$SPEECH" "$REPLAY" "$RUN/$CHOSEN" -o "$RUN/teacher-$CHOSEN" --model "$LLM" \
    --reuse "$RUN/teacher" "${PRESET[@]}"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$CHOSEN" --data "$SPEECH:1" --data "$RUN/$CHOSEN:1" \
    --replay "$REPLAY:1" --teacher "$RUN/teacher-$CHOSEN" --frames "$RUN/frames" --frames "$RUN/frames-$CHOSEN" \
    --words "$RUN/words" --max-steps "$STAGE2_STEPS" "${TRAIN[@]}"
  saladkit gap "$RUN/stage2-$CHOSEN" "$RUN/probes" -o "$RUN/gap-$CHOSEN" --teacher "$LLM" "${PRESET[@]}"
done

step "text input and speech input, on the same questions, and the gap between them"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$LLM" \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active" "${PRESET[@]}"
