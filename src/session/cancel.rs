//! Cancel requests: our own random keys, never the upstream's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What BackendKeyData tells the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub process: i32,
    pub secret: i32,
}

/// How to cancel what runs on one upstream connection now.
pub trait Cancel: Clone + Send + 'static {
    /// Ends when the upstream has taken the request.
    fn cancel(self) -> impl Future<Output = ()> + Send;
}

/// Secret and target, by process number.
type Sessions<C> = HashMap<i32, (i32, Arc<Target<C>>)>;

/// Every session that could be cancelled.
#[derive(Debug)]
pub struct Registry<C> {
    sessions: Mutex<Sessions<C>>,
}

/// One session's running statement, if it runs one.
#[derive(Debug)]
pub struct Target<C> {
    state: Mutex<State<C>>,
    /// Told when a forwarded request is done.
    settled: Notify,
    /// Told when a request came while the session still waited for a connection.
    wanted: Notify,
}

#[derive(Debug)]
struct State<C> {
    running: Option<C>,
    waiting: bool,
    forwarding: usize,
}

/// Registers a session for as long as it lives.
#[derive(Debug)]
pub struct Registration<C> {
    registry: Arc<Registry<C>>,
    key: Key,
    target: Arc<Target<C>>,
}

impl<C: Cancel> Registry<C> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Registry { sessions: Mutex::new(HashMap::new()) }
    }

    pub fn register(self: &Arc<Self>, mut random: impl FnMut() -> (i32, i32)) -> Registration<C> {
        let target = Arc::new(Target {
            state: Mutex::new(State { running: None, waiting: false, forwarding: 0 }),
            settled: Notify::new(),
            wanted: Notify::new(),
        });
        let mut sessions = lock(&self.sessions);
        let key = loop {
            let (process, secret) = random();
            // Drivers show the process number to people: keep it positive.
            let process = process & i32::MAX;
            if let Entry::Vacant(free) = sessions.entry(process) {
                free.insert((secret, target.clone()));
                break Key { process, secret };
            }
        };
        drop(sessions);
        Registration { registry: self.clone(), key, target }
    }

    /// Cancels what the session of `key` runs. A wrong key does nothing, and nothing is answered either way.
    pub async fn cancel(&self, key: Key) {
        let target = match lock(&self.sessions).get(&key.process) {
            Some((secret, target)) if *secret == key.secret => target.clone(),
            Some(_) | None => return,
        };
        target.cancel().await;
    }
}

impl<C: Cancel> Target<C> {
    async fn cancel(&self) {
        let running = {
            let mut state = lock(&self.state);
            match &state.running {
                Some(running) => {
                    let running = running.clone();
                    state.forwarding += 1;
                    running
                }
                None => {
                    if state.waiting {
                        self.wanted.notify_one();
                    }
                    return;
                }
            }
        };
        running.cancel().await;
        lock(&self.state).forwarding -= 1;
        self.settled.notify_one();
    }
}

impl<C: Cancel> Registration<C> {
    pub fn key(&self) -> Key {
        self.key
    }

    /// A statement waits for a connection; resolves when it is cancelled meanwhile.
    pub async fn cancelled_while_waiting(&self) {
        lock(&self.target.state).waiting = true;
        self.target.wanted.notified().await;
    }

    pub fn running(&self, on: C) {
        let mut state = lock(&self.target.state);
        state.waiting = false;
        state.running = Some(on);
    }

    /// Nothing runs any more. Waits for requests already on their way, so that none hits the connection's next user.
    pub async fn finished(&self) {
        loop {
            {
                let mut state = lock(&self.target.state);
                state.running = None;
                state.waiting = false;
                if state.forwarding == 0 {
                    return;
                }
            }
            self.target.settled.notified().await;
        }
    }
}

impl<C> Drop for Registration<C> {
    fn drop(&mut self) {
        lock(&self.registry.sessions).remove(&self.key.process);
    }
}

/// A panic elsewhere must not stop cancel requests: the map is valid after every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Clone)]
    struct Counted(Arc<AtomicUsize>);

    impl Cancel for Counted {
        async fn cancel(self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn registered() -> (Arc<Registry<Counted>>, Registration<Counted>, Arc<AtomicUsize>) {
        let registry = Arc::new(Registry::new());
        let session = registry.register(|| (-5, 9));
        (registry, session, Arc::new(AtomicUsize::new(0)))
    }

    #[tokio::test]
    async fn a_running_statement_is_cancelled_once() {
        let (registry, session, count) = registered();
        session.running(Counted(count.clone()));
        registry.cancel(session.key()).await;
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_wrong_secret_and_a_finished_statement_cancel_nothing() {
        let (registry, session, count) = registered();
        session.running(Counted(count.clone()));
        registry.cancel(Key { secret: 10, ..session.key() }).await;
        session.finished().await;
        registry.cancel(session.key()).await;
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_session_that_ended_is_forgotten() {
        let (registry, session, _) = registered();
        drop(session);
        assert!(lock(&registry.sessions).is_empty());
    }

    #[tokio::test]
    async fn two_sessions_never_share_a_process_number() {
        let (registry, first, _) = registered();
        let mut numbers = [5, 5, 6].into_iter();
        let second = registry.register(|| (numbers.next().unwrap(), 1));
        let third = registry.register(|| (numbers.next().unwrap(), 1));
        assert_ne!(first.key().process, second.key().process);
        assert_ne!(second.key().process, third.key().process);
    }
}
