//! So many at once, then so many a second.

use std::time::Instant;

/// A bucket of allowances that fills with time.
#[derive(Debug)]
pub(super) struct Pace {
    most: f64,
    per_second: f64,
    left: f64,
    since: Option<Instant>,
}

impl Pace {
    /// `most` at once, then `per_second`.
    pub(super) fn new(most: u32, per_second: u32) -> Self {
        let most = f64::from(most);
        Pace {
            most,
            per_second: f64::from(per_second),
            left: most,
            since: None,
        }
    }

    /// Whether one more is allowed at `now`; then it is taken.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let since = self.since.replace(now).unwrap_or(now);
        let grown = now.saturating_duration_since(since).as_secs_f64() * self.per_second;
        self.left = (self.left + grown).min(self.most);
        let allowed = self.left >= 1.0;
        if allowed {
            self.left -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let (mut pace, start) = (Pace::new(3, 2), Instant::now());
        let mut count = |now| (0..10).filter(|_| pace.allows(now)).count();
        assert_eq!(count(start), 3);
        assert_eq!(count(start + Duration::from_secs(1)), 2);
        assert_eq!(count(start + Duration::from_secs(60)), 3);
    }
}
