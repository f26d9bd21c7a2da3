//! Generates `engine/src/wire/pb/holdfast.v1.rs` from `protos/`, without protoc.
//!
//! Run by `./dev protos`; the result is committed and `./dev lint` checks that
//! it is fresh. An argument names another output folder.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const PROTOS: &[&str] = &["types", "stock", "parcels", "orders", "events", "admin"];

/// Messages, and the oneofs in them, can be written from their end.
const PUT: &str = "#[derive(crate::backward::Put)]";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = env::args()
        .nth(1)
        .map_or_else(|| root.join("engine/src/wire/pb"), PathBuf::from);
    fs::create_dir_all(&out)?;
    let files = PROTOS
        .iter()
        .map(|name| format!("holdfast/v1/{name}.proto"));
    let descriptors = protox::compile(files, [root.join("protos")])?;
    prost_build::Config::new()
        .out_dir(&out)
        // Maps keep one order, so that equal messages have equal bytes.
        .btree_map(["."])
        .message_attribute(".", PUT)
        .enum_attribute("holdfast.v1.Command.command", PUT)
        .enum_attribute("holdfast.v1.CommandOutcome.outcome", PUT)
        .enum_attribute("holdfast.v1.WatchEventsResponse.item", PUT)
        .compile_fds(descriptors)?;
    Ok(())
}
