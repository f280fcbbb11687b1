#!/bin/sh
# Starts PostgreSQL as the public image does: the first start makes the
# database from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and runs what
# lies in /docker-entrypoint-initdb.d; the server runs as the user postgres.
set -eu

# from_file NAME: NAME_FILE may name a file that holds the value of NAME.
from_file() {
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    if [ -n "$file" ]; then
        if [ -n "$value" ]; then
            echo "error: both $1 and $1_FILE are set" >&2
            exit 1
        fi
        value=$(cat "$file")
    fi
    eval "$1=\$value"
    unset "$1_FILE" value file
}

case "${1:-}" in
-*) set -- postgres "$@" ;;
esac

if [ "${1:-}" = postgres ] && [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    chmod 2775 /var/run/postgresql
    chown -R postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    from_file POSTGRES_USER
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_DB
    from_file POSTGRES_INITDB_ARGS
    : "${POSTGRES_USER:=postgres}"
    : "${POSTGRES_DB:=$POSTGRES_USER}"
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$POSTGRES_PASSWORD" ] && [ "$method" != trust ]; then
        echo "error: the database is new and POSTGRES_PASSWORD is not set; set it, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
        exit 1
    fi

    secret=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$secret"
    if [ -n "$POSTGRES_PASSWORD" ]; then
        eval "initdb --username=\"\$POSTGRES_USER\" --pwfile=\"\$secret\" $POSTGRES_INITDB_ARGS"
    else
        eval "initdb --username=\"\$POSTGRES_USER\" $POSTGRES_INITDB_ARGS"
    fi
    rm -f "$secret"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    PGPASSWORD=$POSTGRES_PASSWORD
    export PGPASSWORD
    # No address: clients must not meet the server before it is ready.
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    if [ "$POSTGRES_DB" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
            --set db="$POSTGRES_DB" <<'SQL'
CREATE DATABASE :"db";
SQL
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
        *.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
        *.sql) psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -f "$script" ;;
        *.sql.gz) gunzip -c "$script" | psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    echo "PostgreSQL init process complete; ready for start up."
fi

exec "$@"
