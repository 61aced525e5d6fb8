//! The schedule, against the real binary: renewals by a daily job, AML noise, spot checks; over restarts and kills.

mod jobs;
mod renewals;
