# What all recipes share: the heading of a step, and the plan that DRY_RUN=1 prints instead of making anything. Sourced.

step() {
  printf '\n== %s\n' "$*" >&2
  STEP=$*
}

# given NAME WHAT: a variable that the user has to set. A dry run goes on without it and lists it as missing.
given() {
  if [ -z "${!1:-}" ]; then
    if [ -z "${DRY_RUN:-}" ]; then
      printf '%s is not set: %s\n' "$1" "$2" >&2
      exit 2
    fi
    python recipes/plan.py note "$PLAN" "$1 is not set: $2"
    declare -g "$1=$1"
  fi
}

if [ -n "${DRY_RUN:-}" ]; then
  PLAN=$(mktemp)
  STEP=
  trap 'python recipes/plan.py print "$PLAN"; rm -f "$PLAN"' EXIT
  python recipes/plan.py machine "$PLAN"
  saladkit() { python recipes/plan.py line "$PLAN" "$STEP" "$@"; }
  python() { if [ "${1:-}" = recipes/plan.py ]; then command python "$@"; fi; }  # no other program runs in a dry run
fi
