//! The wire: protobuf messages of the public contract to commands and back.
//!
//! The only room that knows the messages of `protos/holdfast/v1`. Shape and
//! range are checked here, so that gRPC and the library refuse alike; what may
//! be done is decided in `domain`.

pub mod credential;
pub mod decode;
pub mod dress;
pub mod event;
pub mod fields;
pub mod limits;
pub mod methods;
pub mod queries;
pub mod reply;
pub mod status;

/// Generated from `protos/holdfast/v1` by `./dev protos`.
#[allow(clippy::all, clippy::pedantic, missing_debug_implementations, reason = "generated")]
#[rustfmt::skip]
pub mod pb {
    include!("pb/holdfast.v1.rs");
}
