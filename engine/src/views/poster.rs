//! The wall poster: A3 landscape, one card a node, printable.

use std::fmt::Write;

use super::Locale;
use super::wording::{cancel_meaning, roles};
use crate::domain::orders::lifecycle::{CancelMeaning, NODES, NodeSpec};

const WIDTH: u32 = 1_680;
const HEIGHT: u32 = 1_188;
const MARGIN: u32 = 40;
const COLUMNS: u32 = 4;
const CARD_WIDTH: u32 = 372;
const CARD_HEIGHT: u32 = 306;
const GAP: u32 = 36;
const TOP: u32 = 118;
/// Line height of the small text.
const LINE: u32 = 19;
/// Width of a card's text in units of half a CJK character.
const TEXT_UNITS: usize = 46;

/// The poster as a self-contained SVG.
#[must_use]
pub fn poster_svg(locale: Locale) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="420mm" height="297mm" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="'Noto Sans CJK SC', 'WenQuanYi Micro Hei', sans-serif">
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="context-stroke"/></marker></defs>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
"##
    );
    let (title, legend) = match locale {
        Locale::Zh => ("包裹的十二个节点：现在做什么、做到哪里、下一步谁", "实线：前进　虚线：返工（须写原因）　右下角：取消时怎么办　时限按加急等级缩短：紧急 ×0.5，特急 ×0.25"),
        Locale::En => (
            "The twelve nodes of a parcel: what to do now, how far it is, who is next",
            "Solid: forward. Dashed: rework, with a reason. Bottom line: what a cancel means. Urgent halves the times, critical quarters them.",
        ),
    };
    text(&mut svg, MARGIN, 62, 34, "#111111", "bold", title);
    text(&mut svg, MARGIN, 94, 18, "#555555", "normal", legend);
    for (index, spec) in NODES.iter().enumerate() {
        let (x, y) = place(index);
        card(&mut svg, x, y, spec, locale);
        arrow(&mut svg, index);
    }
    for (index, spec) in NODES.iter().enumerate() {
        if let Some(back) = spec.node.rework() {
            rework(&mut svg, index, usize::from(back.number()) - 1);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn place(index: usize) -> (u32, u32) {
    let index = u32::try_from(index).expect("twelve nodes");
    let (row, column) = (index / COLUMNS, index % COLUMNS);
    (MARGIN + column * (CARD_WIDTH + GAP), TOP + row * (CARD_HEIGHT + GAP + 8))
}

fn card(svg: &mut String, x: u32, y: u32, spec: &NodeSpec, locale: Locale) {
    let colour = cancel_colour(spec.on_cancel);
    put(svg, format_args!(r##"<rect x="{x}" y="{y}" width="{CARD_WIDTH}" height="{CARD_HEIGHT}" rx="10" fill="#fafafa" stroke="#333333" stroke-width="1.5"/>"##));
    put(svg, format_args!(r##"<circle cx="{}" cy="{}" r="21" fill="#1f4e79"/>"##, x + 32, y + 34));
    put(
        svg,
        format_args!(
            r##"<text x="{}" y="{}" font-size="22" font-weight="bold" fill="#ffffff" text-anchor="middle">{}</text>"##,
            x + 32,
            y + 42,
            spec.node.number()
        ),
    );
    text(svg, x + 64, y + 36, 24, "#111111", "bold", locale.of(spec.name));
    text(svg, x + 64, y + 56, 12, "#666666", "normal", spec.node.id());
    let (done_by, sla, next) = match locale {
        Locale::Zh => ("谁扫", "时限", "下一步"),
        Locale::En => ("Entered by", "Time", "Next"),
    };
    let mut at = y + 84;
    let mut block = |svg: &mut String, content: &str, fill: &str| {
        for line in wrap(content, TEXT_UNITS) {
            text(svg, x + 16, at, 15, fill, "normal", &line);
            at += LINE;
        }
        at += 5;
    };
    block(svg, locale.of(spec.deliverable), "#111111");
    block(svg, &format!("{done_by}: {} · {}", roles(spec.triggered_by, locale), locale.of(spec.device)), "#444444");
    block(svg, &format!("{sla}: {}", dwell(spec.sla_minutes, locale)), "#444444");
    block(svg, &format!("{next}: {}", roles(spec.next_roles, locale)), "#1f4e79");
    block(svg, locale.of(spec.instruction), "#1f4e79");
    put(svg, format_args!(r#"<rect x="{}" y="{}" width="{}" height="28" rx="6" fill="{colour}"/>"#, x + 8, y + CARD_HEIGHT - 36, CARD_WIDTH - 16));
    text(svg, x + 18, y + CARD_HEIGHT - 17, 14, "#ffffff", "bold", locale.of(cancel_meaning(spec.on_cancel)));
}

fn dwell(minutes: u32, locale: Locale) -> String {
    let (number, zh, en) = match minutes {
        m if m % 1_440 == 0 => (m / 1_440, "天", "d"),
        m if m % 60 == 0 => (m / 60, "小时", "h"),
        m => (m, "分钟", "min"),
    };
    match locale {
        Locale::Zh => format!("{number} {zh}"),
        Locale::En => format!("{number} {en}"),
    }
}

const fn cancel_colour(meaning: CancelMeaning) -> &'static str {
    match meaning {
        CancelMeaning::Release | CancelMeaning::Deallocate => "#2e7d32",
        CancelMeaning::PutBack => "#b26a00",
        CancelMeaning::Intercept => "#ad1457",
        CancelMeaning::Refuse => "#616161",
    }
}

/// The arrow to the next card: right, or down to the start of the next row.
fn arrow(svg: &mut String, index: usize) {
    if index + 1 == NODES.len() {
        return;
    }
    let ((x, y), (next_x, next_y)) = (place(index), place(index + 1));
    let path = if y == next_y {
        format!("M{} {} H{}", x + CARD_WIDTH, y + 60, next_x - 2)
    } else {
        let (middle, below) = (y + CARD_HEIGHT + 22, next_x + CARD_WIDTH / 2);
        format!("M{} {} V{middle} H{below} V{}", x + CARD_WIDTH / 2, y + CARD_HEIGHT, next_y - 2)
    };
    put(svg, format_args!(r##"<path d="{path}" fill="none" stroke="#333333" stroke-width="3" marker-end="url(#tip)"/>"##));
}

/// The dashed way back, below the forward arrow.
fn rework(svg: &mut String, from: usize, to: usize) {
    let ((x, y), (to_x, to_y)) = (place(from), place(to));
    let path = if y == to_y {
        format!("M{x} {} H{}", y + 150, to_x + CARD_WIDTH + 2)
    } else {
        let (middle, above) = (y - 12, to_x + CARD_WIDTH * 3 / 4);
        format!("M{} {y} V{middle} H{above} V{}", x + CARD_WIDTH / 4, to_y + CARD_HEIGHT + 2)
    };
    put(svg, format_args!(r##"<path d="{path}" fill="none" stroke="#c62828" stroke-width="2.5" stroke-dasharray="7 5" marker-end="url(#tip)"/>"##));
}

fn text(svg: &mut String, x: u32, y: u32, size: u32, fill: &str, weight: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    put(svg, format_args!(r#"<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}">{content}</text>"#));
}

fn put(svg: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(svg, "{arguments}").expect("a string takes everything");
}

/// Breaks a text into lines. A CJK character counts two units and may break
/// anywhere; Latin words stay whole.
fn wrap(content: &str, units: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words(content) {
        let wide: usize = word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        if used + wide > units && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        let word = if used == 0 { word.trim_start() } else { word };
        lines.last_mut().expect("there is a line").push_str(word);
        used += wide;
    }
    lines
}

/// Latin words with the space before them; CJK characters one by one.
fn words(content: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut previous_wide = false;
    for (at, c) in content.char_indices() {
        let wide = !c.is_ascii();
        if at > start && (wide || c == ' ' || previous_wide) {
            words.push(&content[start..at]);
            start = at;
        }
        previous_wide = wide;
    }
    words.push(&content[start..]);
    words
}
