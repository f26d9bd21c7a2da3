//! Policies, credentials, devices, the clock.

use super::tx::Tx;
use crate::domain::command::{
    IssueToken, PublishPolicy, ReconcileClock, RegisterDevice, RevokeToken,
};
use crate::domain::event::{
    ClockReconciled, DeviceRegistered, Event, PolicyPublished, TokenIssued, TokenRevoked,
};
use crate::domain::outcome::Done;
use crate::domain::policy::Policy;
use crate::domain::refusal::{Refusal, RefusalCode};

impl Tx<'_> {
    pub(super) fn publish_policy(&mut self, publish: &PublishPolicy) -> Result<Done, Refusal> {
        let policy = Policy::from_json(&publish.policy_json)?;
        self.emit(Event::PolicyPublished(PolicyPublished {
            policy_json: policy.to_json(),
        }));
        Ok(Done {
            policy_version: self.m().policy_version(),
            ..Done::default()
        })
    }

    /// A token of another merchant is asked for in that merchant's own
    /// submission; who may do so is settled at the door.
    pub(super) fn issue_token(&mut self, issue: &IssueToken) -> Result<Done, Refusal> {
        if self.state.tokens.contains_key(&issue.token_sha256) {
            return Err(Refusal::field(
                "token_sha256",
                "the hash of a known token",
                "the hash of a new secret",
            ));
        }
        let event = TokenIssued {
            token_sha256: issue.token_sha256.to_vec(),
            actor: self.name(&issue.actor),
            role: issue.role.number().into(),
            device: self.name(&issue.device),
            expires_at: issue.expires_at.unwrap_or(0),
        };
        self.emit(Event::TokenIssued(event));
        Ok(Done::default())
    }

    pub(super) fn revoke_token(&mut self, revoke: &RevokeToken) -> Result<Done, Refusal> {
        let merchant = self.merchant;
        let matches = |hash: &[u8; 32], actor: &str| {
            if revoke.actor.is_empty() {
                *hash == revoke.token_sha256
            } else {
                actor == revoke.actor
            }
        };
        let mut hashes: Vec<[u8; 32]> = self
            .state
            .tokens
            .iter()
            .filter(|(hash, token)| token.merchant == merchant && matches(hash, &token.actor))
            .map(|(hash, _)| *hash)
            .collect();
        // A map has no order; events must have one.
        hashes.sort_unstable();
        for hash in &hashes {
            self.emit(Event::TokenRevoked(TokenRevoked {
                token_sha256: hash.to_vec(),
            }));
        }
        Ok(Done {
            count: u32::try_from(hashes.len()).unwrap_or(u32::MAX),
            ..Done::default()
        })
    }

    pub(super) fn register_device(&mut self, register: &RegisterDevice) -> Result<Done, Refusal> {
        let warehouse = if register.retired {
            0
        } else {
            self.find_warehouse(&register.warehouse)?
        };
        let event = DeviceRegistered {
            device: self.name(&register.device),
            warehouse,
            kind: self.name(&register.kind),
            retired: register.retired,
        };
        self.emit(Event::DeviceRegistered(event));
        Ok(Done::default())
    }

    pub(super) fn reconcile_clock(&mut self, reconcile: &ReconcileClock) -> Result<Done, Refusal> {
        if reconcile.reason.is_empty() {
            return Err(Refusal::new(RefusalCode::ReasonRequired)
                .fact("why", "deadlines run again and may end holds"));
        }
        self.emit(Event::ClockReconciled(ClockReconciled {
            reason: reconcile.reason.clone(),
        }));
        Ok(Done::default())
    }
}
