//! Broken files, each with the message that a newcomer gets for it: `tests/broken` and its snapshots.

use std::path::PathBuf;

use super::{Config, SHIPPED};
use crate::reader::{Complaints, Overrides, Source, Style};
use crate::scenario::{Scenario, Vocabulary};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

fn complaints(name: &str, text: &str) -> Complaints {
    let no_env = |_: &str| None;
    if !name.ends_with(".journey.toml") {
        return Config::load(Source { name, text }, &Overrides::none(), &no_env).expect_err(name);
    }
    let shipped = Source { name: "webhooks.toml", text: SHIPPED };
    let config = Config::load(shipped, &Overrides::none(), &no_env).expect("the shipped file is in order");
    let vocabulary = Vocabulary {
        dialect: config.dialect,
        environment: config.environment,
        flows: &config.flows,
        delivery: &config.delivery,
        email: &config.email,
        finished_journey_on_review: config.idwise.finished_journey_on_review,
        qoreid: &config.qoreid.like,
        env: &no_env,
    };
    Scenario::parse(name, text, &vocabulary).expect_err(name)
}

#[test]
fn every_broken_file_gets_its_message() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory())
        .expect("the directory is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 40, "{} files", files.len());
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let complaints = complaints(&name, &text);
        let said = format!("{}\n{}", complaints.lines(), complaints.drawn(Style::Plain));
        assert!(!said.contains("hunter2"), "{name} shows a secret: {said}");
        insta::with_settings!({
            snapshot_path => directory().join("snapshots"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name.trim_end_matches(".toml"), said);
        });
    }
}
