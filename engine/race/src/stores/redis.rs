//! Redis with Lua: one script a request, as many a trip as the mode says.
//!
//! Stock is three hashes, a hold is a member of a sorted set with its deadline, an order is one
//! key that is also its idempotency key. A script is all or nothing because it runs alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use redis::{Client, Connection, cmd};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use crate::contender::{Answer, Books, Drive, Failure, Lane, Request, Stock, Store, Verb};
use crate::process::{Process, free_port};
use crate::workload;

const PLACE: &str = include_str!("redis/place.lua");
const PAY: &str = include_str!("redis/pay.lua");
const CLOSE: &str = include_str!("redis/close.lua");
const EXPIRE: &str = include_str!("redis/expire.lua");
/// Holds that one sweep gives back.
const SWEEP: u32 = 500;
const START_LIMIT: Duration = Duration::from_secs(10);
const STOCK: [&str; 3] = ["free", "held", "sold"];

/// A server of its own.
pub struct Redis {
    process: Process,
    port: u16,
    own: Connection,
    hashes: Hashes,
    hold: Duration,
}

/// The names under which the server knows the scripts.
#[derive(Debug, Clone)]
struct Hashes {
    place: String,
    pay: String,
    close: String,
    expire: String,
}

/// One connection.
pub struct RedisLane {
    stream: BufStream<TcpStream>,
    hashes: Hashes,
    hold_ms: String,
    line: String,
    packed: Vec<u8>,
}

/// The server of this machine and its version.
pub fn find() -> Option<(PathBuf, String)> {
    let named = std::env::var("TEST_REDIS_SERVERS").unwrap_or_default();
    let names = named.split(':').chain(["redis-server", "valkey-server"]);
    names.filter(|name| !name.is_empty()).find_map(|name| {
        let done = Command::new(name).arg("--version").output().ok()?;
        let text = String::from_utf8(done.stdout).ok()?;
        let version = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("v="))?;
        let kind = if name.contains("valkey") {
            "Valkey"
        } else {
            "Redis"
        };
        Some((PathBuf::from(name), format!("{kind} {version}")))
    })
}

impl Redis {
    /// # Errors
    /// The server does not start, or refuses the scripts.
    pub fn open(
        binary: &Path,
        folder: &Path,
        fsync: &str,
        hold: Duration,
    ) -> Result<Self, Failure> {
        let port = free_port()?;
        let (number, data) = (port.to_string(), folder.display().to_string());
        let command = [
            binary.to_str().ok_or("the server's path is not UTF-8")?,
            "--port",
            &number,
            "--bind",
            "127.0.0.1",
            "--dir",
            &data,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            fsync,
        ];
        let mut process = Process::start(&command, &folder.join("log"), false)?;
        let mut own = connect(port, &mut process)?;
        let load =
            |own: &mut Connection, script: &str| cmd("SCRIPT").arg("LOAD").arg(script).query(own);
        let hashes = Hashes {
            place: load(&mut own, PLACE)?,
            pay: load(&mut own, PAY)?,
            close: load(&mut own, CLOSE)?,
            expire: load(&mut own, EXPIRE)?,
        };
        let mut stock = redis::pipe();
        for (sku, units) in workload::received() {
            stock.hset("free", sku, units).ignore();
        }
        stock.query::<()>(&mut own)?;
        Ok(Self {
            process,
            port,
            own,
            hashes,
            hold,
        })
    }

    fn hash(&mut self, name: &str) -> Result<Vec<(u16, i64)>, Failure> {
        Ok(cmd("HGETALL").arg(name).query(&mut self.own)?)
    }
}

fn connect(port: u16, process: &mut Process) -> Result<Connection, Failure> {
    let (client, began) = (Client::open(("127.0.0.1", port))?, Instant::now());
    loop {
        match client.get_connection() {
            Ok(connection) => return Ok(connection),
            Err(error) if began.elapsed() > START_LIMIT || !process.runs() => {
                return Err(error.into());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

impl RedisLane {
    fn pack(&mut self, request: &Request) {
        let mut command = cmd("EVALSHA");
        let (script, state) = match request.verb {
            Verb::Place => (&self.hashes.place, None),
            Verb::StartPayment => (&self.hashes.pay, Some("P")),
            Verb::Pay => (&self.hashes.pay, Some("S")),
            Verb::Release | Verb::Close => (&self.hashes.close, None),
        };
        command.arg(script).arg(0).arg(request.order.number);
        command.arg(state).arg(&self.hold_ms);
        if request.verb == Verb::Place {
            for line in request.order.lines() {
                command.arg(line.sku).arg(line.units);
            }
        }
        command.write_packed_command(&mut self.packed);
    }

    async fn send(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.packed).await?;
        self.packed.clear();
        Ok(self.stream.flush().await?)
    }

    /// Every script answers with one simple line.
    async fn reply(&mut self) -> Result<&str, Failure> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            return Err("Redis ended the connection".into());
        }
        Ok(self.line.trim_end())
    }
}

fn told(line: &str) -> Result<Answer, Failure> {
    match line {
        "+H" => Ok(Answer::Held),
        "+P" => Ok(Answer::Paying),
        "+S" => Ok(Answer::Sold),
        "+X" => Ok(Answer::Short),
        "+E" => Ok(Answer::Lapsed),
        "+C" => Ok(Answer::Closed),
        other => Err(format!("Redis answered {other}").into()),
    }
}

impl Lane for RedisLane {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        requests.iter().for_each(|request| self.pack(request));
        self.send().await?;
        let mut answers = Vec::with_capacity(requests.len());
        for _ in requests {
            answers.push(told(self.reply().await?)?);
        }
        Ok(answers)
    }

    async fn sweep(&mut self) -> Result<(), Failure> {
        let mut command = cmd("EVALSHA");
        command.arg(&self.hashes.expire).arg(0).arg(SWEEP);
        command.write_packed_command(&mut self.packed);
        self.send().await?;
        match self.reply().await? {
            "+OK" => Ok(()),
            other => Err(format!("Redis answered {other}").into()),
        }
    }
}

impl Store for Redis {
    type Lane = RedisLane;
    const DRIVE: Drive = Drive::Tasks;

    async fn lane(&mut self) -> Result<RedisLane, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(RedisLane {
            stream: BufStream::new(stream),
            hashes: self.hashes.clone(),
            hold_ms: self.hold.as_millis().to_string(),
            line: String::new(),
            packed: Vec::new(),
        })
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        Ok(self.hash("held")?.iter().map(|(_, units)| units).sum())
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        let skus = workload::received().count();
        let mut books = Books {
            stock: vec![Stock::default(); skus],
            orders: 0,
        };
        for name in STOCK {
            for (sku, units) in self.hash(name)? {
                let stock = books
                    .stock
                    .get_mut(usize::from(sku))
                    .ok_or("a SKU that is not W's")?;
                match name {
                    "free" => stock.free = units,
                    "held" => stock.held = units,
                    _ => stock.sold = units,
                }
            }
        }
        let mut cursor = 0_u64;
        loop {
            let (next, keys): (u64, Vec<String>) = cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg("o:*")
                .arg("COUNT")
                .arg(10_000)
                .query(&mut self.own)?;
            if !keys.is_empty() {
                let orders: Vec<String> = cmd("MGET").arg(keys).query(&mut self.own)?;
                books.orders += orders
                    .iter()
                    .filter(|order| !order.starts_with(['X', 'C']))
                    .count() as u64;
            }
            if next == 0 {
                return Ok(Some(books));
            }
            cursor = next;
        }
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.id())
    }
}
