//! The state map as a Mermaid diagram.

use std::fmt::Write;

use super::drawn_edges;
use super::locale::Locale;
use super::wording::{cancel_meaning, rework_cause, roles, time_limit};
use super::wrap::wrap_evenly;
use crate::domain::orders::lifecycle::{CancelMeaning, Edge, NODES, Node, NodeSpec, Text};

/// Width of the lines in a node's box, in em.
const BOX_WIDTH: f64 = 26.0;

/// Every meaning of a cancel that some node has, in order of the nodes.
fn cancel_meanings() -> Vec<CancelMeaning> {
    let mut meanings: Vec<CancelMeaning> = NODES.iter().map(|spec| spec.on_cancel).collect();
    meanings.dedup();
    meanings
}

/// The twelve nodes with their texts, what leads on, what leads back, and where
/// a cancel leads, as `stateDiagram-v2`.
#[must_use]
pub fn mermaid(locale: Locale) -> String {
    let mut map = String::from("stateDiagram-v2\n    direction TB\n");
    for spec in &NODES {
        let _ = writeln!(
            map,
            "    state \"{} {}\" as {}",
            spec.node.number(),
            escape(locale.of(spec.name)),
            spec.node
        );
        write_lines(&mut map, spec, locale);
    }
    for meaning in cancel_meanings() {
        let _ = writeln!(
            map,
            "    state \"{}\" as {}",
            escape(locale.of(cancel_meaning(meaning))),
            exit(meaning)
        );
    }
    let _ = writeln!(map, "    [*] --> {}", Node::ALL[0]);
    for (from, to, edge) in drawn_edges() {
        let _ = match edge_label(from, edge, locale) {
            Some(label) => writeln!(map, "    {from} --> {to} : {label}"),
            None => writeln!(map, "    {from} --> {to}"),
        };
    }
    let cancel = locale.of(CANCEL);
    for spec in &NODES {
        let _ = writeln!(
            map,
            "    {} --> {} : {cancel}",
            spec.node,
            exit(spec.on_cancel)
        );
    }
    map
}

const CANCEL: Text = Text {
    zh: "取消",
    en: "cancel",
};

/// Why an edge is taken, where that needs to be said.
fn edge_label(from: Node, edge: Edge, locale: Locale) -> Option<String> {
    let cause = match edge {
        Edge::Rework => rework_cause(from)?,
        Edge::Forward | Edge::Skip | Edge::Late | Edge::Blocked(_) => return None,
    };
    Some(escape(locale.of(cause)))
}

/// The state that a cancel leads to.
const fn exit(meaning: CancelMeaning) -> &'static str {
    match meaning {
        CancelMeaning::Release => "CANCEL_RELEASES",
        CancelMeaning::Deallocate => "CANCEL_DEALLOCATES",
        CancelMeaning::PutBack => "CANCEL_PUTS_BACK",
        CancelMeaning::Intercept => "CANCEL_INTERCEPTS",
        CancelMeaning::Refuse => "CANCEL_IS_REFUSED",
    }
}

/// The lines in a node's box: what entering states, who enters it, how long it
/// may stay, who is next.
fn write_lines(map: &mut String, spec: &NodeSpec, locale: Locale) {
    let colon = locale.colon();
    let entered_by = roles(spec.triggered_by, locale) + colon + locale.of(spec.device);
    let next = "→ ".to_owned() + &roles(spec.next_roles, locale) + colon;
    let texts = [
        locale.of(spec.deliverable),
        &entered_by,
        &time_limit(spec, locale),
        &(next + locale.of(spec.instruction)),
    ];
    for line in texts.iter().flat_map(|text| wrap_evenly(text, BOX_WIDTH)) {
        let _ = writeln!(map, "    {} : {}", spec.node, escape(&line));
    }
}

/// Letters that end or open something in Mermaid, as its numbered entities.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ':' | ';' | '#' | '"' | '<' | '>' | '&' | '%' | '{' | '}' => {
                let _ = write!(escaped, "#{};", u32::from(letter));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn arrows(map: &str) -> Vec<(String, String)> {
        map.lines()
            .filter_map(|line| line.trim().split_once(" --> "))
            .map(|(from, to)| {
                let to = to.split(" : ").next().expect("a target");
                (from.to_owned(), to.to_owned())
            })
            .collect()
    }

    #[test]
    fn arrows_between_nodes_are_exactly_those_of_the_lifecycle() {
        for locale in Locale::ALL {
            let drawn: Vec<_> = arrows(&mermaid(locale))
                .into_iter()
                .filter_map(|(from, to)| Some((Node::from_id(&from)?, Node::from_id(&to)?)))
                .collect();
            let unique: BTreeSet<_> = drawn.iter().copied().collect();
            let mut expected = BTreeSet::new();
            for from in Node::ALL.iter().copied() {
                for to in Node::ALL.iter().copied() {
                    if matches!(from.edge(to), Edge::Forward | Edge::Rework) {
                        expected.insert((from, to));
                    }
                }
            }
            assert_eq!(drawn.len(), unique.len());
            assert_eq!(unique, expected);
        }
    }

    #[test]
    fn every_node_leads_to_what_its_cancel_means() {
        let map = mermaid(Locale::En);
        let exits: Vec<_> = arrows(&map)
            .into_iter()
            .filter(|(_, to)| to.starts_with("CANCEL_"))
            .collect();
        let expected: Vec<_> = NODES
            .iter()
            .map(|spec| (spec.node.id().to_owned(), exit(spec.on_cancel).to_owned()))
            .collect();
        assert_eq!(exits, expected);
        for (_, exit) in &exits {
            assert_eq!(map.matches(&format!("\" as {exit}\n")).count(), 1);
        }
    }

    #[test]
    fn letters_with_a_meaning_are_entities() {
        assert_eq!(escape("a: b; \"c\" #1"), "a#58; b#59; #34;c#34; #35;1");
    }
}
