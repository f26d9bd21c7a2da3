//! Arrows between cards. Each carries its edge in `data-edge`, such as "6-5".

use super::super::drawn_edges;
use super::super::locale::Locale;
use super::super::svg::{Drawing, Letters, Rect};
use super::super::wording::rework_cause;
use super::super::wrap::width;
use super::{ROW_GAP, place, row_and_column};
use crate::domain::orders::lifecycle::{Edge, Node};

/// Height of in-row rework above its row.
const ARC: f64 = 20.0;
/// Distance from a card's edge to where in-row rework touches it.
const ARC_FOOT: f64 = 70.0;
/// Levels below a row of what runs to or from the next one.
const REWORK_LEVEL: f64 = 16.0;
const FORWARD_LEVEL: f64 = ROW_GAP - 40.0;
const CAUSE_SIZE: f64 = 15.0;

pub(super) fn draw(drawing: &mut Drawing, locale: Locale) {
    for (from, to, edge) in drawn_edges() {
        let (a, b) = (place(from), place(to));
        let one_row = row_and_column(from).0 == row_and_column(to).0;
        if edge == Edge::Forward {
            let path = if one_row { across(a, b) } else { down(a, b) };
            draw_path(drawing, from, to, "forward", &path);
            continue;
        }
        let (path, label) = if one_row { back(a, b) } else { up(a, b) };
        draw_path(drawing, from, to, "rework", &path);
        if let Some(cause) = rework_cause(from) {
            draw_cause(drawing, label, locale.of(cause));
        }
    }
}

fn draw_path(drawing: &mut Drawing, from: Node, to: Node, class: &str, path: &str) {
    drawing.raw(&format!(
        r#"<path d="{path}" class="{class}" marker-end="url(#{class}-head)" data-edge="{}-{}"/>"#,
        from.number(),
        to.number()
    ));
}

/// Forward to the card on the right.
fn across(a: Rect, b: Rect) -> String {
    let y = a.y + a.height / 2.0;
    format!("M{:.1} {y:.1}H{:.1}", a.right(), b.x)
}

/// Forward to the first card of the next row.
fn down(a: Rect, b: Rect) -> String {
    let level = a.bottom() + FORWARD_LEVEL;
    let (start, end) = (a.right() - ARC_FOOT, b.x + ARC_FOOT);
    format!(
        "M{start:.1} {:.1}V{level:.1}H{end:.1}V{:.1}",
        a.bottom(),
        b.y
    )
}

/// Back to the card on the left, over the gap between them.
fn back(a: Rect, b: Rect) -> (String, (f64, f64)) {
    let (start, end, level) = (a.x + ARC_FOOT, b.right() - ARC_FOOT, a.y - ARC);
    let path = format!("M{start:.1} {:.1}V{level:.1}H{end:.1}V{:.1}", a.y, b.y);
    (path, ((start + end) / 2.0, level))
}

/// Back to the last card of the row above, outside of the line that leads down.
fn up(a: Rect, b: Rect) -> (String, (f64, f64)) {
    let level = b.bottom() + REWORK_LEVEL;
    let (start, end) = (a.x + ARC_FOOT / 2.0, b.right() - 2.0 * ARC_FOOT);
    let path = format!(
        "M{start:.1} {:.1}V{level:.1}H{end:.1}V{:.1}",
        a.y,
        b.bottom()
    );
    (path, ((start + end) / 2.0, level))
}

/// A cause on its line, with paper behind it.
fn draw_cause(drawing: &mut Drawing, (x, y): (f64, f64), cause: &str) {
    let width = width(cause) * CAUSE_SIZE + 12.0;
    let paper = Rect {
        x: x - width / 2.0,
        y: y - 10.0,
        width,
        height: 20.0,
    };
    let letters = Letters {
        size: CAUSE_SIZE,
        class: "cause",
    };
    drawing.rect(paper, 0.0, "paper");
    drawing.line(x, y + 5.5, letters, "middle", cause);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(class: &str) -> Vec<(Node, Node)> {
        let mut drawing = Drawing::default();
        draw(&mut drawing, Locale::Zh);
        let node = |text: &str| text.parse().ok().and_then(Node::from_number);
        drawing
            .into_markup()
            .lines()
            .filter(|line| line.contains(&format!("class=\"{class}\" marker-end")))
            .map(|line| {
                let edge = line.split("data-edge=\"").nth(1).expect("an edge");
                let (from, to) = edge.split_once('-').expect("two ends");
                let to = to.split('"').next().expect("a number");
                (node(from).expect("a node"), node(to).expect("a node"))
            })
            .collect()
    }

    #[test]
    fn arrows_are_exactly_the_edges_of_the_lifecycle() {
        for (class, kind) in [("forward", Edge::Forward), ("rework", Edge::Rework)] {
            let mut expected = Vec::new();
            for from in Node::ALL.iter().copied() {
                for to in Node::ALL.iter().copied() {
                    if from.edge(to) == kind {
                        expected.push((from, to));
                    }
                }
            }
            assert_eq!(drawn(class), expected, "{class}");
        }
    }
}
