//! The identity of a target in evidence.

use super::TargetKind;
use flowcontrol_base::{Failure, Result};
use flowcontrol_database::Endpoint;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// The identity of a target in evidence; contains no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetIdentity {
    /// The target's kind.
    pub kind: TargetKind,
    /// `17.6`: the version without the packager's suffix.
    pub server_version: String,
    /// `170006`, as `server_version_num` gives it.
    pub server_version_num: u32,
    /// `local`: the folder of the binaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binaries: Option<String>,
    /// `container`: the image's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// `container`: the repository digest, or the image's id when it came from no registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// `external`: the cluster's system identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// `external`: the configured database, `host:port/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// SHA-256 of the server's certificate in DER, in hex. For temporary targets it is that of
    /// the generated certificate, which is never live evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
}

/// The server's facts about itself.
pub(super) struct ServerFacts {
    pub version: String,
    pub version_num: u32,
    /// `None` if the login may not read the control file.
    pub system_identifier: Option<String>,
    pub in_recovery: bool,
}

impl ServerFacts {
    /// Queries the server at `endpoint` over `connection`.
    pub(super) async fn ask(endpoint: &Endpoint, connection: &mut PgConnection) -> Result<Self> {
        Self::ask_over(connection).await.map_err(|e| {
            Failure::environment(format!(
                "{} answers, but its version and settings cannot be read: {e}",
                endpoint.redacted()
            ))
        })
    }

    async fn ask_over(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let row = sqlx::query(
            "select current_setting('server_version') as version,
                    current_setting('server_version_num')::int4 as version_num,
                    pg_is_in_recovery() as in_recovery,
                    has_function_privilege('pg_control_system()', 'execute') as may_identify",
        )
        .fetch_one(&mut *connection)
        .await?;
        let system_identifier = if row.try_get::<bool, _>("may_identify")? {
            sqlx::query_scalar("select system_identifier::text from pg_control_system()")
                .fetch_one(&mut *connection)
                .await?
        } else {
            None
        };
        let version: String = row.try_get("version")?;
        Ok(Self {
            version: plain_version(&version).to_owned(),
            version_num: u32::try_from(row.try_get::<i32, _>("version_num")?).unwrap_or(0),
            system_identifier,
            in_recovery: row.try_get("in_recovery")?,
        })
    }
}

/// `17.6 (Debian 17.6-1)` is `17.6`.
fn plain_version(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packagers_suffix_is_removed() {
        assert_eq!(plain_version("15.18 (Debian 15.18-0+deb12u1)"), "15.18");
        assert_eq!(plain_version("18beta1"), "18beta1");
    }

    #[test]
    fn members_that_do_not_apply_are_omitted() {
        let identity = TargetIdentity {
            kind: TargetKind::Local,
            server_version: "17.6".into(),
            server_version_num: 170_006,
            binaries: Some("/usr/lib/postgresql/17/bin".into()),
            image: None,
            image_digest: None,
            system_identifier: None,
            database: None,
            certificate_sha256: None,
        };
        assert_eq!(
            serde_json::to_string(&identity).unwrap(),
            r#"{"kind":"local","server_version":"17.6","server_version_num":170006,"binaries":"/usr/lib/postgresql/17/bin"}"#
        );
    }
}
