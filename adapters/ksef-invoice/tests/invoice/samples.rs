//! The ministry's samples are accepted; mutations of one of them are refused, each for its reason.

use crate::support::{context, errors};
use flowcontrol_ksef_invoice::{accepted, check, summary};
use flowcontrol_ksef_testkit::judges::official;

#[test]
fn every_official_sample_is_accepted() {
    let Some(folder) = official("official samples") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.join("samples/fa3")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let findings = check(&bytes, &context());
        assert!(accepted(&findings), "{}: {findings:#?}", path.display());
        assert_eq!(summary(&bytes).unwrap().seller.as_str(), "9999999999");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn every_spoilt_sample_is_refused_for_its_own_reason() {
    let Some(folder) = official("spoilt samples") else { return };
    let reasons: &[(&str, &str)] = &[
        ("02_utf16", "encoding.utf16 "),
        ("04_pi", "xml.instruction "),
        ("06_fdd0", "xml.character "),
        ("08_nip_dashes", "value.nip /Faktura/Podmiot1/DaneIdentyfikacyjne/NIP"),
        ("10_comma_decimal", "value.amount /Faktura/Fa/P_13_1"),
        ("12_plus_sign", "value.amount /Faktura/Fa/P_13_1"),
        ("14_sci", "value.amount /Faktura/Fa/P_13_1"),
        ("16_rate_23pct", "value.code /Faktura/Fa/FaWiersz[1]/P_12"),
        ("18_missing_jst", "structure.missing /Faktura/Podmiot2/JST"),
        ("20_fa2_ns", "structure.namespace /Faktura"),
        ("22_P1_timezone", "value.date /Faktura/Fa/P_1"),
        ("24_long_name", "value.length /Faktura/Fa/FaWiersz[1]/P_7"),
        ("26_dtd", "xml.dtd "),
        ("28_line_vat_mismatch", "line.value /Faktura/Fa/FaWiersz[1]/P_11"),
        ("30_negzero", "sum.net /Faktura/Fa/P_13_1"),
        ("32_currency_no_rate", "currency.vat_pln /Faktura/Fa/P_14_1W"),
        ("34_nowrap_truncated", "xml.malformed "),
    ];
    let files = std::fs::read_dir(folder.join("samples/nasty")).unwrap().count();
    assert_eq!(files, reasons.len(), "a file has no reason here");
    for (name, reason) in reasons {
        let bytes = std::fs::read(folder.join(format!("samples/nasty/{name}.xml"))).unwrap();
        let found = errors(&check(&bytes, &context()));
        assert!(found.iter().any(|f| f == reason), "{name}: {reason}: {found:?}");
        // Nothing is told that does not follow from the one mistake.
        let allowed = match *name {
            "28_line_vat_mismatch" => 3,
            "30_negzero" | "32_currency_no_rate" => 2,
            _ => 1,
        };
        assert_eq!(found.len(), allowed, "{name}: {found:?}");
    }
}
