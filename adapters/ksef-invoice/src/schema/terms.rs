//! Settlement, payment and attachment.

use super::Text;
use super::parts::{
    Part, many, one_of_opt, opt, req, seq, tree, tree_many, tree_opt, with_attributes,
};
use super::text::{FLAG, LONG, SHORT, WORDS, YES_NO};

const REASONED: &[Part] = &[req("Kwota", Text::Amount), req("Powod", WORDS)];

pub const SETTLEMENT: &[Part] = &[
    tree_many("Obciazenia", 0, 100, REASONED),
    opt("SumaObciazen", Text::Amount),
    tree_many("Odliczenia", 0, 100, REASONED),
    opt("SumaOdliczen", Text::Amount),
    one_of_opt(&[req("DoZaplaty", Text::Amount), req("DoRozliczenia", Text::Amount)]),
];

const METHOD: Part = one_of_opt(&[
    req("FormaPlatnosci", Text::Whole(1, 7)),
    seq(&[req("PlatnoscInna", FLAG), req("OpisPlatnosci", WORDS)]),
]);

const ACCOUNT: &[Part] = &[
    req("NrRB", Text::Plain(10, 34)),
    opt("SWIFT", Text::Swift),
    opt("RachunekWlasnyBanku", Text::Whole(1, 3)),
    opt("NazwaBanku", WORDS),
    opt("OpisRachunku", WORDS),
];

const PAID_DAY: Text = Text::Day(2016);

pub const PAYMENT: &[Part] = &[
    one_of_opt(&[
        seq(&[req("Zaplacono", FLAG), req("DataZaplaty", PAID_DAY)]),
        seq(&[
            req("ZnacznikZaplatyCzesciowej", YES_NO),
            tree_many(
                "ZaplataCzesciowa",
                1,
                100,
                &[
                    req("KwotaZaplatyCzesciowej", Text::Amount),
                    req("DataZaplatyCzesciowej", PAID_DAY),
                    METHOD,
                ],
            ),
        ]),
    ]),
    tree_many(
        "TerminPlatnosci",
        0,
        100,
        &[
            opt("Termin", PAID_DAY),
            tree_opt(
                "TerminOpis",
                &[
                    req("Ilosc", Text::Integer),
                    req("Jednostka", SHORT),
                    req("ZdarzeniePoczatkowe", WORDS),
                ],
            ),
        ],
    ),
    METHOD,
    tree_many("RachunekBankowy", 0, 100, ACCOUNT),
    tree_many("RachunekBankowyFaktora", 0, 20, ACCOUNT),
    tree_opt("Skonto", &[req("WarunkiSkonta", WORDS), req("WysokoscSkonta", WORDS)]),
    opt("LinkDoPlatnosci", Text::PaymentLink),
    opt("IPKSeF", Text::PaymentId),
];

const CELL: Text = Text::Token(0, 256);

const TABLE: &[Part] = &[
    tree_many("TMetaDane", 0, 1000, &[req("TKlucz", WORDS), req("TWartosc", WORDS)]),
    opt("Opis", LONG),
    tree(
        "TNaglowek",
        &[with_attributes(
            tree_many("Kol", 1, 20, &[req("NKom", CELL)]),
            &[("Typ", &["date", "datetime", "dec", "int", "time", "txt"])],
        )],
    ),
    tree_many("Wiersz", 1, 1000, &[many("WKom", 1, 20, CELL)]),
    tree_opt("Suma", &[many("SKom", 1, 20, CELL)]),
];

pub const ATTACHMENT: &[Part] = &[tree_many(
    "BlokDanych",
    1,
    1000,
    &[
        opt("ZNaglowek", LONG),
        tree_many("MetaDane", 1, 1000, &[req("ZKlucz", WORDS), req("ZWartosc", WORDS)]),
        tree_opt("Tekst", &[many("Akapit", 1, 10, LONG)]),
        tree_many("Tabela", 0, 1000, TABLE),
    ],
)];
