//! Who sells, buys and takes part; addresses.

use super::Text;
use super::parts::{Part, many, one_of, opt, req, seq, seq_opt, tree, tree_many, tree_opt};
use super::text::{FLAG, LONG, SHORT, WORDS, YES_NO};

pub const ADDRESS: &[Part] = &[
    req("KodKraju", Text::Country),
    req("AdresL1", LONG),
    opt("AdresL2", LONG),
    opt("GLN", Text::Token(1, 13)),
];

pub const SELLER_ID: &[Part] = &[req("NIP", Text::Nip), req("Nazwa", LONG)];

const EU_ID: Part = seq(&[req("KodUE", Text::EuCountry), req("NrVatUE", Text::EuVat)]);
const OTHER_ID: Part = seq(&[opt("KodKraju", Text::Country), req("NrID", Text::Plain(1, 50))]);

pub const BUYER_ID: &[Part] = &[
    one_of(&[req("NIP", Text::Nip), EU_ID, OTHER_ID, req("BrakID", FLAG)]),
    seq_opt(&[req("Nazwa", LONG)]),
];

const THIRD_ID: &[Part] = &[
    one_of(&[
        req("NIP", Text::Nip),
        req("IDWew", Text::InternalId),
        EU_ID,
        OTHER_ID,
        req("BrakID", FLAG),
    ]),
    seq_opt(&[req("Nazwa", LONG)]),
];

const PHONE: Text = Text::Token(1, 16);
const CONTACT: &[Part] = &[opt("Email", Text::Email), opt("Telefon", PHONE)];

pub const BUYER_KEY: Text = Text::Token(1, 32);

pub const SELLER: &[Part] = &[
    opt("PrefiksPodatnika", Text::Word(&["PL"])),
    opt("NrEORI", WORDS),
    tree("DaneIdentyfikacyjne", SELLER_ID),
    tree("Adres", ADDRESS),
    tree_opt("AdresKoresp", ADDRESS),
    tree_many("DaneKontaktowe", 0, 3, CONTACT),
    opt("StatusInfoPodatnika", Text::Whole(1, 4)),
];

pub const BUYER: &[Part] = &[
    opt("NrEORI", WORDS),
    tree("DaneIdentyfikacyjne", BUYER_ID),
    tree_opt("Adres", ADDRESS),
    tree_opt("AdresKoresp", ADDRESS),
    tree_many("DaneKontaktowe", 0, 3, CONTACT),
    opt("NrKlienta", WORDS),
    opt("IDNabywcy", BUYER_KEY),
    req("JST", YES_NO),
    req("GV", YES_NO),
];

pub const THIRD: &[Part] = &[
    opt("IDNabywcy", BUYER_KEY),
    opt("NrEORI", WORDS),
    tree("DaneIdentyfikacyjne", THIRD_ID),
    tree_opt("Adres", ADDRESS),
    tree_opt("AdresKoresp", ADDRESS),
    tree_many("DaneKontaktowe", 0, 3, CONTACT),
    one_of(&[
        req("Rola", Text::Whole(1, 11)),
        seq(&[req("RolaInna", FLAG), req("OpisRoli", WORDS)]),
    ]),
    opt("Udzial", Text::Percent),
    opt("NrKlienta", WORDS),
];

pub const AUTHORISED: &[Part] = &[
    opt("NrEORI", WORDS),
    tree("DaneIdentyfikacyjne", SELLER_ID),
    tree("Adres", ADDRESS),
    tree_opt("AdresKoresp", ADDRESS),
    tree_many("DaneKontaktowe", 0, 3, &[opt("EmailPU", Text::Email), opt("TelefonPU", PHONE)]),
    req("RolaPU", Text::Whole(1, 3)),
];

/// The seller before a correction.
pub const SELLER_BEFORE: &[Part] = &[
    opt("PrefiksPodatnika", Text::EuCountry),
    tree("DaneIdentyfikacyjne", SELLER_ID),
    tree("Adres", ADDRESS),
];

/// The buyer before a correction.
pub const BUYER_BEFORE: &[Part] = &[
    tree("DaneIdentyfikacyjne", BUYER_ID),
    tree_opt("Adres", ADDRESS),
    opt("IDNabywcy", BUYER_KEY),
];

pub const FOOTER: &[Part] = &[
    tree_many("Informacje", 0, 3, &[opt("StopkaFaktury", Text::Plain(1, 3500))]),
    tree_many(
        "Rejestry",
        0,
        100,
        &[
            opt("PelnaNazwa", WORDS),
            opt("KRS", Text::Digits(&[10])),
            opt("REGON", Text::Digits(&[9, 14])),
            opt("BDO", Text::Token(1, 9)),
        ],
    ),
];

/// A carrier, and where goods go.
pub const TRANSPORT: &[Part] = &[
    one_of(&[
        req("RodzajTransportu", Text::Word(&["1", "2", "3", "4", "5", "7", "8"])),
        seq(&[req("TransportInny", FLAG), req("OpisInnegoTransportu", SHORT)]),
    ]),
    tree_opt(
        "Przewoznik",
        &[tree("DaneIdentyfikacyjne", BUYER_ID), tree("AdresPrzewoznika", ADDRESS)],
    ),
    opt("NrZleceniaTransportu", WORDS),
    one_of(&[
        req("OpisLadunku", Text::Whole(1, 20)),
        seq(&[req("LadunekInny", FLAG), req("OpisInnegoLadunku", SHORT)]),
    ]),
    opt("JednostkaOpakowania", WORDS),
    opt("DataGodzRozpTransportu", Text::Instant(2021)),
    opt("DataGodzZakTransportu", Text::Instant(2021)),
    tree_opt("WysylkaZ", ADDRESS),
    tree_many("WysylkaPrzez", 0, 20, ADDRESS),
    tree_opt("WysylkaDo", ADDRESS),
];

/// Contracts, orders, batches, delivery.
pub const TERMS: &[Part] = &[
    tree_many("Umowy", 0, 100, &[opt("DataUmowy", Text::Day(1990)), opt("NrUmowy", WORDS)]),
    tree_many(
        "Zamowienia",
        0,
        100,
        &[opt("DataZamowienia", Text::Day(1990)), opt("NrZamowienia", WORDS)],
    ),
    many("NrPartiiTowaru", 0, 1000, WORDS),
    opt("WarunkiDostawy", WORDS),
    seq_opt(&[req("KursUmowny", Text::Quantity), req("WalutaUmowna", Text::Currency)]),
    tree_many("Transport", 0, 20, TRANSPORT),
    opt("PodmiotPosredniczacy", FLAG),
];
