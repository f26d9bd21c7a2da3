//! PostgreSQL with stored functions, synchronous_commit on, one request a transaction.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, Statement};

use crate::contender::{Answer, Books, Drive, Failure, Lane, Request, Stock, Store, Verb};
use crate::process::{self, Process};
use crate::workload;

const SCHEMA: &str = include_str!("postgres.sql");
/// Holds that one sweep gives back: it locks the rows of their SKUs meanwhile.
const SWEEP: i64 = 100;
const START_LIMIT: Duration = Duration::from_secs(20);

/// A server of its own, on a socket in its folder.
pub struct Postgres {
    process: Process,
    folder: PathBuf,
    own: Client,
    hold: Duration,
}

/// One connection.
pub struct PostgresLane {
    client: Client,
    place: Statement,
    pay: Statement,
    close: Statement,
    expire: Statement,
    hold_ms: i64,
}

/// The folder of the server's programs on this machine, and its version.
pub fn find() -> Option<(PathBuf, String)> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|done| String::from_utf8(done.stdout).ok());
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders.extend(told.map(|folder| PathBuf::from(folder.trim())));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    folders.into_iter().rev().find_map(|folder| {
        if !folder.join("initdb").exists() {
            return None;
        }
        let done = Command::new(folder.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let text = String::from_utf8(done.stdout).ok()?;
        let version = text.split_whitespace().nth(2)?;
        Some((folder, format!("PostgreSQL {version}")))
    })
}

impl Postgres {
    /// # Errors
    /// The server does not start, or refuses the schema.
    pub async fn open(programs: &Path, folder: &Path, hold: Duration) -> Result<Self, Failure> {
        let as_nobody = process::is_root();
        if as_nobody {
            process::give_to_nobody(folder)?;
        }
        let text = |path: PathBuf| path.display().to_string();
        let (data, sockets) = (text(folder.join("data")), text(folder.to_owned()));
        let initdb = text(programs.join("initdb"));
        let flags = [
            "--username=race",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
        ];
        process::finish(
            &[&[initdb.as_str(), "-D", &data][..], &flags].concat(),
            as_nobody,
        )?;
        let (program, sockets) = (text(programs.join("postgres")), format!("-k{sockets}"));
        let command = [
            &program,
            "-D",
            &data,
            &sockets,
            "-clisten_addresses=",
            "-csynchronous_commit=on",
            "-cfsync=on",
            "-cshared_buffers=256MB",
            "-cmax_wal_size=4GB",
            "-cmax_connections=200",
        ];
        let mut process = Process::start(&command, &folder.with_extension("log"), as_nobody)?;
        let own = first_connection(folder, &mut process).await?;
        own.batch_execute(SCHEMA).await?;
        let insert = own
            .prepare("INSERT INTO stock VALUES ($1, $2, 0, 0)")
            .await?;
        own.batch_execute("BEGIN").await?;
        for (sku, units) in workload::received() {
            own.execute(&insert, &[&i32::from(sku), &units]).await?;
        }
        own.batch_execute("COMMIT").await?;
        Ok(Self {
            process,
            folder: folder.to_owned(),
            own,
            hold,
        })
    }
}

async fn connect(folder: &Path) -> Result<Client, Failure> {
    let mut config = tokio_postgres::Config::new();
    config.host_path(folder).user("race").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::task::spawn_local(async move {
        // Whoever uses the client sees how it ended.
        let _ = connection.await;
    });
    Ok(client)
}

async fn first_connection(folder: &Path, process: &mut Process) -> Result<Client, Failure> {
    let began = Instant::now();
    loop {
        match connect(folder).await {
            Ok(client) => return Ok(client),
            Err(error) if began.elapsed() > START_LIMIT || !process.runs() => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn told(state: i8) -> Result<Answer, Failure> {
    match state.cast_unsigned() {
        b'H' => Ok(Answer::Held),
        b'P' => Ok(Answer::Paying),
        b'S' => Ok(Answer::Sold),
        b'X' => Ok(Answer::Short),
        b'E' => Ok(Answer::Lapsed),
        b'C' => Ok(Answer::Closed),
        other => Err(format!("an order is {:?}", char::from(other)).into()),
    }
}

impl PostgresLane {
    async fn answer(&self, request: &Request) -> Result<Answer, Failure> {
        let number = request.order.number.cast_signed();
        let pay = async |to: u8| {
            let to = to.cast_signed();
            self.client
                .query_one(&self.pay, &[&number, &to, &self.hold_ms])
                .await
        };
        let row = match request.verb {
            Verb::Place => {
                let lines = request.order.lines();
                let skus: Vec<i32> = lines.iter().map(|line| line.sku.into()).collect();
                let units: Vec<i32> = lines.iter().map(|line| line.units.into()).collect();
                let arguments: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                    [&number, &skus, &units, &self.hold_ms];
                self.client.query_one(&self.place, &arguments).await?
            }
            Verb::StartPayment => pay(b'P').await?,
            Verb::Pay => pay(b'S').await?,
            Verb::Release | Verb::Close => self.client.query_one(&self.close, &[&number]).await?,
        };
        told(row.try_get(0)?)
    }
}

impl Lane for PostgresLane {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.answer(request).await?);
        }
        Ok(answers)
    }

    async fn sweep(&mut self) -> Result<(), Failure> {
        self.client.execute(&self.expire, &[&SWEEP]).await?;
        Ok(())
    }
}

impl Store for Postgres {
    type Lane = PostgresLane;
    const DRIVE: Drive = Drive::Tasks;

    async fn lane(&mut self) -> Result<PostgresLane, Failure> {
        let client = connect(&self.folder).await?;
        Ok(PostgresLane {
            place: client.prepare("SELECT place($1, $2, $3, $4)").await?,
            pay: client.prepare("SELECT pay($1, $2, $3)").await?,
            close: client.prepare("SELECT close($1)").await?,
            expire: client.prepare("SELECT expire($1)").await?,
            client,
            hold_ms: i64::try_from(self.hold.as_millis())?,
        })
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        let sum = "SELECT sum(held)::bigint FROM stock";
        Ok(self.own.query_one(sum, &[]).await?.try_get(0)?)
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        let select = "SELECT free, held, sold FROM stock ORDER BY sku";
        let mut books = Books::default();
        for row in self.own.query(select, &[]).await? {
            books.stock.push(Stock {
                free: row.try_get(0)?,
                held: row.try_get(1)?,
                sold: row.try_get(2)?,
            });
        }
        let count = "SELECT count(*) FROM orders WHERE state NOT IN ('X', 'C')";
        let orders: i64 = self.own.query_one(count, &[]).await?.try_get(0)?;
        books.orders = orders.cast_unsigned();
        Ok(Some(books))
    }

    fn pid(&self) -> Option<u32> {
        Some(self.process.id())
    }
}
