//! `Fa`.

use super::parties;
use super::xml::Xml;
use crate::model::{Advance, Annotations, Correction, Delivered, Invoice, Line, Payment, Rate};
use crate::rules::BUCKETS;
use rust_decimal::Decimal;

pub fn write(xml: &mut Xml, invoice: &Invoice) {
    xml.open("Fa");
    xml.text("KodWaluty", &invoice.currency);
    xml.day("P_1", invoice.issued);
    xml.maybe("P_1M", invoice.place.as_ref());
    xml.text("P_2", &invoice.number);
    for note in &invoice.delivery_notes {
        xml.text("WZ", note);
    }
    match invoice.delivered {
        Some(Delivered::On(day)) => xml.day("P_6", day),
        Some(Delivered::Between(from, to)) => {
            xml.open("OkresFa");
            xml.day("P_6_Od", from);
            xml.day("P_6_Do", to);
            xml.close("OkresFa");
        }
        None => {}
    }
    totals(xml, invoice);
    xml.amount("P_15", invoice.gross);
    xml.number_maybe("KursWalutyZ", invoice.exchange);
    annotations(xml, &invoice.notes);
    xml.text("RodzajFaktury", invoice.kind.name());
    if let Some(found) = &invoice.correction {
        correction(xml, found);
    }
    xml.flag("FP", invoice.receipt);
    xml.flag("TP", invoice.related);
    for (key, value) in &invoice.remarks {
        xml.open("DodatkowyOpis");
        xml.text("Klucz", key);
        xml.text("Wartosc", value);
        xml.close("DodatkowyOpis");
    }
    for advance in &invoice.advances {
        xml.open("FakturaZaliczkowa");
        match advance {
            Advance::InKsef(number) => xml.text("NrKSeFFaZaliczkowej", number),
            Advance::Outside(number) => {
                xml.text("NrKSeFZN", "1");
                xml.text("NrFaZaliczkowej", number);
            }
        }
        xml.close("FakturaZaliczkowa");
    }
    for found in &invoice.lines {
        line(xml, found);
    }
    if let Some(found) = &invoice.payment {
        payment(xml, found);
    }
    if let Some(number) = &invoice.order_no {
        xml.open("WarunkiTransakcji");
        xml.open("Zamowienia");
        xml.text("NrZamowienia", number);
        xml.close("Zamowienia");
        xml.close("WarunkiTransakcji");
    }
    order(xml, &invoice.order);
    xml.close("Fa");
}

fn totals(xml: &mut Xml, invoice: &Invoice) {
    for (index, bucket) in BUCKETS.iter().enumerate() {
        let Some(total) = invoice.totals.iter().find(|t| t.bucket == index) else { continue };
        xml.amount(bucket.net, total.net);
        if let (Some(name), Some(vat)) = (bucket.vat, total.vat) {
            xml.amount(name, vat);
        }
        if let (Some(name), Some(pln)) = (bucket.pln, total.pln) {
            xml.amount(name, pln);
        }
    }
}

fn annotations(xml: &mut Xml, notes: &Annotations) {
    xml.open("Adnotacje");
    xml.yes_no("P_16", notes.cash_method);
    xml.yes_no("P_17", notes.self_billing);
    xml.yes_no("P_18", notes.reverse_charge);
    xml.yes_no("P_18A", notes.split_payment);
    xml.open("Zwolnienie");
    match &notes.exemption {
        Some((field, text)) => {
            xml.text("P_19", "1");
            xml.text(field, text);
        }
        None => xml.text("P_19N", "1"),
    }
    xml.close("Zwolnienie");
    xml.open("NoweSrodkiTransportu");
    xml.text("P_22N", "1");
    xml.close("NoweSrodkiTransportu");
    xml.yes_no("P_23", notes.triangular);
    xml.open("PMarzy");
    match notes.margin {
        Some(field) => {
            xml.text("P_PMarzy", "1");
            xml.text(field, "1");
        }
        None => xml.text("P_PMarzyN", "1"),
    }
    xml.close("PMarzy");
    xml.close("Adnotacje");
}

fn correction(xml: &mut Xml, correction: &Correction) {
    xml.maybe("PrzyczynaKorekty", correction.reason.as_ref());
    if let Some(effect) = correction.effect {
        xml.text("TypKorekty", &effect.to_string());
    }
    for invoice in &correction.invoices {
        xml.open("DaneFaKorygowanej");
        xml.day("DataWystFaKorygowanej", invoice.issued);
        xml.text("NrFaKorygowanej", &invoice.number);
        match &invoice.ksef_no {
            Some(number) => {
                xml.text("NrKSeF", "1");
                xml.text("NrKSeFFaKorygowanej", number);
            }
            None => xml.text("NrKSeFN", "1"),
        }
        xml.close("DaneFaKorygowanej");
    }
    xml.maybe("OkresFaKorygowanej", correction.period.as_ref());
    xml.maybe("NrFaKorygowany", correction.number.as_ref());
    if let Some(buyer) = &correction.buyer_before {
        parties::buyer_before(xml, buyer);
    }
    xml.amount_maybe("P_15ZK", correction.gross_before);
}

fn line(xml: &mut Xml, line: &Line) {
    xml.open("FaWiersz");
    xml.text("NrWierszaFa", &line.number.to_string());
    xml.maybe("UU_ID", line.id.as_ref());
    xml.day_maybe("P_6A", line.delivered);
    xml.maybe("P_7", line.name.as_ref());
    xml.maybe("Indeks", line.index.as_ref());
    xml.maybe("GTIN", line.gtin.as_ref());
    xml.maybe("PKWiU", line.pkwiu.as_ref());
    xml.maybe("CN", line.cn.as_ref());
    xml.maybe("P_8A", line.unit.as_ref());
    xml.number_maybe("P_8B", line.quantity);
    xml.number_maybe("P_9A", line.net_price);
    xml.number_maybe("P_9B", line.gross_price);
    xml.number_maybe("P_10", line.discount);
    xml.amount_maybe("P_11", line.net);
    xml.amount_maybe("P_11A", line.gross);
    xml.amount_maybe("P_11Vat", line.vat);
    match &line.rate {
        Some(Rate::Domestic(rate)) => xml.text("P_12", rate),
        Some(Rate::Oss(percent)) => xml.number_maybe("P_12_XII", Some(*percent)),
        None => {}
    }
    xml.flag("P_12_Zal_15", line.annex_15);
    xml.maybe("GTU", line.gtu.as_ref());
    xml.maybe("Procedura", line.procedure.as_ref());
    xml.number_maybe("KursWaluty", line.exchange);
    xml.flag("StanPrzed", line.before);
    xml.close("FaWiersz");
}

fn payment(xml: &mut Xml, payment: &Payment) {
    xml.open("Platnosc");
    if let Some(day) = payment.paid {
        xml.text("Zaplacono", "1");
        xml.day("DataZaplaty", day);
    }
    for day in &payment.due {
        xml.open("TerminPlatnosci");
        xml.day("Termin", *day);
        xml.close("TerminPlatnosci");
    }
    if let Some(method) = payment.method {
        xml.text("FormaPlatnosci", &method.to_string());
    }
    if let Some(account) = &payment.account {
        xml.open("RachunekBankowy");
        xml.text("NrRB", &account.number);
        xml.maybe("SWIFT", account.swift.as_ref());
        xml.maybe("NazwaBanku", account.bank.as_ref());
        xml.close("RachunekBankowy");
    }
    xml.close("Platnosc");
}

fn order(xml: &mut Xml, order: &[Line]) {
    if order.is_empty() {
        return;
    }
    let now = order.iter().filter(|line| !line.before);
    let worth = |line: &Line| line.net.unwrap_or_default() + line.vat.unwrap_or_default();
    xml.open("Zamowienie");
    xml.amount("WartoscZamowienia", now.map(worth).sum::<Decimal>());
    for line in order {
        xml.open("ZamowienieWiersz");
        xml.text("NrWierszaZam", &line.number.to_string());
        xml.maybe("UU_IDZ", line.id.as_ref());
        xml.maybe("P_7Z", line.name.as_ref());
        xml.maybe("IndeksZ", line.index.as_ref());
        xml.maybe("GTINZ", line.gtin.as_ref());
        xml.maybe("PKWiUZ", line.pkwiu.as_ref());
        xml.maybe("CNZ", line.cn.as_ref());
        xml.maybe("P_8AZ", line.unit.as_ref());
        xml.number_maybe("P_8BZ", line.quantity);
        xml.number_maybe("P_9AZ", line.net_price);
        xml.amount_maybe("P_11NettoZ", line.net);
        xml.amount_maybe("P_11VatZ", line.vat);
        if let Some(Rate::Domestic(rate)) = &line.rate {
            xml.text("P_12Z", rate);
        }
        xml.flag("P_12Z_Zal_15", line.annex_15);
        xml.maybe("GTUZ", line.gtu.as_ref());
        xml.maybe("ProceduraZ", line.procedure.as_ref());
        xml.flag("StanPrzedZ", line.before);
        xml.close("ZamowienieWiersz");
    }
    xml.close("Zamowienie");
}
