//! Compares a tree with the tables.

use super::NAMESPACE;
use super::document::Report;
use super::finding::Severity;
use super::schema::{Body, Element, INVOICE, Part, Text, trim};
use roxmltree::Node;
use std::borrow::Cow;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Judges the structure; false when this is not an FA(3), so that nothing else can be judged.
pub fn judge(report: &mut Report<'_, '_>, root: Node<'_, '_>) -> bool {
    if !is_invoice(report, root) {
        return false;
    }
    attributes(report, root, &[]);
    children(report, root, INVOICE);
    true
}

/// Whether the root is that of FA(3); adds a finding when not.
pub fn is_invoice(report: &mut Report<'_, '_>, root: Node<'_, '_>) -> bool {
    let name = root.tag_name();
    if name.name() == "Faktura" && name.namespace() == Some(NAMESPACE) {
        return true;
    }
    let known = match name.namespace() {
        Some("http://crd.gov.pl/wzor/2023/06/29/12648/") => {
            " (FA(2), which KSeF 2.0 does not accept)"
        }
        Some("http://crd.gov.pl/wzor/2021/11/29/11089/") => {
            " (FA(1), which KSeF 2.0 does not accept)"
        }
        _ => "",
    };
    let given = match name.namespace() {
        Some(space) => format!("in the namespace {space}{known}"),
        None => "without a namespace".to_owned(),
    };
    let message = format!("the root is {} {given}; FA(3) has Faktura in {NAMESPACE}", name.name());
    report.error(root, "structure.namespace", message);
    false
}

/// The text of an element; comments in it are passed over.
pub fn text<'n>(node: Node<'n, '_>) -> Cow<'n, str> {
    let mut texts = node.children().filter(Node::is_text).filter_map(|n| n.text());
    let Some(first) = texts.next() else { return Cow::Borrowed("") };
    match texts.next() {
        None => Cow::Borrowed(first),
        Some(second) => Cow::Owned([first, second].into_iter().chain(texts).collect()),
    }
}

/// The first child of a name in the namespace of FA(3).
pub fn child<'a, 'x>(node: Node<'a, 'x>, name: &str) -> Option<Node<'a, 'x>> {
    node.children().find(|n| n.is_element() && n.tag_name().name() == name)
}

/// The text at a path of names, without white space around it.
pub fn value(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(node, |node, name| child(node, name))?;
    let text = trim(&text(found)).to_owned();
    (!text.is_empty()).then_some(text)
}

fn attributes(report: &mut Report<'_, '_>, node: Node<'_, '_>, known: &[(&str, &[&str])]) {
    for attribute in node.attributes() {
        let name = attribute.name();
        let hint = matches!(name, "schemaLocation" | "noNamespaceSchemaLocation");
        if attribute.namespace() == Some(XSI) && hint {
            continue;
        }
        if attribute.namespace().is_some() || !known.iter().any(|(n, _)| *n == name) {
            report.error(
                node,
                "structure.attribute",
                format!("has the attribute {name}, which FA(3) does not have"),
            );
        }
    }
    for (name, values) in known {
        match node.attribute(*name) {
            None => {
                report.error(node, "structure.attribute", format!("lacks the attribute {name}"))
            }
            Some(value) if !values.contains(&value) => {
                let message = format!("has {name}={value:?}; allowed: {}", values.join(", "));
                report.error(node, "structure.attribute", message);
            }
            Some(_) => {}
        }
    }
}

/// The children of one element, and how far they were read.
struct Reading<'a, 'x> {
    parent: Node<'a, 'x>,
    children: Vec<Node<'a, 'x>>,
    at: usize,
    /// The child up to which it is known that each has a place somewhere under the parent.
    known: Option<usize>,
}

impl<'a, 'x> Reading<'a, 'x> {
    fn name(&self) -> Option<&'a str> {
        self.children.get(self.at).map(|n| n.tag_name().name())
    }
}

fn children(report: &mut Report<'_, '_>, parent: Node<'_, '_>, parts: &'static [Part]) {
    let mut elements = Vec::new();
    for node in parent.children() {
        if node.is_element() {
            if node.tag_name().namespace() == Some(NAMESPACE) {
                elements.push(node);
            } else {
                let message = "is not in the namespace of FA(3)";
                report.error(node, "structure.namespace", message);
            }
        } else if node.is_text() && node.text().is_some_and(|t| !trim(t).is_empty()) {
            let message = format!(
                "holds the text {:?} between its elements",
                trim(node.text().unwrap_or(""))
            );
            report.error(parent, "structure.text", message);
        }
    }
    let mut reading = Reading { parent, children: elements, at: 0, known: None };
    sequence(report, &mut reading, parts, parts);
    while let Some(extra) = reading.children.get(reading.at) {
        stray(report, *extra, parts);
        reading.at += 1;
    }
}

/// An element in a place where its name is not allowed.
fn stray(report: &mut Report<'_, '_>, node: Node<'_, '_>, all: &'static [Part]) {
    let name = node.tag_name().name();
    let parent = node.parent_element().map_or("it", |p| p.tag_name().name());
    if all.iter().any(|part| part.knows(name)) {
        let message =
            format!("is in the wrong place or repeated too often: the order in {parent} is fixed");
        report.error(node, "structure.order", message);
    } else {
        report.error(node, "structure.unexpected", format!("is not allowed in {parent} by FA(3)"));
    }
}

fn sequence(
    report: &mut Report<'_, '_>,
    reading: &mut Reading<'_, '_>,
    parts: &'static [Part],
    all: &'static [Part],
) {
    for part in parts {
        // One that belongs nowhere is reported and skipped, so that what follows it is still
        // judged for itself.
        while let Some(name) = reading.name().filter(|_| reading.known != Some(reading.at)) {
            if all.iter().any(|part| part.knows(name)) {
                reading.known = Some(reading.at);
                break;
            }
            stray(report, reading.children[reading.at], all);
            reading.at += 1;
        }
        one(report, reading, part, all);
    }
}

fn one(
    report: &mut Report<'_, '_>,
    reading: &mut Reading<'_, '_>,
    part: &'static Part,
    all: &'static [Part],
) {
    match part {
        Part::One(element) => repeated(report, reading, element),
        Part::Group(parts, optional) => {
            let begun = reading.name().is_some_and(|name| part.begins(name));
            // A later member without the first ones shows which of them is missing.
            let inside = reading.name().is_some_and(|name| part.knows(name));
            if begun || inside || !optional && !part.may_be_absent() {
                sequence(report, reading, parts, all);
            }
        }
        Part::Choice(parts, optional) => {
            let chosen = reading.name().and_then(|name| parts.iter().find(|p| p.begins(name)));
            let inside = || reading.name().and_then(|name| parts.iter().find(|p| p.knows(name)));
            match chosen.or_else(inside) {
                Some(part) => one(report, reading, part, all),
                None if *optional || part.may_be_absent() => {}
                None => missing(report, reading, &part.firsts().join(" or ")),
            }
        }
    }
}

fn missing(report: &mut Report<'_, '_>, reading: &Reading<'_, '_>, name: &str) {
    let before = match reading.name() {
        Some(next) => format!("is missing before {next}"),
        None => "is missing".to_owned(),
    };
    report.under(reading.parent, name, Severity::Error, "structure.missing", before);
}

fn repeated(report: &mut Report<'_, '_>, reading: &mut Reading<'_, '_>, element: &'static Element) {
    let mut count = 0;
    while reading.name() == Some(element.name) && count < element.max {
        let node = reading.children[reading.at];
        attributes(report, node, element.attributes);
        match element.body {
            Body::Text(form) => simple(report, node, form),
            Body::Parts(parts) => children(report, node, parts),
        }
        reading.at += 1;
        count += 1;
    }
    if count < element.min {
        missing(report, reading, element.name);
    }
}

fn simple(report: &mut Report<'_, '_>, node: Node<'_, '_>, form: Text) {
    if let Some(inner) = node.children().find(Node::is_element) {
        report.error(inner, "structure.unexpected", "is an element where a text is expected");
        return;
    }
    if let Err((rule, message)) = form.judge(&text(node)) {
        report.error(node, rule, message);
    }
}
