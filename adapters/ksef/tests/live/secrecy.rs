//! No token, key, pre-signed address or invoice reaches a log, an error or `Debug`.

use crate::scene::{Scene, cx};
use flowcontrol_contract::{Digest, KsefProvider};
use flowcontrol_ksef_testkit::invoices::invoice;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that opens something, as the state keeps it and as it was on the wire.
fn secrets(scene: &Scene) -> Vec<String> {
    let mut all = vec![scene.token.clone(), "Bearer ".into(), "eyJ".into(), "Transport".into()];
    let mut files = vec![scene.folder.path().join("client")];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|f| f.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "json") {
            let value: serde_json::Value =
                serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            for name in ["key", "iv"] {
                all.extend(value["key"][name].as_str().map(str::to_owned));
            }
        }
    }
    all
}

#[tokio::test]
async fn a_whole_run_logs_nothing_that_opens_anything() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let scene = Scene::new().await;
    let client = scene.client();
    let mut said = String::new();
    scene.plan("send:lost");
    let xml = invoice("FV/1");
    scene.submit(&client, &xml).await.unwrap();
    said.push_str(&format!("{:?}", scene.status(&client, &xml).await.unwrap()));
    let kept = secrets(&scene);
    scene.plan("stored-upo:status=500*9");
    said.push_str(&format!("{:?}", client.upo(&cx(), &Digest::of(&xml)).await.unwrap()));
    let mut batch = [invoice("FV/2"), invoice("FV/3")].into_iter().map(Ok);
    scene.plan("upload:status=403*2");
    if let Err(error) = client.submit_batch(&cx(), &mut batch, false).await {
        said.push_str(&format!("{error:?} {}", error.chain()));
    }
    scene.plan("send:refuse=21402");
    let error = scene.submit(&client, &invoice("FV/4")).await.unwrap_err();
    said.push_str(&format!("{error:?} {} {client:?}", error.chain()));
    client.close(&cx()).await.unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("send an invoice"), "nothing was logged, so nothing is proved");
    assert!(kept.len() >= 6, "the state held no key: {}", kept.len());
    for secret in kept.into_iter().chain(secrets(&scene)).chain(["sig=".into()]) {
        for (place, text) in [("the log", &logged), ("what was said", &said)] {
            let at = text.find(&secret).map(|at| &text[at.saturating_sub(80)..]);
            assert!(at.is_none(), "{place} holds {secret:?}: {:.200}", at.unwrap_or(""));
        }
    }
}
