#!/usr/bin/env bash
# The delivery path, measured end to end on loopback: every row of the table of goals, as ratios within this run against
# oha on the same receiver. Takes about ten minutes, ends by itself, and leaves nothing behind.
#
#   SINK=path/to/sink BLAST=path/to/blast OHA=path/to/oha benches/path.sh
#
# SINK is a receiver that costs next to nothing (sink --port N --max-secs N; /~hang never answers; /__stats, /__reset),
# BLAST a sender that does (blast --url U --conns N --secs N --count N --rate R --body T, with {seq} in T), OHA is oha
# of crates.io. Python 3 does the rest. Settings, with their defaults:
#
#   ONLY=       rows to take, "G1 G6 G13"; all of them
#   REPEAT=3    turns of G1 to G7, and of the yardstick between
#   SECS=5      seconds of each rate
#   FULL=       1: 10,000,000 pending as well, and rounds of 1,000,000; an hour, and 30 GB of disk
#   OUT=        a file for the same as JSON
#   PORT=9941   the first of ten ports
#   LIMIT=2400  seconds after which it gives up
#   TMPDIR=     the disk that is measured is the one that this lies on
#   UNDERSTUDY= the program; else the release build, made if need be
set -euo pipefail
cd "$(dirname "$0")/.."
: "${SINK:?a receiver: SINK=path/to/sink}" "${BLAST:?a sender: BLAST=path/to/blast}" "${OHA:?oha: OHA=path/to/oha}"
if [ -z "${UNDERSTUDY:-}" ]; then
    cargo build --release --quiet
    UNDERSTUDY=${CARGO_TARGET_DIR:-$PWD/target}/release/understudy
fi
cargo build --release --quiet --example play
PLAY=${CARGO_TARGET_DIR:-$PWD/target}/release/examples/play
export SINK BLAST OHA PLAY UNDERSTUDY PYTHONDONTWRITEBYTECODE=1
exec python3 benches/path.py
