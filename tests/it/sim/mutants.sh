#!/usr/bin/env bash
# Plants the bugs of mutants/*.patch one after the other in a copy of this tree, and shows after how many runs the
# simulator finds each. Fails when one is not found within RUNS, or does not fit the code any more.
#
#   tests/it/sim/mutants.sh [NAME...]
#
#   RUNS=200   runs that a bug may survive
#   COPY=      where the copy and its build are kept for another time; else they go away again
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(git -C "$here" rev-parse --show-toplevel)
copy=${COPY:-$(mktemp -d)}
[ -n "${COPY:-}" ] || trap 'rm -rf "$copy"' EXIT
export CARGO_TARGET_DIR=$copy/target SIM_RUNS=${RUNS:-200}
unset SEED
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd "$here/mutants" && ls ./*.patch | sed 's|^\./||; s|\.patch$||')
survived=0
for name in "${names[@]}"; do
    # What git knows of and does not ignore, as it lies there now; with the time of now, or cargo would keep the last bug.
    rm -rf "$copy/tree" && mkdir -p "$copy/tree"
    (cd "$tree" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -c --ignore-failed-read) |
        tar -x -m -C "$copy/tree"
    (cd "$copy/tree" && patch -p1 --quiet --no-backup-if-mismatch <"$here/mutants/$name.patch")
    if said=$(cd "$copy/tree" && cargo test --quiet --test it sim::faults -- --nocapture 2>&1); then
        echo "$name: survived $SIM_RUNS runs"
        survived=1
    elif found=$(grep -m1 '^SEED=' <<<"$said"); then
        runs=$(grep -m1 -oE '^[0-9]+ runs' <<<"$said" || true)
        echo "$name: found after ${runs:-?}: ${found:0:160}"
    else
        echo "$name: does not build, or fails otherwise:"
        tail -20 <<<"$said"
        survived=1
    fi
done
exit $survived
