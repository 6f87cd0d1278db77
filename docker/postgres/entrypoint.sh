#!/bin/sh
# The entry point of the image that ci/postgres-image makes. It honours what the official image
# does as far as FlowControl uses it: POSTGRES_USER, POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE),
# POSTGRES_DB, POSTGRES_INITDB_ARGS, PGDATA, scripts in /docker-entrypoint-initdb.d, and server options as arguments.
set -eu

case ${1:-} in
    '' | -*) set -- postgres "$@" ;;
esac
if [ "$1" != postgres ]; then
    exec "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chown -R postgres:postgres "$PGDATA" /run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    fi
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo 'POSTGRES_PASSWORD is not set: the superuser needs a password' >&2
        exit 1
    fi
    umask 077
    passwords=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$passwords"
    # shellcheck disable=SC2086  # several arguments in one variable, as in the official image
    initdb --pgdata="$PGDATA" --username="$user" --pwfile="$passwords" --encoding=UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --no-instructions \
        ${POSTGRES_INITDB_ARGS:-}
    rm "$passwords"
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"

    # Reachable by the socket alone while it is set up: whoever connects over TCP finds it ready.
    shift
    options=
    for option in "$@"; do
        options="$options '$option'"
    done
    pg_ctl --silent --wait -o "$options -c listen_addresses=" start
    if [ "$database" != postgres ]; then
        printf 'CREATE DATABASE :"name"\n' |
            psql --no-psqlrc -v ON_ERROR_STOP=1 -v name="$database" -U "$user" -d postgres
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
            *.sh) sh "$script" ;;
            *.sql) psql --no-psqlrc -v ON_ERROR_STOP=1 -U "$user" -d "$database" -f "$script" ;;
        esac
    done
    pg_ctl --silent --wait --mode=fast stop
    set -- postgres "$@"
fi
unset POSTGRES_PASSWORD

exec "$@"
