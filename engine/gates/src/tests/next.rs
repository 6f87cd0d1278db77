//! The next action: always one that can be done, if there is any.

use super::*;
use crate::readiness::NextAction;

fn next(inputs: &Inputs) -> NextAction {
    judge(inputs).readiness.next_action.unwrap()
}

fn command(inputs: &Inputs) -> String {
    let next = next(inputs);
    next.command.unwrap_or_else(|| panic!("{} has no command", next.check))
}

/// An empty scenario of a configuration file, which nothing fills by itself.
fn empty(stage: Stage) -> Inputs {
    let mut inputs = staged(fresh(today), stage);
    inputs.scenario.filled_on_demand = false;
    inputs.scenario.actors.clear();
    inputs.scenario.enrolled = 0;
    inputs
}

#[test]
fn an_empty_scenario_is_filled_before_anything_is_probed_or_rehearsed() {
    assert_eq!(command(&empty(Stage::Demo)), "flowcontrol demo seed");
    // Judged for another profile, the scenario is still the active one's.
    let mut inputs = empty(Stage::Staging);
    inputs.profile.switch = "--profile staging".into();
    assert_eq!(command(&inputs), "flowcontrol demo seed");
    // A live store is filled by its own service.
    inputs.profile.switch = String::new();
    inputs.scenario.seedable = false;
    // Nobody chose a provider yet, and no command chooses one.
    inputs.profile.ports.iter_mut().for_each(|p| p.configured = p.port == Port::Store);
    let stuck = next(&inputs);
    assert_eq!(stuck.check, "wiring/secrets-backup-boundary");
    assert_eq!(stuck.command.as_deref(), Some("flowcontrol adapters check secrets"));
}

#[test]
fn what_no_command_supplies_does_not_stand_before_what_one_does() {
    let mut inputs = accepted(rehearsed(fresh(today), "local"), Authentication::Mock);
    let open = judge(&inputs);
    assert!(!gate(&open, "wiring").check("oidc-claims").unwrap().is_ready(), "it comes first");
    assert_eq!(next(&inputs).check, "wiring/secrets-backup-boundary");
    assert_eq!(command(&inputs), "flowcontrol adapters check secrets");

    inputs.packets.push(packet(&inputs, schema::ADAPTERS, &["secrets"], "local"));
    assert_eq!(score(&judge(&inputs), "wiring"), (5, 7));
    let left = next(&inputs);
    assert_eq!((left.check.as_str(), left.command), ("wiring/oidc-claims", None));
}

#[test]
fn only_the_adapters_that_a_check_asks_for_are_probed() {
    let inputs = rehearsed(staged(fresh(every), Stage::Staging), "external");
    let judgement = judge(&accepted(inputs, Authentication::Mock));
    let command = |id: &str| gate(&judgement, "wiring").check(id).unwrap().command.clone();
    assert_eq!(command("oidc-claims").as_deref(), Some("flowcontrol adapters check auth"));
    let both = "flowcontrol adapters check store auth secrets";
    assert_eq!(command("live-credentials").as_deref(), Some(both));
}

#[test]
fn commands_keep_the_profile_whose_scenario_is_judged() {
    let mut inputs = rehearsed(staged(fresh(today), Stage::Staging), "external");
    inputs.profile.active = "--profile local-demo".into();
    inputs.profile.switch = "--profile staging".into();
    let accept = "flowcontrol --profile local-demo accept checklist/contracts-frozen \
                  --as user_md_anna --for staging";
    assert_eq!(command(&inputs), accept);
    inputs.packets.clear();
    let rehearse = "flowcontrol --profile local-demo snapshot freeze --out frozen.jsonl.zst && \
                    flowcontrol --profile staging rehearse --target container \
                    --snapshot frozen.jsonl.zst";
    assert_eq!(command(&inputs), rehearse);
    inputs.profile.switch = String::new();
    assert!(command(&inputs).starts_with("flowcontrol --profile local-demo connect"));
}
