#!/bin/sh
# Install the Debian packages given as arguments where they are missing: as root by itself, otherwise by
# saying what to type.
set -eu
missing=""
for package in "$@"; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
    fi
done
# Debian keeps venv apart from Python; a Python of another origin brings its own.
if ! "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then
    missing="$missing python3-venv"
fi
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Not a Debian system: install the equivalents of$missing. Tests that need them will say so." >&2
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "These packages are missing. Install them, then run the command again:" >&2
    echo "    sudo apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 - one word per package
apt-get install -y -qq --no-install-recommends $missing >/dev/null
