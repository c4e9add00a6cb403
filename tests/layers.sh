#!/usr/bin/env bash
# Keeps the include directions: everything may include common/, common/ includes nothing of ours, the
# extensions and the bridge do not know each other. Prints each breach as file:line and fails if any.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

breaches=0

# Every #include in FOLDER whose path matches PATTERN (an extended regular expression).
includes() {
  grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$2" --include='*.h' --include='*.cc' "$1"
}

# forbid FOLDER PATTERN REASON
forbid() {
  [ -d "$1" ] || return
  local found
  found=$(includes "$1" "$2") || return
  printf '%s\n  %s\n' "$3:" "${found//$'\n'/$'\n'  }"
  breaches=$((breaches + $(wc -l <<<"$found")))
}

ours='(sqlite_extension|pg_extension|bridge|tests|bench)/'
forbid common           "$ours"                                 'common/ includes nothing of ours'
forbid sqlite_extension '(pg_extension|bridge|tests|bench)/'     'the device knows only common/'
forbid pg_extension     '(sqlite_extension|bridge|tests|bench)/' 'the hub knows only common/'
forbid bridge           '(sqlite_extension|pg_extension|tests|bench)/' 'the bridge knows only common/'
forbid tests/common     '(sqlite_extension|pg_extension|bridge)/' 'tests of common/ test nothing else'

# Each foreign library stays on its side.
forbid common           '(sqlite3|sqlite3ext|postgres|libpq-fe|curl/|boost/|openssl/)' 'common/ has no database and no network'
forbid sqlite_extension '(postgres|libpq-fe|boost/)'             'the device has SQLite and libcurl'
forbid pg_extension     '(sqlite3ext|curl/|libpq-fe|boost/)'     'the hub has PostgreSQL, and SQLite to check expressions with'
forbid bridge           '(sqlite3|postgres\.h|curl/)'            'the bridge has Boost and libpq'

# A quoted include names its file from the root of the repository.
for folder in common sqlite_extension pg_extension bridge; do
  [ -d "$folder" ] || continue
  if found=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.h' --include='*.cc' "$folder" |
             grep -vE '"((common|sqlite_extension|pg_extension|bridge)/|embedded_sql\.h")' |
             grep -vE '^pg_extension/pg\.h:'); then
    printf 'a quoted include is a path from the root of the repository:\n  %s\n' "${found//$'\n'/$'\n'  }"
    breaches=$((breaches + $(wc -l <<<"$found")))
  fi
done

if [ "$breaches" -gt 0 ]; then
  echo "$breaches includes go the wrong way"
  exit 1
fi
echo "include directions hold"
