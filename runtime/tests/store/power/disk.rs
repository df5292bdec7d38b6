//! What a disk holds after a loss of power, from what was written to it and what was synced.

use std::collections::{BTreeMap, HashMap};

use crate::world::Dice;

/// The unit that a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// One thing that the process did, in the order in which it did it.
#[derive(Debug)]
pub(super) enum Op {
    /// A new file.
    Created { inode: u64, name: String },
    /// Bytes were written.
    Written { inode: u64, name: String, at: usize, bytes: Vec<u8> },
    /// A file was cut or made longer.
    Resized { inode: u64, name: String, length: usize },
    /// What a file holds is on the disk.
    Synced { inode: u64 },
    /// Which names the folder has is on the disk.
    FolderSynced,
    /// A name is gone.
    Removed { name: String },
    /// A name was changed, or put in place of another.
    Renamed { from: String, to: String },
    /// A line of acknowledgements.
    Promised(String),
}

/// Files of which the store needs nothing after a start: made anew, or only there to be removed.
fn is_of_no_use(name: &str) -> bool {
    name.ends_with("-shm") || name == "reserve"
}

/// Reads what the file layer wrote down; see `struct head` there.
pub(super) fn read(mut log: &[u8]) -> Vec<Op> {
    let mut ops = Vec::new();
    while !log.is_empty() {
        let number = |at: usize| u64::from_le_bytes(log[at..at + 8].try_into().unwrap()) as usize;
        let name_bytes = u32::from_le_bytes(log[4..8].try_into().unwrap()) as usize;
        let (kind, inode, at, data_bytes) = (log[0], number(8) as u64, number(16), number(24));
        let (name, rest) = log[32..].split_at(name_bytes);
        let (data, rest) = rest.split_at(data_bytes);
        log = rest;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let name = text(name);
        if is_of_no_use(&name) {
            continue;
        }
        ops.push(match kind {
            b'C' => Op::Created { inode, name },
            b'W' => Op::Written { inode, name, at, bytes: data.to_vec() },
            b'T' => Op::Resized { inode, name, length: at },
            b'S' => Op::Synced { inode },
            b'D' => Op::FolderSynced,
            b'U' => Op::Removed { name },
            b'R' => Op::Renamed { from: name, to: text(data) },
            b'A' => Op::Promised(text(data)),
            other => panic!("the file layer knows no `{}`", other as char),
        });
    }
    ops
}

/// What becomes of what was not synced.
#[derive(Clone, Copy)]
pub(super) enum Loss<'d> {
    /// All of it is gone.
    Everything,
    /// Each write is there, is not there, or is there in some of its sectors, as the dice fall.
    Some(&'d Dice),
}

#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => write(file, *at, bytes),
            Self::Resize(length) => file.resize(*length, 0),
        }
    }

    fn apply_some(&self, file: &mut Vec<u8>, dice: &Dice) {
        match (dice.below(3), self) {
            (0, Self::Write { .. } | Self::Resize(_)) | (2, Self::Resize(_)) => {}
            (1, change @ (Self::Write { .. } | Self::Resize(_))) => change.apply(file),
            (_, Self::Resize(_)) => {}
            (_, Self::Write { at, bytes }) => {
                let (mut from, end) = (*at, at + bytes.len());
                while from < end {
                    let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
                    if dice.below(2) == 0 {
                        write(file, from, &bytes[from - at..to - at]);
                    }
                    from = to;
                }
            }
        }
    }
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

/// The disk, and what is still on its way there.
#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// The file that an inode stands for now; a new file may get the inode of one that is gone.
    by_inode: HashMap<u64, usize>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// The names after each change since the last sync of the folder.
    pending_names: Vec<BTreeMap<String, usize>>,
}

impl Disk {
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Created { inode, name } => drop(self.create(*inode, name)),
            Op::Written { inode, name, at, bytes } => {
                let change = Change::Write { at: *at, bytes: bytes.clone() };
                self.file(*inode, name).pending.push(change);
            }
            Op::Resized { inode, name, length } => self.file(*inode, name).pending.push(Change::Resize(*length)),
            Op::Synced { inode } => {
                if let Some(file) = self.by_inode.get(inode) {
                    let File { synced, pending } = &mut self.files[*file];
                    pending.drain(..).for_each(|change| change.apply(synced));
                }
            }
            Op::FolderSynced => {
                self.synced_names = self.names.clone();
                self.pending_names.clear();
            }
            Op::Removed { name } => {
                self.names.remove(name);
                self.pending_names.push(self.names.clone());
            }
            Op::Renamed { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
                self.pending_names.push(self.names.clone());
            }
            Op::Promised(_) => {}
        }
    }

    fn create(&mut self, inode: u64, name: &str) -> usize {
        let file = self.files.len();
        self.files.push(File::default());
        self.by_inode.insert(inode, file);
        self.names.insert(name.to_owned(), file);
        self.pending_names.push(self.names.clone());
        file
    }

    fn file(&mut self, inode: u64, name: &str) -> &mut File {
        let file = self.by_inode.get(&inode).copied();
        let file = file.unwrap_or_else(|| self.create(inode, name));
        &mut self.files[file]
    }

    /// The files after a loss of power, by name.
    pub(super) fn after(&self, loss: Loss<'_>) -> Vec<(String, Vec<u8>)> {
        let names = match loss {
            Loss::Everything => &self.synced_names,
            Loss::Some(dice) => match dice.below(self.pending_names.len() + 1) {
                0 => &self.synced_names,
                reached => &self.pending_names[reached - 1],
            },
        };
        let content = |file: &File| {
            let mut bytes = file.synced.clone();
            if let Loss::Some(dice) = loss {
                file.pending.iter().for_each(|change| change.apply_some(&mut bytes, dice));
            }
            bytes
        };
        names.iter().map(|(name, file)| (name.clone(), content(&self.files[*file]))).collect()
    }
}

#[test]
fn a_disk_holds_what_was_synced_and_perhaps_some_of_the_rest() {
    let written = |at, text: &str| Op::Written { inode: 7, name: "a".to_owned(), at, bytes: text.into() };
    let mut disk = Disk::default();
    disk.apply(&Op::Created { inode: 7, name: "a".to_owned() });
    disk.apply(&written(0, "one"));
    assert_eq!(disk.after(Loss::Everything), []);
    disk.apply(&Op::FolderSynced);
    assert_eq!(disk.after(Loss::Everything), [("a".to_owned(), vec![])]);
    disk.apply(&Op::Synced { inode: 7 });
    disk.apply(&written(3, " two"));
    disk.apply(&Op::Renamed { from: "a".to_owned(), to: "b".to_owned() });
    assert_eq!(disk.after(Loss::Everything), [("a".to_owned(), b"one".to_vec())]);
    let dice = Dice::new(3);
    let seen: std::collections::BTreeSet<_> = (0..100).flat_map(|_| disk.after(Loss::Some(&dice))).collect();
    for name in ["a", "b"] {
        for text in ["one", "one two"] {
            assert!(seen.contains(&(name.to_owned(), text.into())), "{name}: {text}");
        }
    }
}
