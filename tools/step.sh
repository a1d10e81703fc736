#!/usr/bin/env bash
# Runs one step of a long target: tools/step.sh NAME COMMAND…
# Prints when it began, how long it took and how long all steps took so far; passes on its exit code.
set -uo pipefail

name=$1
shift
began=$(date +%s)
since() {
    if [ -n "${CUBE_STARTED:-}" ]; then printf ', %d s since the start' $(($(date +%s) - CUBE_STARTED)); fi
}
printf '\n[%s] step: %s\n' "$(date -u +%H:%M:%S)" "$name"
"$@" </dev/null
code=$?
if [ "$code" -eq 0 ]; then outcome=done; else outcome="FAILED with exit code $code"; fi
printf '[%s] step: %s: %s in %d s%s\n' "$(date -u +%H:%M:%S)" "$name" "$outcome" $(($(date +%s) - began)) "$(since)"
exit "$code"
