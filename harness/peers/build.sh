#!/bin/sh
# Makes the programs that services are compared with, in target/peers: two of Go modules, whose versions and checksums are in each
# one's go.mod and go.sum, and the jars of a third, whose versions are in its pom. What is there already is not made again.
set -eu
cd "$(dirname "$0")"

# need <what> <how to get it> <program...>
need() {
    what=$1 how=$2
    shift 2
    for program in "$@"; do
        command -v "$program" >/dev/null && continue
        echo "$what is missing, in which peers are written: $how, then run make bench-peers again." >&2
        exit 1
    done
}
need "Go 1.24 or later" "install it from https://go.dev/dl" go
need "Maven or Java 17" "MATCHDAY_STORES=native make setup installs both" mvn java

built=$(cd ../.. && pwd)/target/peers
mkdir -p "$built"
for peer in benthos centrifuge; do
    echo "Building $peer in $built; the first time that takes minutes"
    (cd "$peer" && go build -mod=readonly -trimpath -o "$built/$peer" .)
done

jars=$built/debezium
if ! cmp -s debezium/pom.xml "$jars/fetched-for-pom.xml"; then
    echo "Fetching Kafka Connect and Debezium's JDBC sink from Maven Central, this once (75 MB)"
    rm -rf "$jars"
    mvn --batch-mode --no-transfer-progress --quiet --strict-checksums -Dstyle.color=never -Dlibs="$jars" -f debezium/pom.xml package
    cp debezium/pom.xml "$jars/fetched-for-pom.xml"
fi
