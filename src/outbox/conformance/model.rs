//! A property: whatever is done, in whatever order, the sled outbox answers as the memory outbox does, and goes
//! on where it was after each reopening.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::ids::MailId;
use crate::message::{Delivery, DeliveryState, ResponseSeen};
use crate::outbox::{
    DeliveryQuery, DueMail, JourneyQuery, MailVerdict, MemoryOutbox, NewMail, OutboxError, Page, SledOutbox,
    SledSettings,
};

const HOOKS: [&str; 4] = [HOOK, "other", "ordered", "ordered too"];

#[derive(Clone, Debug)]
enum Operation {
    Start(Change),
    Next(Index, Change),
    ClaimDeliveries(usize, i64, usize),
    ClaimDeadlines(usize, i64, usize),
    ClaimMail(i64, usize),
    Settle(Vec<(Index, u8, i64)>),
    Release(Index),
    Note(u8, Option<u8>),
    Redeliver(u64, i64),
    Cancel(u64, i64),
    Reopen,
}

/// What a commit changes.
#[derive(Clone, Debug)]
struct Change {
    events: Vec<Vec<(usize, i64)>>,
    deadlines: [Option<i64>; 3],
    key: Option<(u8, u8)>,
    stale: bool,
    fired: Option<Index>,
    now: i64,
}

fn change() -> impl Strategy<Value = Change> {
    let events = vec(vec((0..HOOKS.len(), 0..100_i64), 0..3), 0..3);
    let deadline = || proptest::option::of(0..100_i64);
    let deadlines = [deadline(), deadline(), deadline()];
    let key = proptest::option::weighted(0.3, (0..4_u8, 0..2_u8));
    let fired = proptest::option::of(any::<Index>());
    (events, deadlines, key, proptest::bool::weighted(0.1), fired, 0..100_i64)
        .prop_map(|(events, deadlines, key, stale, fired, now)| Change { events, deadlines, key, stale, fired, now })
}

fn operation() -> impl Strategy<Value = Operation> {
    // Late more often than early, so that most claims find something.
    let s = || prop_oneof![0..60_i64, 100..120_i64];
    prop_oneof![
        4 => change().prop_map(Operation::Start),
        4 => (any::<Index>(), change()).prop_map(|(which, change)| Operation::Next(which, change)),
        8 => (0..HOOKS.len(), s(), 0..6_usize).prop_map(|(hook, s, n)| Operation::ClaimDeliveries(hook, s, n)),
        2 => (0..5_usize, s(), 0..4_usize).prop_map(|(kinds, s, n)| Operation::ClaimDeadlines(kinds, s, n)),
        3 => (s(), 0..4_usize).prop_map(|(s, n)| Operation::ClaimMail(s + 60, n)),
        8 => vec((any::<Index>(), any::<u8>(), s()), 1..8).prop_map(Operation::Settle),
        1 => any::<Index>().prop_map(Operation::Release),
        1 => (0..20_u64, s()).prop_map(|(id, s)| Operation::Redeliver(id, s)),
        1 => (0..20_u64, s()).prop_map(|(id, s)| Operation::Cancel(id, s)),
        1 => (0..4_u8, proptest::option::of(any::<u8>())).prop_map(|(name, value)| Operation::Note(name, value)),
        1 => Just(Operation::Reopen),
    ]
}

/// A page of `limit`, however often the store broke off looking: it does so after some milliseconds, which pass quickly on
/// a machine that has much else to do.
fn whole_page(
    outbox: &SledOutbox,
    query: &DeliveryQuery,
    cursor: Option<u64>,
    limit: usize,
) -> Result<Page<Delivery>, OutboxError> {
    let mut page = outbox.deliveries(query, cursor, limit)?;
    while let Some(cursor) = page.next
        && page.items.len() < limit
    {
        let more = outbox.deliveries(query, Some(cursor), limit - page.items.len())?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    Ok(page)
}

#[derive(Clone, Copy, Debug)]
enum Held {
    Delivery(Lease, u32),
    Deadline(Lease),
    Digest(Lease),
    Mail(Lease),
}

impl Held {
    fn lease(self) -> Lease {
        match self {
            Held::Delivery(lease, _) | Held::Deadline(lease) | Held::Digest(lease) | Held::Mail(lease) => lease,
        }
    }

    fn settlement(self, choice: u8, s: i64) -> Settlement {
        let lease = self.lease();
        match self {
            Held::Delivery(_, attempts) => {
                let verdict = match choice % 4 {
                    0 => Verdict::Delivered,
                    1 => Verdict::RetryAt(at(s + 5)),
                    _ => Verdict::Exhausted,
                };
                let mut attempt = attempt(attempts + 1, s, 500);
                // Large enough for the archive to go through a few segments.
                let body = vec![choice; usize::from(choice) * 64];
                attempt.outcome.response = Some(ResponseSeen { status: 500, body, ..ResponseSeen::default() });
                let notice = (choice < 200).then_some(Duration::from_secs(u64::from(choice)));
                Settlement::Attempt { lease, attempt: Box::new(attempt), verdict, notice }
            }
            Held::Deadline(_) => Settlement::Deadline { lease },
            Held::Digest(_) => {
                let mail = |n: u8| NewMail {
                    to: format!("{n}@example.com"),
                    subject: "s".into(),
                    text: "t".into(),
                    deliveries: vec![DeliveryId(1)],
                    message_id: format!("<{n}>"),
                    send: n != 1,
                };
                Settlement::Digest { lease, mails: (0..choice % 4).map(mail).collect(), now: at(s) }
            }
            Held::Mail(_) => {
                let verdict = match choice % 3 {
                    0 => MailVerdict::Sent,
                    1 => MailVerdict::RetryAt(at(s), "later".into()),
                    _ => MailVerdict::Failed("never".into()),
                };
                Settlement::Mail { lease, verdict }
            }
        }
    }
}

struct Pair {
    dir: tempfile::TempDir,
    memory: MemoryOutbox,
    sled: Option<SledOutbox>,
    held: Vec<Held>,
    journeys: u64,
}

impl Pair {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let sled = Some(open(&dir));
        Pair { dir, memory: MemoryOutbox::new(), sled, held: Vec::new(), journeys: 0 }
    }

    fn sled(&self) -> &SledOutbox {
        self.sled.as_ref().expect("it is open between operations")
    }

    async fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Start(change) => {
                let number = self.memory.next_journey_number();
                assert_eq!(self.sled().next_journey_number(), number);
                self.journeys = number;
                self.commit(start(journey(number)), change).await;
            }
            Operation::Next(which, change) => {
                let number = which.index(self.journeys as usize + 1) as u64;
                let stored = self.memory.journey(journey(number).id).expect("an answer");
                self.commit(next(&stored.unwrap_or_else(|| Arc::new(journey(number)))), change).await;
            }
            Operation::ClaimDeliveries(hook, s, limit) => {
                let claimed = self.memory.claim_deliveries(HOOKS[hook], at(s), limit).await.expect("a claim");
                assert_eq!(self.sled().claim_deliveries(HOOKS[hook], at(s), limit).await.as_ref(), Ok(&claimed));
                self.held.extend(claimed.rows.iter().map(|row| Held::Delivery(row.lease, row.attempts)));
            }
            Operation::ClaimDeadlines(from, s, limit) => {
                let kinds = DeadlineKind::ALL.get(from..).unwrap_or(&DeadlineKind::ALL);
                let claimed = self.memory.claim_deadlines(kinds, at(s), limit).await.expect("a claim");
                assert_eq!(self.sled().claim_deadlines(kinds, at(s), limit).await.as_ref(), Ok(&claimed));
                self.held.extend(claimed.rows.iter().map(|row| Held::Deadline(row.lease)));
            }
            Operation::ClaimMail(s, limit) => {
                let claimed = self.memory.claim_mail(at(s), limit).await.expect("a claim");
                assert_eq!(self.sled().claim_mail(at(s), limit).await.as_ref(), Ok(&claimed));
                self.held.extend(claimed.rows.iter().map(|row| match row {
                    DueMail::Digest { lease, .. } => Held::Digest(*lease),
                    DueMail::Send { lease, .. } => Held::Mail(*lease),
                }));
            }
            Operation::Settle(choices) => self.settle(choices).await,
            Operation::Release(which) => {
                if !self.held.is_empty() {
                    let lease = self.held.swap_remove(which.index(self.held.len())).lease();
                    self.memory.release(vec![lease]);
                    self.sled().release(vec![lease]);
                }
            }
            Operation::Redeliver(id, s) => {
                let id = DeliveryId(id);
                assert_eq!(self.sled().redeliver(id, at(s)).await, self.memory.redeliver(id, at(s)).await);
            }
            Operation::Cancel(id, s) => {
                let id = DeliveryId(id);
                assert_eq!(self.sled().cancel(id, at(s)).await, self.memory.cancel(id, at(s)).await);
            }
            Operation::Note(name, value) => {
                let value = value.map(|value| Bytes::from(vec![value]));
                let note = Note { name: format!("note/{name}"), value };
                assert_eq!(self.sled().keep_note(note.clone()).await, self.memory.keep_note(note).await);
            }
            Operation::Reopen => {
                self.sled = None;
                self.sled = Some(open(&self.dir));
                // Claims are not durable.
                self.memory.release(self.held.drain(..).map(Held::lease).collect());
            }
        }
    }

    async fn commit(&mut self, mut commit: Commit, change: Change) {
        commit.now = at(change.now);
        for to in &change.events {
            let to: Vec<_> = to.iter().map(|(hook, due)| (HOOKS[*hook], *due)).collect();
            emit(&mut commit, &to);
        }
        let due = DeadlineKind::ALL.into_iter().zip(change.deadlines);
        Arc::make_mut(&mut commit.journey).deadlines =
            due.filter_map(|(kind, due)| Some(deadline(kind, due?))).collect();
        commit.key = change.key.map(|(name, request)| key(&name.to_string(), request));
        commit.note =
            change.key.map(|(name, value)| Note { name: format!("note/{name}"), value: Some(vec![value].into()) });
        if change.stale {
            commit.expected_version = commit.expected_version.map_or(Some(1), |version| Some(version + 1));
        }
        let deadlines: Vec<_> = self.held.iter().filter(|held| matches!(held, Held::Deadline(_))).collect();
        if let (Some(fired), false) = (change.fired, deadlines.is_empty()) {
            commit.fired = Some(deadlines[fired.index(deadlines.len())].lease());
        }
        let expected = self.memory.commit(commit.clone()).await;
        assert_eq!(self.sled().commit(commit).await, expected);
        assert!(!matches!(expected, Err(OutboxError::Broken(_))));
    }

    async fn settle(&mut self, choices: Vec<(Index, u8, i64)>) {
        let mut settlements = Vec::new();
        for (which, choice, s) in choices {
            if !self.held.is_empty() {
                let at = which.index(self.held.len());
                settlements.push(self.held[at].settlement(choice, s));
                // Sometimes a claim is settled twice.
                if choice % 8 != 0 {
                    self.held.swap_remove(at);
                }
            }
        }
        assert_eq!(self.memory.settle(settlements.clone()).await, Ok(()));
        assert_eq!(self.sled().settle(settlements).await, Ok(()));
    }

    /// Both answer everything alike.
    fn compare(&self) {
        let (memory, sled) = (&self.memory, self.sled());
        check_sums(memory);
        assert_eq!(sled.ledger(), memory.ledger());
        assert_eq!(sled.horizon(), memory.horizon());
        assert_eq!(sled.lanes(), memory.lanes());
        assert_eq!(sled.last_instant(), memory.last_instant());
        assert_eq!(sled.broken(), None);
        assert_eq!(sled.notes(""), memory.notes(""));
        for cursor in [None, Some(3)] {
            let all = JourneyQuery::default();
            assert_eq!(sled.journeys(&all, cursor, 4), memory.journeys(&all, cursor, 4));
            assert_eq!(sled.events(None, cursor, 4), memory.events(None, cursor, 4));
            assert_eq!(sled.mails(cursor, 4), memory.mails(cursor, 4));
        }
        for id in 0..=memory.ledger().deliveries.accepted + 1 {
            assert_eq!(sled.delivery(DeliveryId(id)), memory.delivery(DeliveryId(id)));
        }
        for id in 0..=memory.ledger().mails.accepted + 1 {
            assert_eq!(sled.mail(MailId(id)), memory.mail(MailId(id)));
        }
        let query = |state, webhook: Option<&str>, journey| {
            let query = DeliveryQuery { state, webhook: webhook.map(str::to_owned), event: None, journey };
            assert_eq!(whole_page(sled, &query, None, 5), memory.deliveries(&query, None, 5), "{query:?}");
            assert_eq!(whole_page(sled, &query, Some(4), 1), memory.deliveries(&query, Some(4), 1), "{query:?}");
        };
        DeliveryState::ALL.into_iter().for_each(|state| query(Some(state), None, None));
        query(None, Some("ordered"), None);
        for number in 0..=self.journeys {
            let id = journey(number).id;
            query(None, None, Some(id));
            assert_eq!(sled.journey(id), memory.journey(id));
            assert_eq!(sled.events(Some(id), None, 3), memory.events(Some(id), None, 3));
            assert_eq!(sled.events(Some(id), Some(2), 3), memory.events(Some(id), Some(2), 3));
        }
        for key in 0..4 {
            assert_eq!(sled.key(&key.to_string()), memory.key(&key.to_string()));
        }
    }
}

fn open(dir: &tempfile::TempDir) -> SledOutbox {
    let settings = SledSettings { segment_bytes: 64 << 10, cache_bytes: 1 << 20, ..SledSettings::default() };
    SledOutbox::open(dir.path(), settings).expect("the store opens")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn sled_answers_as_memory_does(operations in vec(operation(), 20..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut pair = Pair::new();
            for operation in operations {
                pair.run(operation).await;
                pair.compare();
            }
            pair.run(Operation::Reopen).await;
            pair.compare();
        });
    }
}
