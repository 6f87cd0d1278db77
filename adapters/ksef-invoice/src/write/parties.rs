//! `Podmiot1`, `Podmiot2`, `Podmiot3`, `Podmiot2K`.

use super::xml::Xml;
use crate::model::{Address, Buyer, Contact, Identity, Seller};

pub fn seller(xml: &mut Xml, seller: &Seller) {
    xml.open("Podmiot1");
    if seller.eu_prefix {
        xml.text("PrefiksPodatnika", "PL");
    }
    xml.maybe("NrEORI", seller.eori.as_ref());
    xml.open("DaneIdentyfikacyjne");
    xml.text("NIP", seller.nip.as_str());
    xml.text("Nazwa", &seller.name);
    xml.close("DaneIdentyfikacyjne");
    address(xml, &seller.address);
    contact(xml, &seller.contact);
    xml.close("Podmiot1");
}

pub fn buyer(xml: &mut Xml, buyer: &Buyer) {
    xml.open("Podmiot2");
    identity(xml, buyer);
    address_maybe(xml, buyer.address.as_ref());
    contact(xml, &buyer.contact);
    xml.maybe("NrKlienta", buyer.customer_no.as_ref());
    xml.maybe("IDNabywcy", buyer.id.as_ref());
    xml.yes_no("JST", buyer.local_government_unit);
    xml.yes_no("GV", buyer.vat_group_member);
    xml.close("Podmiot2");
}

pub fn other(xml: &mut Xml, role: u8, other: &Buyer) {
    xml.open("Podmiot3");
    xml.maybe("IDNabywcy", other.id.as_ref());
    identity(xml, other);
    address_maybe(xml, other.address.as_ref());
    contact(xml, &other.contact);
    xml.text("Rola", &role.to_string());
    xml.maybe("NrKlienta", other.customer_no.as_ref());
    xml.close("Podmiot3");
}

pub fn buyer_before(xml: &mut Xml, buyer: &Buyer) {
    xml.open("Podmiot2K");
    identity(xml, buyer);
    address_maybe(xml, buyer.address.as_ref());
    xml.maybe("IDNabywcy", buyer.id.as_ref());
    xml.close("Podmiot2K");
}

fn identity(xml: &mut Xml, buyer: &Buyer) {
    xml.open("DaneIdentyfikacyjne");
    match &buyer.identity {
        Identity::Nip(nip) => xml.text("NIP", nip.as_str()),
        Identity::EuVat { country, number } => {
            xml.text("KodUE", country);
            xml.text("NrVatUE", number);
        }
        Identity::Other { country, number } => {
            xml.maybe("KodKraju", country.as_ref());
            xml.text("NrID", number);
        }
        Identity::None => xml.text("BrakID", "1"),
    }
    xml.maybe("Nazwa", buyer.name.as_ref());
    xml.close("DaneIdentyfikacyjne");
}

fn address(xml: &mut Xml, address: &Address) {
    xml.open("Adres");
    xml.text("KodKraju", &address.country);
    xml.text("AdresL1", &address.line1);
    xml.maybe("AdresL2", address.line2.as_ref());
    xml.close("Adres");
}

fn address_maybe(xml: &mut Xml, found: Option<&Address>) {
    if let Some(found) = found {
        address(xml, found);
    }
}

fn contact(xml: &mut Xml, contact: &Contact) {
    if contact.email.is_none() && contact.phone.is_none() {
        return;
    }
    xml.open("DaneKontaktowe");
    xml.maybe("Email", contact.email.as_ref());
    xml.maybe("Telefon", contact.phone.as_ref());
    xml.close("DaneKontaktowe");
}
