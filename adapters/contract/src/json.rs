//! Canonical JSON (RFC 8785), parsed strictly.
//!
//! Formatting is normalised; everything that would lose information in a double, `jsonb` or UTF-16
//! is refused with its name: duplicate keys, numbers that a double cannot represent, `\u0000`,
//! lone surrogates. [`object`] parses documents that others sign, such as a token's claims, and
//! refuses duplicate keys only.
//! alone.

use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Deepest nesting that is accepted; deeper input could overflow the stack of another reader.
pub const MAX_DEPTH: usize = 128;

/// Why a JSON text was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub what: String,
    /// Byte offset in the input.
    pub at: usize,
    /// Whether the reason is a duplicate key.
    pub duplicate: bool,
}

/// Why a text is not a JSON object that every reader understands in the same way. `Display` is the
/// rest of a sentence and repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// It is not JSON, or nested too deeply.
    #[error("is not valid JSON")]
    Malformed,
    /// It is another JSON value.
    #[error("is not a JSON object")]
    OtherValue,
    /// An object has a duplicate key: of `{"aud": 1, "aud": 2}` two readers may take different
    /// values.
    #[error("has a duplicate key")]
    DuplicateKey,
}

/// The canonical form of one JSON value.
///
/// # Errors
/// Names the first place that is not JSON or cannot be represented exactly.
pub fn canonicalize(text: &str) -> Result<String, JsonError> {
    read(text, true)
}

/// Parses `text` as one object without duplicate keys at any depth. Numbers are parsed as
/// `serde_json` does.
///
/// # Errors
/// Why it is not such an object.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    let text = std::str::from_utf8(text).map_err(|_| NotAnObject::Malformed)?;
    let ordered = read(text, false).map_err(|e| match e.duplicate {
        true => NotAnObject::DuplicateKey,
        false => NotAnObject::Malformed,
    })?;
    match serde_json::from_str(&ordered) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(NotAnObject::OtherValue),
        Err(_) => Err(NotAnObject::Malformed),
    }
}

fn read(text: &str, exact: bool) -> Result<String, JsonError> {
    let (bytes, out) = (text.as_bytes(), String::with_capacity(text.len()));
    let mut reader = Reader { text, bytes, at: 0, out, exact };
    reader.skip_space();
    reader.value(0)?;
    reader.skip_space();
    if reader.at < reader.bytes.len() {
        return reader.fail("unexpected text after the value");
    }
    Ok(reader.out)
}

/// Appends `text` as a canonical JSON string, quotes included.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (i, b) in text.bytes().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.push_str(&text[from..i]);
        from = i + 1;
        push_escape(out, b);
    }
    out.push_str(&text[from..]);
    out.push('"');
}

fn push_escape(out: &mut String, b: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match b {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x08 => out.push_str("\\b"),
        b'\t' => out.push_str("\\t"),
        b'\n' => out.push_str("\\n"),
        0x0c => out.push_str("\\f"),
        b'\r' => out.push_str("\\r"),
        _ => {
            out.push_str("\\u00");
            out.push(char::from(HEX[usize::from(b >> 4)]));
            out.push(char::from(HEX[usize::from(b & 15)]));
        }
    }
}

/// RFC 8785 orders keys by UTF-16 code units; that differs from byte order only where a
/// character beyond the basic plane meets one of U+E000 to U+FFFF.
fn key_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    out: String,
    /// Whether numbers are put in canonical form and values that Postgres or a double cannot hold
    /// are refused; otherwise both are kept as they are.
    exact: bool,
}

/// A member of the object being parsed: its key, and the place of `"key":value` in the output.
struct Member {
    key: String,
    from: usize,
    to: usize,
    at: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, JsonError> {
        Err(JsonError { what: what.into(), at: self.at, duplicate: false })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                self.fail(format!("nested deeper than {MAX_DEPTH} levels"))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) => self.fail("expected a JSON value"),
            None => self.fail("the text ends where a value is expected"),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return self.fail("expected a JSON value");
        }
        self.at += word.len();
        self.out.push_str(word);
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.out.push('[');
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.out.push(']');
            return Ok(());
        }
        loop {
            self.skip_space();
            self.value(depth + 1)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.out.push(','),
                Some(b']') => {
                    self.at += 1;
                    self.out.push(']');
                    return Ok(());
                }
                _ => return self.fail("expected ',' or ']'"),
            }
            self.at += 1;
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.out.push('{');
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.out.push('}');
            return Ok(());
        }
        let mut members: Vec<Member> = Vec::new();
        let mut sorted = true;
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.fail("expected a key in quotes");
            }
            let (at, from) = (self.at, self.out.len());
            self.string()?;
            let key = unescape(&self.out[from + 1..self.out.len() - 1]);
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.fail("expected ':'");
            }
            self.at += 1;
            self.out.push(':');
            self.skip_space();
            self.value(depth + 1)?;
            if let Some(last) = members.last() {
                match key_order(&last.key, &key) {
                    Ordering::Less => {}
                    Ordering::Equal => return duplicate(&key, at),
                    Ordering::Greater => sorted = false,
                }
            }
            members.push(Member { key, from, to: self.out.len(), at });
            self.skip_space();
            match self.peek() {
                Some(b',') => self.out.push(','),
                Some(b'}') => break,
                _ => return self.fail("expected ',' or '}'"),
            }
            self.at += 1;
        }
        self.at += 1;
        if !sorted {
            self.sort(members)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn sort(&mut self, mut members: Vec<Member>) -> Result<(), JsonError> {
        let start = members.iter().map(|m| m.from).min().unwrap_or(0);
        members.sort_by(|a, b| key_order(&a.key, &b.key));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return duplicate(&pair[1].key, pair[0].at.max(pair[1].at));
        }
        let mut ordered = String::with_capacity(self.out.len() - start);
        for member in &members {
            if !ordered.is_empty() {
                ordered.push(',');
            }
            ordered.push_str(&self.out[member.from..member.to]);
        }
        self.out.truncate(start);
        self.out.push_str(&ordered);
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        self.out.push('"');
        loop {
            let run = self.bytes[self.at..]
                .iter()
                .position(|&b| b < 0x20 || b == b'"' || b == b'\\')
                .unwrap_or(self.bytes.len() - self.at);
            self.out.push_str(&self.text[self.at..self.at + run]);
            self.at += run;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.out.push('"');
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(b) => {
                    return self.fail(format!("control character U+{b:04X} inside a string"));
                }
                None => return self.fail("the text ends inside a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 2;
        let c = match self.bytes.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => match self.unit()? {
                0 if self.exact => {
                    self.at = start;
                    return self.fail("\\u0000, which Postgres cannot store,");
                }
                high @ 0xD800..=0xDBFF => {
                    let paired = self.bytes[self.at..].starts_with(b"\\u");
                    self.at += if paired { 2 } else { 0 };
                    let low = if paired { self.unit()? } else { 0 };
                    if !(0xDC00..=0xDFFF).contains(&low) {
                        self.at = start;
                        return self.fail("a lone surrogate, which is no character,");
                    }
                    let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                unit => match char::from_u32(unit) {
                    Some(c) => c,
                    None => {
                        self.at = start;
                        return self.fail("a lone surrogate, which is no character,");
                    }
                },
            },
            _ => {
                self.at = start;
                return self.fail("unknown escape");
            }
        };
        if c < ' ' || c == '"' || c == '\\' {
            push_escape(&mut self.out, c as u8);
        } else {
            self.out.push(c);
        }
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return self.fail("expected four hex digits");
        }
        self.at += 4;
        Ok(digits.iter().fold(0, |n, &d| n * 16 + char::from(d).to_digit(16).unwrap_or(0)))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from { self.fail("expected a digit") } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.fail("a number with a leading zero");
            }
        } else {
            self.digits()?;
        }
        let mut plain = true;
        if self.peek() == Some(b'.') {
            plain = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            plain = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let literal = &self.text[start..self.at];
        if !self.exact {
            self.out.push_str(literal);
            return Ok(());
        }
        if plain && literal.len() <= 15 {
            self.out.push_str(if literal == "-0" { "0" } else { literal });
            return Ok(());
        }
        let number: f64 = literal.parse().unwrap_or(f64::INFINITY);
        let mut buffer = ryu_js::Buffer::new();
        if number.is_finite() {
            let spelled = buffer.format(number);
            if decimal(spelled) == decimal(literal) {
                self.out.push_str(spelled);
                return Ok(());
            }
        }
        self.at = start;
        let shown: String = literal.chars().take(40).collect();
        self.fail(format!("number {shown} is not what a double holds (send it as a string)"))
    }
}

fn duplicate<T>(key: &str, at: usize) -> Result<T, JsonError> {
    let shown: String = key.chars().take(60).collect();
    Err(JsonError { what: format!("duplicate key {shown:?}"), at, duplicate: true })
}

/// A canonical string without its escapes; keys with escapes are rare.
fn unescape(inner: &str) -> String {
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned())
}

/// A decimal literal as (negative, significant digits, exponent of the first digit), so that two
/// notations of one number compare equal. Zero has no sign.
fn decimal(literal: &str) -> (bool, Vec<u8>, i64) {
    let (negative, rest) = match literal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // An exponent too large for i64 means zero or infinity in any case.
    let exponent: i64 = exponent.parse().unwrap_or(i64::from(i32::MAX));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let leading = digits.iter().take_while(|&&d| d == b'0').count();
    digits.drain(..leading);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return (false, digits, 0);
    }
    let first = i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(leading).unwrap_or(0);
    (negative, digits, exponent.saturating_add(first))
}

#[cfg(test)]
mod tests {
    use super::{NotAnObject, canonicalize, object, push_string};
    use proptest::prelude::*;

    #[test]
    fn spelling_is_normalised() {
        for (given, kept) in [
            ("1e2", "100"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0.10", "0.1"),
            ("1E21", "1e+21"),
            ("1000000000000000000000", "1e+21"),
            ("0.0000001", "1e-7"),
            ("9007199254740992", "9007199254740992"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
            (" [ 1 , true , null ] ", "[1,true,null]"),
            (r#"{"b":1,"a":{"d":2,"c":3}}"#, r#"{"a":{"c":3,"d":2},"b":1}"#),
            (r#""\u0041\/\u00f3\u001F\ud83d\ude9a""#, "\"A/ó\\u001f🚚\""),
            ("{}", "{}"),
        ] {
            assert_eq!(canonicalize(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn keys_are_ordered_by_utf16_units() {
        // U+1F69A starts with the unit D83D, before U+FB33, although its bytes come after.
        let given = "{\"\u{FB33}\":1,\"\u{1F69A}\":2,\"\\n\":3,\"1\":4}";
        assert_eq!(
            canonicalize(given).unwrap(),
            "{\"\\n\":3,\"1\":4,\"\u{1F69A}\":2,\"\u{FB33}\":1}"
        );
    }

    #[test]
    fn what_would_change_is_refused_by_name() {
        let deep = "[".repeat(200);
        for (given, why) in [
            (r#"{"a":1,"a":2}"#, "duplicate key \"a\""),
            (r#"{"b":1,"a":1,"\u0062":2}"#, "duplicate key \"b\""),
            ("9007199254740993", "not what a double holds"),
            ("0.1000000000000000055511151231257827", "not what a double holds"),
            ("1E400", "not what a double holds"),
            ("1e-400", "not what a double holds"),
            ("1e99999999999999999999", "not what a double holds"),
            (r#""\u0000""#, "\\u0000"),
            (r#""\ud800""#, "lone surrogate"),
            (r#""\ud800\u0041""#, "lone surrogate"),
            (r#""\udc00""#, "lone surrogate"),
            ("\"a\nb\"", "control character"),
            ("01", "leading zero"),
            ("[1,]", "expected a JSON value"),
            ("{\"a\" 1}", "expected ':'"),
            ("\"abc", "ends inside a string"),
            ("\"\\u12", "four hex digits"),
            ("", "ends where a value"),
            ("1 2", "after the value"),
            ("nul", "expected a JSON value"),
            (deep.as_str(), "nested deeper"),
        ] {
            let error = canonicalize(given).unwrap_err().to_string();
            assert!(error.contains(why), "{given}: {error}");
        }
    }

    #[test]
    fn an_object_with_a_duplicate_key_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#]
        {
            assert_eq!(object(text.as_bytes()), Err(NotAnObject::DuplicateKey), "{text}");
        }
    }

    #[test]
    fn only_one_object_is_read() {
        for text in
            ["", "[]", "1", r#"{"a":1} {}"#, r#"{"a":1e999}"#, "{\"a\":\"\u{1}\"}", "\u{feff}{}"]
        {
            assert!(object(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(object(b"[]"), Err(NotAnObject::OtherValue));
        assert_eq!(object(b"{\"\xff\":1}"), Err(NotAnObject::Malformed));
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(4000), "]".repeat(4000));
        assert!(object(deep.as_bytes()).is_err());
        let read = object(r#" {"a":[null,true,-1,1.5,"x",{"a":{}}]} "#.as_bytes()).unwrap();
        assert_eq!(read["a"][5]["a"], serde_json::json!({}));
        // What another may sign is not held to what Postgres can store.
        let read = object(r#"{"n":9007199254740993,"z":"\u0000"}"#.as_bytes()).unwrap();
        assert_eq!((read["n"].as_u64(), read["z"].as_str()), (Some((1 << 53) + 1), Some("\0")));
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Into::into),
            (-1_000_000_000_000i64..1_000_000_000_000).prop_map(Into::into),
            "[^\u{0}]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map("[^\u{0}]{0,6}", inner, 0..6)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixed_point(value in any_json()) {
            let once = canonicalize(&value.to_string()).unwrap();
            prop_assert_eq!(canonicalize(&once).unwrap(), once.clone());
            let reread: serde_json::Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(canonicalize(&reread.to_string()).unwrap(), once);
        }

        #[test]
        fn any_text_is_refused_or_read_without_a_panic(text in "\\PC{0,40}") {
            let _ = canonicalize(&text);
            let _ = object(text.as_bytes());
        }

        #[test]
        fn an_object_is_what_serde_reads(value in any_json()) {
            let text = serde_json::json!({"value": value}).to_string();
            prop_assert_eq!(&object(text.as_bytes()).unwrap()["value"], &value);
        }

        #[test]
        fn strings_survive(text in "[^\u{0}]{0,40}") {
            let mut out = String::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            prop_assert_eq!(canonicalize(&out).unwrap(), out);
        }
    }
}
