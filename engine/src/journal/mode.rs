//! Where the truth is kept, and what an acknowledgement waits for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Durability;

/// The modes of the durability contract; `docs/durability.md` says what each can lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Mode {
    /// In this process only.
    Memory,
    /// A file; synced within 5 ms after the reply.
    FileLog,
    /// A file; synced before the reply.
    #[default]
    FileSync,
    /// Redis with `appendfsync everysec`.
    RedisEverysec,
    /// Redis with `appendfsync always`.
    RedisAlways,
    /// As `RedisAlways`, and in memory of so many replicas.
    RedisWait(u32),
    /// As `RedisAlways`, and synced by so many replicas.
    RedisWaitaof(u32),
}

impl Mode {
    #[must_use]
    pub fn durability(self) -> Durability {
        match self {
            Self::Memory => Durability::Memory,
            Self::FileLog | Self::RedisEverysec => Durability::Logged,
            Self::FileSync | Self::RedisAlways => Durability::Synced,
            Self::RedisWait(replicas) => Durability::Replicated(replicas),
            Self::RedisWaitaof(replicas) => Durability::ReplicatedSynced(replicas),
        }
    }

    #[must_use]
    pub fn is_redis(self) -> bool {
        !matches!(self, Self::Memory | Self::FileLog | Self::FileSync)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::FileLog => f.write_str("file.log"),
            Self::FileSync => f.write_str("file.sync"),
            Self::RedisEverysec => f.write_str("redis.everysec"),
            Self::RedisAlways => f.write_str("redis.always"),
            Self::RedisWait(replicas) => write!(f, "redis.wait({replicas})"),
            Self::RedisWaitaof(replicas) => write!(f, "redis.waitaof(1,{replicas})"),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl TryFrom<String> for Mode {
    type Error = UnknownMode;

    fn try_from(text: String) -> Result<Self, UnknownMode> {
        text.parse()
    }
}

/// A text that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no journal mode; expected memory, file.log, file.sync, redis.everysec, redis.always, redis.wait(N) or redis.waitaof(1,N), N from 1 to 9"
)]
pub struct UnknownMode(String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let replicas = |prefix: &str| {
            let digits = text.strip_prefix(prefix)?.strip_suffix(')')?;
            digits.parse().ok().filter(|count| (1..=9).contains(count))
        };
        match text {
            "memory" => Ok(Self::Memory),
            "file.log" => Ok(Self::FileLog),
            "file.sync" => Ok(Self::FileSync),
            "redis.everysec" => Ok(Self::RedisEverysec),
            "redis.always" => Ok(Self::RedisAlways),
            _ => replicas("redis.wait(")
                .map(Self::RedisWait)
                .or_else(|| replicas("redis.waitaof(1,").map(Self::RedisWaitaof))
                .ok_or_else(|| UnknownMode(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_others_are_refused() {
        for mode in [
            Mode::Memory,
            Mode::FileLog,
            Mode::FileSync,
            Mode::RedisEverysec,
            Mode::RedisAlways,
            Mode::RedisWait(2),
            Mode::RedisWaitaof(1),
        ] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for wrong in [
            "",
            "file",
            "redis.wait(0)",
            "redis.wait(10)",
            "redis.waitaof(2,1)",
        ] {
            assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
        }
    }
}
