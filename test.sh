#!/usr/bin/env bash
# Builds everything and runs all checks and tests: once as it is shipped, once with sanitizers and fuzzers.
#
#   ./test.sh [REGEX]      with REGEX only the tests whose name matches: ./test.sh unit, ./test.sh checks
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
filter=${1:-.}

step() { printf '\n== %s (at %d s)\n' "$*" "$SECONDS"; }

# Runs what PRESET's ctest has that matches; its closing line goes to `closing`, a failure to `failed`.
closing=()
failed=0
run_tests() {
    local preset=$1 log
    log=$(mktemp)
    ctest --test-dir "build/$preset" -R "$filter" -j "$(nproc)" --output-on-failure 2>&1 | tee "$log" || failed=1
    closing+=("$(grep -E 'tests passed' "$log" || echo 'no result') ($preset)")
    rm -f "$log"
}
matching() {
    # Configures only; how many tests of PRESET match.
    cmake --preset "$1" >/dev/null
    ctest --test-dir "build/$1" -N -R "$filter" | sed -n 's/^Total Tests: //p'
}

step "Installing what is missing"
tools/install-packages build test
if [ -x tools/install-test-clients ]; then tools/install-test-clients; fi

ran=0
for preset in release fuzz; do
    count=$(matching "$preset")
    if [ "$count" -eq 0 ]; then continue; fi
    ran=$((ran + count))
    step "Building $preset"
    tools/build "$preset"
    step "Running $count tests of $preset"
    run_tests "$preset"
done

if [ "$ran" -eq 0 ]; then
    echo "No test matches '$filter'" >&2
    exit 1
fi
step "Done"
printf '%s\n' "${closing[@]}"
exit "$failed"
