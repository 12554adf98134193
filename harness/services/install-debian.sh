#!/bin/sh
# Installs what the native stack and the build need on Debian and Ubuntu, and only what is missing.
# Run by `make setup`; silent when nothing is missing. Starts no system service and changes none.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
missing=''
reasons=''

# need <package> <why> <test...>: the package is wanted where the test fails.
need() {
    package=$1 why=$2
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        missing="$missing $package"
        reasons="$reasons$(printf '\n  %-26s %s' "$package" "$why")"
    fi
}

have() {
    for program in "$@"; do
        command -v "$program" || return 1
    done
}

has_header() {
    echo "#include <$1>" | c++ -E -x c++ -
}

# Before the compiler is there no header can be tried, so the package database answers.
has_library() {
    if have c++; then has_header "$1"; else [ "$(dpkg-query -Wf '${db:Status-Status}' "$2")" = installed ]; fi
}

# Any Java from 17 on will do, from wherever it came.
has_java() {
    version=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ]
}

has_database() {
    have mariadbd mariadb-install-db my_print_defaults || { have mysqld && mysqld --version | grep -qv MariaDB; }
}

# Debian's redis-server package adds no more than a name, an init script and a service that would start at once and take
# port 6379: the program itself is in redis-tools, as redis-check-rdb, and serves when it is called redis-server.
has_redis() {
    have redis-server || have redis-check-rdb
}

has_certificates() {
    [ -s /etc/ssl/certs/ca-certificates.crt ]
}

# The oldest Java runtime from 17 on that this release of Debian or Ubuntu has.
java_package() {
    for version in 17 21 25; do
        if apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1; then
            echo "openjdk-$version-jre-headless"
            return
        fi
    done
    echo default-jre-headless
}

need g++ 'compiles librdkafka, the Kafka client' have c++ cc
need cmake 'builds librdkafka' have cmake
need make 'builds librdkafka' have make
need pkg-config 'finds the libraries of librdkafka' have pkg-config
need libcurl4-openssl-dev 'headers that the build of librdkafka asks for' has_library curl/curl.h libcurl4-openssl-dev
need zlib1g-dev 'compression in librdkafka' has_library zlib.h zlib1g-dev
need ca-certificates 'downloads from crates.io and Maven Central' has_certificates
need maven 'fetches Apache Kafka from Maven Central' have mvn
need java 'runs Apache Kafka' has_java
need mariadb-server-core 'the database, as a program without its service' has_database
need mariadb-client-core 'prepares a new database' has_database
need redis-tools 'the cache, as a program without its service' has_redis
need procps 'ps, to look at the processes of a stack' have ps
need util-linux 'setpriv and setsid: ends the processes of a stack with it' have setpriv setsid

[ -n "$missing" ] || exit 0

echo "Missing on this machine:$reasons"
if ! have apt-get >/dev/null; then
    echo "This is neither Debian nor Ubuntu: install the equivalents yourself, then run make again." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=''
elif have sudo >/dev/null; then
    as_root='sudo'
else
    echo "Installing needs root, and there is no sudo: install them as root, then run make again." >&2
    exit 1
fi

log=$(mktemp "${TMPDIR:-/tmp}/matchday-install.XXXXXX")

# Both steps are quiet while they go well, and say all they had to say when they do not.
quietly() {
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        echo "Installing failed; the log above is kept in $log" >&2
        exit 1
    fi
}

echo "Installing them with apt-get${as_root:+ through sudo}..."
# A password is asked for here, while a person still sees the question.
[ -z "$as_root" ] || sudo -v
quietly $as_root apt-get -q update
packages=$(echo "$missing" | sed "s/ java\b/ $(java_package)/")
# shellcheck disable=SC2086 # a list of names, split on purpose
quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $packages
rm -f "$log"
echo 'Installed.'
