//! Lists that want what is rare: at once where it is known, else in pages that end in good time.

use super::*;

fn listed(outbox: &SledOutbox, query: &DeliveryQuery, cursor: Option<u64>) -> (Vec<u64>, Option<u64>) {
    let page = outbox.deliveries(query, cursor, 100).expect("a list");
    (page.items.iter().map(|delivery| delivery.id.0).collect(), page.next)
}

/// A store of thousands of deliveries that arrived, but for a few.
async fn arrived(outbox: &SledOutbox) {
    let mut commit = start(journey(1));
    for _ in 0..5_000 {
        emit(&mut commit, &[(HOOK, 0)]);
    }
    outbox.commit(commit).await.expect("a fresh journey");
    let mut due = outbox.claim_deliveries(HOOK, at(0), 5_000).await.expect("a claim").rows;
    let released = due.extract_if(.., |due| [10, 4_900].contains(&due.id.0)).map(|due| due.lease).collect();
    outbox.release(released);
    assert_eq!(outbox.ledger().deliveries.waiting, 2);
    let settlement = |due: &DueDelivery| {
        let attempt = Attempt { n: 1, started_at: at(1), finished_at: at(1), outcome: Outcome::default() };
        let verdict = if [30, 4_700].contains(&due.id.0) { Verdict::Exhausted } else { Verdict::Delivered };
        Settlement::Attempt { lease: due.lease, attempt: Box::new(attempt), verdict, notice: None }
    };
    // Two of them stay in flight.
    let over = due.iter().filter(|due| ![20, 4_800].contains(&due.id.0)).map(settlement);
    outbox.settle(over.collect()).await.expect("a settlement");
}

#[tokio::test]
async fn what_is_rare_is_listed_at_once_where_it_is_known() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = SledOutbox::open(dir.path(), SledSettings::default()).expect("a fresh store");
    arrived(&outbox).await;
    for (state, ids) in [
        (DeliveryState::Waiting, [4_900, 10]),
        (DeliveryState::InFlight, [4_800, 20]),
        (DeliveryState::Exhausted, [4_700, 30]),
    ] {
        let query = DeliveryQuery { state: Some(state), ..DeliveryQuery::default() };
        assert_eq!(listed(&outbox, &query, None), (ids.to_vec(), None), "{state:?}, without a look at the others");
        assert_eq!(listed(&outbox, &query, Some(ids[0] - 1)), (ids[1..].to_vec(), None), "{state:?}");
        assert_eq!(listed(&outbox, &query, Some(ids[1])), (ids[1..].to_vec(), None), "{state:?}");
    }
    // What is wanted fills its page, however long that takes.
    let page = outbox.deliveries(&DeliveryQuery::default(), None, 5_000).expect("a list");
    assert_eq!((page.items.len(), page.next), (5_000, None));
    // Nobody knows of these: each page looks for a while, and says where it stopped.
    let query = DeliveryQuery { webhook: Some("nobody".into()), ..DeliveryQuery::default() };
    let (mut pages, mut cursor) = (0, None);
    loop {
        let (ids, next) = listed(&outbox, &query, cursor);
        assert_eq!(ids, [0; 0]);
        assert!(next.is_none_or(|next| next <= cursor.unwrap_or(5_000) - 32), "it gets on: {next:?} after {cursor:?}");
        pages += 1;
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(pages > 1, "one page does not look at all of them");
}

#[tokio::test]
async fn a_page_looks_for_as_long_as_that_is_quick() {
    let dir = tempfile::tempdir().expect("a directory");
    let outbox = open(dir.path()).expect("a fresh store");
    for number in 1..=70 {
        outbox.commit(start(journey(number))).await.expect("a fresh journey");
    }
    let query = JourneyQuery { state: Some("Nowhere".into()), reference_no: None };
    // On a machine under load even a quick look may take a while, but not each time.
    let whole = |_| outbox.journeys(&query, None, 9).expect("a list").next.is_none();
    assert!((0..20).any(whole), "70 journeys that are remembered are looked at in one go");
}
