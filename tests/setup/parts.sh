#!/usr/bin/env bash
# Fetches what the tests need besides Python packages: Kafka's jars and a browser.
# With CI=true a missing part is an error; elsewhere the tests that need it are skipped.
set -euo pipefail
missing() {
  echo "missing: $1" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
}

.venv/bin/python -m tests.kafka.jars || missing "Apache Kafka (needs Java 17 and Maven)"

if [ "${1:-}" != kafka ] && ! command -v chromium >/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing Chromium ..."
    (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) >/dev/null \
      || missing "Chromium"
  else
    missing "Chromium (install Debian's package chromium)"
  fi
fi
