//! The contenders' stores, one a module, each as a good engineer would build it.

pub mod book;
pub mod echo;
pub mod grpc;
pub mod holdfast;
pub mod postgres;
pub mod redis;
pub mod sqlite;
