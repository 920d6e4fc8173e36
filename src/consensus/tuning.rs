//! RocksDB's settings: small in memory, few writes, no file of its own invention.

use std::sync::LazyLock;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DataBlockIndexType,
    InfoLogger, LogLevel, Options,
};

/// The settings of a whole store.
pub(super) fn store(create: bool) -> Options {
    let mut options = Options::default();
    options.create_if_missing(create);
    options.create_missing_column_families(create);
    options.set_error_if_exists(create);
    options.set_info_logger(InfoLogger::new_callback_logger(
        LogLevel::Warn,
        |_, line| {
            tracing::warn!(target: "rocksdb", "{line}");
        },
    ));
    // The write-ahead log is handed to the kernel with each write, so that a killed
    // process loses nothing it wrote; the flusher syncs it.
    options.set_manual_wal_flush(false);
    options.set_max_total_wal_size(WAL_OCTETS_MAX);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_paranoid_checks(true);
    options.set_db_write_buffer_size(MEMTABLES_OCTETS_MAX);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1 << 20);
    // One thread writes at a time; nothing is gained by sharing a memtable.
    options.set_allow_concurrent_memtable_write(false);
    options.set_enable_write_thread_adaptive_yield(false);
    options.set_skip_stats_update_on_db_open(true);
    options
}

/// A family with its settings, chosen by its name.
pub(super) fn family(name: &str) -> ColumnFamilyDescriptor {
    ColumnFamilyDescriptor::new(name, family_options(name))
}

/// The settings of the family called `name`.
pub(super) fn family_options(name: &str) -> Options {
    let mut options = Options::default();
    match name {
        super::disk::LOG => {
            options.set_write_buffer_size(LOG_MEMTABLE_OCTETS_MAX);
            options.set_compression_type(DBCompressionType::None);
        }
        super::disk::META => options.set_write_buffer_size(META_MEMTABLE_OCTETS_MAX),
        _ => {
            options.set_write_buffer_size(MEMTABLE_OCTETS_MAX);
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_level_compaction_dynamic_level_bytes(true);
            // Most look-ups of a login are for a record that is not there yet.
            options.set_memtable_whole_key_filtering(true);
            options.set_memtable_prefix_bloom_ratio(0.1);
        }
    }
    options.set_block_based_table_factory(&blocks());
    options
}

fn blocks() -> BlockBasedOptions {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&CACHE);
    blocks.set_bloom_filter(10.0, false);
    // Indexes and filters stay with their open files. In the cache, whose shards are
    // small, those of a large file found no place and were read and summed at each look.
    blocks.set_cache_index_and_filter_blocks(false);
    blocks.set_block_size(BLOCK_OCTETS);
    blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    blocks.set_format_version(5);
    blocks
}

/// Data blocks of every store that this process has open.
static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::new_hyper_clock_cache(CACHE_OCTETS_MAX, BLOCK_OCTETS));

const BLOCK_OCTETS: usize = 8 << 10;
/// For memory's sake: with 48 MiB a login among 100,000 users, drawn at random, took 6 % less
/// processor time.
const CACHE_OCTETS_MAX: usize = 24 << 20;
const MEMTABLES_OCTETS_MAX: usize = 32 << 20;
const MEMTABLE_OCTETS_MAX: usize = 16 << 20;
/// Small: entries come in the order of their index, so a fuller one saves no compaction.
const LOG_MEMTABLE_OCTETS_MAX: usize = 8 << 20;
const META_MEMTABLE_OCTETS_MAX: usize = 1 << 20;
/// Also bounds how much is replayed when a killed node starts again.
const WAL_OCTETS_MAX: u64 = 64 << 20;
