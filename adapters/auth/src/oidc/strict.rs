//! JSON objects in which no member is named twice: of two readers of `{"aud": 1, "aud": 2}` each
//! may believe another.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The object that `text` holds, and nothing after it.
///
/// # Errors
/// Says in words that it is none, or that a member stands in it twice, at any depth. Nothing of
/// `text` is repeated.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, &'static str> {
    match serde_json::from_slice::<Once>(text) {
        Ok(Once(Value::Object(members))) => Ok(members),
        Ok(_) => Err("is no JSON object"),
        Err(e) if e.is_data() => Err("names a member twice"),
        Err(_) => Err("is no JSON"),
    }
}

struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Once(value))) = members.next_entry::<String, Once>()? {
            if map.insert(name, value).is_some() {
                return Err(de::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn a_member_that_is_named_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#]
        {
            assert_eq!(object(text.as_bytes()), Err("names a member twice"), "{text}");
        }
    }

    #[test]
    fn only_one_object_is_read() {
        for text in
            ["", "[]", "1", r#"{"a":1} {}"#, r#"{"a":1e999}"#, "{\"a\":\"\u{1}\"}", "\u{feff}{}"]
        {
            assert!(object(text.as_bytes()).is_err(), "{text:?}");
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(4000), "]".repeat(4000));
        assert!(object(deep.as_bytes()).is_err());
        let read = object(r#" {"a":[null,true,-1,1.5,"x",{"a":{}}]} "#.as_bytes()).unwrap();
        assert_eq!(read["a"][5]["a"], serde_json::json!({}));
    }
}
