//! The invoice as a whole.

use super::Source;
use super::at::{At, Built};
use super::lines::{self, Around};
use super::parties;
use super::totals::Sums;
use crate::model::{
    Account, Advance, Annotations, Corrected, Correction, Delivered, Footer, Invoice, Kind, Line,
    Payment, Rate,
};
use crate::number;
use crate::payload::{self, Ksef, Payload};
use crate::rules::{EXEMPT, MARGIN};
use crate::schema::{Text, WORDS};
use crate::warsaw;
use rust_decimal::Decimal;

/// What made the file, as `SystemInfo` says.
const SYSTEM: &str = concat!("FlowControl ", env!("CARGO_PKG_VERSION"));

pub fn invoice(payload: &Payload, source: &Source<'_>) -> Built<Invoice> {
    let (top, at) = (At::Top, At::Field(&At::Top, "ksef"));
    let ksef = &payload.ksef;
    let kind = kind(&at, ksef)?;
    let money = top.field("gross");
    let currency = money.field("currency").text(&payload.gross.currency, Text::Currency)?;
    let gross = money.field("amount").number(&payload.gross.amount, Text::Amount)?;
    let foreign = currency != "PLN";
    let exchange =
        at.field("exchange_rate").number_maybe(ksef.exchange_rate.as_ref(), Text::Quantity)?;
    if exchange.is_some() && !foreign {
        return Err(at.field("exchange_rate").refuse("is for invoices in a foreign currency"));
    }
    let margin = margin(&at, ksef)?;
    let around = Around {
        kind,
        rate: payload.vat_rate.as_ref(),
        margin: margin.is_some(),
        exchange: exchange.filter(|_| kind != Kind::Zal),
        foreign,
    };
    let mut read = lines::read(&top.field("lines"), &payload.lines, &around)?;
    only_line(payload, &mut read)?;
    let order = order(&at, ksef, &around)?;
    needs(kind, &top, &at, &read, &order)?;
    let sums = Sums { kind, foreign, exchange, lines: &read, order: &order, payload, gross };
    let totals = sums.totals()?;
    let notes = annotations(&at, ksef, margin, &read, &totals)?;
    Ok(Invoice {
        created: source.occurred_at,
        system: SYSTEM.to_owned(),
        seller: parties::seller(payload, source)?,
        buyer: parties::buyer(payload, source)?,
        others: third_parties(&at, ksef)?,
        kind,
        currency,
        issued: match &ksef.issued {
            Some(text) => at.field("issued").day(text)?,
            None => warsaw::today_at(source.occurred_at),
        },
        place: at.field("place").maybe(ksef.place.as_ref(), WORDS)?,
        number: top.field("invoice_no").text(&payload.invoice_no, WORDS)?,
        delivery_notes: delivery_notes(&at, ksef)?,
        delivered: delivered(&at, ksef)?,
        gross,
        totals,
        exchange: exchange.filter(|_| kind == Kind::Zal),
        notes,
        correction: correction(&at, ksef, kind)?,
        receipt: ksef.receipt,
        related: ksef.related,
        remarks: remarks(&at, ksef)?,
        advances: advances(&at, ksef, kind)?,
        lines: read,
        payment: ksef.payment.as_ref().map(|p| payment(&at.field("payment"), p)).transpose()?,
        order_no: top.field("order_no").maybe(payload.order_no.as_ref(), WORDS)?,
        order,
        footer: ksef.footer.as_ref().map(|f| footer(&at.field("footer"), f)).transpose()?,
    })
}

fn kind(at: &At<'_>, ksef: &Ksef) -> Built<Kind> {
    let Some(text) = &ksef.kind else { return Ok(Kind::Vat) };
    let found = Kind::ALL.into_iter().find(|(_, name)| name == text).map(|(kind, _)| kind);
    found.ok_or_else(|| {
        let known = Kind::ALL.map(|(_, name)| name).join(", ");
        at.field("kind").refuse(format!("is {text:?}; it is one of {known}"))
    })
}

/// A record with one line and no price on it states its value at its top.
fn only_line(payload: &Payload, lines: &mut [Line]) -> Built<()> {
    let [line] = lines else { return Ok(()) };
    let from_top = payload.ksef.totals.is_empty() && payload.ksef.order.is_empty();
    if line.net.is_some() || line.gross.is_some() || !from_top {
        return Ok(());
    }
    let money = payload.net.as_ref().unwrap_or(&payload.gross);
    let name = if payload.net.is_some() { "net" } else { "gross" };
    let top = At::Field(&At::Top, name);
    let value = Some(top.field("amount").number(&money.amount, Text::Amount)?);
    if payload.net.is_some() {
        line.net = value;
    } else {
        line.gross = value;
    }
    Ok(())
}

/// What a kind of invoice cannot be without.
fn needs(kind: Kind, top: &At<'_>, at: &At<'_>, lines: &[Line], order: &[Line]) -> Built<()> {
    if matches!(kind, Kind::Vat | Kind::Roz | Kind::Upr) && lines.is_empty() {
        let why = format!("is missing: an invoice of kind {} has at least one line", kind.name());
        return Err(top.field("lines").refuse(why));
    }
    if kind == Kind::Zal && order.is_empty() {
        return Err(at.field("order").refuse("is missing: an advance says what was ordered"));
    }
    if matches!(kind, Kind::Vat | Kind::Roz) {
        for (index, line) in lines.iter().enumerate() {
            let list = top.field("lines");
            let line_at = list.item(index);
            if line.name.is_none() {
                return Err(line_at.field("name").refuse("is missing"));
            }
            // Lines of margin schemes have a gross value and no rate.
            if line.rate.is_none() && line.gross.is_none() {
                let why =
                    "is missing, here and at the top: a rate such as 23, 8, 0 WDT, zw or np I";
                return Err(line_at.field("vat_rate").refuse(why));
            }
            if kind == Kind::Roz && line.net.is_none() && line.gross.is_none() {
                return Err(line_at.field("net").refuse("is missing"));
            }
        }
    }
    Ok(())
}

fn order(at: &At<'_>, ksef: &Ksef, around: &Around<'_>) -> Built<Vec<Line>> {
    let at = at.field("order");
    let around = Around { exchange: None, ..*around };
    let mut order = lines::read(&at, &ksef.order, &around)?;
    for (index, line) in order.iter_mut().enumerate() {
        let at = at.item(index);
        let Some(net) = line.net else {
            return Err(at.field("net").refuse("is missing: an ordered line has a net value"));
        };
        let percent = match &line.rate {
            Some(Rate::Domestic(rate)) => crate::rules::bucket_of(rate).map(|(_, p)| p),
            _ => return Err(at.field("vat_rate").refuse("is missing")),
        };
        let vat = crate::amount::cents(net * Decimal::new(percent.unwrap_or(0).into(), 2));
        line.vat = Some(line.vat.unwrap_or(vat));
    }
    Ok(order)
}

fn margin(at: &At<'_>, ksef: &Ksef) -> Built<Option<&'static str>> {
    let Some(text) = &ksef.margin else { return Ok(None) };
    Ok(Some(match text.as_str() {
        "travel" => "P_PMarzy_2",
        "used_goods" => "P_PMarzy_3_1",
        "art" => "P_PMarzy_3_2",
        "antiques" => "P_PMarzy_3_3",
        _ => {
            let why = format!("is {text:?}; it is one of travel, used_goods, art, antiques");
            return Err(at.field("margin").refuse(why));
        }
    }))
}

fn annotations(
    at: &At<'_>,
    ksef: &Ksef,
    margin: Option<&'static str>,
    lines: &[Line],
    totals: &[crate::model::Total],
) -> Built<Annotations> {
    let has = |rate: &str| lines.iter().any(|l| l.rate == Some(Rate::Domestic(rate.to_owned())));
    let total = |bucket: usize| totals.iter().any(|t| t.bucket == bucket && !t.net.is_zero());
    let exemption = match &ksef.exemption {
        None => None,
        Some(exemption) => {
            let at = at.field("exemption");
            let mut grounds = Vec::new();
            for (name, field, text) in [
                ("act", "P_19A", &exemption.act),
                ("directive", "P_19B", &exemption.directive),
                ("other", "P_19C", &exemption.other),
            ] {
                grounds.extend(at.field(name).maybe(text.as_ref(), WORDS)?.map(|t| (field, t)));
            }
            if grounds.len() != 1 {
                return Err(at.refuse("needs exactly one of act, directive and other"));
            }
            grounds.pop()
        }
    };
    if exemption.is_none() && (has("zw") || total(EXEMPT)) {
        let why = "is missing: an invoice with exempt lines names the provision that exempts them";
        return Err(at.field("exemption").refuse(why));
    }
    if margin.is_none() && total(MARGIN) {
        let why = "is missing: a line without a rate is one of a margin scheme";
        return Err(at.field("margin").refuse(why));
    }
    Ok(Annotations {
        cash_method: ksef.cash_method,
        self_billing: ksef.self_billing,
        reverse_charge: has("oo") || total(crate::rules::REVERSE),
        split_payment: ksef.split_payment,
        exemption,
        triangular: ksef.triangular,
        margin,
    })
}

fn third_parties(at: &At<'_>, ksef: &Ksef) -> Built<Vec<(u8, crate::model::Buyer)>> {
    let at = at.field("others");
    if ksef.others.len() > 100 {
        return Err(
            at.refuse(format!("has {} entries; at most 100 are allowed", ksef.others.len()))
        );
    }
    let read = |(index, other): (usize, &payload::Other)| {
        let at = at.item(index);
        if !(1..=11).contains(&other.role) {
            return Err(at.field("role").refuse(format!("is {}; roles are 1 to 11", other.role)));
        }
        Ok((other.role, parties::party(&at.field("party"), &other.party, None)?))
    };
    ksef.others.iter().enumerate().map(read).collect()
}

fn delivery_notes(at: &At<'_>, ksef: &Ksef) -> Built<Vec<String>> {
    let at = at.field("delivery_notes");
    if ksef.delivery_notes.len() > 1_000 {
        return Err(at.refuse("has more than 1000 entries"));
    }
    ksef.delivery_notes.iter().enumerate().map(|(i, n)| at.item(i).text(n, WORDS)).collect()
}

fn delivered(at: &At<'_>, ksef: &Ksef) -> Built<Option<Delivered>> {
    match (&ksef.delivered, &ksef.period) {
        (None, None) => Ok(None),
        (Some(day), None) => Ok(Some(Delivered::On(at.field("delivered").day(day)?))),
        (None, Some(period)) => {
            let at = at.field("period");
            let (from, to) = (at.field("from").day(&period.from)?, at.field("to").day(&period.to)?);
            if from > to {
                return Err(at.refuse(format!("ends on {to}, before it begins on {from}")));
            }
            Ok(Some(Delivered::Between(from, to)))
        }
        (Some(_), Some(_)) => {
            Err(at.field("period").refuse("cannot be combined with delivered; give one of them"))
        }
    }
}

fn correction(at: &At<'_>, ksef: &Ksef, kind: Kind) -> Built<Option<Correction>> {
    let at = at.field("correction");
    let correction = match (&ksef.correction, kind.corrects()) {
        (None, false) => return Ok(None),
        (Some(_), false) => {
            let why = format!(
                "stands on an invoice of kind {}; kind says KOR, KOR_ZAL or KOR_ROZ",
                kind.name()
            );
            return Err(at.refuse(why));
        }
        (None, true) => return Err(at.refuse("is missing: a correction names what it corrects")),
        (Some(correction), true) => correction,
    };
    let list = at.field("invoices");
    if correction.invoices.is_empty() || correction.invoices.len() > 50_000 {
        return Err(list.refuse("needs 1 to 50000 entries: the invoices that are corrected"));
    }
    let invoices = correction.invoices.iter().enumerate();
    if let Some(effect) = correction.effect.filter(|effect| !(1..=3).contains(effect)) {
        return Err(at.field("effect").refuse(format!("is {effect}; it is 1, 2 or 3")));
    }
    let before = correction.buyer_before.as_ref();
    Ok(Some(Correction {
        reason: at.field("reason").maybe(correction.reason.as_ref(), WORDS)?,
        effect: correction.effect,
        invoices: invoices
            .map(|(i, invoice)| corrected(&list.item(i), invoice))
            .collect::<Built<_>>()?,
        period: at.field("period").maybe(correction.period.as_ref(), WORDS)?,
        number: at.field("number").maybe(correction.number.as_ref(), WORDS)?,
        buyer_before: before
            .map(|buyer| parties::party(&at.field("buyer_before"), buyer, None))
            .transpose()?,
        gross_before: at
            .field("gross_before")
            .number_maybe(correction.gross_before.as_ref(), Text::Amount)?,
    }))
}

fn corrected(at: &At<'_>, invoice: &payload::Corrected) -> Built<Corrected> {
    let ksef_no = match (&invoice.ksef_no, invoice.outside_ksef) {
        (Some(text), false) => {
            let at = at.field("ksef_no");
            // Numbers of KSeF 1.0 have another checksum.
            if !number::is_reference(text) {
                return Err(at.refuse(format!("{text:?} is not a valid KSeF number")));
            }
            Some(text.clone())
        }
        (None, true) => None,
        (Some(_), true) => {
            return Err(at.field("outside_ksef").refuse("contradicts ksef_no beside it"));
        }
        (None, false) => {
            return Err(at.field("ksef_no").refuse(
                "is missing: a correction can be sent once KSeF has given the original its number; \
                 for an original that was never in KSeF say \"outside_ksef\": true",
            ));
        }
    };
    Ok(Corrected {
        issued: at.field("issued").day(&invoice.issued)?,
        number: at.field("number").text(&invoice.number, WORDS)?,
        ksef_no,
    })
}

fn remarks(at: &At<'_>, ksef: &Ksef) -> Built<Vec<(String, String)>> {
    let at = at.field("notes");
    if ksef.notes.len() > 10_000 {
        return Err(at.refuse("has more than 10000 entries"));
    }
    let read = |(index, note): (usize, &payload::Note)| {
        let at = at.item(index);
        Ok((at.field("key").text(&note.key, WORDS)?, at.field("value").text(&note.value, WORDS)?))
    };
    ksef.notes.iter().enumerate().map(read).collect()
}

fn advances(at: &At<'_>, ksef: &Ksef, kind: Kind) -> Built<Vec<Advance>> {
    let at = at.field("advances");
    if kind == Kind::Roz && ksef.advances.is_empty() {
        return Err(at.refuse("is missing: a final invoice names the advance invoices before it"));
    }
    if ksef.advances.len() > 100 {
        return Err(at.refuse("has more than 100 entries"));
    }
    let read = |(index, advance): (usize, &payload::Advance)| {
        let at = at.item(index);
        match (&advance.ksef_no, &advance.number) {
            (Some(text), None) if number::is_reference(text) => Ok(Advance::InKsef(text.clone())),
            (Some(text), None) => {
                Err(at.field("ksef_no").refuse(format!("{text:?} is not a valid KSeF number")))
            }
            (None, Some(text)) => Ok(Advance::Outside(at.field("number").text(text, WORDS)?)),
            _ => Err(at.refuse("needs ksef_no, or number for one that was never in KSeF")),
        }
    };
    ksef.advances.iter().enumerate().map(read).collect()
}

fn payment(at: &At<'_>, payment: &payload::Payment) -> Built<Payment> {
    let methods = ["cash", "card", "voucher", "cheque", "credit", "transfer", "mobile"];
    let method = match &payment.method {
        None => None,
        Some(text) => match methods.iter().position(|m| m == text) {
            Some(index) => u8::try_from(index + 1).ok(),
            None => {
                let why = format!("is {text:?}; it is one of {}", methods.join(", "));
                return Err(at.field("method").refuse(why));
            }
        },
    };
    let day = |name, text: &String| {
        let at = at.field(name);
        Text::Day(2016).judge(text).map_err(|(_, why)| at.refuse(why))?;
        at.day(text)
    };
    if payment.due.len() > 100 {
        return Err(at.field("due").refuse("has more than 100 entries"));
    }
    let account = match &payment.account {
        None if payment.bank.is_some() || payment.swift.is_some() => {
            return Err(at.field("account").refuse("is missing beside its bank"));
        }
        None => None,
        Some(number) => Some(Account {
            number: at.field("account").text(number, Text::Plain(10, 34))?,
            swift: at.field("swift").maybe(payment.swift.as_ref(), Text::Swift)?,
            bank: at.field("bank").maybe(payment.bank.as_ref(), WORDS)?,
        }),
    };
    Ok(Payment {
        paid: payment.paid.as_ref().map(|text| day("paid", text)).transpose()?,
        due: payment.due.iter().map(|text| day("due", text)).collect::<Built<_>>()?,
        method,
        account,
    })
}

fn footer(at: &At<'_>, footer: &payload::Footer) -> Built<Footer> {
    Ok(Footer {
        text: at.field("text").maybe(footer.text.as_ref(), Text::Plain(1, 3500))?,
        krs: at.field("krs").maybe(footer.krs.as_ref(), Text::Digits(&[10]))?,
        regon: at.field("regon").maybe(footer.regon.as_ref(), Text::Digits(&[9, 14]))?,
        bdo: at.field("bdo").maybe(footer.bdo.as_ref(), Text::Token(1, 9))?,
    })
}
