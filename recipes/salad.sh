#!/usr/bin/env bash
# The published method at one size (arXiv 2510.13632; `--preset 3b`, `--preset 7b`). Run it as recipes/salad_3b.sh, salad_7b.sh or
# stage2_only.sh, and with DRY_RUN=1 first: before each step, the plan says what it makes, how big, and how long where that is known.
#
# WE HAVE NOT RUN THIS RECIPE: we have neither the weights nor the speech. Its lines are tested with tiny stand-ins of everything
# (tests/test_salad_recipe.py). No time and no memory of a training step has been measured: `saladkit distill` prints its
# positions per second; with this number in POSITIONS_PER_SECOND, a plan has GPU-hours. The paper trains on 141,612 hours, with 24,000 steps of
# about a million positions: weeks on one GPU. Give more GPUs by LAUNCH, with a smaller ACCUMULATE, or fewer steps.
#
# An interrupted run resumes with the same line. After an input or a variable has changed, REMAKE=1 makes what depends on it, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make setup` has installed saladkit
RUN=${RUN:-runs/salad-$SIZE}
. recipes/steps.sh
[ -z "${DRY_RUN:-}${SALADKIT_LOADED:-}" ] || . recipes/loaded.sh  # a plan starts saladkit once for all lines

# Data, by recipes/public_data.sh or your own.
here SPEECH data/speech "natural speech, LibriHeavy and Emilia YODAS-EN: id, text, audio, duration"
here POOL data/pool "broad texts to select from, FineWeb-Edu, 10 billion tokens: id, text"
here REPLAY data/replay "texts that are read so that the model does not forget, the SmolLM corpus: id, text"
# The paper's six, by name; or files with id, text, choices, answer. Those that bring recordings are named in SPOKEN_QUESTIONS instead.
QUESTIONS=${QUESTIONS:-storycloze openbookqa hellaswag arc_challenge piqa}
SPOKEN_QUESTIONS=${SPOKEN_QUESTIONS-voicebench_mmsu}
# Models.
ENCODER=${ENCODER:-kyutai/mimi}
EMBEDDER=${EMBEDDER:-BAAI/bge-large-en-v1.5}
VOICE=${VOICE:-kokoro:af_heart}
HELD_OUT_VOICE=${HELD_OUT_VOICE:-kokoro:am_michael}  # ours: for questions alone
ALIGNER=${ALIGNER:-ctc:facebook/wav2vec2-base-960h}  # ours
ASR=${ASR:-openai/whisper-large-v3}
# Sizes.
REGIONS=${REGIONS:-128}
PROBES=${PROBES:-32}                 # of each region; ours, the paper says "small"
SHARE=${SHARE:-0.01}                 # hours to speak for Stage II, as a share of the natural speech: 1,416 h in the paper
ARMS=${ARMS:-active uniform}         # uniform is the control: the same budget, drawn at random
STAGE1=${STAGE1:-}                   # a finished Stage I to begin from, instead of training one
MAX_CER=${MAX_CER:-0.5}              # ours: of what is spoken here, as ASR writes it down
# Ours: texts that no voice speaks well, and texts that say what a question or another text says.
FILTERS=${FILTERS:---near-duplicate 0.95 --min-words 5 --max-words 400 --decontaminate-cosine 0.9}
SEED=${SEED:-0}
# STAGE1_STEPS, STAGE2_STEPS, BATCH and ACCUMULATE replace the preset's. ADAPTER and SELECTION: further options of distill and of select.
# LAUNCH starts the trainings on several GPUs: accelerate launch --multi_gpu --num_processes 8 -m saladkit
needs_gpu
[ -z "${NEEDS_STAGE1:-}" ] || given STAGE1 "a checkpoint of \`saladkit distill\`, with stable/"

PRESET=(--preset "$SIZE" --seed "$SEED")
CLEAN=()                             # no row of any training or probe contains a question of the evaluation
for TASK in $QUESTIONS $SPOKEN_QUESTIONS; do CLEAN+=(--decontaminate "$TASK"); done
TRAIN=("${PRESET[@]}" "${CLEAN[@]}" ${BATCH:+--per-device-train-batch-size "$BATCH"}
  ${ACCUMULATE:+--gradient-accumulation-steps "$ACCUMULATE"})
SPOKEN=("${PRESET[@]}" --aligner "$ALIGNER")
# Recordings that the recognizer does not understand are left out, and `gap` counts them by region. Questions are spoken
# without the recognizer, because no question may be left out.
SELECTED_SPOKEN=(--voice "$VOICE" "${SPOKEN[@]}" --asr "$ASR" --max-cer "$MAX_CER")

step "word times of the natural speech; on a GPU, or on many CPUs with --claim"
saladkit timestamps "$SPEECH" -o "$RUN/words" --aligner "$ALIGNER"

step "Mimi's codes of the natural speech, once: about 200 bytes a second, 0.7 MB an hour; on a GPU"
saladkit cache-speech "$SPEECH" -o "$RUN/frames" --preset "$SIZE" --speech-encoder "$ENCODER"

step "the text LLM's next-token distributions, once for all later steps; on a GPU that holds the text LLM in bfloat16"
# Draws instead of a top k: on the desk they were no worse for the forward KL, at a quarter of the size (docs/lab-notes.md).
saladkit cache-teacher "$SPEECH" "$REPLAY" -o "$RUN/teacher" --model "$LLM" "${PRESET[@]}"

if [ -z "$STAGE1" ]; then
  step "Stage I: train the text LLM to understand speech, by distillation; two thirds of the positions have speech; on GPUs that hold the model, its gradients and AdamW's moments"
  saladkit distill "$LLM" -o "$RUN/stage1" --data "$SPEECH:2" --replay "$REPLAY:1" --teacher "$RUN/teacher" --speech-encoder "$ENCODER" \
    --frames "$RUN/frames" --words "$RUN/words" ${STAGE1_STEPS:+--max-steps "$STAGE1_STEPS"} "${TRAIN[@]}" ${ADAPTER:-}
  STAGE1=$RUN/stage1
fi

step "the gap by region: regions of the pool, a few spoken probes of each, their misalignment; on a GPU"
saladkit regions "$POOL" -o "$RUN/regions" --speech "$SPEECH" "${PRESET[@]}" --embedder "$EMBEDDER" --clusters "$REGIONS"
saladkit select "$POOL" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" "${PRESET[@]}" "${CLEAN[@]}"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${SELECTED_SPOKEN[@]}"
GAP=(--teacher "$LLM" "${PRESET[@]}")
saladkit gap "$STAGE1" "$RUN/probes" -o "$RUN/gap-stage1" --regions "$RUN/regions" "${GAP[@]}"

step "selections with the same budget: where the gap is (active), and at random (uniform); on CPUs"
# A note counts the selected texts that hold the fact of a question. The natural speech needs `duration`, from which the budget and
# the speaking rate are computed.
CHOICE=("${PRESET[@]}" --regions "$RUN/regions" --gap "$RUN/gap-stage1" --exclude "$RUN/probe-texts"
  $FILTERS "${CLEAN[@]}")
[ -n "${HOURS:-}" ] && CHOICE+=(--hours "$HOURS" --rate-from "$SPEECH") || CHOICE+=(--fraction-of "$SPEECH" "$SHARE")
for ARM in $ARMS; do
  [ "$ARM" = active ] && STRATEGY=(${SELECTION:-}) || STRATEGY=(--strategy "$ARM")
  saladkit select "$POOL" -o "$RUN/$ARM-texts" "${CHOICE[@]}" "${STRATEGY[@]}"
done

step "the questions, spoken in the voice of Stage II and in a voice that is not used in training; on CPUs"
ASKED=($SPOKEN_QUESTIONS)
for TASK in $QUESTIONS; do
  NAME=$(basename "$TASK") NAME=${NAME%.*}
  saladkit synth "$TASK" -o "$RUN/questions-$NAME" --voice "$VOICE" "${SPOKEN[@]}"
  saladkit synth "$TASK" -o "$RUN/heldout-$NAME" --voice "$HELD_OUT_VOICE" "${SPOKEN[@]}"
  ASKED+=("$RUN/questions-$NAME" "$RUN/heldout-$NAME")
done

for ARM in $ARMS; do
  step "Stage II, $ARM: speak the selected texts, and align; natural, selected and text rows have a third of the positions each; on the GPUs of Stage I"
  saladkit synth "$RUN/$ARM-texts" -o "$RUN/$ARM" "${SELECTED_SPOKEN[@]}"
  saladkit cache-speech "$RUN/$ARM" -o "$RUN/frames-$ARM" --preset "$SIZE" --speech-encoder "$ENCODER"
  saladkit cache-teacher "$SPEECH" "$REPLAY" "$RUN/$ARM" -o "$RUN/teacher-$ARM" --model "$LLM" \
    --reuse "$RUN/teacher" "${PRESET[@]}"
  saladkit align "$STAGE1" -o "$RUN/stage2-$ARM" --data "$SPEECH:1" --data "$RUN/$ARM:1" \
    --replay "$REPLAY:1" --teacher "$RUN/teacher-$ARM" --frames "$RUN/frames" --frames "$RUN/frames-$ARM" \
    --words "$RUN/words" ${STAGE2_STEPS:+--max-steps "$STAGE2_STEPS"} "${TRAIN[@]}"
  saladkit gap "$RUN/stage2-$ARM" "$RUN/probes" -o "$RUN/gap-$ARM" "${GAP[@]}"
done

step "accuracy on text input and on speech input, on the same questions, and the gap between the two; on a GPU"
COMPARED=()
for ARM in $ARMS; do COMPARED+=(--compare "$RUN/stage2-$ARM"); done
saladkit eval "$STAGE1" "${ASKED[@]}" -o "$RUN/eval" --teacher "$LLM" "${COMPARED[@]}" "${PRESET[@]}"

step "the page: what was made, before and after, and where it is still wrong"
CONTRASTS=()                         # where there is a control; otherwise each checkpoint minus Stage I
if [[ " $ARMS " == *" active "* ]]; then
  for ARM in $ARMS; do [ "$ARM" = active ] || CONTRASTS+=(--contrast stage2_active "stage2_$ARM"); done
fi
saladkit report "$RUN" -o "$RUN/report.html" "${CONTRASTS[@]}" >/dev/null
