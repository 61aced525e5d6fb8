//! The stories' events arrive at a receiver that nobody here wrote, byte for byte as the provider's pages give them.
//!
//! The receiver is nginx from Debian's packages; the test stands down where it is missing. What nginx read off the wire it
//! writes to its access log, and that log is what is judged.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::http::request;
use crate::support::program::{Program, run};
use crate::support::tools::{stand_down, which};

/// Between two questions whether nginx answers. It ends at once when nginx does.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A running nginx that logs each request to its stdout, one line each, fields separated by tabs.
struct Nginx {
    program: Program,
    port: u16,
}

/// Two servers: the first reads each body into memory, as only a server that passes it on does, and logs it; the second,
/// behind a socket file, takes it.
fn config(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        r#"
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_body_buffer_size 64k;
    log_format seen escape=none '$request_method\t$request_uri\t$http_content_type\t$http_content_length\t$request_body';
    access_log /dev/stdout seen;
    server {{
        listen 127.0.0.1:{port};
        location = /ready {{ access_log off; return 204; }}
        location / {{ proxy_pass http://unix:{dir}/taker.sock; }}
    }}
    server {{
        listen unix:{dir}/taker.sock;
        access_log off;
        location / {{ return 200 "taken\n"; }}
    }}
}}
"#
    )
}

impl Nginx {
    /// Starts it in `dir`; `None`, with a line about it, where this machine has none.
    fn start(dir: &Path) -> Option<Nginx> {
        // Outside of root's PATH on Debian.
        let debian = PathBuf::from("/usr/sbin/nginx");
        let nginx = if debian.is_file() { debian } else { which("nginx")? };
        for _ in 0..5 {
            // nginx cannot choose a port by itself: another process may take this one first, then another is tried.
            let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
            let file = dir.join("nginx.conf");
            fs::write(&file, config(dir, port)).expect("the test's directory is writable");
            let mut command = Command::new(&nginx);
            command.arg("-p").arg(dir).arg("-c").arg(&file).args(["-e", "stderr"]);
            let nginx = Nginx { program: Program::start(command), port };
            if nginx.answers() {
                return Some(nginx);
            }
        }
        stand_down("an nginx that starts");
        None
    }

    fn answers(&self) -> bool {
        let address = ([127, 0, 0, 1], self.port).into();
        while !self.program.ends_within(ASK_AGAIN) {
            if request(address, "GET", "/ready", &[], b"").is_ok_and(|answer| answer.status == 204) {
                return true;
            }
        }
        false
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The first `count` requests to `path`, in the order in which nginx was done with them.
    fn seen(&self, path: &str, count: usize) -> Vec<Seen> {
        self.program.await_lines(count, |line| {
            let fields: Vec<&str> = line.splitn(5, '\t').collect();
            let [method, at, kind, length, body] = fields.as_slice() else { return None };
            let owned = |text: &&str| (*text).to_owned();
            (*at == path).then(|| Seen {
                method: owned(method),
                kind: owned(kind),
                length: length.parse().ok(),
                body: owned(body),
            })
        })
    }
}

struct Seen {
    method: String,
    kind: String,
    length: Option<usize>,
    body: String,
}

/// A story, and the bodies that it sends: `{E}` stands for the event's id, `{J}` for the journey's, `{C}` for the id that
/// a spot check has of its own.
struct Story {
    name: &'static str,
    bodies: &'static [&'static str],
}

const STEP_1: &str = r#"{"event":"Finished Step","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","stepId":"1","stepType":"Document"}}"#;
const STEP_2: &str = r#"{"event":"Finished Step","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","stepId":"2","stepType":"Selfie"}}"#;
const USER_STEPS: &str = r#"{"event":"Finished User Steps","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Incomplete"}}"#;
const COMPLETE: &str = r#"{"event":"Finished Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Complete"}}"#;
const REFER: &str = r#"{"event":"Finished Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer"}}"#;

const STORIES: &[Story] = &[
    Story { name: "plain", bodies: &[STEP_1, STEP_2, USER_STEPS, COMPLETE] },
    Story {
        name: "refer-and-approve",
        bodies: &[
            STEP_1,
            STEP_2,
            USER_STEPS,
            REFER,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved","action":"Manual Review","manualReviewDetails":{"journeyReviewDecision":"Approved","reasonCode":"APPROVE_MANUAL_CHECK","stepReviews":[]}}}"#,
            r#"{"event":"Manually Reviewed","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":"Approved","finalDecision":"Approved"}}"#,
        ],
    },
    Story {
        name: "resubmission",
        bodies: &[
            STEP_1,
            STEP_2,
            USER_STEPS,
            REFER,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":"Resubmission Requested","finalDecision":"Resubmission Requested","action":"Manual Review","manualReviewDetails":{"journeyReviewDecision":"Resubmission Requested","reasonCode":"RESUBMIT_BAD_QUALITY","stepReviews":[{"stepId":"1","reviewDecision":"Resubmit","reasonCode":"RESUBMIT_BAD_QUALITY"}]}}}"#,
            r#"{"event":"Verification Update Required","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":"Resubmission Requested","finalDecision":"Resubmission Requested","trigger":"Manual Review","requiredSteps":[{"stepId":"1","reasonCode":"RESUBMIT_BAD_QUALITY"}]}}"#,
            STEP_1,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":"Resubmission Requested","finalDecision":"Resubmission Requested","action":"Step Update"}}"#,
            COMPLETE,
        ],
    },
    Story {
        name: "aml-monitoring",
        bodies: &[
            STEP_1,
            STEP_2,
            USER_STEPS,
            COMPLETE,
            r#"{"event":"AML Monitor Update","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","previousSystemDecision":"Complete","updatedAMLVersionNumber":1}}"#,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":null,"finalDecision":"Refer","action":"AML OGM Update"}}"#,
            r#"{"event":"AML Monitor Update","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","previousSystemDecision":"Refer","updatedAMLVersionNumber":2}}"#,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Refer","manualDecision":null,"finalDecision":"Refer","action":"AML OGM Update"}}"#,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete","action":"AML Amend"}}"#,
        ],
    },
    Story {
        name: "spot-check",
        bodies: &[
            STEP_1,
            STEP_2,
            USER_STEPS,
            COMPLETE,
            r#"{"event":"Finished Spot Check","body":{"eventId":"{E}","referenceNo":"{R}","systemDecision":"Complete","spotCheckJourneyId":"{C}"}}"#,
            r#"{"event":"Finished Spot Check","body":{"eventId":"{E}","referenceNo":"{R}","systemDecision":"Refer","spotCheckJourneyId":"{C}"}}"#,
        ],
    },
    Story {
        name: "renewal-lapsed",
        bodies: &[
            STEP_1,
            STEP_2,
            USER_STEPS,
            COMPLETE,
            r#"{"event":"Verification Update Required","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Complete","manualDecision":null,"finalDecision":"Complete","trigger":"KYC Renewal","requiredSteps":[{"stepId":"1","reasonCode":"Document Expired"}]}}"#,
            r#"{"event":"KYC Renewal Deadline Exceeded","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","requiredSteps":[{"stepId":"1","renewalDeadline":"2027-01-05T09:04:00Z"}]}}"#,
            STEP_1,
            r#"{"event":"Updated Journey","body":{"eventId":"{E}","journeyId":"{J}","referenceNo":"{R}","systemDecision":"Incomplete","manualDecision":null,"finalDecision":"Incomplete","action":"Step Update"}}"#,
            COMPLETE,
        ],
    },
];

#[test]
fn the_stories_reach_an_nginx_byte_for_byte_as_the_provider_gives_them() {
    let home = tempfile::tempdir().expect("a directory");
    let Some(nginx) = Nginx::start(home.path()) else { return };
    let mut kinds = std::collections::BTreeSet::new();
    for story in STORIES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{}.journey.toml", story.name));
        let file = file.to_str().expect("the path is UTF-8");
        let path = format!("/{}", story.name);
        let url = nginx.url(&path);
        let told = run(home.path(), &["--output", "ndjson", "replay", file, "--to", &url]).with_code(0).json_lines();
        let expected = expected(story, &told);
        let seen = nginx.seen(&path, expected.len());
        assert_eq!(seen.len(), expected.len(), "{}: no more and no less", story.name);
        for (seen, expected) in seen.iter().zip(&expected) {
            let body = with_check_id(expected, &seen.body);
            assert_eq!(seen.body, body, "{}", story.name);
            assert_eq!((seen.method.as_str(), seen.kind.as_str()), ("POST", "application/json"));
            assert_eq!(seen.length, Some(seen.body.len()), "{}", story.name);
            let json: Value = serde_json::from_str(&seen.body).expect("JSON");
            kinds.insert(json["event"].as_str().expect("a type").to_owned());
        }
    }
    assert_eq!(kinds.len(), 9, "all nine types were seen: {kinds:?}");
}

/// The story's bodies with the ids that the run told of, in the order in which it tells of events.
fn expected(story: &Story, told: &[Value]) -> Vec<String> {
    let stimuli: Vec<&Value> = told.iter().filter(|line| line["kind"] == "stimulus").collect();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let events = stimuli.iter().flat_map(|line| {
        let events = line["events"].as_array().expect("a list");
        events.iter().map(|event| (text(&event["id"]), text(&line["journey_id"]), text(&line["reference_no"])))
    });
    let events: Vec<_> = events.collect();
    assert_eq!(events.len(), story.bodies.len(), "{}: {events:?}", story.name);
    let filled = |(body, (event, journey, reference)): (&&str, &(String, String, String))| {
        assert_eq!(event.len(), 36, "an event's id is a UUID: {event}");
        assert!(is_id(journey), "a journey's id is 24 hex digits: {journey}");
        body.replace("{E}", event).replace("{J}", journey).replace("{R}", reference)
    };
    story.bodies.iter().zip(&events).map(filled).collect()
}

/// `expected` with the spot check's own id, which stands nowhere else, from where `seen` has it.
fn with_check_id(expected: &str, seen: &str) -> String {
    let Some((before, _)) = expected.split_once("{C}") else { return expected.to_owned() };
    let id = seen.get(before.len()..before.len() + 24).unwrap_or_default();
    assert!(is_id(id), "a spot check has an id of its own: {seen}");
    expected.replace("{C}", id)
}

fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
