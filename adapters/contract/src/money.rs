//! Money: a decimal string with a currency, never a float.

/// Whether `text` is a decimal in this contract's format: an optional minus, 1 to 15 digits without
/// a superfluous leading zero, and at most 6 decimals after a point. A negative zero is refused,
/// since Postgres would drop its sign.
pub fn is_decimal(text: &str) -> bool {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = match digits.split_once('.') {
        Some((w, d)) if (1..=6).contains(&d.len()) => (w, d),
        Some(_) => return false,
        None => (digits, ""),
    };
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let zero = !digits.bytes().any(|b| (b'1'..=b'9').contains(&b));
    (1..=15).contains(&whole.len())
        && (whole.len() == 1 || !whole.starts_with('0'))
        && numeric(whole)
        && numeric(decimals)
        && !(negative && zero)
}

/// Whether `text` has the format of an ISO 4217 code: three capital letters.
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::is_decimal;

    #[test]
    fn decimals() {
        for good in ["0", "0.00", "12.50", "-3.1", "999999999999999.999999"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "-0", "-0.00", "1e3", "1,5", "+1", "1.1234567", "1 "]
        {
            assert!(!is_decimal(bad), "{bad}");
        }
    }
}
