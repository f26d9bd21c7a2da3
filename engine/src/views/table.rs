//! The lifecycle as Markdown tables: every column of every node, and every
//! node with every target.

use std::fmt::Write;

use super::locale::Locale;
use super::wording::{NEVER_SKIPPED, cancel_meaning, rework_cause, roles, time_limit};
use crate::domain::orders::lifecycle::{Edge, NODES, Node, NodeSpec, Text};

const HEADINGS: [Text; 11] = [
    heading("#", "#"),
    heading("节点", "Node"),
    heading("标识", "Identifier"),
    heading("谁触发", "Who enters it"),
    heading("设备", "Device"),
    heading("时限", "Time"),
    heading("交付物", "What entering states"),
    heading("下一个人", "Who is next"),
    heading("做什么", "What they do"),
    heading("跳过", "Skipping"),
    heading("取消时", "If cancelled"),
];

const fn heading(zh: &'static str, en: &'static str) -> Text {
    Text { zh, en }
}

/// One row per node with all that is fixed about it.
#[must_use]
pub fn table_markdown(locale: Locale) -> String {
    let mut table = String::new();
    write_row(&mut table, HEADINGS.map(|text| locale.of(text).to_owned()));
    write_row(&mut table, HEADINGS.map(|_| "---".to_owned()));
    for spec in &NODES {
        write_row(&mut table, cells(spec, locale));
    }
    table
}

fn cells(spec: &NodeSpec, locale: Locale) -> [String; 11] {
    let skipping = if spec.inferable {
        locale.of(heading("可补记", "may be inferred"))
    } else {
        locale.of(NEVER_SKIPPED)
    };
    [
        spec.node.number().to_string(),
        locale.of(spec.name).to_owned(),
        format!("`{}`", spec.node),
        roles(spec.triggered_by, locale),
        locale.of(spec.device).to_owned(),
        time_limit(spec, locale),
        locale.of(spec.deliverable).to_owned(),
        roles(spec.next_roles, locale),
        locale.of(spec.instruction).to_owned(),
        skipping.to_owned(),
        locale.of(cancel_meaning(spec.on_cancel)).to_owned(),
    ]
}

/// One row per node and one column per target: what the move is.
#[must_use]
pub fn moves_markdown(locale: Locale) -> String {
    let mut table = String::new();
    let targets = || Node::ALL.iter().map(|to| to.number().to_string());
    let corner = locale.of(heading("从 \\ 到", "from \\ to")).to_owned();
    write_row(&mut table, [corner].into_iter().chain(targets()));
    write_row(&mut table, (0..=Node::ALL.len()).map(|_| "---".to_owned()));
    for from in Node::ALL.iter().copied() {
        let name = format!("{} {}", from.number(), locale.of(from.spec().name));
        let moves = Node::ALL.iter().map(|to| move_name(from, *to, locale));
        write_row(&mut table, [name].into_iter().chain(moves));
    }
    table
}

fn move_name(from: Node, to: Node, locale: Locale) -> String {
    let name = match from.edge(to) {
        Edge::Forward => heading("前进", "forward"),
        Edge::Skip => heading("补记", "skip"),
        Edge::Late => heading("留证", "late"),
        Edge::Rework => {
            let cause = rework_cause(from).map_or("", |cause| locale.of(cause));
            let rework = locale.of(heading("返工", "rework"));
            return format!("**{rework}{}{cause}**", locale.colon());
        }
        Edge::Blocked(node) => {
            let blocked = locale.of(heading("缺", "needs"));
            return format!("{blocked} {}", node.number());
        }
    };
    locale.of(name).to_owned()
}

fn write_row(table: &mut String, cells: impl IntoIterator<Item = String>) {
    for cell in cells {
        let _ = write!(table, "| {} ", cell.replace('|', "\\|"));
    }
    table.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::super::mermaid;
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn every_row_has_every_column() {
        for locale in Locale::ALL {
            for (table, rows, columns) in [
                (table_markdown(locale), 14, 11),
                (moves_markdown(locale), 14, 13),
            ] {
                assert_eq!(table.lines().count(), rows);
                for row in table.lines() {
                    assert_eq!(row.matches("| ").count(), columns, "{row}");
                }
            }
        }
    }

    #[test]
    fn a_cell_cannot_end_itself() {
        let mut table = String::new();
        write_row(&mut table, ["a|b".to_owned()]);
        assert_eq!(table, "| a\\|b |\n");
    }

    #[test]
    fn a_move_is_named_as_the_lifecycle_decides_it() {
        for (from, to, zh, en) in [
            (1, 2, "前进", "forward"),
            (6, 5, "**返工：拣错重拣**", "**rework: mis-pick**"),
            (3, 5, "补记", "skip"),
            (5, 5, "留证", "late"),
            (3, 7, "缺 6", "needs 6"),
        ] {
            let node = |number| Node::from_number(number).expect("a node");
            assert_eq!(move_name(node(from), node(to), Locale::Zh), zh);
            assert_eq!(move_name(node(from), node(to), Locale::En), en);
        }
    }

    const REFRESH: &str = "HOLDFAST_REFRESH=1 cargo test -p holdfast-engine --lib lifecycle_page";

    /// What stands between the markers of a language.
    fn generated(locale: Locale) -> String {
        format!(
            "\n```mermaid\n{}```\n\n{}\n{}\n",
            mermaid(locale),
            table_markdown(locale),
            moves_markdown(locale)
        )
    }

    /// The page with its generated parts made anew.
    fn refreshed(page: &str) -> String {
        Locale::ALL.iter().fold(page.to_owned(), |page, locale| {
            let opening = format!("<!-- generated {} -->\n", locale.tag());
            let closing = format!("<!-- end {} -->", locale.tag());
            let (before, rest) = page.split_once(&opening).expect("an opening marker");
            let (_, after) = rest.split_once(&closing).expect("a closing marker");
            format!("{before}{opening}{}{closing}{after}", generated(*locale))
        })
    }

    #[test]
    fn lifecycle_page_is_fresh() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/lifecycle.md");
        let page = std::fs::read_to_string(&path).expect("docs/lifecycle.md");
        let fresh = refreshed(&page);
        if std::env::var_os("HOLDFAST_REFRESH").is_some() {
            std::fs::write(&path, fresh).expect("docs/lifecycle.md is writable");
            return;
        }
        assert!(
            page == fresh,
            "docs/lifecycle.md is not what the lifecycle says; refresh it with\n    {REFRESH}"
        );
    }
}
