//! Signed acceptances and acceptances that expire.

use super::*;
use flowcontrol_contract::ActorId;
use flowcontrol_evidence::{Draft, KnownSecrets, RecordedAcceptance, Sealed};
use proptest::prelude::{any, prop};

const CHECK: &str = "checklist/role-headers";
const MAREK: &str = "user_dispatcher_marek";

fn production() -> Inputs {
    rehearsed(staged(fresh(every), Stage::Production), "external")
}

/// A packet with Marek's acceptance, by a mock login.
fn unsigned(inputs: &Inputs) -> Evidence {
    let mut evidence = word(inputs, &json!({}));
    let seen = decision::find(CHECK).unwrap().evidence(inputs);
    evidence.packet.body["bound"]["evidence"] = json!(seen);
    evidence
}

/// A packet with Marek's acceptance, signed by `key` as the program signs it.
fn given(
    inputs: &Inputs,
    key: &PrivateKey,
    change: impl FnOnce(&mut RecordedAcceptance),
) -> Evidence {
    let mut evidence = unsigned(inputs);
    evidence.packet.target = None;
    let plain: RecordedAcceptance = serde_json::from_value(evidence.packet.body.clone()).unwrap();
    let Packet { profile, created_at, previous, .. } = &evidence.packet;
    let mut signed = plain.signed(key, profile, *created_at, *previous).unwrap();
    change(&mut signed);
    evidence.packet.body = serde_json::to_value(signed).unwrap();
    evidence
}

fn reason(inputs: &Inputs) -> String {
    judge(inputs).gate("checklist").unwrap().check("role-headers").unwrap().reason.clone()
}

/// Judged with the acceptance of `evidence` alone.
fn with(inputs: &Inputs, evidence: &Evidence) -> Inputs {
    let mut inputs = inputs.clone();
    inputs.acceptances = Acceptance::read(evidence).unwrap().into_iter().collect();
    inputs
}

fn knowing(mut inputs: Inputs, actor: &str, key: &PrivateKey) -> Inputs {
    inputs.profile.keys.insert(ActorId::new(actor).unwrap(), key.public());
    inputs
}

#[test]
fn a_signed_acceptance_counts_in_production_while_the_configuration_names_its_key() {
    let inputs = knowing(production(), MAREK, &key(MAREK));
    let judged = with(&inputs, &given(&inputs, &key(MAREK), |_| {}));
    assert_eq!(score(&judge(&judged), "checklist"), (1, 6), "{}", reason(&judged));

    let mock = with(&inputs, &unsigned(&inputs));
    assert!(reason(&mock).contains("mock login, which production does not accept"));

    // Another key in the configuration, another actor's, or none.
    let replaced = knowing(judged.clone(), MAREK, &key("new"));
    let said = reason(&replaced);
    for short in [key(MAREK).public().short(), key("new").public().short()] {
        assert!(said.contains(&short), "{said}");
    }
    let mut unknown = judged.clone();
    unknown.profile.keys.clear();
    assert!(reason(&unknown).contains("[keys] names none for user_dispatcher_marek"));
    let others = knowing(unknown, "user_md_anna", &key(MAREK));
    assert!(reason(&others).contains("names none"), "{}", reason(&others));
    for back in [replaced, others] {
        assert_eq!(score(&judge(&back), "checklist"), (0, 6));
    }
    // Also where a mock login would do: who has a key signs.
    let demo = knowing(rehearsed(fresh(every), "local"), MAREK, &key(MAREK));
    let typed = with(&demo, &unsigned(&demo));
    assert!(reason(&typed).contains("is not signed with it"), "{}", reason(&typed));
    let demo = rehearsed(fresh(every), "local");
    let word = given(&demo, &key("new"), |_| {});
    let demo = with(&knowing(demo, MAREK, &key(MAREK)), &word);
    assert_eq!(score(&judge(&demo), "checklist"), (0, 6));
}

#[test]
fn every_check_of_production_is_satisfied_by_signed_acceptances_and_none_by_mock() {
    let words: Vec<&str> = decision::all().map(|d| d.path).collect();
    let ready = |authentication| {
        let judgement = judge(&accepted(production(), authentication));
        let ready = words.iter().filter(|path| {
            let (gate, check) = path.split_once('/').unwrap();
            judgement.gate(gate).unwrap().check(check).unwrap().is_ready()
        });
        ready.count()
    };
    assert_eq!(ready(Authentication::Signature), words.len());
    assert_eq!(ready(Authentication::Mock), 0);
}

#[test]
fn a_signature_is_for_its_acceptance_and_nothing_else() {
    let inputs = production();
    let own = key(MAREK);
    let refused = |evidence: &Evidence| Acceptance::read(evidence).unwrap_err();
    let sound = given(&inputs, &own, |_| {});
    assert!(Acceptance::read(&sound).unwrap().is_some());

    type Move = fn(&mut Packet);
    let moves: [(&str, Move); 8] = [
        ("check", |p| {
            p.checks[0].id = "checklist/scenario-store".into();
            p.body["check"] = "checklist/scenario-store".into();
        }),
        ("profile's name", |p| p.profile.name = "staging".into()),
        ("profile", |p| {
            p.profile.sha256 = Digest::of("other");
            p.body["bound"]["profile"] = json!(Digest::of("other"));
        }),
        ("snapshot", |p| {
            p.snapshot_sha256 = Some(Digest::of("other"));
            p.body["bound"]["snapshot"] = json!(Digest::of("other"));
        }),
        ("evidence", |p| p.body["bound"]["evidence"] = json!([Digest::of("other")])),
        ("time", |p| p.created_at = at(501)),
        ("place in the chain", |p| p.previous = Some(Digest::of("later"))),
        ("actor", |p| p.body["actor"] = "user_md_anna".into()),
    ];
    for (what, change) in moves {
        let mut moved = sound.clone();
        change(&mut moved.packet);
        let said = refused(&moved);
        assert!(said.contains("its signature by") && said.contains(&own.public().short()));
        assert_eq!(schema::judge(&moved.packet), [said], "{what}: neither sealed nor verified");
    }
    let values = given(&inputs, &own, |w| drop(w.values.insert("a".into(), "b".into())));
    refused(&values);
    let key_swapped =
        given(&inputs, &own, |w| w.signature.as_mut().unwrap().key = key("new").public());
    assert!(refused(&key_swapped).contains(&key("new").public().short()));
    let mut turned = sound.clone();
    turned.packet.body["revoked"] = true.into();
    turned.packet.checks[0].verdict = Verdict::Next;
    assert!(refused(&turned).contains("does not verify"));

    let stripped = given(&inputs, &own, |w| w.signature = None);
    assert!(refused(&stripped).contains("claims authentication signature but carries none"));
    let mock = given(&inputs, &own, |w| w.authentication = Authentication::Mock);
    assert!(refused(&mock).contains("claims authentication mock but carries a signature"));
    let oidc = given(&inputs, &own, |w| w.authentication = Authentication::Oidc);
    assert!(refused(&oidc).contains("no service vouches for it"));
}

/// Each hex digit of key and signature, each of its bits.
#[test]
fn a_flipped_bit_in_an_acceptances_signature_is_found() {
    let inputs = production();
    let sound = given(&inputs, &key(MAREK), |_| {});
    for (member, from) in [("key", "ed25519:".len()), ("value", 0)] {
        let text = sound.packet.body["signature"][member].as_str().unwrap().to_owned();
        for at in from..text.len() {
            for bit in 0..4 {
                let digit = char::from(text.as_bytes()[at]).to_digit(16).unwrap() ^ (1 << bit);
                let digit = char::from_digit(digit, 16).unwrap();
                let mut edited = sound.clone();
                edited.packet.body["signature"][member] =
                    format!("{}{digit}{}", &text[..at], &text[at + 1..]).into();
                assert!(Acceptance::read(&edited).is_err(), "{member}, digit {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_signed_acceptance_is_sealed_and_one_without_a_signature_reads_as_before() {
    let inputs = production();
    let signed = given(&inputs, &key(MAREK), |_| {}).packet;
    let draft = Draft {
        schema: signed.schema,
        created_at: signed.created_at,
        tool_version: signed.tool_version,
        ran: "accept".into(),
        profile: signed.profile,
        snapshot_sha256: signed.snapshot_sha256,
        target: None,
        checks: signed.checks,
        outcome: signed.outcome,
        body: signed.body,
    };
    // Where it was signed for, and one place later.
    Sealed::seal(draft.clone().link(1, None), &KnownSecrets::new()).unwrap();
    let later = draft.link(2, Some(Digest::of("before")));
    let refused = Sealed::seal(later, &KnownSecrets::new()).unwrap_err();
    assert!(refused.message.contains("does not verify"), "{refused}");

    let plain = word(&inputs, &json!({}));
    let read: RecordedAcceptance = RecordedAcceptance::read(&plain.packet).unwrap().unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), plain.packet.body, "no member is added");
}

/// `days` after it was given, and then `more` microseconds.
fn aged(days: i64, more: i64) -> Inputs {
    let mut inputs = accepted(rehearsed(fresh(every), "local"), Authentication::Mock);
    inputs.profile.acceptance_days = Some(30);
    let given = inputs.acceptances[0].as_of.micros();
    inputs.as_of = Timestamp::from_micros(given + days * 86_400_000_000 + more).unwrap();
    inputs
}

#[test]
fn an_acceptance_expires_after_the_days_of_its_profile() {
    for (days, more, counts) in
        [(0, 0, true), (29, 0, true), (30, 0, true), (30, 1, false), (3_000, 0, false)]
    {
        let inputs = aged(days, more);
        let ready = if counts { 6 } else { 0 };
        assert_eq!(score(&judge(&inputs), "checklist"), (ready, 6), "{days} days, {more} us");
        let said = reason(&inputs);
        let end = "1970-01-31T00:10:00.000000Z";
        assert!(said.contains(if counts { "until " } else { "expired at " }), "{said}");
        assert!(said.contains(end), "{said}");
    }
    // Not yet given, by one microsecond.
    assert!(reason(&aged(0, -1)).contains("has not accepted it"));
    // Without the setting it stays, and nothing is said of an end.
    let mut ever = aged(3_000, 0);
    ever.profile.acceptance_days = None;
    assert_eq!(score(&judge(&ever), "checklist"), (6, 6));
    assert!(!reason(&ever).contains("until"));
    // Given again, it counts again; an older one that is not expired counts for nothing then.
    let mut renewed = aged(31, 0);
    let mut again = renewed.acceptances[1].clone();
    assert_eq!(again.check, CHECK);
    again.as_of = renewed.as_of;
    renewed.acceptances.push(again.clone());
    assert_eq!(score(&judge(&renewed), "checklist"), (1, 6));
    again.revoked = true;
    renewed.acceptances.push(again);
    assert_eq!(score(&judge(&renewed), "checklist"), (0, 6));
    // Beyond the calendar there is no end.
    let mut last = aged(0, 0);
    last.as_of = Timestamp::parse("9999-12-31T00:00:00Z").unwrap();
    last.acceptances.iter_mut().for_each(|a| a.as_of = last.as_of);
    assert_eq!(score(&judge(&last), "checklist"), (6, 6));
}

proptest! {
    /// The newest acceptance that is not from the future decides, whatever the order of old and new ones.
    #[test]
    fn the_newest_acceptance_decides_alone(
        words in prop::collection::vec((0..4_000_i64, any::<bool>()), 0..6),
        days in proptest::option::of(1..20_u32),
        now in 0..4_000_i64,
    ) {
        const HOUR: i64 = 3_600;
        let mut inputs = accepted(rehearsed(fresh(every), "local"), Authentication::Mock);
        let one = inputs.acceptances.iter().find(|a| a.check == CHECK).unwrap().clone();
        // Everything else in the inputs is older than any of them.
        let origin = 1_000;
        inputs.as_of = at(origin + now * HOUR);
        inputs.profile.acceptance_days = days;
        let word = |(hour, revoked): &(i64, bool)| {
            Acceptance { as_of: at(origin + hour * HOUR), revoked: *revoked, ..one.clone() }
        };
        inputs.acceptances = words.iter().map(word).collect();
        let newest = words.iter().rev().find(|(hour, _)| *hour <= now);
        let counts = newest.is_some_and(|(hour, revoked)| {
            !revoked && days.is_none_or(|days| now - hour <= i64::from(days) * 24)
        });
        assert_eq!(score(&judge(&inputs), "checklist").0, usize::from(counts));
    }
}
