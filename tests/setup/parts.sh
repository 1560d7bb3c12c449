#!/usr/bin/env bash
# Fetches what the tests need besides Python packages: Kafka's jars, a browser, strace and openssl.
# With CI=true a missing part is an error; elsewhere the tests that need it are skipped.
set -euo pipefail
missing() {
  echo "missing: $1" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
}

.venv/bin/python -m tests.kafka.jars || missing "Apache Kafka (needs Java 17 and Maven)"

[ "${1:-}" != kafka ] || exit 0

wanted=()
for tool in chromium strace openssl; do
  command -v "$tool" >/dev/null || wanted+=("$tool")
done
[ ${#wanted[@]} -gt 0 ] || exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing ${wanted[*]} ..."
  (apt-get update -qq && apt-get install -y -qq --no-install-recommends "${wanted[@]}") >/dev/null \
    || missing "${wanted[*]}"
else
  missing "${wanted[*]} (install Debian's packages of these names)"
fi
