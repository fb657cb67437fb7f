# Start torch and the stages once, for all lines of a recipe: `python` and `saladkit` are then programs of loaded_python.py, which
# save 5 s and 0.55 GB a line. Sourced. A recipe that another one calls has its server; a server ends with its recipe.
if [ "$(uname)" = Linux ]; then
  if [ -z "${SALADKIT_LOADED:-}" ]; then
    [ -n "$(type -P saladkit)" ] || { echo "saladkit, which \`make setup\` installs, is not here" >&2 && exit 2; }
    SALADKIT_LOADED=$(mktemp -d)
    export SALADKIT_LOADED
    coproc SERVER { exec python -P recipes/loaded_python.py --serve "$SALADKIT_LOADED"; }
    read -r <&"${SERVER[0]}"
  fi
  PATH=$SALADKIT_LOADED:$PATH
fi
