//! The `container` target and `auto`, on a real Docker engine.

use crate::support;
use flowcontrol_base::{Exit, Result};
use flowcontrol_database::{RoleNames, TlsTrust};
use flowcontrol_servers::{Target, TargetChoice, TargetKind, TargetSettings};
use flowcontrol_testkit::require;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);
const LABEL: &str = "org.flowcontrol.rehearsal";

fn quiet(_: &str) {}

async fn start(choice: TargetChoice, settings: &TargetSettings) -> Result<Target> {
    Box::pin(Target::start(choice, settings, &quiet)).await
}

fn docker(arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The image to test with: the configured one, or one of those that this project knows.
fn image_or_skip(test: &str) -> Option<TargetSettings> {
    if docker(&["version"]).is_none() {
        require::skip(test, "docker", "no Docker engine answers");
        return None;
    }
    let settings = support::settings();
    for image in [settings.image.as_str(), "flowcontrol/postgres:17"] {
        if docker(&["image", "inspect", image]).is_some() {
            return Some(TargetSettings { image: image.to_owned(), ..settings });
        }
    }
    require::skip(test, "docker", "there is no Postgres image; ci/postgres-image makes one");
    None
}

/// Our containers, with the process that each belongs to.
fn containers_of(process: u32) -> Vec<String> {
    let format = "{{.ID}} {{.Label \"org.flowcontrol.owner\"}}";
    docker(&["ps", "-a", "--no-trunc", "--filter", &format!("label={LABEL}"), "--format", format])
        .unwrap()
        .lines()
        .filter(|line| line.split(' ').nth(2) == Some(&process.to_string()))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

/// One test of this program at a time: each looks at all containers of this process.
async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ALONE.lock().await
}

#[tokio::test]
async fn a_container_works_and_leaves_nothing() {
    let Some(settings) = image_or_skip("a_container_works_and_leaves_nothing") else { return };
    let _alone = alone().await;
    let target = start(TargetChoice::Container, &settings).await.unwrap();
    assert_eq!(target.kind, TargetKind::Container);
    assert_eq!(target.identity.image.as_deref(), Some(settings.image.as_str()));
    assert!(target.identity.image_digest.as_deref().is_some_and(|it| it.contains("sha256:")));
    assert!(matches!(target.endpoint.tls, TlsTrust::VerifyFull { ca: Some(_) }));
    let [container] = containers_of(std::process::id()).try_into().expect("one container");
    // Published on one address of this machine, never on all.
    let bound = docker(&["port", &container, "5432/tcp"]).unwrap();
    assert_eq!(bound, format!("{}:{}", target.endpoint.host, target.endpoint.port));
    assert_ne!(target.endpoint.host, "0.0.0.0");

    let workspace = target.workspace(&RoleNames::default(), "s").await.unwrap();
    let mut connection = workspace.endpoint.connect(&workspace.logins.replayer).await.unwrap();
    let secure: bool =
        sqlx::query_scalar("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(secure);
    let plain = flowcontrol_database::Endpoint { tls: TlsTrust::Off, ..target.endpoint.clone() };
    assert!(plain.connect(&target.admin).await.is_err());

    target.dispose().await.unwrap();
    assert_eq!(containers_of(std::process::id()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_container_target_leaves_nothing() {
    let Some(settings) = image_or_skip("a_dropped_container_target_leaves_nothing") else { return };
    let _alone = alone().await;
    let (one, two) = tokio::join!(
        start(TargetChoice::Container, &settings),
        start(TargetChoice::Container, &settings)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.endpoint.port, two.endpoint.port);
    assert_eq!(containers_of(std::process::id()).len(), 2);
    drop(one);
    two.endpoint.connect(&two.admin).await.unwrap();
    drop(two);
    assert_eq!(containers_of(std::process::id()), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_start_given_up_half_way_leaves_nothing() {
    let test = "a_container_start_given_up_half_way_leaves_nothing";
    let Some(settings) = image_or_skip(test) else { return };
    let _alone = alone().await;
    let waiting = tokio::sync::Notify::new();
    let progress = |step: &str| {
        if step.starts_with("waiting") {
            waiting.notify_one();
        }
    };
    tokio::select! {
        _ = Target::start(TargetChoice::Container, &settings, &progress) => panic!("too fast"),
        () = waiting.notified() => {}
    }
    assert_eq!(containers_of(std::process::id()), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_does_not_start_shows_its_log_and_goes() {
    let test = "a_container_that_does_not_start_shows_its_log_and_goes";
    let Some(settings) = image_or_skip(test) else { return };
    let _alone = alone().await;
    // The same image without its entry point.
    let broken = "flowcontrol/test-broken:1";
    let recipe =
        format!("FROM {}\nRUN rm \"$(command -v docker-entrypoint.sh)\"\n", settings.image);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), recipe).unwrap();
    let place = folder.path().display().to_string();
    let built = Command::new("docker")
        .args(["build", "-q", "-t", broken, &place])
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let settings = TargetSettings { image: broken.into(), ..settings };

    let failure = start(TargetChoice::Container, &settings).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    assert!(failure.message.contains("has ended"), "{failure}");
    assert!(failure.message.contains("docker-entrypoint.sh"), "{failure}");
    assert!(failure.hint.is_some());
    assert_eq!(containers_of(std::process::id()), Vec::<String>::new());
    // An engine and an image that are there and do not work are not passed over.
    assert!(start(TargetChoice::Auto, &settings).await.is_err());
    docker(&["image", "rm", "-f", broken]).unwrap();
}

#[tokio::test]
async fn a_missing_image_is_named_and_auto_goes_local() {
    let test = "a_missing_image_is_named_and_auto_goes_local";
    if image_or_skip(test).is_none() {
        return;
    }
    let _alone = alone().await;
    // A registry that refuses at once: nothing listens on this port.
    let image = "127.0.0.1:1/no-such-postgres:17";
    let settings = TargetSettings { image: image.into(), ..support::settings() };
    let failure = start(TargetChoice::Container, &settings).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    assert!(failure.message.contains(image), "{failure}");
    let hint = failure.hint.unwrap();
    for way_out in
        ["docker pull", "ci/postgres-image", "FLOWCONTROL_POSTGRES_IMAGE", "--target local"]
    {
        assert!(hint.contains(way_out), "{hint}");
    }
    assert_eq!(containers_of(std::process::id()), Vec::<String>::new());

    if support::server_or_skip(test).is_some() {
        let target = start(TargetChoice::Auto, &settings).await.unwrap();
        assert_eq!(target.kind, TargetKind::Local);
        assert!(target.chosen_because.contains(image), "{}", target.chosen_because);
        target.dispose().await.unwrap();
    }
}

#[tokio::test]
async fn auto_takes_a_container_where_it_can() {
    let Some(settings) = image_or_skip("auto_takes_a_container_where_it_can") else { return };
    let _alone = alone().await;
    let target = start(TargetChoice::Auto, &settings).await.unwrap();
    assert_eq!(target.kind, TargetKind::Container);
    assert!(target.chosen_because.contains(&settings.image), "{}", target.chosen_because);
    target.dispose().await.unwrap();
}

/// Not a test by itself: starts the target that its parent names, and says what happened.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child process of other tests"]
async fn child_that_starts_a_target() {
    let variable = |name: &str| std::env::var(name).expect("the parent sets it");
    let settings = TargetSettings {
        image: variable("FLOWCONTROL_TEST_IMAGE"),
        temp: variable("FLOWCONTROL_TEST_TEMP").into(),
        ..support::settings()
    };
    let choice: TargetChoice = variable("FLOWCONTROL_TEST_CHOICE").parse().unwrap();
    match start(choice, &settings).await {
        Ok(target) => {
            println!("\nstarted {} because {}", target.kind, target.chosen_because);
            std::future::pending::<()>().await;
        }
        Err(failure) => {
            println!("\nfailed {failure} | {}", failure.hint.as_deref().unwrap_or_default())
        }
    }
}

/// Runs [`child_that_starts_a_target`] and waits for its answer.
fn child(
    settings: &TargetSettings,
    choice: TargetChoice,
    temp: &Path,
    change: impl FnOnce(&mut Command),
) -> (Child, String) {
    let program = temp.join("test-program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(program);
    command
        .args([
            "--exact",
            "target_container::child_that_starts_a_target",
            "--ignored",
            "--nocapture",
        ])
        .env("FLOWCONTROL_TEST_IMAGE", &settings.image)
        .env("FLOWCONTROL_TEST_TEMP", temp)
        .env("FLOWCONTROL_TEST_CHOICE", choice.as_str())
        .current_dir("/")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    change(&mut command);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answer = lines
        .by_ref()
        .map(|line| line.unwrap())
        .find(|line| line.starts_with("started") || line.starts_with("failed"))
        .expect("the child says what happened");
    // A child that still writes, and is not read, would fail for that alone.
    std::thread::spawn(move || lines.for_each(drop));
    (child, answer)
}

fn open_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
    folder
}

#[tokio::test]
async fn the_container_of_a_killed_run_is_swept_by_the_next() {
    let test = "the_container_of_a_killed_run_is_swept_by_the_next";
    let Some(settings) = image_or_skip(test) else { return };
    let _alone = alone().await;
    let folder = open_folder();
    let (mut killed, answer) = child(&settings, TargetChoice::Container, folder.path(), |_| {});
    assert!(answer.starts_with("started container"), "{answer}");
    let process = killed.id();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let [leaked] = containers_of(process).try_into().expect("a kill leaves the container");

    let settings = TargetSettings { temp: folder.path().to_owned(), ..settings };
    let next = start(TargetChoice::Container, &settings).await.unwrap();
    assert!(
        next.notes.iter().any(|note| note.contains("left by a killed run")),
        "{:?}",
        next.notes
    );
    assert!(!containers_of(process).contains(&leaked));
    // The next run's own container lives.
    assert_eq!(containers_of(std::process::id()).len(), 1);
    next.dispose().await.unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "only the copy of the test program is left");
}

#[test]
fn a_denied_socket_and_a_missing_engine_are_told_apart() {
    let test = "a_denied_socket_and_a_missing_engine_are_told_apart";
    let folder = open_folder();
    let settings = support::settings();
    let asked = |choice, change: &dyn Fn(&mut Command)| {
        let (mut child, answer) =
            child(&settings, choice, folder.path(), |command| change(command));
        if answer.starts_with("started") {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        answer
    };

    let missing: &dyn Fn(&mut Command) = &|command| {
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    };
    let answer = asked(TargetChoice::Container, missing);
    assert!(answer.contains("there is no Docker engine"), "{answer}");
    assert!(answer.contains("/nonexistent/docker.sock"), "{answer}");
    assert!(answer.contains("--target local"), "{answer}");

    // A socket that nobody listens on any more.
    let socket = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let stale = format!("unix://{}", socket.display());
    let answer = asked(TargetChoice::Container, &|command| {
        command.env("DOCKER_HOST", &stale);
    });
    assert!(answer.contains("no Docker engine answers"), "{answer}");

    if support::server_or_skip(test).is_some() {
        let answer = asked(TargetChoice::Auto, missing);
        assert!(answer.starts_with("started local because auto chose `local`"), "{answer}");
        assert!(answer.contains("there is no Docker engine"), "{answer}");
    }

    if !rustix::process::geteuid().is_root() {
        require::skip(test, "root", "only root can become a user who is denied the socket");
        return;
    }
    let closed = folder.path().join("closed.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&closed).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o600)).unwrap();
    let closed = format!("unix://{}", closed.display());
    let began = Instant::now();
    let answer = asked(TargetChoice::Container, &|command| {
        command.env("DOCKER_HOST", &closed).uid(65534).gid(65534);
    });
    assert!(answer.contains("permission denied"), "{answer}");
    assert!(answer.contains("group `docker`"), "{answer}");
    assert!(began.elapsed() < DEADLINE);
}
