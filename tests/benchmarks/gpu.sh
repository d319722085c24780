#!/bin/sh
# Measure on a GPU, then train for the time that is left. See docs/benchmarks.md.
exec "${PYTHON:-python3}" "$(dirname "$0")/gpu" run "$@"
