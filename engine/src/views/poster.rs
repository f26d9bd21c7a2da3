//! The wall poster: the twelve nodes on a printable A3 sheet.
//!
//! A unit of the page is a quarter of a millimetre. The nodes stand in rows of
//! four and are read like a text. In-row rework is drawn above its row; what
//! runs between rows has its own levels in the gutter, so that no two lines
//! cross. The letters are as large as the fullest card allows.

mod arrows;
mod card;
mod legend;

use std::fmt::Write;

use super::locale::Locale;
use super::svg::{Drawing, Letters, Rect, escape};
use crate::domain::orders::lifecycle::{NODES, Node, Text};

const PAGE_WIDTH: f64 = 1_680.0;
const PAGE_HEIGHT: f64 = 1_188.0;
const MARGIN: f64 = 44.0;
const COLUMNS: usize = 4;
const COLUMN_GAP: f64 = 34.0;
/// Room between rows, for arrows.
const ROW_GAP: f64 = 72.0;
const CARDS_TOP: f64 = 136.0;
const CARDS_BOTTOM: f64 = 1_082.0;

const TITLE: Text = Text {
    zh: "包裹的十二个节点",
    en: "The twelve nodes of a parcel",
};
const SUBTITLE: Text = Text {
    zh: "三秒看懂：现在做什么、做到哪一步、下一个是谁",
    en: "In three seconds: what to do now, how far it is, who is next",
};

const STYLE: &str = "\
text{font-family:'Noto Sans CJK SC','WenQuanYi Micro Hei',sans-serif;fill:#111827}
.bold{font-weight:700}
.muted{fill:#4b5563}
.inverse{fill:#ffffff;font-weight:700}
.paper{fill:#ffffff}
.card{fill:#ffffff;stroke:#1f2937;stroke-width:2}
.plate{fill:#1f2937}
.time{fill:#e5e7eb}
.forward{fill:none;stroke:#1f2937;stroke-width:4}
.rework{fill:none;stroke:#b91c1c;stroke-width:2.5;stroke-dasharray:8 5}
.cause{fill:#b91c1c;font-weight:700}
.release{fill:#dbeafe;stroke:#1d4ed8}
.deallocate{fill:#dcfce7;stroke:#15803d}
.put-back{fill:#fef3c7;stroke:#b45309}
.intercept{fill:#ede9fe;stroke:#6d28d9}
.refuse{fill:#fee2e2;stroke:#b91c1c}
";

const HEADS: &str = "\
<defs>\
<marker id=\"forward-head\" markerWidth=\"18\" markerHeight=\"18\" refX=\"15\" refY=\"8\" orient=\"auto\" markerUnits=\"userSpaceOnUse\"><path d=\"M0 0L16 8L0 16z\" fill=\"#1f2937\"/></marker>\
<marker id=\"rework-head\" markerWidth=\"14\" markerHeight=\"14\" refX=\"11\" refY=\"6\" orient=\"auto\" markerUnits=\"userSpaceOnUse\"><path d=\"M0 0L12 6L0 12z\" fill=\"#b91c1c\"/></marker>\
</defs>";

/// The poster as a self-contained SVG of 420 mm by 297 mm.
#[must_use]
pub fn poster_svg(locale: Locale) -> String {
    let mut drawing = Drawing::default();
    draw_title(&mut drawing, locale);
    let size = card::largest_size(locale);
    for spec in &NODES {
        card::draw(&mut drawing, spec, place(spec.node), size, locale);
    }
    arrows::draw(&mut drawing, locale);
    legend::draw(&mut drawing, locale);
    page(&drawing.into_markup(), locale)
}

fn page(body: &str, locale: Locale) -> String {
    let title = escape(locale.of(TITLE));
    let mut svg = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"420mm\" height=\"297mm\" \
         viewBox=\"0 0 {PAGE_WIDTH} {PAGE_HEIGHT}\" xml:lang=\"{tag}\" role=\"img\" \
         aria-labelledby=\"title\">\n<title id=\"title\">{title}</title>\n\
         <style>\n{STYLE}</style>\n{HEADS}\n\
         <rect width=\"{PAGE_WIDTH}\" height=\"{PAGE_HEIGHT}\" class=\"paper\"/>\n\
         {body}</svg>\n",
        tag = locale.tag(),
    );
    svg
}

fn draw_title(drawing: &mut Drawing, locale: Locale) {
    let title = Letters {
        size: 46.0,
        class: "bold",
    };
    let subtitle = Letters {
        size: 22.0,
        class: "muted",
    };
    drawing.line(MARGIN, 74.0, title, "start", locale.of(TITLE));
    let right = PAGE_WIDTH - MARGIN;
    drawing.line(right, 74.0, subtitle, "end", locale.of(SUBTITLE));
}

/// Row and column of a node's card.
fn row_and_column(node: Node) -> (usize, usize) {
    let index = usize::from(node.number()) - 1;
    (index / COLUMNS, index % COLUMNS)
}

/// Where a node's card stands.
fn place(node: Node) -> Rect {
    let rows = Node::ALL.len().div_ceil(COLUMNS);
    let share =
        |room: f64, gap: f64, count: usize| (room - gap * (count as f64 - 1.0)) / count as f64;
    let width = share(PAGE_WIDTH - 2.0 * MARGIN, COLUMN_GAP, COLUMNS);
    let height = share(CARDS_BOTTOM - CARDS_TOP, ROW_GAP, rows);
    let (row, column) = row_and_column(node);
    Rect {
        x: MARGIN + column as f64 * (width + COLUMN_GAP),
        y: CARDS_TOP + row as f64 * (height + ROW_GAP),
        width,
        height,
    }
}
