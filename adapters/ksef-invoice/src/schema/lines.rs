//! Lines of an invoice and of an order.

use super::Text;
use super::parts::{Part, opt, req, tree_many};
use super::text::{DAY, FLAG, LONG, SHORT, TINY, WORDS};

/// `P_12`.
pub const RATE: Text = Text::Word(&[
    "23", "22", "8", "7", "5", "4", "3", "0 KR", "0 WDT", "0 EX", "zw", "oo", "np I", "np II",
]);

/// `GTU`.
pub const GTU: Text = Text::Word(&[
    "GTU_01", "GTU_02", "GTU_03", "GTU_04", "GTU_05", "GTU_06", "GTU_07", "GTU_08", "GTU_09",
    "GTU_10", "GTU_11", "GTU_12", "GTU_13",
]);

/// `Procedura`.
pub const PROCEDURE: Text = Text::Word(&[
    "WSTO_EE",
    "IED",
    "TT_D",
    "I_42",
    "I_63",
    "B_SPV",
    "B_SPV_DOSTAWA",
    "B_MPV_PROWIZJA",
]);

const NUMBER: Text = Text::Whole(1, 99_999_999_999_999);

pub const LINE: &[Part] = &[
    req("NrWierszaFa", NUMBER),
    opt("UU_ID", SHORT),
    opt("P_6A", DAY),
    opt("P_7", LONG),
    opt("Indeks", SHORT),
    opt("GTIN", TINY),
    opt("PKWiU", SHORT),
    opt("CN", SHORT),
    opt("PKOB", SHORT),
    opt("P_8A", WORDS),
    opt("P_8B", Text::Quantity),
    opt("P_9A", Text::Price),
    opt("P_9B", Text::Price),
    opt("P_10", Text::Price),
    opt("P_11", Text::Amount),
    opt("P_11A", Text::Amount),
    opt("P_11Vat", Text::Amount),
    opt("P_12", RATE),
    opt("P_12_XII", Text::Percent),
    opt("P_12_Zal_15", FLAG),
    opt("KwotaAkcyzy", Text::Amount),
    opt("GTU", GTU),
    opt("Procedura", PROCEDURE),
    opt("KursWaluty", Text::Quantity),
    opt("StanPrzed", FLAG),
];

const ORDER_LINE: &[Part] = &[
    req("NrWierszaZam", NUMBER),
    opt("UU_IDZ", SHORT),
    opt("P_7Z", LONG),
    opt("IndeksZ", SHORT),
    opt("GTINZ", TINY),
    opt("PKWiUZ", SHORT),
    opt("CNZ", SHORT),
    opt("PKOBZ", SHORT),
    opt("P_8AZ", WORDS),
    opt("P_8BZ", Text::Quantity),
    opt("P_9AZ", Text::Price),
    opt("P_11NettoZ", Text::Amount),
    opt("P_11VatZ", Text::Amount),
    opt("P_12Z", RATE),
    opt("P_12Z_XII", Text::Percent),
    opt("P_12Z_Zal_15", FLAG),
    opt("GTUZ", GTU),
    opt(
        "ProceduraZ",
        Text::Word(&["WSTO_EE", "IED", "TT_D", "B_SPV", "B_SPV_DOSTAWA", "B_MPV_PROWIZJA"]),
    ),
    opt("KwotaAkcyzyZ", Text::Amount),
    opt("StanPrzedZ", FLAG),
];

pub const ORDER: &[Part] =
    &[req("WartoscZamowienia", Text::Amount), tree_many("ZamowienieWiersz", 1, 10_000, ORDER_LINE)];
