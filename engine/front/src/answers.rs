//! Answers on their way from the journal thread to the loop: one wake-up a commit group.

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use holdfast_engine::engine::{Done, Reply};

/// Answers that are ready and not handed out.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    ready: Mutex<Vec<(oneshot::Sender<Reply>, Reply)>>,
    group: Notify,
}

impl Answers {
    /// What takes one answer, and where it will be. An answer that is there before the
    /// call was passed down goes the short way.
    pub(crate) fn expect(self: &std::sync::Arc<Self>) -> (Done, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        let answers = std::sync::Arc::clone(self);
        let here = std::thread::current().id();
        let done = move |reply| {
            if std::thread::current().id() == here {
                // Whoever gave the call up does not want it.
                let _ = sender.send(reply);
            } else {
                answers.ready.lock().push((sender, reply));
            }
        };
        (Box::new(done), receiver)
    }

    /// Called by the journal thread behind each group.
    pub(crate) fn wake(&self) {
        if !self.ready.lock().is_empty() {
            self.group.notify_one();
        }
    }

    /// Hands answers out, for ever.
    pub(crate) async fn hand_out(&self) {
        loop {
            self.group.notified().await;
            let ready = std::mem::take(&mut *self.ready.lock());
            for (sender, reply) in ready {
                let _ = sender.send(reply);
            }
        }
    }
}
