//! Prints a long result as JSON Lines, or as one JSON document with `--format json`.

use super::args::Format;
use super::out;
use flowcontrol_base::Result;
use flowcontrol_contract::TenantId;

/// A list that is being printed.
pub struct Lines {
    json: bool,
    gap: &'static str,
}

impl Lines {
    /// Starts the list; `name` is its member in the JSON document.
    ///
    /// # Errors
    /// When it cannot be written, as for every function here.
    pub fn begin(format: Format, tenant: &TenantId, name: &str) -> Result<Self> {
        let json = format == Format::Json;
        if json {
            out::part(&format!("{{\"tenant\":{},\"{name}\":[", serde_json::json!(tenant)))?;
        }
        Ok(Self { json, gap: "" })
    }

    /// Prints more objects; false when the reader has closed the stream.
    pub fn add(&mut self, objects: impl IntoIterator<Item = String>) -> Result<bool> {
        let mut text = String::new();
        for object in objects {
            text.push_str(self.gap);
            text.push_str(&object);
            self.gap = if self.json { ",\n" } else { "\n" };
        }
        out::part(&text)
    }

    /// Ends the list.
    pub fn end(self) -> Result<()> {
        let end = match (self.json, self.gap.is_empty()) {
            (true, _) => "]}\n",
            (false, false) => "\n",
            (false, true) => "",
        };
        out::part(end).map(|_| ())
    }
}
