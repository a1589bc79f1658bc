#!/usr/bin/env bash
# The one-off service of docker-compose.yml: everything that `pgwarrant serve` needs, written into /etc/pgwarrant.
set -euo pipefail
dir=${PREPARE_DIR:-/etc/pgwarrant}
ledger=${PREPARE_LEDGER:-/var/lib/pgwarrant/ledger}

if [ ! -e "$dir/pgwarrant.toml" ]; then
    pgwarrant init --database "$TARGET_URL" --audit-database "$AUDIT_URL" --dir "$dir" --rules /rules.toml \
        --audience shop@compose --origin compose.invalid/pgwarrant/shop --listen 0.0.0.0:6432 --metrics 0.0.0.0:9187
    mkdir -p "$dir/tls"
    openssl req -x509 -newkey ed25519 -nodes -days 365 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$dir/tls/server.key" -out "$dir/tls/server.pem" 2>/dev/null
    chmod 600 "$dir/tls/server.key"
    sed -i -e "s|^dir = \"ledger\"|dir = \"$ledger\"|" \
        -e 's|^# \[tls\]|[tls]|' -e 's|^# certificate = |certificate = |' -e 's|^# key = "tls|key = "tls|' "$dir/pgwarrant.toml"
fi
psql -X -q -d "$TARGET_URL" -f "$dir/setup.sql"
psql -X -q -d "$AUDIT_URL" -f "$dir/audit.sql"
pgwarrant doctor --config "$dir/pgwarrant.toml"
