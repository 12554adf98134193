#!/bin/sh
# Installs what the native stack and the build need on Debian and Ubuntu, and only what is missing.
# Run by `make setup`; silent when nothing is missing. Starts no system service and changes none.
#
#   --check       installs nothing; a line for everything that is needed, `ok` or `missing`, package and purpose between
#                 tabs, and an exit code of 1 where something is missing. `matchday doctor` reads this.
#   --containers  without what only native stores need: Java, Maven, a database, Redis.
#   --native      with it. Without either of the two as `matchday` chooses: by MATCHDAY_STORES and MATCHDAY_DATABASE, else
#                 by whether a Docker engine answers.
#   --mysql       native, and also what the MySQL 8 of Maven Central needs, on which `make test-mysql` runs.
#   --python      also what schemathesis needs, with which `make test` tests REST.
#   --tmux        also tmux, a terminal in which `make test` drives the dashboard.
#   --valgrind    also Valgrind, with which `make bench-counts` counts instructions.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
is_check=''
is_native=unknown
is_mysql=''
is_python=''
is_tmux=''
is_valgrind=''
for argument in "$@"; do
    case $argument in
        --check) is_check=yes ;;
        --containers) is_native='' ;;
        --native) is_native=yes ;;
        --mysql) is_mysql=yes is_native=yes ;;
        --python) is_python=yes ;;
        --tmux) is_tmux=yes ;;
        --valgrind) is_valgrind=yes ;;
        *)
            echo "$0 knows --check, --containers, --native, --mysql, --python, --tmux and --valgrind, not $argument" >&2
            exit 2
            ;;
    esac
done
if [ "$is_native" = unknown ]; then
    is_native=yes
    case ${MATCHDAY_STORES:-auto},${MATCHDAY_DATABASE:-installed} in
        containers,*) is_native='' ;;
        auto,installed) if timeout 10 docker version >/dev/null 2>&1; then is_native=''; fi ;;
    esac
fi
missing=''
reasons=''

# need <package> <why> <test...>: the package is wanted where the test fails.
need() {
    package=$1 why=$2 state=ok
    shift 2
    if ! "$@" >/dev/null 2>&1; then
        state=missing
        missing="$missing $package"
        reasons="$reasons$(printf '\n  %-26s %s' "$package" "$why")"
    fi
    [ -z "$is_check" ] || printf '%s\t%s\t%s\n' "$state" "$(package_name "$package")" "$why"
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

has_venv() {
    python3 -c 'import ensurepip, venv'
}

has_certificates() {
    [ -s /etc/ssl/certs/ca-certificates.crt ]
}

# The server of Maven Central was linked with libaio before Debian 13 and Ubuntu 24.04 renamed it; the harness bridges that.
has_shared() {
    for library in "$@"; do
        if ldconfig -p | grep -q "^[[:space:]]*$library "; then return 0; fi
    done
    return 1
}

# The first of these packages that this release of Debian or Ubuntu has.
first_package() {
    for name in "$@"; do
        if apt-cache show "$name" >/dev/null 2>&1; then break; fi
    done
    echo "$name"
}

# What a package is called here: the oldest Java runtime from 17 on, and a library that was renamed.
package_name() {
    case $1 in
        java) first_package openjdk-17-jre-headless openjdk-21-jre-headless openjdk-25-jre-headless default-jre-headless ;;
        libaio) first_package libaio1 libaio1t64 ;;
        *) echo "$1" ;;
    esac
}

need git 'keeps the source' have git
need g++ 'compiles librdkafka, the Kafka client' have c++ cc
need cmake 'builds librdkafka' have cmake
need make 'builds librdkafka' have make
need pkg-config 'finds the libraries of librdkafka' have pkg-config
need libcurl4-openssl-dev 'headers that the build of librdkafka asks for' has_library curl/curl.h libcurl4-openssl-dev
need zlib1g-dev 'compression in librdkafka' has_library zlib.h zlib1g-dev
need ca-certificates 'downloads from crates.io and Maven Central' has_certificates
if [ -n "$is_native" ]; then
    need maven 'fetches Apache Kafka from Maven Central' have mvn
    need java 'runs Apache Kafka (Java 17 or later)' has_java
    need mariadb-server-core 'the database, as a program without its service' has_database
    need mariadb-client-core 'prepares a new database' has_database
    need redis-tools 'the cache, as a program without its service' has_redis
fi
need procps 'ps, to look at the processes of a stack' have ps
need util-linux 'setpriv and setsid: ends the processes of a stack with it' have setpriv setsid
if [ -n "$is_mysql" ]; then
    need tar 'unpacks the MySQL 8 of Maven Central' have tar
    need libaio 'is loaded by that MySQL' has_shared libaio.so.1 libaio.so.1t64
    need libnuma1 'is loaded by that MySQL' has_shared libnuma.so.1
fi
if [ -n "$is_python" ]; then
    need python3-venv 'runs schemathesis, which tests REST' has_venv
fi
if [ -n "$is_tmux" ]; then
    need tmux 'a terminal in which the dashboard is tested' have tmux
fi
if [ -n "$is_valgrind" ]; then
    need valgrind 'counts the instructions of the benchmarks' have valgrind
fi

if [ -n "$is_check" ]; then
    if [ -n "$missing" ]; then exit 1; else exit 0; fi
fi
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
packages=''
for package in $missing; do packages="$packages $(package_name "$package")"; done
# shellcheck disable=SC2086 # a list of names, split on purpose
quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $packages
rm -f "$log"
echo 'Installed.'
