//! A killed run and a damaged bundle: the model in use stays in use, and the error says what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::program::{Server, TRAIN, train, trained};
use holdfast_features::{read, write};
use holdfast_proto::v1::model_service_client::ModelServiceClient;
use holdfast_proto::v1::risk_service_client::RiskServiceClient;
use holdfast_proto::v1::{ModelVersion, ReloadModelRequest, Score, ScoreRequest, Subject, subject};
use tonic::Code;

/// A registry with one model, and the history that it learnt from.
struct Published {
    _folder: tempfile::TempDir,
    history: PathBuf,
    registry: PathBuf,
    account: String,
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn published() -> Published {
    let folder = tempfile::tempdir().unwrap();
    let (history, registry) = (folder.path().join("history"), folder.path().join("registry"));
    let _ =
        trained(&["simulate", "--out", text(&history), "--accounts", "150", "--months", "24", "--seed", "9"]);
    let _ = trained(&["run", "--history", text(&history), "--registry", text(&registry), "--force"]);
    let (keys, _) = read::feature_file(&registry.join("churn/v000001/features.parquet")).unwrap();
    let account = keys[0].account_id.to_string();
    Published { _folder: folder, history, registry, account }
}

async fn score(server: &Server, account: &str) -> Score {
    let mut client = RiskServiceClient::connect(format!("http://{}", server.addr)).await.unwrap();
    let subject = Some(Subject { by: Some(subject::By::AccountId(account.to_owned())) });
    client.score(ScoreRequest { subject }).await.unwrap().into_inner().score.unwrap()
}

fn model(version: &str) -> Option<ModelVersion> {
    Some(ModelVersion { name: "churn".to_owned(), version: version.to_owned() })
}

/// Everything below `folder`, to see that nothing was added or changed.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path))
        } else {
            found.push((path.clone(), fs::read(path).unwrap()))
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_run_killed_while_it_publishes_leaves_the_old_model_in_use() {
    let published = published();
    let before = content(&published.registry.join("churn/v000001"));
    let models = published.registry.join("churn");
    // Killed at once and ever later after the first sign of the new version, until a run outlives the kill.
    let mut killed_in_the_middle = 0;
    for delay in [0, 2, 20] {
        let known = fs::read_dir(&models).unwrap().count();
        let mut run = Command::new(TRAIN)
            .args([
                "run",
                "--history",
                text(&published.history),
                "--registry",
                text(&published.registry),
                "--force",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while fs::read_dir(&models).unwrap().count() == known && run.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_millis(delay));
        run.kill().unwrap();
        let outlived = run.wait().unwrap().success();
        if outlived {
            break;
        }
        killed_in_the_middle += 1;
        let listed = trained(&["models", "list", "--registry", text(&published.registry)]);
        assert!(listed.contains("churn"), "{listed}");
        let server = Server::start(&published.registry, &[]);
        let served = score(&server, &published.account).await.model.unwrap();
        let version = served.version;
        let bundle = models.join(&version);
        for file in ["bundle.holdfast", "features.parquet", "report/report.html", "report/report.json"] {
            assert!(bundle.join(file).is_file(), "version {version} is in use without {file}");
        }
        assert_eq!(content(&published.registry.join("churn/v000001")), before);
    }
    assert!(killed_in_the_middle >= 1, "no run was killed while it published");
    // The next run is not disturbed by what the killed ones left.
    let printed = trained(&[
        "run",
        "--history",
        text(&published.history),
        "--registry",
        text(&published.registry),
        "--force",
    ]);
    assert!(printed.contains("Published churn@"), "{printed}");
    let _ = trained(&["models", "verify", "--registry", text(&published.registry), "churn"]);
}

#[tokio::test]
async fn a_damaged_bundle_is_named_and_the_model_in_memory_still_serves() {
    let published = published();
    let server = Server::start(&published.registry, &[]);
    let before = score(&server, &published.account).await;
    assert_eq!(before.model, model("v000001"));
    let path = published.registry.join("churn/v000001/bundle.holdfast");
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let mut other_format = good.clone();
    // The format version follows the eight bytes of the magic.
    other_format[8] = 0xee;
    let damages: [(&str, &[u8], &str); 4] = [
        ("truncated", &good[..good.len() / 2], "truncated"),
        ("one flipped bit", &flipped, "checksum"),
        ("another format", &other_format, "version"),
        ("another file", b"PAR1 this is no bundle", "not a"),
    ];
    let mut models = ModelServiceClient::connect(format!("http://{}", server.addr)).await.unwrap();
    for (what, bytes, said) in damages {
        fs::write(&path, bytes).unwrap();
        let refused = models.reload_model(ReloadModelRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{what}: {refused}");
        assert!(refused.message().contains(said), "{what}: {}", refused.message());
        assert_eq!(score(&server, &published.account).await, before, "{what}");
        let verified = train(&["models", "verify", "--registry", text(&published.registry), "churn"]);
        let stderr = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert_eq!(verified.status.code(), Some(2), "{what}: {stderr}");
        let printed = String::from_utf8_lossy(&verified.stdout).into_owned() + &stderr;
        assert!(printed.contains("bundle.holdfast") && printed.contains(said), "{what}: {printed}");
    }
    fs::write(&path, &good).unwrap();
    let reloaded = models.reload_model(ReloadModelRequest::default()).await.unwrap().into_inner();
    assert_eq!(reloaded.model, model("v000001"));
}

/// Kills a run when so many fits are kept in the folder `unfinished`; gives these with the times they were written at.
fn killed_after(arguments: &[&str], unfinished: &Path, n_fits: usize) -> Vec<(PathBuf, SystemTime)> {
    let kept = || -> Vec<PathBuf> {
        let entries = fs::read_dir(unfinished).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "fit")).collect()
    };
    let mut run =
        Command::new(TRAIN).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while kept().len() < n_fits {
        assert!(run.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        std::thread::sleep(Duration::from_micros(200));
    }
    run.kill().unwrap();
    assert!(!run.wait().unwrap().success(), "the run outlived its kill");
    kept().into_iter().map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap())).collect()
}

#[test]
fn a_run_that_goes_on_where_a_killed_one_was_publishes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (data, config, unfinished) = (at("customers.csv"), at("holdfast.toml"), at("unfinished"));
    // Churn depends on two columns, so that rounds are worth while.
    let rows: String = (0..400)
        .map(|row: usize| {
            let (visits, plan, seats) = (row * 7 % 23, row * 5 % 3, row * 11 % 17);
            let churned = visits + 9 * plan + row * row % 19 < 18;
            format!("{visits},{},{seats},{}\n", ["x", "y", "z"][plan], u8::from(churned))
        })
        .collect();
    let write = |path: &Path, text: &str| {
        write::atomically(path, |file| std::io::Write::write_all(file, text.as_bytes())).unwrap();
    };
    write(&data, &format!("visits,plan,seats,churned\n{rows}"));
    write(&config, "[training]\nfolds = 2\nreplicates = 20\nlearners = [\"logistic\", \"boost\"]\n");
    let (whole, resumed) = (at("whole"), at("resumed"));
    let run = ["table", "--data", text(&data), "--label", "churned", "--config", text(&config)];
    let _ = trained(&[&run[..], &["--registry", text(&whole)]].concat());
    let arguments = [&run[..], &["--registry", text(&resumed), "--resume", text(&unfinished)]].concat();
    let first = killed_after(&arguments, &unfinished, 3);
    let second = killed_after(&arguments, &unfinished, first.len() + 5);
    assert!(!resumed.join("customers/v000001").exists(), "a killed run published");
    let _ = trained(&arguments);
    // What was kept was used, not made again.
    for (path, written) in &first {
        assert!(second.contains(&(path.clone(), *written)), "{} was written again", path.display());
    }
    for (path, written) in &second {
        assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), *written, "{}", path.display());
    }
    let of = |registry: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let files = content(&registry.join("customers/v000001")).into_iter();
        files.map(|(path, bytes)| (path.strip_prefix(registry).unwrap().to_owned(), bytes)).collect()
    };
    let (whole, resumed) = (of(&whole), of(&resumed));
    assert!(whole.iter().any(|(path, _)| path.ends_with("bundle.holdfast")));
    for ((path, bytes), (other_path, other_bytes)) in whole.iter().zip(&resumed) {
        assert_eq!(path, other_path);
        assert!(bytes == other_bytes, "{} differs", path.display());
    }
    assert_eq!(whole.len(), resumed.len());
}
