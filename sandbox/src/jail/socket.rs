//! Sockets that carry descriptors.

#![expect(unsafe_code, reason = "descriptors travel in control messages, which only system calls send")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Room for the one descriptor that a message carries; aligned as its header wants.
#[repr(align(8))]
struct Ancillary([u8; 64]);

/// Sends some bytes, with a descriptor if there is one. Never blocks on a socket that does not.
pub(crate) fn send(socket: RawFd, bytes: &[u8], descriptor: Option<RawFd>) -> io::Result<usize> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut ancillary = Ancillary([0; 64]);
    // SAFETY: a header of zeros is an empty one.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    if let Some(descriptor) = descriptor {
        header.msg_control = ancillary.0.as_mut_ptr().cast();
        // SAFETY: `CMSG_*` compute within the ancillary room, which is larger than one descriptor needs.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(DESCRIPTOR_BYTES) as _;
            let control = libc::CMSG_FIRSTHDR(&raw const header);
            (*control).cmsg_level = libc::SOL_SOCKET;
            (*control).cmsg_type = libc::SCM_RIGHTS;
            (*control).cmsg_len = libc::CMSG_LEN(DESCRIPTOR_BYTES) as _;
            libc::CMSG_DATA(control).cast::<RawFd>().write_unaligned(descriptor);
        }
    }
    // SAFETY: the header and everything it points to are alive.
    let sent = unsafe { libc::sendmsg(socket, &raw const header, NO_SIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives some bytes behind those that are there, at most so many, and the descriptor that came with them. No bytes
/// mean that the other side is gone.
pub(crate) fn receive_into(
    socket: RawFd,
    bytes: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<(usize, Option<OwnedFd>)> {
    bytes.reserve(bytes_max);
    let (received, descriptor) = receive(socket, &mut bytes.spare_capacity_mut()[..bytes_max])?;
    // SAFETY: the system has written so many bytes behind those that were there.
    unsafe { bytes.set_len(bytes.len() + received) };
    Ok((received, descriptor))
}

fn receive(socket: RawFd, room: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let mut ancillary = MaybeUninit::<Ancillary>::uninit();
    // SAFETY: a header of zeros is an empty one.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = ancillary.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of::<Ancillary>() as _;
    // SAFETY: the header and everything it points to are alive.
    let received = unsafe { libc::recvmsg(socket, &raw mut header, CLOSE_ON_EXEC) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    let mut descriptor = None;
    // SAFETY: the kernel has filled the header; a control message with rights holds a descriptor that is ours now.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(&raw const header);
        if !control.is_null() && (*control).cmsg_level == libc::SOL_SOCKET && (*control).cmsg_type == libc::SCM_RIGHTS {
            let raw = libc::CMSG_DATA(control).cast::<RawFd>().read_unaligned();
            descriptor = Some(OwnedFd::from_raw_fd(raw));
        }
    }
    Ok((received, descriptor))
}

/// The size of one descriptor in a control message.
const DESCRIPTOR_BYTES: u32 = size_of::<RawFd>() as u32;

#[cfg(target_os = "linux")]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
#[cfg(target_os = "linux")]
const CLOSE_ON_EXEC: i32 = libc::MSG_CMSG_CLOEXEC;
/// Elsewhere the standard library ignores the signal in the host, and the warm process does so itself.
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: i32 = 0;
/// Elsewhere nothing is executed by a process that receives descriptors.
#[cfg(not(target_os = "linux"))]
const CLOSE_ON_EXEC: i32 = 0;

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_arrives_with_its_bytes() {
        let (here, there) = UnixStream::pair().unwrap();
        let (left, right) = UnixStream::pair().unwrap();
        assert_eq!(send(here.as_raw_fd(), b"hi", Some(left.as_raw_fd())).unwrap(), 2);
        let mut bytes = Vec::with_capacity(8);
        let (length, descriptor) = receive_into(there.as_raw_fd(), &mut bytes, 8).unwrap();
        assert_eq!((length, bytes.as_slice()), (2, b"hi".as_slice()));
        let received = UnixStream::from(descriptor.unwrap());
        send(received.as_raw_fd(), b"through", None).unwrap();
        assert_eq!(receive_into(right.as_raw_fd(), &mut bytes, 64).unwrap().0, 7);
        assert_eq!(bytes, b"hithrough");
        drop(here);
        assert_eq!(receive_into(there.as_raw_fd(), &mut bytes, 64).unwrap().0, 0);
    }
}
