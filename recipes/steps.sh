# What all recipes share: the heading of a step, what REMAKE=1 changes, and the plan that DRY_RUN=1 prints instead of making anything.
# Sourced after RUN is set.

step() {
  printf '\n== %s\n' "$*" >&2
  STEP=$*
}

# beside LINE...: start a line beside others, with one thread; wait_beside: wait for all of them, and stop if one has failed. Each
# has its own process group (set -m), so that all of it can be stopped with this script: Ctrl-C would not reach it.
BESIDE=() BESIDE_LINES=()
beside() {
  if [ -n "${DRY_RUN:-}" ]; then
    "$@"
  else
    set -m
    OMP_NUM_THREADS=1 "$@" &
    set +m
    BESIDE+=("$!") BESIDE_LINES+=("$*")
  fi
}
wait_beside() {
  local at code failed=0
  for at in "${!BESIDE[@]}"; do
    code=0
    wait "${BESIDE[at]}" || code=$?
    if [ "$code" -ne 0 ]; then
      printf 'failed with code %s: %s\n' "$code" "${BESIDE_LINES[at]}" >&2
      failed=$code
    fi
  done
  BESIDE=() BESIDE_LINES=()
  [ "$failed" -eq 0 ] || exit "$failed"
}
stop_beside() {
  local process
  for process in "${BESIDE[@]}"; do kill -- "-$process" 2>/dev/null || true; done
}
trap 'stop_beside; exit 129' HUP
trap 'stop_beside; exit 130' INT
trap 'stop_beside; exit 143' TERM

# given NAME WHAT: a variable that the user has to set. A dry run goes on without it and lists it as missing.
given() {
  if [ -z "${!1:-}" ]; then
    if [ -z "${DRY_RUN:-}" ]; then
      printf '%s is not set: %s\n' "$1" "$2" >&2
      exit 2
    fi
    command python recipes/plan.py missing "$PLAN" "$1 is not set: $2"
    declare -g "$1=$1"
  fi
}

# here NAME PATH WHAT: a variable that is PATH unless the user sets it. A dry run goes on without the path and lists it as missing.
here() {
  if [ -z "${!1:-}" ]; then
    declare -g "$1=$2"
    [ ! -e "$2" ] || return 0
    local problem="$1 is not set, and $2 is not here: $3; recipes/public_data.sh makes it"
    if [ -z "${DRY_RUN:-}" ]; then
      printf '%s\n' "$problem" >&2
      exit 2
    fi
    command python recipes/plan.py missing "$PLAN" "$problem"
  fi
}

needs_gpu() {
  if [ -n "${DRY_RUN:-}" ] && ! command -v nvidia-smi >/dev/null; then
    command python recipes/plan.py missing "$PLAN" "no NVIDIA GPU is found (nvidia-smi): training at this size takes years on a CPU"
  fi
}

# REMAKE=1: a line whose inputs or settings have changed makes its artefact again, and all others keep theirs.
# LAUNCH: what starts a training in the place of `saladkit`, such as accelerate launch --multi_gpu --num_processes 8 -m saladkit.
saladkit() {
  local program=(saladkit) remake=(${REMAKE:+--remake})
  case $1 in
    distill | align) program=(${LAUNCH:-saladkit}) ;;
    report | doctor | ask) remake=() ;;
  esac
  command "${program[@]}" "$@" "${remake[@]}"
}
if [ -n "${REMAKE:-}" ]; then
  python() {
    case $1 in
      */train_lm.py) command python "$@" --remake ;;
      *) command python "$@" ;;
    esac
  }
fi

if [ -n "${DRY_RUN:-}" ]; then
  STEP= PLANNED_RUN=${RUN:-} PLAN=$(mktemp -d)
  RUN=$PLAN/run  # only texts and questions are made there, in seconds, so that what reads them can be planned
  trap 'command python recipes/plan.py show "$PLAN" "$PLANNED_RUN"; rm -rf "$PLAN"' EXIT
  saladkit() { command python recipes/plan.py line "$PLAN" "$STEP" "$@"; }
  python() {
    case $1 in
      */build_world.py | */build_texts.py | */recordings.py) command python "$@" >/dev/null ;;
      *) command python recipes/plan.py made "$PLAN" "$@" ;;
    esac
  }
fi
