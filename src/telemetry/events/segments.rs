//! Files of lines, of which the oldest goes when the budget is used up.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::record::Record;

/// The files of one budget, the newest open for writing.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    most: usize,
    number: u64,
    written: usize,
    file: BufWriter<File>,
}

impl Segments {
    /// Opens a new file behind those that are there. A file that a crash cut short is
    /// never written to again.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub(super) fn open(folder: PathBuf, most: usize) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let number = numbers(&folder)?
            .last()
            .map_or(1, |last| last.saturating_add(1));
        let file = BufWriter::new(create(&folder, number)?);
        Ok(Self {
            folder,
            most,
            number,
            written: 0,
            file,
        })
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        if self.written >= SEGMENT_OCTETS {
            self.turn()?;
        }
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.written = self.written.saturating_add(line.len());
        self.file.write_all(&line)
    }

    /// Hands everything to the kernel; `durable` waits for the disk as well.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn flush(&mut self, durable: bool) -> io::Result<()> {
        self.file.flush()?;
        if durable {
            self.file.get_ref().sync_data()
        } else {
            Ok(())
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        self.flush(true)?;
        self.number = self.number.saturating_add(1);
        self.file = BufWriter::new(create(&self.folder, self.number)?);
        self.written = 0;
        let numbers = numbers(&self.folder)?;
        let over = numbers.len().saturating_sub(self.most);
        numbers
            .iter()
            .take(over)
            .try_for_each(|&old| fs::remove_file(path(&self.folder, old)))
    }
}

/// Reads a folder's records, newest file first, until `take` says that it has enough. A
/// line that cannot be read (cut short by a crash) is passed over.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn read(folder: &Path, mut take: impl FnMut(Vec<Record>) -> bool) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for number in numbers(folder)?.into_iter().rev() {
        let file = BufReader::new(File::open(path(folder, number))?);
        let lines = file.lines().map_while(Result::ok);
        let records = lines
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect();
        if take(records) {
            break;
        }
    }
    Ok(())
}

fn create(folder: &Path, number: u64) -> io::Result<File> {
    File::options()
        .create_new(true)
        .append(true)
        .open(path(folder, number))
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.jsonl"))
}

fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
        numbers.extend(name.and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// LIMIT: octets of one file.
pub(super) const SEGMENT_OCTETS: usize = 8 << 20;
