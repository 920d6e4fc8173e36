//! Who is in which group, direct or not, of all groups of a directory at one time.
//!
//! Where not all groups of a user can be told, none is named: a rule that refuses a group must
//! not be missed. Groups of other domains of Active Directory are not looked for; one of the
//! user's own domain that is hidden, be it the primary one, counts as not told.
//!
//! Must not know: users that are asked about.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::account::{Group, LookupError};
use crate::sources::ldap::dn;
use crate::sources::ldap::filter::{self, SECURITY};
use crate::sources::ldap::groups::{self, MEMBER_OF, PRIMARY, SID};
use crate::sources::ldap::lookup::Reader;
use crate::sources::ldap::message::Entry;
use crate::sources::ldap::settings::Kind;

/// All groups, by their places in a list.
pub(super) struct Membership {
    kind: Kind,
    groups: Vec<Node>,
    by_dn: BTreeMap<String, usize>,
    /// Folded names of lists for mail, which are no groups here.
    lists: BTreeSet<String>,
    by_sid: BTreeMap<Vec<u8>, usize>,
    /// The groups that name a member, by its folded distinguished name.
    by_member: BTreeMap<String, Vec<usize>>,
    /// The same, by its folded account.
    by_account: BTreeMap<String, Vec<usize>>,
}

struct Node {
    dn: String,
    /// The groups that it says it is in.
    within: Vec<Named>,
    /// Not all of these were told.
    is_cut: bool,
}

/// A group, as an entry names it that is in it.
struct Named {
    folded: String,
    /// It is of the domain of that entry.
    is_own: bool,
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
            lists: BTreeSet::new(),
            by_sid: BTreeMap::new(),
            by_member: BTreeMap::new(),
            by_account: BTreeMap::new(),
        };
        let (base, filter, attributes, in_part) = match kind {
            // Groups need not lie where users do.
            Kind::ActiveDirectory => (
                dn::domain_root(base),
                filter::of_class("group"),
                &[MEMBER_OF, SID, GROUP_TYPE][..],
                GROUPS_IN_PART,
            ),
            Kind::OpenLdap => (
                base.to_owned(),
                filter::with_members(),
                &[MEMBER_OF, MEMBER, UNIQUE_MEMBER, MEMBER_UID][..],
                WITH_MEMBERS_IN_PART,
            ),
        };
        let reading = reader.each(&base, filter, attributes, in_part, |entry| read.add(&entry));
        reading.await?;
        Ok(read)
    }

    fn add(&mut self, entry: &Entry) {
        let group_type = entry.number(GROUP_TYPE);
        // A list for mail gives no rights, and often everyone may join it.
        if group_type.is_some_and(|it| it & SECURITY == 0) {
            self.lists.insert(dn::folded(&entry.dn));
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
        if self.kind == Kind::OpenLdap {
            // A group that only its members name.
            for named in entry.texts(MEMBER_OF) {
                self.known(named);
            }
        }
        if let Some(group) = self.groups.get_mut(at) {
            group.within = within(entry);
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
        let mut next = self.around(&dn::folded(&entry.dn));
        next.extend(self.places(&within(entry))?);
        let mut strangers = Vec::new();
        match self.kind {
            Kind::ActiveDirectory => next.push(self.primary(entry)?),
            Kind::OpenLdap => {
                let is_known = |named: &&str| self.by_dn.contains_key(&dn::folded(named));
                let unknown = entry.texts(MEMBER_OF).filter(|named| !is_known(named));
                strangers.extend(unknown.map(groups::group));
            }
        }
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
            next.extend(self.places(&group.within)?);
            next.extend(self.around(&dn::folded(&group.dn)));
        }
        let found = found.into_iter().filter_map(|at| self.groups.get(at));
        let found = found.map(|group| groups::group(&group.dn));
        Some(found.chain(strangers).collect())
    }

    /// The places of groups that an entry names; `None`: one is hidden.
    fn places(&self, named: &[Named]) -> Option<Vec<usize>> {
        let mut places = Vec::with_capacity(named.len());
        for Named { folded, is_own } in named {
            match self.by_dn.get(folded) {
                Some(&at) => places.push(at),
                None if self.kind == Kind::OpenLdap => (),
                None if !is_own || self.lists.contains(folded) => (),
                None => return None,
            }
        }
        Some(places)
    }

    /// The groups that name the entry as a member.
    fn around(&self, folded: &str) -> Vec<usize> {
        self.by_member.get(folded).cloned().unwrap_or_default()
    }

    /// The primary group, which no list of members names.
    fn primary(&self, entry: &Entry) -> Option<usize> {
        self.by_sid.get(&groups::primary(entry)?).copied()
    }
}

/// The groups that an entry names.
fn within(entry: &Entry) -> Vec<Named> {
    let own = dn::domain(&entry.dn);
    let named = entry.texts(MEMBER_OF).map(|named| Named {
        folded: dn::folded(named),
        is_own: dn::domain(named).eq_ignore_ascii_case(&own),
    });
    named.collect()
}

const GROUP_TYPE: &str = "groupType";
const MEMBER: &str = "member";
const MEMBER_UID: &str = "memberUid";
const UNIQUE_MEMBER: &str = "uniqueMember";
/// Groups in one part of the list: no directory gives more than 1,000 unless it is set to.
const GROUPS_IN_PART: u32 = 500;
/// The same where all members come with each group: 32 groups of 5,000 members have some
/// 16 MiB, the bound of one part.
const WITH_MEMBERS_IN_PART: u32 = 32;
