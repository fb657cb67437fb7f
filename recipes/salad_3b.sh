#!/usr/bin/env bash
# SALAD-3B: Qwen2.5-3B hears through frozen Mimi. One GPU of 80 GB or more, and a disk for what is cached.
#
#   SPEECH=... QUESTIONS=... POOL=... REPLAY=... HELD_OUT_VOICE=... bash recipes/salad_3b.sh
#
# WE HAVE NOT RUN THIS: we have neither the weights nor the speech. Its lines are those of recipes/desk.sh, which we have
# run, with the published settings (arXiv 2510.13632) where saladkit has them; no time or memory beside a step is
# measured. What differs from the paper: speech of your own for LibriHeavy and Emilia (141,612 h).
# The paper's 24,000 steps of about a million positions are weeks of one GPU: begin with fewer, or on more (`accelerate
# launch -m saladkit distill` and `align` in the place of `saladkit`, and less to accumulate).
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit

: "${SPEECH:?samples of natural speech: id, text, audio, duration}"
: "${QUESTIONS:?questions to read and hear: id, text, choices, answer}"
: "${POOL:?broad texts to choose from, such as a sample of FineWeb-Edu: id, text}"
: "${REPLAY:?texts to read, so that nothing is forgotten, such as a sample of the SmolLM corpus: id, text}"
: "${HELD_OUT_VOICE:?a voice that no training hears, such as piper:en_US-lessac-medium.onnx}"
VOICE=${VOICE:-kokoro:af_heart}      # the paper's
RUN=${RUN:-runs/salad-3b}
SEED=${SEED:-0}
LLM=${LLM:-Qwen/Qwen2.5-3B}
ENCODER=${ENCODER:-kyutai/mimi}
EMBEDDER=${EMBEDDER:-BAAI/bge-large-en-v1.5}
ALIGNER=${ALIGNER:-ctc:facebook/wav2vec2-base-960h}
STAGE1_STEPS=${STAGE1_STEPS:-24000}  # 24 billion positions
STAGE2_STEPS=${STAGE2_STEPS:-1900}   # 1.9 billion positions
SHARE=${SHARE:-0.01}                 # of the natural speech: what Stage II may have spoken (1,416 h in the paper)
ASR=${ASR:-openai/whisper-large-v3}
REGIONS=${REGIONS:-128}
PROBES=${PROBES:-32}                 # ours; the paper says "small"
GAMMA=${GAMMA:-5}
BATCH=${BATCH:-8}                    # rows that fit the GPU at once
ACCUMULATE=${ACCUMULATE:-128}        # so many batches a step; about a million positions where a row has a thousand

TRAIN=(--per-device-train-batch-size "$BATCH" --gradient-accumulation-steps "$ACCUMULATE" --bf16 --seed "$SEED")
RATES=(--learning-rate 5e-5 --adapter-learning-rate 1e-3 --warmup-steps 500 --alpha 1 --weight-decay 0.1)
SPANS=(--text-words 10 30 --speech-words 5 15)
SPOKEN=(--loudness -23 --aligner "$ALIGNER" --seed "$SEED")
# What the recognizer does not understand is left out, and `gap` is told of each region; of the questions none may go.
CHOSEN_SPOKEN=(--voice "$VOICE" "${SPOKEN[@]}" --asr "$ASR" --max-cer 0.5)

step() { printf '\n== %s\n' "$*" >&2; }

step "word times of the natural speech"
saladkit timestamps "$SPEECH" -o "$RUN/words" --aligner "$ALIGNER"

step "Mimi's codes of the natural speech, once: about 200 bytes a second, 0.7 MB an hour"
saladkit cache-speech "$SPEECH" -o "$RUN/frames" --speech-encoder "$ENCODER" --codebooks 8

step "what the text LLM would say next, once for all that follows"
# Draws, not a top k: on the desk no worse for the forward KL, and a quarter of the size (docs/lab-notes.md).
KEEP=(--model "$LLM" --dtype bfloat16 --keep sampled --draws 50 --seed "$SEED")
saladkit cache-teacher "$SPEECH" "$REPLAY" -o "$RUN/teacher" "${KEEP[@]}"

step "Stage I: distil the text LLM into its speech-adapted self, two rows of speech for one of text"
saladkit distill "$LLM" -o "$RUN/stage1" --data "$SPEECH:2" --replay "$REPLAY:1" --teacher "$RUN/teacher" \
  --speech-encoder "$ENCODER" --codebooks 8 --frames "$RUN/frames" --words "$RUN/words" --max-steps "$STAGE1_STEPS" \
  --decay-fraction 0.2 "${RATES[@]}" "${SPANS[@]}" "${TRAIN[@]}"

step "where the gap is: regions of the pool, a few spoken probes of each, their divergence"
saladkit regions "$POOL" -o "$RUN/regions" --embedder "$EMBEDDER" --clusters "$REGIONS" --speech "$SPEECH" --seed "$SEED"
saladkit select "$POOL" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" --seed "$SEED"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${CHOSEN_SPOKEN[@]}"
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --teacher "$LLM" --regions "$RUN/regions" \
  --dtype bfloat16 "${SPANS[@]}" --seed "$SEED"

step "the same budget twice: where the gap is, and anywhere, the control"
# What the questions say is left out, and so is what a voice cannot say or would say twice. The natural speech has to
# know its durations.
CHOICE=(--regions "$RUN/regions" --exclude "$RUN/probe-texts" --fraction-of "$SPEECH" "$SHARE" --near-duplicate 0.95
  --min-words 5 --max-words 400 --decontaminate "$QUESTIONS" --decontaminate-cosine 0.9 --seed "$SEED")
saladkit select "$POOL" -o "$RUN/active-texts" "${CHOICE[@]}" --gap "$RUN/gap-stage1" --gamma "$GAMMA"
saladkit select "$POOL" -o "$RUN/uniform-texts" "${CHOICE[@]}" --gap "$RUN/gap-stage1" --strategy uniform

step "the questions, spoken in the voice of Stage II and in one that no training hears"
saladkit synth "$QUESTIONS" -o "$RUN/questions" --voice "$VOICE" "${SPOKEN[@]}"
saladkit synth "$QUESTIONS" -o "$RUN/heldout" --voice "$HELD_OUT_VOICE" "${SPOKEN[@]}"

for CHOSEN in active uniform; do
  step "Stage II, $CHOSEN: speak what was chosen, and align on it, a third each of natural, chosen and read rows"
  saladkit synth "$RUN/$CHOSEN-texts" -o "$RUN/$CHOSEN" "${CHOSEN_SPOKEN[@]}"
  saladkit cache-speech "$RUN/$CHOSEN" -o "$RUN/frames-$CHOSEN" --speech-encoder "$ENCODER" --codebooks 8
  saladkit cache-teacher "$SPEECH" "$REPLAY" "$RUN/$CHOSEN" -o "$RUN/teacher-$CHOSEN" --reuse "$RUN/teacher" "${KEEP[@]}"
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$CHOSEN" --data "$SPEECH:1" --data "$RUN/$CHOSEN:1" \
    --replay "$REPLAY:1" --teacher "$RUN/teacher-$CHOSEN" --frames "$RUN/frames" --frames "$RUN/frames-$CHOSEN" \
    --words "$RUN/words" --max-steps "$STAGE2_STEPS" "${RATES[@]}" "${SPANS[@]}" "${TRAIN[@]}"
  saladkit gap "$RUN/stage2-$CHOSEN" "$RUN/probes" -o "$RUN/gap-$CHOSEN" --teacher "$LLM" --dtype bfloat16 \
    "${SPANS[@]}" --seed "$SEED"
done

step "read and heard, on the same questions, behind as many examples as fit, and the gap in between"
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$LLM" --num-fewshot 5 \
  --compare "$RUN/stage2-uniform" --compare "$RUN/stage2-active" --dtype bfloat16
