//! From bytes to a tree, with everything that KSeF refuses before it looks at the schema.

use super::MAX_BYTES_WITH_ATTACHMENT;
use super::finding::{Finding, Severity};
use super::schema::is_white;
use roxmltree::{Document, Node, ParsingOptions};

/// At most this many findings are reported; a file with more is not an invoice with a few mistakes.
const MOST: usize = 200;

/// What was found so far in one document.
pub struct Report<'d, 'x> {
    document: &'d Document<'x>,
    /// The findings, in the order of the rules.
    pub findings: Vec<Finding>,
}

impl<'d, 'x> Report<'d, 'x> {
    /// An empty one.
    pub fn new(document: &'d Document<'x>) -> Self {
        Self { document, findings: Vec::new() }
    }

    /// Adds a finding about a node.
    pub fn at(
        &mut self,
        node: Node<'_, '_>,
        severity: Severity,
        rule: &'static str,
        message: String,
    ) {
        self.under(node, "", severity, rule, message);
    }

    /// Adds a finding about a child that `node` should have.
    pub fn under(
        &mut self,
        node: Node<'_, '_>,
        child: &str,
        severity: Severity,
        rule: &'static str,
        message: String,
    ) {
        // Lines and paths are counted from the start of the file each time.
        if self.findings.len() >= MOST {
            return;
        }
        let mut path = path_of(node);
        if !child.is_empty() {
            path.push('/');
            path.push_str(child);
        }
        let line = Some(self.document.text_pos_at(node.range().start).row);
        self.findings.push(Finding { path, line, rule, message, severity });
    }

    /// An error about a node.
    pub fn error(&mut self, node: Node<'_, '_>, rule: &'static str, message: impl Into<String>) {
        self.at(node, Severity::Error, rule, message.into());
    }

    /// A warning about a node.
    pub fn warn(&mut self, node: Node<'_, '_>, rule: &'static str, message: impl Into<String>) {
        self.at(node, Severity::Warning, rule, message.into());
    }
}

/// Names from the root to a node; one of several of a name gets its place among them.
pub fn path_of(node: Node<'_, '_>) -> String {
    let mut names: Vec<String> = Vec::new();
    for at in node.ancestors().filter(Node::is_element) {
        let name = at.tag_name().name();
        let same = |n: &Node<'_, '_>| n.is_element() && n.tag_name() == at.tag_name();
        let before = at.prev_siblings().skip(1).filter(same).count();
        let alone = before == 0 && !at.next_siblings().skip(1).any(|n| same(&n));
        names.push(if alone { name.to_owned() } else { format!("{name}[{}]", before + 1) });
    }
    names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
}

fn refusal(rule: &'static str, line: Option<u32>, message: impl Into<String>) -> Finding {
    Finding { path: String::new(), line, rule, message: message.into(), severity: Severity::Error }
}

/// The text of a file, and what is wrong with its encoding.
///
/// # Errors
/// The findings that make the text unreadable.
pub fn text(bytes: &[u8]) -> Result<(&str, Vec<Finding>), Vec<Finding>> {
    let mut findings = Vec::new();
    if bytes.len() > MAX_BYTES_WITH_ATTACHMENT {
        return Err(vec![size(bytes.len(), MAX_BYTES_WITH_ATTACHMENT)]);
    }
    let utf16 = bytes.starts_with(&[0xFE, 0xFF])
        || bytes.starts_with(&[0xFF, 0xFE])
        || bytes.starts_with(&[0, b'<'])
        || bytes.starts_with(&[b'<', 0]);
    if utf16 {
        let message =
            "it is UTF-16; KSeF accepts UTF-8 only: save it as UTF-8 without a byte order mark";
        return Err(vec![refusal("encoding.utf16", None, message)]);
    }
    let rest = bytes.strip_prefix(b"\xEF\xBB\xBF");
    if rest.is_some() {
        let message = "it begins with a byte order mark (EF BB BF): save it as UTF-8 without one";
        findings.push(refusal("encoding.bom", Some(1), message));
    }
    let text = std::str::from_utf8(rest.unwrap_or(bytes)).map_err(|e| {
        let message = format!("it is not valid UTF-8 from byte {} on", e.valid_up_to());
        vec![refusal("encoding.utf8", None, message)]
    })?;
    findings.extend(declaration(text));
    findings.extend(discouraged(text).map(|(at, char)| {
        let line = text[..at].bytes().filter(|b| *b == b'\n').count() + 1;
        character(char, u32::try_from(line).ok())
    }));
    Ok((text, findings))
}

/// The rule about how large an invoice may be.
pub fn size(bytes: usize, most: usize) -> Finding {
    refusal("size", None, format!("it has {bytes} bytes; KSeF accepts at most {most}"))
}

/// Reads the tree; what is not well-formed, or brings a DTD, gives no tree.
///
/// # Errors
/// Why there is none.
pub fn tree(text: &str) -> Result<Document<'_>, Finding> {
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => {
            let line = text.find("<!DOCTYPE").map_or(1, |at| text[..at].matches('\n').count() + 1);
            let message = "it has a document type declaration; KSeF refuses them and all entities";
            refusal("xml.dtd", u32::try_from(line).ok(), message)
        }
        error => {
            let position = error.pos();
            let message = format!("it is not well-formed XML: {error}");
            refusal("xml.malformed", Some(position.row), message)
        }
    })
}

/// What stands in a tree beside elements: processing instructions, and characters that hid behind
/// references.
pub fn contents(report: &mut Report<'_, '_>, text: &str) {
    let document = report.document;
    // Looked for in the text first: nearly no file has one but its declaration.
    if text.get(1..).is_some_and(|rest| rest.contains("<?")) {
        for node in document.root().descendants().filter(Node::is_pi) {
            let target = node.pi().map_or("", |pi| pi.target);
            let line = Some(document.text_pos_at(node.range().start).row);
            let message =
                format!("it has a processing instruction <?{target} ..?>; KSeF refuses them");
            report.findings.push(refusal("xml.instruction", line, message));
        }
    }
    if text.contains("&#") {
        for node in document.root().descendants() {
            let texts = node.text().into_iter().chain(node.attributes().map(|a| a.value()));
            let hidden = texts.filter_map(|text| discouraged(text).map(|(_, char)| char)).next();
            // One that is written out was reported already.
            if let Some(char) = hidden.filter(|char| !text.contains(*char)) {
                let line = Some(document.text_pos_at(node.range().start).row);
                report.findings.push(character(char, line));
                return;
            }
        }
    }
}

/// What the XML declaration says of version and encoding, where it says something else than it may.
fn declaration(text: &str) -> Option<Finding> {
    let inside = text.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = |name: &str| {
        let (_, rest) = inside.split_once(name)?;
        let rest = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest[1..].split_once(quote).map(|(value, _)| value)
    };
    if let Some(encoding) = value("encoding").filter(|e| !e.eq_ignore_ascii_case("utf-8")) {
        let message = format!("it declares the encoding {encoding:?}; KSeF accepts UTF-8 only");
        return Some(refusal("encoding.declared", Some(1), message));
    }
    let version = value("version").filter(|v| *v != "1.0")?;
    Some(refusal("xml.version", Some(1), format!("it declares XML {version:?}; FA(3) is XML 1.0")))
}

fn character(char: char, line: Option<u32>) -> Finding {
    let message = format!(
        "it has the character U+{:04X}, which XML 1.0 discourages and KSeF refuses",
        u32::from(char)
    );
    refusal("xml.character", line, message)
}

/// The first character that XML 1.0 discourages (section 2.2, note), and where it begins.
pub fn discouraged(text: &str) -> Option<(usize, char)> {
    find(text, is_discouraged)
}

/// The first character that KSeF refuses in a text, written out or referred to: a control
/// character, what else XML cannot hold, and what it discourages.
pub fn refused(text: &str) -> Option<char> {
    let control = |char: char| char.is_control() && !is_white(char);
    let bad =
        |char| control(char) || is_discouraged(char) || matches!(char, '\u{FFFE}' | '\u{FFFF}');
    find(text, bad).map(|(_, char)| char)
}

fn is_discouraged(char: char) -> bool {
    let code = u32::from(char);
    matches!(code, 0x7F..=0x84 | 0x86..=0x9F | 0xFDD0..=0xFDEF)
        || (code > 0xFFFF && code & 0xFFFE == 0xFFFE)
}

/// The first bad character, of which the bytes say first whether one can begin there: controls of
/// ASCII, C2 for U+0080-9F, EF for U+FDD0-EF and U+FFFE, F0-F4 for the ends of the planes.
fn find(text: &str, bad: impl Fn(char) -> bool) -> Option<(usize, char)> {
    let bytes = text.as_bytes();
    let suspect = |byte: &u8| matches!(byte, 0..=0x1F | 0x7F | 0xC2 | 0xEF | 0xF0..=0xF4);
    let mut from = 0;
    while let Some(step) = bytes[from..].iter().position(suspect) {
        let at = from + step;
        let char = text[at..].chars().next()?;
        if bad(char) {
            return Some((at, char));
        }
        from = at + char.len_utf8();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two lists as the recommendation and the ministry write them, character by character.
    #[test]
    fn of_all_characters_the_listed_ones_are_found() {
        for char in '\0'..=char::MAX {
            let code = u32::from(char);
            let ends = (0x1..=0x10).any(|plane| matches!(code ^ (plane << 16), 0xFFFE | 0xFFFF));
            let discourages = (0x7F..=0x84).contains(&code)
                || (0x86..=0x9F).contains(&code)
                || (0xFDD0..=0xFDEF).contains(&code)
                || ends;
            let holds = matches!(char, '\t' | '\n' | '\r') || code > 0x1F && code & !1 != 0xFFFE;
            let text = format!("ż{char}ó");
            assert_eq!(discouraged(&text), discourages.then_some((2, char)), "{code:X}");
            let refuses = discourages || !holds || char == '\u{85}';
            assert_eq!(refused(&text), refuses.then_some(char), "{code:X}");
        }
    }
}
