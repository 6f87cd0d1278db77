//! The commented configuration that `init` writes and that is built in as the demo.

/// A complete, commented `flowcontrol.toml`.
pub const TEMPLATE: &str = r#"# FlowControl configuration. It never holds secrets: refer to them as
# { env = "VARIABLE" } or { file = "/path" }.

# The active profile; --profile NAME overrides it.
profile = "local-demo"

# The scenario's session.
session = "grant-demo-local"

# Where the scenario, the evidence and the rehearsals are kept, relative to this file.
state = ".flowcontrol"

# The tenant that this deployment belongs to: its actors own gates, evidence, acceptances and rehearsals.
[deployment]
tenant = "bfg-control"

# The role keys with which the roster marks the owners of checks, and what permissions allow; these
# are the defaults.
# [owners]
# director = "managing_director"
# director_permission = "approve_release"
# dispatcher = "dispatcher"
# accountant = "accountant"
# [access]
# snapshot = ["view_audit"]
# gates = ["view_audit", "view_operations", "view_finance"]
# evidence = ["view_audit"]
# rehearse = ["manage_adapters"]
# see = { invoice = ["view_audit", "view_finance"] }      # kinds that are left out keep their default
# write = { invoice = ["issue_invoice"] }

# A profile names the kind of every port. There is no silent default.
[profiles.local-demo]
store = "file-local"
auth = "mock-auth-header"
ocr = "local-ocr"
ksef = "mock-ksef"
eta = "local-eta"
sync = "service-worker"

[profiles.staging]
store = "postgres-rls"
auth = "oidc-rbac"
ocr = "local-ocr"
ksef = "mock-ksef"
eta = "local-eta"
sync = "service-worker"

[profiles.production]
store = "postgres-rls"
auth = "oidc-rbac"
ocr = "document-ai"
ksef = "ksef-api"
eta = "maps-eta"
sync = "background-sync"
# Refuses an infrastructure decision for a region outside the European Union.
# residency = "eu"
# Days for which an acceptance counts, unless something that it is bound to changes before.
# acceptance_days = 90

# Each adapter's own configuration, by kind.
[adapters.file-local]
dir = ".flowcontrol/store"

# [adapters.postgres-rls]
# host = "db.example.org"
# database = "bfg"
# user = "bfg_application"
# password = { env = "BFG_APPLICATION_PASSWORD" }
# tenants = ["bfg-control"]

# Trusts the headers x-bfg-actor, x-bfg-tenant, x-bfg-role and x-bfg-permissions; on loopback only.
# [adapters.mock-auth-header]
# beyond_loopback = false

# Verifies access tokens of OpenID Providers. `adapters check auth` proves the mapping with a token of
# each issuer.
# [adapters.oidc-rbac]
# max_lifetime = 3600                  # longest lifetime of a token, in seconds
# [[adapters.oidc-rbac.issuers]]
# issuer = "https://idp.example.org/realms/bfg"
# audiences = ["https://api.bfg.example.org"]
# tenants = ["bfg-control"]            # tenants that this issuer may vouch for
# types = ["at+jwt"]                   # add "JWT" to accept it too
# probe_token = { env = "BFG_PROBE_TOKEN" }
# [adapters.oidc-rbac.issuers.claims]
# tenant = "/tenant"
# actor = "/sub"
# roles = { at = "/realm_access/roles", form = "array" }   # or "comma", "space"
# [adapters.oidc-rbac.roles]           # permissions of each role; other roles have none
# dispatcher = ["assign_driver", "create_order", "plan_route", "view_operations"]
# How people sign in: browsers at public_url, the command line with `auth login`.
# [adapters.oidc-rbac.client]
# client_id = "flowcontrol"            # redirect URI: <public_url>/auth/callback
# client_secret = { env = "BFG_OIDC_CLIENT_SECRET" }       # leave out for a public client
# device_client_id = "flowcontrol-cli" # a public client for the command line
# public_url = "https://flowcontrol.example.org"           # where browsers reach `serve`
# scopes = ["offline_access"]          # in addition to openid
# resource = "https://api.bfg.example.org"                 # if the provider requires it (RFC 8707)
# after_logout = "/"

# A KSeF simulator on loopback, for one taxpayer; it keeps its state.
# [adapters.mock-ksef]
# tenant = "bfg-control"
# nip = "5265877635"

# The real KSeF. What is sent to "prd" has legal effect, so it requires production = true.
# [adapters.ksef-api]
# environment = "test"                 # "demo", "prd"; or base_url of a KSeF on loopback
# tenant = "bfg-control"               # tenant whose invoices are sent in this context
# nip = "5265877635"
# certificate = { file = "/run/secrets/ksef-authentication.pem" }
# key = { file = "/run/secrets/ksef-authentication.key" }   # PKCS#8 without a password
# token = { env = "KSEF_TOKEN" }       # instead of certificate and key; KSeF ends tokens on 31 December 2026

# The migrations; without `dir` the built-in ones are used.
[migrations]
# dir = "migrations"
# Set to false for a schema without the scenario's tables: migrations and isolation are rehearsed,
# nothing is replayed. [[migrations.fixtures]] gives the probes rows of two tenants for each table.
# scenario = false
schema = "bfg_flowcontrol"
tenant_setting = "bfg.tenant_id"
tenant_column = "tenant_id"
lock_timeout_ms = 2000
statement_timeout_ms = 60000

# Database roles are cluster-wide; migrations only grant rights to them. `flowcontrol migrate roles`
# prints the SQL that creates them.
[roles]
owner = "bfg_owner"
application = "bfg_application"
replayer = "bfg_replayer"
auditor = "bfg_auditor"
verifier = "bfg_verifier"

[rehearsal]
image = "postgres:17"

# Public keys of actors, as `flowcontrol keys show FILE` prints them. An acceptance that is signed with
# `accept --key FILE` is proved to be the actor's; production takes no other.
# [keys]
# user_md_anna = "ed25519:..."

# The key that signs packets sealed on this machine, and the keys whose signatures are trusted.
# [evidence]
# signing_key = { file = "/run/secrets/flowcontrol.pem" }
# trusted = ["ed25519:..."]

# The key with which this service vouches for acceptances of callers signed in through OIDC, and the
# services whose vouching counts. Use it only where nobody but the service can read the key.
# [vouching]
# signing_key = { file = "/run/secrets/service.pem" }
# trusted = ["ed25519:..."]

# How this machine serves the Scenario API.
# [serve]
# listen = "127.0.0.1:8700"
# log = "json"          # one JSON object for each request, on standard error; default: text
# max_body_bytes = 8388608
# requests_a_second = 100
# session_minutes = 720                # from a browser's sign-in to the end of its session
# session_idle_minutes = 60            # from its last use

# An existing server. A rehearsal creates and drops a database of its own on it.
# [target.external]
# host = "db.example.org"
# port = 5432
# database = "bfg"
# tls = { ca = "/etc/ssl/db-ca.pem" }
# admin = { user = "bfg_admin", password = { env = "BFG_ADMIN_PASSWORD" } }
# owner = { user = "bfg_owner", password = { env = "BFG_OWNER_PASSWORD" } }
# application = { user = "bfg_application", password = { env = "BFG_APPLICATION_PASSWORD" } }
# replayer = { user = "bfg_replayer", password = { env = "BFG_REPLAYER_PASSWORD" } }
# auditor = { user = "bfg_auditor", password = { env = "BFG_AUDITOR_PASSWORD" } }
# verifier = { user = "bfg_verifier", password = { env = "BFG_VERIFIER_PASSWORD" } }
"#;
