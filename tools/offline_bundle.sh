#!/usr/bin/env bash
# Packs what training needs on a machine without network: wheels of everything, the configs, and an
# install.sh, in one file.
#
# usage: tools/offline_bundle.sh --python VERSION -o FILE.tar.gz [options]
#
#   --python VERSION     of Python on that machine: 3.11, 3.12, ...; it need not be installed here
#   -o, --output FILE    the bundle
#   --platform TAG       of that machine: manylinux_2_28_x86_64 (default; any Linux since 2019),
#                        manylinux_2_28_aarch64, ...; older manylinux tags of the kind are included
#   --extras LIST        extras of this project (default: train)
#   --accelerator NAME   none (default), cuda12, cuda13 or tpu: which jax to pack; CUDA adds gigabytes
#   --jax VERSION        pack for this release of jax: the one that --keep-jax will keep
#   --dry-run            print the commands, run nothing
#
#   tools/offline_bundle.sh --python 3.12 --accelerator cuda12 -o pqmim-offline.tar.gz
#   # and on the machine without network:
#   tar -xzf pqmim-offline.tar.gz
#   bash pqmim-offline/install.sh --venv ~/pqmim               # everything from the bundle
#   bash pqmim-offline/install.sh --venv ~/pqmim --keep-jax    # but the jax that is installed there
#
# The releases are chosen by `uv pip compile`, which reads requirements as the other Python would (pip
# asks the running one). A package that is published as source only is built here; the result must be
# pure Python, a compiled one is refused. PQMIM_PYTHON names the Python that does the work.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
source "$(dirname "${BASH_SOURCE[0]}")/command_line.sh"

run() {
    if $dry_run; then
        printf '%q ' "$@"
        echo
    else
        "$@"
    fi
}

take_arguments() {
    python="" output="" platform=manylinux_2_28_x86_64 extras=train accelerator=none jax="" dry_run=false
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h) usage && exit ;;
            -o | --output | --python | --platform | --extras | --accelerator | --jax)
                [ $# -gt 1 ] || fail "$1 needs a value"
                case "$1" in -o) output="$2" ;; *) printf -v "${1#--}" %s "$2" ;; esac
                shift ;;
            --dry-run) dry_run=true ;;
            *) fail "unknown option $1; --help lists them" ;;
        esac
        shift
    done
    target="$python"
}

check_arguments() {
    [[ "$target" =~ ^3\.[0-9]+$ ]] || fail "--python must be like 3.12, not '$target'"
    [ "${target#3.}" -ge 11 ] || fail "--python must be 3.11 or newer, not $target"
    [[ "$output" == *.tar.gz ]] || fail "--output must name a .tar.gz file, not '$output'"
    [[ "$platform" =~ ^manylinux_2_[0-9]+_(x86_64|aarch64)$ ]] ||
        fail "--platform must be like manylinux_2_28_x86_64 or ..._aarch64, not $platform"
    case "$accelerator" in
        none | cuda12 | cuda13 | tpu) ;;
        *) fail "unknown --accelerator $accelerator; choices: none, cuda12, cuda13, tpu" ;;
    esac
}

# --platform for each tag that the machine accepts: a wheel for an older glibc runs on a newer one.
platform_options() {
    local machine="${platform#manylinux_2_*_}" minor="${platform#manylinux_2_}"
    for ((minor = ${minor%%_*}; minor >= 5; minor--)); do
        printf -- '--platform\nmanylinux_2_%s_%s\n' "$minor" "$machine"
    done
    printf -- "--platform\nmanylinux%s_$machine\n" 2014 2010 1
}

# pip and uv, in an environment of their own.
prepare_tools() {
    run "$(find_python)" -m venv "$scratch/tools"
    run "$scratch/tools/bin/pip" install --quiet --disable-pip-version-check uv
}

# From a copy: setuptools would take leftovers of older builds in the repository along.
build_project_wheel() {
    run mkdir -p "$scratch/project" "$bundle/wheels"
    run cp -R "$root"/{pyproject.toml,README.md,LICENSE,pqmim_jax} "$scratch/project"
    pip wheel --no-deps --wheel-dir "$bundle/wheels" "$scratch/project"
}

pip() { run "$scratch/tools/bin/pip" "$1" --quiet --disable-pip-version-check "${@:2}"; }

write_requirements() {
    echo "pqmim-jax[$extras] @ file://$scratch/project"
    if [ "$accelerator" != none ]; then echo "jax[$accelerator]"; fi
    if [ -n "$jax" ]; then printf '%s\n' "jax==$jax" "jaxlib==$jax"; fi
}

# For that machine's Python and platform: manylinux_2_28_x86_64 is x86_64-manylinux_2_28 to uv.
uv_compile() {
    local machine="${platform#manylinux_2_*_}"
    run "$scratch/tools/bin/uv" pip compile --quiet --python-version "$target" \
        --python-platform "$machine-${platform%"_$machine"}" "$@"
}

# Pins every package, this project left out: its wheel is there already.
choose_releases() {
    write_requirements >"$scratch/requirements.in"
    uv_compile --no-emit-package pqmim-jax --no-annotate --no-header \
        --output-file "$bundle/requirements.txt" "$scratch/requirements.in"
}

# --no-deps is what lets pip take sources, too, where it is asked for another Python's wheels.
download() {
    local tags=()
    while read -r tag; do tags+=("$tag"); done < <(platform_options)
    pip download --no-deps --dest "$bundle/wheels" -r "$bundle/requirements.txt" \
        --implementation cp --python-version "$target" "${tags[@]}"
}

build_sources() {
    local source
    if $dry_run; then
        echo "# for each package that is published as source only, SOURCE:"
        pip wheel --no-deps --wheel-dir "$scratch/built" SOURCE
        return
    fi
    for source in "$bundle"/wheels/*.tar.gz "$bundle"/wheels/*.zip; do
        if [ ! -e "$source" ]; then continue; fi
        pip wheel --no-deps --wheel-dir "$scratch/built" "$source"
        if ! compgen -G "$scratch/built/*-none-any.whl" >/dev/null; then
            fail "${source##*/} has no wheel for Python $target, $platform, and is not pure Python"
        fi
        mv "$scratch"/built/*-none-any.whl "$bundle/wheels"
        rm "$source"
    done
}

# Everything that the wheels ask for must be among them. Not by pip: it would ask for this Python's.
check_complete() {
    printf '%s\n' "${wanted[@]}" >"$scratch/wanted.in"
    uv_compile --no-index --find-links "$bundle/wheels" --no-build --output-file "$scratch/complete.txt" \
        "$scratch/wanted.in"
}

write_installer() {
    cat <<INSTALLER
#!/usr/bin/env bash
# Installs pqmim-jax[$extras] for Python $target from the wheels beside this file; needs no network.
#
# usage: bash install.sh [--python PYTHON] [--venv DIR] [--keep-jax]
#
#   --python PYTHON   (default: python3)
#   --venv DIR        make a virtual environment there (default: install into PYTHON itself)
#   --keep-jax        keep the jax and jaxlib that PYTHON already has
#
# Then: pqmim train --config=$name/configs/smoke.py --workdir=... --config.data.source=folder:...
set -euo pipefail
target=$target
wanted=($(printf '%q ' "${wanted[@]}"))
project=$(printf '%q' "pqmim-jax[$extras]")
INSTALLER
    cat <<'INSTALLER'
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python=python3 venv="" keep_jax=false

fail() {
    echo "error: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$here/install.sh" && exit ;;
        --python | --venv)
            [ $# -gt 1 ] || fail "$1 needs a value"
            declare "${1#--}=$2" && shift ;;
        --keep-jax) keep_jax=true ;;
        *) fail "unknown option $1; --help lists them" ;;
    esac
    shift
done

found="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" || fail "cannot run $python"
[ "$found" = "$target" ] || fail "the wheels are for Python $target, and $python is $found; see --python"

if [ -n "$venv" ]; then
    if $keep_jax; then shared=--system-site-packages; else shared=; fi
    "$python" -m venv $shared "$venv"
    python="$venv/bin/python"
fi
options=(--no-index --find-links "$here/wheels" --disable-pip-version-check)
if $keep_jax; then
    wanted=("$project")
    kept="$(mktemp)"
    trap 'rm -f "$kept"' EXIT
    "$python" - >"$kept" 2>/dev/null <<'PYTHON' || fail "--keep-jax: $python has no jax and jaxlib"
from importlib.metadata import version
print(f"jax=={version('jax')}\njaxlib=={version('jaxlib')}")
PYTHON
    options+=(--constraint "$kept")
fi
"$python" -m pip install "${options[@]}" "${wanted[@]}"
"$python" -m pip check --disable-pip-version-check || echo "note: not all of these packages are ours" >&2
echo "installed: $("$python" -c 'import sysconfig; print(sysconfig.get_path("scripts"))')/pqmim"
INSTALLER
}

pack() {
    run cp -R "$root/configs" "$bundle/configs"
    if $dry_run; then
        echo "# and install.sh"
    else
        find "$bundle/configs" -name __pycache__ -prune -exec rm -r {} +
        write_installer >"$bundle/install.sh"
    fi
    # Wheels are compressed already.
    run tar -C "$scratch" --use-compress-program "gzip -1" -cf "$output" "$name"
}

main() {
    take_arguments "$@"
    check_arguments
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
    name="$(basename "$output" .tar.gz)"
    bundle="$scratch/$name"
    wanted=("pqmim-jax[$extras]")
    if [ "$accelerator" != none ]; then wanted+=("jax[$accelerator]"); fi
    prepare_tools
    build_project_wheel
    choose_releases
    download
    build_sources
    check_complete
    pack
    if ! $dry_run; then
        echo "$output: $(du -h "$output" | cut -f1), $(find "$bundle/wheels" -name '*.whl' | wc -l) wheels"
    fi
}

main "$@"
