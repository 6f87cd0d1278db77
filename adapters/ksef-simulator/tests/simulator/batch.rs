//! Batches: packages, parts, uploads, and what fails as a whole.

use crate::caller::{Caller, fa3};
use flate2::Compression;
use flowcontrol_ksef_testkit::invoices::{another_of, invoice};
use flowcontrol_ksef_wire::crypto::{SymmetricKey, sha256_base64};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

/// A ZIP of files, deflated.
pub fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, content) in files {
        let new = archive.new_file(*name).compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = new.start().unwrap();
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, Compression::fast());
        let mut writer = config.wrap(encoder);
        writer.write_all(content).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}

fn tar_gz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// A package cut into parts that are encrypted one by one, and what is told of it.
pub fn package(
    archive: &[u8],
    kind: Option<&str>,
    part: usize,
    key: &SymmetricKey,
) -> (Value, Vec<Vec<u8>>) {
    let parts: Vec<_> = archive.chunks(part).map(|part| key.encrypt(part)).collect();
    let told: Vec<_> = (1..)
        .zip(&parts)
        .map(|(n, part)| json!({"ordinalNumber": n, "fileSize": part.len(), "fileHash": sha256_base64(part)}))
        .collect();
    let mut file =
        json!({"fileSize": archive.len(), "fileHash": sha256_base64(archive), "fileParts": told});
    if let Some(kind) = kind {
        file["compressionType"] = json!(kind);
    }
    (file, parts)
}

impl Caller {
    pub async fn open_batch(&self, key: &SymmetricKey, file: &Value) -> crate::caller::Answer {
        let body = json!({"formCode": fa3(), "batchFile": file,
            "encryption": self.encryption(key).await, "offlineMode": false});
        self.post("/sessions/batch", &[], &body).await
    }

    /// Opens, uploads and closes; the session.
    pub async fn batch(&self, key: &SymmetricKey, file: &Value, parts: &[Vec<u8>]) -> String {
        let opened = self.open_batch(key, file).await;
        assert_eq!(opened.status, 201, "{opened:?}");
        for (request, part) in
            opened.json["partUploadRequests"].as_array().unwrap().iter().zip(parts)
        {
            assert_eq!(self.upload(request, part.clone(), "").await, 201);
        }
        let session = opened.text("referenceNumber");
        let closed = self.close("batch", &session).await;
        assert_eq!(closed.status, 204, "{closed:?}");
        session
    }

    /// The session's status once it is no longer 150.
    pub async fn done(&self, session: &str) -> Value {
        for _ in 0..600 {
            let told = self.session(session).await;
            if told["status"]["code"] != 150 {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{session} stays in 150");
    }
}

#[tokio::test]
async fn both_kinds_of_package_in_parts_are_taken_apart() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let files = |series: &str| {
        [
            ("a.xml", invoice(&format!("{series}/1"))),
            ("b.xml", another_of(&format!("{series}/1"))),
            ("c.xml", b"<Faktura/>".to_vec()),
            ("d/e.xml", invoice(&format!("{series}/2"))),
        ]
    };
    for (archive, kind) in [
        (zip(&files("A")), None),
        (zip(&files("B")), Some("Zip")),
        (tar_gz(&files("C")), Some("TarGz")),
    ] {
        let (file, parts) = package(&archive, kind, 700, &key);
        assert!(parts.len() > 1);
        let session = caller.batch(&key, &file, &parts).await;
        let told = caller.done(&session).await;
        assert_eq!(told["status"]["code"], 200, "{told}");
        let counts = ["invoiceCount", "successfulInvoiceCount", "failedInvoiceCount"];
        assert_eq!(counts.map(|name| told[name].clone()), [json!(4), json!(2), json!(2)]);
        let list = caller.get("/sessions/{referenceNumber}/invoices", &[&session]).await;
        let list = list.json["invoices"].as_array().unwrap().clone();
        let codes: Vec<_> = list.iter().map(|i| i["status"]["code"].as_i64().unwrap()).collect();
        assert_eq!(codes, [200, 440, 450, 200]);
        assert_eq!(list[3]["invoiceFileName"], "d/e.xml");
        let failed = caller.get("/sessions/{referenceNumber}/invoices/failed", &[&session]).await;
        assert_eq!(failed.json["invoices"].as_array().unwrap().len(), 2);
        let upo = told["upo"]["pages"][0]["downloadUrl"].as_str().unwrap();
        assert_eq!(caller.fetch(upo, "").await.text.matches("<Dokument>").count(), 2);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_package_is_the_sessions_status() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let archive = zip(&[("a.xml", invoice("FV/1"))]);
    let (good, parts) = package(&archive, None, 10_000, &key);
    let changed = |pointer: &str, value: Value| {
        let mut file = good.clone();
        *file.pointer_mut(pointer).unwrap() = value;
        file
    };
    let (noise, noise_parts) = package(&[7; 500], None, 10_000, &key);
    let foreign = SymmetricKey::generate();
    let (sealed, sealed_parts) = package(&archive, None, 10_000, &foreign);
    let mut cut = archive.clone();
    let place = cut.len() / 3;
    cut[place] ^= 0xFF;
    let (damaged, damaged_parts) = package(&cut, None, 10_000, &key);
    let bad = zip(&[("a.xml", b"<Faktura/>".to_vec())]);
    let (invalid, invalid_parts) = package(&bad, None, 10_000, &key);
    let nothing = zip(&[]);
    let (empty, empty_parts) = package(&nothing, None, 10_000, &key);
    for (file, parts, code) in [
        (changed("/fileHash", json!(sha256_base64("x"))), &parts, 405),
        (changed("/fileSize", json!(9)), &parts, 405),
        (changed("/fileParts/0/fileHash", json!(sha256_base64("x"))), &parts, 405),
        (noise, &noise_parts, 430),
        (damaged, &damaged_parts, 430),
        (sealed, &sealed_parts, 435),
        (invalid, &invalid_parts, 445),
        (empty, &empty_parts, 440),
    ] {
        let session = caller.batch(&key, &file, parts).await;
        let told = caller.done(&session).await;
        assert_eq!(told["status"]["code"], code, "{told}");
    }
    assert_eq!(caller.simulator.received(), 1, "a damaged package leaves no invoice");
}

#[tokio::test]
async fn uploads_are_checked_at_the_close() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let archive = zip(&[("a.xml", invoice("FV/1"))]);
    let (file, parts) = package(&archive, None, 10_000, &key);
    let opened = caller.open_batch(&key, &file).await;
    let session = opened.text("referenceNumber");
    let request = &opened.json["partUploadRequests"][0];
    assert_eq!(caller.close("batch", &session).await.code(), 21205);
    assert_eq!(caller.upload(request, parts[0][..16].to_vec(), "").await, 201);
    assert_eq!(caller.close("batch", &session).await.code(), 21157);
    // A pass at a pre-signed address is refused, and so is an address of one's own.
    assert_eq!(caller.upload(request, parts[0].clone(), &caller.pass).await, 403);
    let mut forged = request.clone();
    forged["url"] = json!(request["url"].as_str().unwrap().replace("/1?", "/2?"));
    assert_eq!(caller.upload(&forged, parts[0].clone(), "").await, 403);
    assert_eq!(caller.upload(request, parts[0].clone(), "").await, 201);
    assert_eq!(caller.close("batch", &session).await.status, 204);
    assert_eq!(caller.done(&session).await["status"]["code"], 200);
    assert_eq!(caller.close("batch", &session).await.code(), 21180);
}

#[tokio::test]
async fn a_package_says_what_it_may() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let (good, _) = package(&[1; 64], None, 64, &key);
    let part = good["fileParts"][0].clone();
    let with = |parts: Vec<Value>| {
        let mut file = good.clone();
        file["fileParts"] = json!(parts);
        file
    };
    let numbered = |n: u32| {
        let mut part = part.clone();
        part["ordinalNumber"] = json!(n);
        part
    };
    let mut large = part.clone();
    large["fileSize"] = json!(100_000_017);
    for (file, code) in [
        (with(vec![]), 21405),
        (with((1..=51).map(numbered).collect()), 21161),
        (with(vec![numbered(2)]), 21405),
        (with(vec![numbered(1), numbered(1)]), 21405),
        (with(vec![large]), 21157),
    ] {
        let refused = caller.open_batch(&key, &file).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{refused:?}");
    }
}

#[tokio::test]
async fn a_batch_that_is_not_sent_in_time_is_cancelled() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let (file, _) = package(&[1; 64], None, 64, &key);
    let session = caller.open_batch(&key, &file).await.text("referenceNumber");
    caller.clock.advance(Duration::from_secs(12 * 3600));
    let pass =
        caller.call_as(reqwest::Method::POST, "/auth/token/refresh", &[], None, &caller.refresh);
    let pass = pass.await.json["accessToken"]["token"].as_str().unwrap().to_owned();
    let template = "/sessions/{referenceNumber}";
    let told = caller.call_as(reqwest::Method::GET, template, &[&session], None, &pass).await;
    let status = &told.json["status"];
    assert_eq!(
        (&status["code"], &status["details"][0]),
        (&json!(440), &json!("Przekroczono czas wysyłki"))
    );
}
