//! Where the server is: an address, sentinels that know it, or nodes of a cluster.

use std::path::Path;
use std::time::Duration;

use redis::{
    Client, ClientTlsConfig, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, RedisError, TlsCertificates, Value,
};

use super::{RedisOptions, StreamError};

const PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;
const FORMS: &str = "it must have the form redis://[user[:password]@]host[:port][/database], \
     redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/primary[/database] or \
     redis+cluster://[user[:password]@]host[:port][,host[:port]…]; with rediss instead of redis for TLS";

/// Host and port.
type Address = (String, u16);

/// How the primary is found.
#[derive(Debug, Clone)]
enum Route {
    Direct(Address),
    /// Asked in turn for the address of a primary by its name.
    Sentinels(Vec<Address>, String),
    /// Asked in turn who has the slot of a key.
    Cluster(Vec<Address>),
}

/// A server, found anew for each connection.
#[derive(Clone)]
pub(super) struct Endpoint {
    route: Route,
    /// User, password and database; the address is replaced.
    info: ConnectionInfo,
    tls: Option<TlsCertificates>,
    timeout: Duration,
}

impl Endpoint {
    /// Reads the URL and the files that the options name.
    ///
    /// # Errors
    /// [`StreamError::Option`]; it repeats no part of the URL, which may hold a password.
    pub(super) fn new(options: &RedisOptions) -> Result<Self, StreamError> {
        let (scheme, rest) = options.url.split_once("://").ok_or_else(|| wrong(FORMS))?;
        let (is_tls, scheme) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (
                false,
                scheme.strip_prefix("redis").ok_or_else(|| wrong(FORMS))?,
            ),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let addresses = |port| -> Result<Vec<Address>, StreamError> {
            hosts.split(',').map(|host| address(host, port)).collect()
        };
        let (route, database) = match scheme {
            "" => (Route::Direct(address(hosts, PORT)?), path),
            "+sentinel" => {
                let (primary, database) = path.split_once('/').unwrap_or((path, ""));
                if primary.is_empty() {
                    return Err(wrong("it names no primary behind the sentinels"));
                }
                let seeds = addresses(SENTINEL_PORT)?;
                (Route::Sentinels(seeds, primary.to_owned()), database)
            }
            "+cluster" if path.is_empty() => (Route::Cluster(addresses(PORT)?), ""),
            _ => return Err(wrong(FORMS)),
        };
        // Escapes in user and password, and the database, are read by the library.
        let info = format!("redis://{user}127.0.0.1/{database}")
            .into_connection_info()
            .map_err(|error| wrong(error.category()))?;
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let mut info = info.set_tcp_settings(tcp);
        if let Some(file) = &options.password_file {
            let password = read(file, "redis_password_file")?;
            let password = String::from_utf8_lossy(&password).trim().to_owned();
            let user = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(user);
        }
        Ok(Self {
            route,
            info,
            tls: is_tls.then(|| certificates(options)).transpose()?,
            timeout: options.timeout,
        })
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What to call it in a message; never a password.
    pub(super) fn shown(&self) -> String {
        let list = |seeds: &[Address]| {
            let seeds: Vec<String> = seeds.iter().map(spoken).collect();
            seeds.join(",")
        };
        match &self.route {
            Route::Direct(address) => spoken(address),
            Route::Sentinels(seeds, primary) => format!("{primary} of sentinels {}", list(seeds)),
            Route::Cluster(seeds) => format!("cluster {}", list(seeds)),
        }
    }

    /// Connects to whoever is the primary for a key now.
    pub(super) fn connect(&self, key: &str) -> Result<Connection, RedisError> {
        match &self.route {
            Route::Direct(address) => self.connect_to(address, &self.info),
            Route::Sentinels(seeds, primary) => {
                let found = first(seeds, |seed| self.ask_sentinel(seed, primary))?;
                self.connect_to(&found, &self.info)
            }
            Route::Cluster(seeds) => {
                let found = first(seeds, |seed| self.ask_node(seed, key))?;
                self.connect_to(&found, &self.info)
            }
        }
    }

    fn connect_to(&self, at: &Address, info: &ConnectionInfo) -> Result<Connection, RedisError> {
        let (host, port) = at.clone();
        let client = match &self.tls {
            None => Client::open(info.clone().set_addr(ConnectionAddr::Tcp(host, port)))?,
            Some(tls) => {
                let address = ConnectionAddr::TcpTls {
                    host,
                    port,
                    insecure: false,
                    tls_params: None,
                };
                Client::build_with_tls(info.clone().set_addr(address), tls.clone())?
            }
        };
        let connection = client.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
    }

    /// Sentinels often have no password of their own: it is shown to those that ask.
    fn ask_sentinel(&self, seed: &Address, primary: &str) -> Result<Address, RedisError> {
        let ask = |info: &ConnectionInfo| {
            let mut ask = redis::cmd("SENTINEL");
            ask.arg("get-master-addr-by-name").arg(primary);
            ask.query::<Option<Address>>(&mut self.connect_to(seed, info)?)
        };
        let known = self.info.redis_settings();
        let mut user = redis::RedisConnectionInfo::default();
        let mut found = ask(&self.info.clone().set_redis_settings(user.clone()));
        if let (Err(error), Some(password)) = (&found, known.password())
            && error.code() == Some("NOAUTH")
        {
            user = user.set_password(password);
            if let Some(name) = known.username() {
                user = user.set_username(name);
            }
            found = ask(&self.info.clone().set_redis_settings(user));
        }
        found?.ok_or_else(|| failed(format!("sentinel {} knows no such primary", spoken(seed))))
    }

    fn ask_node(&self, seed: &Address, key: &str) -> Result<Address, RedisError> {
        let mut node = self.connect_to(seed, &self.info)?;
        let cluster = |command: &str| -> Cmd {
            let mut cluster = redis::cmd("CLUSTER");
            cluster.arg(command);
            cluster
        };
        let slot: u64 = cluster("KEYSLOT").arg(key).query(&mut node)?;
        let ranges: Vec<Vec<Value>> = cluster("SLOTS").query(&mut node)?;
        ranges
            .into_iter()
            .find_map(|range| primary_of(range, slot))
            .map(|(host, port)| match host.is_empty() {
                // The node that was asked does not know its own name.
                true => (seed.0.clone(), port),
                false => (host, port),
            })
            .ok_or_else(|| {
                failed(format!(
                    "node {} knows nobody with slot {slot}",
                    spoken(seed)
                ))
            })
    }
}

/// The primary of a range of slots, if the slot is in it.
fn primary_of(range: Vec<Value>, slot: u64) -> Option<Address> {
    let mut parts = range.into_iter();
    let from: u64 = redis::from_redis_value(parts.next()?).ok()?;
    let to: u64 = redis::from_redis_value(parts.next()?).ok()?;
    let Value::Array(primary) = parts.next()? else {
        return None;
    };
    let mut primary = primary.into_iter();
    let host: Option<String> = redis::from_redis_value(primary.next()?).ok()?;
    let port: u16 = redis::from_redis_value(primary.next()?).ok()?;
    (from..=to)
        .contains(&slot)
        .then(|| (host.unwrap_or_default(), port))
}

/// The answer of the first that has one; else why the last has none.
fn first(
    seeds: &[Address],
    mut ask: impl FnMut(&Address) -> Result<Address, RedisError>,
) -> Result<Address, RedisError> {
    let mut last = failed("nobody is named".into());
    for seed in seeds {
        match ask(seed) {
            Ok(found) => return Ok(found),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn failed(detail: String) -> RedisError {
    (ErrorKind::Client, "the primary was not found", detail).into()
}

fn address(text: &str, port: u16) -> Result<Address, StreamError> {
    // An IPv6 address stands in brackets.
    let (host, given) = match text.rsplit_once(':') {
        Some((host, given)) if !given.ends_with(']') => (host, Some(given)),
        _ => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = given.map_or(Ok(port), str::parse).ok();
    match port {
        Some(port) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err(wrong(FORMS)),
    }
}

fn spoken((host, port): &Address) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

fn certificates(options: &RedisOptions) -> Result<TlsCertificates, StreamError> {
    // Another part of the process may have chosen its cryptography before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = |file: &Option<std::path::PathBuf>, option| {
        file.as_deref().map(|file| read(file, option)).transpose()
    };
    let client_tls = match (
        file(&options.cert, "redis_cert")?,
        file(&options.key, "redis_key")?,
    ) {
        (None, None) => None,
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig {
            client_cert,
            client_key,
        }),
        _ => {
            return Err(StreamError::Option {
                option: "redis_cert",
                detail: "a certificate and its key are needed, both or none".to_owned(),
            });
        }
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert: file(&options.ca, "redis_ca")?,
    })
}

fn read(file: &Path, option: &'static str) -> Result<Vec<u8>, StreamError> {
    std::fs::read(file).map_err(|error| StreamError::Option {
        option,
        detail: format!("{}: {error}", file.display()),
    })
}

fn wrong(detail: &str) -> StreamError {
    StreamError::Option {
        option: "redis_url",
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Result<String, StreamError> {
        Endpoint::new(&RedisOptions::new(url, "test")).map(|endpoint| endpoint.shown())
    }

    #[test]
    fn every_form_of_url_is_read_and_no_password_is_shown() {
        for (url, expected) in [
            ("redis://localhost", "localhost:6379"),
            ("redis://ann:s%40cret@10.0.0.1:7000/2", "10.0.0.1:7000"),
            ("rediss://:secret@[::1]:6380", "[::1]:6380"),
            (
                "redis+sentinel://:secret@a,b:5000/shop/3",
                "shop of sentinels a:26379,b:5000",
            ),
            ("redis+cluster://ann:secret@a:1,b:2", "cluster a:1,b:2"),
        ] {
            assert_eq!(shown(url), Ok(expected.to_owned()));
        }
        for url in [
            "localhost",
            "http://localhost",
            "redis://",
            "redis://:secret@host:port",
            "redis+sentinel://:secret@a",
            "redis+cluster://:secret@a/1",
        ] {
            let error = shown(url).expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn escapes_in_user_and_password_are_read() {
        let options = RedisOptions::new("redis://an%3An:s%40cr%2Fet@host/2", "test");
        let endpoint = Endpoint::new(&options).expect("a URL");
        let user = endpoint.info.redis_settings();
        assert_eq!(user.username(), Some("an:n"));
        assert_eq!(user.password(), Some("s@cr/et"));
        assert_eq!(user.db(), 2);
    }
}
