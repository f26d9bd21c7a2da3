//! What a connection costs: frames that carry no call are counted before HTTP/2 sees them.
//!
//! PING, SETTINGS, RST_STREAM and their like each make work and none brings any. A
//! connection begins with some credit, earns more with each answer and with time, and is
//! told to go when it has used it up. CONTINUATION, headers and DATA have limits in `h2`.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Idle frames that a connection may send at first, and save up: twice as many as it may
/// have calls to give up.
const CREDIT: i64 = 2_000;
/// What each second gives.
const PER_SECOND: u64 = 100;

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;

/// The account of one connection. It is written in its connection's thread only.
#[derive(Debug)]
pub(crate) struct Gauge {
    born: Instant,
    credit: AtomicI64,
    /// When time was last turned into credit, and when bytes last came, in
    /// milliseconds of the connection's age.
    refilled_ms: AtomicU64,
    read_ms: AtomicU64,
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            credit: AtomicI64::new(CREDIT),
            refilled_ms: AtomicU64::new(0),
            read_ms: AtomicU64::new(0),
        }
    }
}

// Relaxed throughout: one thread.
impl Gauge {
    /// Something was sent that the peer may well acknowledge.
    pub(crate) fn earn(&self) {
        if self.credit.load(Ordering::Relaxed) < CREDIT {
            self.credit.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// True once more idle frames came than any caller has use for.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.credit.load(Ordering::Relaxed) < 0
    }

    /// How long nothing has come.
    pub(crate) fn silence(&self) -> Duration {
        let read = Duration::from_millis(self.read_ms.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(read)
    }

    fn spend(&self) {
        if self.credit.fetch_sub(1, Ordering::Relaxed) > 0 {
            return;
        }
        let now_ms = self.age_ms();
        let gone_ms = now_ms - self.refilled_ms.swap(now_ms, Ordering::Relaxed);
        let earned = i64::try_from(gone_ms * PER_SECOND / 1_000).unwrap_or(CREDIT);
        self.credit.fetch_add(earned.min(CREDIT), Ordering::Relaxed);
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A stream of bytes whose incoming frames are counted.
#[derive(Debug)]
pub(crate) struct Gauged<T> {
    io: T,
    walk: Walk,
    gauge: std::sync::Arc<Gauge>,
}

impl<T> Gauged<T> {
    pub(crate) fn new(io: T, gauge: std::sync::Arc<Gauge>) -> Self {
        Self {
            io,
            walk: Walk::default(),
            gauge,
        }
    }
}

/// Where in a frame the last byte was.
#[derive(Debug)]
struct Walk {
    /// Bytes to skip: of the preface at first, then of each payload.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            filled: 0,
        }
    }
}

impl Walk {
    /// Gives how many idle frames begin in these bytes.
    fn idle_frames(&mut self, mut bytes: &[u8]) -> usize {
        let mut idle = 0;
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
                idle += usize::from(is_idle(kind, flags, self.skip));
            }
        }
        idle
    }
}

/// Whether a frame brings nothing of a call. Window updates follow what was sent.
const fn is_idle(kind: u8, flags: u8, length: usize) -> bool {
    match kind {
        HEADERS | CONTINUATION | WINDOW_UPDATE => false,
        DATA => length == 0 && flags & END_STREAM == 0,
        PING | SETTINGS => flags & ACK == 0,
        // RST_STREAM, PRIORITY, GOAWAY and whatever nobody knows.
        _ => true,
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
            let gauge = &this.gauge;
            gauge.read_ms.store(gauge.age_ms(), Ordering::Relaxed);
            for _ in 0..this.walk.idle_frames(&buffer.filled()[before..]) {
                gauge.spend();
            }
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
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
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

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
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
            (WINDOW_UPDATE, 0, &[0; 4]),
        ] {
            bytes.extend(frame(kind, flags, payload));
        }
        for size in 1..bytes.len() {
            let mut walk = Walk::default();
            let idle: usize = bytes.chunks(size).map(|cut| walk.idle_frames(cut)).sum();
            assert_eq!(
                idle, 4,
                "SETTINGS, empty DATA, PING, RST_STREAM; cut at {size}"
            );
        }
    }

    #[test]
    fn answers_earn_what_acknowledging_them_costs() {
        let gauge = Gauge::default();
        for _ in 0..10 * CREDIT {
            gauge.earn();
            gauge.spend();
        }
        assert!(!gauge.is_overdrawn());
        for _ in 0..2 * CREDIT {
            gauge.spend();
        }
        assert!(gauge.is_overdrawn());
    }
}
