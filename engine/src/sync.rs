//! Locks, atomics, channels and threads of what several threads share.
//!
//! With the feature `shuttle` they are those of a scheduler that runs the same lines in one
//! order of steps after another; `models` says what must hold in all of them. Never in a
//! release.

#[cfg(not(feature = "shuttle"))]
pub(crate) use {
    parking_lot::{Condvar, Mutex, RwLock},
    std::sync::{atomic, mpsc},
    std::thread,
};
#[cfg(feature = "shuttle")]
pub(crate) use {
    scheduled::{Condvar, Mutex, RwLock},
    shuttle::sync::{atomic, mpsc},
    shuttle::thread,
};

/// Shuttle's locks in the shape of parking_lot's.
#[cfg(feature = "shuttle")]
mod scheduled {
    use std::ops::{Deref, DerefMut};
    use std::time::{Duration, Instant};

    use shuttle::rand::Rng;
    use shuttle::sync;

    const HEALTHY: &str = "a panic ends the run";

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect(HEALTHY)))
        }
    }

    /// Empty only while a condition is waited for.
    pub(crate) struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect("nobody looks while it waits")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("nobody looks while it waits")
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn read(&self) -> sync::RwLockReadGuard<'_, T> {
            self.0.read().expect(HEALTHY)
        }

        pub(crate) fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
            self.0.write().expect(HEALTHY)
        }
    }

    pub(crate) struct Waited {
        late: bool,
    }

    impl Waited {
        pub(crate) fn timed_out(&self) -> bool {
            self.late
        }
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(sync::Condvar::new())
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let held = guard.0.take().expect("it is held");
            guard.0 = Some(self.0.wait(held).expect(HEALTHY));
        }

        /// A nap never ends by itself: who relies on it to notice work was not told of it.
        pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> Waited {
            self.wait(guard);
            Waited { late: false }
        }

        /// A deadline may pass at any time.
        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> Waited {
            let late = shuttle::rand::thread_rng().gen_bool(0.5);
            if !late {
                self.wait(guard);
            }
            Waited { late }
        }
    }
}
