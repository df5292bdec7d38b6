//! What the host asks of the warm process.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use crate::jail::socket;

/// Every request has this length, so that none is ever read in part.
const REQUEST_BYTES: usize = 5;
const FORK: u8 = b'F';
#[cfg(not(target_os = "linux"))]
const KILL: u8 = b'K';

/// A request.
#[derive(Debug)]
pub(crate) enum Request {
    /// Fork a process that talks through this socket.
    Fork(OwnedFd),
    /// Kill a process that was forked before. Only who reaps can do so without hitting another.
    #[cfg(not(target_os = "linux"))]
    Kill(i32),
    /// Not a request.
    Malformed,
    /// The host is gone.
    End,
}

/// The host's end.
#[derive(Debug)]
pub(crate) struct Control {
    socket: UnixStream,
    pid: u32,
}

impl Control {
    pub(crate) fn new(socket: UnixStream, pid: u32) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, pid })
    }

    /// The warm process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks for a process that talks through `socket`.
    pub(crate) fn fork(&self, socket: RawFd) -> io::Result<()> {
        self.send(FORK, 0, Some(socket))
    }

    /// Asks to kill a process.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn kill(&self, pid: u32) -> io::Result<()> {
        self.send(KILL, pid, None)
    }

    fn send(&self, kind: u8, pid: u32, descriptor: Option<RawFd>) -> io::Result<()> {
        let mut request = [kind; REQUEST_BYTES];
        request[1..].copy_from_slice(&pid.to_le_bytes());
        match socket::send(self.socket.as_raw_fd(), &request, descriptor)? {
            REQUEST_BYTES => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

/// Waits for the next request. The warm process's end.
pub(crate) fn request(socket: RawFd) -> io::Result<Request> {
    let mut bytes = Vec::with_capacity(REQUEST_BYTES);
    let mut descriptor = None;
    while bytes.len() < REQUEST_BYTES {
        let missing = REQUEST_BYTES - bytes.len();
        let (more, carried) = socket::receive_into(socket, &mut bytes, missing)?;
        if more == 0 {
            return Ok(Request::End);
        }
        descriptor = descriptor.or(carried);
    }
    Ok(match (bytes[0], descriptor) {
        (FORK, Some(socket)) => Request::Fork(socket),
        #[cfg(not(target_os = "linux"))]
        (KILL, None) => Request::Kill(i32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]])),
        (_, Some(_) | None) => Request::Malformed,
    })
}
