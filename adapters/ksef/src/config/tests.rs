//! What is refused before any request.

use super::Config;
use serde_json::{Value, json};

fn with(more: &Value) -> Value {
    let mut value = json!({"environment": "test", "tenant": "bfg-control", "nip": "5265877635",
        "token": {"env": "KSEF_TOKEN"}});
    for (name, part) in more.as_object().unwrap() {
        match part {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            part => value[name] = part.clone(),
        }
    }
    value
}

#[test]
fn each_environment_has_its_address_and_production_is_asked_for() {
    for (more, base) in [
        (json!({}), "https://api-test.ksef.mf.gov.pl/v2"),
        (json!({"environment": "demo"}), "https://api-demo.ksef.mf.gov.pl/v2"),
        (json!({"environment": "prd", "production": true}), "https://api.ksef.mf.gov.pl/v2"),
        (
            json!({"environment": null, "base_url": "http://127.0.0.1:8701/v2/"}),
            "http://127.0.0.1:8701/v2",
        ),
        (json!({"environment": null, "base_url": "http://[::1]:8701/v2"}), "http://[::1]:8701/v2"),
    ] {
        assert_eq!(Config::read(with(&more)).unwrap().base().unwrap().as_str(), base);
    }
}

#[test]
fn what_is_unsafe_or_half_said_is_refused_by_name() {
    for (more, why) in [
        (json!({"environment": "prd"}), "legal effect"),
        (json!({"environment": "prod"}), "unknown variant"),
        (json!({"environment": null}), "the KSeF environment is missing"),
        (json!({"base_url": "http://127.0.0.1/v2"}), "choose one"),
        (
            json!({"environment": null, "base_url": "http://ksef.example.org/v2"}),
            "on loopback only",
        ),
        (
            json!({"environment": null, "base_url": "https://ksef.example.org/v2"}),
            "on loopback only",
        ),
        (json!({"environment": null, "base_url": "http://u:p@127.0.0.1/v2"}), "holds credentials"),
        (json!({"token": null}), "no sign-in method is configured"),
        (json!({"token": null, "certificate": {"file": "a"}}), "a certificate without its key"),
        (json!({"token": null, "key": {"file": "a"}}), "a key without its certificate"),
        (json!({"certificate": {"file": "a"}, "key": {"file": "b"}}), "choose one"),
        (json!({"nip": "526-587-76-35"}), "ten digits"),
        (json!({"nip": "5265877636"}), "checksum"),
        (json!({"patience": 4000}), "may be 0 to 3600"),
        (json!({"toekn": 1}), "unknown field"),
    ] {
        let refused = Config::read(with(&more)).unwrap_err();
        assert!(refused.message().contains(why), "{more}: {refused}");
    }
    let inline = Config::read(with(&json!({"token": "hunter2"}))).unwrap_err();
    assert!(!inline.chain().contains("hunter2"), "{inline}");
}
