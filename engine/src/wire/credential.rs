//! What a call's metadata says of its caller, in the words of every front.

/// The secret in an `authorization` value.
///
/// Another scheme than Bearer is no credential of ours: the value as a whole is given,
/// so that it is refused as unknown.
#[must_use]
pub fn secret(authorization: &str) -> &str {
    match authorization.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => secret.trim(),
        None if authorization.eq_ignore_ascii_case("bearer") => "",
        _ => authorization,
    }
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn only_bearer_is_taken_off() {
        for (value, found) in [
            ("Bearer abc", "abc"),
            ("bearer  abc ", "abc"),
            ("Bearer", ""),
            ("Basic abc", "Basic abc"),
            ("abc", "abc"),
            ("", ""),
        ] {
            assert_eq!(secret(value), found, "{value:?}");
        }
    }
}
