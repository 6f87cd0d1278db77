//! `ksef qr`.

use super::args::Qr;
use super::file;
use crate::cli::args::Format;
use crate::cli::out;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_files::{self as files, Access};
use flowcontrol_ksef_invoice::number::KsefNumber;
use flowcontrol_ksef_invoice::print::{Codes, page};
use flowcontrol_ksef_invoice::qr::{
    Issuer, Link, OfflineCertificate, Picture, Place, code_one, code_two,
};
use flowcontrol_ksef_invoice::summary;
use serde_json::json;
use sha2::Digest;
use std::path::Path;

/// Creates the QR codes of a file; needs no configuration.
pub fn run(args: &Qr, format: Format) -> Result<Exit> {
    let shown = args.file.display();
    let bytes = file::read(&args.file)?;
    let said = summary(&bytes).map_err(|finding| {
        Failure::check(format!("{shown} is not a valid invoice: {finding}"))
            .hint(format!("`flowcontrol ksef validate {shown}` lists every finding"))
    })?;
    if let Some(number) = &args.ksef_no {
        KsefNumber::parse(number)
            .map_err(|e| Failure::usage(format!("--ksef-no {number:?}: {e}")))?;
    }
    let sha256: [u8; 32] = sha2::Sha256::digest(&bytes).into();
    let place = Place::from(args.environment);
    let one = code_one(place, &said.seller, said.issued, &sha256);
    let two = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => {
            let certificate = read_certificate(certificate, key)?;
            let issuer = issuer(args, said.seller.as_str())?;
            let link = code_two(place, &issuer, &said.seller, &sha256, &certificate);
            Some(link.map_err(|e| Failure::usage(format!("no KOD II: {e}")))?)
        }
        _ => None,
    };
    let codes = Codes { one, ksef_no: args.ksef_no.clone(), two };
    let mut files = Vec::new();
    if let Some(folder) = &args.out {
        files::create_folder(folder, Access::Shared)?;
        let mut save = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            files::replace(&path, bytes, Access::Shared)?;
            files.push(path.display().to_string());
            Ok::<_, Failure>(())
        };
        save_pictures("kod-1", &codes.one, &mut save)?;
        if let Some(two) = &codes.two {
            save_pictures("kod-2", two, &mut save)?;
        }
        let html = page(&bytes, &codes).map_err(|f| Failure::check(f.to_string()))?;
        save("invoice.html", html.as_bytes())?;
    }
    let two = codes.two.as_ref().map(Link::as_str);
    let value = json!({"number": said.number, "kod_1": codes.one.as_str(), "kod_2": two,
        "ksef_no": codes.ksef_no, "files": files});
    out::either(format, &value, || {
        let mut text = format!("KOD I   {}\n", codes.one);
        if let Some(two) = &codes.two {
            text.push_str(&format!("KOD II  {two}\n"));
        }
        for file in &files {
            text.push_str(&format!("wrote   {file}\n"));
        }
        text
    })?;
    Ok(Exit::Done)
}

fn issuer(args: &Qr, seller: &str) -> Result<Issuer> {
    let Some(text) = &args.context else { return Ok(Issuer::Nip(seller.to_owned())) };
    Issuer::parse(text).ok_or_else(|| {
        Failure::usage(format!("--context {text:?} is not valid"))
            .hint("write it as Nip:5265877635, InternalId:.., NipVatUe:.. or PeppolId:..")
    })
}

fn read_certificate(certificate: &Path, key: &Path) -> Result<OfflineCertificate> {
    let text = |path: &Path| {
        String::from_utf8(file::read(path)?)
            .map_err(|_| Failure::usage(format!("{} is not PEM text", path.display())))
    };
    OfflineCertificate::read(&text(certificate)?, &text(key)?, file::now()).map_err(|error| {
        Failure::usage(format!("{} cannot sign KOD II: {error}", certificate.display()))
    })
}

fn save_pictures(
    name: &str,
    link: &Link,
    save: &mut impl FnMut(&str, &[u8]) -> Result<()>,
) -> Result<()> {
    let large = || Failure::check(format!("the link of {name} is too long for a QR code"));
    let picture = Picture::of(link).ok_or_else(large)?;
    save(&format!("{name}.svg"), picture.svg().as_bytes())?;
    save(&format!("{name}.png"), &picture.png().ok_or_else(large)?)
}
