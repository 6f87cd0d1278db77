//! The values of `Fa`, read once.

use crate::amount::{is_decimal, read};
use crate::schema::trim;
use crate::structure::{child, text};
use roxmltree::Node;
use rust_decimal::Decimal;
use time::Date;

/// One pair of totals.
#[derive(Debug)]
pub struct Bucket {
    /// The field of the net value.
    pub net: &'static str,
    /// The field of the tax, where there is one.
    pub vat: Option<&'static str>,
    /// The field of the tax in PLN.
    pub pln: Option<&'static str>,
    /// The rates of its lines, in percent; none for special schemes, whose rate stands on the line.
    pub rates: &'static [u32],
}

const fn taxed(
    net: &'static str,
    vat: &'static str,
    pln: &'static str,
    rates: &'static [u32],
) -> Bucket {
    Bucket { net, vat: Some(vat), pln: Some(pln), rates }
}

const fn untaxed(net: &'static str) -> Bucket {
    Bucket { net, vat: None, pln: None, rates: &[0] }
}

/// All totals, in their order.
pub const BUCKETS: [Bucket; 13] = [
    taxed("P_13_1", "P_14_1", "P_14_1W", &[23, 22]),
    taxed("P_13_2", "P_14_2", "P_14_2W", &[8, 7]),
    taxed("P_13_3", "P_14_3", "P_14_3W", &[5]),
    taxed("P_13_4", "P_14_4", "P_14_4W", &[4, 3]),
    Bucket { net: "P_13_5", vat: Some("P_14_5"), pln: None, rates: &[] },
    untaxed("P_13_6_1"),
    untaxed("P_13_6_2"),
    untaxed("P_13_6_3"),
    untaxed("P_13_7"),
    untaxed("P_13_8"),
    untaxed("P_13_9"),
    untaxed("P_13_10"),
    untaxed("P_13_11"),
];

/// Places in [`BUCKETS`].
pub const OSS: usize = 4;
/// Supply within the Union at 0 %.
pub const WDT: usize = 6;
/// Exempt.
pub const EXEMPT: usize = 8;
/// Services taxed where a buyer in the Union is.
pub const NP_II: usize = 10;
/// Reverse charge.
pub const REVERSE: usize = 11;
/// Margin schemes.
pub const MARGIN: usize = 12;

/// The place in [`BUCKETS`] of a rate as `P_12` writes it, and its percentage.
pub fn bucket_of(rate: &str) -> Option<(usize, u32)> {
    Some(match rate {
        "23" => (0, 23),
        "22" => (0, 22),
        "8" => (1, 8),
        "7" => (1, 7),
        "5" => (2, 5),
        "4" => (3, 4),
        "3" => (3, 3),
        "0 KR" => (5, 0),
        "0 WDT" => (WDT, 0),
        "0 EX" => (7, 0),
        "zw" => (EXEMPT, 0),
        "np I" => (9, 0),
        "np II" => (NP_II, 0),
        "oo" => (REVERSE, 0),
        _ => return None,
    })
}

/// A number and where it stands.
pub type Found<'a, 'x> = Option<(Decimal, Node<'a, 'x>)>;

/// The values of an invoice.
pub struct Facts<'a, 'x> {
    /// `Fa`.
    pub fa: Node<'a, 'x>,
    /// `RodzajFaktury`.
    pub kind: &'a str,
    /// `KodWaluty`.
    pub currency: &'a str,
    /// `P_1`.
    pub issued: Option<(Date, Node<'a, 'x>)>,
    /// `P_13_x`, by bucket.
    pub net: [Found<'a, 'x>; 13],
    /// `P_14_x`.
    pub vat: [Found<'a, 'x>; 13],
    /// `P_14_xW`.
    pub pln: [Found<'a, 'x>; 13],
    /// `P_15`.
    pub gross: Found<'a, 'x>,
    /// `KursWalutyZ`.
    pub exchange: Option<Decimal>,
    /// `FaWiersz`.
    pub lines: Vec<Line<'a, 'x>>,
    /// Whether every total and every value of a line is a valid number.
    pub readable: bool,
}

/// A line's values.
pub struct Line<'a, 'x> {
    /// `FaWiersz`.
    pub node: Node<'a, 'x>,
    /// `NrWierszaFa`.
    pub number: &'a str,
    /// Whether it has a name (`P_7`).
    pub named: bool,
    /// `P_8B`.
    pub quantity: Option<Decimal>,
    /// `P_9A`.
    pub net_price: Option<Decimal>,
    /// `P_9B`.
    pub gross_price: Option<Decimal>,
    /// `P_10`.
    pub discount: Option<Decimal>,
    /// `P_11`.
    pub net: Found<'a, 'x>,
    /// `P_11A`.
    pub gross: Found<'a, 'x>,
    /// `P_11Vat`.
    pub vat: Option<Decimal>,
    /// `P_12`.
    pub rate: Option<&'a str>,
    /// `P_12_XII`, in percent.
    pub foreign_rate: Option<Decimal>,
    /// `KursWaluty`.
    pub exchange: Option<Decimal>,
    /// `StanPrzed`: the line as it was before a correction.
    pub before: bool,
    /// Whether its values are valid numbers.
    readable: bool,
}

/// The text of an element that holds nothing else, trimmed.
pub fn plain<'a>(node: Node<'a, '_>) -> &'a str {
    trim(node.text().unwrap_or(""))
}

fn number(node: Node<'_, '_>) -> Option<Decimal> {
    let text = text(node);
    let text = trim(&text);
    // A malformed one has a finding of its own.
    if is_decimal(text, 16, 8) { read(text) } else { None }
}

impl<'a, 'x> Facts<'a, 'x> {
    /// Reads `Fa` under the root.
    pub fn read(root: Node<'a, 'x>) -> Option<Self> {
        let fa = child(root, "Fa")?;
        let mut facts = Self {
            fa,
            kind: "",
            currency: "",
            issued: None,
            net: [None; 13],
            vat: [None; 13],
            pln: [None; 13],
            gross: None,
            exchange: None,
            lines: Vec::new(),
            readable: true,
        };
        for node in fa.children().filter(Node::is_element) {
            match node.tag_name().name() {
                "KodWaluty" => facts.currency = plain(node),
                "P_1" => facts.issued = crate::schema::day(plain(node)).map(|d| (d, node)),
                "P_15" => {
                    facts.gross = number(node).map(|n| (n, node));
                    facts.readable &= facts.gross.is_some();
                }
                "KursWalutyZ" => facts.exchange = number(node),
                "RodzajFaktury" => facts.kind = plain(node),
                "FaWiersz" => {
                    let line = Line::read(node);
                    facts.readable &= line.readable;
                    facts.lines.push(line);
                }
                name if name.starts_with("P_1") => facts.total(name, node),
                _ => {}
            }
        }
        Some(facts)
    }

    fn total(&mut self, name: &str, node: Node<'a, 'x>) {
        for (index, bucket) in BUCKETS.iter().enumerate() {
            let place = if bucket.net == name {
                &mut self.net[index]
            } else if bucket.vat == Some(name) {
                &mut self.vat[index]
            } else if bucket.pln == Some(name) {
                &mut self.pln[index]
            } else {
                continue;
            };
            *place = number(node).map(|n| (n, node));
            self.readable &= place.is_some();
            return;
        }
    }

    /// Whether it corrects another invoice.
    pub fn corrects(&self) -> bool {
        self.kind.starts_with("KOR")
    }

    /// A total, nothing where it is absent.
    pub fn net_of(&self, bucket: usize) -> Decimal {
        self.net[bucket].map_or(Decimal::ZERO, |(value, _)| value)
    }

    /// A tax, nothing where it is absent.
    pub fn vat_of(&self, bucket: usize) -> Decimal {
        self.vat[bucket].map_or(Decimal::ZERO, |(value, _)| value)
    }
}

impl<'a, 'x> Line<'a, 'x> {
    fn read(node: Node<'a, 'x>) -> Self {
        let mut line = Self {
            node,
            number: "",
            named: false,
            quantity: None,
            net_price: None,
            gross_price: None,
            discount: None,
            net: None,
            gross: None,
            vat: None,
            rate: None,
            foreign_rate: None,
            exchange: None,
            before: false,
            readable: true,
        };
        for node in node.children().filter(Node::is_element) {
            match node.tag_name().name() {
                "NrWierszaFa" => line.number = plain(node),
                "P_7" => line.named = true,
                "P_8B" => line.quantity = number(node),
                "P_9A" => line.net_price = number(node),
                "P_9B" => line.gross_price = number(node),
                "P_10" => line.discount = number(node),
                "P_11" => {
                    line.net = number(node).map(|n| (n, node));
                    line.readable &= line.net.is_some();
                }
                "P_11A" => {
                    line.gross = number(node).map(|n| (n, node));
                    line.readable &= line.gross.is_some();
                }
                "P_11Vat" => line.vat = number(node),
                "P_12" => line.rate = Some(plain(node)),
                // The only number with more than one form.
                "P_12_XII" => line.foreign_rate = plain(node).parse().ok(),
                "KursWaluty" => line.exchange = number(node),
                "StanPrzed" => line.before = true,
                _ => {}
            }
        }
        line
    }

    /// Where it counts, and its rate as a fraction; `None` where its rate is unreadable. A line
    /// without any rate belongs to a margin scheme.
    pub fn bucket(&self) -> Option<(usize, Decimal)> {
        match (self.rate, self.foreign_rate) {
            (_, Some(percent)) => Some((OSS, percent / Decimal::ONE_HUNDRED)),
            (Some(rate), None) => {
                bucket_of(rate).map(|(bucket, percent)| (bucket, Decimal::new(percent.into(), 2)))
            }
            (None, None) => Some((MARGIN, Decimal::ZERO)),
        }
    }

    /// Whether a value stands on it.
    pub fn valued(&self) -> bool {
        self.net.is_some() || self.gross.is_some()
    }
}
