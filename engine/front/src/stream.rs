//! A stream of commands: answered in order, a bounded number under way at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use holdfast_engine::domain::refusal::RefusalCode;
use holdfast_engine::engine::Reply;
use tokio::sync::watch;

use crate::answer::{self, Status};
use crate::call::{Asked, Begun, Counted, End};
use crate::frames;
use crate::message::{Broken, Messages};
use crate::{Phase, Shared};

/// Commands of one stream that may be under way at once.
const WINDOW: usize = 256;
/// How long a message may take from its first byte to its last.
const HALF_SENT: Duration = Duration::from_secs(10);

/// One open stream.
struct Commands {
    shared: Arc<Shared>,
    asked: Asked,
    messages: Messages,
    /// In the order of the requests.
    window: VecDeque<(Begun, Bytes)>,
}

/// Why no further command is taken.
enum Ended {
    /// The caller has sent all.
    Finished,
    /// The front drains.
    Draining,
    Broken(Broken),
}

/// Answers one stream of commands.
pub(crate) async fn commands(
    shared: Arc<Shared>,
    asked: Asked,
    body: RecvStream,
    mut respond: SendResponse<Bytes>,
    mut phase: watch::Receiver<Phase>,
    _open: frames::Call,
) {
    let Ok(mut stream) = respond.send_response(answer::head(), false) else {
        return;
    };
    let _counted = Counted::new(&shared, |shared| &shared.streams_open);
    let mut commands = Commands {
        messages: Messages::new(body, &shared),
        window: VecDeque::new(),
        shared,
        asked,
    };
    // An error means that the caller is gone: there is nobody to tell.
    if let Ok(status) = commands.answer(&mut stream, &mut phase).await {
        let _ = answer::end_stream(&mut stream, &status);
    }
}

impl Commands {
    /// Answers until the stream ends, and says how.
    async fn answer(
        &mut self,
        stream: &mut SendStream<Bytes>,
        phase: &mut watch::Receiver<Phase>,
    ) -> Result<Status, h2::Error> {
        let mut ended = None;
        loop {
            let reading = ended.is_none() && self.window.len() < WINDOW;
            let half_sent = self.messages.is_within();
            tokio::select! {
                reply = first(&mut self.window, &self.asked) => {
                    if let Some(status) = self.send(stream, reply).await? {
                        return Ok(status);
                    }
                }
                next = self.messages.next(), if reading => match next {
                    Ok(Some(request)) => self.begin(request),
                    Ok(None) => ended = Some(Ended::Finished),
                    Err(broken) => ended = Some(Ended::Broken(broken)),
                },
                () = tokio::time::sleep(HALF_SENT), if reading && half_sent => {
                    let late = self.asked.late("before a command had come as a whole");
                    ended = Some(Ended::Broken(Broken::Told(Status::of(&late))));
                }
                () = Phase::left_serving(phase), if ended.is_none() => {
                    ended = Some(Ended::Draining);
                }
            }
            if self.window.is_empty()
                && let Some(ended) = ended.take()
            {
                return self.status(ended);
            }
        }
    }

    fn begin(&mut self, request: Bytes) {
        let begun = self.shared.begin(&self.asked, &request, Instant::now());
        self.window.push_back((begun, request));
    }

    /// Sends the answer of the oldest command; gives the status if it ends the stream.
    async fn send(
        &mut self,
        stream: &mut SendStream<Bytes>,
        reply: Reply,
    ) -> Result<Option<Status>, h2::Error> {
        let Some((begun, request)) = self.window.pop_front() else {
            return Ok(None);
        };
        if reply.code != 0 {
            let status = Status::of(&reply);
            let end = End {
                code: status.code,
                reason: &status.reason,
            };
            self.shared
                .finished(&self.asked, &request, end, begun.began);
            return Ok(Some(status));
        }
        let sent = answer::send_all(stream, answer::framed(&reply.payload)).await;
        let end = if sent.is_ok() {
            End::OK
        } else {
            End::CANCELLED
        };
        self.shared
            .finished(&self.asked, &request, end, begun.began);
        sent.map(|()| None)
    }

    fn status(&self, ended: Ended) -> Result<Status, h2::Error> {
        match ended {
            Ended::Finished => Ok(Status::bare(0, "")),
            Ended::Draining => {
                let locale = &self.asked.caller.locale;
                let draining = answer::refusal(RefusalCode::Draining, &[], locale);
                Ok(Status::of(&draining))
            }
            Ended::Broken(Broken::Told(status)) => Ok(status),
            Ended::Broken(Broken::Gone) => Err(h2::Reason::CANCEL.into()),
        }
    }
}

/// The answer of the oldest command; never, while there is none.
async fn first(window: &mut VecDeque<(Begun, Bytes)>, asked: &Asked) -> Reply {
    match window.front_mut() {
        Some((begun, _)) => begun.answer(asked).await,
        None => std::future::pending().await,
    }
}
