//! The tables of a printed invoice.

use super::pair;
use crate::Reader;
use maud::{Markup, html};

const RATES: [(&str, &str, &str); 13] = [
    ("23 % lub 22 %", "P_13_1", "P_14_1"),
    ("8 % lub 7 %", "P_13_2", "P_14_2"),
    ("5 %", "P_13_3", "P_14_3"),
    ("ryczałt taksówek", "P_13_4", "P_14_4"),
    ("procedura OSS", "P_13_5", "P_14_5"),
    ("0 % krajowa", "P_13_6_1", ""),
    ("0 % WDT", "P_13_6_2", ""),
    ("0 % eksport", "P_13_6_3", ""),
    ("zwolnione", "P_13_7", ""),
    ("np. (poza krajem)", "P_13_8", ""),
    ("np. (art. 100 ust. 1 pkt 4)", "P_13_9", ""),
    ("odwrotne obciążenie", "P_13_10", ""),
    ("marża", "P_13_11", ""),
];

pub fn lines(reader: &Reader<'_>) -> Markup {
    let columns = ["P_7", "P_8B", "P_8A", "P_9A", "P_9B", "P_12", "P_11", "P_11A"];
    let heads =
        ["Nazwa", "Ilość", "J. m.", "Cena netto", "Cena brutto", "Stawka", "Netto", "Brutto"];
    rows(reader, &["Fa", "FaWiersz"], "NrWierszaFa", "StanPrzed", "Pozycje", &columns, &heads)
}

pub fn order(reader: &Reader<'_>) -> Markup {
    let columns = ["P_7Z", "P_8BZ", "P_8AZ", "P_9AZ", "P_12Z", "P_11NettoZ", "P_11VatZ"];
    let heads = ["Nazwa", "Ilość", "J. m.", "Cena netto", "Stawka", "Netto", "VAT"];
    let path = ["Fa", "Zamowienie", "ZamowienieWiersz"];
    rows(reader, &path, "NrWierszaZam", "StanPrzedZ", "Zamówienie", &columns, &heads)
}

fn rows(
    reader: &Reader<'_>,
    path: &[&str],
    number: &str,
    before: &str,
    title: &str,
    columns: &[&str],
    heads: &[&str],
) -> Markup {
    let all = reader.all(path);
    // A column that no line fills is left out.
    let used: Vec<bool> =
        columns.iter().map(|name| all.iter().any(|row| !row.text(&[name]).is_empty())).collect();
    let shown = || columns.iter().zip(heads).zip(&used).filter(|(_, used)| **used).map(|(c, _)| c);
    html! {
        @if !all.is_empty() {
            table {
                caption { (title) }
                thead { tr {
                    th scope="col" { "Lp." }
                    @for (_, head) in shown() { th scope="col" { (head) } }
                } }
                tbody {
                    @for row in &all {
                        tr {
                            td { (row.text(&[number])) @if row.has(before) { " (przed korektą)" } }
                            @for (name, _) in shown() { td .n[name.starts_with("P_1") || name.starts_with("P_9")] { (row.text(&[name])) } }
                        }
                    }
                }
            }
        }
    }
}

pub fn totals(reader: &Reader<'_>) -> Markup {
    let currency = reader.text(&["Fa", "KodWaluty"]);
    let value =
        |name: &str| if name.is_empty() { String::new() } else { reader.text(&["Fa", name]) };
    let used: Vec<_> = RATES.iter().filter(|(_, net, _)| !value(net).is_empty()).collect();
    let pln = |vat: &str| value(&format!("{vat}W"));
    let foreign = currency != "PLN";
    html! {
        table .totals {
            caption { "Podsumowanie" }
            thead { tr {
                th scope="col" { "Stawka" } th scope="col" { "Netto" } th scope="col" { "VAT" }
                @if foreign { th scope="col" { "VAT w PLN" } }
            } }
            tbody {
                @for (rate, net, vat) in used {
                    tr {
                        td { (rate) } td .n { (value(net)) } td .n { (value(vat)) }
                        @if foreign { td .n { @if !vat.is_empty() { (pln(vat)) } } }
                    }
                }
            }
        }
        p .gross { "Kwota należności ogółem: " strong { (value("P_15")) " " (currency) } }
    }
}

pub fn corrected(reader: &Reader<'_>) -> Markup {
    let all = reader.all(&["Fa", "DaneFaKorygowanej"]);
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Dane faktury korygowanej" }
                dl { (pair("Przyczyna korekty", &reader.text(&["Fa", "PrzyczynaKorekty"]))) }
                ul {
                    @for one in &all {
                        li {
                            (one.text(&["NrFaKorygowanej"])) " z " (one.text(&["DataWystFaKorygowanej"]))
                            @if !one.text(&["NrKSeFFaKorygowanej"]).is_empty() {
                                ", numer KSeF " (one.text(&["NrKSeFFaKorygowanej"]))
                            }
                        }
                    }
                }
            }
        }
    }
}

pub fn payment(reader: &Reader<'_>) -> Markup {
    let value = |path: &[&str]| reader.text(&[&["Fa", "Platnosc"], path].concat());
    let methods = ["gotówka", "karta", "bon", "czek", "kredyt", "przelew", "mobilna"];
    let method = value(&["FormaPlatnosci"]).parse::<usize>().ok();
    let method = method.and_then(|n| methods.get(n.checked_sub(1)?)).copied().unwrap_or("");
    let due = reader.texts(&["Fa", "Platnosc", "TerminPlatnosci", "Termin"]).join(", ");
    html! {
        section {
            dl {
                (pair("Zapłacono", &value(&["DataZaplaty"])))
                (pair("Termin płatności", &due))
                (pair("Forma płatności", method))
                (pair("Rachunek", &value(&["RachunekBankowy", "NrRB"])))
                (pair("Bank", &value(&["RachunekBankowy", "NazwaBanku"])))
            }
        }
    }
}

/// Statements that the law wants on an invoice, and remarks.
pub fn remarks(reader: &Reader<'_>) -> Markup {
    let says = |path: &[&str]| reader.text(&[&["Fa", "Adnotacje"], path].concat()) == "1";
    let ground = ["P_19A", "P_19B", "P_19C"]
        .map(|name| reader.text(&["Fa", "Adnotacje", "Zwolnienie", name]))
        .concat();
    let statements = [
        (says(&["P_16"]), "metoda kasowa"),
        (says(&["P_17"]), "samofakturowanie"),
        (says(&["P_18"]), "odwrotne obciążenie"),
        (says(&["P_18A"]), "mechanizm podzielonej płatności"),
        (says(&["P_23"]), "procedura trójstronna uproszczona"),
        (says(&["PMarzy", "P_PMarzy"]), "procedura marży"),
    ];
    let notes = reader.all(&["Fa", "DodatkowyOpis"]);
    html! {
        section {
            ul {
                @for (_, text) in statements.iter().filter(|(said, _)| *said) { li { (text) } }
                @if !ground.is_empty() { li { "zwolnienie: " (ground) } }
                @for note in &notes { li { (note.text(&["Klucz"])) ": " (note.text(&["Wartosc"])) } }
            }
        }
    }
}
