#!/usr/bin/env bash
# The delivery path, measured end to end on loopback in one go: ratios within this run, against oha on the same receiver.
#
#   SINK=path/to/sink BLAST=path/to/blast OHA=path/to/oha benches/path.sh
#
# SINK is a receiver that costs next to nothing (sink --port N --max-secs N), BLAST a sender that does
# (blast --url U --conns N --secs N --body T, with {seq} in T), OHA is oha of crates.io. Everything is bounded in time and
# ends by itself. Needs python3 and the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${SINK:?a receiver: SINK=path/to/sink}" "${BLAST:?a sender: BLAST=path/to/blast}" "${OHA:?oha: OHA=path/to/oha}"
cargo build --release --quiet
understudy=$PWD/target/release/understudy
export UNDERSTUDY_LOG_LEVEL=error
work=$(mktemp -d)
port=${PORT:-9917}
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
"$SINK" --port "$port" --max-secs 600 >"$work/sink.log" 2>&1 & pids+=($!)
sleep 0.5

body=$(head -c 350 /dev/zero | tr '\0' x)
json() { python3 -c 'import json,sys; r=json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"r": r}))' "$1" "$2"; }
ratio() { python3 -c 'import sys; print(f"{float(sys.argv[1])/float(sys.argv[2]):.3f}")' "$1" "$2"; }

# The yardstick, twice: its median is the middle of an even noisier thing.
oha_rate() {
  "$OHA" -c 64 -z 4s --no-tui --output-format json -m POST -H 'content-type: application/json' -d "$body" \
    "http://127.0.0.1:$port/oha" >"$work/oha.json" 2>/dev/null
  json "$work/oha.json" 'sum(r["statusCodeDistribution"].values())/4'
}
oha=$(oha_rate)
printf 'oha -c 64: %.0f requests/s\n\n%-4s %-58s %12s %10s %8s\n' "$oha" '#' what value 'of oha' must

cat >"$work/load.toml" <<TOML
seed = 7
[[flow]]
id = "onboarding"
steps = [{ id = "1", type = "Document" }, { id = "2", type = "Selfie" }]
processing = "100ms"
decision = "Complete"
[[webhook]]
name = "sink"
url = "http://127.0.0.1:$port/hook"
max_in_flight = 256
TOML
cat >"$work/storm.journey.toml" <<'TOML'
format = 1
name = "storm"
seed = 5
clock = { mode = "leap", start = 2026-01-01T00:00:00Z }
[population]
journeys = 50_000
spacing = "even"
arrive = [{ for = "1h", rate = 100 }]
[journey]
flow = "onboarding"
steps = [{ do = "start" }, { do = "submit_step", step = "1", after = "10s" }, { do = "submit_step", step = "2", after = "10s" }]
TOML

# G1, G2: a POST that is answered when journey, event and delivery are durable; the delivery follows.
for row in "G1 64 0.17" "G2 256 0.25"; do
  read -r name producers must <<<"$row"
  cat >"$work/serve.toml" <<TOML
provider = "qoreid"
[qoreid]
processing = "1h"
[[webhook]]
name = "sink"
url = "http://127.0.0.1:$port/hook"
max_in_flight = 256
TOML
  "$understudy" --config "$work/serve.toml" --data-dir "$work/$name" --log-level warn serve --listen 127.0.0.1:0 >"$work/$name.log" 2>&1 & server=$!
  pids+=("$server")
  for _ in $(seq 100); do grep -q 'listening on' "$work/$name.log" && break; sleep 0.05; done
  url=$(sed -n 's/.*listening on \(http[^ ]*\).*/\1/p' "$work/$name.log" | head -1)
  "$BLAST" --url "$url/api/v1/journeys" --conns "$producers" --secs 5 --body '{"flow":"address","reference_no":"r-{seq}"}' --json >"$work/blast.json" 2>/dev/null
  python3 - "$url" "$work/$name.json" <<'PY'
import json, sys, time, urllib.request
url, out = sys.argv[1:]
for _ in range(300):
    ledger = json.load(urllib.request.urlopen(url + "/api/v1/ledger"))
    d = ledger["deliveries"]
    if d["waiting"] + d["in_flight"] == 0:
        break
    time.sleep(0.1)
json.dump(ledger, open(out, "w"))
PY
  kill -TERM "$server"; wait "$server" || true
  rate=$(json "$work/$name.json" 'r["deliveries"]["delivered"]/5')
  printf '%-4s %-58s %10.0f/s %10s %8s\n' "$name" "stimuli over HTTP to deliveries, durable, $producers producers" "$rate" "$(ratio "$rate" "$oha")" "$must"
done

# G3 to G5: journeys driven in process.
for row in "G3 sled 0.30" "G4 memory 0.8"; do
  read -r name outbox must <<<"$row"
  python3 - "$understudy" "$work" "$outbox" <<'PY'
import json, resource, subprocess, sys
understudy, work, outbox = sys.argv[1:]
subprocess.run([understudy, "--config", work + "/load.toml", "load", work + "/storm.journey.toml", "--outbox", outbox,
                "--drain", "60s", "--report", "json=" + work + "/" + outbox + ".json"], stdout=subprocess.DEVNULL, timeout=120)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump({"cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss}, open(work + "/" + outbox + ".used.json", "w"))
PY
  rate=$(json "$work/$outbox.json" 'r["rate"]["delivered"]')
  printf '%-4s %-58s %10.0f/s %10s %8s\n' "$name" "load, journeys in process, $outbox outbox" "$rate" "$(ratio "$rate" "$oha")" "$must"
done
cpu=$(python3 -c 'import json,sys; u=json.load(open(sys.argv[1])); r=json.load(open(sys.argv[2])); print(u["cpu"]*1e6/r["ledger"]["deliveries"]["delivered"])' "$work/sled.used.json" "$work/sled.json")
printf '%-4s %-58s %9.1f us %10s %8s\n' G5 'processor time per delivery in G3' "$cpu" - '50 us'

# G7: at a hundred a second, from the planned instant to the last byte of the answer.
"$understudy" --config "$work/load.toml" load --rate 25 --for 10s --outbox sled --report json="$work/slow.json" >/dev/null || true
printf '%-4s %-58s %9.2f ms %10s %8s\n' G7 'planned instant to arrival at 100/s, 99th percentile' "$(json "$work/slow.json" 'r["latency"]["p99"]')" - '2 ms'

# G10: a healthy webhook alone, and beside one that hangs.
rate=500
"$understudy" --config "$work/load.toml" load --rate $rate --for 6s --outbox sled --report json="$work/alone.json" >/dev/null || true
cp "$work/load.toml" "$work/two.toml"
printf '[[webhook]]\nname = "hangs"\nurl = "http://127.0.0.1:%s/~hang"\ntimeout = "1s"\nretry = []\n' "$port" >>"$work/two.toml"
"$understudy" --config "$work/two.toml" load --rate $rate --for 6s --outbox sled --drain 2s --report json="$work/beside.json" >/dev/null || true
delivered='r["webhooks"]["sink"]["attempts"]'
printf '%-4s %-58s %12s %10s %8s\n' G10 'a healthy webhook beside one that hangs, of its rate alone' "$(ratio "$(json "$work/beside.json" "$delivered")" "$(json "$work/alone.json" "$delivered")")" - 0.95
printf '%-4s %-58s %9.2f ms %10s %8s\n' '' 'its 99th percentile alone' "$(json "$work/alone.json" 'r["webhooks"]["sink"]["latency"]["p99"]')" - -
printf '%-4s %-58s %9.2f ms %10s %8s\n' '' 'and beside the other' "$(json "$work/beside.json" 'r["webhooks"]["sink"]["latency"]["p99"]')" - -

# G12: the rate that was asked for, at half of what G3 does.
half=$(json "$work/sled.json" 'int(r["rate"]["delivered"]/8)')
"$understudy" --config "$work/load.toml" load --rate "$half" --for 8s --outbox sled --report json="$work/half.json" >/dev/null || true
printf '%-4s %-58s %12s %10s %8s\n' G12 "the planned pace that was kept, at $half journeys/s" "$(json "$work/half.json" 'round(r["rate"]["kept"], 4)')" - '1 %'
