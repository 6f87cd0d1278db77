#!/usr/bin/env bash
# Starts the provider with the demo's realm. Nothing here has a default password.
set -euo pipefail
for name in KC_BOOTSTRAP_ADMIN_PASSWORD BFG_DEMO_PASSWORD BFG_OIDC_CLIENT_SECRET; do
    [ -n "${!name:-}" ] || { echo "set ${name/KC_BOOTSTRAP/BFG_PROVIDER} before docker-compose up" >&2; exit 1; }
done
exec /opt/keycloak/bin/kc.sh start-dev --import-realm
