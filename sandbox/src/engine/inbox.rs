//! The way in: frames from the host.

#![expect(unsafe_code, reason = "bytes come by system calls")]

use crate::engine::outbox;
use crate::wire::{self, ToScript};

/// Read at once; larger frames take more reads.
const READ_BYTES: usize = 64 << 10;

/// Whole frames, one by one. A host that is gone or talks nonsense ends the process: there is nobody to run for.
pub(crate) struct Inbox {
    socket: i32,
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    pub(crate) fn new(socket: i32) -> Self {
        Self { socket, bytes: Vec::new(), taken: 0 }
    }

    /// Waits for the next frame.
    pub(crate) fn next(&mut self) -> ToScript {
        loop {
            match wire::take(&self.bytes[self.taken..]) {
                Ok(Some((message, length))) => {
                    self.taken += length;
                    return message;
                }
                Ok(None) => self.read(),
                Err(_) => outbox::exit(1),
            }
        }
    }

    fn read(&mut self) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        let before = self.bytes.len();
        // As much again as there is, so that a large frame is not read in small parts.
        self.bytes.resize(before + READ_BYTES.max(before), 0);
        let room = &mut self.bytes[before..];
        // SAFETY: the room is valid for writing.
        let read = unsafe { libc::recv(self.socket, room.as_mut_ptr().cast(), room.len(), 0) };
        match usize::try_from(read) {
            Ok(0) => outbox::exit(1),
            Ok(read) => self.bytes.truncate(before + read),
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {
                self.bytes.truncate(before);
            }
            Err(_) => outbox::exit(1),
        }
    }
}
