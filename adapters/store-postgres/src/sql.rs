//! The SQL statements, generated once for the configured schema.
//!
//! Every statement names its schema and, in addition to the policies, its tenant: a mistake in one
//! of the two alone leaks nothing.

use flowcontrol_contract::projection::{Column, ColumnType, PROJECTIONS, Projection};
use flowcontrol_contract::sql::{identifier, literal};
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use std::sync::Arc;

/// The session's staging table of an import, without its schema `pg_temp`.
pub(crate) const STAGE: &str = "flowcontrol_stage";

/// Tables that the store needs.
pub(crate) const TABLES: [&str; 13] = [
    "tenants",
    "organisations",
    "users",
    "permissions",
    "records",
    "orders",
    "documents",
    "invoices",
    "payments",
    "audit_events",
    "replay_chunks",
    "freeze_windows",
    "cutover_parts",
];

type Text = Arc<str>;

/// The statements of one projection.
pub(crate) struct ProjectionSql {
    pub(crate) projection: &'static Projection,
    /// Fills the table from `records` above a sequence number: (tenant, after).
    pub(crate) from_records: Text,
    /// Fills the table from the staging table: (tenant).
    pub(crate) from_stage: Text,
    /// Reads rows as text, with the record's id: (tenant, after, limit).
    pub(crate) rows: Text,
}

/// The statements, with their parameters in brackets.
pub(crate) struct Sql {
    persistent: bool,
    /// (setting, tenant, statement timeout, lock timeout): returns what the setting was before.
    ///
    /// Also sets durable commits, and plans that read in key order: a table that was just filled
    /// has no statistics, and a bitmap scan would read and sort all remaining rows for each batch.
    pub(crate) open: Text,
    /// (statement timeout, lock timeout): the same for the session, without the tenant.
    pub(crate) tune: Text,
    /// (setting, tenant, id): one record, as its own transaction, and what the setting was before;
    /// the other columns are null if there is no record.
    pub(crate) one: Text,
    /// (key): waits for other writers of the tenant.
    pub(crate) lock: Text,
    /// (tenant, actors): head, whether the tenant is enrolled, the actors that are not.
    pub(crate) state: Text,
    /// (tenant): the last sequence number.
    pub(crate) head: Text,
    /// (tenant, ids): records with these ids.
    pub(crate) by_ids: Text,
    /// (tenant, after, up to, limit): records in order.
    pub(crate) range: Text,
    /// (tenant, head, ids, kinds, actors, times, payloads).
    pub(crate) append: Text,
    /// (tenant): copies the staged records.
    pub(crate) from_stage: Text,
    /// Creates the staging table for the session, and for one transaction.
    pub(crate) stage_session: Text,
    pub(crate) stage_transaction: Text,
    pub(crate) stage_copy: Text,
    /// (tenant): the snapshots that were imported.
    pub(crate) ledger: Text,
    /// (tenant, first, last, snapshot, chunk digest).
    pub(crate) ledger_add: Text,
    /// (tenant, numbers): records with these sequence numbers, in order.
    pub(crate) by_seqs: Text,
    /// (tenant, batch): the last sequence number of a batch.
    pub(crate) batch_end: Text,
    /// (tenant, batch, first, last, records, snapshot, part digest).
    pub(crate) part_add: Text,
    /// (tenant, ids): events with these ids: id, actor, source, payload.
    pub(crate) events: Text,
    /// (tenant, ids, actors, sources, payloads).
    pub(crate) events_add: Text,
    /// (tenant, id, limit): events of appends after that one, in order.
    pub(crate) trail: Text,
    /// (tenant): how many events there are.
    pub(crate) events_count: Text,
    /// (tenant, snapshot): the tenant's entry in the snapshot's manifest.
    pub(crate) manifest_add: Text,
    /// (tenant, id): windows in force and the one of this id, times in microseconds: id, reason,
    /// raised, expires, refused, whether lifted, whether in force.
    pub(crate) windows: Text,
    /// (tenant, id, end, reason, beginning).
    pub(crate) window_add: Text,
    /// (tenant, id, end).
    pub(crate) window_move: Text,
    /// (tenant, id): lifts it if it is in force.
    pub(crate) window_lift: Text,
    /// (tenant, id): counts one more refusal.
    pub(crate) window_count: Text,
    /// (): the server's clock in microseconds.
    pub(crate) clock: Text,
    /// (tenant, name).
    pub(crate) put_tenant: Text,
    /// (tenant, names).
    pub(crate) put_organisations: Text,
    /// (tenant, ids, roles, names, organisations, permissions as JSON arrays).
    pub(crate) put_users: Text,
    /// (tenant, users, permissions) pairwise.
    pub(crate) put_permissions: Text,
    /// (tenant, enrolled users, users, permissions): what the users hold beyond the pairs.
    pub(crate) surplus_permissions: Text,
    /// (tenant, users, permissions) pairwise.
    pub(crate) drop_permissions: Text,
    /// (tenant).
    pub(crate) tenant_name: Text,
    /// (tenant): actors with their permissions, from `users` and from `permissions`.
    pub(crate) actors: Text,
    /// (): rows of each table and tenant.
    pub(crate) count_all: Text,
    /// (tenant): rows of each table.
    pub(crate) count_one: Text,
    pub(crate) projections: Vec<ProjectionSql>,
}

/// The tables that are read back besides the projections, in order.
pub(crate) const CORE_TABLES: [&str; 3] = ["tenants", "users", "records"];

impl Sql {
    /// Statements for `schema`; unnamed ones behind a transaction pooler.
    pub(crate) fn new(schema: &str, transaction_pooler: bool) -> Self {
        let s = identifier(schema);
        let columns = "seq, record_id, kind, actor_id, occurred_at";
        let text = |t: String| Text::from(t);
        let counted: Vec<_> = CORE_TABLES
            .into_iter()
            .chain(PROJECTIONS.iter().map(|p| p.table))
            .enumerate()
            .collect();
        let count = |tail: &str| {
            counted
                .iter()
                .map(|(place, t)| {
                    format!(
                        "select {place} as place, '{t}' as name, tenant_id, count(*) as n \
                         from {s}.{t} {tail}group by tenant_id"
                    )
                })
                .collect::<Vec<_>>()
                .join(" union all ")
        };
        Self {
            persistent: !transaction_pooler,
            open: text(
                "with before as materialized ( \
                   select coalesce(current_setting($1, true), '') as tenant, \
                          current_setting('synchronous_commit') as sync) \
                 select tenant, set_config($1, $2, true), \
                        set_config('statement_timeout', $3, true), \
                        set_config('lock_timeout', $4, true), \
                        set_config('search_path', 'pg_catalog, pg_temp', true), \
                        set_config('enable_bitmapscan', 'off', true), \
                        set_config('jit', 'off', true), \
                        set_config('synchronous_commit', \
                                   case sync when 'off' then 'on' else sync end, true) \
                 from before"
                    .into(),
            ),
            tune: text(
                "select set_config('statement_timeout', $1, false), \
                        set_config('lock_timeout', $2, false), \
                        set_config('search_path', 'pg_catalog, pg_temp', false), \
                        set_config('enable_bitmapscan', 'off', false), \
                        set_config('jit', 'off', false)"
                    .into(),
            ),
            one: text(format!(
                "with before as materialized ( \
                   select coalesce(current_setting($1, true), '') as tenant), \
                 opened as materialized ( \
                   select tenant, set_config($1, $2, true) as own from before) \
                 select {columns}, payload, opened.tenant from opened \
                 left join lateral ( \
                   select {columns}, payload::text as payload from {s}.records \
                   where tenant_id = opened.own and record_id = $3 offset 0) found on true"
            )),
            lock: text("select pg_advisory_xact_lock($1)".into()),
            state: text(format!(
                "select coalesce((select seq from {s}.records where tenant_id = $1 \
                                  order by seq desc limit 1), 0), \
                        exists (select from {s}.tenants where tenant_id = $1), \
                        array(select a from unnest($2::text[]) a where not exists \
                              (select from {s}.users u where u.tenant_id = $1 and u.user_id = a))"
            )),
            head: text(format!(
                "select seq from {s}.records where tenant_id = $1 order by seq desc limit 1"
            )),
            by_ids: text(format!(
                "select {columns}, payload::text from {s}.records \
                 where tenant_id = $1 and record_id = any($2::text[]) order by seq"
            )),
            range: text(format!(
                "select {columns}, payload::text from {s}.records \
                 where tenant_id = $1 and seq > $2 and seq <= $3 order by seq limit $4"
            )),
            append: text(format!(
                "insert into {s}.records (tenant_id, {columns}, payload) \
                 select $1, $2 + b.place, b.id, b.kind, b.actor, b.at::timestamptz, b.payload::jsonb \
                 from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) \
                      with ordinality as b (id, kind, actor, at, payload, place)"
            )),
            from_stage: text(format!(
                "insert into {s}.records (tenant_id, {columns}, payload) \
                 select $1, {columns}, payload from pg_temp.{STAGE}"
            )),
            stage_session: text(stage("delete rows")),
            stage_transaction: text(stage("drop")),
            stage_copy: text(format!(
                "copy pg_temp.{STAGE} ({columns}, payload) from stdin (format binary)"
            )),
            ledger: text(format!(
                "select snapshot_sha256 from {s}.replay_chunks where tenant_id = $1 \
                 union select snapshot_sha256 from {s}.cutover_parts where tenant_id = $1"
            )),
            ledger_add: text(format!(
                "insert into {s}.replay_chunks \
                   (tenant_id, first_seq, last_seq, snapshot_sha256, sha256) \
                 values ($1, $2, $3, $4, $5)"
            )),
            by_seqs: text(format!(
                "select {columns}, payload::text from {s}.records \
                 where tenant_id = $1 and seq = any($2::bigint[]) order by seq"
            )),
            batch_end: text(format!(
                "select coalesce(max(last_seq), 0) from {s}.cutover_parts \
                 where tenant_id = $1 and batch = $2"
            )),
            part_add: text(format!(
                "insert into {s}.cutover_parts \
                   (tenant_id, batch, first_seq, last_seq, records, snapshot_sha256, sha256) \
                 values ($1, $2, $3, $4, $5, $6, $7)"
            )),
            events: text(format!(
                "select event_id, actor_id, source, payload::text from {s}.audit_events \
                 where tenant_id = $1 and event_id = any($2::text[])"
            )),
            events_add: text(format!(
                "insert into {s}.audit_events (tenant_id, event_id, actor_id, source, payload) \
                 select $1, e.id, e.actor, e.source, e.payload::jsonb \
                 from unnest($2::text[], $3::text[], $4::text[], $5::text[]) \
                      as e (id, actor, source, payload)"
            )),
            trail: text(format!(
                "select event_id, actor_id, source, payload::text from {s}.audit_events \
                 where tenant_id = $1 and event_id > $2 and starts_with(event_id, 'append-') \
                 order by event_id limit $3"
            )),
            events_count: text(format!(
                "select count(*) from {s}.audit_events where tenant_id = $1"
            )),
            manifest_add: text(format!(
                "insert into {s}.scenario_snapshots \
                   (tenant_id, snapshot_id, checksum, schema_version, payload) \
                 select t.tenant_id, $2, $2, 'BFGScenarioSnapshot.v1', jsonb_build_object( \
                   'tenant', t.tenant_id, 'name', t.name, 'actors', \
                   (select coalesce(jsonb_agg(jsonb_build_object('id', u.user_id, \
                      'display_name', u.display_name, 'organisation', u.organisation, \
                      'role', u.role_key, 'permissions', u.permissions) \
                      order by u.user_id collate \"C\"), '[]') \
                    from {s}.users u where u.tenant_id = $1)) \
                 from {s}.tenants t where t.tenant_id = $1"
            )),
            windows: text(format!(
                "select window_id, reason, {}, {}, refused, lifted_at is not null, {IN_FORCE} \
                 from {s}.freeze_windows where tenant_id = $1 and (window_id = $2 or {IN_FORCE}) \
                 order by window_id",
                micros("raised_at"),
                micros("expires_at")
            )),
            window_add: text(format!(
                "insert into {s}.freeze_windows \
                   (tenant_id, window_id, expires_at, reason, raised_at) \
                 values ($1, $2, $3::timestamptz, $4, $5::timestamptz)"
            )),
            window_move: text(format!(
                "update {s}.freeze_windows set expires_at = $3::timestamptz \
                 where tenant_id = $1 and window_id = $2"
            )),
            window_lift: text(format!(
                "update {s}.freeze_windows set lifted_at = clock_timestamp() \
                 where tenant_id = $1 and window_id = $2 and {IN_FORCE}"
            )),
            window_count: text(format!(
                "update {s}.freeze_windows set refused = refused + 1 \
                 where tenant_id = $1 and window_id = $2"
            )),
            clock: text(format!("select {}", micros("clock_timestamp()"))),
            put_tenant: text(format!(
                "insert into {s}.tenants as t (tenant_id, name) values ($1, $2) \
                 on conflict (tenant_id) do update set name = excluded.name \
                 where t.name is distinct from excluded.name"
            )),
            put_organisations: text(format!(
                "insert into {s}.organisations (tenant_id, name) \
                 select $1, o from unnest($2::text[]) o \
                 where not exists (select from {s}.organisations k \
                                   where k.tenant_id = $1 and k.name = o)"
            )),
            put_users: text(format!(
                "insert into {s}.users as u \
                   (tenant_id, user_id, role_key, display_name, organisation, permissions) \
                 select $1, n.id, n.role, n.name, n.organisation, \
                        array(select jsonb_array_elements_text(n.permissions::jsonb)) \
                 from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) \
                      as n (id, role, name, organisation, permissions) \
                 on conflict (tenant_id, user_id) do update \
                 set role_key = excluded.role_key, display_name = excluded.display_name, \
                     organisation = excluded.organisation, permissions = excluded.permissions \
                 where (u.role_key, u.display_name, u.organisation, u.permissions) is distinct from \
                       (excluded.role_key, excluded.display_name, excluded.organisation, \
                        excluded.permissions)"
            )),
            put_permissions: text(format!(
                "insert into {s}.permissions (tenant_id, user_id, permission) \
                 select $1, n.id, n.permission \
                 from unnest($2::text[], $3::text[]) as n (id, permission) \
                 where not exists (select from {s}.permissions p where p.tenant_id = $1 \
                                   and p.user_id = n.id and p.permission = n.permission)"
            )),
            surplus_permissions: text(format!(
                "select p.user_id, p.permission from {s}.permissions p \
                 where p.tenant_id = $1 and p.user_id = any($2::text[]) \
                   and not exists (select from unnest($3::text[], $4::text[]) as n (id, permission) \
                                   where n.id = p.user_id and n.permission = p.permission)"
            )),
            drop_permissions: text(format!(
                "delete from {s}.permissions p \
                 using unnest($2::text[], $3::text[]) as n (id, permission) \
                 where p.tenant_id = $1 and p.user_id = n.id and p.permission = n.permission"
            )),
            tenant_name: text(format!("select name from {s}.tenants where tenant_id = $1")),
            actors: text(format!(
                "select u.user_id, u.display_name, u.organisation, u.role_key, u.permissions, \
                        array(select p.permission from {s}.permissions p \
                              where p.tenant_id = u.tenant_id and p.user_id = u.user_id \
                              order by p.permission collate \"C\") \
                 from {s}.users u where u.tenant_id = $1 order by u.user_id collate \"C\""
            )),
            count_all: text(format!(
                "select name, tenant_id, n from ({}) c order by place, tenant_id collate \"C\"",
                count("")
            )),
            count_one: text(format!(
                "select name, tenant_id, n from ({}) c order by place",
                count("where tenant_id = $1 ")
            )),
            projections: PROJECTIONS.iter().map(|p| projection(&s, p)).collect(),
        }
    }

    /// A query with one of these statements.
    pub(crate) fn query(&self, text: &Text) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(sqlx::AssertSqlSafe(Arc::clone(text))).persistent(self.persistent)
    }

    /// A projection's statements by its table.
    pub(crate) fn projection(&self, table: &str) -> Option<&ProjectionSql> {
        self.projections.iter().find(|p| p.projection.table == table)
    }
}

/// Whether a row of `freeze_windows` is in force now: not as of the start of the transaction, which
/// may have waited for a lock.
const IN_FORCE: &str = "(lifted_at is null and expires_at > clock_timestamp())";

/// A time as a whole number of microseconds.
fn micros(time: &str) -> String {
    format!("(extract(epoch from {time}) * 1000000)::bigint")
}

fn stage(on_commit: &str) -> String {
    format!(
        "create temporary table {STAGE} (seq bigint, record_id text, kind text, actor_id text, \
         occurred_at timestamptz, payload jsonb) on commit {on_commit}"
    )
}

fn projection(s: &str, p: &'static Projection) -> ProjectionSql {
    let table = identifier(p.table);
    let names = p.columns.iter().map(|c| identifier(c.name)).collect::<Vec<_>>().join(", ");
    let values = p.columns.iter().map(value).collect::<Vec<_>>().join(", ");
    let texts =
        p.columns.iter().map(|c| format!("{}::text", identifier(c.name))).collect::<Vec<_>>();
    let kind = literal(p.kind.name());
    let insert =
        format!("insert into {s}.{table} (tenant_id, seq, {names}) select $1, seq, {values}");
    ProjectionSql {
        projection: p,
        from_records: Text::from(format!(
            "{insert} from {s}.records where tenant_id = $1 and seq > $2 and kind = {kind}"
        )),
        from_stage: Text::from(format!("{insert} from pg_temp.{STAGE} where kind = {kind}")),
        rows: Text::from(format!(
            "select seq, (select r.record_id from {s}.records r \
                          where r.tenant_id = t.tenant_id and r.seq = t.seq), {} \
             from {s}.{table} t where tenant_id = $1 and seq > $2 order by seq limit $3",
            texts.join(", ")
        )),
    }
}

fn value(column: &Column) -> String {
    let text = match column.path {
        [key] => format!("payload ->> {}", literal(key)),
        path => {
            let keys = path.iter().map(|key| literal(key)).collect::<Vec<_>>().join(", ");
            format!("payload #>> array[{keys}]")
        }
    };
    match column.ty {
        ColumnType::Decimal => format!("({text})::numeric"),
        ColumnType::Text | ColumnType::Currency => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Sql, identifier};

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(identifier("a\"; drop"), "\"a\"\"; drop\"");
    }

    #[test]
    fn projections_follow_the_contract() {
        let sql = Sql::new("bfg_flowcontrol", false);
        let orders = sql.projection("orders").unwrap();
        assert!(
            orders.from_stage.contains("(payload #>> array[E'price', E'amount'])::numeric"),
            "{}",
            orders.from_stage
        );
        assert!(orders.from_records.contains("kind = E'order'"), "{}", orders.from_records);
        assert!(sql.projection("risks").is_none());
    }
}
