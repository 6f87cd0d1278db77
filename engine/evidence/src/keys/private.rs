//! Private keys: stored in files that only their owner can read, never printed.

use super::{PublicKey, Signature, SignedKind, Value};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use ed25519_dalek::{Signer as _, SigningKey};
use flowcontrol_base::{Failure, Result, user_file};
use flowcontrol_contract::Secret;
use flowcontrol_files::{Access, FileError};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

const NEW: &str = "`flowcontrol keys new --out FILE` creates one, and so does \
`openssl genpkey -algorithm ed25519`";

/// A private key. `Debug` shows the public one.
#[derive(Clone)]
pub struct PrivateKey {
    signing: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// The key derived from a seed.
    ///
    /// # Errors
    /// When the public key would be weak, which does not happen for a random seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        Self::new(SigningKey::from_bytes(seed)).map_err(Failure::environment)
    }

    /// Reads PKCS#8 PEM. The error never repeats the input.
    ///
    /// # Errors
    /// One sentence: why it is not a usable private key.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") {
            return Err("it is encrypted, and encrypted keys are not supported".to_owned());
        }
        if pem.contains("BEGIN PUBLIC KEY") {
            return Err("it is a public key; a private key is required".to_owned());
        }
        let signing = SigningKey::from_pkcs8_pem(pem)
            .map_err(|_| "it is not a valid Ed25519 private key in PKCS#8 PEM".to_owned())?;
        Self::new(signing)
    }

    fn new(signing: SigningKey) -> Result<Self, String> {
        let public = PublicKey::from_bytes(signing.verifying_key().to_bytes())?;
        Ok(Self { signing, public })
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `content` as a `subject`.
    pub fn sign(&self, subject: SignedKind, content: &str) -> Signature {
        let value = self.signing.sign(&subject.message(content)).to_bytes();
        Signature { key: self.public, value: Value(value) }
    }

    /// PKCS#8 PEM as OpenSSL writes it: version 1, without the public key, which OpenSSL 3.0 cannot read.
    pub(super) fn pem(&self) -> Result<Secret> {
        KeypairBytes { secret_key: self.signing.to_bytes(), public_key: None }
            .to_pkcs8_pem(LineEnding::LF)
            .map(|pem| Secret::new(pem.as_str()))
            .map_err(|_| Failure::environment("the new key cannot be serialized"))
    }

    /// Every text form of the key, so that redaction can search for it.
    pub fn forms(&self) -> Vec<Secret> {
        let mut forms = vec![Secret::new(hex::encode(self.signing.as_bytes()))];
        if let Ok(pem) = self.pem() {
            let body = pem.expose().lines().filter(|line| !line.starts_with('-'));
            forms.extend(body.map(Secret::new));
            forms.push(pem);
        }
        forms
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for PrivateKey {}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[private key of {}]", self.public)
    }
}

/// The private key in `file`.
///
/// # Errors
/// A usage failure when the file does not exist, is not such a key, or is readable by others.
pub fn open(file: &Path) -> Result<PrivateKey> {
    let pem = read(file)?;
    PrivateKey::from_pem(pem.expose())
        .map_err(|why| Failure::usage(format!("{}: {why}", file.display())).hint(hint_for(&why)))
}

/// The public key of the private one in `file`, or the public one itself.
///
/// # Errors
/// As [`open`]; the file of a public key may be readable by others.
pub fn public_key_in(file: &Path) -> Result<PublicKey> {
    let public = std::fs::read_to_string(file).ok().filter(|t| t.contains("BEGIN PUBLIC KEY"));
    match public {
        Some(pem) => PublicKey::from_pem(&pem)
            .map_err(|why| Failure::usage(format!("{}: {why}", file.display())).hint(NEW)),
        None => Ok(open(file)?.public()),
    }
}

fn hint_for(why: &str) -> &'static str {
    if why.contains("encrypted") {
        "`openssl pkey -in FILE -out OTHER` removes the encryption; keep OTHER private"
    } else {
        NEW
    }
}

fn read(file: &Path) -> Result<Secret> {
    let name = file.display();
    let failed = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => Failure::usage(format!("there is no key file {name}")).hint(NEW),
        ErrorKind::IsADirectory => {
            Failure::usage(format!("{name} is a folder, not a key file")).hint("name the file")
        }
        ErrorKind::InvalidData => {
            Failure::usage(format!("{name}: it is not a valid Ed25519 private key in PKCS#8 PEM"))
                .hint(NEW)
        }
        _ => FileError::new("read the key file", file, e).into(),
    };
    let mut opened = File::open(file).map_err(failed)?;
    private(&opened, file)?;
    let mut text = String::new();
    opened.read_to_string(&mut text).map_err(failed)?;
    Ok(Secret::new(text))
}

/// Refuses a file that other users can read: anyone who reads it can sign as its owner.
#[cfg(unix)]
fn private(opened: &File, file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let name = file.display();
    let mode = opened
        .metadata()
        .map_err(|e| FileError::new("read the key file", file, e))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::usage(format!("the key file {name} is readable by users other than its owner"))
        .hint(format!("`chmod 600 {name}`; if others may have read it, create a new key")))
}

#[cfg(not(unix))]
fn private(_: &File, _: &Path) -> Result<()> {
    Ok(())
}

/// Writes a private key into a new file that only its owner can read.
///
/// # Errors
/// A usage failure when the file already exists; an environment failure when it cannot be
/// written. No file is left under its name then.
pub fn write_new(key: &PrivateKey, file: &Path) -> Result<()> {
    const TAKEN: &str = "name another file; a key is never overwritten";
    user_file::check_free(file, TAKEN)?;
    user_file::create(file, key.pem()?.expose().as_bytes(), Access::Owner, TAKEN)
}
