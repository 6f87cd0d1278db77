//! The program as it is started, kept from the wrong address, and stopped.

use super::site::{OURS, Site, headers_of, risks, settled};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn serve(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowcontrol"));
    command.arg("serve").args(arguments).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn started(folder: &std::path::Path) -> (Child, String) {
    let mut child = serve(folder, &["--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
    (child, url.to_owned())
}

fn terminate(child: &Child) {
    use nix::sys::signal::{Signal, kill};
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
}

#[tokio::test]
async fn it_listens_where_it_says_logs_each_request_and_ends_when_it_is_asked_to() {
    let (folder, _) = settled("").await;
    let (child, url) = started(folder.path());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(format!("{url}/api/v1/scenario")).header("x-request-id", "seen-1");
    for (name, value) in headers_of("user_md_anna") {
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
    terminate(&child);
    let ended =
        tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let log = String::from_utf8(ended.stderr).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("seen-1")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in ["/api/v1/scenario", "200", OURS, "user_md_anna"] {
        assert!(lines[0].contains(part), "{part}: {log}");
    }
}

#[tokio::test]
async fn a_mock_login_stays_on_loopback_unless_the_configuration_says_otherwise() {
    let (folder, _) = settled("").await;
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = serve(folder.path(), &["--listen", address]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("loopback") && said.contains("beyond_loopback"), "{said}");
    }
    let (folder, _) = settled("[adapters.mock-auth-header]\nbeyond_loopback = true").await;
    let mut child = serve(folder.path(), &["--listen", "0.0.0.0:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://0.0.0.0:"), "{line}");
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (folder, _) = settled("").await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = serve(folder.path(), &["--listen", &address]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains(&address));
}

/// Writers go on until they are refused: what was acknowledged is there, and nothing else is.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_a_stop_meets_are_finished_or_refused() {
    let site = Site::new().await;
    let before = site.head(OURS).await;
    let write = |writer: usize| {
        let site = &site;
        async move {
            let mut done = 0u64;
            for n in 0.. {
                let body = risks(&[&format!("stop-{writer}-{n}")]);
                let sent = site.posting("user_dispatcher_marek", "/api/v1/records", &body);
                match sent.send().await {
                    Ok(answer) if answer.status() == 201 => done += 1,
                    // Refused, or nobody listens any more.
                    Ok(answer) if answer.status() == 429 => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Ok(answer) => {
                        assert_eq!(answer.status(), 503);
                        break;
                    }
                    Err(_) => break,
                }
            }
            done
        }
    };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        site.ask_to_stop();
    };
    let writers = futures::future::join_all((0..4).map(write));
    let (written, ()) = futures::join!(writers, stop);
    let written: u64 = written.iter().sum();
    assert!(written > 0);
    let (settings, folder) = (site.settings.clone(), site.stop().await);
    let store = flowcontrol::registry::open_store(&settings).await.unwrap();
    let tenant = flowcontrol_contract::TenantId::new(OURS).unwrap();
    let head = store.head(&flowcontrol_contract::CallCx::tenant(tenant)).await.unwrap();
    // A write whose answer met the closing connection may be there, one for each writer.
    assert!((written..=written + 4).contains(&(head - before)), "{written}, {}", head - before);
    drop(folder);
}
