//! Processes that a race starts, and the folder that everything of it lies in.
//!
//! `setpriv --pdeathsig` lets the kernel end each process with this one, however this one ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::contender::Failure;

/// Clock ticks of /proc a second, on every Linux.
const TICKS: u64 = 100;
/// nobody and nogroup of Debian: PostgreSQL refuses to be root.
const NOBODY: u32 = 65_534;

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a program, with its output in `log`.
    ///
    /// # Errors
    /// It is not there or may not be run.
    pub fn start(command: &[&str], log: &Path, as_nobody: bool) -> Result<Self, Failure> {
        let log = fs::File::create(log)?;
        let mut command = wrapped(command, as_nobody);
        command.stdout(log.try_clone()?).stderr(log);
        Ok(Self(command.spawn()?))
    }

    /// Starts a program and reads its first line, which it prints once it is ready.
    ///
    /// # Errors
    /// It cannot be started, or ends before.
    pub fn start_and_read(command: &[&str], log: &Path) -> Result<(Self, String), Failure> {
        let mut line = String::new();
        let mut process = wrapped(command, false);
        process
            .stdout(Stdio::piped())
            .stderr(fs::File::create(log)?);
        let mut process = Self(process.spawn()?);
        let output = process.0.stdout.take().ok_or("no output")?;
        if BufReader::new(output).read_line(&mut line)? == 0 {
            return Err(format!(
                "{} ended before it was ready, see {}",
                command[0],
                log.display()
            )
            .into());
        }
        Ok((process, line))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// True until it ends.
    pub fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wrapped(command: &[&str], as_nobody: bool) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "KILL"]);
    if as_nobody {
        wrapped.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    wrapped.arg("--").args(command).stdin(Stdio::null());
    wrapped
}

/// True if PostgreSQL needs another user than the one that runs this.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a program to its end.
///
/// # Errors
/// It fails; its last words are in the text.
pub fn finish(command: &[&str], as_nobody: bool) -> Result<(), Failure> {
    let done = wrapped(command, as_nobody).output()?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    Err(format!(
        "{} ended with {}: {}",
        command[0],
        done.status,
        words.trim()
    )
    .into())
}

/// Processor time of a process and its children so far.
pub fn cpu(pid: u32) -> Option<Duration> {
    let mut total = own_cpu(pid)?.1;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let other = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some((parent, ticks)) = other.and_then(own_cpu)
            && parent == pid
        {
            total += ticks;
        }
    }
    Some(Duration::from_millis(total * 1_000 / TICKS))
}

/// Parent and clock ticks of one process.
fn own_cpu(pid: u32) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let parent = u32::try_from(number(1)?).ok()?;
    Some((parent, number(11)? + number(12)?))
}

/// A port that was free a moment ago.
///
/// # Errors
/// There is no loopback.
pub fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The folder of one race; everything in it goes with it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// # Errors
    /// It cannot be made.
    pub fn new(parent: &Path) -> Result<Self, Failure> {
        Self::of(parent, "race")
    }

    /// One of several of one process.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn of(parent: &Path, name: &str) -> Result<Self, Failure> {
        let path = parent.join(format!("holdfast-{name}-{}", std::process::id()));
        // PostgreSQL's user passes through it.
        fs::DirBuilder::new().mode(0o755).create(&path)?;
        Ok(Self(path.canonicalize()?))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A folder of one store in it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a folder PostgreSQL's.
///
/// # Errors
/// It may not be given away.
pub fn give_to_nobody(folder: &Path) -> Result<(), Failure> {
    Ok(chown(folder, Some(NOBODY), Some(NOBODY))?)
}

/// Removes the folder when a signal or a panic ends this process. Its children end by
/// themselves then.
///
/// # Errors
/// Signals cannot be waited for.
pub fn clean_on_the_way_out(folder: &Path) -> Result<(), Failure> {
    let of_panic = folder.to_owned();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        before(info);
        remove(&of_panic);
    }));
    let of_signal = folder.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || runtime.block_on(end_by_signal(of_signal)));
    Ok(())
}

async fn end_by_signal(folder: PathBuf) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    remove(&folder);
    std::process::exit(130);
}

fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}
