//! Refusals as google.rpc.Status: one code, one reason, every fact, both languages.

use std::collections::BTreeMap;

use prost::Message;

use crate::domain::refusal::{Refusal, RefusalCode};
use crate::views::Locale;

/// Domain of the reasons in ErrorInfo.
const DOMAIN: &str = "holdfast";

// Declared by hand: four small messages of google/rpc that every client library
// already has.

#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<FieldViolation>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FieldViolation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LocalizedMessage {
    #[prost(string, tag = "1")]
    locale: String,
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// The facts of a refusal as a map.
#[must_use]
pub fn facts(refusal: &Refusal) -> BTreeMap<String, String> {
    refusal
        .facts()
        .iter()
        .map(|fact| (fact.key.clone(), fact.value.clone()))
        .collect()
}

/// A refusal's text in the caller's language.
#[must_use]
pub fn message(refusal: &Refusal, locale: Locale) -> String {
    match locale {
        Locale::Zh => refusal.message_zh(),
        Locale::En => refusal.message_en(),
    }
}

/// The encoded google.rpc.Status of a refusal.
#[must_use]
pub fn status(refusal: &Refusal, locale: Locale) -> Vec<u8> {
    let info = ErrorInfo {
        reason: refusal.code().id().into(),
        domain: DOMAIN.into(),
        metadata: facts(refusal),
    };
    let tag = match locale {
        Locale::Zh => "zh-CN",
        Locale::En => "en",
    };
    let mut details = vec![
        any("ErrorInfo", &info),
        any(
            "LocalizedMessage",
            &LocalizedMessage {
                locale: tag.into(),
                message: message(refusal, locale),
            },
        ),
    ];
    let field = refusal.get("field");
    if !field.is_empty() {
        let violation = FieldViolation {
            field: field.into(),
            description: refusal.message_en(),
        };
        details.push(any(
            "BadRequest",
            &BadRequest {
                field_violations: vec![violation],
            },
        ));
    }
    if let Some(retry_ms) = retry_ms(refusal) {
        let retry_delay = prost_types::Duration {
            seconds: retry_ms / 1_000,
            nanos: i32::try_from(retry_ms % 1_000 * 1_000_000).unwrap_or(0),
        };
        details.push(any(
            "RetryInfo",
            &RetryInfo {
                retry_delay: Some(retry_delay),
            },
        ));
    }
    Status {
        code: refusal.spec().class as i32,
        message: refusal.message_en(),
        details,
    }
    .encode_to_vec()
}

/// When the same request may come again, where that helps.
fn retry_ms(refusal: &Refusal) -> Option<i64> {
    match refusal.code() {
        RefusalCode::Overloaded => refusal.get("retry_ms").parse().ok(),
        RefusalCode::Draining => Some(1_000),
        _ => None,
    }
}

fn any(name: &str, message: &impl Message) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/google.rpc.{name}"),
        value: message.encode_to_vec(),
    }
}

/// What a status says, for callers in this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    pub reason: String,
    /// In the caller's language.
    pub message: String,
    pub facts: BTreeMap<String, String>,
}

/// Reads an encoded status of our own.
#[must_use]
pub fn parts(payload: &[u8]) -> Parts {
    let status = Status::decode(payload).unwrap_or_default();
    let detail = |name: &str| {
        status
            .details
            .iter()
            .find(|any| any.type_url.ends_with(name))
            .map(|any| any.value.as_slice())
    };
    let info = detail("ErrorInfo")
        .and_then(|bytes| ErrorInfo::decode(bytes).ok())
        .unwrap_or_default();
    let text = detail("LocalizedMessage").and_then(|bytes| LocalizedMessage::decode(bytes).ok());
    Parts {
        reason: info.reason,
        message: text.map_or(status.message, |text| text.message),
        facts: info.metadata,
    }
}

/// A status as a front sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub reason: String,
    /// "REASON: what happened", for callers that read nothing else.
    pub text: String,
    /// Encoded google.rpc.Status with the text as its `message`, word for word: readers
    /// of rich errors reject a call whose text and status differ.
    pub status: Vec<u8>,
}

/// Names an encoded status of our own; `None` if it is none.
#[must_use]
pub fn named(payload: &[u8]) -> Option<Named> {
    let reason = parts(payload).reason;
    let (code, message, details) = split(payload)?;
    let text = format!("{reason}: {message}");
    let mut status = Vec::with_capacity(payload.len() + reason.len() + 4);
    put(&mut status, CODE);
    put(&mut status, code);
    put(&mut status, MESSAGE);
    put(&mut status, text.len() as u64);
    status.extend_from_slice(text.as_bytes());
    status.extend_from_slice(details);
    Some(Named {
        reason,
        text,
        status,
    })
}

/// Tags of google.rpc.Status: a varint and a text.
const CODE: u64 = 1 << 3;
const MESSAGE: u64 = 2 << 3 | 2;

/// Code, message and the encoded details, which the engine writes in this order.
fn split(payload: &[u8]) -> Option<(u64, &str, &[u8])> {
    let mut rest = payload;
    if take(&mut rest)? != CODE {
        return None;
    }
    let code = take(&mut rest)?;
    if take(&mut rest)? != MESSAGE {
        return None;
    }
    let length = usize::try_from(take(&mut rest)?).ok()?;
    let (message, details) = rest.split_at_checked(length)?;
    Some((code, std::str::from_utf8(message).ok()?, details))
}

/// Takes a varint off the front.
fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a varint.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The table of docs/refusals.md.
#[must_use]
pub fn refusals_markdown() -> String {
    let mut table = String::from(
        "| reason | gRPC code | remembered | English | 中文 |\n|---|---|---|---|---|\n",
    );
    for spec in crate::domain::refusal::SPECS {
        let remembered = if spec.sticky { "yes" } else { "no" };
        table.push_str(&format!(
            "| {} | {} | {remembered} | {} | {} |\n",
            spec.code, spec.class as u8, spec.en, spec.zh
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_encodes_with_its_facts_in_both_languages() {
        for spec in crate::domain::refusal::SPECS {
            let refusal = Refusal::new(spec.code)
                .fact("sku", "A-1")
                .fact("field", "lines[0].sku");
            for (locale, tag) in [(Locale::Zh, "zh-CN"), (Locale::En, "en")] {
                let status =
                    Status::decode(status(&refusal, locale).as_slice()).expect("own encoding");
                assert_eq!(status.code, spec.class as i32);
                let info =
                    ErrorInfo::decode(status.details[0].value.as_slice()).expect("ErrorInfo first");
                assert_eq!(
                    (info.reason.as_str(), info.metadata["sku"].as_str()),
                    (spec.code.id(), "A-1")
                );
                let text = LocalizedMessage::decode(status.details[1].value.as_slice())
                    .expect("LocalizedMessage second");
                assert_eq!(
                    (text.locale.as_str(), text.message),
                    (tag, message(&refusal, locale))
                );
            }
        }
    }

    /// Refresh with `HOLDFAST_REFRESH=1 cargo test refusals_page`.
    #[test]
    fn the_refusals_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/refusals.md");
        let intro = "# Refusals\n\nGenerated from `engine/src/domain/refusal.rs`; refresh with `HOLDFAST_REFRESH=1 cargo test refusals_page`.\n\
                     A remembered refusal is answered again to the same `request_id`; a new attempt needs a new one.\n\n";
        let page = format!("{intro}{}", refusals_markdown());
        if std::env::var_os("HOLDFAST_REFRESH").is_some() {
            std::fs::write(path, &page).expect("docs can be written");
        }
        assert_eq!(
            std::fs::read_to_string(path).expect("docs/refusals.md"),
            page,
            "stale: see the comment of this test"
        );
    }
}
