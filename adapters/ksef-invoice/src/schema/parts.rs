//! What tables are made of.

use super::Text;

/// A place in a sequence of children.
#[derive(Debug)]
pub enum Part {
    /// An element.
    One(Element),
    /// Several in this order; all of them may be absent when it is optional.
    Group(&'static [Part], bool),
    /// One of several; none when it is optional.
    Choice(&'static [Part], bool),
}

/// An element and how often it may stand there.
#[derive(Debug)]
pub struct Element {
    /// Its name in the namespace of FA(3).
    pub name: &'static str,
    /// So often at least.
    pub min: u32,
    /// So often at most.
    pub max: u32,
    /// What it holds.
    pub body: Body,
    /// Its attributes, all compulsory, with the values each may have.
    pub attributes: &'static [(&'static str, &'static [&'static str])],
}

/// What an element holds.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// A text.
    Text(Text),
    /// Elements.
    Parts(&'static [Part]),
}

const fn element(name: &'static str, min: u32, max: u32, body: Body) -> Part {
    Part::One(Element { name, min, max, body, attributes: &[] })
}

/// A compulsory text.
pub const fn req(name: &'static str, text: Text) -> Part {
    element(name, 1, 1, Body::Text(text))
}

/// A text that may be absent.
pub const fn opt(name: &'static str, text: Text) -> Part {
    element(name, 0, 1, Body::Text(text))
}

/// A text up to `max` times.
pub const fn many(name: &'static str, min: u32, max: u32, text: Text) -> Part {
    element(name, min, max, Body::Text(text))
}

/// A compulsory element with children.
pub const fn tree(name: &'static str, parts: &'static [Part]) -> Part {
    element(name, 1, 1, Body::Parts(parts))
}

/// An element with children that may be absent.
pub const fn tree_opt(name: &'static str, parts: &'static [Part]) -> Part {
    element(name, 0, 1, Body::Parts(parts))
}

/// An element with children, `min` to `max` times.
pub const fn tree_many(name: &'static str, min: u32, max: u32, parts: &'static [Part]) -> Part {
    element(name, min, max, Body::Parts(parts))
}

/// An element with attributes.
pub const fn with_attributes(
    part: Part,
    attributes: &'static [(&'static str, &'static [&'static str])],
) -> Part {
    match part {
        Part::One(Element { name, min, max, body, .. }) => {
            Part::One(Element { name, min, max, body, attributes })
        }
        other => other,
    }
}

/// Several in this order.
pub const fn seq(parts: &'static [Part]) -> Part {
    Part::Group(parts, false)
}

/// Several in this order, or none of them.
pub const fn seq_opt(parts: &'static [Part]) -> Part {
    Part::Group(parts, true)
}

/// One of several.
pub const fn one_of(parts: &'static [Part]) -> Part {
    Part::Choice(parts, false)
}

/// One of several, or none.
pub const fn one_of_opt(parts: &'static [Part]) -> Part {
    Part::Choice(parts, true)
}

impl Part {
    /// Whether an element of this name can be the first of this part.
    pub fn begins(&self, name: &str) -> bool {
        match self {
            Self::One(element) => element.name == name,
            Self::Choice(parts, _) => parts.iter().any(|part| part.begins(name)),
            Self::Group(parts, _) => {
                let may = parts.iter().take_while(|part| part.may_be_absent()).count();
                parts.iter().take(may + 1).any(|part| part.begins(name))
            }
        }
    }

    /// Whether no element at all satisfies it.
    pub fn may_be_absent(&self) -> bool {
        match self {
            Self::One(element) => element.min == 0,
            Self::Group(_, true) | Self::Choice(_, true) => true,
            Self::Group(parts, false) => parts.iter().all(Self::may_be_absent),
            Self::Choice(parts, false) => parts.iter().any(Self::may_be_absent),
        }
    }

    /// Whether an element of this name stands somewhere in it, not counting what elements hold.
    pub fn knows(&self, name: &str) -> bool {
        match self {
            Self::One(element) => element.name == name,
            Self::Group(parts, _) | Self::Choice(parts, _) => parts.iter().any(|p| p.knows(name)),
        }
    }

    /// The names that can stand first, for a message.
    pub fn firsts(&self) -> Vec<&'static str> {
        match self {
            Self::One(element) => vec![element.name],
            Self::Choice(parts, _) => parts.iter().flat_map(Self::firsts).collect(),
            Self::Group(parts, _) => {
                let may = parts.iter().take_while(|part| part.may_be_absent()).count();
                parts.iter().take(may + 1).flat_map(Self::firsts).collect()
            }
        }
    }
}
