//! The instant at which the process dies, or its disk fails: after so many of some kind of step.
//!
//! A fuse is drawn for a life. Whoever takes a step passes it; the step at which it blows never completes.

use std::time::Duration;

use understudy::clock::real_sleep;
use understudy::rng::Draw;

use super::plan::pick;
use super::witness::Witness;

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A write was handed to the disk, which was not told to keep it yet.
    Queued,
    /// A batch was kept, and nobody was told.
    Synced,
    /// Rows were leased.
    Claimed,
    /// A request reached its receiver.
    Sent,
    /// An answer came.
    Answered,
    /// A mail server took a mail.
    Posted,
}

/// What happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// The process is gone.
    Crash,
    /// The disk fails; the process has to end by itself.
    Broken,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fuse {
    pub(super) at: Step,
    pub(super) left: u64,
    pub(super) blow: Blow,
    pub(super) blown: bool,
}

impl Fuse {
    /// Half of them blow within the first steps of a life.
    pub(super) fn draw(draw: &mut Draw) -> Fuse {
        let (at, blow) = match draw.below(8) {
            0 => (Step::Queued, Blow::Broken),
            n => (
                pick(draw, &[Step::Queued, Step::Synced, Step::Claimed, Step::Sent, Step::Answered, Step::Posted]),
                if n == 1 && draw.chance(0.3) { Blow::Broken } else { Blow::Crash },
            ),
        };
        let blow = if matches!(at, Step::Queued | Step::Synced) { blow } else { Blow::Crash };
        // Mails are few.
        let early = at == Step::Posted || draw.chance(0.4);
        let left = draw.below(if early { 6 } else { 120 });
        Fuse { at, left, blow, blown: false }
    }
}

impl Witness {
    /// Takes a step; never completes where the process dies at it. `Some` where the disk fails at it.
    pub(super) async fn pass(&self, step: Step) -> Option<Blow> {
        let blow = self.take(step)?;
        if blow == Blow::Crash {
            std::future::pending::<()>().await;
        }
        Some(blow)
    }

    fn take(&self, step: Step) -> Option<Blow> {
        let mut seen = self.seen();
        let fuse = seen.fuse.as_mut().filter(|fuse| fuse.at == step && !fuse.blown)?;
        if fuse.left > 0 {
            fuse.left -= 1;
            return None;
        }
        fuse.blown = true;
        let blow = fuse.blow;
        seen.note(|_| format!("the fuse blows: {blow:?} at {step:?}"));
        drop(seen);
        self.blown.notify_waiters();
        Some(blow)
    }

    /// Completes when the process is to die.
    pub(super) async fn death(&self) {
        loop {
            let blown = self.blown.notified();
            if self.seen().fuse.is_some_and(|fuse| fuse.blown && fuse.blow == Blow::Crash) {
                return;
            }
            blown.await;
        }
    }

    /// Completes when the disk has failed so long ago.
    pub(super) async fn broken_for(&self, span: Duration) {
        loop {
            let blown = self.blown.notified();
            if self.seen().fuse.is_some_and(|fuse| fuse.blown && fuse.blow == Blow::Broken) {
                return real_sleep(span).await;
            }
            blown.await;
        }
    }
}
