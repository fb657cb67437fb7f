# Settings that the desk's recipes share: voices, spans and Stage II. Sourced, not run.

# Three voices for training, and one of another timbre for questions only.
VOICES=(--voice espeak:en-us@230 --voice espeak:en-gb+f2@230 --voice espeak:en-us+m3@230)
HELD_OUT_VOICE=(--voice espeak:en-us+f5@230)
# Short spans: a text of the desk has 30 words, so the paper's spans (10-30 and 5-15 words) would seldom alternate.
SPANS=(--text-words 1 6 --speech-words 1 10)
STAGE2=(--max-steps "${STAGE2_STEPS:-550}" --per-device-train-batch-size 16 --learning-rate 2e-4
  --adapter-learning-rate 3e-4 --warmup-steps 10 --lexical-weight 1 --lexical-learning-rate 2e-3
  --lexical-steps "${STAGE2_LEXICAL_STEPS:-380}")  # lexical steps: no speech had the words of the selected texts before

step() { printf '\n== %s\n' "$*" >&2; }
