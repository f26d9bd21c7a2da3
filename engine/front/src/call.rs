//! A hot call: its message goes down to the engine, the answer comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::engine::{Call, Reply};
use holdfast_engine::wire::methods::{Kind, METHODS};
use http::HeaderMap;
use tokio::sync::oneshot;

use crate::Shared;
use crate::answer::{self, Status, code};
use crate::frames;
use crate::headers::{self, Caller};
use crate::message::{Broken, Messages};
use crate::notes::Note;

/// Who calls what, and until when they wait.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: usize,
    pub(crate) caller: Caller,
    /// `None`: each message has the default.
    due: Option<Instant>,
    default_deadline: Duration,
}

impl Asked {
    pub(crate) fn of(method: usize, headers: &HeaderMap, shared: &Shared) -> Self {
        Self {
            method,
            caller: Caller::of(headers),
            due: headers::timeout(headers).map(|left| Instant::now() + left),
            default_deadline: shared.default_deadline,
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        METHODS[self.method].kind == Kind::BidiStream
    }

    /// When a message that came at `began` is given up.
    pub(crate) fn due(&self, began: Instant) -> Instant {
        self.due.unwrap_or(began + self.default_deadline)
    }

    pub(crate) fn late(&self, when: &str) -> Reply {
        let facts = [("when", when)];
        answer::refusal(RefusalCode::DeadlineExceeded, &facts, &self.caller.locale)
    }
}

/// A message that was passed down.
#[derive(Debug)]
pub(crate) struct Begun {
    answer: oneshot::Receiver<Reply>,
    pub(crate) began: Instant,
    due: Instant,
    _counted: Counted,
}

impl Begun {
    /// The answer, no later than the caller waits. May be dropped and called again.
    pub(crate) async fn answer(&mut self, asked: &Asked) -> Reply {
        if let Ok(reply) = self.answer.try_recv() {
            return reply;
        }
        match tokio::time::timeout_at(self.due.into(), &mut self.answer).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => answer::refusal(
                RefusalCode::CommitUnknown,
                &[("detail", "the engine was closed")],
                &asked.caller.locale,
            ),
            Err(_) => asked.late("while the journal was writing"),
        }
    }
}

/// One of what a gauge counts, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    shared: Arc<Shared>,
    gauge: fn(&Shared) -> &AtomicUsize,
}

impl Counted {
    pub(crate) fn new(shared: &Arc<Shared>, gauge: fn(&Shared) -> &AtomicUsize) -> Self {
        gauge(shared).fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(shared),
            gauge,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.gauge)(&self.shared).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Passes one message down; the engine decides it before this returns.
    pub(crate) fn begin(self: &Arc<Self>, asked: &Asked, request: &[u8], began: Instant) -> Begun {
        let due = asked.due(began);
        let (done, answer) = self.answers.expect();
        let call = Call {
            method: METHODS[asked.method].path,
            request,
            token: asked.caller.token.as_deref(),
            deadline: Some(due.saturating_duration_since(Instant::now())),
            locale: &asked.caller.locale,
        };
        if let Some(core) = self.core.get()
            && let Some(engine) = core.read().as_ref()
        {
            engine.submit(call, done);
        }
        Begun {
            answer,
            began,
            due,
            _counted: Counted::new(self, |shared| &shared.in_flight),
        }
    }

    /// Counts one answered message and perhaps notes it.
    pub(crate) fn finished(&self, asked: &Asked, request: &[u8], end: End<'_>, began: Instant) {
        let took = began.elapsed();
        self.tally.count(asked.method, end.code, took);
        if self.notes.wanted(end.code) {
            let note = Note {
                method: asked.method,
                code: end.code,
                took,
                reason: end.reason.to_owned(),
                request: Vec::new(),
            };
            self.notes.put(note, request);
        }
    }
}

/// How a message ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) code: u32,
    pub(crate) reason: &'a str,
}

impl End<'_> {
    pub(crate) const OK: Self = End {
        code: 0,
        reason: "",
    };
    pub(crate) const CANCELLED: Self = End {
        code: code::CANCELLED,
        reason: "",
    };
}

/// Answers one unary call.
pub(crate) async fn unary(
    shared: Arc<Shared>,
    asked: Asked,
    body: RecvStream,
    mut respond: SendResponse<Bytes>,
    _open: frames::Call,
) {
    let began = Instant::now();
    let request = match one_message(&shared, &asked, body, began).await {
        Ok(request) => request,
        Err(Broken::Gone) => return shared.finished(&asked, &[], End::CANCELLED, began),
        Err(Broken::Told(status)) => {
            let _ = answer::end(&mut respond, &status);
            let end = End {
                code: status.code,
                reason: &status.reason,
            };
            return shared.finished(&asked, &[], end, began);
        }
    };
    let mut begun = shared.begin(&asked, &request, began);
    let reply = begun.answer(&asked).await;
    if reply.code == 0 {
        let end = match answer::send(&mut respond, &reply.payload) {
            Ok(()) => End::OK,
            Err(_) => End::CANCELLED,
        };
        return shared.finished(&asked, &request, end, began);
    }
    let status = Status::of(&reply);
    let end = match answer::end(&mut respond, &status) {
        Ok(()) => End {
            code: status.code,
            reason: &status.reason,
        },
        Err(_) => End::CANCELLED,
    };
    shared.finished(&asked, &request, end, began);
}

/// The only message of a unary call. Callers that send it too slowly are not waited for.
async fn one_message(
    shared: &Arc<Shared>,
    asked: &Asked,
    body: RecvStream,
    began: Instant,
) -> Result<Bytes, Broken> {
    let mut messages = Messages::new(body, shared);
    let read = async {
        let Some(message) = messages.next().await? else {
            let text = "the call has no message";
            return Err(Broken::Told(Status::bare(code::INTERNAL, text)));
        };
        match messages.next().await? {
            None => Ok(message),
            Some(_) => Err(Broken::Told(Status::bare(
                code::UNIMPLEMENTED,
                "the call has more than one message",
            ))),
        }
    };
    let due = asked.due(began).max(began).into();
    match tokio::time::timeout_at(due, read).await {
        Ok(read) => read,
        Err(_) => {
            let late = asked.late("before the request had come as a whole; nothing was done");
            Err(Broken::Told(Status::of(&late)))
        }
    }
}
