//! The invoice as a whole.

use super::Text;
use super::lines::{LINE, ORDER};
use super::parties::{
    AUTHORISED, BUYER, BUYER_BEFORE, FOOTER, SELLER, SELLER_BEFORE, TERMS, THIRD,
};
use super::parts::{
    Part, many, one_of, one_of_opt, opt, req, seq, seq_opt, tree, tree_many, tree_opt,
    with_attributes,
};
use super::terms::{ATTACHMENT, PAYMENT, SETTLEMENT};
use super::text::{DAY, FLAG, WORDS, YES_NO};

/// What `Faktura` holds.
pub const INVOICE: &[Part] = &[
    tree("Naglowek", HEADER),
    tree("Podmiot1", SELLER),
    tree("Podmiot2", BUYER),
    tree_many("Podmiot3", 0, 100, THIRD),
    tree_opt("PodmiotUpowazniony", AUTHORISED),
    tree("Fa", BODY),
    tree_opt("Stopka", FOOTER),
    tree_opt("Zalacznik", ATTACHMENT),
];

const HEADER: &[Part] = &[
    with_attributes(
        req("KodFormularza", Text::Word(&["FA"])),
        &[("kodSystemowy", &["FA (3)"]), ("wersjaSchemy", &["1-0E"])],
    ),
    req("WariantFormularza", Text::Whole(3, 3)),
    req("DataWytworzeniaFa", Text::Instant(2025)),
    opt("SystemInfo", WORDS),
];

const BODY: &[Part] = &[
    req("KodWaluty", Text::Currency),
    req("P_1", DAY),
    opt("P_1M", WORDS),
    req("P_2", WORDS),
    many("WZ", 0, 1000, WORDS),
    one_of_opt(&[req("P_6", DAY), tree("OkresFa", &[req("P_6_Od", DAY), req("P_6_Do", DAY)])]),
    taxed(&[req("P_13_1", AMOUNT), req("P_14_1", AMOUNT), opt("P_14_1W", AMOUNT)]),
    taxed(&[req("P_13_2", AMOUNT), req("P_14_2", AMOUNT), opt("P_14_2W", AMOUNT)]),
    taxed(&[req("P_13_3", AMOUNT), req("P_14_3", AMOUNT), opt("P_14_3W", AMOUNT)]),
    taxed(&[req("P_13_4", AMOUNT), req("P_14_4", AMOUNT), opt("P_14_4W", AMOUNT)]),
    taxed(&[req("P_13_5", AMOUNT), opt("P_14_5", AMOUNT)]),
    opt("P_13_6_1", AMOUNT),
    opt("P_13_6_2", AMOUNT),
    opt("P_13_6_3", AMOUNT),
    opt("P_13_7", AMOUNT),
    opt("P_13_8", AMOUNT),
    opt("P_13_9", AMOUNT),
    opt("P_13_10", AMOUNT),
    opt("P_13_11", AMOUNT),
    req("P_15", AMOUNT),
    opt("KursWalutyZ", Text::Quantity),
    tree("Adnotacje", ANNOTATIONS),
    req("RodzajFaktury", Text::Word(&["VAT", "KOR", "ZAL", "ROZ", "UPR", "KOR_ZAL", "KOR_ROZ"])),
    seq_opt(CORRECTION),
    tree_many(
        "ZaliczkaCzesciowa",
        0,
        31,
        &[req("P_6Z", DAY), req("P_15Z", AMOUNT), opt("KursWalutyZW", Text::Quantity)],
    ),
    opt("FP", FLAG),
    opt("TP", FLAG),
    tree_many(
        "DodatkowyOpis",
        0,
        10_000,
        &[
            opt("NrWiersza", Text::Whole(1, 99_999_999_999_999)),
            req("Klucz", WORDS),
            req("Wartosc", WORDS),
        ],
    ),
    tree_many(
        "FakturaZaliczkowa",
        0,
        100,
        &[one_of(&[
            seq(&[req("NrKSeFZN", FLAG), req("NrFaZaliczkowej", WORDS)]),
            req("NrKSeFFaZaliczkowej", Text::KsefNumber),
        ])],
    ),
    opt("ZwrotAkcyzy", FLAG),
    tree_many("FaWiersz", 0, 10_000, LINE),
    tree_opt("Rozliczenie", SETTLEMENT),
    tree_opt("Platnosc", PAYMENT),
    tree_opt("WarunkiTransakcji", TERMS),
    tree_opt("Zamowienie", ORDER),
];

const AMOUNT: Text = Text::Amount;

const fn taxed(parts: &'static [Part]) -> Part {
    seq_opt(parts)
}

const ANNOTATIONS: &[Part] = &[
    req("P_16", YES_NO),
    req("P_17", YES_NO),
    req("P_18", YES_NO),
    req("P_18A", YES_NO),
    tree(
        "Zwolnienie",
        &[one_of(&[
            seq(&[
                req("P_19", FLAG),
                one_of(&[req("P_19A", WORDS), req("P_19B", WORDS), req("P_19C", WORDS)]),
            ]),
            req("P_19N", FLAG),
        ])],
    ),
    tree(
        "NoweSrodkiTransportu",
        &[one_of(&[
            seq(&[
                req("P_22", FLAG),
                req("P_42_5", YES_NO),
                tree_many("NowySrodekTransportu", 1, 10_000, NEW_VEHICLE),
            ]),
            req("P_22N", FLAG),
        ])],
    ),
    req("P_23", YES_NO),
    tree(
        "PMarzy",
        &[one_of(&[
            seq(&[
                req("P_PMarzy", FLAG),
                one_of(&[
                    req("P_PMarzy_2", FLAG),
                    req("P_PMarzy_3_1", FLAG),
                    req("P_PMarzy_3_2", FLAG),
                    req("P_PMarzy_3_3", FLAG),
                ]),
            ]),
            req("P_PMarzyN", FLAG),
        ])],
    ),
];

const NEW_VEHICLE: &[Part] = &[
    req("P_22A", DAY),
    req("P_NrWierszaNST", Text::Whole(1, 99_999_999_999_999)),
    opt("P_22BMK", WORDS),
    opt("P_22BMD", WORDS),
    opt("P_22BK", WORDS),
    opt("P_22BNR", WORDS),
    opt("P_22BRP", WORDS),
    one_of(&[
        seq(&[
            req("P_22B", WORDS),
            one_of_opt(&[
                req("P_22B1", WORDS),
                req("P_22B2", WORDS),
                req("P_22B3", WORDS),
                req("P_22B4", WORDS),
            ]),
            opt("P_22BT", WORDS),
        ]),
        seq(&[req("P_22C", WORDS), opt("P_22C1", WORDS)]),
        seq(&[req("P_22D", WORDS), opt("P_22D1", WORDS)]),
    ]),
];

const CORRECTION: &[Part] = &[
    opt("PrzyczynaKorekty", WORDS),
    opt("TypKorekty", Text::Whole(1, 3)),
    tree_many(
        "DaneFaKorygowanej",
        1,
        50_000,
        &[
            req("DataWystFaKorygowanej", DAY),
            req("NrFaKorygowanej", WORDS),
            one_of(&[
                seq(&[req("NrKSeF", FLAG), req("NrKSeFFaKorygowanej", Text::KsefNumber)]),
                req("NrKSeFN", FLAG),
            ]),
        ],
    ),
    opt("OkresFaKorygowanej", WORDS),
    opt("NrFaKorygowany", WORDS),
    tree_opt("Podmiot1K", SELLER_BEFORE),
    tree_many("Podmiot2K", 0, 101, BUYER_BEFORE),
    seq_opt(&[req("P_15ZK", AMOUNT), opt("KursWalutyZK", Text::Quantity)]),
];
