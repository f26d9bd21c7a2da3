//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
usage: race [--short] [--out DIR] [--only NAME,...] [--seed N] [--baseline NAME]
            [--rounds N] [--orders N] [--write-docs FILE] [--python PATH] [--scratch DIR]
  --short           two minutes instead of fifteen: shorter turns, fewer of them
  --out DIR         where race.json, race.md and race.svg go; target/race unless told
  --only NAME,...   only these stores: in-process, native-front, python-front, redis-always,
                    redis-everysec, postgres, sqlite, book, echo-native, echo-go,
                    echo-python
  --seed N          the seed of the orders; 1 unless told
  --baseline NAME   the contender that ratios are taken to, by its name in the table
  --rounds N        so many rounds instead of as many as the time allows
  --orders N        most orders of a turn
  --write-docs FILE rewrite the part of a Markdown file between the race's marks
  --python PATH     the interpreter that has holdfast; without it the fronts stay away
  --scratch DIR     where the stores keep their files; it must be on a disk";

#[derive(Debug, Clone)]
pub struct Options {
    pub short: bool,
    pub out: PathBuf,
    pub only: Vec<String>,
    pub seed: u64,
    pub baseline: Option<String>,
    pub rounds: Option<usize>,
    pub orders: u64,
    pub docs: Option<PathBuf>,
    pub python: Option<String>,
    pub scratch: PathBuf,
}

/// Times of a form of the race.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub turn: Duration,
    /// Length of a hold, in whole seconds.
    pub hold: Duration,
    /// No round begins that would end after it.
    pub budget: Duration,
}

impl Options {
    pub fn pace(&self) -> Pace {
        let seconds = Duration::from_secs;
        if self.short {
            Pace {
                turn: Duration::from_millis(600),
                hold: seconds(1),
                budget: seconds(95),
            }
        } else {
            Pace {
                turn: seconds(3),
                hold: seconds(2),
                budget: seconds(13 * 60),
            }
        }
    }

    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            short: false,
            out: "target/race".into(),
            only: Vec::new(),
            seed: 1,
            baseline: None,
            rounds: None,
            orders: 200_000,
            docs: None,
            python: None,
            scratch: std::env::temp_dir(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--short" => options.short = true,
                "--out" => options.out = value()?.into(),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--seed" => options.seed = number(&value()?)?,
                "--baseline" => options.baseline = Some(value()?),
                "--rounds" => options.rounds = Some(number(&value()?)?),
                "--orders" => options.orders = number(&value()?)?,
                "--write-docs" => options.docs = Some(value()?.into()),
                "--python" => options.python = Some(value()?),
                "--scratch" => options.scratch = value()?.into(),
                other => return Err(format!("there is no option '{other}'")),
            }
        }
        Ok(options)
    }

    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a whole number"))
}
