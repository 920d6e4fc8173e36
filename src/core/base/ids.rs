//! Identifiers. Each thing has a type of its own, so that one cannot stand for another.

use std::fmt;
use std::str::FromStr;

use super::Entropy;

macro_rules! number_ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

macro_rules! octet_ids {
    ($($(#[$doc:meta])* $name:ident[$length:literal];)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;

            fn try_from(octets: &[u8]) -> Result<Self, Self::Error> {
                octets.try_into().map(Self)
            }
        }
    )*};
}

number_ids! {
    /// A node of the cluster, as its configuration numbers it.
    NodeId(u16);
    /// How often a node has started; written and synced before it does anything.
    Boot(u64);
    /// A user, for ever: never given to another. Drawn at random by the proposer.
    UserId(u64);
    /// A token (one seed in one device or app). Drawn at random by the proposer.
    TokenId(u64);
    /// A RADIUS client entry (NAS). Drawn at random by the proposer.
    ClientId(u64);
    /// A key of the keyring.
    KeyId(u32);
}

octet_ids! {
    /// The cluster, drawn once when it is made.
    ClusterId[16];
    /// The identity of a login: a keyed hash, equal on every node and for every packet
    /// that carries the same login (DESIGN §2, "The attempt").
    AttemptKey[32];
    /// A keyed hash of the place a login came from. All zeros is "anywhere else".
    PlaceId[16];
    /// A keyed hash of the answer to a challenge, so that one State has one verdict.
    AnswerId[16];
    /// A keyed hash of a passcode for one user at one client. The key is on no disk.
    PasscodeId[16];
    /// Names one administrative command, so that a retry of it is recognised.
    RequestId[16];
}

impl PlaceId {
    /// The budget shared by every place where the user has not been let in lately.
    pub const ELSEWHERE: Self = Self([0; 16]);
}

/// Who proposed a login's commands: one flow of one start of one node.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Owner {
    /// The node.
    pub node: NodeId,
    /// Its start.
    pub boot: Boot,
    /// The flow within that start.
    pub flow: u64,
}

/// When an attempt was granted: the index of the Raft entry and the place of the command
/// in its batch. Zero stands for "no record seen".
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Epoch {
    /// Index of the entry in the log.
    pub index: u64,
    /// Place of the command in the entry's batch.
    pub place: u32,
}

/// What a refused user reads out to the help desk: six signs that cannot be misread.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Reference([u8; 6]);

/// Crockford's Base32: no I, L, O or U.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// What stands for one in a text that is set: an octet shorter than it.
    pub const PLACEHOLDER: &'static str = "{ref}";

    /// Draws a reference. A collision costs a second look at the events, nothing more.
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        Self(entropy.array::<6>().map(|octet| {
            SIGNS
                .get(usize::from(octet & 31))
                .copied()
                .expect("five bits are below 32")
        }))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|&sign| write!(f, "{}", char::from(sign)))
    }
}

impl FromStr for Reference {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let signs: [u8; 6] = text
            .to_ascii_uppercase()
            .as_bytes()
            .try_into()
            .map_err(|_| ())?;
        let known = signs.iter().all(|sign| SIGNS.contains(sign));
        known.then_some(Self(signs)).ok_or(())
    }
}
