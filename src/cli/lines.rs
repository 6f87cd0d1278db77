//! A long result of one JSON object a line, or one JSON document of them with `--format json`.

use super::args::Format;
use super::out;
use flowcontrol_base::Result;
use flowcontrol_contract::TenantId;

/// What is being printed of a tenant.
pub struct Lines {
    json: bool,
    gap: &'static str,
}

impl Lines {
    /// Begins; `name` is the list's in the document.
    ///
    /// # Errors
    /// When it cannot be written, as of every function here.
    pub fn begin(format: Format, tenant: &TenantId, name: &str) -> Result<Self> {
        let json = format == Format::Json;
        if json {
            out::part(&format!("{{\"tenant\":{},\"{name}\":[", serde_json::json!(tenant)))?;
        }
        Ok(Self { json, gap: "" })
    }

    /// Prints more objects; false when nobody reads them any more.
    pub fn add(&mut self, objects: impl IntoIterator<Item = String>) -> Result<bool> {
        let mut text = String::new();
        for object in objects {
            text.push_str(self.gap);
            text.push_str(&object);
            self.gap = if self.json { ",\n" } else { "\n" };
        }
        out::part(&text)
    }

    /// Ends.
    pub fn end(self) -> Result<()> {
        let end = match (self.json, self.gap.is_empty()) {
            (true, _) => "]}\n",
            (false, false) => "\n",
            (false, true) => "",
        };
        out::part(end).map(|_| ())
    }
}
