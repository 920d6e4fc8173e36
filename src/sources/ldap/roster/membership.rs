//! Who is in which group, direct or not, of all groups of a directory at one time.
//!
//! Where not all groups of a user can be told, none is named: a rule that refuses a group must
//! not be missed. Must not know: users that are asked about.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::account::{Group, LookupError};
use crate::sources::ldap::dn;
use crate::sources::ldap::filter;
use crate::sources::ldap::groups::{self, MEMBER_OF, SID};
use crate::sources::ldap::lookup::Reader;
use crate::sources::ldap::message::Entry;
use crate::sources::ldap::settings::Kind;

/// All groups, by their places in a list.
pub(super) struct Membership {
    kind: Kind,
    groups: Vec<Node>,
    by_dn: BTreeMap<String, usize>,
    by_sid: BTreeMap<Vec<u8>, usize>,
    /// The groups that name a member, by its folded distinguished name.
    by_member: BTreeMap<String, Vec<usize>>,
    /// The same, by its folded account.
    by_account: BTreeMap<String, Vec<usize>>,
}

struct Node {
    dn: String,
    /// Folded names of groups that it says it is in.
    within: Vec<String>,
    /// Not all of these were told.
    is_cut: bool,
}

impl Membership {
    pub(super) async fn read(
        reader: &mut Reader<'_>,
        kind: Kind,
        base: &str,
    ) -> Result<Self, LookupError> {
        let mut read = Self {
            kind,
            groups: Vec::new(),
            by_dn: BTreeMap::new(),
            by_sid: BTreeMap::new(),
            by_member: BTreeMap::new(),
            by_account: BTreeMap::new(),
        };
        let (base, filter, attributes) = match kind {
            // Groups need not lie where users do.
            Kind::ActiveDirectory => (
                dn::domain_root(base),
                filter::of_class("group"),
                &[MEMBER_OF, SID, GROUP_TYPE][..],
            ),
            Kind::OpenLdap => (
                base.to_owned(),
                filter::with_members(),
                &[MEMBER_OF, MEMBER, UNIQUE_MEMBER, MEMBER_UID][..],
            ),
        };
        let reading = reader.each(&base, filter, attributes, |entry| read.add(&entry));
        reading.await?;
        Ok(read)
    }

    fn add(&mut self, entry: &Entry) {
        let group_type = entry.number(GROUP_TYPE);
        // A list for mail gives no rights, and often everyone may join it.
        if group_type.is_some_and(|it| it & SECURITY == 0) {
            return;
        }
        let at = self.known(&entry.dn);
        for sid in entry.values(SID) {
            self.by_sid.insert(sid.clone(), at);
        }
        for member in entry.texts(MEMBER).chain(entry.texts(UNIQUE_MEMBER)) {
            self.by_member
                .entry(dn::folded(member))
                .or_default()
                .push(at);
        }
        for account in entry.texts(MEMBER_UID) {
            let account = account.to_lowercase();
            self.by_account.entry(account).or_default().push(at);
        }
        let within: Vec<_> = entry.texts(MEMBER_OF).map(dn::folded).collect();
        if self.kind == Kind::OpenLdap {
            // A group that only its members name.
            for named in entry.texts(MEMBER_OF) {
                self.known(named);
            }
        }
        if let Some(group) = self.groups.get_mut(at) {
            group.within = within;
            group.is_cut = entry.is_cut(MEMBER_OF);
        }
    }

    /// The place of a group, which it gets if it has none.
    fn known(&mut self, dn: &str) -> usize {
        let folded = dn::folded(dn);
        *self.by_dn.entry(folded).or_insert_with(|| {
            self.groups.push(Node {
                dn: dn.to_owned(),
                within: Vec::new(),
                is_cut: false,
            });
            self.groups.len().saturating_sub(1)
        })
    }

    /// What must be read of users.
    pub(super) const fn attributes(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::ActiveDirectory => &[MEMBER_OF, SID, PRIMARY],
            Kind::OpenLdap => &[MEMBER_OF, "uid"],
        }
    }

    /// All groups of a user's entry; `None`: not all can be told.
    pub(super) fn of(&self, entry: &Entry) -> Option<Vec<Group>> {
        if entry.is_cut(MEMBER_OF) {
            return None;
        }
        let mut found = BTreeSet::new();
        let mut strangers = Vec::new();
        let mut next = self.around(&dn::folded(&entry.dn));
        for named in entry.texts(MEMBER_OF) {
            match self.by_dn.get(&dn::folded(named)) {
                Some(&at) => next.push(at),
                // Of another domain, or no security group.
                None if self.kind == Kind::ActiveDirectory => (),
                None => strangers.push(groups::group(named)),
            }
        }
        next.extend(self.primary(entry));
        for account in entry.texts("uid") {
            let named = self.by_account.get(&account.to_lowercase());
            next.extend(named.into_iter().flatten());
        }
        // Each is looked at once, so that a cycle ends.
        while let Some(at) = next.pop() {
            let Some(group) = self.groups.get(at).filter(|_| found.insert(at)) else {
                continue;
            };
            if group.is_cut {
                return None;
            }
            next.extend(group.within.iter().filter_map(|dn| self.by_dn.get(dn)));
            next.extend(self.around(&dn::folded(&group.dn)));
        }
        let found = found.into_iter().filter_map(|at| self.groups.get(at));
        let found = found.map(|group| groups::group(&group.dn));
        Some(found.chain(strangers).collect())
    }

    /// The groups that name the entry as a member.
    fn around(&self, folded: &str) -> Vec<usize> {
        self.by_member.get(folded).cloned().unwrap_or_default()
    }

    /// The primary group, which no list of members names: the user's own domain with the
    /// group's number behind it.
    fn primary(&self, entry: &Entry) -> Option<usize> {
        let number = u32::try_from(entry.number(PRIMARY)?).ok()?;
        let sid = entry.values(SID).first()?;
        let domain = sid.get(..sid.len().checked_sub(size_of::<u32>())?)?;
        let sid = [domain, &number.to_le_bytes()].concat();
        self.by_sid.get(&sid).copied()
    }
}

const GROUP_TYPE: &str = "groupType";
const MEMBER: &str = "member";
const MEMBER_UID: &str = "memberUid";
const PRIMARY: &str = "primaryGroupID";
/// Of groups that give rights.
const SECURITY: i64 = 0x8000_0000;
const UNIQUE_MEMBER: &str = "uniqueMember";
