//! The few SVG elements that the poster is drawn with.

use std::fmt::Write;

/// Letters of a text that mean something in XML, written so that they do not.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A rectangle in units of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub(super) fn right(self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(self) -> f64 {
        self.y + self.height
    }
}

/// How letters look. `class` picks weight and colour of the style sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters {
    pub size: f64,
    pub class: &'static str,
}

/// A drawing under construction.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    body: String,
}

impl Drawing {
    /// Adds markup that is already XML.
    pub(super) fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
        self.body.push('\n');
    }

    /// A box with round corners, painted by the class.
    pub(super) fn rect(&mut self, rect: Rect, radius: f64, class: &str) {
        let Rect {
            x,
            y,
            width,
            height,
        } = rect;
        let _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="{radius:.1}" class="{class}"/>"#
        );
    }

    /// One line of text, its base line at `y`; `anchor` is start, middle or end.
    pub(super) fn line(&mut self, x: f64, y: f64, letters: Letters, anchor: &str, text: &str) {
        let Letters { size, class } = letters;
        let _ = writeln!(
            self.body,
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size:.1}" text-anchor="{anchor}" class="{class}">{}</text>"#,
            escape(text)
        );
    }

    /// Lines of one text, the first base line at `y`.
    pub(super) fn lines(
        &mut self,
        x: f64,
        y: f64,
        letters: Letters,
        leading: f64,
        lines: &[String],
    ) {
        let Letters { size, class } = letters;
        let _ = write!(self.body, r#"<text font-size="{size:.1}" class="{class}">"#);
        for (index, line) in lines.iter().enumerate() {
            let y = y + leading * index as f64;
            let _ = write!(
                self.body,
                r#"<tspan x="{x:.1}" y="{y:.1}">{}</tspan>"#,
                escape(line)
            );
        }
        self.body.push_str("</text>\n");
    }

    pub(super) fn into_markup(self) -> String {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_xml_become_letters() {
        assert_eq!(
            escape("a<b> & \"c\" 'd' 拣"),
            "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; 拣"
        );
    }

    #[test]
    fn a_text_is_escaped_wherever_it_is_drawn() {
        let letters = Letters {
            size: 10.0,
            class: "ink",
        };
        let mut drawing = Drawing::default();
        drawing.line(0.0, 0.0, letters, "start", "1<2");
        drawing.lines(0.0, 0.0, letters, 12.0, &["3&4".to_owned()]);
        let markup = drawing.into_markup();
        assert!(markup.contains(">1&lt;2</text>"), "{markup}");
        assert!(markup.contains(">3&amp;4</tspan>"), "{markup}");
    }
}
