//! A real browser that a test leads: Chromium without a screen, over its DevTools protocol on a pipe.

use crate::require;
use serde_json::{Value, json};
use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// The browser while it runs; dropping this ends it.
pub struct Chromium {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    next: Cell<u64>,
    session: String,
    _folder: tempfile::TempDir,
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| {
        let names = ["chromium", "chromium-browser", "google-chrome"].map(|n| folder.join(n));
        names.into_iter().find(|file| file.is_file())
    })
}

impl Chromium {
    /// A browser with an empty profile and one page; `None`, said aloud, where there is none.
    pub fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            let lacks = "no chromium is on the PATH; ./ci/test installs it as root on Debian";
            require::skip(test, "browser", lacks);
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let [inward, outward] = ["in", "out"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&inward, &outward]).status().unwrap();
        assert!(made.success(), "mkfifo: {made}");
        // It reads commands from descriptor 3 and answers on 4; a shell can give it these.
        let child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$IN\" 4>\"$OUT\""])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("about:blank")
            .envs([("IN", &inward), ("OUT", &outward)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = OpenOptions::new().write(true).open(&inward).unwrap();
        let out = File::open(&outward).unwrap();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for text in BufReader::new(out).split(0) {
                let Some(value) = text.ok().and_then(|t| serde_json::from_slice(&t).ok()) else {
                    return;
                };
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            answers,
            next: Cell::new(0),
            session: String::new(),
            _folder: folder,
        };
        let page = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let page = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &page);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        let id = self.next.get() + 1;
        self.next.set(id);
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() && !method.starts_with("Storage.") {
            message["sessionId"] = json!(self.session);
        }
        (&self.commands).write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.answers.recv_timeout(DEADLINE);
            let answer = answer.unwrap_or_else(|e| panic!("{method}: {e}"));
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Goes to an address, as if it was typed in.
    pub fn go(&self, url: &str) {
        self.call("Page.navigate", &json!({"url": url}));
    }

    /// What a script gives in the page; a promise is waited for.
    pub fn run(&self, script: &str) -> Value {
        let asked = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until the page's address begins like this and it was loaded, and gives the address.
    pub fn at(&self, begin: &str) -> String {
        let began = Instant::now();
        loop {
            // Between two pages there is none to ask.
            let asked = json!({"expression": "document.readyState + ' ' + location.href",
                "returnByValue": true});
            let answer = self.call("Runtime.evaluate", &asked);
            let text = answer["result"]["value"].as_str().unwrap_or_default().to_owned();
            match text.strip_prefix("complete ") {
                Some(href) if href.starts_with(begin) => return href.to_owned(),
                _ => assert!(began.elapsed() < DEADLINE, "not at {begin} but {text}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Every cookie that the browser keeps.
    pub fn cookies(&self) -> Vec<Value> {
        self.call("Storage.getCookies", &json!({}))["cookies"].as_array().unwrap().clone()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
