#!/bin/sh
# Creates Temporal's two databases and brings their tables up to date. May be repeated; run it
# again, with the new admin-tools image, to upgrade. Reads POSTGRES_SEEDS, POSTGRES_PORT,
# POSTGRES_USER and SQL_PASSWORD, which temporal-sql-tool takes from the environment.
set -eu
: "${POSTGRES_SEEDS:?the database host}" "${POSTGRES_USER:?the database user}"
: "${SQL_PASSWORD:?the database password}"
: "${SCHEMA_ROOT:=/etc/temporal/schema/postgresql/v12}"

sql() {
  # -p is the port here, and not the password.
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "${POSTGRES_PORT:-5432}" \
    -u "$POSTGRES_USER" "$@"
}

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  schema=${pair##*:}
  sql --db "$database" create
  sql --db "$database" setup-schema -v 0.0
  sql --db "$database" update-schema -d "$SCHEMA_ROOT/$schema/versioned"
done
