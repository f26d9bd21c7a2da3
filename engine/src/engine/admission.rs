//! Who may call, and whether the engine takes the call: method, identity, rights, phase,
//! and the caller's part of what all share.

use sha2::{Digest, Sha256};

use super::shares::Part;
use super::{Call, OpenError, Phase, Shared};
use crate::domain::command::{Command, IssueToken, Principal, RequestKey, Submission};
use crate::domain::orders::lifecycle::Role;
use crate::domain::refusal::{Refusal, RefusalCode};
use crate::domain::state::{Decision, State, Token};
use crate::domain::time::Millis;
use crate::wire::decode::{self, Request};
use crate::wire::methods::{self, MethodSpec};

/// Bytes that may wait while the journal cannot be reached; more would only grow old.
const AWAY_BACKLOG: u64 = 256 << 10;

/// Who calls, and when.
pub(super) struct Caller {
    pub(super) merchant: String,
    /// The merchant's number; `None` for the process that the engine is embedded in.
    pub(super) number: Option<u32>,
    pub(super) principal: Principal,
    pub(super) now: i64,
}

impl Caller {
    pub(super) fn of_request(&self) -> decode::Caller<'_> {
        decode::Caller {
            merchant: &self.merchant,
            principal: &self.principal,
        }
    }
}

impl Shared {
    /// The caller's part of the engine. The process that the engine is embedded in
    /// has nobody to share with.
    pub(super) fn take_part(
        &self,
        caller: &Caller,
        request: &Request,
    ) -> Result<Option<Part>, Refusal> {
        let commands = match request {
            Request::Batch(items) => items.len(),
            Request::Command(_) | Request::Query(_) | Request::Watch(_) => 1,
        };
        caller
            .number
            .map(|number| self.shares.take(number, commands, caller.now))
            .transpose()
    }

    /// Method, identity, authorization, phase.
    pub(super) fn admit(&self, call: &Call<'_>) -> Result<(&'static MethodSpec, Caller), Refusal> {
        let method = methods::find(call.method)
            .ok_or_else(|| Refusal::new(RefusalCode::MethodUnknown).fact("method", call.method))?;
        let caller = self.identify(call.token)?;
        methods::authorize(method, caller.principal.role)?;
        if method.mutation {
            self.check_open()?;
        }
        Ok((method, caller))
    }

    fn check_open(&self) -> Result<(), Refusal> {
        match self.phase() {
            Phase::Draining => return Err(Refusal::new(RefusalCode::Draining)),
            Phase::Failed => {
                return Err(Refusal::new(RefusalCode::CommitUnknown).fact(
                    "detail",
                    "the journal failed; the engine must be started again",
                ));
            }
            Phase::Serving => {}
        }
        if let Some(away) = self.writer.away()
            && self.writer.backlog() > AWAY_BACKLOG
        {
            return Err(Refusal::new(RefusalCode::JournalUnreachable)
                .fact("detail", away.detail)
                .fact("seconds", away.since.elapsed().as_secs())
                .fact("retry_ms", 1_000));
        }
        match self.writer.overloaded() {
            None => Ok(()),
            Some((count, limit)) => Err(Refusal::new(RefusalCode::Overloaded)
                .fact("what", "the journal's queue")
                .fact("count", count)
                .fact("limit", limit)
                .fact("retry_ms", 50)),
        }
    }

    /// Merchant and principal of a credential.
    fn identify(&self, token: Option<&str>) -> Result<Caller, Refusal> {
        let now = self.clock.now();
        let Some(secret) = token else {
            if !self.settings.embedded {
                return Err(unauthenticated("the call carries none"));
            }
            let principal = Principal {
                actor: "embedded".into(),
                role: Role::Admin,
                device: String::new(),
            };
            return Ok(Caller {
                merchant: self.settings.merchant.clone(),
                number: None,
                principal,
                now,
            });
        };
        let hash = sha256(secret);
        let state = self.core.lock();
        let token = current(&state, &hash, now)?;
        let merchant = state.merchants()[token.merchant as usize].name.to_string();
        Ok(Caller {
            merchant,
            number: Some(token.merchant),
            principal: Principal {
                actor: token.actor.to_string(),
                role: token.role,
                device: token.device.to_string(),
            },
            now,
        })
    }

    /// Whether a credential may still be used.
    pub(super) fn recheck(&self, token_sha256: &[u8; 32]) -> Result<(), Refusal> {
        current(&self.core.lock(), token_sha256, self.clock.now()).map(drop)
    }

    pub(super) fn issue_bootstrap_token(&self) -> Result<(), OpenError> {
        let Some(hex) = &self.settings.bootstrap_token_sha256 else {
            return Ok(());
        };
        let wrong = || OpenError::Setting {
            setting: "bootstrap_token_sha256",
            detail: "expected 64 hex digits".into(),
        };
        let token_sha256 = unhex(hex).ok_or_else(wrong)?;
        if self.core.lock().token(&token_sha256).is_some() {
            return Ok(());
        }
        let issue = IssueToken {
            token_sha256,
            actor: "operator".into(),
            role: Role::Admin,
            device: String::new(),
            expires_at: None,
            merchant: String::new(),
        };
        let submission = Submission {
            merchant: self.settings.merchant.clone(),
            principal: Principal {
                actor: "operator".into(),
                role: Role::Admin,
                device: String::new(),
            },
            key: RequestKey {
                key: decode::request_key(&self.settings.merchant, "operator", "bootstrap", hex),
                fingerprint: 1,
            },
            command: Command::IssueToken(issue),
            archived: None,
        };
        let mut state = self.core.lock();
        let now = self.clock.now();
        if let Decision::New(record) = state.submit(&submission, now) {
            self.writer.append_message(&record);
        }
        Ok(())
    }
}

/// The token with that hash, while it may be used.
fn current<'s>(
    state: &'s State,
    token_sha256: &[u8; 32],
    now: Millis,
) -> Result<&'s Token, Refusal> {
    let token = state
        .token(token_sha256)
        .ok_or_else(|| unauthenticated("it is not known or was revoked"))?;
    match token.expires_at != 0 && now >= token.expires_at {
        true => Err(unauthenticated("it has expired")),
        false => Ok(token),
    }
}

fn unauthenticated(detail: &str) -> Refusal {
    Refusal::new(RefusalCode::Unauthenticated).fact("detail", detail)
}

pub(super) fn sha256(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
