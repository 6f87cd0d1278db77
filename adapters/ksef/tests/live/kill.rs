//! A program that is killed between KSeF's commit and its answer goes on without a second send.

use crate::scene::{OneToken, Scene, cx};
use flowcontrol_contract::ksef::{InvoiceState, Submission};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{Digest, KsefProvider};
use flowcontrol_ksef::{Ksef, SystemClock};
use flowcontrol_ksef_testkit::invoices;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BASE: &str = "FLOWCONTROL_KSEF_TEST_BASE";
const FOLDER: &str = "FLOWCONTROL_KSEF_TEST_FOLDER";
const TOKEN: &str = "FLOWCONTROL_KSEF_TEST_TOKEN";

fn client(base: &str, folder: &Path, token: &str) -> Ksef {
    let config = serde_json::json!({"base_url": base, "tenant": "bfg-control",
        "nip": invoices::SELLER, "token": {"env": "KSEF_TOKEN"}, "state": "client"});
    let secrets = OneToken(token.to_owned());
    let cx = BuildCx { secrets: &secrets, base: folder };
    Ksef::new(config, cx, Arc::new(SystemClock)).unwrap()
}

/// The program that is killed; run by the test below and by nobody else.
#[tokio::test]
#[ignore = "the other test's child"]
async fn child() {
    let told = |name| std::env::var(name).unwrap();
    let client = client(&told(BASE), Path::new(&told(FOLDER)), &told(TOKEN));
    let xml = today("FV/1");
    let submission = Submission { invoice: &xml, offline: false, corrects: None };
    let outcome = client.submit(&cx(), &submission).await;
    panic!("it was not killed: {outcome:?}");
}

/// An invoice of the day on which the test runs: the child goes by the machine's clock.
fn today(number: &str) -> Vec<u8> {
    let now = flowcontrol_contract::Timestamp::now();
    let now = time::OffsetDateTime::from_unix_timestamp(now.micros() / 1_000_000).unwrap();
    invoices::invoice_of(number, &flowcontrol_ksef_invoice::today_at(now).to_string())
}

/// Passes everything on to the simulator, and kills the child when KSeF has answered a send: the
/// answer never arrives.
async fn between(listener: TcpListener, to: String, victim: Arc<Mutex<Option<Child>>>) {
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(&to).await.unwrap();
        let victim = victim.clone();
        tokio::spawn(async move {
            let (mut from_near, mut from_far) = (vec![0; 65_536], vec![0; 65_536]);
            let mut sending = false;
            loop {
                tokio::select! {
                    n = near.read(&mut from_near) => {
                        let Ok(n @ 1..) = n else { return };
                        let text = String::from_utf8_lossy(&from_near[..n]);
                        if let Some(line) = text.lines().next().filter(|l| l.contains(" HTTP/1.1")) {
                            sending = line.starts_with("POST") && line.contains("/invoices ");
                        }
                        far.write_all(&from_near[..n]).await.unwrap();
                    }
                    n = far.read(&mut from_far) => {
                        let Ok(n @ 1..) = n else { return };
                        if sending {
                            let mut victim = victim.lock().unwrap();
                            if let Some(child) = victim.as_mut() {
                                child.kill().unwrap();
                            }
                            return;
                        }
                        if near.write_all(&from_far[..n]).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_answer_is_no_second_send() {
    let scene = Scene::of_today().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v2", listener.local_addr().unwrap());
    let victim = Arc::new(Mutex::new(None));
    let to = scene.simulator.base_url();
    let to = to.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let passing = tokio::spawn(between(listener, to, victim.clone()));
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored", "--test-threads=1"])
        .env(BASE, &base)
        .env(FOLDER, scene.folder.path())
        .env(TOKEN, &scene.token)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    *victim.lock().unwrap() = Some(child);
    let ended = async {
        loop {
            let status = victim.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            if let Some(status) = status {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9), "{ended}");
    passing.abort();
    assert_eq!(scene.received(), 1, "KSeF has it");

    let xml = today("FV/1");
    let again = client(&scene.simulator.base_url(), scene.folder.path(), &scene.token);
    let submission = Submission { invoice: &xml, offline: false, corrects: None };
    let told = again.submit(&cx(), &submission).await.unwrap();
    assert!(told.reference.is_some());
    assert_eq!(scene.received(), 1, "nothing was sent a second time");
    let told = again.status(&cx(), &Digest::of(&xml)).await.unwrap();
    assert!(matches!(told.state, InvoiceState::Accepted { .. }), "{told:?}");
}
