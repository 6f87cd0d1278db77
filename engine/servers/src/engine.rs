//! The Docker engine: the connection to it, its images, and the rehearsals' containers.

use super::owner::Owner;
use flowcontrol_base::Failure;
use flowcontrol_contract::chain;
use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::{
    InspectNetworkOptions, ListContainersOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;

/// The label of every rehearsal container; its value is the target's id.
pub(super) const ID_LABEL: &str = "org.flowcontrol.rehearsal";
/// The label that names the process that started the container.
pub(super) const OWNER_LABEL: &str = "org.flowcontrol.owner";

/// Why no container could be started.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No engine answers, or this user may not access it.
    Engine(Failure),
    /// The image is not on this machine and cannot be pulled.
    Image(Failure),
    /// Engine and image are available, but the container did not start.
    Start(Failure),
}

impl Refusal {
    pub(super) fn into_failure(self) -> Failure {
        let (Self::Engine(failure) | Self::Image(failure) | Self::Start(failure)) = self;
        failure
    }
}

/// A client with an API version that the engine supports. Engines refuse versions
/// newer than their own, and the client library starts with its newest.
pub(super) async fn connect() -> Result<Docker, Refusal> {
    let engine = docker_client_instance().await.map_err(|e| unreachable_engine(&e))?;
    engine.negotiate_version().await.map_err(|e| unreachable_engine(&e))
}

/// Distinguishes a denied socket from a missing engine.
fn unreachable_engine(error: &(dyn Error + 'static)) -> Refusal {
    if let Some(EngineError::SocketNotFoundError(path)) = find(error) {
        return Refusal::Engine(
            Failure::environment(format!("there is no Docker engine: no socket at {path}"))
                .hint("start Docker, or point DOCKER_HOST to an engine, or use --target local"),
        );
    }
    let kind = io_kind(error);
    let failure = match kind {
        Some(ErrorKind::PermissionDenied) => Failure::environment(
            "this user may not access the Docker engine: permission denied on its socket",
        )
        .hint("add the user to the group `docker` and log in again, or use --target local"),
        Some(ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {
            Failure::environment("no Docker engine answers at its socket or address")
                .hint("start Docker, or point DOCKER_HOST to an engine, or use --target local")
        }
        _ => Failure::environment(format!("the Docker engine does not answer: {}", chain(error)))
            .hint("see `docker version`, or use --target local"),
    };
    Refusal::Engine(failure)
}

/// The engine's own error inside its wrappers.
fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e EngineError> {
    use testcontainers::core::error::ClientError;
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Init(inner)) => Some(inner),
        _ => error.downcast_ref(),
    }
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut current: Option<&(dyn Error + 'static)> = find(error).map(|e| e as _).or(Some(error));
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        current = match error.downcast_ref::<EngineError>() {
            // These errors print their cause without returning it as the source.
            Some(EngineError::IOError { err }) => Some(err),
            Some(EngineError::HyperLegacyError { err }) => Some(err),
            _ => error.source(),
        };
    }
    None
}

/// The image's repository digest, or its id when it came from no registry; `None` when the engine
/// does not have it.
pub(super) async fn image_digest(engine: &Docker, image: &str) -> Result<Option<String>, Refusal> {
    match engine.inspect_image(image).await {
        Ok(found) => {
            let digest = found.repo_digests.into_iter().flatten().next();
            Ok(digest.or(found.id))
        }
        Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(e) => Err(Refusal::Image(
            Failure::environment(format!("cannot look for the image {image}: {}", chain(&e)))
                .hint("check FLOWCONTROL_POSTGRES_IMAGE"),
        )),
    }
}

/// The engine's address on its default network, as seen from containers.
pub(super) async fn bridge_gateway(engine: &Docker) -> Option<String> {
    // An engine without that network publishes on loopback.
    let network = engine.inspect_network("bridge", None::<InspectNetworkOptions>).await.ok()?;
    let configs = network.ipam?.config?;
    configs.into_iter().find_map(|config| config.gateway).filter(|it| !it.trim().is_empty())
}

/// Rehearsal containers: those of one target, or all.
async fn containers(
    engine: &Docker,
    id: Option<&str>,
) -> Result<Vec<ContainerSummary>, EngineError> {
    let label = id.map_or_else(|| ID_LABEL.to_owned(), |id| format!("{ID_LABEL}={id}"));
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    engine.list_containers(Some(options)).await
}

/// Removes the containers of one target with their volumes, and checks that none is left.
pub(super) async fn remove(engine: &Docker, id: &str) -> Result<(), Failure> {
    let failed = |e: EngineError| {
        Failure::environment(format!("cannot remove the rehearsal's container: {}", chain(&e)))
            .hint(format!("docker rm -fv $(docker ps -aq --filter label={ID_LABEL}={id})"))
    };
    for container in containers(engine, Some(id)).await.map_err(failed)? {
        remove_one(engine, &container).await.map_err(failed)?;
    }
    match containers(engine, Some(id)).await.map_err(failed)?.len() {
        0 => Ok(()),
        left => Err(Failure::environment(format!("{left} container(s) of the rehearsal are left"))
            .hint(format!("docker rm -fv $(docker ps -aq --filter label={ID_LABEL}={id})"))),
    }
}

async fn remove_one(engine: &Docker, container: &ContainerSummary) -> Result<(), EngineError> {
    let Some(id) = &container.id else { return Ok(()) };
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match engine.remove_container(id, Some(options)).await {
        // Already removed, or being removed by another run.
        Err(EngineError::DockerResponseServerError { status_code: 404 | 409, .. }) | Ok(()) => {
            Ok(())
        }
        Err(e) => Err(e),
    }
}

/// Removes containers whose owner was killed; returns messages about them.
pub(super) async fn sweep(engine: &Docker) -> Vec<String> {
    let found = match containers(engine, None).await {
        Ok(found) => found,
        Err(e) => return vec![format!("cannot look for containers of killed runs: {}", chain(&e))],
    };
    let mut said = Vec::new();
    for container in found {
        let owner = container
            .labels
            .as_ref()
            .and_then(|labels| labels.get(OWNER_LABEL))
            .and_then(|label| Owner::from_label(label));
        let name = container
            .names
            .iter()
            .flatten()
            .next()
            .map_or("without a name", |name| name.trim_start_matches('/'));
        match owner {
            Some(owner) if owner.is_gone() => match remove_one(engine, &container).await {
                Ok(()) => said.push(format!("removed the container {name}, left by a killed run")),
                Err(e) => said.push(format!(
                    "the container {name} was left by a killed run but cannot be removed: {}",
                    chain(&e)
                )),
            },
            Some(_) => {}
            None => said.push(format!(
                "the container {name} is labelled as a rehearsal's, but without its owner; it was not removed"
            )),
        }
    }
    said
}

/// The end of the log of a target's container; empty when there is no container.
pub(super) async fn log_tail(engine: &Docker, id: &str) -> String {
    use futures::StreamExt;
    let container = match containers(engine, Some(id)).await {
        Ok(found) => found.into_iter().find_map(|container| container.id),
        Err(e) => return format!("(its log cannot be read: {})", chain(&e)),
    };
    let Some(container) = container else { return String::new() };
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail("40").build();
    let mut lines = engine.logs(&container, Some(options));
    let mut text = String::new();
    while let Some(chunk) = lines.next().await {
        match chunk {
            Ok(chunk) => text.push_str(&chunk.to_string()),
            Err(e) => return format!("{text}(the rest of its log cannot be read: {})", chain(&e)),
        }
    }
    super::launch_log::tail(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(error: &EngineError) -> (String, String) {
        let failure = unreachable_engine(error).into_failure();
        (failure.message, failure.hint.unwrap())
    }

    #[test]
    fn a_denied_socket_is_distinguished_from_a_missing_engine() {
        let denied = EngineError::IOError { err: ErrorKind::PermissionDenied.into() };
        assert!(message(&denied).0.contains("permission denied"));
        let refused = EngineError::IOError { err: ErrorKind::ConnectionRefused.into() };
        assert!(message(&refused).0.contains("no Docker engine answers"));
        let (missing, hint) = message(&EngineError::SocketNotFoundError("/x.sock".into()));
        assert!(missing.contains("/x.sock"));
        assert!(hint.contains("--target local"));
    }
}
