//! *Sometimes* counters: the rare corners that a batch of runs must have reached. One that stays at zero says that the
//! simulation has become blind there.

use std::fmt;

macro_rules! corners {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often each corner was reached.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Corners {
            $($(#[$doc])* pub(super) $name: u64,)*
        }

        impl Corners {
            pub(super) fn add(&mut self, other: &Corners) {
                $(self.$name += other.$name;)*
            }

            /// Those that were never reached.
            pub(super) fn missed(&self) -> Vec<&'static str> {
                let all = [$((stringify!($name), self.$name)),*];
                all.into_iter().filter(|(_, n)| *n == 0).map(|(name, _)| name).collect()
            }
        }

        impl fmt::Display for Corners {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "    {:>9}  {}", self.$name, stringify!($name).replace('_', " "))?;)*
                Ok(())
            }
        }
    };
}

corners! {
    /// The process died with something due that nobody had claimed.
    crash_between_ack_and_claim,
    /// It died with a request under way.
    crash_with_a_request_open,
    /// It died after an answer came and before that was durable.
    crash_between_send_and_settle,
    /// It died while it was starting, or catching up with what it found.
    crash_during_recovery,
    /// It died with writes that the disk had not been told to keep.
    crash_with_unsynced_writes,
    /// Some of those were kept, though nobody had been told.
    unacknowledged_write_survived,
    /// Some of those were lost.
    unacknowledged_write_lost,
    /// The last write was torn.
    torn_record_met,
    /// A batch was durable, and the process died before anybody heard of it.
    crash_between_sync_and_ack,
    /// A write failed, and the process ended because of it.
    store_failed,
    /// It was told to stop in the middle of things.
    stopped_in_mid_flight,
    /// The clock stood behind the store's last instant at the start.
    clock_was_behind_the_store,
    /// A claim that a crash had ended was made again.
    lease_ended_and_taken_again,
    delivery_retried,
    retried_over_a_restart,
    delivery_exhausted,
    digest_of_one,
    digest_of_several,
    mail_refused_then_accepted,
    mail_reply_lost,
    mail_given_up,
    mail_resent_after_a_crash,
    delivery_held_up_in_journey_order,
    exhaustion_let_the_next_go,
    cancel_let_the_next_go,
    processing_ended_by_its_timer,
    renewal_began,
    renewal_lapsed,
    renewal_caught_up_after_downtime,
    daily_job_crossed_a_change_of_clocks,
    monitoring_caught_up_after_downtime,
    resend_of_an_exhausted_delivery,
    resend_of_a_delivered_one,
    cancelled,
    key_repeated,
    key_repeated_after_a_crash,
    key_conflict,
    conflicting_stimuli,
    stimulus_refused,
    caller_went_away,
    call_died_with_the_process,
    paused_with_a_backlog,
    resumed,
    configuration_changed_under_backlog,
    endpoint_taken_away,
    endpoint_switched_off,
    flow_missing_for_a_deadline,
    clock_leapt,
    /// Whoever looked at the lanes saw requests leave between two looks.
    lanes_looked_at_while_busy,
    /// The endpoints were well again with something due to one of them.
    backlog_settled_in_time,
    real_store_recovered_from_its_archive,
}
