//! Cross-site request forgery checks: which writes and redirects of a browser are accepted. Pure.

use flowcontrol_contract::{Digest, Secret};

/// The header that repeats the session's CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// The headers of a browser's write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// `Origin`, which is set by the browser and not by the page.
    pub origin: Option<&'a str>,
    /// The CSRF token.
    pub csrf: Option<&'a str>,
}

/// Whether a write comes from a page of `origin` and repeats the session's CSRF token.
pub fn own_write(shown: &Shown<'_>, origin: &str, csrf: &Secret) -> bool {
    // Digests are compared, so that the time taken reveals nothing of the token.
    let same = |given: &str| Digest::of(given) == Digest::of(csrf.expose());
    shown.origin == Some(origin) && shown.csrf.is_some_and(same)
}

/// The path of this service to redirect to after sign-in; `/` for anything that might lead to
/// another site.
pub fn return_to(wanted: Option<&str>) -> &str {
    const HOME: &str = "/";
    let Some(path) = wanted else { return HOME };
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let mut hidden = path.as_bytes().windows(3).filter(|w| w[0] == b'%');
    // These percent-encodings decode to a line break, a backslash or a slash.
    let disguised = hidden.any(|w| {
        [&b"%0d"[..], b"%0a", b"%5c", b"%2f", b"%00"].iter().any(|bad| w.eq_ignore_ascii_case(bad))
    });
    let ours = path.starts_with('/') && !path.starts_with("//") && path.len() <= 2048;
    if plain && ours && !disguised { path } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::{Shown, own_write, return_to};
    use flowcontrol_contract::Secret;

    #[test]
    fn a_browser_is_led_to_a_path_of_this_service_alone() {
        for kept in ["/", "/gates", "/gates?for=staging&x=%C5%BC", "/a/b#c", "/@evil", "/a//b"] {
            assert_eq!(return_to(Some(kept)), kept);
        }
        for evil in [
            "",
            "evil",
            "//evil",
            "///evil",
            "/\\evil",
            "\\\\evil",
            "https:evil",
            "https://evil",
            "javascript:alert(1)",
            "/\r\nSet-Cookie: a=b",
            "/%0d%0aSet-Cookie:a",
            "/%0D%0A",
            "/%5Cevil",
            "/%2Fevil",
            "/\tevil",
            " /evil",
            "/a b",
            "/\u{202e}",
            "/\0",
            "/%00",
        ] {
            assert_eq!(return_to(Some(evil)), "/", "{evil:?}");
        }
        assert_eq!(return_to(Some(&format!("/{}", "a".repeat(2048)))), "/");
        assert_eq!(return_to(None), "/");
    }

    #[test]
    fn a_write_needs_our_origin_and_the_sessions_token() {
        let (ours, csrf) = ("https://ops.example.org", Secret::new("token"));
        let judged =
            |origin, csrf_shown| own_write(&Shown { origin, csrf: csrf_shown }, ours, &csrf);
        assert!(judged(Some(ours), Some("token")));
        for (origin, shown) in [
            (None, Some("token")),
            (Some("null"), Some("token")),
            (Some("https://ops.example.org:444"), Some("token")),
            (Some("http://ops.example.org"), Some("token")),
            (Some("https://evil.example.org"), Some("token")),
            (Some(ours), None),
            (Some(ours), Some("")),
            (Some(ours), Some("Token")),
        ] {
            assert!(!judged(origin, shown), "{origin:?} {shown:?}");
        }
    }
}
