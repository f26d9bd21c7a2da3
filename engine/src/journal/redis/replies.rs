//! What the replies of a server mean.
//!
//! Whatever has another form than the scripts and commands give is `None`, and no
//! reason to stop: a proxy or another server may stand there for a while.

use redis::Value;

use super::super::frame::Chain;
use super::server::{Acquired, Head, Origin, StoredEntry, Verdict};
use super::settings::Settings;

/// The fields of an entry: its frame, and the number of its last record.
pub(super) const FIELDS: [&[u8]; 2] = [b"f", b"s"];

pub(super) fn verdict(reply: Value) -> Option<Verdict> {
    let mut parts = Parts::of(reply)?;
    match parts.text()?.as_str() {
        "OK" => Some(Verdict::Done),
        "FENCED" => Some(Verdict::Fenced {
            epoch: parts.number()?,
            owner: parts.text()?,
        }),
        "BEHIND" => Some(Verdict::Behind {
            group: parts.number()?,
            seq: parts.number()?,
            entries: parts.number()?,
        }),
        _ => None,
    }
}

pub(super) fn acquired(reply: Value) -> Option<Acquired> {
    let mut parts = Parts::of(reply)?;
    match parts.text()?.as_str() {
        "TAKEN" => Some(Acquired::Taken {
            epoch: u32::try_from(parts.number()?).ok()?,
            head: Head {
                group: parts.number()?,
                seq: parts.number()?,
                entries: parts.number()?,
                origin: Origin {
                    group: parts.number()?,
                    seq: parts.number()?,
                    chain: chain(&parts.text()?)?,
                },
            },
        }),
        "HELD" => Some(Acquired::Held {
            owner: parts.text()?,
            millis: parts.number()?,
        }),
        "HEADLESS" => Some(Acquired::Headless {
            entries: parts.number()?,
        }),
        _ => None,
    }
}

/// The parts of a script's reply, taken in order.
struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    fn of(reply: Value) -> Option<Self> {
        match reply {
            Value::Array(parts) => Some(Self(parts.into_iter())),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        redis::from_redis_value(self.0.next()?).ok()
    }

    fn number(&mut self) -> Option<u64> {
        redis::from_redis_value(self.0.next()?).ok()
    }
}

/// `None` if it has no id; an entry of another form has no frame.
pub(super) fn stored(entry: Value) -> Option<StoredEntry> {
    let (id, fields): (String, Vec<Vec<u8>>) = redis::from_redis_value(entry).ok()?;
    let (group, part) = id.split_once('-')?;
    let frame = match <[Vec<u8>; 4]>::try_from(fields) {
        Ok([frame_name, frame, seq_name, _])
            if part == "0" && [&frame_name[..], &seq_name[..]] == FIELDS =>
        {
            frame
        }
        _ => Vec::new(),
    };
    Some(StoredEntry {
        group: group.parse().ok()?,
        frame,
    })
}

/// Reads what `INFO` tells.
pub(super) fn settings(info: &str, appendfsync: Option<String>) -> Option<Settings> {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let mut version = field("redis_version")?.split('.').map(str::parse);
    let online_replicas = info
        .lines()
        .filter(|line| line.starts_with("slave") && line.contains("state=online"))
        .count();
    Some(Settings {
        version: (version.next()?.ok()?, version.next()?.ok()?),
        role: field("role")?.to_owned(),
        online_replicas: u32::try_from(online_replicas).ok()?,
        maxmemory: field("maxmemory")?.parse().ok()?,
        maxmemory_policy: field("maxmemory_policy")?.to_owned(),
        appendonly: field("aof_enabled")? == "1",
        appendfsync,
    })
}

pub(super) fn hex(chain: &Chain) -> String {
    chain.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The chain of a text; no text is the chain of a new journal.
fn chain(text: &str) -> Option<Chain> {
    let mut chain = Chain::default();
    if text.is_empty() {
        return Some(chain);
    }
    if text.len() != 2 * chain.len() || !text.is_ascii() {
        return None;
    }
    for (byte, at) in chain.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(chain)
}
