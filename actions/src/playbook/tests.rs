use super::*;
use crate::name::tests::names;

const GOOD: &str = r#"
[plays.call]
title = "Call"
dimension = "usage"
when = "signals.usage_decline"
steps = ["Call", "Listen"]
resources = []
success_criteria = "Spoken"
escalation = "None"
owner_role = "csm"
channel = "call"
effort_hours = 1
cost = 0
cooldown_days = 14
talking_points = ["One", "Two", "Three"]
outbound = true
automatable = false
prior_effect = { log_odds = -0.3, strength_accounts = 40 }
"#;

fn read(texts: &[(&str, &str)]) -> Result<Vec<Play>, String> {
    let files: Vec<PlaybookFile> = texts
        .iter()
        .map(|(name, text)| PlaybookFile { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    read::playbooks(&files, &names()).map_err(|error| error.to_string())
}

/// The mistakes of the good play with `from` replaced by `to`.
fn spoilt(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read(&[("plays.toml", &GOOD.replace(from, to))]).unwrap_err()
}

#[test]
fn a_good_play_is_read_whole() {
    let plays = read(&[("plays.toml", GOOD)]).unwrap();
    let play = &plays[0];
    assert_eq!((play.id.as_str(), play.title.as_str(), play.channel), ("call", "Call", Channel::Call));
    assert_eq!((play.topic, play.addressee), (Topic::Care, Addressee::Team));
    assert_eq!(play.talking_points, ["One", "Two", "Three"]);
    assert_eq!(play.source, Source::File { file: "plays.toml".into(), line: 2 });
}

#[test]
fn every_mistake_names_its_file_and_line() {
    assert_eq!(spoilt("title = \"Call\"\n", ""), "plays.toml:2: `plays.call.title` is missing");
    assert_eq!(
        spoilt("usage_decline", "usage_decilne"),
        "plays.toml:5: `plays.call.when` uses the unknown name `signals.usage_decilne`; did you mean `signals.usage_decline`?"
    );
    assert_eq!(
        spoilt("signals.usage_decline", "arr > 5 && arr < 3"),
        "plays.toml:5: `plays.call.when` can never be true, so the play could never fire"
    );
    assert_eq!(
        spoilt("\"Two\", ", ""),
        "plays.toml:15: `plays.call.talking_points` must be three texts, not 2"
    );
    assert!(spoilt("channel = \"call\"", "channel = \"pigeon\"").starts_with("plays.toml:11: "));
    assert!(spoilt("log_odds = -0.3", "log_odds = 0.3").contains("a number from -3 to 0"));
    assert_eq!(
        spoilt("log_odds = -0.3, ", ""),
        "plays.toml:18: `log_odds` is missing in [plays.call.prior_effect]"
    );
    assert!(spoilt("cost = 0", "price = 0").contains("`plays.call.price` is not a setting"));
    assert!(spoilt("[plays.call]", "[plays.\"Call me\"]").contains("lower-case"));
    assert!(spoilt("channel = \"call\"", "channel = \"internal\"").contains("outbound"));
    assert!(
        spoilt("when = \"signals.usage_decline\"", "topic = \"upsell\"\nwhen = \"signals.renewal_near\"")
            .contains("contract date alone")
    );
}

#[test]
fn mistakes_of_all_files_come_together() {
    let broken = GOOD.replace("title = \"Call\"\n", "").replace("cost = 0", "cost = -1");
    let found = read(&[("a.toml", &broken), ("b.toml", "x = = 1"), ("c.toml", "[play.call]\n")]).unwrap_err();
    let places: Vec<&str> = found.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["a.toml:2", "a.toml:12", "b.toml:1", "c.toml:1"], "{found}");
}

#[test]
fn two_plays_with_one_id_are_refused() {
    let found = read(&[("a.toml", GOOD), ("b.toml", GOOD)]).unwrap_err();
    assert_eq!(found, "b.toml:2: the play `call` is already defined at a.toml:2");
}

#[test]
fn no_play_at_all_is_refused() {
    assert!(read(&[]).unwrap_err().starts_with("there is no play in the folder"));
    assert!(read(&[("a.toml", "")]).unwrap_err().starts_with("there is no play in a.toml"));
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("b.toml", "b"), ("a.toml", "a"), ("notes.md", "n")] {
        std::io::Write::write_all(&mut tempfile_in(folder.path(), name), text.as_bytes()).unwrap();
    }
    let texts: Vec<String> = folder_files(folder.path()).unwrap().into_iter().map(|file| file.text).collect();
    assert_eq!(texts, ["a", "b"]);
    assert!(matches!(folder_files(&folder.path().join("absent")), Err(PlaybookError::Folder { .. })));
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn tempfile_in(folder: &std::path::Path, name: &str) -> std::fs::File {
    std::fs::File::create(folder.join(name)).unwrap()
}

#[test]
fn a_file_that_is_too_large_or_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    tempfile_in(folder.path(), "large.toml").set_len((4 << 20) + 1).unwrap();
    assert!(matches!(folder_files(folder.path()), Err(PlaybookError::TooLarge { .. })));
    let folder = tempfile::tempdir().unwrap();
    std::io::Write::write_all(&mut tempfile_in(folder.path(), "bytes.toml"), &[0xff, 0xfe]).unwrap();
    assert!(matches!(folder_files(folder.path()), Err(PlaybookError::File { .. })));
}
