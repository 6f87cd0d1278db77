//! Derives verdicts from outcomes. Pure; the only module that decides what counts as held.
//!
//! An attack is compared with its control: the same statement where it must succeed. An attack that
//! fails while its control fails too proves nothing, unless the catalog explains both.

use super::report::ProbeVerdict;
use super::session::{AttemptOutcome, ServerRefusal};

/// What the catalog says about the attacking login and the attacked table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The login holds the privileges that the statement needs.
    pub granted: bool,
    /// Some permissive policy lets the login do it to some row, or row-level security is off.
    pub admitted: bool,
    /// The other tenant has a row in the table, as a login that may read it has seen.
    pub exists: bool,
}

/// The detail for a login without a policy: row-level security denies by default.
pub const NO_POLICY: &str = "no policy lets this login do it to any row";

/// A verdict and one sentence on how it was reached.
pub type ProbeJudgement = (ProbeVerdict, String);

fn held(detail: impl Into<String>) -> ProbeJudgement {
    (ProbeVerdict::Held, detail.into())
}

fn leak(why: impl Into<String>) -> ProbeJudgement {
    let why = why.into();
    (ProbeVerdict::Leak(why.clone()), why)
}

fn unproved(why: impl Into<String>) -> ProbeJudgement {
    let why = why.into();
    (ProbeVerdict::Unproved(why.clone()), why)
}

fn privilege(standing: Standing, refusal: &ServerRefusal) -> ProbeJudgement {
    if standing.granted {
        unproved(format!(
            "refused for lack of a privilege on another object ({}), not on this one",
            refusal.describe()
        ))
    } else {
        held("the privilege is not granted to this login")
    }
}

/// Describes an outcome without the content of a row.
pub fn describe(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Rows(n) => format!("{n} rows"),
        AttemptOutcome::Refused(r) => format!("refused with {}", r.describe()),
        AttemptOutcome::Unprepared(r) => format!("could not be prepared: {}", r.describe()),
    }
}

/// For statements that read or filter: the attack must reach no row, the control must reach one.
pub fn reach(
    standing: Standing,
    attack: &AttemptOutcome,
    control: Option<&AttemptOutcome>,
) -> ProbeJudgement {
    match attack {
        AttemptOutcome::Rows(n) if *n > 0 => leak(format!("reached {n} rows of another tenant")),
        AttemptOutcome::Refused(r) if r.by_privilege() => privilege(standing, r),
        AttemptOutcome::Refused(r) if r.by_constraint() => leak(format!(
            "reached another tenant's row; only {} stopped the statement",
            r.describe()
        )),
        AttemptOutcome::Unprepared(r) => {
            unproved(format!("the other tenant's row could not be planted: {}", r.describe()))
        }
        AttemptOutcome::Refused(r) if !r.by_policy() => {
            unproved(format!("failed for another reason: {}", r.describe()))
        }
        AttemptOutcome::Rows(_) | AttemptOutcome::Refused(_) => match control {
            Some(AttemptOutcome::Rows(n)) if *n > 0 => held(format!(
                "{}; the same statement reaches {n} rows as the rows' own tenant",
                describe(attack)
            )),
            Some(AttemptOutcome::Refused(r)) if r.by_constraint() || r.code == "P0001" => {
                held(format!(
                    "{}; as the row's own tenant the statement reaches a row and only then fails",
                    describe(attack)
                ))
            }
            _ if !standing.admitted && standing.exists => held(NO_POLICY),
            _ if !standing.exists => {
                unproved("the other tenant has no row here: add a fixture for this table")
            }
            Some(other) => unproved(format!(
                "the control failed: as the row's own tenant the statement gave {}",
                describe(other)
            )),
            None => unproved("there was no control"),
        },
    }
}

/// For statements that write a row of another tenant: the attack must be refused by a policy, the
/// control must succeed.
pub fn write(
    standing: Standing,
    attack: &AttemptOutcome,
    control: Option<&AttemptOutcome>,
) -> ProbeJudgement {
    match attack {
        AttemptOutcome::Rows(0) => leak("swallowed without an error, as if it had been written"),
        AttemptOutcome::Rows(n) => leak(format!("wrote {n} rows of another tenant")),
        AttemptOutcome::Unprepared(r) => {
            unproved(format!("could not be prepared: {}", r.describe()))
        }
        AttemptOutcome::Refused(r) if r.by_privilege() => privilege(standing, r),
        AttemptOutcome::Refused(r) if r.by_policy() => match control {
            Some(AttemptOutcome::Rows(_)) => {
                held("refused by a policy; the same statement succeeds as the row's own tenant")
            }
            _ if !standing.admitted => {
                held("refused by row-level security: no policy lets this login do it to any row")
            }
            Some(other) => unproved(format!(
                "the control failed: as the row's own tenant the statement gave {}",
                describe(other)
            )),
            None => unproved("no row of this table could be built as a control: add a fixture"),
        },
        AttemptOutcome::Refused(r) if r.by_constraint() => match control {
            // The only difference between the two is the current tenant, and constraints are
            // judged after policies.
            Some(AttemptOutcome::Rows(_)) => {
                leak(format!("every policy let the row through; only {} stopped it", r.describe()))
            }
            _ => unproved(format!("failed for another reason: {}", r.describe())),
        },
        AttemptOutcome::Refused(r) => {
            unproved(format!("failed for another reason: {}", r.describe()))
        }
    }
}

/// For statements of a tenant without rows, or without a tenant: no row at all may be reached.
pub fn reaches_no_row(standing: Standing, attack: &AttemptOutcome) -> ProbeJudgement {
    match attack {
        AttemptOutcome::Rows(n) if *n > 0 => leak(format!("reached {n} rows that are not its own")),
        AttemptOutcome::Refused(r) if r.by_privilege() => privilege(standing, r),
        AttemptOutcome::Refused(r) if r.by_policy() => held("refused by row-level security"),
        // The setting does not exist, or an empty text is not a value of the tenant's type.
        AttemptOutcome::Refused(r) if matches!(r.code.as_str(), "42704" | "22P02") => {
            held(format!("refused: without a tenant the policy fails with {}", r.code))
        }
        AttemptOutcome::Refused(r) if r.by_constraint() => {
            leak(format!("reached a row; only {} stopped the statement", r.describe()))
        }
        AttemptOutcome::Refused(r) if r.code == "57014" => {
            unproved("exceeded its time limit, which a statement without rows does not")
        }
        AttemptOutcome::Refused(r) => {
            unproved(format!("failed for another reason: {}", r.describe()))
        }
        AttemptOutcome::Unprepared(r) => {
            unproved(format!("could not be prepared: {}", r.describe()))
        }
        AttemptOutcome::Rows(_) if !standing.exists => {
            unproved("the table has no row: add a fixture for this table")
        }
        AttemptOutcome::Rows(_) => held("reached no row, although rows exist"),
    }
}

/// For what no probed login may do at all: only a refusal for lack of a privilege counts.
pub fn denied(attack: &AttemptOutcome) -> ProbeJudgement {
    match attack {
        AttemptOutcome::Refused(r) if r.code == "42501" => held("refused with 42501"),
        AttemptOutcome::Rows(_) => leak("was allowed"),
        // Privileges are checked first, so any other failure means that they are granted.
        AttemptOutcome::Refused(r)
            if matches!(r.code.as_str(), "55P03" | "2BP01" | "0A000" | "55006") =>
        {
            leak(format!("the privilege is granted; only {} stopped it", r.describe()))
        }
        AttemptOutcome::Refused(r) => {
            unproved(format!("failed for another reason: {}", r.describe()))
        }
        AttemptOutcome::Unprepared(r) => {
            unproved(format!("could not be prepared: {}", r.describe()))
        }
    }
}

/// For COPY FROM: refused for every login that policies apply to.
pub fn copy_from(standing: Standing, attack: &AttemptOutcome) -> ProbeJudgement {
    match attack {
        AttemptOutcome::Refused(r) if r.code == "0A000" => {
            held("refused with 0A000: COPY FROM is not allowed for logins under row-level security")
        }
        AttemptOutcome::Refused(r) if r.by_privilege() => privilege(standing, r),
        AttemptOutcome::Rows(_) => {
            leak("COPY FROM was accepted: the login is not under row-level security")
        }
        other => unproved(format!("failed for another reason: {}", describe(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Standing = Standing { granted: true, admitted: true, exists: true };

    fn refused(code: &str, routine: &str) -> AttemptOutcome {
        AttemptOutcome::Refused(ServerRefusal {
            code: code.into(),
            routine: routine.into(),
            constraint: None,
        })
    }

    fn policy() -> AttemptOutcome {
        refused("42501", "ExecWithCheckOptions")
    }

    fn acl() -> AttemptOutcome {
        refused("42501", "aclcheck_error")
    }

    #[test]
    fn no_row_is_held_only_beside_a_control_that_reaches_one() {
        let none = AttemptOutcome::Rows(0);
        assert_eq!(reach(FULL, &none, Some(&AttemptOutcome::Rows(1))).0, ProbeVerdict::Held);
        assert!(matches!(reach(FULL, &none, Some(&none)).0, ProbeVerdict::Unproved(_)));
        assert!(matches!(reach(FULL, &none, None).0, ProbeVerdict::Unproved(_)));
        assert!(matches!(reach(FULL, &AttemptOutcome::Rows(1), None).0, ProbeVerdict::Leak(_)));
    }

    #[test]
    fn a_table_without_rows_is_never_held() {
        let empty = Standing { exists: false, ..FULL };
        assert!(matches!(
            reach(empty, &AttemptOutcome::Rows(0), Some(&AttemptOutcome::Rows(0))).0,
            ProbeVerdict::Unproved(_)
        ));
        assert!(matches!(
            reaches_no_row(empty, &AttemptOutcome::Rows(0)).0,
            ProbeVerdict::Unproved(_)
        ));
        let closed = Standing { admitted: false, ..empty };
        assert!(matches!(
            reach(closed, &AttemptOutcome::Rows(0), None).0,
            ProbeVerdict::Unproved(_)
        ));
    }

    #[test]
    fn a_privilege_refusal_counts_only_where_the_privilege_is_withheld() {
        let withheld = Standing { granted: false, ..FULL };
        assert_eq!(write(withheld, &acl(), None).0, ProbeVerdict::Held);
        assert!(matches!(write(FULL, &acl(), None).0, ProbeVerdict::Unproved(_)));
        assert!(matches!(reach(FULL, &acl(), None).0, ProbeVerdict::Unproved(_)));
    }

    #[test]
    fn a_constraint_is_no_policy() {
        let constraint = refused("23503", "ri_ReportViolation");
        assert!(matches!(
            write(FULL, &constraint, Some(&AttemptOutcome::Rows(1))).0,
            ProbeVerdict::Leak(_)
        ));
        assert!(matches!(write(FULL, &constraint, Some(&constraint)).0, ProbeVerdict::Unproved(_)));
        assert!(matches!(
            reach(FULL, &constraint, Some(&AttemptOutcome::Rows(1))).0,
            ProbeVerdict::Leak(_)
        ));
    }

    #[test]
    fn a_policy_refusal_needs_its_control() {
        assert_eq!(write(FULL, &policy(), Some(&AttemptOutcome::Rows(1))).0, ProbeVerdict::Held);
        let broken = refused("23502", "ExecConstraints");
        assert!(matches!(write(FULL, &policy(), Some(&broken)).0, ProbeVerdict::Unproved(_)));
    }

    #[test]
    fn silence_after_a_write_is_a_leak() {
        assert!(matches!(
            write(FULL, &AttemptOutcome::Rows(0), Some(&AttemptOutcome::Rows(0))).0,
            ProbeVerdict::Leak(_)
        ));
    }

    #[test]
    fn only_42501_denies() {
        assert_eq!(denied(&acl()).0, ProbeVerdict::Held);
        assert!(matches!(denied(&AttemptOutcome::Rows(0)).0, ProbeVerdict::Leak(_)));
        assert!(matches!(denied(&refused("55P03", "x")).0, ProbeVerdict::Leak(_)));
        assert!(matches!(
            denied(&refused("42601", "scanner_yyerror")).0,
            ProbeVerdict::Unproved(_)
        ));
    }

    #[test]
    fn copy_from_is_refused_for_the_named_reason() {
        assert_eq!(copy_from(FULL, &refused("0A000", "DoCopy")).0, ProbeVerdict::Held);
        assert!(matches!(copy_from(FULL, &AttemptOutcome::Rows(1)).0, ProbeVerdict::Leak(_)));
        assert!(matches!(copy_from(FULL, &acl()).0, ProbeVerdict::Unproved(_)));
    }
}
