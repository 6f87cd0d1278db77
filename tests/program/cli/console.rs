//! The fresh state against the console's page itself, panel by panel.

use super::place::{Place, page};
use serde_json::Value;

/// What stands right behind a gate's figure on the page.
const FIGURES: [(&str, &str); 11] = [
    ("connection", " connection checks"),
    ("dry-run", " kontroli dry-run"),
    ("checklist", " rehearsed"),
    ("release", " bramek release handoff"),
    ("rollback-drill", " kontroli rollbacku"),
    ("preflight", " with snapshot checksum"),
    ("runbook", " migration checks are ready"),
    ("cutover", " kontroli cutover"),
    ("infrastructure", " zaakceptowane\nProduction"),
    ("wiring", " lokalnych checks"),
    ("board", " decyzji gotowych"),
];

/// What stands right before a gate's decision.
const DECISIONS: [(&str, &str); 5] = [
    ("release", "Release is 3/5 with decision "),
    ("rollback-drill", "Rollback is 0/4 with decision "),
    ("runbook", "Runbook is 1/6 with decision "),
    ("cutover", "cutover_decision="),
    ("wiring", "Decision="),
];

fn gate<'a>(whole: &'a Value, id: &str) -> &'a Value {
    whole["gates"].as_array().unwrap().iter().find(|g| g["id"] == id).unwrap()
}

fn figure(whole: &Value, id: &str) -> String {
    let gate = gate(whole, id);
    format!("{}/{}", gate["passed"], gate["total"])
}

/// The word that ends where `behind` begins.
fn before<'a>(page: &'a str, behind: &str) -> &'a str {
    let (text, _) = page.split_once(behind).unwrap_or_else(|| panic!("no {behind:?}"));
    text.split_whitespace().last().unwrap()
}

/// The code that begins where `ahead` ends.
fn after<'a>(page: &'a str, ahead: &str) -> &'a str {
    let (_, text) = page.split_once(ahead).unwrap_or_else(|| panic!("no {ahead:?}"));
    text.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap()
}

/// The part of the page between two of its lines.
fn panel<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("\n{from}\n")).unwrap();
    rest.split_once(&format!("\n{to}\n")).unwrap().0
}

fn owners(whole: &Value, id: &str) -> Vec<String> {
    let checks = gate(whole, id)["checks"].as_array().unwrap();
    checks.iter().map(|c| c["owner"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_figure_decision_and_owner_of_the_page_is_the_fresh_states() {
    let Some(page) = page("every_figure_decision_and_owner_of_the_page_is_the_fresh_states") else {
        return;
    };
    let whole = Place::new().run("gates --format json").json();
    for (id, behind) in FIGURES {
        assert_eq!(figure(&whole, id), before(&page, behind), "{id}");
    }
    for (id, ahead) in DECISIONS {
        assert_eq!(gate(&whole, id)["decision"], after(&page, ahead), "{id}");
    }
    let acceptance =
        panel(&page, "Provider selection acceptance stub", "Infrastructure selection decision");
    let closed = acceptance.lines().filter(|l| *l == "Production NO-GO").count();
    assert_eq!(figure(&whole, "provider-acceptance"), format!("0/{closed}"));
    assert!(
        page.contains(&format!("traffic={}", whole["production"]["traffic"].as_str().unwrap()))
    );
    assert!(
        page.contains(&format!(
            "Production {}\n",
            whole["production"]["decision"].as_str().unwrap()
        ))
    );
    let percent = format!("Integration {}%\n", whole["readiness"]["percent"]);
    assert!(page.contains(&percent), "{percent}");

    // Two figures rest on adapters, and count those alone that this version has.
    let contracts = gate(&whole, "provider-contracts");
    let kept = page.lines().filter(|l| *l == "Kontrakt gotowy").count();
    assert_eq!(contracts["total"], kept);
    let shown = before(&page, " integration gates are ready");
    let session = &gate(&whole, "readiness")["checks"][1];
    let absent = u64::from(contracts["passed"] != contracts["total"])
        + u64::from(session["verdict"] != "ready");
    let ready = whole["readiness"]["passed"].as_u64().unwrap() + absent;
    assert_eq!(format!("{ready}/{}", whole["readiness"]["total"]), shown);

    let checklist: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("Owner: ")).collect();
    let board = panel(&page, "Tablica decyzji adaptera", "Migration runbook");
    let board: Vec<&str> =
        board.split("\nOwner\n\n").skip(1).map(|part| part.lines().next().unwrap()).collect();
    for (id, shown) in [("checklist", checklist), ("board", board)] {
        let owners = owners(&whole, id);
        assert_eq!(owners.len(), shown.len(), "{id}");
        for (owner, shown) in owners.iter().zip(shown) {
            assert!(shown.starts_with(owner.as_str()), "{id}: {owner}, {shown}");
        }
    }
    for id in ["provider-acceptance", "infrastructure"] {
        assert!(owners(&whole, id).iter().all(|owner| owner == "Anna Kowalska"), "{id}");
    }
    assert!(page.contains("\nRecord adapter connection evidence\n"));
    let next = whole["readiness"]["next_action"]["check"].as_str().unwrap();
    assert!(next.starts_with("connection/"), "{next}");
}

/// How the page shows the checks of a gate, in their order.
#[test]
fn every_verdict_of_the_page_is_the_fresh_states() {
    let Some(page) = page("every_verdict_of_the_page_is_the_fresh_states") else { return };
    let whole = Place::new().run("gates --format json").json();
    let panels = [
        ("checklist", "Checklista migracji DB/auth", "Tablica decyzji adaptera"),
        ("board", "1/7 decyzji gotowych", "Migration runbook"),
        ("runbook", "Production migration runbook", "1/6 ready"),
        ("connection", "0/4 connection checks", "ProductionAdapterConnection.v1 packet"),
        ("dry-run", "0/5 kontroli dry-run", "ProductionAdapterDryRun.v1 checkpoint"),
        ("preflight", "Preflight migracji snapshotu", "1/5 gotowe"),
        ("release", "Eksport env production release", "Blok env release"),
        ("rollback-drill", "Production rollback drill", "Pakiet audytu rollbacku"),
        ("wiring", "0/7 lokalnych checks", "Production traffic pozostaje disabled"),
    ];
    for (id, from, to) in panels {
        let shown: Vec<&str> = panel(&page, from, to)
            .lines()
            .filter_map(|line| match line {
                "Gotowe" | "Wybrane" => Some("ready"),
                "Nastepne" => Some("next"),
                "Blocked" | "Zablokowane" => Some("blocked"),
                _ => None,
            })
            .collect();
        let checks = gate(&whole, id)["checks"].as_array().unwrap();
        // "Zablokowane" is what a check says, or the heading of the block beneath, where its own
        // mark is that of what comes next; the specification makes both blocked.
        let mut said: Vec<&str> = checks.iter().map(|c| c["verdict"].as_str().unwrap()).collect();
        if ["preflight", "release"].contains(&id) {
            assert_eq!(said.pop(), Some("blocked"), "{id}");
            said.extend(["next", "blocked"]);
        }
        if id == "rollback-drill" {
            said.push("blocked");
        }
        // Its packet beneath is marked as well.
        if id == "connection" {
            said.push("next");
        }
        assert_eq!(said, shown, "{id}");
    }
}

#[test]
fn the_packets_of_the_fresh_state_have_the_pages_lines() {
    let Some(page) = page("the_packets_of_the_fresh_state_have_the_pages_lines") else { return };
    let place = Place::new();
    for (n, (name, line)) in (1..).zip([
        ("ProductionAdapterMigrationPreflight.v1", "gates preflight --record"),
        ("ProductionDataCutoverPlan.v1", "cutover plan"),
    ]) {
        assert_eq!(place.run(line).code, Some(0));
        let start = page.find(&format!("\n{name}\n")).unwrap() + 1;
        let shown = page[start..].split("\n\n").next().unwrap();
        assert!(shown.lines().count() > 9, "{shown}");
        let said = place.run(&format!("evidence show {n}")).fine();
        // An empty scenario freezes to nothing here; the page shows digests of an empty list.
        let digest = |line: &&str| !line.contains("checksum=");
        let said: Vec<&str> = said.lines().take(shown.lines().count()).filter(digest).collect();
        let shown: Vec<&str> = shown.lines().filter(digest).collect();
        assert_eq!(said, shown);
    }
}
