//! Waivers: findings that a team accepts, each with its reason, in `waivers.toml` beside the migrations.

use super::lint::{Finding, RULES, Severity};
use serde::Deserialize;

/// One accepted kind of finding in one file or on one object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The rule's name.
    pub rule: String,
    /// A file's path inside the folder, for rules on files.
    #[serde(default)]
    pub file: Option<String>,
    /// An object's name as findings print it, for rules on the catalog.
    #[serde(default)]
    pub object: Option<String>,
    /// The reason why it is accepted.
    #[serde(default)]
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

/// Parses `waivers.toml`.
///
/// # Errors
/// A sentence that says which line is wrong.
pub fn parse(text: &str) -> Result<Vec<Waiver>, String> {
    toml::from_str::<File>(text)
        .map(|file| file.waiver)
        .map_err(|e| format!("is not a list of waivers: {}", e.to_string().trim()))
}

impl Waiver {
    fn covers(&self, finding: &Finding) -> bool {
        let same = |wanted: &Option<String>, found: &Option<String>| match wanted {
            Some(_) => wanted == found,
            None => true,
        };
        self.well_formed().is_ok()
            && self.rule == finding.rule
            && same(&self.file, &finding.file)
            && same(&self.object, &finding.object)
    }

    fn well_formed(&self) -> Result<(), &'static str> {
        if self.reason.trim().is_empty() {
            return Err("gives no reason");
        }
        if self.file.is_none() && self.object.is_none() {
            return Err("names neither a file nor an object");
        }
        if !RULES.iter().any(|rule| rule.name == self.rule) {
            return Err("names a rule that does not exist");
        }
        Ok(())
    }

    fn title(&self) -> String {
        let place = self.file.as_deref().or(self.object.as_deref()).unwrap_or("nothing");
        format!("the waiver of {} for {place}", self.rule)
    }
}

/// Marks the findings that `waivers` accept, and adds a finding for each waiver that is not valid
/// or matches nothing. `with_catalog` says whether the catalog rules ran: if they did
/// not, a waiver of one of them is not reported as unused.
pub fn settle(mut findings: Vec<Finding>, waivers: &[Waiver], with_catalog: bool) -> Vec<Finding> {
    let mut about = Vec::new();
    for waiver in waivers {
        if let Err(wrong) = waiver.well_formed() {
            about.push(complaint("waiver-invalid", format!("{} {wrong}", waiver.title())));
            continue;
        }
        let mut used = false;
        for finding in findings.iter_mut().filter(|f| waiver.covers(f)) {
            finding.waived = Some(waiver.reason.trim().to_owned());
            used = true;
        }
        let judged =
            RULES.iter().any(|rule| rule.name == waiver.rule && (with_catalog || !rule.catalog));
        if !used && judged {
            about
                .push(complaint("waiver-unused", format!("{} matches no finding", waiver.title())));
        }
    }
    findings.extend(about);
    findings
}

fn complaint(rule: &'static str, message: String) -> Finding {
    Finding {
        rule,
        severity: Severity::Error,
        file: Some("waivers.toml".to_owned()),
        line: None,
        object: None,
        message,
        hint: "correct the waiver, or delete it if the finding no longer exists".to_owned(),
        waived: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &'static str, file: &str) -> Finding {
        Finding { file: Some(file.to_owned()), ..complaint(rule, String::new()) }
    }

    fn rules(findings: &[Finding]) -> Vec<&str> {
        findings.iter().filter(|f| f.waived.is_none()).map(|f| f.rule).collect()
    }

    #[test]
    fn a_waiver_with_a_reason_marks_its_finding_and_no_other() {
        let waivers = parse(
            "[[waiver]]\nrule = \"truncate\"\nfile = \"0001_a.up.sql\"\nreason = \"empty table\"",
        )
        .unwrap();
        let found = vec![
            finding("truncate", "0001_a.up.sql"),
            finding("truncate", "0002_b.up.sql"),
            finding("drop-object", "0001_a.up.sql"),
        ];
        let settled = settle(found, &waivers, true);
        assert_eq!(settled[0].waived.as_deref(), Some("empty table"));
        assert_eq!(rules(&settled), ["truncate", "drop-object"]);
    }

    #[test]
    fn unused_reasonless_unknown_and_aimless_waivers_are_findings() {
        let waivers = parse(
            "[[waiver]]\nrule = \"truncate\"\nfile = \"0001_a.up.sql\"\nreason = \" \"\n\
             [[waiver]]\nrule = \"drop-object\"\nfile = \"0001_a.up.sql\"\nreason = \"x\"\n\
             [[waiver]]\nrule = \"no-such-rule\"\nfile = \"0001_a.up.sql\"\nreason = \"x\"\n\
             [[waiver]]\nrule = \"truncate\"\nreason = \"x\"",
        )
        .unwrap();
        let settled = settle(vec![finding("truncate", "0001_a.up.sql")], &waivers, true);
        assert_eq!(
            rules(&settled),
            ["truncate", "waiver-invalid", "waiver-unused", "waiver-invalid", "waiver-invalid"]
        );
    }

    #[test]
    fn a_catalog_waiver_is_not_unused_where_no_catalog_was_read() {
        let text = "[[waiver]]\nrule = \"table-force\"\nobject = \"s.t\"\nreason = \"x\"";
        let waivers = parse(text).unwrap();
        assert!(settle(Vec::new(), &waivers, false).is_empty());
        assert_eq!(rules(&settle(Vec::new(), &waivers, true)), ["waiver-unused"]);
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(parse("[[waiver]]\nrule = \"truncate\"\nfiles = \"x\"\nreason = \"x\"").is_err());
    }
}
