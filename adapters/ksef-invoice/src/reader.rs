//! Reads values of an invoice by the names of its elements.

use super::document::{self, Report};
use super::finding::Finding;
use super::schema::trim;
use super::structure::{self, child};
use roxmltree::{Document, Node};

/// An invoice that is read without being judged.
pub struct Reader<'x> {
    tree: Document<'x>,
}

/// A part of one.
#[derive(Clone, Copy)]
pub struct Part<'a, 'x>(Node<'a, 'x>);

impl<'x> Reader<'x> {
    /// Reads the bytes of an FA(3).
    ///
    /// # Errors
    /// The first reason why they are not an FA(3).
    pub fn open(bytes: &'x [u8]) -> Result<Self, Finding> {
        let (text, findings) = document::text(bytes).map_err(|mut all| all.swap_remove(0))?;
        if let Some(first) = findings.into_iter().next() {
            return Err(first);
        }
        let tree = document::tree(text)?;
        let mut report = Report::new(&tree);
        if !structure::is_invoice(&mut report, tree.root_element()) {
            return Err(report.findings.swap_remove(0));
        }
        Ok(Self { tree })
    }

    fn root(&self) -> Part<'_, 'x> {
        Part(self.tree.root_element())
    }

    /// The text at a path below the root; empty where there is none.
    pub fn text(&self, path: &[&str]) -> String {
        self.root().text(path)
    }

    /// The texts of all elements at a path.
    pub fn texts(&self, path: &[&str]) -> Vec<String> {
        self.all(path).iter().map(|part| part.text(&[])).collect()
    }

    /// All elements at a path.
    pub fn all(&self, path: &[&str]) -> Vec<Part<'_, 'x>> {
        let mut found = vec![self.tree.root_element()];
        for name in path {
            let children = found.into_iter().flat_map(|node: Node<'_, 'x>| node.children());
            found = children.filter(|n| n.tag_name().name() == *name).collect();
        }
        found.into_iter().map(Part).collect()
    }
}

impl Part<'_, '_> {
    /// The text at a path below it; empty where there is none.
    pub fn text(&self, path: &[&str]) -> String {
        let found = path.iter().try_fold(self.0, |node, name| child(node, name));
        found.map(|node| trim(&structure::text(node)).to_owned()).unwrap_or_default()
    }

    /// Whether it has a child of this name.
    pub fn has(&self, name: &str) -> bool {
        child(self.0, name).is_some()
    }
}
