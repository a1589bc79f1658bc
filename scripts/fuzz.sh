#!/usr/bin/env bash
# Every fuzz target for so many seconds (300), one after the other; stops at the first finding, which is then in fuzz/artifacts.
# usage: scripts/fuzz.sh [seconds] [target …]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-300}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(frame startup token template node_text)
if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install --locked --quiet cargo-fuzz
fi
python3 fuzz/seeds.py
for target in "${targets[@]}"; do
    # Without a sanitizer: there is no unsafe code here to find by one, and the stable compiler will do.
    cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
