//! From an invoice to its XML. Each function writes one element with its children in the order of
//! FA(3), so the order cannot be wrong.

mod body;
mod parties;
mod xml;

use super::NAMESPACE;
use super::model::Invoice;
use time::UtcOffset;
use time::macros::format_description;
use xml::Xml;

/// The bytes of an invoice: UTF-8 without a byte order mark, the same for the same invoice.
pub fn write(invoice: &Invoice) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open_with("Faktura", &[("xmlns", NAMESPACE)]);
    header(&mut xml, invoice);
    parties::seller(&mut xml, &invoice.seller);
    parties::buyer(&mut xml, &invoice.buyer);
    for (role, other) in &invoice.others {
        parties::other(&mut xml, *role, other);
    }
    body::write(&mut xml, invoice);
    footer(&mut xml, invoice);
    xml.close("Faktura");
    xml.finish()
}

fn header(xml: &mut Xml, invoice: &Invoice) {
    xml.open("Naglowek");
    xml.text_with("KodFormularza", &[("kodSystemowy", "FA (3)"), ("wersjaSchemy", "1-0E")], "FA");
    xml.text("WariantFormularza", "3");
    // With an offset, so that the time zone is explicit.
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let created = invoice.created.to_offset(UtcOffset::UTC).format(form).unwrap_or_default();
    xml.text("DataWytworzeniaFa", &created);
    xml.text("SystemInfo", &invoice.system);
    xml.close("Naglowek");
}

fn footer(xml: &mut Xml, invoice: &Invoice) {
    let Some(footer) = &invoice.footer else { return };
    xml.open("Stopka");
    if let Some(text) = &footer.text {
        xml.open("Informacje");
        xml.text("StopkaFaktury", text);
        xml.close("Informacje");
    }
    if footer.krs.is_some() || footer.regon.is_some() || footer.bdo.is_some() {
        xml.open("Rejestry");
        xml.maybe("KRS", footer.krs.as_ref());
        xml.maybe("REGON", footer.regon.as_ref());
        xml.maybe("BDO", footer.bdo.as_ref());
        xml.close("Rejestry");
    }
    xml.close("Stopka");
}
