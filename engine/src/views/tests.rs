//! Every view says what the lifecycle says.

use super::{Locale, mermaid, poster_svg, table_markdown};
use crate::domain::orders::lifecycle::NODES;

/// A view as the reader sees it: no markup, no line breaks, entities resolved.
fn dense(view: &str) -> String {
    let mut view = view.replace("-->", "");
    for spec in &NODES {
        // A line of a box in the map names its node first.
        view = view.replace(&format!("{} : ", spec.node), "");
    }
    let mut text = String::new();
    let mut in_tag = false;
    for letter in view.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            letter if in_tag || letter.is_whitespace() => {}
            letter => text.push(letter),
        }
    }
    for (entity, letter) in [
        ("#58;", ":"),
        ("#59;", ";"),
        ("&apos;", "'"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, letter);
    }
    text
}

#[test]
fn every_text_of_every_node_stands_in_every_view() {
    for locale in Locale::ALL {
        let views = [
            ("map", mermaid(locale)),
            ("poster", poster_svg(locale)),
            ("table", table_markdown(locale)),
        ];
        for (name, view) in views {
            let view = dense(&view);
            for spec in &NODES {
                for text in [spec.name, spec.device, spec.deliverable, spec.instruction] {
                    let text = locale.of(text);
                    assert!(view.contains(&dense(text)), "{name} in {locale:?}: {text}");
                }
                assert!(view.contains(&spec.node.number().to_string()));
            }
        }
    }
}

#[test]
fn a_language_is_not_mixed_with_the_other() {
    let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    for view in [
        mermaid(Locale::En),
        poster_svg(Locale::En),
        table_markdown(Locale::En),
    ] {
        let found: String = view.chars().filter(|letter| is_chinese(*letter)).collect();
        assert_eq!(found, "");
    }
}

#[test]
fn poster_tags_are_balanced_and_need_nothing_from_outside() {
    for locale in Locale::ALL {
        let svg = poster_svg(locale);
        let mut open = Vec::new();
        let body = svg.split_once("?>").expect("a declaration").1;
        for tag in body.split('<').skip(1) {
            let tag = tag.split_once('>').expect("an end of the tag").0;
            let name = tag.split([' ', '/']).find(|part| !part.is_empty());
            if tag.starts_with('/') {
                assert_eq!(open.pop(), name);
            } else if !tag.ends_with('/') {
                open.push(name.expect("a name"));
            }
        }
        assert!(open.is_empty(), "never closed: {open:?}");
        let outside = svg.replace("http://www.w3.org/2000/svg", "");
        for word in ["http", "href", "@import", "<image", "<script"] {
            assert!(!outside.contains(word), "{word} in {locale:?}");
        }
    }
}
