//! Settings of a server that decide what its acknowledgement is worth.

use super::super::Mode;

/// The oldest version that trims a stream by id.
const OLDEST: (u32, u32) = (6, 2);
/// The oldest version that waits for the disks of replicas.
const OLDEST_WAITAOF: (u32, u32) = (7, 2);

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Major and minor version of Redis, or the one that a fork is compatible with.
    pub version: (u32, u32),
    /// `master` or `slave`, in the server's words.
    pub role: String,
    /// Replicas that are connected and up to date enough to stream.
    pub online_replicas: u32,
    /// Bytes; 0 for no limit.
    pub maxmemory: u64,
    pub maxmemory_policy: String,
    pub appendonly: bool,
    /// As it was assumed if the user may not ask; else `None` then.
    pub appendfsync: Option<String>,
}

impl Settings {
    /// What keeps the server from the promise of a mode, whatever else happens:
    /// each the setting, what it is and what it must be.
    #[must_use]
    pub fn lasting_problems(&self, mode: Mode) -> Vec<String> {
        let mut problems = Vec::new();
        let (major, minor) = self.version;
        if self.version < OLDEST {
            problems.push(format!(
                "the version is {major}.{minor} and must be {}.{} or newer",
                OLDEST.0, OLDEST.1
            ));
        }
        if matches!(mode, Mode::RedisWaitaof(_)) && self.version < OLDEST_WAITAOF {
            problems.push(format!(
                "the version is {major}.{minor}, but {mode} needs WAITAOF, which came with {}.{}; take redis.wait(N) or upgrade",
                OLDEST_WAITAOF.0, OLDEST_WAITAOF.1
            ));
        }
        if self.maxmemory > 0 && self.maxmemory_policy != "noeviction" {
            problems.push(format!(
                "maxmemory-policy is {} with a maxmemory of {} bytes and must be noeviction: the server would throw records away",
                self.maxmemory_policy, self.maxmemory
            ));
        }
        if !self.appendonly {
            problems.push("appendonly is no and must be yes".to_owned());
        }
        let (wanted, fits): (&str, fn(&str) -> bool) = match mode {
            Mode::RedisEverysec => ("everysec or always", |it| {
                matches!(it, "everysec" | "always")
            }),
            _ => ("always", |it| it == "always"),
        };
        match self.appendfsync.as_deref() {
            None => problems.push(
                "appendfsync cannot be read; allow the user `+config|get` in its ACL, or, on a server that lets nobody ask, state what it is in redis_assume_appendfsync".to_owned(),
            ),
            Some(found) if !fits(found) => {
                problems.push(format!("appendfsync is {found} and must be {wanted}"));
            }
            Some(_) => {}
        }
        problems
    }

    /// What keeps it from the promise now, and may be over in a moment.
    #[must_use]
    pub fn passing_problems(&self, mode: Mode) -> Vec<String> {
        let mut problems = Vec::new();
        if self.role != "master" {
            problems.push(format!(
                "the role is {} and must be master: name the primary in the URL",
                self.role
            ));
        }
        let needed = super::wait_of(mode).replicas();
        if self.online_replicas < needed {
            problems.push(format!(
                "{} replicas are connected and {mode} needs {needed}",
                self.online_replicas
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Settings {
        Settings {
            version: (7, 2),
            role: "master".to_owned(),
            online_replicas: 1,
            maxmemory: 0,
            maxmemory_policy: "allkeys-lru".to_owned(),
            appendonly: true,
            appendfsync: Some("always".to_owned()),
        }
    }

    #[test]
    fn a_sound_server_serves_every_mode_and_an_old_one_those_that_it_can() {
        let modes = [
            Mode::RedisEverysec,
            Mode::RedisAlways,
            Mode::RedisWait(1),
            Mode::RedisWaitaof(1),
        ];
        let problems = |version: (u32, u32)| {
            let settings = Settings { version, ..sound() };
            modes.map(|mode| {
                settings.lasting_problems(mode).len() + settings.passing_problems(mode).len()
            })
        };
        assert_eq!(problems((7, 2)), [0, 0, 0, 0]);
        assert_eq!(problems((7, 0)), [0, 0, 0, 1]);
        assert_eq!(problems((6, 0)), [1, 1, 1, 2]);
    }
}
