//! What this machine is, and what it allows at best.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::contender::Failure;

/// Words about a machine, without its name.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    pub memory_gib: u64,
    pub filesystem: String,
}

impl Machine {
    /// What is not told is "unknown".
    pub fn look(scratch: &Path) -> Self {
        let model = field("/proc/cpuinfo", "model name");
        let memory = field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        let unknown = || "unknown".to_owned();
        Self {
            cpu: model.unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: output("uname", &["-sr"]).unwrap_or_else(unknown),
            memory_gib: memory.unwrap_or(0) >> 20,
            filesystem: filesystem(scratch).unwrap_or_else(unknown),
        }
    }

    /// True where a sync reaches no disk.
    pub fn keeps_nothing(&self) -> bool {
        matches!(self.filesystem.as_str(), "tmpfs" | "ramfs")
    }
}

/// The first value of a name in a file of /proc.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
}

fn filesystem(path: &Path) -> Option<String> {
    output("stat", &["--file-system", "--format=%T", path.to_str()?])
}

/// Today's date.
pub fn today() -> String {
    output("date", &["-I"]).unwrap_or_else(|| "unknown".to_owned())
}

const BLOCK: usize = 4_096;
const BLOCKS: u64 = 4_096;

/// Appends 4 KiB to space written beforehand and syncs it, again and again; microseconds each.
///
/// # Errors
/// The disk fails.
pub fn sync_us(folder: &Path, time: Duration) -> Result<Vec<f64>, Failure> {
    let mut file = File::create(folder.join("floor"))?;
    let block = [7; BLOCK];
    for _ in 0..BLOCKS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let mut at = 0;
    timed(time, || {
        file.write_all_at(&block, at % BLOCKS * BLOCK as u64)?;
        at += 1;
        Ok(file.sync_data()?)
    })
}

/// One byte there and back between two threads over TCP; microseconds each.
///
/// # Errors
/// There is no loopback.
pub fn loopback_us(time: Duration) -> Result<Vec<f64>, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        while server.read_exact(&mut byte).is_ok() && server.write_all(&byte).is_ok() {}
    });
    let times = timed(time, || {
        client.write_all(&[1])?;
        Ok(client.read_exact(&mut [0])?)
    });
    drop(client);
    echo.join().map_err(|_| "the echo's thread panicked")?;
    times
}

fn timed(
    time: Duration,
    mut once: impl FnMut() -> Result<(), Failure>,
) -> Result<Vec<f64>, Failure> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let one = Instant::now();
        once()?;
        times.push(one.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}
