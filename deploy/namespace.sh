#!/bin/sh
# Waits for Temporal and sets its namespace up: search attributes, thirty days of retention. May be
# repeated. Only "Temporal does not answer" (exit code 7) is tried again; anything else is for a
# person to read, at once.
set -eu
attempts_max=${SETUP_ATTEMPTS:-60}
pause_s=${SETUP_PAUSE_S:-2}

attempt=1
while :; do
  code=0
  cardhold setup || code=$?
  if [ "$code" -ne 7 ]; then exit "$code"; fi
  if [ "$attempt" -ge "$attempts_max" ]; then
    echo "namespace: Temporal did not answer $attempts_max times; giving up." >&2
    exit 7
  fi
  attempt=$((attempt + 1))
  sleep "$pause_s"
done
