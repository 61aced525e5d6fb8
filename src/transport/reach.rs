//! Where a delivery may go, judged on the address that would be dialled: pure.
//!
//! Called by the HTTP transport for every address that a name resolves to, and for every address that stands in a
//! URL. Never resolves and never dials. Metadata services of clouds live at link-local addresses, so those must be
//! named; what nobody can serve a webhook at (multicast, documentation ranges and the like) cannot be named at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::message::Reach;

/// The path under which this server takes deliveries itself.
pub const INBOX: &str = "/inbox/";

/// Whether `path` is one that this server takes deliveries under.
pub fn is_inbox(path: &str) -> bool {
    path.starts_with(INBOX)
}

/// Whether `addr` may be dialled for a request to `path` (after dot segments are resolved, as [`url::Url`] does).
///
/// `own_api` is where this server itself listens: only its inbox may be asked, or a webhook could drive the control
/// API.
///
/// # Errors
/// A sentence for people that says why not; it names the address, never the path.
pub fn judge(addr: SocketAddr, allowed: &[Reach], own_api: Option<SocketAddr>, path: &str) -> Result<(), String> {
    let ip = canonical(addr.ip());
    let kind = classify(ip).map_err(|what| format!("deliveries may not go to {ip}: it is {what}"))?;
    if !allowed.contains(&kind) {
        return Err(format!("deliveries may not go to {ip}: reach does not name {:?}", kind.as_str()));
    }
    if own_api.is_some_and(|own| is_own(own, ip, addr.port())) && !is_inbox(path) {
        return Err(format!("deliveries may not go to this server's own API; use a path under {INBOX}"));
    }
    Ok(())
}

/// The address that a packet to `ip` ends up at: IPv4 that is wrapped in IPv6 is unwrapped, through mapped,
/// compatible, NAT64 and 6to4 forms.
pub fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let octets = v6.octets();
    let v4_at = |start: usize| {
        IpAddr::V4(Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]))
    };
    let s = v6.segments();
    match s {
        // ::1 and :: are themselves, not compatible forms of 0.0.0.1 and 0.0.0.0.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] => v4_at(12),
        // The translated form of stateless translators, RFC 2765.
        [0, 0, 0, 0, 0xffff, 0, _, _] => v4_at(12),
        // NAT64, RFC 6052.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => v4_at(12),
        // 6to4, RFC 3056.
        [0x2002, ..] => v4_at(2),
        _ => ip,
    }
}

/// A listener at `own` hears what is sent to `ip` and `port`. One that listens on every address is heard on every
/// address of this machine; of those, loopback ones are known without asking the operating system.
fn is_own(own: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let listens = canonical(own.ip());
    own.port() == port && (listens == ip || (listens.is_unspecified() && ip.is_loopback()))
}

fn classify(ip: IpAddr) -> Result<Reach, &'static str> {
    if let Some((_, kind)) = KINDS.iter().find(|(net, _)| net.contains(&ip)) {
        return Ok(*kind);
    }
    NEVER.iter().find(|(net, _)| net.contains(&ip)).map_or(Ok(Reach::Public), |(_, what)| Err(what))
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits))
}

const fn v6(head: [u16; 4], tail: u16, bits: u8) -> IpNet {
    let [a, b, c, d] = head;
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, tail), bits))
}

/// The first match decides; what matches nothing here or in [`NEVER`] is public.
static KINDS: LazyLock<Vec<(IpNet, Reach)>> = LazyLock::new(|| {
    vec![
        (v4(127, 0, 0, 0, 8), Reach::Loopback),
        (v6([0, 0, 0, 0], 1, 128), Reach::Loopback),
        (v4(169, 254, 0, 0, 16), Reach::LinkLocal),
        (v6([0xfe80, 0, 0, 0], 0, 10), Reach::LinkLocal),
        // Metadata services outside the link-local ranges: AWS over IPv6, GCP over IPv6, Azure's wire server,
        // Alibaba's and Oracle's. They stand before the private ranges that some of them lie in, and lie in ranges
        // that are refused otherwise.
        (v6([0xfd00, 0xec2, 0, 0], 0x254, 128), Reach::LinkLocal),
        (v6([0xfd20, 0xce, 0, 0], 0x254, 128), Reach::LinkLocal),
        (v4(168, 63, 129, 16, 32), Reach::LinkLocal),
        (v4(100, 100, 100, 200, 32), Reach::LinkLocal),
        (v4(192, 0, 0, 192, 32), Reach::LinkLocal),
        (v4(10, 0, 0, 0, 8), Reach::Private),
        (v4(172, 16, 0, 0, 12), Reach::Private),
        (v4(192, 168, 0, 0, 16), Reach::Private),
        (v4(100, 64, 0, 0, 10), Reach::Private),
        (v6([0xfc00, 0, 0, 0], 0, 7), Reach::Private),
        // Site-local, deprecated by RFC 3879 and still private wherever it is in use.
        (v6([0xfec0, 0, 0, 0], 0, 10), Reach::Private),
    ]
});

/// Ranges of the IANA special-purpose registries that no receiver can live in. Held against those registries by a test.
static NEVER: LazyLock<Vec<(IpNet, &'static str)>> = LazyLock::new(|| {
    vec![
        (v4(0, 0, 0, 0, 8), "unspecified"),
        (v6([0, 0, 0, 0], 0, 128), "unspecified"),
        (v4(255, 255, 255, 255, 32), "the broadcast address"),
        (v4(224, 0, 0, 0, 4), "multicast"),
        (v6([0xff00, 0, 0, 0], 0, 8), "multicast"),
        (v4(192, 0, 2, 0, 24), "reserved for documentation"),
        (v4(198, 51, 100, 0, 24), "reserved for documentation"),
        (v4(203, 0, 113, 0, 24), "reserved for documentation"),
        (v6([0x2001, 0xdb8, 0, 0], 0, 32), "reserved for documentation"),
        (v6([0x3fff, 0, 0, 0], 0, 20), "reserved for documentation"),
        (v4(198, 18, 0, 0, 15), "reserved for benchmarks"),
        (v6([0x2001, 2, 0, 0], 0, 48), "reserved for benchmarks"),
        (v4(192, 0, 0, 0, 24), "reserved for protocols"),
        // Teredo hides an IPv4 address behind a server of somebody else's choice.
        (v6([0x2001, 0, 0, 0], 0, 32), "a tunnel's address"),
        (v4(192, 88, 99, 0, 24), "a tunnel's address"),
        // NAT64 with a local prefix: what it reaches cannot be known here.
        (v6([0x64, 0xff9b, 1, 0], 0, 48), "a tunnel's address"),
        // Behind Teredo and benchmarks, which lie in it: ORCHIDs, drones' tags, anycast of protocols. Nothing of it is a host.
        (v6([0x2001, 0, 0, 0], 0, 23), "reserved for protocols"),
        (v6([0x5f00, 0, 0, 0], 0, 16), "a segment routing identifier"),
        (v6([0x100, 0, 0, 0], 0, 64), "a discard address"),
        (v6([0x100, 0, 0, 1], 0, 64), "a dummy address"),
        (v4(240, 0, 0, 0, 4), "reserved"),
    ]
});

#[cfg(test)]
mod tests;
