# What the recipes of the desk share: how it speaks, and how Stage II trains on what was selected. Sourced, not run.
. recipes/steps.sh

# The voices of the training speech; and one, of another timbre, that speaks questions alone.
VOICES=(--voice espeak:en-us@230 --voice espeak:en-gb+f2@230 --voice espeak:en-us+m3@230)
HELD_OUT_VOICE=(--voice espeak:en-us+f5@230)
# Rates, spans and the adapter's shape: saladkit/settings/presets/desk.toml.
PRESET=(--preset desk)
STAGE2=("${PRESET[@]}" --max-steps "${STAGE2_STEPS:-550}"
  --lexical-steps "${STAGE2_LEXICAL_STEPS:-380}")  # lexical: the words of the selected texts were never heard
