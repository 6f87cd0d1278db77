//! The values of infrastructure decisions, and the rules for each.

use crate::inputs::Residency;
use flowcontrol_base::text::one_line;
use flowcontrol_evidence::KnownSecrets;
use std::collections::BTreeMap;

/// The most characters that a value may have.
const LONGEST: usize = 100;
/// The longest accepted RPO, in days.
const LONGEST_RPO_DAYS: u64 = 30;

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The hosting provider.
    Provider,
    /// The account there: its name or number, never a credential.
    Account,
    /// The region, by the provider's name.
    Region,
    /// The operator of the service.
    RuntimeOwner,
    /// The recovery point objective: `30s`, `15m`, `4h` or `1d`.
    Rpo,
    /// The owner of restores.
    RestoreOwner,
}

impl Value {
    /// The name on the command line and in packets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Account => "account",
            Self::Region => "region",
            Self::RuntimeOwner => "runtime_owner",
            Self::Rpo => "rpo",
            Self::RestoreOwner => "restore_owner",
        }
    }

    /// The placeholder in a command that is to be filled in; never a valid value.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Provider => "PROVIDER",
            Self::Account => "ACCOUNT",
            Self::Region => "REGION",
            Self::RuntimeOwner => "RUNTIME_OWNER",
            Self::Rpo => "RPO",
            Self::RestoreOwner => "RESTORE_OWNER",
        }
    }

    fn fits(self, text: &str, residency: Option<Residency>) -> Result<(), String> {
        let name = self.name();
        // A value that looks like a secret is not repeated.
        if looks_secret(text) {
            return Err(format!("with a value of {name} that looks like a credential"));
        }
        if text.chars().count() > LONGEST || one_line(text) != text {
            return Err(format!(
                "with a value of {name} that is not a single line of at most {LONGEST} characters"
            ));
        }
        if text == self.placeholder() {
            return Err(format!("with {name}={text}, which is a placeholder"));
        }
        match self {
            Self::Region => region(text, residency),
            Self::Rpo => rpo(text),
            _ => Ok(()),
        }
    }
}

/// Checks that `given` holds exactly the `wanted` values, each of them valid.
///
/// # Errors
/// What is wrong, as the end of a sentence: `without account`, `with rpo=soon, ...`. It never
/// repeats a value that looks like a credential.
pub fn judge(
    wanted: &[Value],
    given: &BTreeMap<String, String>,
    residency: Option<Residency>,
) -> Result<(), String> {
    let text = |v: &Value| given.get(v.name()).map(String::as_str).unwrap_or_default();
    let missing: Vec<&str> =
        wanted.iter().filter(|v| text(v).trim().is_empty()).map(|v| v.name()).collect();
    if !missing.is_empty() {
        return Err(format!("without {}", missing.join(", ")));
    }
    if given.keys().any(|name| wanted.iter().all(|v| v.name() != name)) {
        return Err("with a value that the check does not take".to_owned());
    }
    wanted.iter().try_for_each(|v| v.fits(text(v), residency))
}

/// Whether `text` is recognizably a password, a token or a key. A secret that looks like a
/// name is not recognized.
pub fn looks_secret(text: &str) -> bool {
    const MARKS: [&str; 11] = [
        "PRIVATE KEY",
        "-----BEGIN",
        "ghp_",
        "github_pat_",
        "glpat-",
        "AKIA",
        "ASIA",
        "xoxb-",
        "sk_live_",
        "eyJ",
        "AccountKey=",
    ];
    // Long words that mix capitals, small letters and digits are generated.
    let random = |word: &str| {
        word.len() >= 24
            && word.contains(|c: char| c.is_ascii_uppercase())
            && word.contains(|c: char| c.is_ascii_lowercase())
            && word.contains(|c: char| c.is_ascii_digit())
    };
    let setting = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["secret", "token", "password", "passwd", "pwd", "apikey", "api_key"]
            .iter()
            .any(|name| word.split_once(['=', ':']).is_some_and(|(key, _)| key.ends_with(name)))
    };
    KnownSecrets::new().check_text("value", text).is_err()
        || MARKS.iter().any(|mark| text.contains(mark))
        || text.split_whitespace().any(|word| random(word) || setting(word))
}

fn rpo(text: &str) -> Result<(), String> {
    let unit = |c| match c {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let seconds = match &text.as_bytes()[digits.len()..] {
        [one] if plain => unit(char::from(*one))
            .and_then(|unit: u64| digits.parse::<u64>().ok()?.checked_mul(unit)),
        _ => None,
    };
    match seconds {
        Some(1..) if seconds <= Some(LONGEST_RPO_DAYS * 86_400) => Ok(()),
        _ => Err(format!(
            "with rpo={text}, which is not a duration such as 15m or 4h of at most \
             {LONGEST_RPO_DAYS}d"
        )),
    }
}

fn region(text: &str, residency: Option<Residency>) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(plain) {
        return Err(format!("with region={text}, which is not a region name such as eu-central-1"));
    }
    match residency {
        Some(Residency::Eu) if !in_the_eu(text) => Err(format!(
            "with region={text}, which is not known to lie in the European Union; the profile \
             requires that: name a region of AWS, Azure or Google Cloud there, or one that begins \
             with its country, such as pl-waw-1"
        )),
        _ => Ok(()),
    }
}

/// Regions in the European Union by the names that large providers give them. London and Zurich
/// have similar names and are excluded.
const EU_REGIONS: [&str; 32] = [
    // AWS
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-3",
    "eusc-de-east-1",
    // Azure
    "austriaeast",
    "belgiumcentral",
    "denmarkeast",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "italynorth",
    "northeurope",
    "polandcentral",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "westeurope",
    // Google Cloud
    "europe-central2",
    "europe-north1",
    "europe-north2",
    "europe-southwest1",
    "europe-west1",
    "europe-west10",
    "europe-west12",
    "europe-west3",
    "europe-west4",
    "europe-west8",
    "europe-west9",
];

/// Its member states by ISO 3166 code.
const EU_COUNTRIES: [&str; 27] = [
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it",
    "lt", "lu", "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk",
];

/// A known region, a country, or a name that begins with a country: `de`, `pl-waw-1`.
fn in_the_eu(region: &str) -> bool {
    let country = region.split('-').next().unwrap_or_default();
    EU_REGIONS.contains(&region) || EU_COUNTRIES.contains(&country)
}

#[cfg(test)]
mod tests {
    use super::{Value, judge, looks_secret};
    use crate::inputs::Residency;
    use std::collections::BTreeMap;

    fn one(value: Value, text: &str, residency: Option<Residency>) -> Result<(), String> {
        judge(&[value], &BTreeMap::from([(value.name().to_owned(), text.to_owned())]), residency)
    }

    #[test]
    fn an_rpo_is_a_duration() {
        for good in ["1s", "15m", "4h", "30d"] {
            assert_eq!(one(Value::Rpo, good, None), Ok(()), "{good}");
        }
        for bad in ["0m", "15", "m", "-4h", "+4h", "4 h", "4hh", "1.5h", "4H", "31d", "4ż", "soon"]
        {
            assert!(one(Value::Rpo, bad, None).unwrap_err().contains("duration"), "{bad}");
        }
        assert!(one(Value::Rpo, "99999999999999999999d", None).is_err());
        assert!(one(Value::Rpo, "9999999999999999999d", None).is_err());
    }

    #[test]
    fn residency_asks_for_a_region_in_the_union() {
        let eu = Some(Residency::Eu);
        for good in ["eu-central-1", "westeurope", "europe-west3", "pl-waw-1", "de"] {
            assert_eq!(one(Value::Region, good, eu), Ok(()), "{good}");
        }
        for abroad in ["us-east-1", "eu-west-2", "eu-central-2", "europe-west2", "uksouth", "dez-1"]
        {
            assert!(one(Value::Region, abroad, eu).unwrap_err().contains("European"), "{abroad}");
            assert_eq!(one(Value::Region, abroad, None), Ok(()), "{abroad}");
        }
        for none in ["Frankfurt", "eu central", "1-eu", "eu_central"] {
            assert!(one(Value::Region, none, None).is_err(), "{none}");
        }
    }

    #[test]
    fn a_value_is_one_line_filled_in_and_asked_for() {
        let is = |text: &str| one(Value::Account, text, None);
        assert_eq!(is("1234-5678 (bfg-prod)"), Ok(()));
        assert_eq!(is("6f1c2d3e-1a2b-4c5d-8e9f-0a1b2c3d4e5f"), Ok(()));
        assert_eq!(is(" ").unwrap_err(), "without account");
        for bad in ["a\nb", "ACCOUNT", &"a".repeat(101)] {
            assert!(is(bad).is_err(), "{bad}");
        }
        let given = BTreeMap::from([("rpo".to_owned(), "4h".to_owned())]);
        assert_eq!(
            judge(&[], &given, None).unwrap_err(),
            "with a value that the check does not take"
        );
    }

    #[test]
    fn what_looks_like_a_secret_is_refused_and_not_repeated() {
        for secret in [
            "postgres://anna:tajne@db/bfg",
            "password=tajne",
            "token:tajne",
            "client_secret=tajne",
            "-----BEGIN RSA PRIVATE KEY-----",
            "AKIATAJNETAJNE",
            "wJalrXUtnFEMI/K7MDENG/bPxRtajne",
        ] {
            assert!(looks_secret(secret), "{secret}");
            let refused = one(Value::Account, secret, None).unwrap_err();
            assert_eq!(refused, "with a value of account that looks like a credential");
        }
        for plain in ["Hetzner Online", "bfg-production-2026", "Secretariat", "ops@bfg.example"] {
            assert!(!looks_secret(plain), "{plain}");
        }
    }
}
