//! A listening socket with one thread per connection, all of them ended when it is dropped.
//!
//! Used by [`super::sink`] and [`super::smtp`]; knows no protocol.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

const UNPOISONED: &str = "no thread panics while it holds this lock";

/// The connections that are being served, by their number.
type Connections = Mutex<BTreeMap<usize, TcpStream>>;

/// Accepts on a port of its own until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    open: Arc<Connections>,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens on 127.0.0.1 and gives each connection to `serve` on a thread of its own.
    ///
    /// When the listener is dropped all connections are shut down, so that a `serve` that reads sees an end of file.
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Listener {
        let socket = TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Connections::default());
        let accepting = {
            let (stopped, open) = (Arc::clone(&stopped), Arc::clone(&open));
            thread::spawn(move || accept(&socket, &stopped, &open, Arc::new(serve)))
        };
        Listener { address, stopped, open, accepting: Some(accepting) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The accepting thread blocks in `accept`; a connection of our own wakes it to see the flag.
        drop(TcpStream::connect(self.address));
        let ended = self.accepting.take().map(JoinHandle::join);
        for connection in self.open.lock().expect(UNPOISONED).values() {
            // It may have been closed by the other side already.
            let _gone = connection.shutdown(Shutdown::Both);
        }
        if !thread::panicking() {
            assert!(!matches!(ended, Some(Err(_))), "the accepting thread panicked");
        }
    }
}

fn accept<F>(socket: &TcpListener, stopped: &AtomicBool, open: &Arc<Connections>, serve: Arc<F>)
where
    F: Fn(TcpStream) + Send + Sync + 'static,
{
    for number in 0.. {
        let connection = match socket.accept() {
            Ok((connection, _)) => connection,
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => panic!("failed to accept a connection: {error}"),
        };
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        // Small answers in several writes must not wait for the peer's delayed acknowledgement.
        connection.set_nodelay(true).expect("a connected socket takes options");
        open.lock().expect(UNPOISONED).insert(number, connection.try_clone().expect("a descriptor is left"));
        let (open, serve) = (Arc::clone(open), Arc::clone(&serve));
        thread::spawn(move || {
            serve(connection);
            open.lock().expect(UNPOISONED).remove(&number);
        });
    }
}
