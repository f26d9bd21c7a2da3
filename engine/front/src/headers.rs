//! A call's metadata: who calls, how long they wait, whether the call is for us.

use std::time::Duration;

use holdfast_engine::wire::credential;
use holdfast_engine::wire::methods::METHODS;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};

/// Most bytes of metadata, counted as HTTP/2 does.
pub(crate) const MAX_METADATA: usize = 16 << 10;

/// Secret and language of a call.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) token: Option<String>,
    pub(crate) locale: String,
}

impl Caller {
    /// Of two values the last counts.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let last = |name| {
            let value = headers.get_all(name).iter().next_back()?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            token: last(AUTHORIZATION).map(|value| credential::secret(&value).to_owned()),
            locale: last(ACCEPT_LANGUAGE).unwrap_or_default(),
        }
    }
}

/// The method's place in the table if the call is hot, plainly gRPC and not compressed.
pub(crate) fn hot<B>(request: &Request<B>) -> Option<usize> {
    let headers = request.headers();
    let grpc = headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let plain = headers
        .get("grpc-encoding")
        .is_none_or(|value| value == "identity");
    if !grpc || !plain || request.method() != Method::POST {
        return None;
    }
    let path = request.uri().path();
    METHODS
        .iter()
        .position(|method| method.hot && method.path == path)
}

pub(crate) fn is_too_much(headers: &HeaderMap) -> bool {
    let size = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 32
    };
    headers.iter().map(size).sum::<usize>() > MAX_METADATA
}

/// How long the caller waits; `None` if it does not say, or not so that one could read it.
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit_and_nothing_else_is() {
        for (text, expected) in [
            ("2H", Some(7_200_000_000)),
            ("3M", Some(180_000_000)),
            ("5S", Some(5_000_000)),
            ("0m", Some(0)),
            ("250m", Some(250_000)),
            ("99999999u", Some(99_999_999)),
            ("7000n", Some(7)),
            ("100000000S", None),
            ("S", None),
            ("5", None),
            ("-1S", None),
            ("", None),
            ("5é", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                "grpc-timeout",
                http::HeaderValue::from_bytes(text.as_bytes()).expect("visible"),
            );
            let expected = expected.map(Duration::from_micros);
            assert_eq!(timeout(&headers), expected, "{text}");
        }
    }
}
