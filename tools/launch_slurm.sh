#!/usr/bin/env bash
# Trains on the GPUs of a SLURM cluster: writes a batch script and submits it.
#
# usage: tools/launch_slurm.sh --nodes N --gpus-per-node N [options] -- TRAIN_OPTION...
#
#   --nodes N           machines
#   --gpus-per-node N   GPUs, and processes, on each
#   --cpus-per-gpu N    cores for each process, most of them to decode images (default: 8)
#   --time LIMIT        as sbatch reads it (default: 24:00:00); near the limit training saves itself
#                       and goes back into the queue
#   --partition P       (default: the cluster's own)
#   --job-name NAME     (default: pqmim)
#   --sbatch OPTION     any other option of sbatch, as in --sbatch --account=A; may be repeated
#   --setup COMMAND     a line to run on the first node before training, as in --setup 'module load cuda'
#                       or --setup 'source venv/bin/activate'; may be repeated
#   --dry-run           print the batch script, submit nothing; needs no SLURM
#
# Everything after -- goes to `pqmim train`; --workdir must lie on a file system that all nodes share.
#
#   tools/launch_slurm.sh --nodes 4 --gpus-per-node 8 --partition gpu \
#       --setup 'source venv/bin/activate' -- --config=configs/imagenet_pqvae.py \
#       --workdir=/shared/runs/imagenet --config.codec.schedule='qlds(stages=8, alpha=2.2)'
#
# One process per GPU, since that is what jax.distributed.initialize() takes SLURM's tasks for: each
# process opens the GPU with the number of its task on the node, so all GPUs of the node stay visible
# to all its tasks (--gpu-bind=none).
#
# SIGTERM makes training save a checkpoint and exit. SLURM sends it to the training processes when it
# preempts the job, which --requeue puts back into the queue, and by --signal two minutes before the
# time limit, after which the batch script puts itself back. The job runs in the folder that this was
# called in, its log is NAME-JOBID.log there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/command_line.sh"

take_arguments() {
    nodes="" gpus_per_node="" cpus_per_gpu=8 time=24:00:00 partition="" job_name=pqmim dry_run=false
    sbatch=() setup=() train=()
    local option
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h) usage && exit ;;
            --nodes | --gpus-per-node | --cpus-per-gpu | --time | --partition | --job-name)
                [ $# -gt 1 ] || fail "$1 needs a value"
                option="${1#--}"
                printf -v "${option//-/_}" %s "$2"
                shift ;;
            --sbatch | --setup)
                [ $# -gt 1 ] || fail "$1 needs a value"
                if [ "$1" = --setup ]; then setup+=("$2"); else sbatch+=("$2"); fi
                shift ;;
            --dry-run) dry_run=true ;;
            --) shift && train=("$@") && break ;;
            *) fail "unknown option $1; --help lists them (options of pqmim train go after --)" ;;
        esac
        shift
    done
}

check_arguments() {
    local argument config="" workdir=""
    for argument in nodes gpus_per_node cpus_per_gpu; do
        [[ "${!argument}" =~ ^[1-9][0-9]*$ ]] ||
            fail "--${argument//_/-} must be a whole number above 0, not '${!argument}'"
    done
    for argument in ${train[@]+"${train[@]}"}; do
        case "$argument" in
            --config=*) config="${argument#--config=}" ;;
            --workdir=*) workdir="${argument#--workdir=}" ;;
            --distributed*) fail "--distributed is set by this script, to auto" ;;
        esac
    done
    [ -n "$config" ] || fail "--config=FILE is missing after --"
    [ -n "$workdir" ] || fail "--workdir=DIR is missing after --"
}

directives() {
    local option options=(
        "--job-name=$job_name"
        "--nodes=$nodes"
        "--ntasks-per-node=$gpus_per_node"
        "--gpus-per-node=$gpus_per_node"
        "--cpus-per-task=$cpus_per_gpu"
        "--time=$time"
        --signal=TERM@120 # to the processes of srun, not to the batch script
        --requeue
        --open-mode=append # a requeued job goes on in the same log
        "--output=%x-%j.log"
    )
    if [ -n "$partition" ]; then options+=("--partition=$partition"); fi
    for option in "${options[@]}" ${sbatch[@]+"${sbatch[@]}"}; do
        echo "#SBATCH $option"
    done
}

# srun --wait: when one process ends, by an error or after saving, the others get two minutes to end too.
batch_script() {
    echo '#!/usr/bin/env bash'
    directives
    echo 'set -e # without -u, which conda and modules do not survive'
    if [ "${#setup[@]}" -gt 0 ]; then printf '%s\n' "${setup[@]}"; fi
    cat <<BATCH
trap : TERM # SIGTERM to this script must not end it before the training has saved
status=0
srun --ntasks-per-node=$gpus_per_node --cpus-per-task=$cpus_per_gpu --gpu-bind=none --kill-on-bad-exit=0 --wait=120 \\
    $(quote pqmim train --distributed=auto "${train[@]}") || status=\$?
# The warning comes up to 3 minutes before the limit. Cancelled and failed jobs are not requeued.
left=\$((\${SLURM_JOB_END_TIME:-9999999999} - \$(date +%s)))
if [ \$status -ne 0 ] && [ \$left -lt 200 ]; then
    scontrol requeue "\$SLURM_JOB_ID"
fi
exit \$status
BATCH
}

take_arguments "$@"
check_arguments
if $dry_run; then
    batch_script
else
    command -v sbatch >/dev/null || fail "sbatch is not installed here (--dry-run needs none)"
    batch_script | sbatch
fi
