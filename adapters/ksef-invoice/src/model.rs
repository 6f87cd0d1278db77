//! An invoice whose every value is sound and whose sums agree, ready to be written.

use crate::nip::Nip;
use rust_decimal::Decimal;
use time::{Date, OffsetDateTime};

/// An invoice FA(3). Made by [`draft`](super::draft).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub(super) created: OffsetDateTime,
    pub(super) system: String,
    pub(super) seller: Seller,
    pub(super) buyer: Buyer,
    pub(super) others: Vec<(u8, Buyer)>,
    pub(super) kind: Kind,
    pub(super) currency: String,
    pub(super) issued: Date,
    pub(super) place: Option<String>,
    pub(super) number: String,
    pub(super) delivery_notes: Vec<String>,
    pub(super) delivered: Option<Delivered>,
    pub(super) totals: Vec<Total>,
    pub(super) gross: Decimal,
    pub(super) exchange: Option<Decimal>,
    pub(super) notes: Annotations,
    pub(super) correction: Option<Correction>,
    pub(super) receipt: bool,
    pub(super) related: bool,
    pub(super) remarks: Vec<(String, String)>,
    pub(super) advances: Vec<Advance>,
    pub(super) lines: Vec<Line>,
    pub(super) payment: Option<Payment>,
    pub(super) order_no: Option<String>,
    pub(super) order: Vec<Line>,
    pub(super) footer: Option<Footer>,
}

impl Invoice {
    /// What is to be paid, as `P_15` says.
    pub fn gross(&self) -> Decimal {
        self.gross
    }

    /// The date of issue.
    pub fn issued(&self) -> Date {
        self.issued
    }
}

/// `RodzajFaktury`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Vat,
    Kor,
    Zal,
    Roz,
    Upr,
    KorZal,
    KorRoz,
}

impl Kind {
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Vat, "VAT"),
        (Self::Kor, "KOR"),
        (Self::Zal, "ZAL"),
        (Self::Roz, "ROZ"),
        (Self::Upr, "UPR"),
        (Self::KorZal, "KOR_ZAL"),
        (Self::KorRoz, "KOR_ROZ"),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("VAT", |(_, name)| name)
    }

    pub fn corrects(self) -> bool {
        matches!(self, Self::Kor | Self::KorZal | Self::KorRoz)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub country: String,
    pub line1: String,
    pub line2: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    pub email: Option<String>,
    pub phone: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seller {
    pub nip: Nip,
    pub name: String,
    pub address: Address,
    pub eu_prefix: bool,
    pub eori: Option<String>,
    pub contact: Contact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    Nip(Nip),
    EuVat { country: String, number: String },
    Other { country: Option<String>, number: String },
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buyer {
    pub identity: Identity,
    pub name: Option<String>,
    pub address: Option<Address>,
    pub contact: Contact,
    pub customer_no: Option<String>,
    pub id: Option<String>,
    pub local_government_unit: bool,
    pub vat_group_member: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    On(Date),
    Between(Date, Date),
}

/// The total of a bucket of `rules::facts::BUCKETS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    pub bucket: usize,
    pub net: Decimal,
    pub vat: Option<Decimal>,
    pub pln: Option<Decimal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotations {
    pub cash_method: bool,
    pub self_billing: bool,
    pub reverse_charge: bool,
    pub split_payment: bool,
    /// The field and its text.
    pub exemption: Option<(&'static str, String)>,
    pub triangular: bool,
    /// The field of the margin scheme.
    pub margin: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    pub reason: Option<String>,
    pub effect: Option<u8>,
    pub invoices: Vec<Corrected>,
    pub period: Option<String>,
    pub number: Option<String>,
    pub buyer_before: Option<Buyer>,
    pub gross_before: Option<Decimal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    pub issued: Date,
    pub number: String,
    /// None when it was never in KSeF.
    pub ksef_no: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    InKsef(String),
    Outside(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: usize,
    pub id: Option<String>,
    pub delivered: Option<Date>,
    pub name: Option<String>,
    pub index: Option<String>,
    pub gtin: Option<String>,
    pub pkwiu: Option<String>,
    pub cn: Option<String>,
    pub unit: Option<String>,
    pub quantity: Option<Decimal>,
    pub net_price: Option<Decimal>,
    pub gross_price: Option<Decimal>,
    pub discount: Option<Decimal>,
    pub net: Option<Decimal>,
    pub gross: Option<Decimal>,
    pub vat: Option<Decimal>,
    pub rate: Option<Rate>,
    pub annex_15: bool,
    pub gtu: Option<String>,
    pub procedure: Option<String>,
    pub exchange: Option<Decimal>,
    pub before: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As `P_12` writes it.
    Domestic(String),
    /// In percent.
    Oss(Decimal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub paid: Option<Date>,
    pub due: Vec<Date>,
    /// `FormaPlatnosci`.
    pub method: Option<u8>,
    pub account: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub number: String,
    pub swift: Option<String>,
    pub bank: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    pub text: Option<String>,
    pub krs: Option<String>,
    pub regon: Option<String>,
    pub bdo: Option<String>,
}
