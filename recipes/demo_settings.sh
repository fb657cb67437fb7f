# Settings that the recipes on the small world share: voices, spans, and how Stage II trains. Sourced, not run.
. recipes/steps.sh
. recipes/loaded.sh

# phones: posteriors of espeak-ng's phonemes instead of sound. Three speakers for training, another for questions only.
VOICES=(--voice phones:en-us@230 --voice phones:en-gb+f2@230 --voice phones:en-us+m3@230)
HELD_OUT_VOICE=(--voice phones:en-us+f5@230)
# Rates, spans and the adapter's shape: saladkit/settings/presets/desk.toml.
PRESET=(--preset desk)
STAGE2=("${PRESET[@]}" --max-steps "${STAGE2_STEPS:-250}" --lexical-steps "${STAGE2_LEXICAL_STEPS:-100}")
EVAL=(--by cell --by spoken --also-generate --max-new-tokens 8)
