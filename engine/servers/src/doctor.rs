//! Checks what this machine has and lacks for each target, with hints.

use super::engine::{self, Refusal};
use super::run_as::RunAs;
use super::{TargetSettings, binaries};
use flowcontrol_base::Failure;
use serde::Serialize;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked: `docker engine`, `container image`, `postgresql binaries`, ...
    pub what: String,
    /// Whether it is usable.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do if it is not usable.
    pub fix: Option<String>,
}

impl Finding {
    fn good(what: &str, detail: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, detail: detail.into(), fix: None }
    }

    fn bad(what: &str, failure: Failure) -> Self {
        Self { what: what.into(), ok: false, detail: failure.message, fix: failure.hint }
    }
}

/// Checks everything that targets need. Starts, pulls and downloads nothing.
pub async fn survey(settings: &TargetSettings) -> Vec<Finding> {
    let mut findings = engine_and_image(settings).await;
    findings.push(server_binaries(settings));
    findings.push(server_user());
    findings.push(temporary_folder(settings));
    findings.push(match &settings.external {
        Some(external) => Finding::good(
            "external server",
            format!(
                "configured: {}; `flowcontrol connect` probes it",
                external.endpoint.redacted()
            ),
        ),
        None => {
            Finding::good("external server", "none is configured; --target external is not used")
        }
    });
    findings
}

async fn engine_and_image(settings: &TargetSettings) -> Vec<Finding> {
    let docker = match engine::connect().await {
        Ok(docker) => docker,
        Err(refusal) => return vec![Finding::bad("docker engine", refusal.into_failure())],
    };
    let version = docker.client_version();
    let answers = Finding::good(
        "docker engine",
        format!("answers; API version {}.{}", version.major_version, version.minor_version),
    );
    let image = &settings.image;
    let image = match engine::image_digest(&docker, image).await {
        Ok(Some(digest)) => {
            Finding::good("container image", format!("{image} is on this machine ({digest})"))
        }
        Ok(None) => Finding::bad(
            "container image",
            Failure::environment(format!(
                "{image} is not on this machine; a rehearsal will try to pull it"
            ))
            .hint(format!("docker pull {image}, or, where it cannot be pulled, ci/postgres-image")),
        ),
        Err(refusal) => Finding::bad("container image", Refusal::into_failure(refusal)),
    };
    vec![answers, image]
}

fn server_binaries(settings: &TargetSettings) -> Finding {
    let what = "postgresql binaries";
    let found = match binaries::find(settings) {
        Ok(found) => found,
        Err(failure) => return Finding::bad(what, failure),
    };
    let list = |all: &[binaries::Binaries]| {
        let each = all
            .iter()
            .map(|it| format!("{}.{} in {}", it.version.0, it.version.1, it.folder.display()));
        each.collect::<Vec<_>>().join(", ")
    };
    if !found.usable.is_empty() {
        return Finding::good(what, format!("PostgreSQL {}", list(&found.usable)));
    }
    let detail = if found.unsupported.is_empty() {
        "none on this machine".to_owned()
    } else {
        format!("only unsupported ones: PostgreSQL {}", list(&found.unsupported))
    };
    let detail = if settings.download && cfg!(feature = "download") {
        format!("{detail}; the `local` target will download them")
    } else {
        detail
    };
    Finding::bad(
        what,
        Failure::environment(detail).hint(
            "install PostgreSQL 15 to 18, or set FLOWCONTROL_PG_BIN to the folder of `initdb`",
        ),
    )
}

fn server_user() -> Finding {
    let what = "server's user";
    match RunAs::choose() {
        Ok(None) => Finding::good(what, "local clusters run as this user"),
        Ok(Some(user)) => Finding::good(
            what,
            format!("PostgreSQL refuses to run as root: local clusters run as {}", user.name),
        ),
        Err(failure) => Finding::bad(what, failure),
    }
}

fn temporary_folder(settings: &TargetSettings) -> Finding {
    let what = "temporary folder";
    match tempfile::tempdir_in(&settings.temp) {
        Ok(_) => Finding::good(what, format!("{} can be written to", settings.temp.display())),
        Err(e) => Finding::bad(
            what,
            super::launch_log::io_failure(
                &format!("cannot create a folder in {}", settings.temp.display()),
                &e,
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[tokio::test]
    async fn every_problem_has_a_hint() {
        let settings = TargetSettings {
            pg_bin: Some(PathBuf::from("/nonexistent/bin")),
            temp: PathBuf::from("/nonexistent/tmp"),
            ..TargetSettings::default()
        };
        let findings = survey(&settings).await;
        for what in ["postgresql binaries", "temporary folder"] {
            let finding = findings.iter().find(|finding| finding.what == what).unwrap();
            assert!(!finding.ok && finding.fix.is_some(), "{finding:?}");
            assert!(finding.detail.contains("/nonexistent"), "{finding:?}");
        }
        assert!(findings.iter().all(|finding| finding.ok == finding.fix.is_none()));
    }
}
