//! `keys new / show`.

use super::args::{Format, Keys};
use super::out;
use flowcontrol_base::clock;
use flowcontrol_base::{Exit, Result};
use flowcontrol_evidence::keys::{self, PrivateKey};

/// Creates a private key, or prints a public one; needs no configuration.
pub fn run(args: &Keys, format: Format) -> Result<Exit> {
    let (public, file) = match args {
        Keys::New { out } => {
            let key = PrivateKey::from_seed(&clock::random_seed())?;
            keys::write_new(&key, out)?;
            (key.public(), out)
        }
        Keys::Show { file } => (keys::public_key_in(file)?, file),
    };
    let value = serde_json::json!({"public": public, "file": file});
    out::either(format, &value, || public.to_string())?;
    Ok(Exit::Done)
}
