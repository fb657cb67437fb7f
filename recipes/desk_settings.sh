# Settings that the desk's recipes share: voices, and how Stage II trains. Sourced, not run.
. recipes/steps.sh
. recipes/loaded.sh

# Three voices for training, and one of another timbre for questions only.
VOICES=(--voice espeak:en-us@230 --voice espeak:en-gb+f2@230 --voice espeak:en-us+m3@230)
HELD_OUT_VOICE=(--voice espeak:en-us+f5@230)
# Rates, spans and the adapter's shape: saladkit/settings/presets/desk.toml.
PRESET=(--preset desk)
STAGE2=("${PRESET[@]}" --max-steps "${STAGE2_STEPS:-550}"
  --lexical-steps "${STAGE2_LEXICAL_STEPS:-380}")  # lexical steps: the selected texts have words that no earlier speech had
EVAL=(--by cell --by spoken --also-generate --max-new-tokens 12)
