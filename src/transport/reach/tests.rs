//! Every kind of address, one by one and against the registries.

use super::*;
use Ours::{Is, Never, Unwrapped};
use Reach::{LinkLocal, Loopback, Private, Public};
use proptest::prelude::*;

const ALL: [Reach; 4] = [Reach::Loopback, Reach::Private, Reach::Public, Reach::LinkLocal];

fn kind_of(ip: &str) -> Option<Reach> {
    let addr = SocketAddr::new(ip.parse().expect(ip), 80);
    let kinds: Vec<Reach> = ALL.into_iter().filter(|kind| judge(addr, &[*kind], None, "/").is_ok()).collect();
    assert!(kinds.len() <= 1, "{ip} is of several kinds: {kinds:?}");
    kinds.first().copied()
}

#[test]
fn every_address_has_one_kind_or_none() {
    for (ips, kind) in [
        (vec!["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1"], Some(Reach::Loopback)),
        (
            vec![
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "fd12::1",
                "fc00::1",
                "::ffff:10.1.2.3",
                "64:ff9b::10.1.2.3",
                "2002:a01:203::1",
                "fec0::1",
            ],
            Some(Reach::Private),
        ),
        (
            vec![
                "169.254.169.254",
                "169.254.0.1",
                "fe80::1",
                "fd00:ec2::254",
                "::ffff:169.254.169.254",
                "::169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "2002:a9fe:a9fe::",
                "::ffff:0:169.254.169.254",
                "168.63.129.16",
                "100.100.100.200",
            ],
            Some(Reach::LinkLocal),
        ),
        (vec!["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "11.0.0.1"], Some(Reach::Public)),
        (
            vec![
                "0.0.0.0",
                "0.1.2.3",
                "::",
                "255.255.255.255",
                "224.0.0.1",
                "239.1.1.1",
                "ff02::1",
                "192.0.2.1",
                "198.51.100.7",
                "203.0.113.9",
                "2001:db8::1",
                "198.18.0.1",
                "198.19.255.255",
                "240.0.0.1",
                "2001::1",
                "::ffff:0.0.0.0",
                "::ffff:224.0.0.1",
                "3fff::1",
                "64:ff9b:1::a9fe:a9fe",
                "100::1",
            ],
            None,
        ),
    ] {
        for ip in ips {
            assert_eq!(kind_of(ip), kind, "{ip}");
        }
    }
}

#[test]
fn a_refusal_says_why() {
    let refused = |addr: &str, allowed: &[Reach]| {
        judge(addr.parse().expect(addr), allowed, None, "/secret-path").expect_err(addr)
    };
    insta::assert_snapshot!(
        refused("169.254.169.254:80", &[Reach::Loopback, Reach::Private, Reach::Public]),
        @r#"deliveries may not go to 169.254.169.254: reach does not name "link-local""#
    );
    insta::assert_snapshot!(
        refused("[::ffff:203.0.113.9]:80", &ALL),
        @"deliveries may not go to 203.0.113.9: it is reserved for documentation"
    );
}

#[test]
fn of_its_own_server_a_webhook_reaches_the_inbox_only() {
    for (own, addr, path, reached) in [
        ("127.0.0.1:4740", "127.0.0.1:4740", "/inbox/demo", true),
        ("127.0.0.1:4740", "127.0.0.1:4740", "/api/v1/journeys", false),
        ("127.0.0.1:4740", "127.0.0.1:4740", "/inbox", false),
        ("127.0.0.1:4740", "127.0.0.1:4740", "/INBOX/demo", false),
        ("127.0.0.1:4740", "[::ffff:127.0.0.1]:4740", "/", false),
        ("127.0.0.1:4740", "127.0.0.1:4741", "/", true),
        ("0.0.0.0:4740", "127.0.0.1:4740", "/", false),
        ("[::]:4740", "[::1]:4740", "/", false),
        ("[::]:4740", "127.0.0.1:4740", "/", false),
        ("10.0.0.5:4740", "10.0.0.5:4740", "/", false),
        ("10.0.0.5:4740", "10.0.0.6:4740", "/", true),
    ] {
        let own = own.parse().expect(own);
        let judged = judge(addr.parse().expect(addr), &ALL, Some(own), path);
        assert_eq!(judged.is_ok(), reached, "{addr}{path} with the API at {own}: {judged:?}");
    }
}

proptest! {
    #[test]
    fn an_ipv4_address_is_judged_alike_in_every_disguise(bits: u32) {
        let plain = Ipv4Addr::from(bits);
        let [a, b, c, d] = plain.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let mut disguises = vec![
            plain.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ];
        if bits > 1 {
            disguises.push(Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low));
        }
        for kind in ALL {
            let judged = judge(SocketAddr::new(plain.into(), 80), &[kind], None, "/");
            for disguise in &disguises {
                prop_assert_eq!(&judge(SocketAddr::new((*disguise).into(), 80), &[kind], None, "/"), &judged);
            }
        }
    }
}

/// What becomes of a block of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    /// Of this kind.
    Is(Reach),
    /// Refused, whatever `reach` names.
    Never,
    /// An IPv4 address is unwrapped and judged.
    Unwrapped,
}

/// The IANA IPv4 Special-Purpose Address Registry, as of 2025-10-09: iana.org/assignments/iana-ipv4-special-registry.
/// Block, name, whether it is globally reachable (`None`: not said), and what it is to us.
const IPV4: [(&str, &str, Option<bool>, Ours); 26] = [
    ("0.0.0.0/8", "This network", Some(false), Never),
    ("0.0.0.0/32", "This host on this network", Some(false), Never),
    ("10.0.0.0/8", "Private-Use", Some(false), Is(Private)),
    ("100.64.0.0/10", "Shared Address Space", Some(false), Is(Private)),
    ("127.0.0.0/8", "Loopback", Some(false), Is(Loopback)),
    ("169.254.0.0/16", "Link Local", Some(false), Is(LinkLocal)),
    ("172.16.0.0/12", "Private-Use", Some(false), Is(Private)),
    ("192.0.0.0/24", "IETF Protocol Assignments", Some(false), Never),
    ("192.0.0.0/29", "IPv4 Service Continuity Prefix", Some(false), Never),
    ("192.0.0.8/32", "IPv4 dummy address", Some(false), Never),
    // Anycast of protocols: reachable, and nothing that takes a webhook.
    ("192.0.0.9/32", "Port Control Protocol Anycast", Some(true), Never),
    ("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", Some(true), Never),
    ("192.0.0.170/32", "NAT64/DNS64 Discovery", Some(false), Never),
    ("192.0.0.171/32", "NAT64/DNS64 Discovery", Some(false), Never),
    ("192.0.2.0/24", "Documentation (TEST-NET-1)", Some(false), Never),
    ("192.31.196.0/24", "AS112-v4", Some(true), Is(Public)),
    ("192.52.193.0/24", "AMT", Some(true), Is(Public)),
    ("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", None, Never),
    ("192.168.0.0/16", "Private-Use", Some(false), Is(Private)),
    ("192.175.48.0/24", "Direct Delegation AS112 Service", Some(true), Is(Public)),
    ("198.18.0.0/15", "Benchmarking", Some(false), Never),
    ("198.51.100.0/24", "Documentation (TEST-NET-2)", Some(false), Never),
    ("203.0.113.0/24", "Documentation (TEST-NET-3)", Some(false), Never),
    ("240.0.0.0/4", "Reserved", Some(false), Never),
    ("255.255.255.255/32", "Limited Broadcast", Some(false), Never),
    ("192.88.99.2/32", "6a44-relay anycast address", Some(false), Never),
];

/// The IANA IPv6 Special-Purpose Address Registry, as of 2025-10-09: iana.org/assignments/iana-ipv6-special-registry.
const IPV6: [(&str, &str, Option<bool>, Ours); 25] = [
    ("::1/128", "Loopback Address", Some(false), Is(Loopback)),
    ("::/128", "Unspecified Address", Some(false), Never),
    ("::ffff:0:0/96", "IPv4-mapped Address", Some(false), Unwrapped),
    ("64:ff9b::/96", "IPv4-IPv6 Translation", Some(true), Unwrapped),
    ("64:ff9b:1::/48", "IPv4-IPv6 Translation", Some(false), Never),
    ("100::/64", "Discard-Only Address Block", Some(false), Never),
    ("100:0:0:1::/64", "Dummy IPv6 Prefix", Some(false), Never),
    ("2001::/23", "IETF Protocol Assignments", Some(false), Never),
    ("2001::/32", "TEREDO", None, Never),
    ("2001:1::1/128", "Port Control Protocol Anycast", Some(true), Never),
    ("2001:1::2/128", "Traversal Using Relays around NAT Anycast", Some(true), Never),
    ("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", Some(true), Never),
    ("2001:2::/48", "Benchmarking", Some(false), Never),
    ("2001:3::/32", "AMT", Some(true), Never),
    ("2001:4:112::/48", "AS112-v6", Some(true), Never),
    ("2001:10::/28", "Deprecated (previously ORCHID)", None, Never),
    ("2001:20::/28", "ORCHIDv2", Some(true), Never),
    ("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", Some(true), Never),
    ("2001:db8::/32", "Documentation", Some(false), Never),
    ("2002::/16", "6to4", None, Unwrapped),
    ("2620:4f:8000::/48", "Direct Delegation AS112 Service", Some(true), Is(Public)),
    ("3fff::/20", "Documentation", Some(false), Never),
    ("5f00::/16", "Segment Routing (SRv6) SIDs", Some(false), Never),
    ("fc00::/7", "Unique-Local", Some(false), Is(Private)),
    ("fe80::/10", "Link-Local Unicast", Some(false), Is(LinkLocal)),
];

/// What is no business of those registries: multicast, what was deprecated, and where clouds put their metadata services.
const BESIDES: [(&str, Ours); 11] = [
    ("224.0.0.0/4", Never),
    ("ff00::/8", Never),
    ("fec0::/10", Is(Private)),
    ("::/96", Unwrapped),
    ("::ffff:0:0:0/96", Unwrapped),
    ("192.0.0.192/32", Is(LinkLocal)),
    ("168.63.129.16/32", Is(LinkLocal)),
    ("100.100.100.200/32", Is(LinkLocal)),
    ("fd00:ec2::254/128", Is(LinkLocal)),
    ("fd20:ce::254/128", Is(LinkLocal)),
    // Not compatible forms of 0.0.0.0 and 0.0.0.1, as their own rows say.
    ("::2/127", Unwrapped),
];

fn blocks() -> impl Iterator<Item = (IpNet, Ours)> {
    let registered = IPV4.iter().chain(&IPV6).map(|(block, .., ours)| (*block, *ours));
    registered.chain(BESIDES).map(|(block, ours)| (block.parse().expect(block), ours))
}

/// What the tables say: the narrowest block decides, and what is in none is public.
fn by_the_tables(ip: IpAddr) -> Option<Reach> {
    let narrowest = blocks().filter(|(block, _)| block.contains(&ip)).max_by_key(|(block, _)| block.prefix_len());
    match (narrowest, ip) {
        (Some((_, Is(kind))), _) => Some(kind),
        (Some((_, Never)), _) => None,
        (Some((block, Unwrapped)), IpAddr::V6(v6)) => {
            // 6to4 has it behind its 16 bits, all others at the end.
            let shift = if block.prefix_len() == 16 { 80 } else { 0 };
            by_the_tables(IpAddr::V4(Ipv4Addr::from((v6.to_bits() >> shift) as u32)))
        }
        (Some((_, Unwrapped)), IpAddr::V4(_)) => panic!("{ip} hides nothing"),
        (None, _) => Some(Public),
    }
}

#[track_caller]
fn check_against_the_tables(ip: IpAddr) {
    assert_eq!(kind_of(&ip.to_string()), by_the_tables(ip), "{ip}");
}

/// The next and the last address before, of the same family.
fn neighbours(ip: IpAddr) -> Vec<IpAddr> {
    match ip {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            [bits.checked_sub(1), bits.checked_add(1)].into_iter().flatten().map(|b| Ipv4Addr::from(b).into()).collect()
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            [bits.checked_sub(1), bits.checked_add(1)].into_iter().flatten().map(|b| Ipv6Addr::from(b).into()).collect()
        }
    }
}

#[test]
fn every_block_of_the_registries_is_judged_as_the_tables_say() {
    for (block, _) in blocks() {
        for end in [block.network(), block.broadcast()] {
            check_against_the_tables(end);
            neighbours(end).into_iter().for_each(check_against_the_tables);
        }
    }
    for (block, name, reachable, ours) in IPV4.iter().chain(&IPV6) {
        let public = *ours == Is(Public);
        assert!(!public || *reachable == Some(true), "{block} ({name}) is public to us, and not globally reachable");
    }
}

/// A block of IPv4 is what it is in every form of IPv6 that carries it.
#[test]
fn every_block_of_ipv4_is_known_in_every_disguise() {
    for (block, _) in blocks() {
        let IpNet::V4(block) = block else { continue };
        for v4 in [block.network(), block.broadcast()] {
            let bits = u128::from(v4.to_bits());
            let forms = [
                0xffff << 32 | bits,
                0xffff_0000_0000_u128 << 16 | bits,
                0x64_ff9b << 96 | bits,
                0x2002 << 112 | bits << 80,
            ];
            for form in forms.map(Ipv6Addr::from) {
                assert_eq!(kind_of(&form.to_string()), by_the_tables(v4.into()), "{v4} as {form}");
            }
            if bits > 1 {
                assert_eq!(kind_of(&Ipv6Addr::from(bits).to_string()), by_the_tables(v4.into()), "{v4} as ::{v4}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_address_is_judged_as_the_tables_say(v4: u32, v6: u128, block in 0..IPV4.len() + IPV6.len() + BESIDES.len()) {
        check_against_the_tables(Ipv4Addr::from(v4).into());
        check_against_the_tables(Ipv6Addr::from(v6).into());
        // Somewhere in a block: of all addresses hardly any is.
        let (block, _) = blocks().nth(block).expect("a block");
        check_against_the_tables(match block {
            IpNet::V4(net) => Ipv4Addr::from(net.network().to_bits() | (v4 & net.hostmask().to_bits())).into(),
            IpNet::V6(net) => Ipv6Addr::from(net.network().to_bits() | (v6 & net.hostmask().to_bits())).into(),
        });
    }
}
