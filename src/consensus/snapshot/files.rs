//! Ordered files of records, as RocksDB ingests them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rocksdb::SstFileWriter;

use crate::consensus::tuning;

/// A key, with its table's octet, and a value.
pub(super) type Record = (Box<[u8]>, Box<[u8]>);

/// Ordered files of records, none of them large.
pub(super) struct Files<'a> {
    directory: &'a Path,
    options: rocksdb::Options,
    records: Vec<Record>,
    octets: usize,
    written: Vec<PathBuf>,
}

impl<'a> Files<'a> {
    pub(super) fn new(directory: &'a Path, family: &str) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self {
            directory,
            options: tuning::family_options(family),
            records: Vec::new(),
            octets: 0,
            written: Vec::new(),
        })
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.records.push((key.into(), value.into()));
        self.octets = self
            .octets
            .saturating_add(key.len())
            .saturating_add(value.len());
        if self.octets >= FILE_OCTETS_MAX {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let path = self
            .directory
            .join(format!("{:06}.sst", self.written.len()));
        let mut writer = SstFileWriter::create(&self.options);
        writer.open(&path).map_err(io::Error::other)?;
        for (key, value) in self.records.drain(..) {
            writer.put(key, value).map_err(io::Error::other)?;
        }
        writer.finish().map_err(io::Error::other)?;
        self.octets = 0;
        self.written.push(path);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Vec<PathBuf>> {
        self.write()?;
        Ok(self.written)
    }
}

/// Records of a snapshot in one file.
const FILE_OCTETS_MAX: usize = 32 << 20;
