//! Makes a TCP connection to a host: resolves it, judges each address, and tries one after the other.
//!
//! Called by [`super`] for each new connection, within the attempt's deadline. Where a name has addresses of both
//! families and the first family does not answer soon, the other is tried beside it (RFC 8305, in short).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

use super::pool::Place;
use crate::clock::real_sleep;
use crate::transport::resolve::{Guard, Resolver, Rules};

/// So long the first family of a name's addresses is tried alone.
const HEAD_START: Duration = Duration::from_millis(300);

/// "Too many open files", of the system and of this process.
const NO_DESCRIPTOR: [i32; 2] = [23, 24];

const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// A connection to `place` for a request to `path`.
///
/// # Errors
/// What went wrong first, as [`super::super::failure::classify`] reads it.
pub(super) async fn dial(
    place: &Place,
    path: &str,
    resolver: &Resolver,
    at_most: Duration,
) -> Result<TcpStream, io::Error> {
    let rules = resolver.rules();
    let found = match &place.host {
        url::Host::Domain(name) => resolver.clone().lookup(name.clone()).await.map_err(io::Error::other)?,
        url::Host::Ipv4(ip) => vec![admit(IpAddr::V4(*ip), place, path, rules)?],
        url::Host::Ipv6(ip) => vec![admit(IpAddr::V6(*ip), place, path, rules)?],
    };
    let v4_first = found.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<SocketAddr>, Vec<SocketAddr>) =
        found.into_iter().partition(|addr| addr.is_ipv4() == v4_first);
    let each = |addrs: Vec<SocketAddr>| in_turn(addrs, place.port, rules.source_ip, at_most);
    if second.is_empty() { each(first).await } else { race(each(first), each(second)).await }
}

/// An address that stands in the URL is judged as one that a name stands for.
fn admit(ip: IpAddr, place: &Place, path: &str, rules: &Rules) -> Result<SocketAddr, io::Error> {
    let addr = SocketAddr::new(ip, place.port);
    // A connection that is held to the guard may be used for any path but the inbox later.
    let path = if place.guard == Guard::OwnApi { "/" } else { path };
    rules.judge(addr, path).map_err(io::Error::other)?;
    Ok(addr)
}

/// The first that connects. Each but the last has its share of the time only, so that one which does not answer
/// leaves some to the others.
async fn in_turn(
    addrs: Vec<SocketAddr>,
    port: u16,
    source_ip: Option<IpAddr>,
    at_most: Duration,
) -> Result<TcpStream, io::Error> {
    let mut first_error = None;
    let count = addrs.len();
    let share = at_most / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    for (n, mut addr) in addrs.into_iter().enumerate() {
        addr.set_port(port);
        let connecting = connect(addr, source_ip);
        let connected = if n + 1 < count {
            tokio::time::timeout(share, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            connecting.await
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => first_error = Some(first_error.unwrap_or(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| io::ErrorKind::NotConnected.into()))
}

/// The first of both that connects; `first`'s error where neither does.
async fn race(
    first: impl Future<Output = Result<TcpStream, io::Error>>,
    second: impl Future<Output = Result<TcpStream, io::Error>>,
) -> Result<TcpStream, io::Error> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let alone = tokio::select! {
        biased;
        connected = &mut first => Some(connected),
        () = real_sleep(HEAD_START) => None,
    };
    match alone {
        Some(Ok(stream)) => Ok(stream),
        Some(Err(error)) => second.await.map_err(|_| error),
        None => tokio::select! {
            biased;
            connected = &mut first => match connected {
                Ok(stream) => Ok(stream),
                Err(error) => second.await.map_err(|_| error),
            },
            connected = &mut second => match connected {
                Ok(stream) => Ok(stream),
                Err(_) => first.await,
            },
        },
    }
}

async fn connect(addr: SocketAddr, source_ip: Option<IpAddr>) -> Result<TcpStream, io::Error> {
    let socket = socket(|| if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }).await?;
    if let Some(source) = source_ip {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A socket, as soon as there is one: that this process has no descriptor left is not the endpoint's fault, and others
/// give theirs back soon. The attempt's deadline bounds the wait.
async fn socket<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match open() {
            Err(error) if error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code)) => {
                real_sleep(AGAIN_AFTER).await;
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const AT_MOST: Duration = Duration::from_secs(20);

    /// A listener at 127.0.0.1 only, and its port.
    fn listener() -> (std::net::TcpListener, u16) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        (listener, port)
    }

    fn addrs(ips: &[&str]) -> Vec<SocketAddr> {
        ips.iter().map(|ip| SocketAddr::new(ip.parse().expect("address"), 0)).collect()
    }

    #[tokio::test]
    async fn an_address_that_refuses_leads_to_the_next() {
        let (listener, port) = listener();
        let stream = in_turn(addrs(&["127.0.0.2", "127.0.0.1"]), port, None, AT_MOST).await.expect("a connection");
        assert_eq!(stream.peer_addr().ok(), listener.local_addr().ok());
        let refused = in_turn(addrs(&["127.0.0.2", "127.0.0.3"]), port, None, AT_MOST).await;
        assert_eq!(refused.expect_err("nobody listens").kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn connections_come_from_the_source_address() {
        let (_listener, port) = listener();
        let source = "127.0.0.9".parse().expect("address");
        let stream = in_turn(addrs(&["127.0.0.1"]), port, Some(source), AT_MOST).await.expect("a connection");
        assert_eq!(stream.local_addr().expect("bound").ip(), source);
        assert!(stream.nodelay().expect("a socket"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_descriptor_is_waited_for() {
        for (code, tries) in [(23, 4), (24, 4), (13, 1)] {
            let mut tried = 0;
            let came = socket(|| {
                tried += 1;
                if tried <= 3 { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
            });
            assert_eq!((came.await.is_ok(), tried), (tries == 4, tries), "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_that_refuses_or_hangs_leads_to_the_other() {
        let (_listener, port) = listener();
        let heard = || in_turn(addrs(&["127.0.0.1"]), port, None, AT_MOST);
        let deaf = || in_turn(addrs(&["127.0.0.2"]), port, None, AT_MOST);
        race(deaf(), heard()).await.expect("the first refuses");
        race(pending(), heard()).await.expect("the first hangs");
        race(heard(), pending()).await.expect("the second hangs");
        race(
            async {
                real_sleep(HEAD_START * 2).await;
                heard().await
            },
            deaf(),
        )
        .await
        .expect("the second refuses");
        assert!(race(deaf(), deaf()).await.is_err());
    }
}
