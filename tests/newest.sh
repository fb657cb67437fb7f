#!/usr/bin/env bash
# Run a part of the tests with the newest packages that the registry serves, and again where torchaudio does not load.
#   make test-newest                         in .venv-newest; the second time with a torchaudio that raises at import
#   make test-newest CPU_TORCH=torch==2.13.0 the second time in .venv-cpu, with a torch that was built for CPUs alone
# CPU_TORCH is what pip is asked for, options included. PyPI's builds for Linux need CUDA's libraries: a build for CPUs
# comes from an index of PyTorch's own (--index-url) or from a file. About 8 GB on disk, and 4 GB more for .venv-cpu;
# 5 minutes on two cores each time, and the downloads.
set -euo pipefail
cd "$(dirname "$0")/.."

EXTRAS='.[espeak,piper,kokoro,openai,sphinx,faster-whisper,lhotse,languages,report,dev]'
TESTS=(
  tests/{model,rows,speech,teacher,training} tests/test_registration.py
  --ignore=tests/speech/test_normalizing.py # plain Python, and it measures time
  tests/scoring/test_{likelihood,harness_parity}.py tests/selection/test_embedders.py
  tests/stages/test_{cache_teacher,doctor,frozen_encoders,gap,generate,lora_checkpoints,timestamps,training_losses}.py
)

make_environment() {  # FOLDER, and what is installed first
  local folder=$1
  shift
  test -x "$folder/bin/python" || "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --upgrade pip
  if [ $# -gt 0 ]; then
    "$folder/bin/python" -m pip install --quiet "$@"
    "$folder/bin/python" -m pip freeze | grep '^torch==' > "$folder/torch.txt"
    "$folder/bin/python" -c 'import torch; assert torch.version.cuda is None, "CPU_TORCH brought a build for CUDA"'
  else
    : > "$folder/torch.txt"
  fi
  "$folder/bin/python" -m pip install --quiet --upgrade --upgrade-strategy eager --constraint "$folder/torch.txt" \
    --editable "$EXTRAS"
}

run_tests() {  # FOLDER
  PATH="$PWD/$1/bin:$PATH" "$1/bin/python" -m saladkit doctor > /dev/null
  PATH="$PWD/$1/bin:$PATH" "$1/bin/python" -m pytest -n "${WORKERS:-2}" "${TESTS[@]}"
}

failed=0
make_environment .venv-newest
run_tests .venv-newest || failed=1
if [ -n "${CPU_TORCH:-}" ]; then
  # shellcheck disable=SC2086  # options and all
  make_environment .venv-cpu $CPU_TORCH
  run_tests .venv-cpu || failed=1
else
  echo "No CPU_TORCH was given: torchaudio is made to fail in .venv-newest instead." >&2
  PYTHONPATH="$PWD/tests/broken_torchaudio${PYTHONPATH:+:$PYTHONPATH}" run_tests .venv-newest || failed=1
fi
exit $failed
