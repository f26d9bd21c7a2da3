//! `holdfast-chaos run SETTINGS FROM UPTO`: opens an engine (settings as JSON), asks
//! the requests with these numbers (FROM even) from several threads and prints for each
//! `ask N`, then `ack N SEQ HASH` or `doubt N CODE`. Ends with 0, with 3 as soon as the
//! journal has failed, with 2 if it could not open. With a manual clock each pair takes an
//! hour, and orders that were over for a day leave for the archive: `archived N`.
//!
//! `holdfast-chaos judge SETTINGS FILE`: opens the engine again and asks whatever FILE
//! says was asked once more. What was acknowledged must be answered as it was then;
//! nothing that was never asked may be there. Prints a JSON line; ends with 1 for a broken promise.
//!
//! `holdfast-chaos flips FOLDER STEP` and `cuts FOLDER STEP`: opens copies of a journal in memory
//! with one bit flipped, or cut short, at every STEP-th byte.

mod bytes;
mod shop;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use bytes::Harm;
use holdfast_engine::engine::{Engine, Settings, replay_folder};
use shop::{Answer, archive_after_a_day, ask};

const THREADS: usize = 4;
/// How long a pair of requests takes by a manual clock.
const HOUR_MS: i64 = 3_600_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["run", settings, from, upto] => match (from.parse(), upto.parse()) {
            (Ok(from), Ok(upto)) => run(settings, from, upto),
            _ => usage(),
        },
        ["judge", settings, file] => judge(settings, file),
        ["flips", folder, step] => bytes::sweep(folder, step, Harm::Flip),
        ["cuts", folder, step] => bytes::sweep(folder, step, Harm::Cut),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "holdfast-chaos run SETTINGS FROM UPTO | judge SETTINGS FILE | flips FOLDER STEP | cuts FOLDER STEP"
    );
    ExitCode::from(64)
}

fn open(settings: &str) -> Result<(Engine, Settings), String> {
    let settings: Settings = serde_json::from_str(settings).map_err(|error| error.to_string())?;
    let engine = Engine::open(settings.clone()).map_err(|error| error.to_string())?;
    Ok((engine, settings))
}

fn run(settings: &str, from: u64, upto: u64) -> ExitCode {
    let (engine, settings) = match open(settings) {
        Ok(opened) => opened,
        Err(detail) => {
            eprintln!("{detail}");
            return ExitCode::from(2);
        }
    };
    // Unbuffered, and each line in one write: what was told stands in the pipe.
    let out = Mutex::new(std::io::stdout());
    let tell = |line: String| {
        let mut out = out.lock().expect("no thread panics with it");
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    };
    tell("open\n".into());
    let failed = AtomicBool::new(false);
    let clock = engine.manual_clock();
    let one = |number: u64| {
        tell(format!("ask {number}\n"));
        match ask(&engine, number) {
            Ok(answer) => tell(format!("ack {number} {} {}\n", answer.seq, answer.hash)),
            Err((code, _)) => {
                tell(format!("doubt {number} {code}\n"));
                failed.store(engine.metrics().journal.poisoned, Ordering::Relaxed);
            }
        }
        // At certain requests too, so that a tracer finds its calls at the same places.
        if settings.snapshot_every > 0
            && number.is_multiple_of(settings.snapshot_every)
            && let Err(error) = engine.snapshot()
        {
            eprintln!("{error}");
        }
        if clock.is_some() && number.is_multiple_of(settings.snapshot_every) {
            match engine.archive() {
                Ok(count) => tell(format!("archived {count}\n")),
                Err(error) => eprintln!("{error}"),
            }
        }
    };
    // The stock, unless it was received before: then this is a repeat.
    one(0);
    if clock.is_some() {
        archive_after_a_day(&engine);
    }
    // A pair belongs to one thread, so that an order is placed before it is paid.
    let pairs = AtomicU64::new(from / 2);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let pair = pairs.fetch_add(1, Ordering::Relaxed);
                    for number in [pair * 2 + 1, pair * 2 + 2] {
                        if number > upto || failed.load(Ordering::Relaxed) {
                            return;
                        }
                        one(number);
                    }
                    if let Some(clock) = &clock {
                        clock.advance(HOUR_MS);
                    }
                }
            });
        }
    });
    if failed.into_inner() {
        return ExitCode::from(3);
    }
    ExitCode::SUCCESS
}

/// What a history says of one request.
#[derive(Default)]
struct Told {
    asked: u32,
    acknowledged: Option<(u64, String)>,
}

fn read(file: &str) -> Result<BTreeMap<u64, Told>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let mut history: BTreeMap<u64, Told> = BTreeMap::new();
    // A line without its end was being written when the process died: it was not told.
    for line in text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = || words.get(1).and_then(|word| word.parse().ok());
        match (words.first(), number()) {
            (Some(&"ask"), Some(number)) => history.entry(number).or_default().asked += 1,
            (Some(&"ack"), Some(number)) => {
                let seq = words.get(2).and_then(|word| word.parse().ok());
                let hash = words.get(3).map(|word| (*word).to_owned());
                let answer = seq.zip(hash).ok_or_else(|| format!("{file}: {line}"))?;
                history.entry(number).or_default().acknowledged = Some(answer);
            }
            (Some(&"open" | &"doubt" | &"archived"), _) => {}
            _ => return Err(format!("{file}: {line}")),
        }
    }
    Ok(history)
}

fn judge(settings: &str, file: &str) -> ExitCode {
    let began = Instant::now();
    let opened = open(settings);
    let opened_ms = began.elapsed().as_millis();
    let (history, (engine, settings)) = match (read(file), opened) {
        (Ok(history), Ok(opened)) => (history, opened),
        (Err(detail), _) | (_, Err(detail)) => {
            println!("{}", serde_json::json!({"broken": [detail]}));
            return ExitCode::from(1);
        }
    };
    let orders = engine.metrics();
    let mut broken = Vec::new();
    let (mut acknowledged, mut extra) = (0_u64, 0_u64);
    for (number, told) in &history {
        let again = ask(&engine, *number);
        match (&told.acknowledged, again) {
            (Some((seq, hash)), Ok(answer)) => {
                acknowledged += 1;
                broken.extend(differs(*number, *seq, hash, &answer));
            }
            (Some((seq, _)), Err((code, text))) => {
                broken.push(format!(
                    "request {number} was done at {seq}, now {code} {text}"
                ));
            }
            // Never acknowledged: it may have been done, and then it is not done again.
            (None, Ok(answer)) => extra += u64::from(answer.replayed),
            (None, Err(_)) => {}
        }
    }
    let seqs = history
        .values()
        .filter_map(|told| told.acknowledged.as_ref());
    let mut seqs: Vec<u64> = seqs.map(|(seq, _)| *seq).collect();
    seqs.sort_unstable();
    if let Some(pair) = seqs.windows(2).find(|pair| pair[0] == pair[1]) {
        broken.push(format!(
            "two requests were acknowledged with seq {}",
            pair[0]
        ));
    }
    let live = engine.metrics();
    // What a snapshot and the records after it gave is compared with a full replay.
    if let Err(error) = engine.snapshot() {
        broken.push(error.to_string());
    }
    while engine.durable_seq() < live.state_seq && !engine.metrics().journal.poisoned {
        std::thread::yield_now();
    }
    let examined = match &settings.path {
        Some(path) if !settings.journal.is_redis() => {
            drop(engine);
            replay_folder(path, settings.mirror.as_deref())
        }
        _ => engine.examine(),
    };
    match examined {
        Ok((state, findings)) => {
            broken.extend(findings.iter().map(|finding| {
                format!(
                    "{} {} {}",
                    finding.identity, finding.subject, finding.detail
                )
            }));
            if state.seq() < live.state_seq {
                broken.push(format!(
                    "the journal ends at {}, the state at {}",
                    state.seq(),
                    live.state_seq
                ));
            }
        }
        Err(error) => broken.push(error.to_string()),
    }
    let report = serde_json::json!({
        "acknowledged": acknowledged,
        "extra": extra,
        "torn_bytes": orders.torn_tail_bytes,
        "mended_frames": orders.mended_frames,
        "opened_ms": u64::try_from(opened_ms).unwrap_or(u64::MAX),
        "broken": broken,
    });
    println!("{report}");
    ExitCode::from(u8::from(!broken.is_empty()))
}

fn differs(number: u64, seq: u64, hash: &str, again: &Answer) -> Option<String> {
    if again.seq == seq && again.replayed && again.hash == hash {
        return None;
    }
    Some(format!(
        "request {number} was done at {seq} with answer {hash}; now seq {}, answer {}, replayed {}",
        again.seq, again.hash, again.replayed
    ))
}
