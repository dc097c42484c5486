#!/bin/bash
#SBATCH --job-name=fathom
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=04:00:00
#SBATCH --requeue
# a warning two minutes before the end: the run saves a checkpoint and stops
#SBATCH --signal=B:TERM@120
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

# one torchrun a machine, which starts a process a GPU; all of them meet at the first machine
srun torchrun \
  --nnodes "$SLURM_JOB_NUM_NODES" \
  --nproc-per-node 4 \
  --max-restarts 3 \
  --rdzv-backend c10d \
  --rdzv-id "$SLURM_JOB_ID" \
  --rdzv-endpoint "$head:29500" \
  -m fathom train resnet18 --data images/ --epochs 90 --batch-size 1024 --out /shared/runs &

# srun runs beside the shell, which passes the warning on
training=$!
trap 'kill -TERM "$training"' TERM
wait "$training" || wait "$training"
