//! Tells events, each kind once in a while: a program that is refused tends to try again.

use std::time::{Duration, Instant};

use super::doors::{Closed, Way};
use super::event::{Event, Reason};
use super::pace::Pace;
use crate::policy::origin::Origin;

/// Takes the events.
pub type Sink = Box<dyn FnMut(Event) + Send>;

const AGAIN_AFTER: Duration = Duration::from_secs(5);
const MOST_RECENT: usize = 64;

pub(super) struct Report {
    sink: Sink,
    recent: Vec<(Event, Instant)>,
    pace: Pace,
}

impl Report {
    pub(super) fn new(sink: Sink) -> Self {
        Report {
            sink,
            recent: Vec::new(),
            pace: Pace::new(200, 20),
        }
    }

    /// Tells that a port cannot be served.
    pub(super) fn closed(&mut self, closed: &Closed, now: Instant) {
        let host = match closed.way {
            Way::Out => "any host",
            Way::Service => "localhost",
            Way::In => "sandbox",
        };
        let reason = Reason::NotServed(closed.why.clone());
        let port = Some(closed.port).filter(|port| *port != 0);
        self.tell(host, port, reason, None, now);
    }

    /// Tells an event, unless the same was told moments ago.
    pub(super) fn tell(
        &mut self,
        host: &str,
        port: Option<u16>,
        reason: Reason,
        rule: Option<Origin>,
        now: Instant,
    ) {
        let same = |(event, _): &&mut (Event, Instant)| {
            event.host == host && event.port == port && event.reason == reason
        };
        if let Some((event, told)) = self.recent.iter_mut().find(same) {
            event.repeats = event.repeats.saturating_add(1);
            if now.duration_since(*told) >= AGAIN_AFTER && self.pace.allows(now) {
                (self.sink)(event.clone());
                event.repeats = 0;
                *told = now;
            }
            return;
        }
        if !self.pace.allows(now) {
            return;
        }
        let event = Event::new(host.to_owned(), port, rule, reason);
        (self.sink)(event.clone());
        if self.recent.len() >= MOST_RECENT {
            let oldest = self
                .recent
                .iter()
                .enumerate()
                .min_by_key(|(_, (_, told))| *told);
            if let Some((index, _)) = oldest {
                self.recent.swap_remove(index);
            }
        }
        self.recent.push((event, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_same_event_is_told_once_in_a_while_with_its_count() {
        let (sender, receiver) = channel();
        let mut report = Report::new(Box::new(move |event| sender.send(event).expect("told")));
        let start = Instant::now();
        let mut tell = |host: &str, now| report.tell(host, Some(80), Reason::Udp, None, now);
        for _ in 0..5 {
            tell("a.example", start);
        }
        tell("b.example", start);
        tell("a.example", start + AGAIN_AFTER);
        let told: Vec<(String, u32)> = receiver.try_iter().map(|e| (e.host, e.repeats)).collect();
        let expected = [("a.example", 0), ("b.example", 0), ("a.example", 5)];
        assert_eq!(told, expected.map(|(host, count)| (host.to_owned(), count)));
    }

    #[test]
    fn a_flood_of_different_events_is_bounded() {
        let (sender, receiver) = channel();
        let mut report = Report::new(Box::new(move |event| sender.send(event).expect("told")));
        let start = Instant::now();
        for index in 0..5000 {
            report.tell(&format!("n{index}"), None, Reason::NotAllowed, None, start);
        }
        assert_eq!(receiver.try_iter().count(), 200);
        assert_eq!(report.recent.len(), MOST_RECENT);
    }
}
