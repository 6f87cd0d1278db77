//! Addresses that may be asked.

use url::{Host, Url};

/// An address from configuration or from a service: `https`, or `http` on loopback; without credentials
/// and fragment.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence that begins with its name. It is not repeated.
pub fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| e.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address holds no credentials".into());
    }
    if url.fragment().is_some() {
        return Err("an address has no fragment".into());
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http is for loopback alone".into()),
        other => Err(format!("{other} is not http or https")),
    }
}

/// The address that a service's paths are under: as [`address`], without a query, and without a slash
/// at its end.
///
/// # Errors
/// As [`address`].
pub fn base(text: &str) -> Result<Url, String> {
    let url = address(text.trim_end_matches('/'))?;
    if url.query().is_some() { Err("a base address has no query".into()) } else { Ok(url) }
}

/// An address that a service at `base` gave: as [`address`], but plain HTTP only where the service is on
/// plain HTTP itself.
///
/// # Errors
/// As [`address`].
pub fn linked(base: &Url, text: &str) -> Result<Url, String> {
    let url = address(text)?;
    if base.scheme() == "https" && url.scheme() != "https" {
        return Err("it is not on TLS".into());
    }
    Ok(url)
}

/// Whether scheme, host and port are the same: whether what is secret to one may be told to the other.
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// An address for messages: without credentials, query and fragment.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for addresses that can have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_or_loopback_and_nothing_secret_in_it() {
        for good in
            ["https://a.example/x?y", "http://127.0.0.1:1", "http://[::1]/", "http://localhost"]
        {
            address(good).unwrap();
        }
        for (bad, why) in [
            ("http://a.example/", "loopback alone"),
            ("ftp://127.0.0.1/", "ftp is not http"),
            ("https://u:TOPSECRET@a.example/", "no credentials"),
            ("https://TOPSECRET@a.example/", "no credentials"),
            ("https://a.example/#f", "no fragment"),
            ("TOPSECRET", "relative URL"),
        ] {
            let error = address(bad).unwrap_err();
            assert!(error.contains(why) && !error.contains("TOPSECRET"), "{bad}: {error}");
        }
        assert!(base("https://a.example/v1?key=x").is_err());
        assert_eq!(base("https://a.example/v1//").unwrap().path(), "/v1");
    }

    #[test]
    fn a_service_on_tls_gives_no_address_without() {
        let (tls, here) = (base("https://a.example").unwrap(), base("http://127.0.0.1:1").unwrap());
        assert!(linked(&tls, "http://127.0.0.1:2/x").is_err());
        linked(&here, "http://127.0.0.1:2/x").unwrap();
        let elsewhere = linked(&tls, "https://b.example/x?sig=TOPSECRET").unwrap();
        assert!(!same_origin(&tls, &elsewhere));
        assert!(same_origin(&tls, &address("https://a.example:443/y").unwrap()));
        assert_eq!(shown(&elsewhere), "https://b.example/x");
    }
}
