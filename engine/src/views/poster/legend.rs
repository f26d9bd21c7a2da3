//! What arrows, marks and colours of the poster mean.

use super::super::locale::Locale;
use super::super::svg::{Drawing, Letters, Rect};
use super::super::wording::{NEVER_SKIPPED, cancel_meaning};
use super::super::wrap::width;
use super::card::{CANCEL, draw_pill, draw_plate, paint};
use super::{CARDS_BOTTOM, MARGIN};
use crate::domain::orders::lifecycle::{CancelMeaning, NODES, Text};

const SIZE: f64 = 15.0;
const FIRST_ROW: f64 = CARDS_BOTTOM + 36.0;
const SECOND_ROW: f64 = FIRST_ROW + 36.0;

const FORWARD: Text = Text {
    zh: "前进：逐个节点",
    en: "forward, one node at a time",
};
const REWORK: Text = Text {
    zh: "返工：须写原因",
    en: "rework, with a reason",
};
const NEEDS_RECORD: Text = Text {
    zh: "必须有自己的记录",
    en: "needs its own record",
};
const MAY_BE_INFERRED: Text = Text {
    zh: "可由后一节点的扫码补记",
    en: "may be inferred from a later scan",
};
const TIMES: Text = Text {
    zh: "时限为默认值，店铺可改",
    en: "times are defaults; a shop may change them",
};

pub(super) fn draw(drawing: &mut Drawing, locale: Locale) {
    let mut pen = Pen {
        drawing,
        x: MARGIN,
        y: FIRST_ROW,
    };
    pen.arrow("forward");
    pen.text(locale.of(FORWARD));
    pen.arrow("rework");
    pen.text(locale.of(REWORK));
    pen.plate(false);
    pen.text(&(locale.of(NEVER_SKIPPED).to_owned() + locale.colon() + locale.of(NEEDS_RECORD)));
    pen.plate(true);
    pen.text(locale.of(MAY_BE_INFERRED));
    pen.text(locale.of(TIMES));

    (pen.x, pen.y) = (MARGIN, SECOND_ROW);
    pen.text(locale.of(CANCEL).trim_end());
    for (meaning, nodes) in cancel_ranges() {
        let text = format!("{nodes}  {}", locale.of(cancel_meaning(meaning)));
        pen.pill(&text, paint(meaning));
    }
}

/// Each meaning of a cancel with its nodes, such as "5–9".
fn cancel_ranges() -> Vec<(CancelMeaning, String)> {
    NODES
        .chunk_by(|a, b| a.on_cancel == b.on_cancel)
        .map(|run| {
            let (first, last) = (run[0].node.number(), run[run.len() - 1].node.number());
            let nodes = if first == last {
                first.to_string()
            } else {
                format!("{first}–{last}")
            };
            (run[0].on_cancel, nodes)
        })
        .collect()
}

/// Where the next part of the legend goes.
struct Pen<'a> {
    drawing: &'a mut Drawing,
    x: f64,
    y: f64,
}

impl Pen<'_> {
    fn arrow(&mut self, class: &str) {
        let (x, y, end) = (self.x, self.y - 5.0, self.x + 56.0);
        self.drawing.raw(&format!(
            r#"<path d="M{x:.1} {y:.1}H{end:.1}" class="{class}" marker-end="url(#{class}-head)"/>"#
        ));
        self.x = end + 10.0;
    }

    fn text(&mut self, text: &str) {
        let letters = Letters {
            size: SIZE,
            class: "",
        };
        self.drawing.line(self.x, self.y, letters, "start", text);
        self.x += width(text) * SIZE + 26.0;
    }

    fn plate(&mut self, inferable: bool) {
        let plate = Rect {
            x: self.x,
            y: self.y - 17.5,
            width: 24.0,
            height: 24.0,
        };
        draw_plate(self.drawing, plate, "n", inferable);
        self.x = plate.right() + 8.0;
    }

    fn pill(&mut self, text: &str, paint: &str) {
        let right = draw_pill(self.drawing, self.x, self.y - 17.5, text, paint);
        self.x = right + 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::PAGE_WIDTH;
    use super::*;

    #[test]
    fn cancel_meanings_name_their_nodes() {
        let nodes: Vec<String> = cancel_ranges()
            .into_iter()
            .map(|(_, nodes)| nodes)
            .collect();
        assert_eq!(nodes, ["1", "2–4", "5–9", "10–11", "12"]);
    }

    #[test]
    fn the_legend_ends_within_the_page() {
        for locale in Locale::ALL {
            let mut drawing = Drawing::default();
            draw(&mut drawing, locale);
            for line in drawing.into_markup().lines() {
                let number = |name: &str| {
                    let value = line.split(&format!("{name}=\"")).nth(1)?;
                    value.split('"').next()?.parse::<f64>().ok()
                };
                let Some(x) = number("x") else { continue };
                let text = line.split(['<', '>']).nth(2).unwrap_or("");
                let span = match line.contains("\"middle\"") {
                    true => width(text) * SIZE / 2.0,
                    false => number("width").unwrap_or(width(text) * SIZE),
                };
                assert!(x + span <= PAGE_WIDTH - MARGIN, "{locale:?}: {line}");
            }
        }
    }
}
