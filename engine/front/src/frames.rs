//! What a connection costs: frames that carry no call are counted before HTTP/2 sees them.
//!
//! PING, SETTINGS, RST_STREAM and their like each make work and none brings any. A
//! connection begins with some credit, earns more with what it is answered and with time,
//! and is told to go when it has used it up; also when it pings too often while nothing
//! is sent to it, as gRPC has it. CONTINUATION, headers and DATA have limits in `h2`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Idle frames that a connection may send at first, and save up: twice as many as it may
/// have calls to give up.
const CREDIT: i64 = 2_000;
/// What time gives: 100 each second.
const NS_PER_CREDIT: u64 = 10_000_000;
/// Pings that come too soon and are borne.
const STRIKES: u32 = 2;
const NEVER: u64 = u64::MAX;

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;

/// The account of one connection. It is written in its connection's thread only.
#[derive(Debug)]
pub(crate) struct Gauge {
    born: Instant,
    ping_spacing: Duration,
    credit: AtomicI64,
    /// Times are in nanoseconds of the connection's age: when time was last turned into
    /// credit, when bytes last came, when the last ping did since something was sent, and
    /// since when there are no calls.
    refilled_ns: AtomicU64,
    read_ns: AtomicU64,
    pinged_ns: AtomicU64,
    idle_ns: AtomicU64,
    strikes: AtomicU32,
    calls: AtomicUsize,
}

// Relaxed throughout: one thread.
impl Gauge {
    pub(crate) const fn new(born: Instant, ping_spacing: Duration) -> Self {
        Self {
            born,
            ping_spacing,
            credit: AtomicI64::new(CREDIT),
            refilled_ns: AtomicU64::new(0),
            read_ns: AtomicU64::new(0),
            pinged_ns: AtomicU64::new(NEVER),
            idle_ns: AtomicU64::new(0),
            strikes: AtomicU32::new(0),
            calls: AtomicUsize::new(0),
        }
    }

    /// True once more idle frames or pings came than any caller has use for.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.credit.load(Ordering::Relaxed) < 0 || self.strikes.load(Ordering::Relaxed) > STRIKES
    }

    /// When bytes last came.
    pub(crate) fn read_at(&self) -> Instant {
        self.born + Duration::from_nanos(self.read_ns.load(Ordering::Relaxed))
    }

    /// Counts a call until what this gives is dropped.
    pub(crate) fn call(self: &Arc<Self>) -> Call {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Call(Arc::clone(self))
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    /// When the last call ended; of a connection that has some, `now`.
    pub(crate) fn idle_since(&self, now: Instant) -> Instant {
        match self.has_calls() {
            true => now,
            false => self.born + Duration::from_nanos(self.idle_ns.load(Ordering::Relaxed)),
        }
    }

    /// Bytes have come.
    pub(crate) fn read(&self, now: Instant) {
        self.read_ns.store(self.age_ns(now), Ordering::Relaxed);
    }

    /// Such frames have come.
    fn spend(&self, came: Frames, now: Instant) {
        for _ in 0..came.pings {
            self.ping(self.age_ns(now));
        }
        let spent = i64::from(came.idle) + i64::from(came.pings);
        if self.credit.fetch_sub(spent, Ordering::Relaxed) > spent {
            return;
        }
        let now_ns = self.age_ns(now);
        let gone_ns = now_ns - self.refilled_ns.swap(now_ns, Ordering::Relaxed);
        let earned = i64::try_from(gone_ns / NS_PER_CREDIT).unwrap_or(CREDIT);
        self.earn(earned);
    }

    /// A ping after nothing but a ping is one too many, if it comes too soon.
    fn ping(&self, now_ns: u64) {
        let before = self.pinged_ns.swap(now_ns, Ordering::Relaxed);
        let spacing_ns = u64::try_from(self.ping_spacing.as_nanos()).unwrap_or(NEVER);
        if before != NEVER && now_ns - before < spacing_ns {
            self.strikes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Such frames were sent: the peer may well acknowledge them, and ask how fast they came.
    fn answered(&self, sent: Frames) {
        if sent.headers + sent.data > 0 {
            self.pinged_ns.store(NEVER, Ordering::Relaxed);
            self.strikes.store(0, Ordering::Relaxed);
            // Of DATA both windows may be told.
            self.earn(i64::from(sent.headers) + 2 * i64::from(sent.data));
        }
    }

    fn earn(&self, earned: i64) {
        let credit = self.credit.load(Ordering::Relaxed);
        let sum = credit.saturating_add(earned).min(CREDIT);
        self.credit.store(sum, Ordering::Relaxed);
    }

    fn age_ns(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.born);
        u64::try_from(age.as_nanos()).unwrap_or(NEVER - 1)
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Call(Arc<Gauge>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        let now_ns = self.0.age_ns(Instant::now());
        self.0.idle_ns.store(now_ns, Ordering::Relaxed);
    }
}

/// A stream of bytes whose frames are counted, both ways.
#[derive(Debug)]
pub(crate) struct Gauged<T> {
    io: T,
    incoming: Walk,
    outgoing: Walk,
    gauge: Arc<Gauge>,
}

impl<T> Gauged<T> {
    pub(crate) fn new(io: T, gauge: Arc<Gauge>) -> Self {
        Self {
            io,
            incoming: Walk::behind(PREFACE),
            outgoing: Walk::behind(0),
            gauge,
        }
    }

    /// Counts what was written of these slices.
    fn wrote(&mut self, slices: &[io::IoSlice<'_>], written: &Poll<io::Result<usize>>) {
        let Poll::Ready(Ok(written)) = written else {
            return;
        };
        let mut left = *written;
        let mut sent = Frames::default();
        for slice in slices {
            let part = &slice[..left.min(slice.len())];
            left -= part.len();
            self.outgoing.count(part, &mut sent);
        }
        self.gauge.answered(sent);
    }
}

/// How many frames began.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Frames {
    headers: u32,
    /// With something in it.
    data: u32,
    pings: u32,
    /// Of all other kinds, that bring nothing of a call.
    idle: u32,
}

/// Where in a frame the last byte was.
#[derive(Debug)]
struct Walk {
    /// Bytes to skip: of the preface at first, then of each payload.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
}

impl Walk {
    const fn behind(skip: usize) -> Self {
        Self {
            skip,
            header: [0; HEADER],
            filled: 0,
        }
    }

    /// Counts the frames that begin in these bytes.
    fn count(&mut self, mut bytes: &[u8], frames: &mut Frames) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEADER {
                self.filled = 0;
                let [a, b, c, kind, flags, ..] = self.header;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                frames.add(kind, flags, self.skip);
            }
        }
    }
}

impl Frames {
    const fn add(&mut self, kind: u8, flags: u8, length: usize) {
        match kind {
            HEADERS => self.headers += 1,
            CONTINUATION => {}
            DATA if length > 0 => self.data += 1,
            DATA if flags & END_STREAM != 0 => {}
            PING if flags & ACK == 0 => self.pings += 1,
            PING | SETTINGS if flags & ACK != 0 => {}
            // Window updates, RST_STREAM, PRIORITY, GOAWAY and whatever nobody knows.
            _ => self.idle += 1,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gauged<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            let now = Instant::now();
            let mut came = Frames::default();
            this.incoming.count(&buffer.filled()[before..], &mut came);
            this.gauge.read(now);
            this.gauge.spend(came, now);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gauged<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.wrote(&[io::IoSlice::new(bytes)], &written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.wrote(slices, &written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING: Duration = Duration::from_secs(10);

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
    }

    fn idle(count: u32) -> Frames {
        Frames {
            idle: count,
            ..Frames::default()
        }
    }

    fn pings(count: u32) -> Frames {
        Frames {
            pings: count,
            ..Frames::default()
        }
    }

    /// What a unary call is answered with.
    fn answer() -> Frames {
        Frames {
            headers: 2,
            data: 1,
            ..Frames::default()
        }
    }

    #[test]
    fn frames_are_told_apart_however_the_bytes_are_cut() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for (kind, flags, payload) in [
            (SETTINGS, 0, &[0; 6][..]),
            (SETTINGS, ACK, &[]),
            (HEADERS, 4, &[7; 300]),
            (DATA, 0, &[6; 70]),
            (DATA, 0, &[]),
            (DATA, END_STREAM, &[]),
            (PING, 0, &[6; 8]),
            (PING, ACK, &[6; 8]),
            (3, 0, &[0; 4]),
            (8, 0, &[0; 4]),
        ] {
            bytes.extend(frame(kind, flags, payload));
        }
        for size in 1..bytes.len() {
            let mut walk = Walk::behind(PREFACE);
            let mut found = Frames::default();
            for cut in bytes.chunks(size) {
                walk.count(cut, &mut found);
            }
            let expected = Frames {
                headers: 1,
                data: 1,
                pings: 1,
                // SETTINGS, empty DATA, RST_STREAM, WINDOW_UPDATE.
                idle: 4,
            };
            assert_eq!(found, expected, "cut at {size}");
        }
    }

    #[test]
    fn answers_earn_what_acknowledging_them_costs() {
        let now = Instant::now();
        let gauge = Gauge::new(now, SPACING);
        for _ in 0..10 * CREDIT {
            gauge.answered(answer());
            // Both windows and a ping.
            gauge.spend(idle(2), now);
            gauge.spend(pings(1), now);
        }
        assert!(!gauge.is_overdrawn());
        gauge.spend(idle(2 * 2_000), now);
        assert!(gauge.is_overdrawn());
    }

    #[test]
    fn time_gives_credit_too() {
        let born = Instant::now();
        let gauge = Gauge::new(born, SPACING);
        for second in 1..1_000 {
            gauge.spend(idle(99), born + second * Duration::from_secs(1));
            assert!(!gauge.is_overdrawn(), "in second {second}");
        }
    }

    #[test]
    fn only_pings_that_come_too_soon_after_nothing_but_pings_are_counted() {
        let born = Instant::now();
        let slow = Gauge::new(born, SPACING);
        let hasty = Gauge::new(born, SPACING);
        let answered = Gauge::new(born, SPACING);
        for time in 1..=4 {
            slow.spend(pings(1), born + time * SPACING);
            hasty.spend(pings(1), born + time * SPACING / 2);
            answered.spend(pings(1), born + time * SPACING / 2);
            assert_eq!(hasty.is_overdrawn(), time == 4, "after {time}");
            answered.answered(answer());
        }
        assert!(!slow.is_overdrawn() && !answered.is_overdrawn());
    }
}
