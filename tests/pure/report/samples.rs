//! Reports as rehearsals would leave them: healthy, leaking, mismatching, stopped early, hostile.

use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::{Verdict, schema};
use flowcontrol_gates::outcome::{
    CheckLine, Finding, IsolationCase, IsolationPart, Leak, MigrationPart, Mismatch, PacketRef,
    RehearsalDecision, RehearsalReport, ReplayPart, ReplayedTable, RollbackPart, Severity,
    SnapshotPart, StepId, StepStatus, TargetPart, Unproved, VerifyPart, verdict,
};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn pass(report: &mut RehearsalReport, id: StepId, seconds: f64, detail: &str) {
    let step = report.step_mut(id).unwrap();
    step.status = StepStatus::Passed;
    step.seconds = Some(seconds);
    step.detail = some(detail);
}

fn stop(report: &mut RehearsalReport, id: StepId, status: StepStatus, detail: &str, hint: &str) {
    let step = report.step_mut(id).unwrap();
    step.status = status;
    step.detail = some(detail);
    step.hint = some(hint);
}

fn migration(version: &str, name: &str, seconds: f64, lock: Option<&str>) -> MigrationPart {
    MigrationPart {
        version: version.into(),
        name: name.into(),
        seconds,
        max_lock: lock.map(str::to_owned),
        error: None,
    }
}

fn case(id: &str, title: &str, probes: u64) -> IsolationCase {
    IsolationCase { id: id.into(), title: title.into(), probes, leaks: 0 }
}

fn check(gate: &str, id: &str, verdict: Verdict, reason: &str) -> CheckLine {
    CheckLine { gate: gate.into(), id: id.into(), verdict, reason: reason.into() }
}

fn packet(schema: &str, sequence: u32) -> PacketRef {
    let sha256 = Digest::of(schema);
    let short = &sha256.to_string()[..8];
    let path = format!(".flowcontrol/evidence/{sequence:05}-{schema}-{short}.json");
    PacketRef { schema: schema.into(), sha256, path }
}

/// Nothing has run.
pub fn fresh() -> RehearsalReport {
    let at = Timestamp::parse("2026-03-01T06:30:00.25Z").unwrap();
    RehearsalReport::begin("0.1.0", "local-demo", at)
}

/// Everything passed.
pub fn healthy() -> RehearsalReport {
    let snapshot = Digest::of("snapshot");
    let mut report = fresh();
    report.session = some("grant-demo-local");
    report.seconds = 14.83;
    pass(&mut report, StepId::Freeze, 0.214, "12,000 records of 3 tenants");
    pass(&mut report, StepId::Target, 3.02, "cluster started; 4 connection probes answered");
    pass(
        &mut report,
        StepId::Migrate,
        1.4,
        "2 migrations; down and up again gave the same catalog",
    );
    pass(&mut report, StepId::Replay, 0.9, "12 chunks as bfg_replayer, which is subject to RLS");
    pass(&mut report, StepId::Verify, 2.1, "every digest and count is equal");
    pass(&mut report, StepId::Isolation, 5.0, "every probe was held");
    pass(&mut report, StepId::Rollback, 2.0, "exported to a fresh file store; target disposed of");
    pass(&mut report, StepId::Evidence, 0.02, "2 packets sealed");
    report.snapshot = Some(SnapshotPart::new(snapshot, 12_000));
    report.target = Some(TargetPart {
        kind: "local".into(),
        server_version: "17.6".into(),
        image: None,
        identity: None,
        server: None,
        chosen_because: some("no Docker engine answered at /var/run/docker.sock"),
    });
    report.migrations = Some(vec![
        migration("0001", "runbook", 0.048, None),
        migration("0002", "harden_tenant_isolation", 1.35, Some("AccessExclusiveLock")),
    ]);
    report.findings = Some(vec![Finding {
        rule: "rls-without-force".into(),
        severity: Severity::Error,
        file: some("migrations/0001_runbook.up.sql"),
        line: Some(31),
        object: some("bfg_flowcontrol.users"),
        message: "row-level security is enabled and not forced".into(),
        hint: some("add ALTER TABLE ... FORCE ROW LEVEL SECURITY"),
        waived: some("0002 forces it; an applied file is never edited"),
    }]);
    let table =
        |name: &str, rows| ReplayedTable { name: name.into(), rows, sha256: Digest::of(name) };
    report.replay = Some(ReplayPart {
        records: 12_000,
        chunks: 12,
        seconds: 0.84,
        tables: vec![table("records", 12_000), table("orders", 3_100), table("invoices", 1)],
    });
    report.verify = Some(VerifyPart {
        matched: true,
        method: "one reader that sees every row (bfg_verifier)".into(),
        tables: 3,
        rows: 15_101,
        mismatches: Vec::new(),
    });
    report.isolation = Some(IsolationPart {
        probes: 412,
        cases: vec![
            case("read-other-tenant", "SELECT of another tenant's rows", 96),
            case("write-other-tenant", "INSERT and UPDATE into another tenant", 316),
            case("partition", "a partition queried directly", 0),
        ],
        leaks: Vec::new(),
    });
    report.rollback = Some(RollbackPart { sha256: snapshot, equal: true });
    report.unproved.push(Unproved {
        what: "TLS certificate of production".into(),
        why: "a throw-away target has a generated certificate; run `flowcontrol connect`".into(),
    });
    report.checks = vec![
        check("dry-run", "snapshot-export", Verdict::Ready, "12,000 records, bfg-e7a2d068"),
        check("connection", "tls-fingerprint", Verdict::Next, "the certificate is made locally"),
    ];
    report.packets = vec![packet(schema::CONNECTION, 1), packet(schema::DRY_RUN, 2)];
    report.decision = verdict::decide(&report);
    assert_eq!(report.decision, RehearsalDecision::Go, "{:?}", verdict::reasons(&report));
    report
}

/// Two ways from one tenant to another.
pub fn leaking() -> RehearsalReport {
    let mut report = healthy();
    let isolation = report.isolation.as_mut().unwrap();
    isolation.cases[0].leaks = 2;
    isolation.leaks = vec![
        Leak {
            case: "read-other-tenant".into(),
            object: "bfg_flowcontrol.orders".into(),
            message: "as bfg_application with tenant a, SELECT returned 3 rows of tenant b: \
                      policy orders_all says USING (true)"
                .into(),
            hint: some("drop policy orders_all, or make it RESTRICTIVE"),
            file: some("migrations/0002_harden_tenant_isolation.up.sql"),
            line: Some(12),
        },
        Leak {
            case: "read-other-tenant".into(),
            object: "bfg_flowcontrol.order_totals".into(),
            message: "the view runs as its owner, so it shows every tenant".into(),
            hint: None,
            file: None,
            line: None,
        },
    ];
    stop(
        &mut report,
        StepId::Isolation,
        StepStatus::Failed,
        "2 leaks, named below",
        "mend the policies that the leaks name, as a new migration, then rehearse again",
    );
    report.decision = verdict::decide(&report);
    report
}

/// What was read is not what was sent, and a lint error stands.
pub fn mismatching() -> RehearsalReport {
    let mut report = healthy();
    let verify = report.verify.as_mut().unwrap();
    verify.matched = false;
    verify.mismatches = vec![
        Mismatch {
            table: "records".into(),
            tenant: some("tenant-01"),
            row: some("seq 118"),
            message: "its content differs".into(),
            expected: some(&Digest::of("sent").to_string()),
            found: some(&Digest::of("read").to_string()),
        },
        Mismatch {
            table: "orders".into(),
            tenant: some("tenant-02"),
            row: None,
            message: "one row is missing".into(),
            expected: some("1,033 rows"),
            found: some("1,032 rows"),
        },
    ];
    let findings = report.findings.as_mut().unwrap();
    findings[0].waived = None;
    findings.push(Finding {
        rule: "missing-lock-timeout".into(),
        severity: Severity::Warning,
        file: some("migrations/0002_harden_tenant_isolation.up.sql"),
        line: Some(1),
        object: None,
        message: "no lock_timeout is set before a lock that blocks writers".into(),
        hint: some("begin the file with SET LOCAL lock_timeout = '2s'"),
        waived: None,
    });
    stop(
        &mut report,
        StepId::Verify,
        StepStatus::Failed,
        "2 mismatches, named below",
        "compare the named rows in the target with the snapshot",
    );
    report.rollback = Some(RollbackPart { sha256: Digest::of("other"), equal: false });
    stop(
        &mut report,
        StepId::Rollback,
        StepStatus::Failed,
        "what came back has another digest",
        "see the mismatches of step verify",
    );
    report.decision = verdict::decide(&report);
    report
}

/// Ctrl-C while migrating.
pub fn interrupted() -> RehearsalReport {
    let mut report = fresh();
    report.seconds = 4.1;
    pass(&mut report, StepId::Freeze, 0.2, "12,000 records of 3 tenants");
    pass(&mut report, StepId::Target, 3.02, "container started; 4 connection probes answered");
    report.snapshot = Some(SnapshotPart::new(Digest::of("snapshot"), 12_000));
    report.target = Some(TargetPart {
        kind: "container".into(),
        server_version: "17.6".into(),
        image: some("postgres:17@sha256:0f1e2d"),
        identity: None,
        server: None,
        chosen_because: some("a Docker engine answered and postgres:17 was there"),
    });
    let step = report.step_mut(StepId::Migrate).unwrap();
    step.status = StepStatus::Interrupted;
    step.seconds = Some(0.7);
    step.detail = some("stopped by Ctrl-C while 0002_harden_tenant_isolation ran");
    report.decision = verdict::decide(&report);
    report
}

/// Names and messages that try to be markup, commands, control sequences or new lines.
pub fn hostile() -> RehearsalReport {
    let nasty = "a|b`c\n::error::x\r\n<script>alert(1)</script> ]]> \u{1b}[2J 100% \"q\" & 'z'";
    let mut report = mismatching();
    report.session = some(nasty);
    report.step_mut(StepId::Verify).unwrap().detail = some(nasty);
    report.step_mut(StepId::Verify).unwrap().hint = some(nasty);
    let findings = report.findings.as_mut().unwrap();
    findings[0].rule = nasty.into();
    findings[0].file = some("migrations/a b,c:100%\n.sql");
    findings[0].message = nasty.into();
    findings[0].object = some(nasty);
    findings[1].waived = some(nasty);
    report.verify.as_mut().unwrap().mismatches[0].row = some(nasty);
    report.isolation.as_mut().unwrap().leaks.push(Leak {
        case: nasty.into(),
        object: nasty.into(),
        message: nasty.into(),
        hint: some(nasty),
        file: None,
        line: None,
    });
    report.unproved.push(Unproved { what: nasty.into(), why: nasty.into() });
    report.checks.push(check(nasty, nasty, Verdict::Blocked, nasty));
    report.decision = verdict::decide(&report);
    report
}

/// Every sample by name.
pub fn all() -> [(&'static str, RehearsalReport); 6] {
    [
        ("fresh", fresh()),
        ("healthy", healthy()),
        ("leaking", leaking()),
        ("mismatching", mismatching()),
        ("interrupted", interrupted()),
        ("hostile", hostile()),
    ]
}
