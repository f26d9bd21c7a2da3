//! A node's card: who enters it, what that states, who is next, how long it may
//! stay, and what a cancel means there.

use super::super::locale::Locale;
use super::super::svg::{Drawing, Letters, Rect};
use super::super::wording::{cancel_meaning, roles, time_limit};
use super::super::wrap::{width, wrap, wrap_evenly};
use super::place;
use crate::domain::orders::lifecycle::{CancelMeaning, NODES, NodeSpec, Text};

/// Sizes of body letters to try; 13 units are 9 points.
const LARGEST: f64 = 22.0;
pub(super) const SMALLEST: f64 = 13.0;
const STEP: f64 = 0.25;

const PADDING: f64 = 14.0;
const HEADER: f64 = 76.0;
const NAME_SIZE: f64 = 27.0;
/// Side of the plate with the number.
const PLATE: f64 = 50.0;
const PLATE_GAP: f64 = 12.0;
const PILL_SIZE: f64 = 15.0;
const PILL_HEIGHT: f64 = 24.0;
/// Letters of the badge and of the words before paragraphs, against the body.
const BADGE_SHARE: f64 = 0.92;
const LEADING: f64 = 1.26;
/// Air between paragraphs, in body letters.
const BREAK: f64 = 0.4;

const ENTERED_BY: Text = Text {
    zh: "触发",
    en: "By",
};
const STATES: Text = Text {
    zh: "交付",
    en: "Done",
};
const NEXT: Text = Text {
    zh: "下一步",
    en: "Next",
};
pub(super) const CANCEL: Text = Text {
    zh: "取消：",
    en: "Cancel: ",
};

/// A paragraph of a card, broken into lines.
struct Paragraph {
    heading: &'static str,
    lines: Vec<String>,
    class: &'static str,
}

/// The texts of a card at one size of letters.
struct Layout {
    size: f64,
    /// Room for the words before paragraphs.
    indent: f64,
    paragraphs: Vec<Paragraph>,
    badge: Vec<String>,
}

impl Layout {
    fn new(spec: &NodeSpec, card_width: f64, size: f64, locale: Locale) -> Self {
        let headings = [ENTERED_BY, STATES, NEXT].map(|text| locale.of(text));
        let widest = headings.iter().map(|text| width(text)).fold(0.0, f64::max);
        let indent = (widest + 0.6) * size * BADGE_SHARE;
        let room = card_width - 2.0 * PADDING;
        let who = roles(spec.triggered_by, locale) + " · " + locale.of(spec.device);
        let next = roles(spec.next_roles, locale) + locale.colon() + locale.of(spec.instruction);
        let texts = [&who, locale.of(spec.deliverable), &next];
        let classes = ["muted", "bold", ""];
        let paragraphs = (0..3).map(|index| Paragraph {
            heading: headings[index],
            lines: wrap_evenly(texts[index], (room - indent) / size),
            class: classes[index],
        });
        let badge = locale.of(CANCEL).to_owned() + locale.of(cancel_meaning(spec.on_cancel));
        Self {
            size,
            indent,
            paragraphs: paragraphs.collect(),
            badge: wrap(&badge, (room - 20.0) / (size * BADGE_SHARE)),
        }
    }

    fn leading(&self) -> f64 {
        self.size * LEADING
    }

    fn badge_height(&self) -> f64 {
        self.badge.len() as f64 * self.leading() * BADGE_SHARE + 0.6 * self.size
    }

    fn height(&self) -> f64 {
        let paragraph = |p: &Paragraph| p.lines.len() as f64 * self.leading() + self.size * BREAK;
        let body: f64 = self.paragraphs.iter().map(paragraph).sum();
        HEADER + body + self.badge_height() + PADDING
    }
}

/// The largest size of letters at which every card holds its texts.
pub(super) fn largest_size(locale: Locale) -> f64 {
    let fits = |size: f64| {
        NODES.iter().all(|spec| {
            let card = place(spec.node);
            Layout::new(spec, card.width, size, locale).height() <= card.height
        })
    };
    let mut size = LARGEST;
    while size > SMALLEST && !fits(size) {
        size -= STEP;
    }
    size
}

/// Draws the card of a node.
pub(super) fn draw(drawing: &mut Drawing, spec: &NodeSpec, card: Rect, size: f64, locale: Locale) {
    let layout = Layout::new(spec, card.width, size, locale);
    drawing.rect(card, 12.0, "card");
    draw_header(drawing, spec, card, locale);
    let mut y = card.y + HEADER + size;
    for paragraph in &layout.paragraphs {
        let heading = Letters {
            size: size * BADGE_SHARE,
            class: "muted",
        };
        let letters = Letters {
            size,
            class: paragraph.class,
        };
        let x = card.x + PADDING;
        drawing.line(x, y, heading, "start", paragraph.heading);
        drawing.lines(
            x + layout.indent,
            y,
            letters,
            layout.leading(),
            &paragraph.lines,
        );
        y += paragraph.lines.len() as f64 * layout.leading() + size * BREAK;
    }
    draw_badge(drawing, spec, card, &layout);
}

fn draw_header(drawing: &mut Drawing, spec: &NodeSpec, card: Rect, locale: Locale) {
    let plate = Rect {
        x: card.x + PADDING,
        y: card.y + 12.0,
        width: PLATE,
        height: PLATE,
    };
    draw_plate(
        drawing,
        plate,
        &spec.node.number().to_string(),
        spec.inferable,
    );
    let name = Letters {
        size: NAME_SIZE,
        class: "bold",
    };
    let x = plate.right() + PLATE_GAP;
    drawing.line(x, card.y + 36.0, name, "start", locale.of(spec.name));
    let time = time_limit(spec, locale);
    draw_pill(drawing, x, card.y + 45.0, &time, "time");
}

/// Draws the number of a node: round, or square where it is never skipped.
pub(super) fn draw_plate(drawing: &mut Drawing, plate: Rect, number: &str, inferable: bool) {
    let letters = Letters {
        size: plate.height * 0.6,
        class: "inverse",
    };
    let radius = plate.height * if inferable { 0.5 } else { 0.1 };
    drawing.rect(plate, radius, "plate");
    let x = plate.x + plate.width / 2.0;
    let y = plate.y + plate.height * 0.71;
    drawing.line(x, y, letters, "middle", number);
}

/// Draws a short text on a pill and gives its right end.
pub(super) fn draw_pill(drawing: &mut Drawing, x: f64, y: f64, text: &str, paint: &str) -> f64 {
    let pill = Rect {
        x,
        y,
        width: width(text) * PILL_SIZE + 18.0,
        height: PILL_HEIGHT,
    };
    let letters = Letters {
        size: PILL_SIZE,
        class: "",
    };
    drawing.rect(pill, PILL_HEIGHT / 2.0, paint);
    drawing.line(x + pill.width / 2.0, y + 17.5, letters, "middle", text);
    pill.right()
}

fn draw_badge(drawing: &mut Drawing, spec: &NodeSpec, card: Rect, layout: &Layout) {
    let height = layout.badge_height();
    let badge = Rect {
        x: card.x + PADDING,
        y: card.bottom() - PADDING * 0.8 - height,
        width: card.width - 2.0 * PADDING,
        height,
    };
    let letters = Letters {
        size: layout.size * BADGE_SHARE,
        class: "",
    };
    let leading = layout.leading() * BADGE_SHARE;
    drawing.rect(badge, 8.0, paint(spec.on_cancel));
    let y = badge.y + 0.3 * layout.size + letters.size;
    drawing.lines(badge.x + 10.0, y, letters, leading, &layout.badge);
}

/// The class that paints a badge.
pub(super) const fn paint(meaning: CancelMeaning) -> &'static str {
    match meaning {
        CancelMeaning::Release => "release",
        CancelMeaning::Deallocate => "deallocate",
        CancelMeaning::PutBack => "put-back",
        CancelMeaning::Intercept => "intercept",
        CancelMeaning::Refuse => "refuse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_holds_its_texts_at_a_size_that_can_be_read() {
        for locale in Locale::ALL {
            let size = largest_size(locale);
            for spec in &NODES {
                let card = place(spec.node);
                let layout = Layout::new(spec, card.width, size, locale);
                assert!(
                    layout.height() <= card.height,
                    "{} in {locale:?}",
                    spec.node
                );
                for paragraph in &layout.paragraphs {
                    for line in &paragraph.lines {
                        let right = PADDING + layout.indent + width(line) * size;
                        assert!(right <= card.width - PADDING + 0.1, "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_header_fits_its_card() {
        for locale in Locale::ALL {
            for spec in &NODES {
                let room = place(spec.node).width - 2.0 * PADDING - PLATE - PLATE_GAP;
                let name = width(locale.of(spec.name)) * NAME_SIZE;
                let pill = width(&time_limit(spec, locale)) * PILL_SIZE + 18.0;
                assert!(name.max(pill) <= room, "{} in {locale:?}", spec.node);
            }
        }
    }
}
