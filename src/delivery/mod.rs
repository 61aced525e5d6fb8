//! Delivery: what is due is leased, sent and settled.
//!
//! ```text
//!   commit / resend ──Input::Work──> ┌────────┐ ──Effect::Claim──> outbox ──Input::Claimed──┐
//!   attempt settled ──Input::Ended─> │ engine │ <───────────────────────────────────────────┘
//!   clock ───────────Input::Woke───> └────────┘ ──Effect::Start──> one task per attempt:
//!                                                    send, read, settle durably, then Input::Ended
//! ```
//!
//! [`engine`] and [`lane`] are pure: they decide what to claim and what to start, and own the slots. [`shell`] carries
//! the effects out. A slot is given back only when the attempt's settlement is durable, so that a crash repeats at most
//! as many sends as there are slots. An endpoint can hurt only its own lane: own due time, own slots, own rate. Mail is
//! one more lane.
//!
//! [`news`] tells whoever listens what happens, and waits for nobody;
//! [`tally`] counts it for the metrics.
//!
//! # What was measured
//! On two virtual cores, 2026-11, processor time of the whole process per delivery of a journey that is driven in
//! process (`benches/path.sh` has the rates; instructions per delivery are the steadiest figure: 43,000 in memory, and
//! beside them 15,000 of the kernel's; on disk 101,000 and 22,000 before the last two rows):
//!
//! | what was changed, because the profile said so | in memory | on disk |
//! |---|---|---|
//! | claims scanned what is leased; a lane knows its free rows now (`outbox/queue.rs`) | 50 us to 24 | |
//! | sled heard of every row, and was flushed and synced for each batch; the archive is the log now | | 46 us to 34 |
//! | a pooled client with redirects, retries and tasks of its own for each request; a connection that its attempt polls itself (`transport/http1.rs`) | 24 us to 16 | 34 us to 25 |
//! | ids and draws were hashed piece by piece, and draws that nobody asks as well | 100,000 to 83,000 instructions | |
//! | hyper's client rendered each head and read each answer into maps; heads are rendered once, and answers read where they lie (`transport/http1`) | 89,000 to 78,000 instructions | 141,000 to 132,000 |
//! | each attempt that ended was one claim; whatever has happened is decided on at once | (within the noise) | |
//! | a full house looked at every lane for each attempt that ended | 10,000 webhooks: 0.1 of the rate of one to more than it | |
//! | journeys, types of events, values and what an attempt needs were copied for each step: 133 allocations per delivery, 95 now | 72,000 to 61,000 instructions | 119,000 to 103,000 instructions |
//! | tasks of 2 KB were moved four times each as they began; they are boxed | 61,000 to 59,000 instructions | 103,000 to 101,000 instructions |
//! | in memory things lay in ordered maps by ids that are random, and each kept room for more attempts than it needs; they are found by number or by hash. A line that nothing keeps waiting is played without a task, and nobody is woken who does not wait | 37 us to 26, 55,000 to 43,000 instructions | |
//! | in memory all that was ever delivered stayed, 1.5 KB each, and clearing fresh pages for it took the kernel an eighth of the time; what is over is kept for the retention, which is none under `load` (`outbox/memory/state/over.rs`) | an eighth less time; 200,000 deliveries in 88 MiB, not 305 | |
//! | journeys that had come to their end stayed; `load` lets them go | 3 % less time; 150,000 journeys in 58 MiB, not 163 | |
//! | a batch was written as soon as the disk was free; where many write it gathers a little longer (`outbox/sled/gather.rs`) | | 7 % more deliveries per second, over HTTP 8 % |
//! | over HTTP a router copies what lies in its layers for each request; one layer is left of three, and what an answer shows borrows its words | | 5 % more deliveries per second |
//! | each request over HTTP set two timers and carried a token whose copies take a lock; a connection has one bell, and one word about its caller | | with the row before the last, 5 % less of the server's time |
//!
//! What brought nothing: keys that lie in their maps (smallvec), link-time optimisation (`--profile dist`), large pages, and
//! memory that is never given back; smaller code (`opt-level = "s"`, a tenth slower), its text on large pages, another
//! allocator (jemalloc; mimalloc 2); a writer that gives others its turn after a large batch (7 % of the rate on disk), or
//! that gathers for longer than it does (two or four times as many items: callers wait, and the machine idles); waiting for
//! the lock of the outbox in memory without sleeping; more deliveries owed before the clock leaps on; zeros laid out behind
//! the archive's end, with which a sync has one write and not three, and takes half the time: there are more syncs then; 32
//! lines of journeys decided together, which misses a third less code and is no faster. In memory one worker thread has 0.85
//! of the rate of two, at three quarters of their time; a third costs. Letting whoever is ready go before the loop decides
//! brought 1 %, and a simulated run in 36 then left claims behind: not found out why, so not kept. A stimulus that is alone and
//! writes its batch itself, without waking the writer: 14 switches of threads a request in place of 20, and no sooner there.
//!
//! What bounds it: in memory nothing stands out (of the instructions stimuli and rendering 34 %, HTTP 14 %, the loop and its
//! tasks 14 %, the outbox 16 %, the driver's own 15 %; the kernel has 29 % of the time, of which sending is half), but it is
//! one long way: 1,800 lines of code and 480 of data per delivery that the nearest cache does not have any more, so that an
//! instruction takes more than a cycle. Over HTTP, of whole journeys, answering stimuli takes 42 % of the time, a quarter of
//! it for writing to sockets; sending 17 %, the writer 21 %, of which its syncs 9, and the tree 4. The kernel has 39 % in all of
//! them, the allocator 12: there were 126 allocations per delivery, of which a view of the journey took 15. The rest of the
//! machine is the receiver's, a tenth, and the callers', a tenth. Where every stimulus starts a journey (208,000 instructions)
//! sled's inserts for the rows that stay (by number and by reference, and a deadline) take a quarter.

pub mod attempt;
pub mod endpoints;
pub mod engine;
pub mod lane;
pub mod news;
mod post;
pub mod shell;
pub mod tally;
mod waiting;
