//! A request of any bytes, asked of the whole router in process: answered, never by a failure of the
//! service's own, and every refusal as a problem document.
#![no_main]

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use flowcontrol::api::{Service, router};
use flowcontrol::config::{Overrides, Settings, TEMPLATE};
use flowcontrol_demo as demo;
use flowcontrol::registry::open_auth;
use flowcontrol_conformance::memory::MemoryStore;
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Who may ask, by the first byte of the input. Nobody may rehearse: a rehearsal starts a server.
const CALLERS: [(&str, &str, &str, &str); 4] = [
    (
        "user_md_anna",
        "bfg-control",
        "managing_director",
        "approve_release,view_audit,view_finance,view_operations",
    ),
    (
        "user_dispatcher_marek",
        "bfg-control",
        "dispatcher",
        "assign_driver,create_order,plan_route,view_operations",
    ),
    ("driver_tarasenko", "bfg-control", "driver", "report_event,upload_document,view_own_trips"),
    ("dispatcher_00001", "carrier-00001", "dispatcher", "create_order,plan_route"),
];
/// A history and a chain grow with what is asked; after so many requests another service begins.
const AGE: u32 = 2_000;

struct Site {
    runtime: Runtime,
    router: Router,
    asked: u32,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flowcontrol.toml");
        let limits = "[serve]\nrequests_a_second = 1000000\nburst = 1000000\n";
        std::fs::write(&file, format!("{TEMPLATE}\n{limits}")).unwrap();
        let overrides = Overrides { file: Some(file), ..Overrides::default() };
        let settings = Settings::load(&overrides, Arc::new(flowcontrol::registry::built_in())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let router = runtime.block_on(async {
            let store = Arc::new(MemoryStore::new("fuzz"));
            let size = demo::Size { records: 60, tenants: 2, seed: 1 };
            demo::seed(&*store, size, |_| {}).await.unwrap();
            let auth = open_auth(&settings).await.unwrap();
            let (_, stop) = tokio::sync::watch::channel(false);
            router(Arc::new(Service::new(settings, store, auth, stop)))
        });
        Self { runtime, router, asked: 0, _folder: folder }
    }
}

thread_local! {
    static SITE: RefCell<Option<Site>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let Some(request) = request(data) else { return };
    let head = request.method() == Method::HEAD;
    SITE.with_borrow_mut(|site| {
        if site.as_ref().is_some_and(|site| site.asked >= AGE) {
            *site = None;
        }
        let site = site.get_or_insert_with(Site::new);
        site.asked += 1;
        let router = site.router.clone();
        site.runtime.block_on(async {
            let answer = router.oneshot(request).await.unwrap();
            let status = answer.status();
            assert!(!status.is_server_error(), "{status}");
            assert!(answer.headers().contains_key("x-request-id"));
            let refused = status.is_client_error() && !head;
            let body = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
            if refused {
                let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(document["status"], status.as_u16());
            }
        });
    });
});

/// The first byte chooses the caller; then come a line `METHOD PATH`, lines `NAME: VALUE`, an empty
/// line and the body. What is no request is not asked.
fn request(data: &[u8]) -> Option<Request<Body>> {
    let (who, rest) = data.split_first()?;
    let end = rest.windows(2).position(|w| w == b"\n\n");
    let (head, body) = end.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + 2..]));
    let mut lines = head.split(|b| *b == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|b| *b == b' ')?;
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = Method::from_bytes(&first[..space]).ok()?;
    *request.uri_mut() = Uri::try_from(&first[space + 1..]).ok()?;
    if let Some((actor, tenant, role, permissions)) = CALLERS.get(usize::from(who % 8)) {
        for (name, value) in [
            ("x-bfg-actor", actor),
            ("x-bfg-tenant", tenant),
            ("x-bfg-role", role),
            ("x-bfg-permissions", permissions),
        ] {
            request.headers_mut().append(name, HeaderValue::from_static(value));
        }
    }
    for line in lines {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}
