//! An invoice record's payload: what the command line and the scenario say of an invoice.
//!
//! `invoice_no`, `order_no`, `buyer`, `gross` and the rest of the record's top are the scenario's
//! and may hold other fields; in `ksef`, money and lines an unknown field
//! is refused. Money, prices and rates are decimal strings.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::collections::BTreeMap;

/// The whole payload.
#[derive(Clone, Debug, Deserialize)]
pub struct Payload {
    /// The seller's number of the invoice.
    pub invoice_no: String,
    /// The order it is for.
    #[serde(default)]
    pub order_no: Option<String>,
    /// The buyer's name, by which they are looked up among the known parties.
    pub buyer: String,
    /// What is to be paid; the difference, in a correction.
    pub gross: Money,
    /// The same without tax.
    #[serde(default)]
    pub net: Option<Money>,
    /// The rate of lines that have none of their own.
    #[serde(default)]
    pub vat_rate: Option<String>,
    /// The lines.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// What only KSeF asks for.
    #[serde(default)]
    pub ksef: Ksef,
}

/// An amount and its currency.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// A decimal string.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

/// A line of an invoice or of an order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// What is sold.
    pub name: Option<String>,
    /// How much of it: a decimal string or a whole number.
    #[serde(deserialize_with = "number")]
    pub quantity: Option<String>,
    /// Of what unit.
    pub unit: Option<String>,
    /// The price of one without tax.
    pub net_price: Option<String>,
    /// The price of one with tax.
    pub gross_price: Option<String>,
    /// What is taken off the value.
    pub discount: Option<String>,
    /// The value without tax.
    pub net: Option<String>,
    /// The value with tax.
    pub gross: Option<String>,
    /// The tax; lines of an order need it.
    pub vat: Option<String>,
    /// The rate as FA(3) writes it: `23`, `8`, `0 WDT`, `zw`, `np I`, ..
    pub vat_rate: Option<String>,
    /// The rate of the buyer's country under the One Stop Shop, in percent.
    pub oss_rate: Option<String>,
    /// When it was delivered, where lines differ.
    pub delivered: Option<String>,
    /// The seller's key of the line, which it keeps in corrections.
    pub id: Option<String>,
    /// The seller's code.
    pub index: Option<String>,
    /// The article's global number.
    pub gtin: Option<String>,
    /// Polish classification of goods and services.
    pub pkwiu: Option<String>,
    /// Combined nomenclature.
    pub cn: Option<String>,
    /// `GTU_01` to `GTU_13`.
    pub gtu: Option<String>,
    /// A special procedure, such as `TT_D`.
    pub procedure: Option<String>,
    /// PLN for one unit of the invoice's currency.
    pub exchange_rate: Option<String>,
    /// Goods of annex 15 of the VAT act.
    pub annex_15: bool,
    /// The line as it was before a correction.
    pub before: bool,
}

/// What only KSeF asks for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ksef {
    /// `VAT` (the default), `KOR`, `ZAL`, `ROZ`, `UPR`, `KOR_ZAL`, `KOR_ROZ`.
    pub kind: Option<String>,
    /// The date of issue; else the day in Warsaw on which the record happened.
    pub issued: Option<String>,
    /// Where it was issued.
    pub place: Option<String>,
    /// When goods or services were delivered.
    pub delivered: Option<String>,
    /// The period instead.
    pub period: Option<Period>,
    /// Who sells; else the seller of the known parties.
    pub seller: Option<Seller>,
    /// Who buys; else the known party of the buyer's name.
    pub buyer: Option<Buyer>,
    /// Others who take part.
    pub others: Vec<Other>,
    /// PLN for one unit of the invoice's currency, for lines that have no rate of exchange.
    pub exchange_rate: Option<String>,
    /// Totals by rate, where they do not follow from the lines.
    pub totals: Vec<Total>,
    /// Tax is due when it is paid (`P_16`).
    pub cash_method: bool,
    /// The buyer issues it (`P_17`).
    pub self_billing: bool,
    /// Split payment is compulsory (`P_18A`).
    pub split_payment: bool,
    /// The second of three traders (`P_23`).
    pub triangular: bool,
    /// Why lines are exempt.
    pub exemption: Option<Exemption>,
    /// `travel`, `used_goods`, `art` or `antiques`: tax on the margin.
    pub margin: Option<String>,
    /// What a correction corrects.
    pub correction: Option<Correction>,
    /// The advance invoices before a final one.
    pub advances: Vec<Advance>,
    /// What an advance is for.
    pub order: Vec<Line>,
    /// Issued for a receipt (`FP`).
    pub receipt: bool,
    /// Between related parties (`TP`).
    pub related: bool,
    /// Remarks.
    pub notes: Vec<Note>,
    /// How it is paid.
    pub payment: Option<Payment>,
    /// Numbers of delivery notes (`WZ`).
    pub delivery_notes: Vec<String>,
    /// The end of the page.
    pub footer: Option<Footer>,
}

/// From one day to another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first day.
    pub from: String,
    /// The last.
    pub to: String,
}

/// An address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Two letters.
    pub country: String,
    /// Street, or all of it.
    pub line1: String,
    /// Postal code and town.
    #[serde(default)]
    pub line2: Option<String>,
}

/// Who sells.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seller {
    /// Ten digits.
    pub nip: String,
    /// Full name.
    pub name: String,
    /// Where.
    pub address: Address,
    /// Shows `PL` before the NIP, for supplies within the Union.
    #[serde(default)]
    pub eu_prefix: bool,
    /// EORI number.
    #[serde(default)]
    pub eori: Option<String>,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Telephone.
    #[serde(default)]
    pub phone: Option<String>,
}

/// Who buys. One of `nip`, `eu_vat`, `tax_id` and `no_id`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Buyer {
    /// Ten digits.
    pub nip: Option<String>,
    /// A VAT number of the Union with its prefix, such as `DE123456789`.
    pub eu_vat: Option<String>,
    /// Another tax number.
    pub tax_id: Option<String>,
    /// The country that gave it.
    pub tax_country: Option<String>,
    /// Has no number at all.
    pub no_id: bool,
    /// Full name; else the record's.
    pub name: Option<String>,
    /// Where.
    pub address: Option<Address>,
    /// E-mail.
    pub email: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// The seller's number of this customer.
    pub customer_no: Option<String>,
    /// Their key in corrections.
    pub id: Option<String>,
    /// A unit below a local government.
    pub local_government_unit: bool,
    /// A member of a VAT group.
    pub vat_group_member: bool,
}

/// Someone else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// 1 to 11 as `Rola` numbers them: 1 factor, 2 recipient, 3 original party, 4 further buyer,
    /// 5 issuer, 6 payer, 7 and 8 local government, 9 and 10 VAT group, 11 employee.
    pub role: u8,
    /// Who.
    pub party: Buyer,
}

/// The total of one rate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// As on a line.
    pub vat_rate: String,
    /// Without tax.
    pub net: String,
    /// Tax, where the rate has one; else it is computed.
    #[serde(default)]
    pub vat: Option<String>,
    /// Tax in PLN; else it is computed by the rate of exchange.
    #[serde(default)]
    pub vat_pln: Option<String>,
}

/// Why lines are exempt: one of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exemption {
    /// A provision of the act.
    pub act: Option<String>,
    /// A provision of directive 2006/112/EC.
    pub directive: Option<String>,
    /// Another ground.
    pub other: Option<String>,
}

/// What a correction corrects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Correction {
    /// Why.
    pub reason: Option<String>,
    /// 1 in the period of the original, 2 in that of the correction, 3 otherwise.
    pub effect: Option<u8>,
    /// The invoices.
    pub invoices: Vec<Corrected>,
    /// The period of a collective rebate.
    pub period: Option<String>,
    /// The right number, where the number was wrong.
    pub number: Option<String>,
    /// The buyer as it was before.
    pub buyer_before: Option<Buyer>,
    /// What the advance invoice said before (`P_15ZK`).
    pub gross_before: Option<String>,
}

/// One corrected invoice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// Its date of issue.
    pub issued: String,
    /// Its number.
    pub number: String,
    /// Its KSeF number.
    #[serde(default)]
    pub ksef_no: Option<String>,
    /// It was never in KSeF.
    #[serde(default)]
    pub outside_ksef: bool,
}

/// An advance invoice: one of the two.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Advance {
    /// Its KSeF number.
    pub ksef_no: Option<String>,
    /// Its own number, when it was issued outside KSeF.
    pub number: Option<String>,
}

/// A remark.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// On what.
    pub key: String,
    /// What.
    pub value: String,
}

/// How it is paid.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payment {
    /// The day on which all of it was paid.
    pub paid: Option<String>,
    /// Days by which it is due.
    pub due: Vec<String>,
    /// `cash`, `card`, `voucher`, `cheque`, `credit`, `transfer` or `mobile`.
    pub method: Option<String>,
    /// The account, 10 to 34 characters.
    pub account: Option<String>,
    /// Its bank.
    pub bank: Option<String>,
    /// The bank's code.
    pub swift: Option<String>,
}

/// The end of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Footer {
    /// Any text.
    pub text: Option<String>,
    /// Number in the court register.
    pub krs: Option<String>,
    /// Statistical number.
    pub regon: Option<String>,
    /// Number in the waste register.
    pub bdo: Option<String>,
}

/// Who is known: the seller, and buyers by the name that records call them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parties {
    /// Who sells.
    pub seller: Option<Seller>,
    /// Who buys.
    pub buyers: BTreeMap<String, Buyer>,
}

/// A decimal string, or a whole JSON number; a float would have been rounded already.
fn number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    match serde_json::Value::deserialize(input)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text)),
        serde_json::Value::Number(n) if n.is_i64() || n.is_u64() => Ok(Some(n.to_string())),
        serde_json::Value::Number(n) => Err(D::Error::custom(format!(
            "{n} is a float; write the quantity as the string \"{n}\""
        ))),
        other => Err(D::Error::custom(format!("{other} is not a valid quantity"))),
    }
}
