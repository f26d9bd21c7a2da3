//! The Python extension module: the border, and nothing behind it.
//!
//! Bytes come in, the interpreter is left, the engine works, bytes go out. No
//! rule of the trade lives here, and no Python object is touched while the
//! engine works.

mod clock;
mod completions;
mod engine;
mod error;
mod front;
mod journal;
mod status;
mod watch;

use pyo3::prelude::*;

/// An order is some forty small allocations: with this one a batch of 1,000 is
/// half again as fast as with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The extension module `holdfast._engine`.
#[pymodule]
mod _engine {
    use holdfast_engine::views::{self, Locale};
    use holdfast_engine::wire::methods::{Kind, METHODS};
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::clock::ManualClock;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::front::{NativeFront, Tally};
    #[pymodule_export]
    use crate::journal::{
        backup_folder, compact_journal, cut_journal, diagnose_journal, dump_journal, mirror_of,
        replay_journal, restore_backup, rotate_key, snapshot_journal, verify_backup,
        verify_journal,
    };
    #[pymodule_export]
    use crate::status::{named_status, refusal_status, secret};
    #[pymodule_export]
    use crate::watch::Watch;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        module.add("Refused", py.get_type::<crate::error::Refused>())?;
        module.add("OpenError", py.get_type::<crate::error::OpenError>())?;
        module.add("Forked", py.get_type::<crate::error::Forked>())
    }

    /// The exception of an encoded google.rpc.Status, not raised.
    #[pyfunction]
    fn refused<'py>(py: Python<'py>, code: u32, payload: Vec<u8>) -> Bound<'py, PyAny> {
        let reply = holdfast_engine::engine::Reply { code, payload };
        crate::error::refused(py, &reply)
            .into_value(py)
            .into_bound(py)
            .into_any()
    }

    /// Every method: path, kind, whether it changes something.
    #[pyfunction]
    fn methods() -> Vec<(&'static str, &'static str, bool)> {
        let kind = |kind| match kind {
            Kind::Unary => "unary",
            Kind::ServerStream => "server_stream",
            Kind::BidiStream => "bidi_stream",
        };
        METHODS
            .iter()
            .map(|method| (method.path, kind(method.kind), method.mutation))
            .collect()
    }

    /// Every refusal: reason, gRPC code, whether it is remembered, English and
    /// Chinese text.
    #[pyfunction]
    fn refusals() -> Vec<(&'static str, u32, bool, &'static str, &'static str)> {
        let specs = holdfast_engine::domain::refusal::SPECS.iter();
        specs
            .map(|spec| {
                (
                    spec.code.id(),
                    spec.class as u32,
                    spec.sticky,
                    spec.en,
                    spec.zh,
                )
            })
            .collect()
    }

    /// The state map in Mermaid.
    #[pyfunction]
    fn lifecycle_mermaid(locale: &str) -> String {
        views::mermaid(Locale::from_accept_language(locale))
    }

    /// The wall poster as SVG.
    #[pyfunction]
    fn lifecycle_poster(locale: &str) -> String {
        views::poster_svg(Locale::from_accept_language(locale))
    }

    /// The nodes as a Markdown table.
    #[pyfunction]
    fn lifecycle_table(locale: &str) -> String {
        views::table_markdown(Locale::from_accept_language(locale))
    }

    /// The engine's version.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
