//! What a crash, a cut or a bent file leaves behind: everything that was acknowledged, or a refusal to start.
//! Never a store that is silently short, or empty.

use std::fs;
use std::path::Path;

mod batches;
mod copies;
mod files;
mod follow;
mod gauge;
mod home;
mod memory;
mod opening;
mod rare;
mod rebuild;
mod table;
mod writing;

use copies::{copy, copy_piece_by_piece, copy_segments};

use super::*;
use crate::message::{DeliveryState, Message, Outcome, Verdict};
use crate::outbox::conformance::{at, emit, journey, start};
use crate::outbox::{NewDelivery, NewMessage};
use crate::rng::Seed;

const HOOK: &str = "demo";

fn open(dir: &Path) -> Result<SledOutbox, OpenError> {
    let settings = SledSettings { segment_bytes: 64 << 10, cache_bytes: 1 << 20, ..SledSettings::default() };
    SledOutbox::open(dir, settings)
}

/// Starts journeys, each with one event; every second delivery is settled.
async fn fill(outbox: &SledOutbox, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let mut commit = start(journey(number));
        commit.now = at(number as i64);
        emit(&mut commit, &[(HOOK, 0)]);
        commit.messages[0].message.body = vec![b'x'; 1_500].into();
        outbox.commit(commit).await.expect("a fresh journey");
        if number % 2 == 0 {
            let due = outbox.claim_deliveries(HOOK, at(0), 1).await.expect("a claim").rows.remove(0);
            let n = number as i64;
            let attempt = Attempt { n: 1, started_at: at(n), finished_at: at(n), outcome: Outcome::default() };
            let attempt = Box::new(attempt);
            let settlement =
                Settlement::Attempt { lease: due.lease, attempt, verdict: Verdict::Delivered, notice: None };
            outbox.settle(vec![settlement]).await.expect("a settlement");
        }
    }
}

/// Everything of `fill(1..=count)` is there.
fn check_holds(outbox: &SledOutbox, count: u64) {
    let ledger = outbox.ledger();
    assert!(ledger.events >= count && ledger.journeys >= count, "{ledger:?}");
    for number in 1..=count {
        let journey = journey(number);
        assert!(outbox.journey(journey.id).expect("an answer").is_some(), "journey {number}");
        let events = outbox.events(Some(journey.id), None, 2).expect("an answer").items;
        assert_eq!(events.len(), 1, "journey {number}");
        assert_eq!(events[0].message.body.len(), 1_500);
        let (delivery, _) = outbox.delivery(events[0].deliveries[0]).expect("an answer").expect("it is there");
        assert_eq!(delivery.webhook, HOOK);
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    for round in 1..=6_u64 {
        fill(&outbox, round * 20 - 19..=round * 20).await;
        let given = outbox.next_journey_number();
        let killed = tempfile::tempdir().expect("a directory");
        copy(dir.path(), killed.path());
        let after = open(killed.path()).expect("a store that was killed opens");
        check_holds(&after, round * 20);
        assert_eq!(after.ledger(), outbox.ledger());
        assert_eq!(after.horizon(), outbox.horizon());
        assert!(after.next_journey_number() > given, "no number is given twice");
        assert_eq!(after.last_instant(), outbox.last_instant());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_in_mid_write_holds_what_was_acknowledged_or_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = Arc::new(open(dir.path()).expect("a fresh store"));
    fill(&outbox, 1..=10).await;
    let mut tasks = tokio::task::JoinSet::new();
    let writing = outbox.clone();
    tasks.spawn(async move { fill(&writing, 11..=300).await });
    while tasks.try_join_next().is_none() {
        let before = outbox.ledger().events;
        let killed = tempfile::tempdir().expect("a directory");
        copy_piece_by_piece(dir.path(), killed.path());
        match open(killed.path()) {
            Ok(after) => check_holds(&after, before),
            Err(OpenError::Damaged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    check_holds(&outbox, 300);
}

#[tokio::test]
async fn a_cut_or_bent_file_never_passes_for_a_whole_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=60).await;
    let mut draw = Seed(7).draw(&[b"cuts"]);
    let (mut opened, mut refused) = (0, 0);
    for round in 0..90 {
        let bent = tempfile::tempdir().expect("a directory");
        copy(dir.path(), bent.path());
        let segments = fs::read_dir(bent.path().join("archive")).expect("a directory").count() as u64 / 2;
        let file = match round % 3 {
            0 => bent.path().join("tree-1/db"),
            1 => bent.path().join("archive").join(format!("{segments:06}.seg")),
            _ => bent.path().join("archive/000001.seg"),
        };
        let mut bytes = fs::read(&file).expect("a file");
        let place = (draw.u64() % bytes.len() as u64) as usize;
        if round % 2 == 0 {
            bytes.truncate(place);
        } else {
            bytes[place] ^= 1 << (draw.u64() % 8);
        }
        fs::write(&file, bytes).expect("a file");
        match open(bent.path()) {
            // A bit of a page that is no longer used, or behind the end, changes nothing.
            Ok(after) if after.broken().is_none() => {
                opened += 1;
                let whole = (1..=60).all(|number| {
                    let id = journey(number).id;
                    after.events(Some(id), None, 2).is_ok_and(|page| page.items.len() == 1)
                        && after.journey(id).is_ok_and(|journey| journey.is_some())
                });
                assert!(whole || after.broken().is_some(), "round {round}: {} at {place}", file.display());
            }
            Ok(_) => refused += 1,
            Err(OpenError::Damaged { .. } | OpenError::Io { .. }) => refused += 1,
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert!(refused > 30, "{opened} opened, {refused} refused");
}

/// Removes a file, or a directory with all that is in it.
fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.expect("it was there");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=80).await;
    for (missing, said) in [
        ("tree-1/db", "its tree is missing: there is no tree-1/db"),
        ("tree-1", "its tree is missing: there is no tree-1/db"),
        ("current", "the file `current`, which says where its tree is, is missing"),
        ("archive/000001.seg", "archive segment 1 is missing"),
        ("archive", "archive segment 1 is missing"),
    ] {
        let bent = tempfile::tempdir().expect("a directory");
        copy(dir.path(), bent.path());
        remove(&bent.path().join(missing));
        let error = open(bent.path()).expect_err(missing).to_string();
        assert!(error.contains("is damaged") && error.contains(said), "{missing}: {error}");
        assert!(open(bent.path()).is_err(), "a second try does not help");
    }
    let bent = tempfile::tempdir().expect("a directory");
    copy(dir.path(), bent.path());
    fs::remove_file(bent.path().join("archive/000001.idx")).expect("an index");
    check_holds(&open(bent.path()).expect("an index is made anew"), 80);
}

#[tokio::test]
async fn a_tree_that_is_behind_catches_up_from_the_archive() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=3).await;
    let behind = tempfile::tempdir().expect("a directory");
    copy(dir.path(), behind.path());
    // Over several segments.
    fill(&outbox, 4..=200).await;
    assert!(dir.path().join("archive/000004.seg").exists());
    // The archive of now, the tree of then.
    fs::remove_dir_all(behind.path().join("archive")).expect("a directory");
    copy(&dir.path().join("archive"), &behind.path().join("archive"));
    let after = open(behind.path()).expect("the archive has it all");
    check_holds(&after, 200);
    assert_eq!((after.ledger(), after.horizon()), (outbox.ledger(), outbox.horizon()));
    drop(after);
    check_holds(&open(behind.path()).expect("it was told to the tree"), 200);
}

#[tokio::test]
async fn an_archive_that_fell_behind_its_mark_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=3).await;
    let then = tempfile::tempdir().expect("a directory");
    copy(dir.path(), then.path());
    fill(&outbox, 5..=5).await;
    let behind = tempfile::tempdir().expect("a directory");
    copy(dir.path(), behind.path());
    copy_segments(then.path(), behind.path());
    // Wherever the tree is by now, it cannot make up for that.
    let error = open(behind.path()).expect_err("a batch is missing").to_string();
    assert!(error.contains("was complete") || error.contains("bytes that can be read"), "{error}");
    for (mark, said) in [(None, "is missing"), (Some("short"), "does not hold")] {
        let bent = tempfile::tempdir().expect("a directory");
        copy(dir.path(), bent.path());
        let file = bent.path().join("archive/mark");
        match mark {
            Some(text) => fs::write(file, text),
            None => fs::remove_file(file),
        }
        .expect("a file");
        let error = open(bent.path()).expect_err("no mark").to_string();
        assert!(error.contains("the mark beside the archive's segments") && error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_gap_between_segments_is_no_torn_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    let early = tempfile::tempdir().expect("a directory");
    fill(&outbox, 1..=3).await;
    copy(dir.path(), early.path());
    fill(&outbox, 4..=200).await;
    assert!(dir.path().join("archive/000004.seg").exists());
    // The tree and the mark of the beginning, as after a power cut; a bit of the second segment is lost.
    let mark = fs::read(early.path().join("archive/mark")).expect("a mark");
    copy(&dir.path().join("archive"), &early.path().join("archive"));
    fs::write(early.path().join("archive/mark"), mark).expect("a mark");
    let bent = early.path().join("archive/000002.seg");
    let mut bytes = fs::read(&bent).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&bent, &bytes).expect("a segment");
    let error = open(early.path()).expect_err("batches are missing").to_string();
    assert!(error.contains("goes on, but batch"), "{error}");
    assert_eq!(fs::read(&bent).expect("it was left alone"), bytes);
}

#[tokio::test]
async fn rows_whose_segment_nobody_counted_are_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=3).await;
    drop(outbox);
    let tree = opening::the_tree(dir.path());
    for key in tree.scan_prefix(b"S").keys() {
        tree.remove(key.expect("a key")).expect("it goes");
    }
    tree.flush().expect("it is written");
    drop(tree);
    let error = open(dir.path()).expect_err("retention would go wrong").to_string();
    assert!(error.contains("2 deliveries and mails are pending, but 0 need the archive"), "{error}");
}

#[tokio::test]
async fn what_was_never_acknowledged_is_cut_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    fill(&outbox, 1..=5).await;
    let whole = tempfile::tempdir().expect("a directory");
    copy(dir.path(), whole.path());
    let length = fs::metadata(whole.path().join("archive/000001.seg")).expect("a segment").len() as usize;
    // An odd one is one batch.
    fill(&outbox, 7..=7).await;
    let longer = fs::read(dir.path().join("archive/000001.seg")).expect("a segment");
    for end in (length..longer.len()).step_by(97) {
        let torn = tempfile::tempdir().expect("a directory");
        copy(whole.path(), torn.path());
        fs::write(torn.path().join("archive/000001.seg"), &longer[..end]).expect("a file");
        let after = open(torn.path()).expect("a batch that is not whole is none");
        check_holds(&after, 5);
        assert_eq!(after.journey(journey(7).id).expect("an answer"), None, "cut at {end}");
    }
}

#[test]
fn a_store_is_opened_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = open(dir.path()).expect("a fresh store");
    let second = open(dir.path());
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
    drop(first);
    drop(open(dir.path()).expect("it was given back"));
}

#[tokio::test]
async fn large_bodies_survive_a_kill_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    for number in 1..=40 {
        let mut commit = start(journey(number));
        emit(&mut commit, &[(HOOK, 0)]);
        commit.messages[0].message.body = vec![number as u8; 48 << 10].into();
        let answer = vec![number as u8; 47 << 10].into();
        commit.key = Some(NewKey { key: format!("key {number}"), request: [0; 32], answer });
        outbox.commit(commit).await.expect("a fresh journey");
    }
    // A page of several such rows is more than sled keeps in its log. The tree follows soon.
    while fs::read_dir(dir.path().join("tree-1/blobs")).expect("a directory").count() == 0 {
        crate::clock::real_sleep(Duration::from_millis(5)).await;
    }
    let killed = tempfile::tempdir().expect("a directory");
    copy(dir.path(), killed.path());
    let after = open(killed.path()).expect("a store that was killed opens");
    let due = after.claim_deliveries(HOOK, at(0), 100).await.expect("a claim").rows;
    assert_eq!(due.len(), 40);
    for number in 1..=40 {
        let known = after.key(&format!("key {number}")).expect("an answer").expect("it was kept");
        assert_eq!(known.answer[..], vec![number as u8; 47 << 10]);
    }
    assert!(due.iter().all(|due| due.message.body[..] == vec![due.id.0 as u8; 48 << 10]));
}

#[tokio::test]
async fn a_failed_write_ends_all_writing() {
    let dir = tempfile::tempdir().expect("a directory");
    let opened = recover::open(dir.path(), &SledSettings::default()).expect("a fresh store");
    let core = Arc::new(opened.core);
    let mut archive = opened.archive;
    archive.break_disk();
    let follower = Follower::start(core.clone(), opened.upkeep).expect("a thread");
    let writer = writer::Writer::new(core.clone(), archive, opened.meta, opened.known, follower, Duration::ZERO);
    let (queue, items) = mpsc::channel(8);
    let thread = std::thread::spawn(move || writer.run(items));
    let outbox = SledOutbox { core, queue: Some(queue), writer: Some(thread) };
    let mut changed = outbox.changed();
    changed.mark_unchanged();
    let mut commit = start(journey(1));
    emit(&mut commit, &[(HOOK, 0)]);
    let failed = outbox.commit(commit.clone()).await;
    assert!(matches!(failed, Err(OutboxError::Broken(_))), "{failed:?}");
    assert!(outbox.broken().is_some());
    assert!(changed.has_changed().expect("the outbox lives"), "watchers are told");
    assert_eq!(outbox.commit(commit).await, failed, "and it stays so");
    assert!(!failed.clone().expect_err("it is one").to_string().contains("failed: the outbox"), "said once");
    assert!(outbox.settle(Vec::new()).await.is_err());
    assert!(outbox.claim_deliveries(HOOK, at(9), 9).await.is_err());
    assert_eq!(outbox.close().await, failed.map(drop), "nor does it end as if all was well");
    drop(outbox);
    let again = open(dir.path()).expect("nothing was written");
    assert_eq!(again.ledger(), Ledger::default());
}

#[tokio::test]
async fn retention_drops_what_is_over_and_keeps_what_is_pending() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings =
        SledSettings { segment_bytes: 64 << 10, retention: Duration::from_secs(100), ..SledSettings::default() };
    let outbox = SledOutbox::open(dir.path(), settings.clone()).expect("a fresh store");
    fill(&outbox, 1..=200).await;
    let files = || fs::read_dir(dir.path().join("archive")).expect("a directory").count();
    let before = files();
    outbox.expire(at(50)).await.expect("it expires");
    assert_eq!(files(), before, "nothing is old enough");
    outbox.expire(at(10_000)).await.expect("it expires");
    // They go once the tree has followed.
    while files() == before {
        crate::clock::real_sleep(Duration::from_millis(5)).await;
    }
    let between = files();
    let due = outbox.claim_deliveries(HOOK, at(0), 1_000).await.expect("a claim").rows;
    for due in &due {
        assert!(outbox.delivery(due.id).expect("an answer").is_some(), "{} is pending", due.id);
    }
    let (last, over) = due.split_last().expect("some are pending");
    let settlement = |(n, due): (usize, &DueDelivery)| {
        let attempt = Attempt { n: 1, started_at: at(201), finished_at: at(201), outcome: Outcome::default() };
        let verdict = if n % 2 == 0 { Verdict::Exhausted } else { Verdict::Delivered };
        Settlement::Attempt { lease: due.lease, attempt: Box::new(attempt), verdict, notice: None }
    };
    outbox.settle(over.iter().enumerate().map(settlement).collect()).await.expect("a settlement");
    let unhappy = || outbox.core.table.prefixed(b"E").count();
    assert_eq!(unhappy(), over.len().div_ceil(2));
    outbox.expire(at(10_000)).await.expect("it expires");
    while files() >= between {
        crate::clock::real_sleep(Duration::from_millis(5)).await;
    }
    outbox.expire(at(10_000)).await.expect("it expires");
    assert!(unhappy() < over.len() / 2, "what did not arrive is forgotten with its segment: {} are left", unhappy());
    let listed = outbox.deliveries(&DeliveryQuery::default(), None, 1_000).expect("a list");
    assert!(listed.items.len() < 200 && listed.items.iter().any(|delivery| delivery.id == last.id));
    assert!(outbox.event(EventId::mint(Seed(0), journey(1).id, 1)).expect("an answer").is_none(), "it is gone");
    let ledger = outbox.ledger();
    drop(outbox);
    let again = SledOutbox::open(dir.path(), settings).expect("it opens");
    assert_eq!((again.ledger().events, again.ledger().deliveries.waiting), (ledger.events, 1));
    let due = again.claim_deliveries(HOOK, at(0), 9).await.expect("a claim").rows;
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [last.id]);
}

/// A crash gives thousands of numbers up that were reserved. A list went over them one by one: it came back short after a
/// few crashes, and a job of the schedule that asks for one number after the other stood still for minutes.
#[tokio::test]
async fn a_gap_in_the_numbers_of_journeys_costs_a_list_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    for number in [1, 2, 1_000_000, 1_000_001] {
        outbox.commit(start(journey(number))).await.expect("a fresh journey");
    }
    let list = |cursor, limit| {
        let page = outbox.journeys(&JourneyQuery::default(), cursor, limit).expect("a list");
        (page.items.iter().map(|journey| journey.number).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(list(None, 10), (vec![1_000_001, 1_000_000, 2, 1], None));
    assert_eq!(list(None, 2), (vec![1_000_001, 1_000_000], Some(2)));
    assert_eq!(list(Some(2), 1), (vec![2], Some(1)));
    assert_eq!(list(Some(999_999), 1), (vec![2], Some(1)));
}

#[tokio::test]
async fn a_long_backlog_is_listed_whole_and_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    // What arrived lies around what waits, in segments of its own.
    fill(&outbox, 1..=120).await;
    let hooks: Vec<String> = (0..1_000).map(|n| format!("hook-{n}")).collect();
    let to: Vec<(&str, i64)> = hooks.iter().map(|hook| (hook.as_str(), 9)).collect();
    for number in 121..=132 {
        let mut commit = start(journey(number));
        emit(&mut commit, &to);
        outbox.commit(commit).await.expect("a fresh journey");
    }
    fill(&outbox, 133..=252).await;
    let waiting = DeliveryQuery { state: Some(DeliveryState::Waiting), ..DeliveryQuery::default() };
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = outbox.deliveries(&waiting, cursor, 777).expect("a list");
        listed.extend(page.items.iter().map(|delivery| delivery.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed.len() as u64, outbox.ledger().deliveries.waiting);
    assert!(listed.is_sorted_by(|a, b| a > b), "newest first, none twice");
}

#[tokio::test]
async fn many_producers_share_a_batch_and_each_has_its_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = Arc::new(open(dir.path()).expect("a fresh store"));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=200_u64 {
        let outbox = outbox.clone();
        tasks.spawn(async move {
            let mut commit = start(journey(number % 100 + 1));
            let message = Message { body: vec![b'y'; 100].into(), ..emitted(&mut commit) };
            let to = vec![NewDelivery { webhook: HOOK.into(), due_at: at(0), ordered: true, form: 0 }];
            commit.messages = vec![NewMessage { message, to }];
            outbox.commit(commit).await
        });
    }
    let answers = tasks.join_all().await;
    let won = answers.iter().filter(|answer| answer.is_ok()).count();
    let lost = answers.iter().filter(|answer| **answer == Err(OutboxError::Conflict)).count();
    assert_eq!((won, lost), (100, 100), "J2: of two that conflict one wins");
    assert_eq!(outbox.ledger().events, 100);
}

fn emitted(commit: &mut Commit) -> Message {
    emit(commit, &[]);
    commit.messages.remove(0).message
}
