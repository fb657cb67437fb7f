#!/usr/bin/env bash
# Train on several nodes of a Slurm cluster: one `accelerate launch` on each node.
#
#   sbatch --nodes=2 --gpus-per-node=8 recipes/cluster/slurm.sh distill LLM -o /shared/stage1 --data /shared/natural …
#   DRY_RUN=1 bash recipes/cluster/slurm.sh distill …      print the line of each node
#
# All nodes see saladkit and the folders under the same names. The same line again resumes the training, as does --requeue.
#SBATCH --ntasks-per-node=1
#SBATCH --job-name=saladkit
set -euo pipefail

NODES=${SLURM_NNODES:-1}
GPUS=${SLURM_GPUS_ON_NODE:-1}
HEAD=$(scontrol show hostnames "${SLURM_JOB_NODELIST:-}" 2>/dev/null | head -n 1 || true)
PORT=${PORT:-29500}
SEVERAL=()
[ $((NODES * GPUS)) -eq 1 ] || SEVERAL=(--multi_gpu)

# line NODE: what runs on a node.
line() {
  printf '%q ' accelerate launch --num_machines "$NODES" --num_processes $((NODES * GPUS)) --machine_rank "$1" \
    --main_process_ip "${HEAD:-localhost}" --main_process_port "$PORT" "${SEVERAL[@]}" \
    --mixed_precision no --dynamo_backend no -m saladkit "${@:2}"
}
if [ -n "${DRY_RUN:-}" ]; then
  for ((NODE = 0; NODE < NODES; NODE++)); do line "$NODE" "$@" && echo; done
else
  srun --kill-on-bad-exit=1 bash -c "$(line __NODE__ "$@" | sed 's/__NODE__/$SLURM_NODEID/')"
fi
