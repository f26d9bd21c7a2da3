//! A Redis or Valkey server of a test's own, on a free port.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use holdfast_engine::journal::{JournalError, Mode, RedisJournal, RedisOptions, StreamError};

/// The binary to start; another one may be named.
pub fn binary() -> String {
    std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

/// True, with a word about it, where there is no server to test with.
pub fn skipped() -> bool {
    let found = Command::new(binary())
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: there is no {}", binary());
    }
    !found
}

pub const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// The raw reply of a server to a command, errors included.
pub fn ask_port(port: u16, command: &[&str]) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let mut packed = format!("*{}\r\n", command.len());
    for part in command {
        packed += &format!("${}\r\n{part}\r\n", part.len());
    }
    packed += "*1\r\n$4\r\nQUIT\r\n";
    stream.write_all(packed.as_bytes()).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    Some(String::from_utf8_lossy(&reply).into_owned())
}

/// A server on a free port with a folder of its own.
pub struct TestServer {
    pub process: Option<Child>,
    pub folder: PathBuf,
    pub port: u16,
    pub arguments: Vec<String>,
}

impl TestServer {
    pub fn start(arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("holdfast-redis-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let mut server = Self {
            process: None,
            folder,
            port,
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        };
        server.run();
        server
    }

    /// Starts the process and waits until it answers.
    pub fn run(&mut self) {
        let child = Command::new(binary())
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--daemonize", "no"])
            .arg("--dir")
            .arg(&self.folder)
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.process = Some(child);
        let answers = self.wait_for("PING", |reply| {
            reply.starts_with("+PONG") || reply.starts_with("-NOAUTH")
        });
        assert!(answers, "the server on port {} answers", self.port);
    }

    /// Asks until the reply fits, at most about 20 s.
    pub fn wait_for(&self, command: &str, fits: impl Fn(&str) -> bool) -> bool {
        (0..400).any(|_| {
            let fit = self.try_ask(&[command]).is_some_and(|reply| fits(&reply));
            if !fit {
                std::thread::sleep(Duration::from_millis(50));
            }
            fit
        })
    }

    /// The raw reply to a command, errors included; the reply is short.
    pub fn try_ask(&self, command: &[&str]) -> Option<String> {
        ask_port(self.port, command)
    }

    pub fn ask(&self, command: &[&str]) -> String {
        let reply = self.try_ask(command).expect("the server answers");
        assert!(!reply.starts_with('-'), "{command:?}: {reply}");
        reply
    }

    pub fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs");
        let sent = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal}");
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    pub fn options(&self) -> RedisOptions {
        RedisOptions::new(format!("redis://127.0.0.1:{}", self.port), "test")
    }

    pub fn open(&self, mode: Mode) -> RedisJournal {
        RedisJournal::open(&self.options(), mode)
            .expect("a sound journal")
            .0
    }

    /// Why the journal cannot be opened.
    pub fn refuses(&self, options: &RedisOptions, mode: Mode) -> StreamError {
        match RedisJournal::open(options, mode) {
            Err(JournalError::Stream(error)) => error,
            Err(error) => panic!("another error: {error}"),
            Ok(_) => panic!("{mode} was opened"),
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
