//! What a reading promises: every complaint at once, each at its place; layers in their order; no secret shown.

use super::spec::Need;
use super::*;
use crate::reader::shown::text;

static INNER: Table = Table {
    name: "[server]",
    doc: "A server.",
    keys: &[&[
        Key::with_default("listen", Kind::Text, "\"127.0.0.1:1\"", "where"),
        Key::with_default("grace", Kind::SPAN, "\"10s\"", "how long"),
        Key::optional("token", Kind::Secret, "a token"),
        Key::with_default("reach", Kind::List(&Kind::word(&["a", "b"]), 3), "[\"a\"]", "where to"),
    ]],
    rest: Rest::Refused,
};
static HOOK: Table = Table {
    name: "[[hook]]",
    doc: "A hook.",
    keys: &[&[
        Key::required("url", Kind::Url, "where to"),
        Key::optional("share", Kind::Share, "how often"),
        Key::optional("size", Kind::Size, "how much"),
        Key::optional("rate", Kind::Rate, "how fast"),
        Key::optional("at", Kind::Instant, "when"),
        Key::optional("decision", Kind::Weights(&["Complete", "Refer"]), "what"),
        Key::optional("headers", Kind::Map(&Kind::Secret), "with"),
    ]],
    rest: Rest::Refused,
};
static ROOT: Table = Table {
    name: "the file",
    doc: "A file.",
    keys: &[&[
        Key::optional("seed", Kind::Whole { min: 0, max: i64::MAX }, "the seed"),
        Key::with_default("server", Kind::Table(&INNER), "{}", "a server"),
        Key::optional("hook", Kind::Tables(&HOOK), "hooks"),
    ]],
    rest: Rest::Refused,
};

fn env(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("s3cret-from-env".to_owned()),
        "UNDERSTUDY_SERVER_GRACE" => Some("3s".to_owned()),
        "UNDERSTUDY_SERVER_LISTEN" => Some("from-env".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Section, Complaints> {
    let mut reading = Reading::new(Source { name: "x.toml", text }, &env);
    let section = reading.document(&ROOT);
    reading.finish(section)
}

fn lines(text: &str) -> String {
    read(text).expect_err("complaints").lines()
}

#[test]
fn all_complaints_come_at_once_each_at_its_place() {
    insta::assert_snapshot!(lines(
        "sed = 1\n[server]\nlisten = 5\ngrace = 10\nreach = [\"a\", \"c\"]\n[[hook]]\nshare = \"120%\"\nsize = \"64kb\"\n\
         rate = \"5\"\nat = 2026-11-20T08:00:00\ndecision = { Complete = 0, Refer = 0 }\nheaders = { \"é\" = \"env:GONE\" , x = 1 }\n"
    ), @r#"
    x.toml:1:1: unknown key "sed"; did you mean "seed"?
    x.toml:3:10: "listen" must be a text in quotes, not the number 5
    x.toml:4:9: "grace" must be a duration such as "10s" or "5m", not the number 10; write "10s" for seconds
    x.toml:5:15: "reach" must be "a" or "b", not "c"
    x.toml:6:1: [[hook]] has no "url"; add url: where to
    x.toml:7:9: "share" must be a share such as "3%", or a number from 0 to 1, not the text "120%"
    x.toml:8:8: "size" must be a size such as "64KiB", at most "1024KiB", not the text "64kb"
    x.toml:9:8: "rate" must be "off", or a rate such as "50/s" or "100/m", not the text "5"
    x.toml:10:6: "at" lacks its offset from UTC: 2026-11-20T08:00:00; write it like 2026-11-20T08:00:00Z
    x.toml:11:12: the weights of "decision" add up to 0; give at least one outcome a weight above 0
    x.toml:12:19: "é" names the environment variable "GONE", which is not set; set it before the start: export GONE=...
    x.toml:12:36: "x" must be a text in quotes, or "env:NAME"
    "#);
}

#[test]
fn what_is_no_toml_is_one_complaint_with_its_place() {
    insta::assert_snapshot!(lines("[server]\nlisten = \"a\nseed = 1\n"), @r#"x.toml:2:12: this is not TOML: invalid basic string, expected `"`; a text begins and ends with a quote, on one line"#);
    for line in ["seed =", "seed = ", "seed =  # later"] {
        let said = lines(&format!("{line}\n[server]\n"));
        assert!(said.contains("x.toml:1:") && said.contains("nothing stands behind the ="), "{said}");
    }
    assert!(lines("seed = 1\nseed = 2\n").contains(":2:1: this is not TOML: duplicate key"));
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let source = Source { name: "x.toml", text: "[server]\nlisten = \"file\"\ntoken = \"env:TOKEN\"\n" };
    let overrides = Overrides::none().with("--listen", "server.listen", "flag");
    let mut reading = Reading::new(source, &env).layered(&overrides);
    let section = reading.document(&ROOT);
    let section = reading.finish(section).expect("valid");
    let server = section.table("server").expect("defaulted");
    assert_eq!(server.secret("token").expect("taken").expose(), "s3cret-from-env");
    let listing = text(&shown(&ROOT, &section));
    insta::assert_snapshot!(listing, @r#"
    [server]
    listen = "flag"  # from flag --listen
    grace = "3s"  # from env UNDERSTUDY_SERVER_GRACE
    token = "***"  # from file
    reach = ["a"]  # from default
    "#);
    assert!(!format!("{section:?}").contains("s3cret"), "a section's Debug must not show secrets");
}

#[test]
fn a_wrong_override_is_blamed_by_its_name() {
    let overrides = Overrides::none().with("--grace", "server.grace", "soon").with("--reach", "server.reach", "a, z");
    let mut reading = Reading::new(Source { name: "x.toml", text: "" }, &env).layered(&overrides);
    let section = reading.document(&ROOT);
    insta::assert_snapshot!(reading.finish(section).expect_err("wrong").lines(), @r#"
    x.toml: flag --grace: "grace" is wrong: "soon" is not a duration: write it like "90s", "5m", "1h 30m" or "30d"
    x.toml: flag --reach: "reach" must be "a" or "b", not "z"
    "#);
}

#[test]
fn what_is_in_order_has_its_values() {
    let section = read(
        "[[hook]]\nurl = \"smtps://me:pw@host\"\nshare = \"3%\"\nsize = \"64KiB\"\nrate = \"120/m\"\nat = 2026-11-20T08:00Z\n\
         decision = \"Refer\"\n",
    )
    .expect("valid");
    let hook = section.tables("hook").next().expect("one");
    assert_eq!(hook.number("share"), Some(0.03));
    assert_eq!(hook.count("size"), Some(65_536));
    assert_eq!(hook.rate("rate"), Some(Some(2.0)));
    assert_eq!(hook.instant("at").map(|at| at.to_rfc3339_seconds()).as_deref(), Some("2026-11-20T08:00:00Z"));
    assert_eq!(hook.weights("decision"), Some(&[("Refer".to_owned(), 1.0)][..]));
    assert!(text(&shown(&ROOT, &section)).contains("smtps://me:***@host"));
}

#[test]
fn a_complaint_is_drawn_with_its_line() {
    let complaints = read("[server]\nlistem = \"x\"\n").expect_err("wrong");
    insta::assert_snapshot!(complaints.drawn(Style::Plain), @r#"
     × unknown key "listem" in [server]
      ╭─[x.toml:2:1]
    1 │ [server]
    2 │ listem = "x"
      · ──────
      ╰────
     help: did you mean "listen"?
    "#);
    assert!(complaints.drawn(Style::Colour).contains('\u{1b}'));
    assert!(!complaints.drawn(Style::Plain).contains('\u{1b}'));
}

#[test]
fn a_drawn_line_hides_the_secrets_beside_its_complaint() {
    for text in [
        "[server]\ntoken = \"hunter2hunter2\"\nlistem = 1\n",
        "[[hook]]\nheaders = { a = \"hunter2\", b = 1 }\nurl = \"x://me:hunter2@h\"\n",
        "[server]\ntoken = \"hunter2\n",
    ] {
        let complaints = read(text).expect_err("wrong");
        let all = format!("{} {} {complaints:?}", complaints.drawn(Style::Plain), complaints.lines());
        assert!(!all.contains("hunter2"), "{all}");
    }
}

/// Behind a blanked character of several bytes a column was counted in bytes.
#[test]
fn a_place_behind_a_hidden_secret_is_where_it_was() {
    for (text, column) in [
        ("[server]\ntoken = \"aé漢🦀\"b\n", 15),
        ("[server]\ntoken = \"abcd\"b\n", 15),
        ("[server]\ngrace = \"é\"b\n", 12),
    ] {
        let complaints = read(text).expect_err("no TOML");
        assert_eq!(complaints.place(&complaints.list()[0]), Some((2, column)), "{complaints}");
    }
    let drawn = read("[server]\ntoken = \"aé漢🦀\"b\n").expect_err("no TOML").drawn(Style::Plain);
    assert!(drawn.contains("\"*·•🞄\""), "{drawn}");
}

#[test]
fn the_schema_follows_from_the_declaration() {
    let schema = schema("x", &ROOT);
    assert_eq!(schema["properties"]["server"]["properties"]["grace"]["default"], "10s");
    assert_eq!(schema["properties"]["hook"]["items"]["required"], serde_json::json!(["url"]));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(ROOT.key("seed").map(|key| key.need), Some(Need::Optional));
}
