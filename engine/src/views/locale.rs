//! The language of an answer.

use crate::domain::orders::lifecycle::Text;

/// A language of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Locale {
    Zh,
    En,
}

impl Locale {
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The language that an accept-language value likes best, by its q values,
    /// then by order. English if it names neither language, or nothing.
    ///
    /// ```text
    /// "zh-CN,zh;q=0.9" → Zh      "fr, en;q=0.5, zh;q=0.8" → Zh      "" → En
    /// ```
    #[must_use]
    pub fn from_accept_language(value: &str) -> Self {
        let mut best = (0, Self::En);
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let Some(locale) = parts.next().and_then(Self::from_tag) else {
                continue;
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            let weight = weight.map_or(1_000, thousandths);
            if weight > best.0 {
                best = (weight, locale);
            }
        }
        best.1
    }

    /// The language of a tag such as "zh", "zh-Hans-CN" or "en_US".
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let language = tag.split(['-', '_']).next()?;
        match language.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The tag for `lang` attributes.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The half of a text that is in this language.
    #[must_use]
    pub const fn of(self, text: Text) -> &'static str {
        match self {
            Self::Zh => text.zh,
            Self::En => text.en,
        }
    }

    /// What stands between items of a list.
    pub(super) const fn comma(self) -> &'static str {
        match self {
            Self::Zh => "、",
            Self::En => ", ",
        }
    }

    /// What stands between a heading word and its text.
    pub(super) const fn colon(self) -> &'static str {
        match self {
            Self::Zh => "：",
            Self::En => ": ",
        }
    }
}

/// A q value in thousandths; 0, "not acceptable", for what is none.
fn thousandths(q: &str) -> u32 {
    match q.parse::<f32>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1_000.0).round() as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_language_wins() {
        for (value, expected) in [
            ("zh-CN,zh;q=0.9", Locale::Zh),
            ("zh", Locale::Zh),
            ("ZH-Hant-TW", Locale::Zh),
            ("zh_CN", Locale::Zh),
            ("en-GB, zh;q=0.9", Locale::En),
            ("zh;q=0.3, en;q=0.7", Locale::En),
            ("en;q=0.3,zh;q=0.301", Locale::Zh),
            ("fr-FR, de;q=0.9, zh;q=0.1", Locale::Zh),
            ("zh ; q=0.5 , en ; q=0.5", Locale::Zh),
            ("en;q=0, zh;q=0.001", Locale::Zh),
            ("zh;q=0", Locale::En),
            ("zh;q=high", Locale::En),
            ("zh;q=2", Locale::En),
            ("zh;level=1;q=0.2, en;q=0.1", Locale::Zh),
            ("zhuang", Locale::En),
            ("*", Locale::En),
            (",;,", Locale::En),
            ("", Locale::En),
        ] {
            assert_eq!(Locale::from_accept_language(value), expected, "{value:?}");
        }
    }
}
