//! The two cookies of a browser's sign-in. Both are for this host, over TLS only, and hidden from
//! scripts.
//!
//! A browser keeps a `__Host-` cookie only when it is Secure, for the absolute host and without a
//! domain, so that neither a neighbour's host nor plain HTTP can plant one. Browsers count loopback
//! as secure without TLS.

use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie with the session's name.
pub const SESSION: &str = "__Host-flowcontrol";
/// The cookie with the name of the sign-in attempt.
pub const ATTEMPT: &str = "__Host-flowcontrol-attempt";

/// The `Set-Cookie` value. `SameSite=Lax`, because the provider redirects the browser back here.
pub fn set(name: &str, value: &str, seconds: Option<u32>) -> HeaderValue {
    let age = seconds.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The `Set-Cookie` value that deletes a cookie.
pub fn clear(name: &str) -> HeaderValue {
    set(name, "", Some(0))
}

/// The value of the one cookie of that name; `None` if it is absent or repeated.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(n, _)| *n == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{SESSION, clear, read, set};
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn one_cookie_is_read_and_two_of_a_name_are_none() {
        let found = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_static(text));
            read(&headers, SESSION).map(str::to_owned)
        };
        assert_eq!(found("a=b; __Host-flowcontrol=x; c=d").as_deref(), Some("x"));
        for none in [
            "",
            "flowcontrol=x",
            "__Host-flowcontrol=",
            "__Host-flowcontrol=x; __Host-flowcontrol=y",
        ] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn every_rule_stands_in_what_is_set() {
        let text = set(SESSION, "x", None);
        assert_eq!(text, "__Host-flowcontrol=x; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(clear(SESSION).to_str().unwrap().ends_with("; Max-Age=0"));
    }
}
