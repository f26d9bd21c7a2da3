//! The generated part of a document.

use std::path::Path;

use crate::contender::Failure;

const BEGIN: &str = "<!-- race: begin, written by ./dev race --write-docs -->\n";
const END: &str = "<!-- race: end -->";

/// Replaces what stands between the marks.
///
/// # Errors
/// The file or its marks are not there.
pub fn write(path: &Path, table: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)?;
    let told = || format!("{} lacks the lines {BEGIN}{END}", path.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(told)?;
    let (_, after) = rest.split_once(END).ok_or_else(told)?;
    Ok(std::fs::write(
        path,
        format!("{before}{BEGIN}\n{table}\n{END}{after}"),
    )?)
}
