//! Records whose ids, text, numbers and times a careless store would change or confuse.

use super::expect::Outcome;
use super::sample;
use flowcontrol_contract::id::MAX_ID_BYTES;
use flowcontrol_contract::{NewRecord, Timestamp};

/// One record for each payload; `set` tells their ids from those of other sets.
fn notes(set: &str, payloads: &[String]) -> Outcome<Vec<NewRecord>> {
    (1..).zip(payloads).map(|(n, text)| sample::note(&format!("{set} {n}"), text)).collect()
}

/// One record for each id; the payload says which.
fn named(ids: &[String]) -> Outcome<Vec<NewRecord>> {
    (1..).zip(ids).map(|(n, id)| sample::note(id, &format!("{{\"n\":{n}}}"))).collect()
}

/// All of them, each with an id of its own.
pub(crate) fn everything() -> Outcome<Vec<NewRecord>> {
    let sets = [
        unicode_ids()?,
        awkward_ids()?,
        unicode_text()?,
        numbers()?,
        escapes()?,
        structure()?,
        times()?,
    ];
    Ok(sets.concat())
}

pub(crate) fn unicode_ids() -> Outcome<Vec<NewRecord>> {
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
    named(&ids.map(String::from))
}

pub(crate) fn awkward_ids() -> Outcome<Vec<NewRecord>> {
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
    // White space at either end is not a valid id, so there is no sample with it.
    ids.retain(|id| id.trim() == id);
    named(&ids)
}

pub(crate) fn unicode_text() -> Outcome<Vec<NewRecord>> {
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
    notes("unicode_text", &payloads)
}

pub(crate) fn numbers() -> Outcome<Vec<NewRecord>> {
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
    notes("numbers", &payloads)
}

pub(crate) fn escapes() -> Outcome<Vec<NewRecord>> {
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
    notes("escapes", &payloads)
}

pub(crate) fn structure() -> Outcome<Vec<NewRecord>> {
    let deep = 100;
    let payloads = [
        "{}".to_owned(),
        r#"{"a":null,"b":true,"c":false,"d":{},"e":[],"f":"","g":[null,[],{}]}"#.to_owned(),
        r#"{"b":1,"a":2,"B":3,"A":4,"10":5,"9":6,"_":7}"#.to_owned(),
        r#"{"text":["1","1.0","1e2","true","null","{}"]}"#.to_owned(),
        r#"{"tenant":"BFG","seq":0,"id":"x","kind":"y","actor":"z","payload":{}}"#.to_owned(),
        format!("{{\"deep\":{}{}}}", "[".repeat(deep), "]".repeat(deep)),
    ];
    notes("structure", &payloads)
}

pub(crate) fn times() -> Outcome<Vec<NewRecord>> {
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
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::everything;
    use std::collections::BTreeSet;

    #[test]
    fn every_record_has_its_own_id() {
        let all = everything().unwrap();
        let ids: BTreeSet<_> = all.iter().map(|record| &record.id).collect();
        assert_eq!(ids.len(), all.len());
        assert!(all.len() > 150);
    }
}
