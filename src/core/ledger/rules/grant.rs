//! What a rule grants: an attribute with its value, or with a text to make it from.

use super::{Fault, Template};
use crate::base::Secret;
use crate::base::limits::SALTED_OCTETS_MAX;
use crate::ledger::storage::{AttributeType, RuleAttribute};
use crate::radius::{Attribute, Number, Type, Unencodable, Unrelayable, ValueError};
use crate::seal::Sealed;

/// One attribute of a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant(Value);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Value {
    /// The same for every login.
    Fixed(Granted),
    Filled {
        number: Number,
        kind: Type,
        tag: u8,
        template: Template,
    },
}

/// What a rule grants one login.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Granted {
    /// As it is.
    Attribute(Attribute),
    /// Sealed until the reply is made.
    Sealed(SealedAttribute),
}

/// An attribute whose value is a secret, hidden from all but the device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedAttribute {
    number: Number,
    tag: Option<u8>,
    sealed: Sealed,
}

impl Granted {
    /// Where it stands.
    #[must_use]
    pub const fn number(&self) -> Number {
        match self {
            Self::Attribute(attribute) => attribute.number(),
            Self::Sealed(attribute) => attribute.number,
        }
    }

    /// The attribute; `None`: it is a secret.
    #[must_use]
    pub fn into_attribute(self) -> Option<Attribute> {
        match self {
            Self::Attribute(attribute) => Some(attribute),
            Self::Sealed(_) => None,
        }
    }

    /// How much of a packet it takes.
    #[must_use]
    pub fn packet_octets(&self) -> usize {
        match self {
            Self::Attribute(attribute) => attribute.packet_octets(),
            Self::Sealed(SealedAttribute {
                number,
                tag,
                sealed,
            }) => number.salted_packet_octets(tag.is_some(), sealed.plain_octets()),
        }
    }
}

impl SealedAttribute {
    /// Where it stands.
    #[must_use]
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Its tag, where it has one.
    #[must_use]
    pub const fn tag(&self) -> Option<u8> {
        self.tag
    }

    /// What is to be opened.
    #[must_use]
    pub const fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// The attribute with its value.
    ///
    /// # Errors
    /// What was opened is no such value.
    pub fn opened(&self, clear: Secret) -> Result<Attribute, Unencodable> {
        Attribute::salted(self.number, self.tag, clear)
    }
}

/// What the places of a template stand for.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The user's name as it was typed.
    pub typed: &'a str,
    /// As the directory knows it.
    pub directory: &'a str,
    /// Of the client.
    pub client: &'a str,
    /// Of the user, in the order in which they are stored.
    pub groups: &'a [&'a str],
    /// Of the account, as the directory tells them now; none before it was asked.
    pub account_groups: &'a [&'a str],
}

/// Why a rule's attributes cannot be made for a login. It is refused: with an attribute
/// less it might be granted more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// One of them.
    #[error(transparent)]
    Attribute(#[from] Unencodable),
    /// A name holds what may not stand in a value.
    #[error("attribute {0}: {1}")]
    Value(Number, ValueError),
    /// Those of which a directory tells are more than is kept with a login.
    #[error(transparent)]
    Kept(#[from] Unrelayable),
    /// All together are more than a reply has room for.
    #[error("the attributes take {0} octets, and the reply has room for {1}")]
    Room(usize, usize),
    /// LIMIT: [`crate::base::limits::GRANTED_ATTRIBUTES_MAX`].
    #[error("{0} attributes are too many for a reply")]
    Many(usize),
}

impl Grant {
    pub(super) fn read(stored: &RuleAttribute) -> Result<Self, Fault> {
        let number = Number::of_parts(stored.kind, stored.vendor, stored.vendor_kind)?;
        let kind = kind(stored.r#type()).ok_or(Fault::Type(number))?;
        let value = |why| Fault::Value(number, why);
        let tag = u8::try_from(stored.tag).map_err(|_| value(ValueError::Tag))?;
        if kind.is_salted() {
            return Self::sealed(number, kind, tag, stored);
        }
        number.granted()?;
        if !stored.sealed.is_empty() {
            return Err(Fault::Sealed(number));
        }
        if !kind.is_text() {
            let octets = kind.octets(tag, &stored.value).map_err(value)?;
            return Self::fixed(number, &octets);
        }
        let template = Template::parse(&stored.value);
        let template = template.map_err(|why| Fault::Template(number, why))?;
        if let Some(text) = template.fixed() {
            let octets = kind.octets(tag, text).map_err(value)?;
            return Self::fixed(number, &octets);
        }
        kind.octets(tag, "").map_err(value)?;
        Ok(Self(Value::Filled {
            number,
            kind,
            tag,
            template,
        }))
    }

    fn fixed(number: Number, octets: &[u8]) -> Result<Self, Fault> {
        let attribute = Attribute::new(number, octets);
        let attribute = attribute.map_err(|_| Fault::Length(number, number.octets_max()))?;
        Ok(Self(Value::Fixed(Granted::Attribute(attribute))))
    }

    /// A secret stands here sealed or not at all: the rules lie on every disk.
    fn sealed(number: Number, kind: Type, tag: u8, stored: &RuleAttribute) -> Result<Self, Fault> {
        number.granted_salted(kind.is_tagged())?;
        kind.octets(tag, "")
            .map_err(|why| Fault::Value(number, why))?;
        if !stored.value.is_empty() {
            return Err(Fault::Unsealed(number));
        }
        let sealed = Sealed::decode(&stored.sealed).map_err(|_| Fault::Unsealed(number))?;
        if !(1..=SALTED_OCTETS_MAX).contains(&sealed.plain_octets()) {
            return Err(Fault::Length(number, SALTED_OCTETS_MAX));
        }
        let tag = kind.is_tagged().then_some(tag);
        let attribute = SealedAttribute {
            number,
            tag,
            sealed,
        };
        Ok(Self(Value::Fixed(Granted::Sealed(attribute))))
    }

    /// Whether it can be made only when the directory has told the groups of the account.
    #[must_use]
    pub fn asks_directory(&self) -> bool {
        match &self.0 {
            Value::Fixed(_) => false,
            Value::Filled { template, .. } => template.asks_directory(),
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn number(&self) -> Number {
        match &self.0 {
            Value::Fixed(granted) => granted.number(),
            Value::Filled { number, .. } => *number,
        }
    }

    /// Makes the attributes for one login. A value of which nothing is there makes none.
    ///
    /// # Errors
    /// Why one cannot be made.
    pub fn attributes(&self, names: &Names<'_>) -> Result<Vec<Granted>, Unfit> {
        let (number, kind, tag, template) = match &self.0 {
            Value::Fixed(granted) => return Ok(vec![granted.clone()]),
            Value::Filled {
                number,
                kind,
                tag,
                template,
            } => (*number, *kind, *tag, template),
        };
        let values = template.fill(names).into_iter();
        let values = values.filter(|text| !text.is_empty());
        let made = values.map(|text| {
            // A name that begins with 0x is a name, not hex digits.
            let octets = if kind == Type::Octets {
                Ok(text.into_bytes())
            } else {
                kind.octets(tag, &text)
            };
            let octets = octets.map_err(|why| Unfit::Value(number, why))?;
            Ok(Granted::Attribute(Attribute::new(number, &octets)?))
        });
        made.collect()
    }
}

const fn kind(stored: AttributeType) -> Option<Type> {
    Some(match stored {
        AttributeType::Unspecified => return None,
        AttributeType::Text => Type::Text,
        AttributeType::Octets => Type::Octets,
        AttributeType::Integer => Type::Integer,
        AttributeType::Ipv4 => Type::Ipv4,
        AttributeType::Ipv6 => Type::Ipv6,
        AttributeType::Ipv6Prefix => Type::Ipv6Prefix,
        AttributeType::Date => Type::Date,
        AttributeType::TaggedText => Type::TaggedText,
        AttributeType::TaggedInteger => Type::TaggedInteger,
        AttributeType::Salted => Type::Salted,
        AttributeType::TaggedSalted => Type::TaggedSalted,
    })
}
