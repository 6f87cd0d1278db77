//! Seller, buyer and others.

use super::Source;
use super::at::{At, Built};
use crate::model::{Address, Buyer, Contact, Identity, Seller};
use crate::nip::Nip;
use crate::payload;
use crate::schema::{LONG, Text, WORDS};

pub fn seller(payload: &payload::Payload, source: &Source<'_>) -> Built<Seller> {
    let ksef = At::Field(&At::Top, "ksef");
    match (&payload.ksef.seller, &source.parties.seller) {
        (Some(seller), _) => read_seller(&ksef.field("seller"), seller),
        (None, Some(seller)) => read_seller(&At::Elsewhere("parties: /seller"), seller),
        (None, None) => Err(ksef
            .field("seller")
            .refuse("is missing: name the seller there, or in the file of known parties")),
    }
}

fn read_seller(at: &At<'_>, seller: &payload::Seller) -> Built<Seller> {
    Ok(Seller {
        nip: nip(&at.field("nip"), &seller.nip)?,
        name: at.field("name").text(&seller.name, LONG)?,
        address: address(&at.field("address"), &seller.address)?,
        eu_prefix: seller.eu_prefix,
        eori: at.field("eori").maybe(seller.eori.as_ref(), WORDS)?,
        contact: contact(at, seller.email.as_ref(), seller.phone.as_ref())?,
    })
}

pub fn buyer(payload: &payload::Payload, source: &Source<'_>) -> Built<Buyer> {
    let ksef = At::Field(&At::Top, "ksef");
    let name = &payload.buyer;
    match (&payload.ksef.buyer, source.parties.buyers.get(name)) {
        (Some(buyer), _) => party(&ksef.field("buyer"), buyer, Some(name)),
        (None, Some(buyer)) => {
            let place = format!("parties: /buyers/{name}");
            party(&At::Elsewhere(&place), buyer, Some(name))
        }
        (None, None) => Err(ksef.field("buyer").refuse(format!(
            "is missing: say who {name:?} is there, or under that name in the file of known parties"
        ))),
    }
}

/// A party with any kind of number; `name` is the fallback for a missing name.
pub fn party(at: &At<'_>, buyer: &payload::Buyer, name: Option<&String>) -> Built<Buyer> {
    let address_at = at.field("address");
    Ok(Buyer {
        identity: identity(at, buyer)?,
        name: at.field("name").maybe(buyer.name.as_ref().or(name), LONG)?,
        address: buyer.address.as_ref().map(|a| address(&address_at, a)).transpose()?,
        contact: contact(at, buyer.email.as_ref(), buyer.phone.as_ref())?,
        customer_no: at.field("customer_no").maybe(buyer.customer_no.as_ref(), WORDS)?,
        id: at.field("id").maybe(buyer.id.as_ref(), Text::Token(1, 32))?,
        local_government_unit: buyer.local_government_unit,
        vat_group_member: buyer.vat_group_member,
    })
}

fn identity(at: &At<'_>, buyer: &payload::Buyer) -> Built<Identity> {
    let ways = [buyer.nip.is_some(), buyer.eu_vat.is_some(), buyer.tax_id.is_some(), buyer.no_id];
    match ways.iter().filter(|way| **way).count() {
        1 => {}
        0 => {
            let why = "has no number: give nip, eu_vat or tax_id, or say \"no_id\": true";
            return Err(at.refuse(why));
        }
        _ => return Err(at.refuse("has more than one of nip, eu_vat, tax_id and no_id")),
    }
    if buyer.tax_country.is_some() && buyer.tax_id.is_none() {
        return Err(at.field("tax_country").refuse("requires tax_id"));
    }
    if let Some(text) = &buyer.nip {
        return Ok(Identity::Nip(nip(&at.field("nip"), text)?));
    }
    if let Some(text) = &buyer.eu_vat {
        let at = at.field("eu_vat");
        let form = || {
            at.refuse(format!(
                "{text:?} is not a valid VAT number with its prefix, such as DE123456789"
            ))
        };
        let (country, number) = text.split_at_checked(2).ok_or_else(form)?;
        Text::EuCountry.judge(country).map_err(|_| form())?;
        Text::EuVat.judge(number).map_err(|_| form())?;
        return Ok(Identity::EuVat { country: country.to_owned(), number: number.to_owned() });
    }
    if let Some(text) = &buyer.tax_id {
        let country = at.field("tax_country").maybe(buyer.tax_country.as_ref(), Text::Country)?;
        let number = at.field("tax_id").text(text, Text::Plain(1, 50))?;
        return Ok(Identity::Other { country, number });
    }
    Ok(Identity::None)
}

fn nip(at: &At<'_>, text: &str) -> Built<Nip> {
    Nip::parse(text).map_err(|why| at.refuse(format!("{text:?} is not a valid NIP: {why}")))
}

fn address(at: &At<'_>, address: &payload::Address) -> Built<Address> {
    Ok(Address {
        country: at.field("country").text(&address.country, Text::Country)?,
        line1: at.field("line1").text(&address.line1, LONG)?,
        line2: at.field("line2").maybe(address.line2.as_ref(), LONG)?,
    })
}

fn contact(at: &At<'_>, email: Option<&String>, phone: Option<&String>) -> Built<Contact> {
    Ok(Contact {
        email: at.field("email").maybe(email, Text::Email)?,
        phone: at.field("phone").maybe(phone, Text::Token(1, 16))?,
    })
}
