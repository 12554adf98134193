#!/bin/sh
# Counts the instructions of the hot functions and compares them with harness/counts/kept: a difference of over 2 %, or a
# function that came or went, ends it with an exit code of 1. BLESS=1 keeps the new counts instead.
#
# Counts are those of one compiler, C compiler (the allocator is in C), C library, Valgrind and kind of processor. Where one of
# them is another than `kept` says in its second line, the comparison is printed and nothing is judged.
set -eu
cd "$(dirname "$0")/../.."

mkdir -p target
kept=harness/counts/kept
counted=target/counts
# Gungraun's runner must be of the library's version.
version=$(sed -n '/^name = "gungraun"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock)
tools=target/gungraun-runner
if [ "$("$tools/bin/gungraun-runner" --version 2>/dev/null)" != "gungraun-runner $version" ]; then
    echo "Installing gungraun-runner $version from crates.io into $tools"
    # It waits for Valgrind most of the time: what optimising it takes would not be won back.
    cargo install --quiet --locked --debug --root "$tools" "gungraun-runner@$version"
fi

host() {
    avx2=without
    if grep -q '\bavx2\b' /proc/cpuinfo; then avx2=with; fi
    rustc -vV | awk '/^host:/ { host = $2 } /^release:/ { release = $2 } END { printf "rustc %s for %s, ", release, host }'
    echo "cc $(cc -dumpfullversion), $(getconf GNU_LIBC_VERSION), $(valgrind --version), $avx2 AVX2"
}

# Compiled as it is shipped, whatever else is set for quick builds.
export CARGO_INCREMENTAL=0 GUNGRAUN_HOME="$PWD/target/gungraun" PATH="$PWD/$tools/bin:$PATH"
rm -rf "$GUNGRAUN_HOME"
cargo bench --workspace --bench counts >"$counted.log" 2>&1 || { cat "$counted.log" >&2; exit 1; }

# target/gungraun/domain/counts/hot/apply.odds_change/callgrind.apply.odds_change.out
{
    echo "# Instructions of 100 calls, but of split_request, which is called once. Written by BLESS=1 make bench-counts, counted on"
    echo "# $(host)"
    find "$GUNGRAUN_HOME" -name 'callgrind.*.out' | LC_ALL=C sort | while read -r file; do
        package=${file#"$GUNGRAUN_HOME/"}
        function=$(basename "$(dirname "$file")")
        awk -v name="${package%%/*} $function" '/^totals:/ { print name, $2 }' "$file"
    done
} >"$counted"

if [ -n "${BLESS:-}" ]; then
    cp "$counted" "$kept"
    echo "Kept: $(grep -vc '^#' "$kept") counts in $kept"
    exit 0
fi

awk '
    FNR == 2 { host[FILENAME] = $0 }
    /^#/ { next }
    { name = $1 " " $2; if (!(name in seen)) { seen[name]; names[++length_] = name } }
    FILENAME == ARGV[1] { before[name] = $3; next }
    { now[name] = $3 }
    END {
        printf "%-44s %12s %12s %9s\n", "instructions", "kept", "now", "change"
        for (i = 1; i <= length_; i++) {
            name = names[i]
            if (!(name in before)) { fresh++; printf "%-44s %12s %12d %9s  NEW\n", name, "", now[name], ""; continue }
            if (!(name in now)) { fresh++; printf "%-44s %12d %12s %9s  GONE\n", name, before[name], "", ""; continue }
            change = 100 * (now[name] - before[name]) / before[name]
            over = change > 2 || change < -2
            differing += over
            printf "%-44s %12d %12d %+8.2f%%%s\n", name, before[name], now[name], change, over ? "  OVER 2 %" : ""
        }
        if (length_ == 0) { print "Nothing was counted."; exit 1 }
        if (host[ARGV[1]] != host[ARGV[2]]) {
            print "Kept were counts of another machine, so no difference is judged:"
            print " kept " substr(host[ARGV[1]], 2); print " here " substr(host[ARGV[2]], 2)
            differing = 0
        }
        if (differing + fresh) {
            print differing + 0 " counts differ by over 2 %, " fresh + 0 " came or went. Where that is meant: BLESS=1 make bench-counts"
            exit 1
        }
    }
' "$kept" "$counted"
