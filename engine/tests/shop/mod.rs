//! A shop in a folder, driven through the engine, for tests of what outlives it.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use holdfast_engine::clock::{Clock, ManualClock};
use holdfast_engine::engine::{Call, Engine, OpenError, Settings, replay_folder};
use holdfast_engine::journal::{Disk, DiskFile, Folder};
use holdfast_engine::wire::pb;
use prost::Message;

use crate::house::START;

pub const PLACE: &str = "/holdfast.v1.OrderService/PlaceOrder";

/// A shop in a folder of its own; removed with the test.
pub struct Shop {
    pub root: PathBuf,
    pub clock: Arc<ManualClock>,
}

impl Shop {
    pub fn new(name: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("holdfast-snapshots-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        Self {
            root,
            clock: ManualClock::new(START),
        }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            path: Some(self.root.clone()),
            snapshot_every: 0,
            keep_days: 0,
            low_water_bytes: 0,
            segment_bytes: 4_096,
            ..Settings::default()
        }
    }

    pub fn open(&self) -> Engine {
        self.try_open(self.settings()).expect("an engine")
    }

    pub fn try_open(&self, settings: Settings) -> Result<Engine, OpenError> {
        let engine = Engine::open_with_clock(settings, Clock::Manual(Arc::clone(&self.clock)))?;
        // However it began: it is in the state that the journal gives.
        let (_, hash) = ask(
            &engine,
            "/holdfast.v1.AdminService/GetStateHash",
            &pb::GetStateHashRequest::default(),
        );
        let live = pb::GetStateHashResponse::decode(hash.as_slice()).expect("a hash");
        let (replayed, _) = engine.examine()?;
        if replayed.seq() == live.state_seq {
            let replayed = replayed.digest();
            let replayed: String = replayed.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(live.state_hash, replayed);
        }
        Ok(engine)
    }

    pub fn files(&self) -> Vec<PathBuf> {
        files(&self.root.join("snapshots"), "snapshot")
    }

    /// The hash of the state by replaying everything, snapshots compared on the way.
    pub fn hash(&self) -> [u8; 32] {
        let (state, findings) = replay_folder(&self.root, None).expect("a journal");
        assert!(findings.is_empty(), "{findings:?}");
        state.digest()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

pub fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|is| is == kind))
        .collect();
    paths.sort();
    paths
}

pub fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

pub fn ask(engine: &Engine, method: &str, request: &impl Message) -> (u32, Vec<u8>) {
    let reply = engine.call(Call {
        method,
        request: &request.encode_to_vec(),
        token: None,
        deadline: Some(Duration::from_secs(30)),
        locale: "",
    });
    (reply.code, reply.payload)
}

pub fn order(number: u32) -> pb::PlaceOrderRequest {
    pb::PlaceOrderRequest {
        request_id: format!("{number:032x}"),
        order_number: format!("A{number}"),
        source_channel: 1,
        urgency: 1,
        lines: vec![pb::OrderLine {
            sku: "cup".into(),
            quantity: 1,
            ..pb::OrderLine::default()
        }],
        ..pb::PlaceOrderRequest::default()
    }
}

pub fn place(engine: &Engine, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let (code, _) = ask(engine, PLACE, &order(number));
        assert_eq!(code, 0, "order {number}");
    }
}

pub fn stock(engine: &Engine) {
    let receive = pb::ReceiveStockRequest {
        request_id: "f".repeat(32),
        sku: "cup".into(),
        warehouse: "hangzhou".into(),
        quantity: 10_000,
        ..pb::ReceiveStockRequest::default()
    };
    let (code, _) = ask(engine, "/holdfast.v1.StockService/ReceiveStock", &receive);
    assert_eq!(code, 0);
}

pub fn snapshot(engine: &Engine) -> u64 {
    engine.snapshot().expect("taken").expect("a folder").seq
}

/// Orders in one batch, and so in one group.
pub fn batch(engine: &Engine, numbers: std::ops::Range<u32>) {
    let commands = numbers.map(|number| pb::Command {
        command: Some(pb::command::Command::PlaceOrder(order(number))),
    });
    let request = pb::BatchSubmitRequest {
        commands: commands.collect(),
    };
    let (code, _) = ask(engine, "/holdfast.v1.OrderService/BatchSubmit", &request);
    assert_eq!(code, 0);
}

/// A folder whose n-th call fails, and every call after it.
#[derive(Debug)]
pub struct Failing {
    inner: Folder,
    left: Arc<AtomicI64>,
}

#[derive(Debug)]
struct FailingFile {
    inner: Arc<dyn DiskFile>,
    left: Arc<AtomicI64>,
}

fn count(left: &AtomicI64) -> io::Result<()> {
    match left.fetch_sub(1, Ordering::Relaxed) {
        1.. => Ok(()),
        _ => Err(io::Error::other("the disk is gone")),
    }
}

impl Failing {
    /// A folder of which so many calls succeed.
    pub fn at(path: &Path, calls: i64) -> Self {
        Self {
            inner: Folder::at(path),
            left: Arc::new(AtomicI64::new(calls)),
        }
    }

    /// Another folder; the calls of both are counted together.
    pub fn beside(&self, path: &Path) -> Self {
        Self {
            inner: Folder::at(path),
            left: Arc::clone(&self.left),
        }
    }

    fn file(&self, inner: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let left = Arc::clone(&self.left);
        Arc::new(FailingFile { inner, left })
    }
}

impl Disk for Failing {
    fn list(&self) -> io::Result<Vec<String>> {
        count(&self.left).and_then(|()| self.inner.list())
    }
    fn open(&self, name: &str, writing: bool) -> io::Result<Arc<dyn DiskFile>> {
        count(&self.left)?;
        self.inner.open(name, writing).map(|file| self.file(file))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        count(&self.left)?;
        self.inner.create(name).map(|file| self.file(file))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        count(&self.left).and_then(|()| self.inner.rename(from, to))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        count(&self.left).and_then(|()| self.inner.remove(name))
    }
    fn sync(&self) -> io::Result<()> {
        count(&self.left).and_then(|()| self.inner.sync())
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }
    fn now(&self) -> Duration {
        self.inner.now()
    }
    fn path(&self, name: &str) -> PathBuf {
        self.inner.path(name)
    }
}

impl DiskFile for FailingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        count(&self.left).and_then(|()| self.inner.read_at(buffer, offset))
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        count(&self.left).and_then(|()| self.inner.write_all_at(bytes, offset))
    }
    fn sync_data(&self) -> io::Result<()> {
        count(&self.left).and_then(|()| self.inner.sync_data())
    }
    fn sync_all(&self) -> io::Result<()> {
        count(&self.left).and_then(|()| self.inner.sync_all())
    }
    fn allocate(&self, length: u64) -> io::Result<()> {
        self.inner.allocate(length)
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }
    fn is_still(&self, name: &str) -> io::Result<bool> {
        self.inner.is_still(name)
    }
}
