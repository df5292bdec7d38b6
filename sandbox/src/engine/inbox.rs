//! The way in: frames from the host.

#![expect(unsafe_code, reason = "bytes come by system calls")]

use crate::engine::outbox;
use crate::wire::{self, ToScript};

/// There is at least this much room for a read. Small, since whatever is larger grows anyway, and most frames fit.
const READ_BYTES: usize = 8 << 10;

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
        // As much again as there is, so that a large frame is not read in small parts. The room is not cleared: what
        // nothing is read into stays memory that the process does not have yet.
        self.bytes.reserve(READ_BYTES.max(self.bytes.len()));
        let room = self.bytes.spare_capacity_mut();
        // SAFETY: the room is valid for writing.
        let read = unsafe { libc::recv(self.socket, room.as_mut_ptr().cast(), room.len(), 0) };
        match usize::try_from(read) {
            Ok(0) => outbox::exit(1),
            // SAFETY: the system has written so many bytes behind those that were there.
            Ok(read) => unsafe { self.bytes.set_len(self.bytes.len() + read) },
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => outbox::exit(1),
        }
    }
}
