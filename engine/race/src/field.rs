//! The field: who starts, in which modes, and who had to stay away and why.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::options::Options;
use crate::report::Absent;
use holdfast_race::contender::{Failure, Store};
use holdfast_race::process::{Process, Scratch};
use holdfast_race::stand::{Contender, Ground, Mode, Stand};
use holdfast_race::stores::book::Book;
use holdfast_race::stores::echo::Echo;
use holdfast_race::stores::holdfast::{InProcess, Served};
use holdfast_race::stores::postgres::{self, Postgres};
use holdfast_race::stores::redis::{self, Redis};
use holdfast_race::stores::sqlite::Sqlite;
use holdfast_race::workload::{Profile, Workload};

/// HTTP/2 connections that the streams of one client share.
const CONNECTIONS: usize = 2;
const GO_MODULE: &str = "tests/clients/go";
const ECHO_SCRIPT: &str = "tests/benchmarks/echo.py";
const SYNCED: &str = "synced";

/// A contender and what is said of it.
pub struct Starter {
    pub name: &'static str,
    /// What an acknowledgement means.
    pub durable: &'static str,
    /// Takes part at a fixed rate too.
    pub paced: bool,
    pub contender: Box<dyn Contender>,
}

/// Everybody who is there.
#[derive(Default)]
pub struct Field {
    pub starters: Vec<Starter>,
    pub absent: Vec<Absent>,
    /// The peers' versions.
    pub peers: Vec<String>,
}

/// The command that starts an echo, or why it stays away.
type Echoing = Result<Vec<String>, Failure>;
/// What starts one.
type EchoCommand = fn(&Opening<'_>) -> Echoing;

/// What every store is opened with.
struct Opening<'a> {
    ground: &'a Ground,
    options: &'a Options,
    scratch: &'a Scratch,
    workload: Arc<Workload>,
    hold: Duration,
}

fn mode(name: &'static str, lanes: usize, batch: usize) -> Mode {
    let profile = Profile::W;
    Mode {
        name,
        profile,
        lanes,
        batch,
    }
}

/// The same in a race of placing alone.
fn placing(mode: Mode) -> Mode {
    let profile = Profile::PlaceOnly;
    Mode { profile, ..mode }
}

impl Field {
    /// Starts everybody who was asked for.
    ///
    /// # Errors
    /// Somebody who is there does not start.
    pub fn gather(
        ground: &Ground,
        options: &Options,
        scratch: &Scratch,
        hold: Duration,
    ) -> Result<Self, Failure> {
        let workload = Arc::new(Workload::new(options.seed));
        let opening = Opening {
            ground,
            options,
            scratch,
            workload,
            hold,
        };
        let mut field = Self::default();
        field.holdfast(&opening)?;
        field.redis(&opening)?;
        field.postgres(&opening)?;
        field.in_process(&opening)?;
        field.echoes(&opening)?;
        Ok(field)
    }

    fn add<S: Store + 'static>(
        &mut self,
        opening: &Opening<'_>,
        (name, durable, paced): (&'static str, &'static str, bool),
        modes: Vec<Mode>,
        store: S,
    ) -> Result<(), Failure> {
        let workload = Arc::clone(&opening.workload);
        let contender = Box::new(Stand::new(opening.ground, store, modes, workload)?);
        self.starters.push(Starter {
            name,
            durable,
            paced,
            contender,
        });
        Ok(())
    }

    fn leave_out(&mut self, name: &str, why: &str) {
        eprintln!("race: {name} stays away: {why}");
        self.absent.push(Absent {
            name: name.to_owned(),
            why: why.to_owned(),
        });
    }

    fn holdfast(&mut self, opening: &Opening<'_>) -> Result<(), Failure> {
        let Opening {
            ground,
            options,
            scratch,
            hold,
            ..
        } = opening;
        if options.wants("in-process") {
            let store = ground.run(InProcess::open(&scratch.folder("in-process")?, *hold))?;
            let modes = vec![
                mode("Holdfast in process, 1 a call", 16, 1),
                mode("Holdfast in process, 256 a call", 4, 256),
                mode("Holdfast in process, 1,000 a call", 4, 1_000),
                placing(mode("Holdfast in process, 1,000 a call", 4, 1_000)),
            ];
            self.add(opening, ("in-process", SYNCED, false), modes, store)?;
        }
        let fronts = [
            (
                "native-front",
                &["--front", "native"][..],
                [
                    "Holdfast native front, 1 a call",
                    "Holdfast native front, 1,000 a call",
                ],
            ),
            (
                "python-front",
                &[],
                [
                    "Holdfast Python front, 1 a call",
                    "Holdfast Python front, 1,000 a call",
                ],
            ),
        ];
        for (name, flags, modes) in fronts {
            if !options.wants(name) {
                continue;
            }
            let Some(python) = options.python.as_deref() else {
                self.leave_out(name, "no --python was given");
                continue;
            };
            let has_choice = has_fronts(python);
            if name == "native-front" && !has_choice {
                self.leave_out(name, "`holdfast serve` has no --front here");
                continue;
            }
            let flags = if has_choice && flags.is_empty() {
                &["--front", "python"]
            } else {
                flags
            };
            let folder = scratch.folder(name)?;
            let store = ground.run(Served::open(python, &folder, flags, CONNECTIONS, *hold))?;
            let modes = [mode(modes[0], 64, 1), mode(modes[1], 4, 1_000)];
            let modes = modes.into_iter().chain(modes.map(placing)).collect();
            self.add(opening, (name, SYNCED, true), modes, store)?;
        }
        Ok(())
    }

    fn redis(&mut self, opening: &Opening<'_>) -> Result<(), Failure> {
        let servers = [
            (
                "redis-always",
                "always",
                SYNCED,
                ["Redis always, 64 × 1", "Redis always, 32 × 16"],
            ),
            (
                "redis-everysec",
                "everysec",
                "1 to 2 s may be lost",
                ["Redis everysec, 64 × 1", "Redis everysec, 32 × 16"],
            ),
        ];
        for (name, fsync, durable, modes) in servers {
            if !opening.options.wants(name) {
                continue;
            }
            let Some((binary, version)) = redis::find() else {
                self.leave_out(
                    name,
                    "there is no redis-server (Debian: apt-get install redis-server)",
                );
                continue;
            };
            let folder = opening.scratch.folder(name)?;
            let store = Redis::open(&binary, &folder, fsync, opening.hold)?;
            self.know(version);
            let modes = [mode(modes[0], 64, 1), mode(modes[1], 32, 16)];
            let modes = modes.into_iter().chain(modes.map(placing)).collect();
            self.add(opening, (name, durable, fsync == "always"), modes, store)?;
        }
        Ok(())
    }

    fn postgres(&mut self, opening: &Opening<'_>) -> Result<(), Failure> {
        if !opening.options.wants("postgres") {
            return Ok(());
        }
        let Some((programs, version)) = postgres::find() else {
            self.leave_out(
                "postgres",
                "there is no initdb (Debian: apt-get install postgresql)",
            );
            return Ok(());
        };
        let folder = opening.scratch.folder("postgres")?;
        let store = opening
            .ground
            .run(Postgres::open(&programs, &folder, opening.hold))?;
        self.know(version);
        let each = mode("PostgreSQL, 64 × 1", 64, 1);
        let modes = vec![each, placing(each)];
        self.add(opening, ("postgres", SYNCED, false), modes, store)
    }

    fn in_process(&mut self, opening: &Opening<'_>) -> Result<(), Failure> {
        if opening.options.wants("sqlite") {
            let store = Sqlite::open(&opening.scratch.folder("sqlite")?, opening.hold)?;
            self.know(format!("SQLite {}", rusqlite::version()));
            let modes = vec![
                mode("SQLite, 1 a commit", 1, 1),
                mode("SQLite, 256 a commit", 1, 256),
                placing(mode("SQLite, 256 a commit", 1, 256)),
            ];
            self.add(opening, ("sqlite", SYNCED, false), modes, store)?;
        }
        if opening.options.wants("book") {
            let store = Book::open(&opening.scratch.folder("book")?, opening.hold)?;
            let modes = vec![
                mode("minimal hold book, 1 a sync", 1, 1),
                mode("minimal hold book, 256 a sync", 1, 256),
                placing(mode("minimal hold book, 256 a sync", 1, 256)),
            ];
            self.add(opening, ("book", SYNCED, false), modes, store)?;
        }
        Ok(())
    }

    fn echoes(&mut self, opening: &Opening<'_>) -> Result<(), Failure> {
        let floors: [(&str, &str, EchoCommand); 3] = [
            ("echo-native", "echo over h2", |_| {
                let this = std::env::current_exe()?.display().to_string();
                Ok(vec![this, "echo".to_owned()])
            }),
            ("echo-go", "echo over grpc-go", |opening| {
                let program = opening.scratch.path().join("echo-over-grpc-go");
                build_go(Path::new(GO_MODULE), "./echo", &program)?;
                Ok(vec![program.display().to_string()])
            }),
            (
                "echo-python",
                "echo over grpc.aio",
                |opening| match opening.options.python.clone() {
                    Some(python) if Path::new(ECHO_SCRIPT).exists() => {
                        Ok(vec![python, ECHO_SCRIPT.to_owned()])
                    }
                    _ => Err("it needs --python and the repository's folder".into()),
                },
            ),
        ];
        for (name, title, command) in floors {
            if !opening.options.wants(name) {
                continue;
            }
            let command = match command(opening) {
                Ok(command) => command,
                Err(why) => {
                    self.leave_out(name, &why.to_string());
                    continue;
                }
            };
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            let log = opening.scratch.folder(name)?.join("log");
            let (process, port) = Process::start_and_read(&command, &log)?;
            let store = opening
                .ground
                .run(Echo::open(process, &port, CONNECTIONS))?;
            let modes = vec![mode(title, 64, 1)];
            self.add(opening, (name, "nothing", true), modes, store)?;
        }
        Ok(())
    }

    fn know(&mut self, peer: String) {
        if !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
    }
}

/// Builds a program of a Go module.
fn build_go(module: &Path, package: &str, program: &Path) -> Result<(), Failure> {
    let go = ["go", "/usr/local/go/bin/go"].into_iter().find(|go| {
        let told = Command::new(go).arg("version").output();
        told.is_ok_and(|told| told.status.success())
    });
    let mut build = Command::new(go.ok_or("there is no Go (go.dev has it)")?);
    build.args(["build", "-o"]).arg(program).arg(package);
    let done = build.current_dir(module).output()?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).trim().into()),
    }
}

/// Whether this Holdfast has a choice of fronts.
fn has_fronts(python: &str) -> bool {
    let done = Command::new(python)
        .args(["-m", "holdfast", "serve", "--help"])
        .output();
    done.is_ok_and(|done| String::from_utf8_lossy(&done.stdout).contains("--front"))
}
