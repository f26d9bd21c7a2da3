//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
usage: drift [volume|rate|all] [--orders N,...] [--front native|python|none]
             [--peer redis|postgresql] [--minutes M] [--rate R] [--seed N] [--out DIR]
             [--python PATH] [--scratch DIR] [--planted]
  volume            with so many orders there, beside a fresh engine
  rate              at ten times a quiet rate, beside a minimal hold book at the same two
  --orders N,...    how many orders; k and M count: 10k,100k,1M unless told
  --front NAME      which front is asked; none: the engine in this process; native unless told
  --peer NAME       judges this system instead of Holdfast
  --minutes M       most minutes of each measurement; 10 unless told
  --rate R          the quiet rate, in orders a second; 200 unless told, 40 for python and postgresql
  --seed N          the seed of the orders; 1 unless told
  --out DIR         where drift.json goes; target/drift unless told
  --python PATH     the interpreter that has holdfast, for the fronts
  --scratch DIR     where the systems keep their files; it must be on a disk
  --planted         slows the engine by 5 % among many orders, and fails unless that is found
exit codes: 0 PASS, 1 FAIL, 2 wrong use, 3 INCONCLUSIVE, 4 GENERATOR-BOUND, 5 not carried out";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Volume,
    Rate,
    All,
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Native,
    Python,
    InProcess,
    Redis,
    Postgresql,
}

impl System {
    /// As it stands in a row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native front",
            Self::Python => "Python front",
            Self::InProcess => "in process",
            Self::Redis => "Redis with Lua",
            Self::Postgresql => "PostgreSQL",
        }
    }

    /// Orders a second of which ten times as many are far from all that it can.
    fn quiet_rate(self) -> u64 {
        match self {
            Self::Native | Self::InProcess | Self::Redis => 200,
            Self::Python | Self::Postgresql => 40,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub kind: Kind,
    pub orders: Vec<u64>,
    pub system: System,
    pub budget: Duration,
    pub rate: u64,
    pub seed: u64,
    pub out: PathBuf,
    pub python: Option<String>,
    pub scratch: PathBuf,
    pub planted: bool,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            kind: Kind::All,
            orders: vec![10_000, 100_000, 1_000_000],
            system: System::Native,
            budget: Duration::from_secs(600),
            rate: 0,
            seed: 1,
            out: "target/drift".into(),
            python: None,
            scratch: std::env::temp_dir(),
            planted: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "volume" => options.kind = Kind::Volume,
                "rate" => options.kind = Kind::Rate,
                "all" => options.kind = Kind::All,
                "--orders" => {
                    options.orders = value()?.split(',').map(count).collect::<Result<_, _>>()?;
                }
                "--front" => options.system = front(&value()?)?,
                "--peer" => options.system = peer(&value()?)?,
                "--minutes" => options.budget = minutes(&value()?)?,
                "--rate" => options.rate = count(&value()?)?,
                "--seed" => options.seed = whole(&value()?)?,
                "--out" => options.out = value()?.into(),
                "--python" => options.python = Some(value()?),
                "--scratch" => options.scratch = value()?.into(),
                "--planted" => options.planted = true,
                other => return Err(format!("there is no option '{other}'")),
            }
        }
        if options.rate == 0 {
            options.rate = options.system.quiet_rate();
        }
        if options.planted {
            // The slow-down is planted in the engine of this process.
            options.kind = Kind::Volume;
            options.system = System::InProcess;
            options.orders = vec![10_000];
        }
        Ok(options)
    }
}

fn front(name: &str) -> Result<System, String> {
    match name {
        "native" => Ok(System::Native),
        "python" => Ok(System::Python),
        "none" => Ok(System::InProcess),
        other => Err(format!("--front is native, python or none, not '{other}'")),
    }
}

fn peer(name: &str) -> Result<System, String> {
    match name {
        "redis" => Ok(System::Redis),
        "postgresql" => Ok(System::Postgresql),
        other => Err(format!("--peer is redis or postgresql, not '{other}'")),
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: Option<f64> = text.parse().ok();
    minutes
        .and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok())
        .ok_or(format!("'{text}' is no number of minutes"))
}

fn whole(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a whole number"))
}

/// A number that may end in k or M; not zero.
fn count(text: &str) -> Result<u64, String> {
    let (digits, times) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text
            .strip_suffix('M')
            .map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number: u64 = digits.parse().unwrap_or(0);
    number
        .checked_mul(times)
        .filter(|number| *number > 0)
        .ok_or(format!("'{text}' is no number of orders such as 10k or 1M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn orders_may_be_written_short() {
        let options = parsed("volume --orders 500,10k,1M").expect("options");
        assert_eq!(options.orders, [500, 10_000, 1_000_000]);
        assert_eq!(options.kind, Kind::Volume);
    }

    #[test]
    fn a_system_has_a_quiet_rate_of_its_own() {
        assert_eq!(parsed("rate").expect("options").rate, 200);
        assert_eq!(parsed("rate --peer postgresql").expect("options").rate, 40);
        assert_eq!(
            parsed("rate --front python --rate 5")
                .expect("options")
                .rate,
            5
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            ("--orders 10x", "'10x'"),
            ("--orders 0", "'0'"),
            ("--front go", "'go'"),
            ("--peer mysql", "'mysql'"),
            ("--minutes -1", "'-1'"),
            ("--rate", "--rate"),
            ("speed", "'speed'"),
        ] {
            let wrong = parsed(line).expect_err(line);
            assert!(wrong.contains(word), "{wrong}");
        }
    }

    #[test]
    fn the_planted_slow_down_is_in_this_process() {
        let options = parsed("--planted --front native").expect("options");
        assert_eq!(options.system, System::InProcess);
        assert_eq!(options.kind, Kind::Volume);
    }
}
