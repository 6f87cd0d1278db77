//! Files that are no invoices: sizes, encodings, characters, depth.

use crate::support::{build, context, errors, payload};
use flowcontrol_ksef_invoice::{Context, MAX_BYTES, accepted, check, summary};
use time::macros::{date, datetime};

fn sound() -> String {
    String::from_utf8(build(&payload()).unwrap()).unwrap()
}

fn padded(bytes: usize) -> Vec<u8> {
    let text = sound();
    let room = bytes - text.len() - "<!---->".len();
    text.replace("<Naglowek>", &format!("<!--{}--><Naglowek>", "x".repeat(room))).into_bytes()
}

#[test]
fn a_million_bytes_are_an_invoice_and_one_more_is_none() {
    let largest = padded(MAX_BYTES);
    assert_eq!(largest.len(), MAX_BYTES);
    assert!(accepted(&check(&largest, &context())));
    assert_eq!(errors(&check(&padded(MAX_BYTES + 1), &context())), ["size "]);
    assert_eq!(errors(&check(&vec![b'<'; 3_000_001], &context())), ["size "]);
}

#[test]
fn an_attachment_allows_three_million() {
    let attachment = "<Zalacznik><BlokDanych><MetaDane><ZKlucz>a</ZKlucz><ZWartosc>b</ZWartosc>\
        </MetaDane></BlokDanych></Zalacznik></Faktura>";
    let grown = |bytes| String::from_utf8(padded(bytes)).unwrap().replace("</Faktura>", attachment);
    let (fits, large) = (grown(2_999_000), grown(3_000_000));
    assert!(accepted(&check(fits.as_bytes(), &context())));
    assert_eq!(errors(&check(large.as_bytes(), &context())), ["size "]);
}

#[test]
fn only_plain_utf_8_is_read() {
    let text = sound();
    let refused = |bytes: &[u8], rule: &str| {
        let found = errors(&check(bytes, &context()));
        assert!(found.iter().any(|f| f.trim_end() == rule), "{rule}: {found:?}");
    };
    refused(format!("\u{FEFF}{text}").as_bytes(), "encoding.bom");
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(&utf16, "encoding.utf16");
    refused(&[&[0xFE, 0xFF][..], &utf16].concat(), "encoding.utf16");
    refused(text.replace("UTF-8", "ISO-8859-2").as_bytes(), "encoding.declared");
    refused(text.replace("version=\"1.0\"", "version=\"1.1\"").as_bytes(), "xml.version");
    refused(&[text.as_bytes(), &[0xB1]].concat(), "encoding.utf8");
    refused(text.replace("Postój", "Post\u{80}j").as_bytes(), "xml.character");
    refused(text.replace("Postój", "Post&#x80;j").as_bytes(), "xml.character");
    refused(text.replace("Postój", "Post\u{1FFFE}j").as_bytes(), "xml.character");
    refused(text.replace("Postój", "Post&#xFDD0;j").as_bytes(), "xml.character");
    refused(text.replace("Postój", "Post&#1;j").as_bytes(), "xml.malformed");
    refused(text.replace("Postój", "&lol;").as_bytes(), "xml.malformed");
    refused(text.replace("<Fa>", "<?php 1 ?><Fa>").as_bytes(), "xml.instruction");
    let bomb = "<!DOCTYPE Faktura [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Faktura";
    refused(text.replacen("<Faktura", bomb, 1).as_bytes(), "xml.dtd");
    refused(b"", "xml.malformed");
    refused(b"{}", "xml.malformed");
    assert!(accepted(&check(text.replace("UTF-8", "utf-8").as_bytes(), &context())));
    assert!(accepted(&check(text.replace("Postój", "Post&#xF3;j \u{85}").as_bytes(), &context())));
}

#[test]
fn depth_and_breadth_do_not_break_the_checker() {
    let deep = format!("{}{}", "<a>".repeat(330_000), "</a>".repeat(330_000));
    assert!(!accepted(&check(deep.as_bytes(), &context())));
    let wide = sound().replace("</Fa>", &format!("{}</Fa>", "<a/>".repeat(200_000)));
    let findings = check(wide.as_bytes(), &context());
    assert_eq!(findings.len(), 200, "only so many are told");
}

#[test]
fn a_prefix_for_the_namespace_is_as_good_as_none() {
    let text = sound();
    let prefixed = text.replace("xmlns=", "xmlns:fa=").replace("</", "\u{1}");
    let prefixed = prefixed.replace('<', "<fa:").replace('\u{1}', "</fa:");
    let prefixed = prefixed.replace("<fa:?xml", "<?xml");
    assert_eq!(errors(&check(prefixed.as_bytes(), &context())), [""; 0]);
    let foreign = text.replace("<P_1>", "<P_1 xmlns=\"urn:other\">");
    let found = errors(&check(foreign.as_bytes(), &context()));
    assert!(found.iter().any(|f| f.starts_with("structure.namespace")), "{found:?}");
}

/// To XML a space of another kind is a letter: it makes a name, and no gap between elements.
#[test]
fn only_the_white_space_of_xml_is_white() {
    for space in ['\u{A0}', '\u{2000}', '\u{3000}'] {
        let named = sound().replace("BFG Control sp. z o.o.", &space.to_string());
        assert_eq!(errors(&check(named.as_bytes(), &context())), Vec::<String>::new());
        assert_eq!(summary(named.as_bytes()).unwrap().seller_name, space.to_string());
        let between = sound().replace("<Podmiot1>", &format!("{space}<Podmiot1>"));
        assert_eq!(errors(&check(between.as_bytes(), &context())), ["structure.text /Faktura"]);
    }
}

#[test]
fn dates_are_judged_by_the_day_in_warsaw() {
    let text = sound().replace("<P_1>2026-11-20", "<P_1>2026-07-02");
    let rules = |context: &Context| -> Vec<_> {
        let findings = check(text.as_bytes(), context);
        findings.iter().filter(|f| f.rule.starts_with("date.")).map(|f| f.rule).collect()
    };
    // 22:30 UTC on 1 July is 00:30 on 2 July in Warsaw: today there, tomorrow in UTC.
    assert_eq!(rules(&Context::at(datetime!(2026-07-01 22:30 UTC))), [""; 0]);
    assert_eq!(rules(&Context::at(datetime!(2026-07-01 21:59:59 UTC))), ["date.future"]);
    assert_eq!(rules(&Context::at(datetime!(2026-07-02 21:59:59 UTC))), [""; 0]);
    assert_eq!(rules(&Context::at(datetime!(2026-07-02 22:00:01 UTC))), ["date.offline"]);
    assert_eq!(rules(&Context { today: date!(2026 - 07 - 01) }), ["date.future"]);
}

#[test]
fn what_the_schema_lets_through_is_refused() {
    let text = sound();
    let cases = [
        ("<P_14_1>287.50</P_14_1>", "<P_14_1>280.00</P_14_1>", "sum.vat /Faktura/Fa/P_14_1"),
        ("<P_15>1537.50</P_15>", "<P_15>1637.50</P_15>", "sum.gross /Faktura/Fa/P_15"),
        ("<P_13_1>1250.00</P_13_1>", "<P_13_1>1350.00</P_13_1>", "sum.net /Faktura/Fa/P_13_1"),
        ("<P_11>250.00</P_11>", "<P_11>240.00</P_11>", "line.value /Faktura/Fa/FaWiersz[2]/P_11"),
        ("<P_12>23</P_12>", "", "line.incomplete /Faktura/Fa/FaWiersz[1]/P_12"),
        ("<KodWaluty>PLN", "<KodWaluty>EUR", "currency.vat_pln /Faktura/Fa/P_14_1W"),
        (
            "<RodzajFaktury>VAT",
            "<RodzajFaktury>KOR",
            "correction.reference /Faktura/Fa/DaneFaKorygowanej",
        ),
        (
            "<RodzajFaktury>VAT",
            "<RodzajFaktury>ROZ",
            "final.reference /Faktura/Fa/FakturaZaliczkowa",
        ),
        ("<RodzajFaktury>VAT", "<RodzajFaktury>UPR", "simplified.limit /Faktura/Fa/P_15"),
        (
            "<NIP>5265877635",
            "<NIP>5265877636",
            "value.nip /Faktura/Podmiot1/DaneIdentyfikacyjne/NIP",
        ),
    ];
    for (from, to, told) in cases {
        let spoilt = text.replacen(from, to, 1);
        assert_ne!(spoilt, text, "{from} is not there");
        let found = errors(&check(spoilt.as_bytes(), &context()));
        assert!(found.iter().any(|f| f == told), "{told}: {found:?}");
    }
    let begin = text.find("<FaWiersz>").unwrap();
    let end = text.rfind("</FaWiersz>").unwrap() + "</FaWiersz>".len();
    let bare = format!("{}{}", &text[..begin], &text[end..]);
    let found = errors(&check(bare.as_bytes(), &context()));
    assert_eq!(found, ["line.none /Faktura/Fa/FaWiersz"]);
    let exempt = text.replace("<P_12>23", "<P_12>zw");
    let found = errors(&check(exempt.as_bytes(), &context()));
    assert!(
        found.contains(&"annotation.missing /Faktura/Fa/Adnotacje/Zwolnienie/P_19".to_owned()),
        "{found:?}"
    );
}
