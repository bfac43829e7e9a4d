//! The time that a run may take.

use std::time::Duration;

/// The time since any fixed moment: a library does not know the clock.
pub type Clock = fn() -> Duration;

/// The time that a run may take; without a limit nobody asks the clock.
///
/// Looked at between fits only, so that a run ends a little later than asked. How many candidates are tried in that
/// time, and so what is chosen, depends on how fast the machine is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    limit: Option<Limit>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    clock: Clock,
    seconds: u64,
    end: Duration,
}

/// A part of a [`Budget`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowance {
    until: Option<(Clock, Duration)>,
}

impl Budget {
    /// `seconds` from now on; without any as long as it takes.
    #[must_use]
    pub fn new(seconds: Option<u64>, clock: Clock) -> Self {
        Self {
            limit: seconds.map(|seconds| Limit {
                clock,
                seconds,
                end: clock() + Duration::from_secs(seconds),
            }),
        }
    }

    /// The seconds given in all.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        self.limit.map(|limit| limit.seconds)
    }

    /// The given share of the time that is left.
    #[must_use]
    pub fn share(&self, share: f64) -> Allowance {
        let until = self.limit.map(|Limit { clock, end, .. }| {
            let now = clock();
            (clock, now + end.saturating_sub(now).mul_f64(share.clamp(0.0, 1.0)))
        });
        Allowance { until }
    }

    /// How much is left, for a progress bar; empty without a limit.
    #[must_use]
    pub fn left(&self) -> String {
        self.limit.map_or_else(String::new, |Limit { clock, seconds, end }| {
            format!(", {} of {seconds} s left", end.saturating_sub(clock()).as_secs())
        })
    }
}

impl Allowance {
    /// Whether the time is over.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.until.is_some_and(|(clock, until)| clock() >= until)
    }

    /// Whether there is an end at all.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.until.is_some()
    }

    /// The first `share` of what is left of it.
    #[must_use]
    pub fn first(&self, share: f64) -> Self {
        let until = self.until.map(|(clock, until)| {
            let now = clock();
            (clock, now + until.saturating_sub(now).mul_f64(share.clamp(0.0, 1.0)))
        });
        Self { until }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static SECONDS: AtomicU64 = AtomicU64::new(100);

    fn clock() -> Duration {
        Duration::from_secs(SECONDS.load(Ordering::Relaxed))
    }

    #[test]
    fn shares_are_of_what_is_left() {
        let budget = Budget::new(Some(60), clock);
        let half = budget.share(0.5);
        let tenth = half.first(1.0 / 3.0);
        assert!(!tenth.is_used_up() && half.is_limited());
        SECONDS.store(110, Ordering::Relaxed);
        assert!(tenth.is_used_up() && !half.is_used_up());
        assert_eq!(budget.left(), ", 50 of 60 s left");
        SECONDS.store(130, Ordering::Relaxed);
        assert!(half.is_used_up() && !budget.share(1.0).is_used_up());
        SECONDS.store(500, Ordering::Relaxed);
        assert!(budget.share(1.0).is_used_up());
        assert_eq!(budget.left(), ", 0 of 60 s left");
    }

    #[test]
    fn without_a_limit_time_never_ends() {
        let budget = Budget::new(None, clock);
        assert!(!budget.share(0.0).is_used_up() && !budget.share(0.0).is_limited());
        assert_eq!(budget.left(), "");
    }
}
