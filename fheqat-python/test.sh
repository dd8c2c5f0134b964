#!/usr/bin/env bash
# Builds the wheel with the profile `dev`, installs it into target/python, and runs the tests, whose options may follow.
set -euo pipefail
cd "$(dirname "$0")"
target=$(realpath -m "${CARGO_TARGET_DIR:-../target}")
environment=$target/python

# A server for the tests to talk to: the command that is named, or a new one.
if [ -z "${FHEQAT_COMMAND:-}" ]; then
    cargo build --locked --package fheqat-service
    export FHEQAT_COMMAND=$target/debug/fheqat
fi

packages="maturin>=1.16,<2 numpy openapi-spec-validator pandas pytest schemathesis>=4,<5"
if [ "$(cat "$environment/.installed" 2>/dev/null)" != "$packages" ]; then
    python3 -m venv "$environment"
    # shellcheck disable=SC2086
    "$environment/bin/pip" install --quiet --disable-pip-version-check $packages
    echo "$packages" > "$environment/.installed"
fi
rm -rf "$environment/wheels"
"$environment/bin/maturin" build --quiet --locked --profile dev --interpreter "$environment/bin/python" --out "$environment/wheels"
"$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$environment"/wheels/*.whl
"$environment/bin/python" -m pytest "$@"
