//! The server loop over real sockets: its deadlines, its cap and its end.

use std::future::Future;

use axum::Extension;
use axum::routing::{get, post};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    addr: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Served {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let app = Router::new()
            .route("/who", get(|Extension(caller): Extension<Caller>| async move { caller.peer().ip().to_string() }))
            .route("/echo", post(|body: String| async move { body }))
            .route("/hang", get(|| async { std::future::pending::<&str>().await }))
            .route("/endless", get(|| async { Body::from_stream(endless()) }))
            .route("/panic", get(|| async { panics() }));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, app, limits, stop.clone()));
        Served { addr, stop, tasks }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.expect("a connection")
    }

    /// Sends `request` and gives all that comes until the server closes.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("written");
        rest(&mut stream).await
    }
}

/// Begins at once and never ends, as a stream does.
fn endless() -> impl futures_util::Stream<Item = Result<&'static str, Infallible>> {
    use futures_util::StreamExt as _;
    futures_util::stream::iter([Ok("begun")]).chain(futures_util::stream::pending())
}

fn panics() -> &'static str {
    panic!("a handler's panic, on purpose")
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it never came")
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset ends an answer as well as a close does; what came counts.
    let _ = in_time(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn answer(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let mut chunk = [0; 1024];
        let count = in_time(stream.read(&mut chunk)).await.expect("open");
        assert!(count > 0, "closed after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    answer
}

const WHO: &str = "GET /who HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_on_one_connection_and_the_peer_is_known() {
    let served = Served::start(Limits::default()).await;
    let mut stream = served.connect().await;
    for _ in 0..3 {
        assert!(answer(&mut stream, WHO, "127.0.0.1").await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_panic_is_answered_with_500_and_the_server_lives_on() {
    let served = Served::start(Limits::default()).await;
    let told = served.ask("GET /panic HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 500") && told.contains("\"code\":\"internal\""), "{told}");
    assert!(!told.contains("on purpose"));
    assert!(answer(&mut served.connect().await, WHO, "127.0.0.1").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn half_a_head_is_given_up_and_so_is_silence() {
    let short = Limits { header: Duration::from_millis(50), ..Limits::default() };
    let served = Served::start(short).await;
    for half in ["", "GET /who HTTP/1.1\r\nhost: a\r\n"] {
        assert!(!served.ask(half).await.contains("200"), "{half:?}");
    }
    // The second head of a connection has the same limit, and an idle connection has not.
    let mut stream = served.connect().await;
    answer(&mut stream, WHO, "127.0.0.1").await;
    let idle = tokio::time::timeout(Duration::from_millis(150), stream.read_u8()).await;
    assert!(idle.is_err(), "an idle connection was closed by the limit of heads");
    stream.write_all(b"GET /who HT").await.expect("written");
    assert!(!rest(&mut stream).await.contains("200"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let served = Served::start(Limits { idle: Duration::from_millis(50), ..Limits::default() }).await;
    let mut stream = served.connect().await;
    answer(&mut stream, WHO, "127.0.0.1").await;
    rest(&mut stream).await;
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let served = Served::start(Limits { body: Duration::from_millis(50), ..Limits::default() }).await;
    let told = served.ask("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await;
    assert!(told.starts_with("HTTP/1.1 4"), "{told}");
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let served = Served::start(Limits::default()).await;
    let told = served.ask(&format!("GET /who HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(200_000))).await;
    assert!(!told.contains(" 200 "), "{told}");
    assert!(answer(&mut served.connect().await, WHO, "127.0.0.1").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn beyond_the_cap_one_is_told_to_come_back_and_room_is_given_again() {
    let served = Served::start(Limits { connections: 2, ..Limits::default() }).await;
    // Nobody who is being answered makes room.
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    for stream in [&mut first, &mut second] {
        answer(stream, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n", "begun\r\n").await;
    }
    let told = served.ask(WHO).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 1\r\n"), "{told}");
    let (head, body) = told.split_once("\r\n\r\n").expect("a body");
    assert!(head.ends_with(&format!("content-length: {}", body.len())), "{told}");
    drop(first);
    let again = async {
        loop {
            if served.ask("GET /who HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.contains(" 200 ") {
                return;
            }
        }
    };
    in_time(again).await;
}

#[tokio::test]
async fn at_the_stop_idle_connections_close_and_hanging_ones_are_cut_after_the_grace() {
    let mut served = Served::start(Limits { grace: Duration::from_millis(100), ..Limits::default() }).await;
    let mut idle = served.connect().await;
    answer(&mut idle, WHO, "127.0.0.1").await;
    let mut hanging = served.connect().await;
    hanging.write_all(b"GET /hang HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
    served.stop.cancel();
    in_time(served.tasks.join_next()).await.expect("it ran").expect("it ended well");
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut hanging).await, "");
    TcpStream::connect(served.addr).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn who_has_half_a_head_makes_room_then_who_rests_and_nobody_who_is_answered() {
    let served = Served::start(Limits { connections: 3, ..Limits::default() }).await;
    let (mut streams, mut rests, mut half) = (served.connect().await, served.connect().await, served.connect().await);
    answer(&mut streams, "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n", "begun\r\n").await;
    answer(&mut rests, WHO, "127.0.0.1").await;
    half.write_all(b"GET /who HTTP/1.1\r\n").await.expect("written");
    let mut new = served.connect().await;
    answer(&mut new, WHO, "127.0.0.1").await;
    assert_eq!(rest(&mut half).await, "", "half a head goes first");
    let mut newer = served.connect().await;
    answer(&mut newer, WHO, "127.0.0.1").await;
    assert_eq!(rest(&mut rests).await, "", "who has rested longest goes next");
    answer(&mut new, WHO, "127.0.0.1").await;
    assert!(tokio::time::timeout(Duration::from_millis(50), streams.read_u8()).await.is_err(), "it is still open");
}

#[test]
fn few_descriptors_mean_few_connections() {
    for (descriptors, connections) in
        [(None, 512), (Some(1 << 20), 512), (Some(1024), 480), (Some(256), 96), (Some(10), 8)]
    {
        assert_eq!(Limits::within(descriptors).connections, connections, "{descriptors:?}");
    }
}
