//! An invoice as a page that prints: HTML that loads nothing, with its QR codes as SVG.
//!
//! It shows what the XML says, so that any invoice can be printed, whoever made it.

mod table;

use crate::qr::{Link, Picture};
use crate::{Finding, Reader, Severity};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page may apply its own style sheet and load nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const STYLE: &str = include_str!("style.css");

/// The codes below an invoice.
#[derive(Clone, Debug)]
pub struct Codes {
    /// KOD I.
    pub one: Link,
    /// The number that KSeF gave; without one the code is marked OFFLINE.
    pub ksef_no: Option<String>,
    /// KOD II, of an invoice that was issued offline.
    pub two: Option<Link>,
}

/// The page of an invoice.
///
/// # Errors
/// Why the bytes cannot be read.
pub fn page(invoice: &[u8], codes: &Codes) -> Result<String, Finding> {
    let reader = Reader::open(invoice)?;
    let number = reader.text(&["Fa", "P_2"]);
    let title = format!("{} {number}", title(&reader.text(&["Fa", "RodzajFaktury"])));
    let one = picture(&codes.one)?;
    let two = codes.two.as_ref().map(picture).transpose()?;
    let under = codes.ksef_no.as_deref().unwrap_or("OFFLINE");
    let page = html! {
        (DOCTYPE)
        html lang="pl" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    dl {
                        (pair("Data wystawienia", &reader.text(&["Fa", "P_1"])))
                        (pair("Miejsce wystawienia", &reader.text(&["Fa", "P_1M"])))
                        (pair("Data dostawy lub wykonania usługi", &reader.text(&["Fa", "P_6"])))
                        (period(&reader))
                        (pair("Numer KSeF", codes.ksef_no.as_deref().unwrap_or("")))
                    }
                }
                section .parties {
                    (party(&reader, "Podmiot1", "Sprzedawca"))
                    (party(&reader, "Podmiot2", "Nabywca"))
                }
                (table::corrected(&reader))
                (table::lines(&reader))
                (table::order(&reader))
                (table::totals(&reader))
                (table::payment(&reader))
                (table::remarks(&reader))
                section .codes {
                    (code("KOD I: weryfikacja faktury w KSeF", &codes.one, &one, under))
                    @if let (Some(link), Some(svg)) = (&codes.two, &two) {
                        (code("KOD II: weryfikacja wystawcy", link, svg, "CERTYFIKAT"))
                    }
                }
                @for text in reader.texts(&["Stopka", "Informacje", "StopkaFaktury"]) {
                    footer { p { (text) } }
                }
            }
        }
    };
    Ok(page.into_string())
}

fn title(kind: &str) -> &'static str {
    match kind {
        "KOR" => "Faktura korygująca",
        "ZAL" => "Faktura zaliczkowa",
        "ROZ" => "Faktura rozliczeniowa",
        "UPR" => "Faktura uproszczona",
        "KOR_ZAL" => "Korekta faktury zaliczkowej",
        "KOR_ROZ" => "Korekta faktury rozliczeniowej",
        _ => "Faktura",
    }
}

fn picture(link: &Link) -> Result<String, Finding> {
    Picture::of(link).map(|picture| picture.svg()).ok_or_else(|| Finding {
        path: String::new(),
        line: None,
        rule: "qr",
        message: "the link is too long for a QR code".to_owned(),
        severity: Severity::Error,
    })
}

/// One name and value, nothing where there is no value.
fn pair(name: &str, value: &str) -> Markup {
    html! { @if !value.is_empty() { div { dt { (name) } dd { (value) } } } }
}

fn period(reader: &Reader<'_>) -> Markup {
    let from = reader.text(&["Fa", "OkresFa", "P_6_Od"]);
    let to = reader.text(&["Fa", "OkresFa", "P_6_Do"]);
    html! { @if !from.is_empty() { (pair("Okres", &format!("{from} – {to}"))) } }
}

fn party(reader: &Reader<'_>, element: &str, role: &str) -> Markup {
    let id = |name: &str| reader.text(&[element, "DaneIdentyfikacyjne", name]);
    let address = |name: &str| reader.text(&[element, "Adres", name]);
    let contact = |name: &str| reader.text(&[element, "DaneKontaktowe", name]);
    let union = [id("KodUE"), id("NrVatUE")].concat();
    html! {
        div {
            h2 { (role) }
            p { strong { (id("Nazwa")) } }
            p {
                (address("AdresL1")) br;
                @if !address("AdresL2").is_empty() { (address("AdresL2")) br; }
                (address("KodKraju"))
            }
            dl {
                (pair("NIP", &id("NIP")))
                (pair("Numer VAT UE", &union))
                (pair("Identyfikator podatkowy", &id("NrID")))
                (pair("E-mail", &contact("Email")))
                (pair("Telefon", &contact("Telefon")))
            }
        }
    }
}

fn code(name: &str, link: &Link, svg: &str, under: &str) -> Markup {
    html! {
        figure {
            div role="img" aria-label=(name) { (PreEscaped(svg)) }
            figcaption {
                strong { (under) } br;
                a href=(link) { (name) }
            }
        }
    }
}
