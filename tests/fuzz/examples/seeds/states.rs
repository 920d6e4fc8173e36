//! Seeds of `state`.

use super::Seed;

/// What is present, name, password, caller; a State and its answer; a change of one octet.
pub(crate) fn states() -> Vec<Seed> {
    let seed = |flags: u8, texts: &[&[u8]], change: [u8; 2]| {
        let text = |text: &&[u8]| [&[u8::try_from(text.len()).expect("short")], *text].concat();
        let texts: Vec<u8> = texts.iter().flat_map(text).collect();
        [&[flags], &texts[..], &change].concat()
    };
    let caller = b"198.51.100.7";
    vec![
        (
            "changed",
            seed(
                15,
                &[b"alice", b"secret", caller, b"\x01forged", b"123456"],
                [9, 1],
            ),
        ),
        (
            "static",
            seed(7, &[b"alice", b"SCRV1:YQ==:MTIzNDU2", b"", b""], [0, 0]),
        ),
        (
            "longest",
            seed(3, &[b"bob", &[b'x'; 190], b"", b""], [252, 128]),
        ),
    ]
}
