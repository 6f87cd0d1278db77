//! Lines, each agreeing with itself.

use super::at::{At, Built};
use crate::amount::{cents, format_amount};
use crate::model::{Kind, Line, Rate};
use crate::payload;
use crate::rules::bucket_of;
use crate::schema::{GTU, LONG, PROCEDURE, RATE, SHORT, TINY, Text, WORDS};
use rust_decimal::Decimal;

/// What lines take from the payload around them.
pub struct Around<'a> {
    pub kind: Kind,
    pub rate: Option<&'a String>,
    pub margin: bool,
    pub exchange: Option<Decimal>,
    pub foreign: bool,
}

/// The most that FA(3) holds.
const MOST: usize = 10_000;

/// Reads the lines at `at`, numbered from 1; a line as it was before a correction has the number of
/// the next one that follows it.
pub fn read(at: &At<'_>, lines: &[payload::Line], around: &Around<'_>) -> Built<Vec<Line>> {
    if lines.len() > MOST {
        return Err(at.refuse(format!("has {} lines; an invoice has {MOST} at most", lines.len())));
    }
    let mut number = 1;
    let mut all = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        all.push(one(&at.item(index), line, number, around)?);
        if !line.before {
            number += 1;
        }
    }
    Ok(all)
}

fn one(at: &At<'_>, line: &payload::Line, number: usize, around: &Around<'_>) -> Built<Line> {
    if line.before && !around.kind.corrects() {
        return Err(at.field("before").refuse("is for lines of a correction"));
    }
    let quantity = at.field("quantity").number_maybe(line.quantity.as_ref(), Text::Quantity)?;
    let price =
        |name, text: &Option<String>| at.field(name).number_maybe(text.as_ref(), Text::Price);
    let amount =
        |name, text: &Option<String>| at.field(name).number_maybe(text.as_ref(), Text::Amount);
    let (net_price, gross_price) =
        (price("net_price", &line.net_price)?, price("gross_price", &line.gross_price)?);
    let discount = price("discount", &line.discount)?;
    let (net, gross) = (amount("net", &line.net)?, amount("gross", &line.gross)?);
    let worth = |name, stated, price| value(&at.field(name), stated, quantity, price, discount);
    let given =
        at.field("exchange_rate").number_maybe(line.exchange_rate.as_ref(), Text::Quantity)?;
    if given.is_some() && !around.foreign {
        return Err(at.field("exchange_rate").refuse("is for invoices in a foreign currency"));
    }
    let text = |name, text: &Option<String>, form| at.field(name).maybe(text.as_ref(), form);
    Ok(Line {
        number,
        id: text("id", &line.id, SHORT)?,
        delivered: at.field("delivered").day_maybe(line.delivered.as_ref())?,
        name: text("name", &line.name, LONG)?,
        index: text("index", &line.index, SHORT)?,
        gtin: text("gtin", &line.gtin, TINY)?,
        pkwiu: text("pkwiu", &line.pkwiu, SHORT)?,
        cn: text("cn", &line.cn, SHORT)?,
        unit: text("unit", &line.unit, WORDS)?,
        net: worth("net", net, net_price)?,
        gross: worth("gross", gross, gross_price)?,
        quantity,
        net_price,
        gross_price,
        discount,
        vat: amount("vat", &line.vat)?,
        rate: rate(at, line, around)?,
        annex_15: line.annex_15,
        gtu: text("gtu", &line.gtu, GTU)?,
        procedure: text("procedure", &line.procedure, PROCEDURE)?,
        exchange: given.or(around.exchange),
        before: line.before,
    })
}

/// The value that is stated, or that follows from quantity and price.
fn value(
    at: &At<'_>,
    stated: Option<Decimal>,
    quantity: Option<Decimal>,
    price: Option<Decimal>,
    discount: Option<Decimal>,
) -> Built<Option<Decimal>> {
    let (Some(quantity), Some(price)) = (quantity, price) else { return Ok(stated) };
    let most = Decimal::new(10_i64.pow(16), 0);
    let computed = quantity
        .checked_mul(price)
        .and_then(|whole| whole.checked_sub(discount.unwrap_or_default()))
        .map(cents)
        .filter(|value| value.abs() < most)
        .ok_or_else(|| at.refuse("is too large: quantity times price has more than 16 digits"))?;
    match stated {
        Some(stated) if (stated - computed).abs() > Decimal::new(1, 2) => Err(at.refuse(format!(
            "is {}, but quantity and price give {}",
            format_amount(stated),
            format_amount(computed)
        ))),
        stated => Ok(Some(stated.unwrap_or(computed))),
    }
}

fn rate(at: &At<'_>, line: &payload::Line, around: &Around<'_>) -> Built<Option<Rate>> {
    if let Some(percent) = &line.oss_rate {
        if line.vat_rate.is_some() {
            return Err(at
                .field("oss_rate")
                .refuse("cannot be combined with vat_rate; a line has one rate"));
        }
        let percent = at.field("oss_rate").number(percent, Text::Percent)?;
        return Ok(Some(Rate::Oss(percent)));
    }
    // Goods under a margin scheme have no rate: their tax is within the price.
    let own = line.vat_rate.as_ref();
    let Some(rate) = own.or(around.rate.filter(|_| !around.margin)) else { return Ok(None) };
    let at = if own.is_some() { at.field("vat_rate") } else { At::Field(&At::Top, "vat_rate") };
    let rate = at.text(rate, RATE)?;
    if bucket_of(&rate).is_none() {
        return Err(at.refuse(format!("{rate:?} is not a valid rate")));
    }
    Ok(Some(Rate::Domestic(rate)))
}
