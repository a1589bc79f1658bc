#!/usr/bin/env bash
# Every test. cargo-nextest where it is installed, since it runs test binaries side by side; else cargo's own runner.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${PGWARRANT_PYTHON:-}" ] && [ -x .cache/venv/bin/python ]; then
    export PGWARRANT_PYTHON=$PWD/.cache/venv/bin/python
fi
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --retries 1 --no-fail-fast --lib --bins --tests --examples "$@"
else
    cargo test --lib --bins --tests --examples "$@"
fi
