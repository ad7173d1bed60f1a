# Sourced by scripts that take options: their help, their errors, and arguments quoted for a shell.

# The comment at the head of the script that was called.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# One line on standard error, and the exit status of wrong usage.
fail() {
    echo "error: $1" >&2
    exit 2
}

# Its arguments as one line that a shell splits into the same arguments again.
quote() {
    local argument escaped="'\\''" separator=""
    for argument in "$@"; do
        if [[ ! "$argument" =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then
            argument="'${argument//\'/$escaped}'"
        fi
        printf '%s%s' "$separator" "$argument"
        separator=" "
    done
}
