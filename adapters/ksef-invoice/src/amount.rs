//! Decimal numbers as FA(3) writes them. No float is involved anywhere.

pub use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;

/// Whether a text is a number with at most `whole` digits before the point and `places` behind it:
/// no plus sign, exponent, leading zero, comma, nor a point without digits.
pub fn is_decimal(text: &str, whole: usize, places: usize) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (integer, fraction) = match text.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(integer)
        && integer.len() <= whole
        && (integer == "0" || !integer.starts_with('0'))
        && fraction.is_none_or(|f| digits(f) && f.len() <= places)
}

/// Whether a text is an amount of money: up to 16 digits, up to 2 decimals.
pub fn is_amount(text: &str) -> bool {
    is_decimal(text, 16, 2)
}

/// The number that a text of [`is_decimal`]'s form says.
pub fn read(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).ok()
}

/// Rounded to hundredths, halves away from zero, as invoices round.
pub fn cents(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// An amount with two decimals, never `-0.00`.
pub fn format_amount(value: Decimal) -> String {
    let mut value = cents(value);
    if value.is_zero() {
        value = Decimal::ZERO;
    }
    value.rescale(2);
    value.to_string()
}

/// A number without zeros at its end.
pub fn format_decimal(value: Decimal) -> String {
    value.normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_plain_form_is_an_amount() {
        for text in ["0", "-0", "12", "12.3", "-12.34", "0.05", "9999999999999999.99"] {
            assert!(is_amount(text), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1666,66",
            "+1.00",
            "01.00",
            "00",
            "1E3",
            "1.66666E3",
            "1.005",
            "NaN",
            "INF",
            "1 000",
            " 1",
            "1_000",
            "0x1",
            "--1",
            "١",
            "99999999999999999",
            "1.2.3",
        ] {
            assert!(!is_amount(text), "{text}");
        }
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (value, formatted) in [
            ("0.005", "0.01"),
            ("-0.005", "-0.01"),
            ("2.345", "2.35"),
            ("-0.004", "0.00"),
            ("3", "3.00"),
        ] {
            assert_eq!(format_amount(read(value).unwrap()), formatted);
        }
    }

    proptest! {
        #[test]
        fn what_is_formatted_is_an_amount(number in -9_999_999_999_999_999_i64..=9_999_999_999_999_999, scale in 0..6u32) {
            let value = Decimal::new(number, scale);
            prop_assert!(is_amount(&format_amount(value)), "{}", format_amount(value));
            prop_assert_eq!(read(&format_amount(value)).unwrap(), cents(value));
            prop_assert!(is_decimal(&format_decimal(value), 16, 6), "{}", format_decimal(value));
        }
    }
}
