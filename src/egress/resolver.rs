//! Lookups outside, a few at a time, remembered for as long as they hold.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;

use super::hostfiles::HostFiles;
use super::lookup::{Failure, Found, lookup};
use super::pace::Pace;

/// What a lookup came to.
pub(super) type Outcome = Result<Found, Failure>;

const MOST_WORKERS: usize = 6;
const MOST_WAITING: usize = 512;
const MOST_REMEMBERED: usize = 1024;
/// A worker without work ends after this.
const IDLE: Duration = Duration::from_secs(5);
const KEEP_FAILURE: Duration = Duration::from_secs(3);
/// What a worker touches of its stack is far less.
const STACK: usize = 256 * 1024;

/// The answer to [`Resolver::ask`].
pub(super) enum Asked<W> {
    /// It is known already.
    Known(Outcome, W),
    /// It will be told by [`Resolver::finished`].
    Pending,
    /// Too much is asked at once.
    Refused(W),
}

/// Looks names up for waiters of type `W`.
pub(super) struct Resolver<W> {
    shared: Arc<Shared>,
    results: Receiver<(String, Outcome)>,
    remembered: HashMap<String, (Outcome, Instant)>,
    waiting: HashMap<String, Vec<W>>,
    waiters: usize,
    pace: Pace,
}

struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    files: HostFiles,
    wake: Arc<EventFd>,
    done: Sender<(String, Outcome)>,
}

#[derive(Default)]
struct Queue {
    names: VecDeque<String>,
    workers: usize,
    idle: usize,
    ended: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Resolver<W> {
    /// A resolver that writes to `wake` when something is finished.
    pub(super) fn new(files: HostFiles, wake: Arc<EventFd>) -> Self {
        let (done, results) = channel();
        let shared = Shared {
            queue: Mutex::default(),
            more: Condvar::new(),
            files,
            wake,
            done,
        };
        Resolver {
            shared: Arc::new(shared),
            results,
            remembered: HashMap::new(),
            waiting: HashMap::new(),
            waiters: 0,
            // Names are looked up outside only when a rule allows them; under a wildcard rule this
            // bounds what can be told to its domain's servers.
            pace: Pace::new(200, 40),
        }
    }

    /// Asks for the addresses of `name`.
    pub(super) fn ask(&mut self, name: &str, waiter: W, now: Instant) -> Asked<W> {
        if let Some((outcome, until)) = self.remembered.get(name)
            && *until > now
        {
            return Asked::Known(outcome.clone(), waiter);
        }
        if self.waiters >= MOST_WAITING {
            return Asked::Refused(waiter);
        }
        if let Some(waiters) = self.waiting.get_mut(name) {
            waiters.push(waiter);
        } else if self.pace.allows(now) && self.start(name).is_ok() {
            self.waiting.insert(name.to_owned(), vec![waiter]);
        } else {
            return Asked::Refused(waiter);
        }
        self.waiters += 1;
        Asked::Pending
    }

    fn start(&self, name: &str) -> io::Result<()> {
        let mut queue = self.shared.queue();
        if queue.idle <= queue.names.len() && queue.workers < MOST_WORKERS {
            let shared = self.shared.clone();
            let spawned = thread::Builder::new()
                .name("aigate-lookup".to_owned())
                .stack_size(STACK)
                .spawn(move || work(&shared));
            match spawned {
                Ok(_) => queue.workers += 1,
                Err(error) if queue.workers == 0 => return Err(error),
                Err(_) => {}
            }
        }
        queue.names.push_back(name.to_owned());
        drop(queue);
        self.shared.more.notify_one();
        Ok(())
    }

    /// The lookups that have ended since the last call, with everybody who waits for them.
    pub(super) fn finished(&mut self, now: Instant) -> Vec<(String, Outcome, Vec<W>)> {
        let mut finished = Vec::new();
        while let Ok((name, outcome)) = self.results.try_recv() {
            let keep = outcome.as_ref().map_or(KEEP_FAILURE, |found| found.keep);
            if self.remembered.len() >= MOST_REMEMBERED {
                self.remembered.retain(|_, (_, until)| *until > now);
            }
            if self.remembered.len() < MOST_REMEMBERED {
                self.remembered
                    .insert(name.clone(), (outcome.clone(), now + keep));
            }
            let waiters = self.waiting.remove(&name).unwrap_or_default();
            self.waiters -= waiters.len();
            finished.push((name, outcome, waiters));
        }
        finished
    }
}

impl<W> Drop for Resolver<W> {
    fn drop(&mut self) {
        self.shared.queue().ended = true;
        self.shared.more.notify_all();
    }
}

fn work(shared: &Shared) {
    let mut queue = shared.queue();
    loop {
        if queue.ended {
            break;
        }
        if let Some(name) = queue.names.pop_front() {
            drop(queue);
            let outcome = lookup(&shared.files, &name);
            // Nobody listens any more when the broker has ended.
            if shared.done.send((name, outcome)).is_err() || shared.wake.write(1).is_err() {
                return;
            }
            queue = shared.queue();
            continue;
        }
        queue.idle += 1;
        let (guard, timeout) = shared
            .more
            .wait_timeout(queue, IDLE)
            .unwrap_or_else(PoisonError::into_inner);
        queue = guard;
        queue.idle -= 1;
        if timeout.timed_out() && queue.names.is_empty() {
            break;
        }
    }
    queue.workers -= 1;
}
