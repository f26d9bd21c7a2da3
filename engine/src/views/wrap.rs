//! Breaking text into lines that fit, for Chinese and Latin letters mixed.
//!
//! There is no font here to ask, so widths are estimates: one em for a Chinese
//! letter, and for Latin ones the widths of a wide sans-serif. A line may come
//! out shorter than it could be, never longer than it should.

/// Sums of widths may be off by less than this, in em.
const ROUNDING: f64 = 1e-6;
/// Marks that may not begin a line.
const NEVER_FIRST: &str = "，。、；：！？）》”％…,.;:!?)";
/// Marks that may not end a line.
const NEVER_LAST: &str = "（《“(";

/// Width of a text in em, at most.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(letter_width).sum()
}

fn letter_width(letter: char) -> f64 {
    match letter {
        ' ' | 'i' | 'j' | 'l' | '.' | ',' | ';' | ':' | '!' | '|' | '\'' => 0.28,
        'f' | 'r' | 't' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.93,
        'a' | 'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' => 0.56,
        'A'..='Z' | '+' | '=' | '&' => 0.7,
        letter if letter.is_ascii() => 0.61,
        _ => 1.0,
    }
}

/// As [`wrap`], but a last line that would be short of a third borrows from
/// the lines before it, so that no letter stands alone.
pub(super) fn wrap_evenly(text: &str, limit: f64) -> Vec<String> {
    let lines = wrap(text, limit);
    let is_short = |line: &String| width(line) < limit / 3.0;
    if lines.len() < 2 || !lines.last().is_some_and(is_short) {
        return lines;
    }
    let narrower = (1..8).map(|step| wrap(text, limit * (1.0 - 0.05 * f64::from(step))));
    let mut even = narrower.filter(|tried| tried.len() == lines.len());
    even.find(|tried| !tried.last().is_some_and(is_short))
        .unwrap_or(lines)
}

/// Lines of at most `limit` em. A single word that is wider stands alone in
/// its line. Joined, with a space where one was dropped, the lines are the text.
pub(super) fn wrap(text: &str, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if !line.is_empty() && width(&line) + width(piece.trim_end()) > limit + ROUNDING {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.push_str(piece);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The parts between which a line may break: words with the space after them,
/// and Chinese letters with the marks that belong to them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (index, letter) in text.char_indices() {
        if before.is_some_and(|before| may_break(before, letter)) {
            pieces.push(&text[start..index]);
            start = index;
        }
        before = Some(letter);
    }
    pieces.push(&text[start..]);
    pieces
}

fn may_break(before: char, after: char) -> bool {
    let forbidden = after == ' ' || NEVER_FIRST.contains(after) || NEVER_LAST.contains(before);
    !forbidden && (before == ' ' || !before.is_ascii() || !after.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::orders::lifecycle::NODES;

    #[test]
    fn chinese_breaks_anywhere_but_around_its_marks() {
        assert_eq!(wrap("拣货人已指派，好", 6.0), ["拣货人已指", "派，好"]);
        assert_eq!(wrap("凭证（照片）", 3.0), ["凭证", "（照", "片）"]);
    }

    #[test]
    fn latin_breaks_between_words_only() {
        let lines = wrap("Scan it onto the vehicle", 7.0);
        assert_eq!(lines, ["Scan it onto", "the vehicle"]);
        assert_eq!(wrap("到指定PDA，拣", 5.0), ["到指定", "PDA，拣"]);
        assert_eq!(wrap("indivisible", 2.0), ["indivisible"]);
        assert_eq!(wrap("", 2.0), [""]);
    }

    #[test]
    fn a_last_line_is_not_left_short() {
        assert_eq!(wrap("放入指定的格口", 6.0), ["放入指定的格", "口"]);
        assert_eq!(wrap_evenly("放入指定的格口", 6.0), ["放入指定的", "格口"]);
        assert_eq!(wrap_evenly("放入格口", 6.0), ["放入格口"]);
        assert_eq!(
            wrap_evenly("indivisibility a", 6.0),
            ["indivisibility", "a"]
        );
    }

    #[test]
    fn every_text_of_the_floor_fits_and_loses_nothing() {
        let dense = |text: &str| text.replace(' ', "");
        for spec in &NODES {
            for text in [spec.deliverable, spec.instruction, spec.device] {
                for text in [text.zh, text.en] {
                    for limit in [8.0, 13.5, 22.0] {
                        let lines = wrap(text, limit);
                        assert_eq!(dense(&lines.concat()), dense(text));
                        for line in &lines {
                            assert!(
                                width(line) <= limit + ROUNDING,
                                "{line:?} is over {limit} em"
                            );
                            assert!(!NEVER_FIRST.contains(line.chars().next().expect("letter")));
                        }
                    }
                }
            }
        }
    }
}
