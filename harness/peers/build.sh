#!/bin/sh
# Builds the programs that services are compared with into target/peers, from the Go modules whose versions and checksums are in
# each one's go.mod and go.sum. Go fetches what it lacks, and compiles what has changed.
set -eu
cd "$(dirname "$0")"

if ! command -v go >/dev/null; then
    echo "Go 1.24 or later is missing, in which the peers are written: install it from https://go.dev/dl, then run make bench-peers again." >&2
    exit 1
fi
built=$(cd ../.. && pwd)/target/peers
mkdir -p "$built"
for peer in benthos centrifuge; do
    echo "Building $peer in $built; the first time it takes minutes"
    (cd "$peer" && go build -mod=readonly -trimpath -o "$built/$peer" .)
done
