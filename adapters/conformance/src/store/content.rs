//! What is written comes back as it was: no letter, digit or microsecond differs.

use super::expect::{Outcome, equal, placed};
use super::scene::Scene;
use super::{StoreFixture, sample};
use flowcontrol_contract::id::MAX_ID_BYTES;
use flowcontrol_contract::record::MAX_PAYLOAD_BYTES;
use flowcontrol_contract::{NewRecord, Timestamp};

super::suite!("content":
    keeps_unicode_ids_apart,
    keeps_awkward_ids_apart,
    keeps_unicode_text,
    keeps_numbers,
    keeps_escapes,
    keeps_structure,
    keeps_times_to_the_microsecond,
    keeps_a_payload_of_one_megabyte,
    keeps_the_largest_payload,
);

/// Writes the records in one batch and demands each back by id and in the history.
async fn round_trip(fixture: &dyn StoreFixture, written: &[NewRecord]) -> Outcome {
    let scene = Scene::one(fixture).await?;
    scene.append(written).await?;
    for expected in placed(scene.tenant(), 1, written) {
        let came = scene.get(&expected.id).await?;
        equal(&format!("get of {:?}", expected.id), &came, &Some(expected))?;
    }
    scene.stands(written).await
}

/// One record for each payload.
fn notes(payloads: &[String]) -> Outcome<Vec<NewRecord>> {
    (1..).zip(payloads).map(|(n, text)| sample::note(&format!("note-{n}"), text)).collect()
}

/// One record for each id; the payload says which.
fn named(ids: &[String]) -> Outcome<Vec<NewRecord>> {
    (1..).zip(ids).map(|(n, id)| sample::note(id, &format!("{{\"n\":{n}}}"))).collect()
}

async fn keeps_unicode_ids_apart(fixture: &dyn StoreFixture) -> Outcome {
    let ids = [
        "Łódź",
        "Ło\u{301}dz\u{301}",
        "Lodz",
        "łódź",
        "Zażółć gęślą jaźń",
        "Щастя їжака",
        "щастя їжака",
        "🚚",
        "🚛",
        "👩‍👩‍👧",
        "👩👩👧",
        "شحنة",
        "\u{202e}abc",
        "abc",
        "a\u{200b}bc",
        "аbc",
        "ﬁ",
        "fi",
        "ß",
        "ss",
        "İ",
        "i\u{307}",
        "Ω",
        "\u{2126}",
        "\u{10ffff}",
        "\u{fffd}",
        "\u{feff}bom",
    ];
    round_trip(fixture, &named(&ids.map(String::from))?).await
}

async fn keeps_awkward_ids_apart(fixture: &dyn StoreFixture) -> Outcome {
    let mut ids: Vec<String> = [
        "'",
        "''",
        "\"",
        "\\",
        "\\\\",
        "\\'",
        "%",
        "%%",
        "_",
        "a%b",
        "a_b",
        "aXb",
        "a'b",
        "$1",
        "?",
        ":id",
        "{}",
        "{0}",
        "NULL",
        "null",
        "\\N",
        "\\.",
        "0",
        "00",
        "1e2",
        "100",
        "-1",
        "--",
        "/*",
        "'; DROP TABLE records; --",
        "' OR '1'='1",
        "a,b",
        "(a,b)",
        "{a,b}",
        "a\u{a0}b",
        "a  b",
        "a b",
        "A B",
        ".",
        "..",
        "../rec",
        "a/b",
        "a\\b",
        "~",
        "$(id)",
        "`id`",
        "con",
        "rec.jsonl",
        "\u{2028}x",
        "<script>",
    ]
    .map(String::from)
    .to_vec();
    // Two ids of the greatest length that differ in their last byte, in one and in two bytes.
    ids.push("x".repeat(MAX_ID_BYTES));
    ids.push("x".repeat(MAX_ID_BYTES - 1) + "y");
    ids.push("ż".repeat(MAX_ID_BYTES / 2));
    ids.push("ż".repeat(MAX_ID_BYTES / 2 - 1) + "ź");
    // White space at either end is no id; the samples with it would be refused above.
    ids.retain(|id| id.trim() == id);
    round_trip(fixture, &named(&ids)?).await
}

async fn keeps_unicode_text(fixture: &dyn StoreFixture) -> Outcome {
    let payloads = [
        r#"{"text":"Zażółć gęślą jaźń ŻÓŁĆ"}"#.to_owned(),
        r#"{"text":"Щастя їжака, ґанок, Львів’янка"}"#.to_owned(),
        r#"{"text":"🚚🇵🇱🇺🇦👩‍👩‍👧👍🏽"}"#.to_owned(),
        r#"{"text":"شحنة إلى لفيف \u202e\u200f"}"#.to_owned(),
        "{\"composed\":\"\u{f3}\",\"decomposed\":\"o\u{301}\"}".to_owned(),
        "{\"\u{f3}\":1,\"o\u{301}\":2}".to_owned(),
        "{\"\u{fb33}\":1,\"\u{1f69a}\":2}".to_owned(),
        "{\"ends\":\"\u{10ffff}\u{fffd}\u{feff}\u{ffff}\u{e000}\"}".to_owned(),
        "{\"space\":\" \u{a0}\u{2003}\u{3000} \"}".to_owned(),
    ];
    round_trip(fixture, &notes(&payloads)?).await
}

async fn keeps_numbers(fixture: &dyn StoreFixture) -> Outcome {
    let numbers = [
        "0",
        "-0",
        "1e2",
        "1.50",
        "0.1",
        "-0.000001",
        "1e-7",
        "5e-324",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "1e21",
        "999999999999999900000",
        "123456789012345680000",
        "9007199254740991",
        "9007199254740992",
        "-9007199254740992",
        "4.35",
        "0.30000000000000004",
        "333333333.3333333",
        "18446744073709552000",
        "9223372036854776000",
    ];
    let payloads = numbers.map(|n| format!("{{\"n\":{n},\"text\":\"{n}\",\"list\":[{n},{n}]}}"));
    round_trip(fixture, &notes(&payloads)?).await
}

async fn keeps_escapes(fixture: &dyn StoreFixture) -> Outcome {
    let mut payloads: Vec<String> = [
        r#"{"quotes":"\"'`\u2019\\\/"}"#,
        r#"{"controls":"\b\f\n\r\t\u0001\u001f\u007f\u0085"}"#,
        r#"{"separators":"\u2028\u2029"}"#,
        r#"{"looks escaped":"\\u0041\\n\\\\"}"#,
        r#"{"a\"b\\c\n":1,"":2," ":3}"#,
        r#"{"copy":"\\N\t\\.\n{\"a\",NULL}"}"#,
        r#"{"sql":"'; DROP TABLE records; -- $1 %s {}"}"#,
        r#"{"html":"</script><!-- & &amp;"}"#,
        r#"{"astral":"\ud83d\ude9a"}"#,
    ]
    .map(String::from)
    .to_vec();
    // Every control character but NUL, which the contract refuses.
    payloads.extend((1..32).map(|code| format!("{{\"c\":\"a\\u{code:04x}b\"}}")));
    round_trip(fixture, &notes(&payloads)?).await
}

async fn keeps_structure(fixture: &dyn StoreFixture) -> Outcome {
    let deep = 100;
    let payloads = [
        "{}".to_owned(),
        r#"{"a":null,"b":true,"c":false,"d":{},"e":[],"f":"","g":[null,[],{}]}"#.to_owned(),
        r#"{"b":1,"a":2,"B":3,"A":4,"10":5,"9":6,"_":7}"#.to_owned(),
        r#"{"text":["1","1.0","1e2","true","null","{}"]}"#.to_owned(),
        r#"{"tenant":"BFG","seq":0,"id":"x","kind":"y","actor":"z","payload":{}}"#.to_owned(),
        format!("{{\"deep\":{}{}}}", "[".repeat(deep), "]".repeat(deep)),
    ];
    round_trip(fixture, &notes(&payloads)?).await
}

async fn keeps_times_to_the_microsecond(fixture: &dyn StoreFixture) -> Outcome {
    let mut written = Vec::new();
    for (n, time) in (1..).zip([
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000001Z",
        "1582-10-10T12:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999999Z",
        "2000-01-01T00:00:00Z",
        "2000-02-29T00:00:00.000001Z",
        "2026-03-01T06:30:00.123456Z",
        "2026-03-01T06:30:00.123457Z",
        "2026-03-29T02:30:00.100000Z",
        "2038-01-19T03:14:08Z",
        "9999-12-31T23:59:59.999998Z",
        "9999-12-31T23:59:59.999999Z",
    ]) {
        let mut record = sample::note(&format!("time-{n}"), "{}")?;
        record.occurred_at = sample::valid(Timestamp::parse(time))?;
        written.push(record);
    }
    round_trip(fixture, &written).await
}

/// Text of about this many bytes in which no part repeats, with letters of one to four bytes.
fn long_text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 32);
    let mut n = 0u64;
    while text.len() < bytes {
        text.push_str(&n.to_string());
        text.push_str("ż🚚є'%");
        n += 1;
    }
    text
}

async fn keeps_a_payload_of_one_megabyte(fixture: &dyn StoreFixture) -> Outcome {
    let payload = format!("{{\"scan\":\"{}\"}}", long_text(1 << 20));
    let mut written = notes(&[payload])?;
    written.extend(sample::records(1, 2)?);
    round_trip(fixture, &written).await
}

async fn keeps_the_largest_payload(fixture: &dyn StoreFixture) -> Outcome {
    let frame = "{\"scan\":\"\"}".len();
    let payload = format!("{{\"scan\":\"{}\"}}", "x".repeat(MAX_PAYLOAD_BYTES - frame));
    round_trip(fixture, &notes(&[payload])?).await
}
