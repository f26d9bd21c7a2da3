//! SQLite in process: WAL, synchronous=FULL, one writer, so many requests a transaction.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::contender::{Answer, Books, Drive, Failure, Lane, Request, Stock, Store, Verb};
use crate::workload::{self, Line};

const SCHEMA: &str = include_str!("sqlite.sql");
/// Holds that one sweep gives back.
const SWEEP: i64 = 1_000;

/// A database file.
pub struct Sqlite {
    path: PathBuf,
    own: Connection,
    hold: Duration,
}

/// A connection to it.
pub struct SqliteLane {
    connection: Connection,
    hold: Duration,
}

impl Sqlite {
    /// # Errors
    /// The file cannot be made.
    pub fn open(folder: &Path, hold: Duration) -> Result<Self, Failure> {
        let path = folder.join("holds.db");
        let mut own = connect(&path)?;
        own.execute_batch(SCHEMA)?;
        let transaction = own.transaction()?;
        for (sku, units) in workload::received() {
            transaction.execute("INSERT INTO stock VALUES (?, ?, 0, 0)", (sku, units))?;
        }
        transaction.commit()?;
        Ok(Self { path, own, hold })
    }
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// One order's row.
struct Row {
    state: String,
    deadline: i64,
    lines: Vec<Line>,
}

fn find(transaction: &Transaction<'_>, number: u64) -> rusqlite::Result<Option<Row>> {
    transaction
        .prepare_cached("SELECT state, deadline, lines FROM orders WHERE number = ?")?
        .query_row([number.cast_signed()], |row| {
            Ok(Row {
                state: row.get(0)?,
                deadline: row.get(1)?,
                lines: lines_of(&row.get::<_, Vec<u8>>(2)?),
            })
        })
        .optional()
}

fn bytes_of(lines: &[Line]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| {
            [
                line.sku.to_le_bytes()[0],
                line.sku.to_le_bytes()[1],
                line.units,
            ]
        })
        .collect()
}

fn lines_of(bytes: &[u8]) -> Vec<Line> {
    bytes
        .chunks_exact(3)
        .map(|line| Line {
            sku: u16::from_le_bytes([line[0], line[1]]),
            units: line[2],
        })
        .collect()
}

fn place(
    transaction: &Transaction<'_>,
    request: &Request,
    deadline: i64,
) -> Result<Answer, Failure> {
    if let Some(row) = find(transaction, request.order.number)? {
        return told(&row.state);
    }
    let lines = request.order.lines();
    let mut free = transaction.prepare_cached("SELECT free FROM stock WHERE sku = ?")?;
    let mut state = "held";
    for line in lines {
        if free.query_row([line.sku], |row| row.get::<_, i64>(0))? < i64::from(line.units) {
            state = "short";
        }
    }
    if state == "held" {
        let sql = "UPDATE stock SET free = free - ?2, held = held + ?2 WHERE sku = ?1";
        move_units(transaction, sql, lines)?;
    }
    transaction
        .prepare_cached("INSERT INTO orders VALUES (?, ?, ?, ?)")?
        .execute((
            request.order.number.cast_signed(),
            state,
            deadline,
            bytes_of(lines),
        ))?;
    told(state)
}

fn pay(
    transaction: &Transaction<'_>,
    request: &Request,
    to: &str,
    now: i64,
    deadline: i64,
) -> Result<Answer, Failure> {
    let number = request.order.number;
    let row = find(transaction, number)?.ok_or("an order is not there")?;
    if !matches!(row.state.as_str(), "held" | "paying") {
        return told(&row.state);
    }
    if now >= row.deadline {
        lapse(transaction, number.cast_signed(), &row.lines)?;
        return Ok(Answer::Lapsed);
    }
    if to == "sold" {
        let sql = "UPDATE stock SET held = held - ?2, sold = sold + ?2 WHERE sku = ?1";
        move_units(transaction, sql, &row.lines)?;
    }
    transaction
        .prepare_cached("UPDATE orders SET state = ?, deadline = ? WHERE number = ?")?
        .execute((to, deadline, number.cast_signed()))?;
    told(to)
}

fn close(transaction: &Transaction<'_>, number: u64) -> Result<Answer, Failure> {
    let row = find(transaction, number)?.ok_or("an order is not there")?;
    let sql = match row.state.as_str() {
        "held" | "paying" => "UPDATE stock SET held = held - ?2, free = free + ?2 WHERE sku = ?1",
        "sold" => "UPDATE stock SET sold = sold - ?2, free = free + ?2 WHERE sku = ?1",
        other => return told(other),
    };
    move_units(transaction, sql, &row.lines)?;
    transaction
        .prepare_cached("UPDATE orders SET state = 'closed' WHERE number = ?")?
        .execute([number.cast_signed()])?;
    Ok(Answer::Closed)
}

fn lapse(transaction: &Transaction<'_>, number: i64, lines: &[Line]) -> rusqlite::Result<()> {
    let sql = "UPDATE stock SET free = free + ?2, held = held - ?2 WHERE sku = ?1";
    move_units(transaction, sql, lines)?;
    transaction
        .prepare_cached("UPDATE orders SET state = 'lapsed' WHERE number = ?")?
        .execute([number])?;
    Ok(())
}

fn move_units(transaction: &Transaction<'_>, sql: &str, lines: &[Line]) -> rusqlite::Result<()> {
    let mut update = transaction.prepare_cached(sql)?;
    for line in lines {
        update.execute((line.sku, line.units))?;
    }
    Ok(())
}

fn told(state: &str) -> Result<Answer, Failure> {
    match state {
        "held" => Ok(Answer::Held),
        "paying" => Ok(Answer::Paying),
        "sold" => Ok(Answer::Sold),
        "short" => Ok(Answer::Short),
        "lapsed" => Ok(Answer::Lapsed),
        "closed" => Ok(Answer::Closed),
        other => Err(format!("an order is {other}").into()),
    }
}

impl Lane for SqliteLane {
    async fn submit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Failure> {
        let now = now_ms();
        let deadline = now + i64::try_from(self.hold.as_millis())?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(match request.verb {
                Verb::Place => place(&transaction, request, deadline)?,
                Verb::StartPayment => pay(&transaction, request, "paying", now, deadline)?,
                Verb::Pay => pay(&transaction, request, "sold", now, deadline)?,
                Verb::Release | Verb::Close => close(&transaction, request.order.number)?,
            });
        }
        transaction.commit()?;
        Ok(answers)
    }

    async fn sweep(&mut self) -> Result<(), Failure> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let due: Vec<(i64, Vec<u8>)> = transaction
            .prepare_cached(
                "SELECT number, lines FROM orders WHERE state IN ('held', 'paying') AND deadline <= ? \
                 ORDER BY deadline LIMIT ?",
            )?
            .query_map((now_ms(), SWEEP), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (number, lines) in due {
            lapse(&transaction, number, &lines_of(&lines))?;
        }
        Ok(transaction.commit()?)
    }
}

impl Store for Sqlite {
    type Lane = SqliteLane;
    const DRIVE: Drive = Drive::Threads;

    async fn lane(&mut self) -> Result<SqliteLane, Failure> {
        Ok(SqliteLane {
            connection: connect(&self.path)?,
            hold: self.hold,
        })
    }

    async fn held(&mut self) -> Result<i64, Failure> {
        let sum = "SELECT sum(held) FROM stock";
        Ok(self.own.query_row(sum, [], |row| row.get(0))?)
    }

    async fn books(&mut self) -> Result<Option<Books>, Failure> {
        let mut select = self
            .own
            .prepare("SELECT free, held, sold FROM stock ORDER BY sku")?;
        let stock = select
            .query_map([], |row| {
                Ok(Stock {
                    free: row.get(0)?,
                    held: row.get(1)?,
                    sold: row.get(2)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        let count = "SELECT count(*) FROM orders WHERE state NOT IN ('short', 'closed')";
        let orders: i64 = self.own.query_row(count, [], |row| row.get(0))?;
        Ok(Some(Books {
            stock,
            orders: orders.cast_unsigned(),
        }))
    }
}
