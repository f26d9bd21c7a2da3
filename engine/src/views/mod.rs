//! What people see of a parcel's life: the state map, the wall poster and the
//! tables of the docs, in two languages.
//!
//! Everything here is made from `NODES` and `Node::edge` of
//! `domain::orders::lifecycle`: change a word there and every view changes.
//! What the lifecycle has no text for (names of roles, what a cancel means, why
//! rework happens) stands once in `wording`.

mod locale;
mod mermaid;
mod poster;
mod svg;
mod table;
mod wording;
mod wrap;

use crate::domain::orders::lifecycle::{Edge, Node};

pub use locale::Locale;
pub use mermaid::mermaid;
pub use poster::poster_svg;
pub use table::{moves_markdown, table_markdown};
pub use wording::{cancel_meaning, role_name};

/// The edges that a picture draws: to the next node, and back for rework.
/// Skips are drawn nowhere; the nodes that forbid them carry a mark.
fn drawn_edges() -> impl Iterator<Item = (Node, Node, Edge)> {
    Node::ALL.iter().copied().flat_map(|from| {
        Node::ALL
            .iter()
            .copied()
            .map(move |to| (from, to, from.edge(to)))
            .filter(|(_, _, edge)| matches!(edge, Edge::Forward | Edge::Rework))
    })
}

#[cfg(test)]
mod tests;
