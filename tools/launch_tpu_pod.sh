#!/usr/bin/env bash
# Trains on a Cloud TPU slice: makes the slice, installs this project on every worker, runs
# `pqmim train --distributed=auto` on all of them at once, and goes on after a preemption.
#
# usage: tools/launch_tpu_pod.sh NAME --zone ZONE --accelerator-type TYPE [options] -- TRAIN_OPTION...
#
#   NAME                     of the slice; used if it exists, made if not
#   --zone ZONE              for example us-west4-a
#   --accelerator-type TYPE  v4-32, v5litepod-256, v5p-128, v6e-256, ...
#   --version IMAGE          software of the VMs (default: the one for TYPE)
#   --spot                   spare capacity: cheaper, and taken away at any time
#   --queued                 wait in the queue for capacity (queued resource NAME) instead of failing
#   --revision REV           git revision of this checkout to train (default: HEAD)
#   --extras LIST            extras of this project to install (default: train,tfds)
#   --retry N                after a failure or a preemption start again, at most N times (default: 0);
#                            the slice is made anew where it is gone, training resumes from WORKDIR
#   --retry-pause SECONDS    wait this long before that (default: 60)
#   --stop                   instead of training: SIGTERM to the training on all workers; it saves and ends
#   --dry-run                print every command, run nothing; needs no gcloud
#
# Everything after -- goes to `pqmim train`. --config is a file of the revision, or an absolute path on
# the workers; --workdir is a place that all workers see and that outlives them: gs://BUCKET/PATH.
#
#   tools/launch_tpu_pod.sh pqmim-256 --zone us-west4-a --accelerator-type v5litepod-256 \
#       --spot --queued --retry 100 -- --config=configs/imagenet_pqvae.py \
#       --workdir=gs://BUCKET/imagenet --config.codec.schedule='qlds(stages=8, alpha=2.2)'
#
# On each worker, ~/pqmim-jax holds source/, venv/ and train.log. Training there does not depend on this
# script: Ctrl-C leaves it running, and the same command again attaches to it. The slice costs money
# until it is deleted, which this script does only to one that was preempted.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/command_line.sh"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { echo "$(date +%H:%M:%S) $*" >&2; }

run() {
    if $dry_run; then quote "$@" && echo; else "$@"; fi
}

# This and train_worker run on the workers, see copy_to_workers.
# install_worker REVISION EXTRAS: ~/pqmim-jax/{source,venv} from the archive in the home folder.
install_worker() {
    mkdir -p ~/pqmim-jax && cd ~/pqmim-jax || return
    if [ "$(cat installed 2>/dev/null)" = "$1 $2" ]; then return; fi
    rm -rf source venv installed
    mkdir source
    tar -xzf ~/pqmim-jax.tar.gz -C source || return
    # TPU images come with Python 3.10; uv brings a newer one. gcsfs opens gs:// for the trainer.
    python3 -m pip install --user --quiet uv || return
    python3 -m uv venv --quiet --python '>=3.11,<3.14' venv || return
    python3 -m uv pip install --quiet --python venv/bin/python "./source[$2]" 'jax[tpu]' gcsfs || return
    echo "$1 $2" >installed
}

# train_worker COMMAND...: starts it unless it is running, waits for it, returns its exit status.
train_worker() {
    cd ~/pqmim-jax || return
    if ! grep -qs pqmim "/proc/$(cat pid 2>/dev/null)/cmdline"; then
        rm -f pid status
        # shellcheck disable=SC2016
        (cd source && PATH="$HOME/pqmim-jax/venv/bin:$PATH" exec setsid nohup bash -c \
            '"$@" & echo $! >../pid; wait $!; echo $? >../status' train "$@" \
            >>../train.log 2>&1 </dev/null) &
        until [ -s pid ]; do sleep 0.1; done
    fi
    while kill -0 "$(cat pid)" 2>/dev/null; do sleep 1; done
    sleep 0.2
    if [ "$(cat status 2>/dev/null)" = 0 ]; then return; fi
    echo "$(hostname): training ended with exit status $(cat status 2>/dev/null || echo unknown):" >&2
    tail -n 20 train.log >&2
    return 1
}

take_arguments() {
    name="" zone="" accelerator_type="" version="" spot=false queued=false revision=HEAD
    extras=train,tfds retry=0 retry_pause=60 stop=false dry_run=false train=()
    local option
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h) usage && exit ;;
            --zone | --accelerator-type | --version | --revision | --extras | --retry | --retry-pause)
                [ $# -gt 1 ] || fail "$1 needs a value"
                option="${1#--}"
                printf -v "${option//-/_}" %s "$2"
                shift ;;
            --spot | --queued | --stop) printf -v "${1#--}" true ;;
            --dry-run) dry_run=true ;;
            --) shift && train=("$@") && break ;;
            -*) fail "unknown option $1; --help lists them (options of pqmim train go after --)" ;;
            *) [ -z "$name" ] || fail "one NAME only: $name or $1?" && name="$1" ;;
        esac
        shift
    done
}

check_arguments() {
    local argument config="" workdir=""
    [ -n "$name" ] || fail "NAME of the slice is missing; see --help"
    [ -n "$zone" ] || fail "--zone is missing"
    if $stop; then return; fi
    [ -n "$accelerator_type" ] || fail "--accelerator-type is missing"
    [[ "$retry" =~ ^[0-9]+$ ]] || fail "--retry must be a whole number, not $retry"
    [[ "$retry_pause" =~ ^[0-9.]+$ ]] || fail "--retry-pause must be a number of seconds, not $retry_pause"
    for argument in ${train[@]+"${train[@]}"}; do
        case "$argument" in
            --config=*) config="${argument#--config=}" ;;
            --workdir=*) workdir="${argument#--workdir=}" ;;
            --distributed*) fail "--distributed is set by this script, to auto" ;;
        esac
    done
    [ -n "$config" ] || fail "--config=FILE is missing after --"
    [ -n "$workdir" ] || fail "--workdir=gs://BUCKET/PATH is missing after --"
    revision="$(git -C "$root" rev-parse --quiet --verify "$revision^{commit}")" ||
        fail "not a git revision of $root: $revision"
    if [[ "$config" != /* ]] && ! git -C "$root" cat-file -e "$revision:$config" 2>/dev/null; then
        fail "revision ${revision:0:12} has no file $config (is it committed?)"
    fi
    [ -n "$version" ] || choose_version
}

choose_version() {
    case "$accelerator_type" in
        v6e-*) version=v2-alpha-tpuv6e ;;
        v5p-*) version=v2-alpha-tpuv5 ;;
        v5litepod-*) version=v2-alpha-tpuv5-lite ;;
        v2-* | v3-* | v4-*) version=tpu-ubuntu2204-base ;;
        *) fail "no default --version for $accelerator_type; see gcloud compute tpus tpu-vm versions list" ;;
    esac
}

tpu() { # GROUP VERB ARGUMENT...
    local group="$1" verb="$2"
    shift 2
    run gcloud compute tpus "$group" "$verb" "$@" "--zone=$zone"
}

# READY, ACTIVE, PREEMPTED, WAITING_FOR_RESOURCES, ...; nothing where there is no such slice.
slice_state() {
    if $queued; then
        tpu queued-resources describe "$name" '--format=value(state.state)'
    else
        tpu tpu-vm describe "$name" '--format=value(state)'
    fi 2>/dev/null || true
}

create_slice() {
    local options=("--accelerator-type=$accelerator_type")
    if $spot; then options+=(--spot); fi
    if $queued; then
        tpu queued-resources create "$name" "--node-id=$name" "--runtime-version=$version" "${options[@]}"
    else
        tpu tpu-vm create "$name" "--version=$version" "${options[@]}"
    fi
}

delete_slice() {
    if $queued; then
        tpu queued-resources delete "$name" --force --quiet
    else
        tpu tpu-vm delete "$name" --quiet
    fi
}

ensure_slice() {
    local state
    if $dry_run; then
        slice_state
        echo "# unless it exists:"
        create_slice
        return
    fi
    while true; do
        state="$(slice_state)"
        case "$state" in
            READY | ACTIVE) return ;;
            "") say "making $name" && create_slice || return ;;
            PREEMPTED | TERMINATED | SUSPENDED)
                say "$name is $state: deleting it" && delete_slice || return ;;
            FAILED | STOPPED) say "$name is $state: start or delete it by hand" && return 1 ;;
            *) say "$name is $state: waiting" && sleep 30 ;;
        esac
    done
}

# The project and the two functions above, into the home folder of every worker.
copy_to_workers() {
    run git -C "$root" archive --format=tar.gz "--output=$scratch/pqmim-jax.tar.gz" "$revision" || return
    {
        declare -f install_worker train_worker
        echo '"$@"'
    } >"$scratch/pqmim-jax.sh"
    tpu tpu-vm scp "$scratch/pqmim-jax.tar.gz" "$scratch/pqmim-jax.sh" "$name:" --worker=all
}

on_workers() {
    tpu tpu-vm ssh "$name" --worker=all --ssh-flag=-oServerAliveInterval=30 "--command=$(quote "$@")"
}

attempt() {
    ensure_slice && copy_to_workers &&
        on_workers bash pqmim-jax.sh install_worker "$revision" "$extras" &&
        on_workers bash pqmim-jax.sh train_worker pqmim train --distributed=auto "${train[@]}"
}

main() {
    take_arguments "$@"
    check_arguments
    $dry_run || command -v gcloud >/dev/null || fail "gcloud is not installed (--dry-run needs none)"
    if $stop; then
        # shellcheck disable=SC2016
        on_workers bash -c 'kill -TERM "$(cat pqmim-jax/pid)"'
        return
    fi
    git -C "$root" diff --quiet HEAD ||
        say "note: uncommitted changes are not trained, only revision ${revision:0:12}"
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
    local failures=0
    until attempt; do
        failures=$((failures + 1))
        if [ "$failures" -gt "$retry" ]; then
            echo "error: training failed $failures times; logs: ~/pqmim-jax/train.log on each worker" >&2
            return 1
        fi
        say "failed; start $failures of $retry again in $retry_pause s"
        sleep "$retry_pause"
    done
}

main "$@"
