//! Resolves names within the attempt's deadline and lets only those addresses through that may be dialled.
//!
//! Called for each new connection, so that a name which changes its mind between a check and a dial gains nothing.
//! Addresses that stand in the URL need no lookup: whoever would dial one asks [`Rules::judge`].

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::reach;
use crate::message::Reach;

/// Lookups that may run at once. Each holds a thread for as long as the system's resolver likes, even when the try
/// that asked is over; this leaves most of the runtime's 512 blocking threads to others.
const LOOKUPS_AT_ONCE: usize = 64;

/// What a lookup that is under way will have found: `None` so long as it is.
type Finding = watch::Receiver<Option<Vec<SocketAddr>>>;

/// Why there is no address to dial.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unresolved {
    /// Addresses may not be dialled.
    #[error("{0}")]
    Blocked(String),
    /// The name means nothing.
    #[error("name does not resolve")]
    Unknown,
    /// No address of the kind that `source_ip` can reach.
    #[error("no address of the name can be reached from source_ip {0}")]
    OtherFamily(IpAddr),
}

/// What is judged at each dial.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) reach: Arc<[Reach]>,
    pub(super) source_ip: Option<IpAddr>,
    pub(super) own_api: Arc<OnceLock<SocketAddr>>,
}

impl Rules {
    /// Judges an address that a request to `path` would dial.
    pub(super) fn judge(&self, addr: SocketAddr, path: &str) -> Result<(), Unresolved> {
        let own = self.own_api.get().map(|own| heard_at(*own, addr.ip()));
        reach::judge(addr, &self.reach, own, path).map_err(Unresolved::Blocked)?;
        match self.source_ip {
            Some(source) if source.is_ipv4() != addr.is_ipv4() => Err(Unresolved::OtherFamily(source)),
            _ => Ok(()),
        }
    }

    /// Whether a request to this port and path must be kept off our own API.
    pub(super) fn guard(&self, port: u16, path: &str) -> Guard {
        let guarded = self.own_api.get().is_some_and(|own| own.port() == port && !reach::is_inbox(path));
        if guarded { Guard::OwnApi } else { Guard::Open }
    }
}

/// A listener on all addresses is heard at each address of this machine. The operating system knows them: what is
/// ours can be bound.
fn heard_at(own: SocketAddr, ip: IpAddr) -> SocketAddr {
    let ours = own.ip().is_unspecified() && UdpSocket::bind((ip, 0)).is_ok();
    if ours { SocketAddr::new(ip, own.port()) } else { own }
}

/// The resolver of all connections that are held to one guard.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    rules: Rules,
    guard_own_api: Guard,
    lookups: Arc<Semaphore>,
    /// One for each name: a name that is never answered for costs one thread, however many tries wait for it, and the
    /// lookups of other names find room.
    under_way: Arc<Mutex<HashMap<String, Finding>>>,
}

/// What connections are for. The two never share a pool, so a connection that was made for the inbox is
/// never used to reach the control API behind the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    /// Requests to other ports than our own, or to our own inbox.
    Open,
    /// Requests to our own port and another path: no address of ours passes.
    OwnApi,
}

impl Resolver {
    pub(super) fn new(rules: Rules, guard_own_api: Guard) -> Self {
        Resolver { rules, guard_own_api, lookups: Arc::new(Semaphore::new(LOOKUPS_AT_ONCE)), under_way: Arc::default() }
    }

    /// What its answers are judged by.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The addresses of `host` that may be dialled, without a port.
    pub(super) async fn lookup(self, host: String) -> Result<Vec<SocketAddr>, Unresolved> {
        self.lookup_by(host, |host| Ok((host, 0).to_socket_addrs()?.collect())).await
    }

    /// The same, asking `find`, which may block.
    async fn lookup_by(
        self,
        host: String,
        find: impl FnOnce(&str) -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> Result<Vec<SocketAddr>, Unresolved> {
        let joined = joinable(&self.under_way(), &host);
        let mut finding = match joined {
            Some(finding) => finding,
            None => {
                let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(|_| Unresolved::Unknown)?;
                self.begin(host, permit, find)
            }
        };
        let found = finding.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        self.admit(found.unwrap_or_default())
    }

    /// Begins a lookup, unless another try did so while this one waited for its permit.
    fn begin(
        &self,
        host: String,
        permit: OwnedSemaphorePermit,
        find: impl FnOnce(&str) -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> Finding {
        let mut under_way = self.under_way();
        if let Some(finding) = joinable(&under_way, &host) {
            return finding;
        }
        let (tell, finding) = watch::channel(None);
        under_way.insert(host.clone(), finding.clone());
        drop(under_way);
        let resolver = self.clone();
        tokio::task::spawn_blocking(move || {
            let found = find(&host).unwrap_or_default();
            // Whoever asks from here on asks anew: no answer is older than the question.
            resolver.under_way().remove(&host);
            // The permit goes back when the thread is free, not when a try gives up waiting.
            drop(permit);
            // The tries that asked may be over.
            let _ = tell.send(Some(found));
        });
        finding
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Finding>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Unresolved> {
        // The port is filled in later; only our own matters to the judgement.
        let (port, path) = match (self.guard_own_api, self.rules.own_api.get()) {
            (Guard::OwnApi, Some(own)) => (own.port(), "/"),
            _ => (0, reach::INBOX),
        };
        let mut admitted = Vec::with_capacity(found.len());
        let mut refused = Unresolved::Unknown;
        for addr in found {
            match self.rules.judge(SocketAddr::new(addr.ip(), port), path) {
                Ok(()) => admitted.push(addr),
                Err(why) => refused = why,
            }
        }
        if admitted.is_empty() { Err(refused) } else { Ok(admitted) }
    }
}

/// The lookup of `host` that is under way. One that ended without a word, as a panic would, is none.
fn joinable(under_way: &HashMap<String, Finding>, host: &str) -> Option<Finding> {
    under_way.get(host).filter(|finding| finding.has_changed().is_ok()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(reach: &[Reach], source_ip: Option<&str>, guard: Guard) -> Resolver {
        let own_api = Arc::new(OnceLock::from("127.0.0.1:4740".parse::<SocketAddr>().expect("address")));
        let source_ip = source_ip.map(|ip| ip.parse().expect("address"));
        Resolver::new(Rules { reach: reach.into(), source_ip, own_api }, guard)
    }

    fn admitted(resolver: &Resolver, found: &[&str]) -> String {
        let found = found.iter().map(|ip| SocketAddr::new(ip.parse().expect("address"), 0)).collect();
        match resolver.admit(found) {
            Ok(addrs) => addrs.iter().map(|addr| addr.ip().to_string()).collect::<Vec<_>>().join(" "),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn every_answer_of_a_name_is_judged() {
        let usual = [Reach::Loopback, Reach::Private, Reach::Public];
        let open = resolver(&usual, None, Guard::Open);
        assert_eq!(admitted(&open, &["8.8.8.8", "169.254.169.254", "10.0.0.1"]), "8.8.8.8 10.0.0.1");
        assert!(admitted(&open, &["::ffff:169.254.169.254"]).contains("reach does not name"));
        assert_eq!(admitted(&open, &[]), "name does not resolve");
        assert_eq!(admitted(&open, &["127.0.0.1"]), "127.0.0.1");

        let guarded = resolver(&usual, None, Guard::OwnApi);
        assert!(admitted(&guarded, &["127.0.0.1"]).contains("own API"));
        assert_eq!(admitted(&guarded, &["127.0.0.1", "10.0.0.1"]), "10.0.0.1");

        let bound = resolver(&usual, Some("10.0.0.9"), Guard::Open);
        assert_eq!(admitted(&bound, &["2606:4700::1111", "8.8.8.8"]), "8.8.8.8");
        assert!(admitted(&bound, &["2606:4700::1111"]).contains("source_ip 10.0.0.9"));
    }

    #[tokio::test]
    async fn a10_a_name_that_is_never_answered_for_leaves_room_for_others() {
        let open = resolver(&[Reach::Loopback], None, Guard::Open);
        let found: SocketAddr = "127.0.0.1:0".parse().expect("address");
        let (answer, answered) = std::sync::mpsc::sync_channel::<()>(1);
        let mut waiting = tokio::task::JoinSet::new();
        let silent = open.clone();
        waiting.spawn(silent.lookup_by("silent".to_owned(), move |_| {
            answered.recv().map_err(io::Error::other)?;
            Ok(vec![found])
        }));
        while open.lookups.available_permits() == LOOKUPS_AT_ONCE {
            tokio::task::yield_now().await;
        }
        for _ in 0..LOOKUPS_AT_ONCE * 2 {
            waiting.spawn(open.clone().lookup_by("silent".to_owned(), |_| Err(io::ErrorKind::Other.into())));
        }
        let other = open.clone().lookup_by("other".to_owned(), move |_| Ok(vec![found])).await;
        assert_eq!(other.expect("an address"), [found]);
        assert_eq!(open.lookups.available_permits(), LOOKUPS_AT_ONCE - 1, "one thread for the silent name");

        // All of them have asked by then.
        for _ in 0..LOOKUPS_AT_ONCE * 4 {
            tokio::task::yield_now().await;
        }
        answer.send(()).expect("it is waited for");
        for one in waiting.join_all().await {
            assert_eq!(one.expect("the address that the one lookup found"), [found]);
        }
        let anew = open.clone().lookup_by("silent".to_owned(), |_| Ok(Vec::new())).await;
        assert!(matches!(anew, Err(Unresolved::Unknown)), "an answer is never kept");
    }

    #[test]
    fn a_listener_on_all_addresses_is_heard_at_those_of_this_machine_only() {
        let all: SocketAddr = "0.0.0.0:4740".parse().expect("address");
        let local: IpAddr = "127.0.0.1".parse().expect("address");
        let foreign: IpAddr = "203.0.113.1".parse().expect("address");
        assert_eq!(heard_at(all, local).ip(), local);
        assert_eq!(heard_at(all, foreign), all);
    }
}
