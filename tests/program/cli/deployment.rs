//! Whose deployment it is: the configuration says so, never the order of tenants.

use super::place::Place;

/// What `init` writes, over a scenario of three tenants.
fn configured() -> Place {
    let place = Place::new();
    place.run("init .").fine();
    place.run("demo seed --records 30").fine();
    place
}

fn change(place: &Place, from: &str, to: &str) {
    let text = String::from_utf8(place.read("flowcontrol.toml")).unwrap();
    assert!(text.contains(from), "{text}");
    place.write("flowcontrol.toml", text.replacen(from, to, 1));
}

#[test]
fn the_configured_tenants_director_decides_and_no_other_tenants() {
    let place = configured();
    let accept = "accept infrastructure/region --value region=eu-central-1 --as";
    place.run(&format!("{accept} user_md_anna")).fine();
    let why = place.run(&format!("{accept} managing_director_00001")).refused(2);
    assert!(why.contains("the deployment's tenant has no actor"), "{why}");

    // It sorts after `bfg-control`, and owns every check from now on.
    change(&place, "tenant = \"bfg-control\"", "tenant = \"carrier-00001\"");
    place.run(&format!("{accept} managing_director_00001")).fine();
    let why = place.run(&format!("{accept} user_md_anna")).refused(2);
    assert!(why.contains("the deployment's tenant has no actor"), "{why}");
    let gates = place.run("gates checklist --format json").json();
    let owner = &gates["gates"][0]["checks"][0]["owner"]["id"];
    assert_eq!(owner, "managing_director_00001");
}

#[test]
fn several_tenants_and_none_configured_is_an_error_that_names_the_setting() {
    let place = configured();
    change(&place, "[deployment]\ntenant = \"bfg-control\"", "");
    let why = place.run("gates").refused(2);
    assert!(why.contains("[deployment] tenant"), "{why}");
    assert!(why.contains("bfg-control, carrier-00001, carrier-00002"), "{why}");

    let absent = configured();
    change(&absent, "tenant = \"bfg-control\"", "tenant = \"acme\"");
    let why = absent.run("gates").refused(2);
    assert!(why.contains("[deployment] tenant is acme, but the store has no such tenant"), "{why}");
    assert!(why.contains("the store holds bfg-control, carrier-00001"), "{why}");

    let alone = Place::new();
    alone.run("init .").fine();
    change(&alone, "[deployment]\ntenant = \"bfg-control\"", "");
    alone.run("demo seed --records 30 --tenants 1").fine();
    let gates = alone.run("gates checklist --format json").json();
    assert_eq!(gates["gates"][0]["checks"][0]["owner"]["id"], "user_md_anna");
}

#[test]
fn role_keys_of_a_roster_are_configuration() {
    let place = configured();
    change(
        &place,
        "# [owners]\n# director = \"managing_director\"",
        "[owners]\ndirector = \"client\"",
    );
    let gates = place.run("gates infrastructure --format json").json();
    assert_eq!(gates["gates"][0]["checks"][0]["owner"]["id"], "cp_client_lviv_farma");
    place
        .run("accept infrastructure/region --value region=eu-west-1 --as cp_client_lviv_farma")
        .refused(1);
    change(&place, "director = \"client\"", "director = \"client\"\ndirector_permission = \"\"");
    place
        .run("accept infrastructure/region --value region=eu-west-1 --as cp_client_lviv_farma")
        .fine();
}
