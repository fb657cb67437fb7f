#!/usr/bin/env bash
# The whole SALAD method on two CPU cores: no GPU, nothing to download.
#
#   bash recipes/desk.sh            into runs/desk; run it again and it goes on where it stopped
#
# The text LLM is small but real: trained here, from a random start, on the facts of examples/desk. Speech is real
# synthesised speech (espeak-ng). Prices are seconds on two cores of an AMD EPYC (Milan) at 2.45 GHz.
set -euo pipefail
cd "$(dirname "$0")/.."

RUN=${RUN:-runs/desk}
SEED=${SEED:-0}
LM_STEPS=${LM_STEPS:-400}
STAGE1_STEPS=${STAGE1_STEPS:-400}
STAGE2_STEPS=${STAGE2_STEPS:-60}
REGIONS=${REGIONS:-24}
PROBES=${PROBES:-4}
BUDGET=${BUDGET:-90}       # texts that Stage II may have spoken; the same for the active and the uniform choice
GAMMA=${GAMMA:-1}          # P(region) ~ P_pool * M^gamma. The paper's 5 fits 128 regions; here it would name three
WORLD_OPTIONS=${WORLD_OPTIONS:-}
ADAPTER_OPTIONS=${ADAPTER_OPTIONS:---adapter-layers 3 --adapter-width 192 --adapter-mlp-width 512 --adapter-heads 4 --adapter-kv-heads 4}
