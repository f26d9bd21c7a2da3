//! The Redis journal over real servers, which each test starts and ends itself.

mod records;
mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_engine::journal::{
    Durability, Journal, JournalError, Mode, Progress, RedisJournal, RedisOptions, StreamError,
    Writer,
};
use records::{all, commit, record, try_commit};
use server::{ALWAYS, TestServer, skipped};

const STREAM: &str = "{holdfast:test}:journal";
const HEAD: &str = "{holdfast:test}:head";

/// The text of the error that ends a journal.
fn failed(outcome: std::io::Result<Progress>) -> String {
    outcome.expect_err("it is refused").to_string()
}

fn upto(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[test]
fn what_was_committed_comes_back_and_reopening_takes_a_new_epoch() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    for (mode, durability) in [
        (Mode::RedisAlways, Durability::Synced),
        (Mode::RedisEverysec, Durability::Logged),
    ] {
        server.ask(&["FLUSHALL"]);
        let mut next = 1;
        for epoch in 1..=3 {
            let (mut journal, recovery) =
                RedisJournal::open(&server.options(), mode).expect("sound");
            assert_eq!(
                (recovery.epoch, recovery.first_seq, recovery.last_seq),
                (epoch, 1, next - 1)
            );
            assert_eq!(recovery.records, next - 1);
            assert_eq!(journal.durability(), durability);
            for _ in 0..200 {
                commit(&mut journal, next..=next + 2);
                next += 3;
            }
            journal.tend().expect("all is well");
            let reader = journal.reader();
            assert_eq!(all(reader.as_ref()), upto(next - 1));
            assert_eq!(reader.read(next - 2).expect("there"), record(next - 2));
            assert!(matches!(
                reader.read(next),
                Err(JournalError::Missing { .. })
            ));
            assert_eq!(journal.last_seq(), next - 1);
            let scrubbed = reader.scrub(&mut |_| {}).expect("sound");
            assert_eq!(scrubbed.frames, u64::from(epoch) * 201);
        }
    }
}

#[test]
fn the_same_group_after_a_lost_reply_is_there_once() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let proxy = Proxy::start(server.port);
    let mut options = server.options();
    options.url = format!("redis://127.0.0.1:{}", proxy.port);
    let mut journal = RedisJournal::open(&options, Mode::RedisAlways)
        .expect("sound")
        .0;
    commit(&mut journal, 1..=2);
    proxy.swallow_next_reply();
    let Progress::Again { detail } = try_commit(&mut journal, 3..=5).expect("unknown") else {
        panic!("the reply was lost")
    };
    assert!(detail.contains("127.0.0.1"), "{detail}");
    // The epoch's own group, two with records: the lost reply was of one that is there.
    assert!(server.ask(&["XLEN", STREAM]).starts_with(":3"));
    commit(&mut journal, 3..=5);
    assert!(server.ask(&["XLEN", STREAM]).starts_with(":3"));
    commit(&mut journal, 6..=6);
    assert_eq!(all(journal.reader().as_ref()), upto(6));
}

/// Passes bytes on, and does to them what it is told.
struct Proxy {
    port: u16,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    /// Drop the next reply with its connection.
    swallow: AtomicBool,
    /// Send this by another connection behind the next EXEC, before the rest of its message.
    hand: Mutex<Option<Vec<String>>>,
}

impl Proxy {
    fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let orders = Arc::new(Orders::default());
        let own = Arc::clone(&orders);
        // It ends with the test's process, as nobody connects any more.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let own = Arc::clone(&own);
                std::thread::spawn(move || relay(client, server, &own));
            }
        });
        Self { port, orders }
    }

    fn swallow_next_reply(&self) {
        self.orders.swallow.store(true, Ordering::SeqCst);
    }

    fn let_in_behind_next_exec(&self, hand: &[&str]) {
        let hand = hand.iter().map(|it| (*it).to_owned()).collect();
        *self.orders.hand.lock().expect("sound") = Some(hand);
    }
}

fn relay(client: TcpStream, server: TcpStream, orders: &Arc<Orders>) {
    let (requests, to_server) = (
        client.try_clone().expect("a clone"),
        server.try_clone().expect("a clone"),
    );
    let own = Arc::clone(orders);
    std::thread::spawn(move || pass_requests(requests, to_server, &own));
    let (mut replies, mut to_client) = (server, client);
    let mut buffer = vec![0; 64 << 10];
    while let Ok(got @ 1..) = replies.read(&mut buffer) {
        if orders.swallow.swap(false, Ordering::SeqCst)
            || to_client.write_all(&buffer[..got]).is_err()
        {
            break;
        }
    }
    let _ = to_client.shutdown(std::net::Shutdown::Both);
    let _ = replies.shutdown(std::net::Shutdown::Both);
}

fn pass_requests(mut requests: TcpStream, mut to_server: TcpStream, orders: &Orders) {
    const EXEC: &[u8] = b"$4\r\nEXEC\r\n";
    let mut buffer = vec![0; 64 << 10];
    while let Ok(got @ 1..) = requests.read(&mut buffer) {
        let mut rest = &buffer[..got];
        let exec = rest.windows(EXEC.len()).position(|window| window == EXEC);
        if let Some(at) = exec
            && let Some(hand) = orders.hand.lock().expect("sound").take()
        {
            let (first, behind) = rest.split_at(at + EXEC.len());
            let _ = to_server.write_all(first);
            // It is accepted only after what lies at the door already.
            let port = to_server.peer_addr().expect("connected").port();
            let hand: Vec<&str> = hand.iter().map(String::as_str).collect();
            server::ask_port(port, &hand).expect("the server answers");
            rest = behind;
        }
        if to_server.write_all(rest).is_err() {
            break;
        }
    }
    let _ = to_server.shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_second_owner_is_refused_while_the_lease_lives_and_a_clean_end_gives_it_up() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut options = server.options();
    options.owner = "the first".to_owned();
    let first = RedisJournal::open(&options, Mode::RedisAlways)
        .expect("free")
        .0;
    let StreamError::Held { owner, millis, .. } =
        server.refuses(&server.options(), Mode::RedisAlways)
    else {
        panic!("it is held")
    };
    assert_eq!(owner, "the first");
    assert!(millis <= 5_000, "{millis}");
    drop(first);
    server.open(Mode::RedisAlways);
}

/// Replay may take longer than the lease, and nobody tends the journal meanwhile.
#[test]
fn reading_keeps_the_lease_alive_and_does_not_revive_one_that_was_given_up() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut journal = server.open(Mode::RedisAlways);
    commit(&mut journal, 1..=3);
    let reader = journal.reader();
    server.ask(&["HSET", HEAD, "until", "0"]);
    assert_eq!(all(reader.as_ref()), upto(3));
    assert!(matches!(
        server.refuses(&server.options(), Mode::RedisAlways),
        StreamError::Held { .. }
    ));
    drop(journal);
    assert_eq!(all(reader.as_ref()), upto(3));
    server.open(Mode::RedisAlways);
}

#[test]
fn an_older_owner_is_fenced_and_none_of_its_writes_lands() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut old = server.open(Mode::RedisAlways);
    commit(&mut old, 1..=3);
    // As if it had been stopped for longer than its lease.
    server.ask(&["HSET", HEAD, "until", "0"]);
    let mut new = server.open(Mode::RedisAlways);
    let error = failed(try_commit(&mut old, 4..=4));
    assert!(
        error.contains("epoch 2") && error.contains("has 1"),
        "{error}"
    );
    assert!(old.tend().is_err());
    // The old one's end does not end the lease of the new one.
    drop(old);
    assert!(matches!(
        server.refuses(&server.options(), Mode::RedisAlways),
        StreamError::Held { .. }
    ));
    commit(&mut new, 4..=6);
    assert_eq!(all(new.reader().as_ref()), upto(6));
}

#[test]
fn documents_land_with_the_group_that_refers_to_them_or_not_at_all() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let proxy = Proxy::start(server.port);
    let mut options = server.options();
    options.url = format!("redis://127.0.0.1:{}", proxy.port);
    let mut old = RedisJournal::open(&options, Mode::RedisAlways)
        .expect("sound")
        .0;
    let mut documents = old.documents(&options).expect("documents");
    documents.put(7, b"first");
    assert_eq!(documents.count().expect("counted"), 0);
    assert_eq!(
        documents.get(7).expect("waits").as_deref(),
        Some(&b"first"[..])
    );
    proxy.swallow_next_reply();
    let again = try_commit(&mut old, 1..=1).expect("unknown");
    assert!(matches!(again, Progress::Again { .. }), "{again:?}");
    documents.put(8, b"second");
    // The same group again takes what came meanwhile along.
    commit(&mut old, 1..=1);
    assert_eq!(documents.count().expect("counted"), 2);
    assert_eq!(
        documents.get(7).expect("there").as_deref(),
        Some(&b"first"[..])
    );
    // Fenced, it leaves no document behind either.
    server.ask(&["HSET", HEAD, "until", "0"]);
    let mut new = server.open(Mode::RedisAlways);
    documents.put(9, b"late");
    failed(try_commit(&mut old, 2..=2));
    commit(&mut new, 2..=2);
    let mut documents = new.documents(&server.options()).expect("documents");
    assert_eq!(documents.count().expect("counted"), 2);
    assert_eq!(documents.get(9).expect("asked"), None);
}

#[test]
fn one_flipped_bit_refuses_the_start_and_names_the_records() {
    if skipped() {
        return;
    }
    let mut server = TestServer::start(&ALWAYS);
    let mut journal = server.open(Mode::RedisAlways);
    for first in [1, 4, 7] {
        commit(&mut journal, first..=first + 2);
    }
    drop(journal);
    server.kill();
    let log = fs::read_dir(server.folder.join("appendonlydir"))
        .expect("a folder of logs")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .expect("a log");
    let mut bytes = fs::read(&log).expect("readable");
    let needle = record(5);
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .expect("the record stands there");
    bytes[at] ^= 1;
    fs::write(&log, bytes).expect("written");
    server.run();
    let StreamError::Damaged {
        good_seq, missing, ..
    } = server.refuses(&server.options(), Mode::RedisAlways)
    else {
        panic!("it is damaged")
    };
    assert_eq!((good_seq, missing.as_str()), (3, "records 4 to 6"));
    // A refused start holds no lease: the same is said at once again.
    assert!(matches!(
        server.refuses(&server.options(), Mode::RedisAlways),
        StreamError::Damaged { .. }
    ));
}

#[test]
fn a_strangers_hand_is_found_by_the_next_commit_and_by_tending() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let hands: [(&[&str], &str); 6] = [
        (&["DEL", STREAM], "records 1 to 9 missing"),
        (&["FLUSHALL"], "records 1 to 9 missing"),
        (&["XTRIM", STREAM, "MAXLEN", "1"], "records 1 to 6 missing"),
        (&["XDEL", STREAM, "3-0"], "records 4 to 6 missing"),
        (&["DEL", HEAD], "no record missing"),
        (&["XADD", STREAM, "99-0", "a", "b"], "no record missing"),
    ];
    for (hand, missing) in hands {
        server.ask(&["FLUSHALL"]);
        let mut journal = server.open(Mode::RedisAlways);
        for first in [1, 4, 7] {
            commit(&mut journal, first..=first + 2);
        }
        journal.tend().expect("all is well");
        server.ask(hand);
        let tended = journal.tend().expect_err("tending finds it").to_string();
        assert!(tended.contains(missing), "{hand:?}: {tended}");
        let error = failed(try_commit(&mut journal, 10..=10));
        assert!(error.contains(missing), "{hand:?}: {error}");
    }
}

#[test]
fn an_entry_removed_while_nobody_looked_refuses_the_start() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    for (hand, missing) in [
        (["XDEL", STREAM, "3-0"], "records 4 to 6"),
        (["XDEL", STREAM, "4-0"], "records 7 to 9"),
        (["DEL", STREAM, STREAM], "records 1 to 9"),
    ] {
        server.ask(&["FLUSHALL"]);
        let mut journal = server.open(Mode::RedisAlways);
        for first in [1, 4, 7] {
            commit(&mut journal, first..=first + 2);
        }
        drop(journal);
        server.ask(&hand);
        let error = server
            .refuses(&server.options(), Mode::RedisAlways)
            .to_string();
        assert!(error.contains(missing), "{hand:?}: {error}");
    }
}

#[test]
fn settings_that_cannot_keep_the_promise_are_refused_by_name() {
    if skipped() {
        return;
    }
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let cases: [(&[&str], Mode, &[&str]); 4] = [
        (
            &["--appendonly", "no"],
            Mode::RedisEverysec,
            &["appendonly is no and must be yes"],
        ),
        (
            &everysec,
            Mode::RedisAlways,
            &["appendfsync is everysec and must be always"],
        ),
        (
            &[
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--maxmemory",
                "100mb",
                "--maxmemory-policy",
                "allkeys-lru",
            ],
            Mode::RedisAlways,
            &["maxmemory-policy is allkeys-lru", "must be noeviction"],
        ),
        (
            &everysec,
            Mode::RedisWait(2),
            &[
                "appendfsync is everysec",
                "0 replicas are connected and redis.wait(2) needs 2",
            ],
        ),
    ];
    for (arguments, mode, texts) in cases {
        let server = TestServer::start(arguments);
        let error = server.refuses(&server.options(), mode);
        assert_eq!(error.reason(), "JOURNAL_UNFIT");
        for text in texts {
            assert!(error.to_string().contains(text), "{error}");
        }
    }
    let server = TestServer::start(&everysec);
    let mut journal = server.open(Mode::RedisEverysec);
    commit(&mut journal, 1..=1);
    server.ask(&["CONFIG", "SET", "appendonly", "no"]);
    let error = journal.tend().expect_err("tending finds it").to_string();
    assert!(error.contains("appendonly is no"), "{error}");
}

#[test]
fn a_password_is_used_and_never_told() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&[&ALWAYS[..], &["--requirepass", "a-secret"]].concat());
    let at =
        |user: &str| RedisOptions::new(format!("redis://{user}127.0.0.1:{}", server.port), "test");
    let mut journal = RedisJournal::open(&at(":a-secret@"), Mode::RedisAlways)
        .expect("let in")
        .0;
    commit(&mut journal, 1..=1);
    for wrong in ["", ":another-secret@"] {
        let error = server.refuses(&at(wrong), Mode::RedisAlways);
        assert_eq!(error.reason(), "JOURNAL_UNREACHABLE");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for text in [format!("{:?}", at(":a-secret@")), format!("{journal:?}")] {
        assert!(!text.contains("a-secret"), "{text}");
    }
    let error = server.refuses(
        &RedisOptions::new("redis://:a-secret@:x/", "test"),
        Mode::RedisAlways,
    );
    assert!(!error.to_string().contains("a-secret"), "{error}");
}

#[test]
fn a_user_who_may_not_read_the_settings_is_told_what_to_allow() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    server.ask(&[
        "ACL", "SETUSER", "shop", "on", ">pw", "~*", "+@all", "-config",
    ]);
    let options = RedisOptions::new(format!("redis://shop:pw@127.0.0.1:{}", server.port), "test");
    let error = server.refuses(&options, Mode::RedisAlways).to_string();
    assert!(error.contains("+config|get"), "{error}");
}

#[test]
fn trimming_removes_whole_groups_and_what_is_left_is_found_again() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut journal = server.open(Mode::RedisAlways);
    let reader = journal.reader();
    for first in (1..=6_000).step_by(60) {
        commit(&mut journal, first..=first + 59);
    }
    journal.trim(3_000).expect("trimmed");
    let first = reader.first_seq();
    assert!(first > 1 && first <= 3_000, "{first}");
    assert_eq!(reader.read(3_000).expect("kept"), record(3_000));
    assert!(matches!(
        reader.read(first - 1),
        Err(JournalError::Missing { .. })
    ));
    journal.tend().expect("it was our own hand");
    commit(&mut journal, 6_001..=6_001);
    drop(journal);
    let (journal, recovery) =
        RedisJournal::open(&server.options(), Mode::RedisAlways).expect("sound");
    assert_eq!((recovery.first_seq, recovery.last_seq), (first, 6_001));
    let seen = all(journal.reader().as_ref());
    assert_eq!(seen, (first..=6_001).collect::<Vec<_>>());
    drop(journal);
    server.ask(&["XTRIM", STREAM, "MAXLEN", "10"]);
    assert!(matches!(
        server.refuses(&server.options(), Mode::RedisAlways),
        StreamError::Damaged { .. }
    ));
}

/// What passes is waited for, and the group lands once whenever it is over.
#[test]
fn a_server_that_refuses_for_a_while_gets_the_group_when_it_can() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut journal = server.open(Mode::RedisAlways);
    let pauses: [(&[&str], &[&str], &str); 3] = [
        (
            &["CONFIG", "SET", "maxmemory", "1"],
            &["CONFIG", "SET", "maxmemory", "0"],
            "OOM",
        ),
        (
            &["REPLICAOF", "127.0.0.1", "1"],
            &["REPLICAOF", "NO", "ONE"],
            "ReadOnly",
        ),
        (
            &["CONFIG", "SET", "min-replicas-to-write", "1"],
            &["CONFIG", "SET", "min-replicas-to-write", "0"],
            "NOREPLICAS",
        ),
    ];
    for (seq, (begin, end, word)) in (1..).zip(pauses) {
        server.ask(begin);
        let Progress::Again { detail } = try_commit(&mut journal, seq..=seq).expect("it passes")
        else {
            panic!("{begin:?} did not keep it from writing")
        };
        assert!(detail.contains(word), "{begin:?}: {detail}");
        server.ask(end);
        commit(&mut journal, seq..=seq);
    }
    // Scripts that were forgotten are taught again.
    server.ask(&["SCRIPT", "FLUSH"]);
    commit(&mut journal, 4..=4);
    journal.tend().expect("it is looked at again later");
    commit(&mut journal, 5..=5);
    journal.tend().expect("all is well");
    assert_eq!(all(journal.reader().as_ref()), upto(5));
}

/// Scripts are cold when they are called once a millisecond; see `benches/redis.rs`.
#[test]
fn a_group_waits_for_no_script_unless_somebody_touched_stream_or_head() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut journal = server.open(Mode::RedisAlways);
    let reader = journal.reader();
    let scripts = || {
        let stats = server.ask(&["INFO", "commandstats"]);
        let of_scripts = stats.split("cmdstat_evalsha:calls=").nth(1);
        let calls = of_scripts.and_then(|it| it.split(',').next());
        calls.map_or(0, |calls| calls.parse::<u64>().expect("a number"))
    };
    let mut next = 1;
    let mut calls_of = |touch: &mut dyn FnMut(&mut RedisJournal)| {
        touch(&mut journal);
        let before = scripts();
        for _ in 0..5 {
            commit(&mut journal, next..=next + 2);
            next += 3;
        }
        scripts() - before
    };
    assert_eq!(calls_of(&mut |_| {}), 0);
    assert_eq!(calls_of(&mut |journal| journal.tend().expect("well")), 0);
    assert_eq!(
        calls_of(&mut |_| assert_eq!(all(reader.as_ref()), upto(30))),
        0
    );
    assert_eq!(
        calls_of(&mut |journal| journal.trim(20).expect("trimmed")),
        0
    );
    let touch = ["HSET", HEAD, "until", "0"];
    assert_eq!(calls_of(&mut |_| drop(server.ask(&touch))), 1);
}

/// A server takes a message that came in parts as what it is: commands, with those of
/// others in between.
#[test]
fn what_happens_within_a_message_is_found_before_the_next_group_lands() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let hands: [(&[&str], &str); 3] = [
        (&["XDEL", STREAM, "2-0"], "records 1 to 3 missing"),
        (&["DEL", HEAD], "no record missing"),
        (
            &["HSET", HEAD, "epoch", "2", "token", "x", "owner", "another"],
            "taken over by another with epoch 2",
        ),
    ];
    for (hand, text) in hands {
        server.ask(&["FLUSHALL"]);
        let proxy = Proxy::start(server.port);
        let mut options = server.options();
        options.url = format!("redis://127.0.0.1:{}", proxy.port);
        let mut journal = RedisJournal::open(&options, Mode::RedisAlways)
            .expect("sound")
            .0;
        commit(&mut journal, 1..=3);
        proxy.let_in_behind_next_exec(hand);
        // It was all there when this one was added.
        commit(&mut journal, 4..=4);
        let length = server.ask(&["XLEN", STREAM]);
        let error = failed(try_commit(&mut journal, 5..=5));
        assert!(error.contains(text), "{hand:?}: {error}");
        assert_eq!(server.ask(&["XLEN", STREAM]), length);
    }
}

#[test]
fn a_server_that_stood_still_has_the_group_once() {
    if skipped() {
        return;
    }
    let server = TestServer::start(&ALWAYS);
    let mut options = server.options();
    options.timeout = Duration::from_millis(100);
    let mut journal = RedisJournal::open(&options, Mode::RedisAlways)
        .expect("sound")
        .0;
    commit(&mut journal, 1..=1);
    server.signal("-STOP");
    let progress = try_commit(&mut journal, 2..=3).expect("unknown");
    assert_ne!(progress, Progress::Durable);
    server.signal("-CONT");
    // It works through what waited at its door, our first attempt as well.
    let mut again = 0..60;
    while try_commit(&mut journal, 2..=3).expect("not lost") != Progress::Durable {
        again.next().expect("it answers again");
    }
    commit(&mut journal, 4..=4);
    assert_eq!(all(journal.reader().as_ref()), upto(4));
    assert!(server.ask(&["XLEN", STREAM]).starts_with(":4"));
}

/// Where the server has no WAITAOF, that is what the refusal says.
#[test]
fn waiting_for_the_disks_of_replicas_works_or_is_refused_by_name() {
    if skipped() {
        return;
    }
    let primary = TestServer::start(&ALWAYS);
    let port = primary.port.to_string();
    let _replica = TestServer::start(&[&ALWAYS[..], &["--replicaof", "127.0.0.1", &port]].concat());
    let online = primary.wait_for("INFO", |info| info.contains("state=online"));
    assert!(online, "the replica follows");
    let mode = Mode::RedisWaitaof(1);
    let has_it = primary
        .ask(&["COMMAND", "INFO", "WAITAOF"])
        .contains("waitaof");
    if !has_it {
        let error = primary.refuses(&primary.options(), mode).to_string();
        assert!(
            error.contains("needs WAITAOF, which came with 7.2"),
            "{error}"
        );
        return;
    }
    let mut journal = primary.open(mode);
    assert_eq!(journal.durability(), Durability::ReplicatedSynced(1));
    for first in (1..=30).step_by(3) {
        commit(&mut journal, first..=first + 2);
    }
    assert_eq!(all(journal.reader().as_ref()), upto(30));
}

#[test]
fn a_server_killed_in_the_middle_of_commits_loses_nothing_and_doubles_nothing() {
    if skipped() {
        return;
    }
    let mut server = TestServer::start(&ALWAYS);
    let writer = Writer::start(
        Box::new(server.open(Mode::RedisAlways)),
        Box::new(|| Ok(())),
    );
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let writer = &writer;
        scope.spawn(move || {
            for seq in 1..=3_000 {
                assert_eq!(writer.append(&record(seq)), seq);
                writer.wait(seq, None).expect("durable after all");
                if seq % 500 == 0 {
                    told.send(seq).expect("somebody listens");
                }
            }
        });
        while heard.recv().is_ok_and(|seq| seq <= 2_500) {
            server.kill();
            server.run();
        }
    });
    writer.flush_and_close().expect("clean");
    let (journal, recovery) =
        RedisJournal::open(&server.options(), Mode::RedisAlways).expect("sound");
    assert_eq!((recovery.last_seq, recovery.records), (3_000, 3_000));
    assert_eq!(all(journal.reader().as_ref()), upto(3_000));
}

#[test]
fn waiting_for_a_replica_keeps_what_was_acknowledged_over_a_failover() {
    if skipped() {
        return;
    }
    let mut primary = TestServer::start(&ALWAYS);
    let port = primary.port.to_string();
    let mut replica =
        TestServer::start(&[&ALWAYS[..], &["--replicaof", "127.0.0.1", &port]].concat());
    let online = primary.wait_for("INFO", |info| info.contains("state=online"));
    assert!(online, "the replica follows");
    let refused = replica.refuses(&replica.options(), Mode::RedisWait(1));
    assert!(
        refused.to_string().contains("the role is slave"),
        "{refused}"
    );

    let mut journal = primary.open(Mode::RedisWait(1));
    assert_eq!(journal.durability(), Durability::Replicated(1));
    for first in (1..=300).step_by(3) {
        commit(&mut journal, first..=first + 2);
    }
    replica.kill();
    let Progress::Again { detail } = try_commit(&mut journal, 301..=301).expect("not lost") else {
        panic!("no replica has it")
    };
    assert!(detail.contains("0 replicas have group"), "{detail}");
    replica.run();
    // The replica asks for what it lacks by itself; the group is tried as the writer would.
    let mut again = 0..60;
    while try_commit(&mut journal, 301..=301).expect("not lost") != Progress::Durable {
        again.next().expect("the replica comes back");
    }
    primary.kill();
    drop(journal);
    replica.ask(&["REPLICAOF", "NO", "ONE"]);
    replica.ask(&["HSET", HEAD, "until", "0"]);
    let (journal, recovery) =
        RedisJournal::open(&replica.options(), Mode::RedisAlways).expect("sound");
    assert_eq!(recovery.last_seq, 301);
    assert_eq!(all(journal.reader().as_ref()), upto(301));
}

#[test]
fn a_server_that_fell_back_stops_the_journal_with_the_missing_range() {
    if skipped() {
        return;
    }
    let mut server = TestServer::start(&ALWAYS);
    let mut journal = server.open(Mode::RedisAlways);
    commit(&mut journal, 1..=3);
    let folder = server.folder.join("appendonlydir");
    let log = fs::read_dir(&folder)
        .expect("a folder of logs")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .expect("a log");
    // Always synced: what the log holds now is what a lagging replica would hold.
    let lagging = fs::read(&log).expect("readable");
    commit(&mut journal, 4..=6);
    commit(&mut journal, 7..=7);
    server.kill();
    fs::write(&log, lagging).expect("written");
    server.run();
    let error = loop {
        match try_commit(&mut journal, 8..=8) {
            Ok(progress) => assert_ne!(progress, Progress::Durable),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("records 4 to 7 missing"), "{error}");
    assert!(error.contains("up to record 3"), "{error}");
}
