//! Which domains beside a user's name are the directory's own.
//!
//! A server takes the names of trusted domains at a bind as well. `OTHER\alice` proves the
//! password of theirs, and an account that is then looked for as `alice` is ours.
//!
//! Must not know: entries, how an account is found.

use super::dn;
use super::settings::Kind;

/// The domains of one source.
#[derive(Debug)]
pub(super) struct Domains {
    kind: Kind,
    /// That of the base: `corp.contoso.example`; empty: the base lies in none.
    dns: String,
    /// Before a backslash; empty: the settings name none.
    netbios: String,
    /// Those that the source is for.
    routed: Vec<String>,
    /// Accounts are looked for or bound without the domain behind their names.
    cuts: bool,
}

impl Domains {
    pub(super) fn new(
        kind: Kind,
        base: &str,
        netbios: &str,
        routed: &[String],
        cuts: bool,
    ) -> Self {
        Self {
            kind,
            dns: dn::domain(base),
            netbios: netbios.to_owned(),
            routed: routed.to_vec(),
            cuts,
        }
    }

    /// Whether the name says that its account is another domain's. OpenLDAP knows of no
    /// domains: there the one entry that is found is bound, whatever stands beside its name.
    pub(super) fn is_foreign(&self, name: &str) -> bool {
        if self.kind == Kind::OpenLdap {
            return false;
        }
        let before = name.split_once('\\').map(|(domain, _)| domain);
        let behind = name.rsplit_once('@').map(|(_, domain)| domain);
        let routed = |domain: &str| self.routed.iter().any(|it| is_same(it, domain));
        before.is_some_and(|domain| !self.has_netbios(domain))
            || behind.is_some_and(|domain| self.cuts && !self.is_of_base(domain) && !routed(domain))
    }

    /// Whether it is the DNS name of the domain in which the base lies.
    pub(super) fn is_of_base(&self, domain: &str) -> bool {
        is_same(&self.dns, domain)
    }

    /// By its NetBIOS name, which is the first label unless the settings have another, or by
    /// its DNS name, which Active Directory takes there as well.
    fn has_netbios(&self, domain: &str) -> bool {
        let netbios = match &*self.netbios {
            "" => self.dns.split('.').next().unwrap_or_default(),
            set => set,
        };
        is_same(netbios, domain) || self.is_of_base(domain)
    }
}

/// Nothing is like no domain at all.
fn is_same(own: &str, domain: &str) -> bool {
    !own.is_empty() && own.eq_ignore_ascii_case(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "OU=Staff,DC=corp,DC=contoso,DC=example";

    fn domains(netbios: &str, cuts: bool) -> Domains {
        let routed = ["contoso.example".to_owned()];
        Domains::new(Kind::ActiveDirectory, BASE, netbios, &routed, cuts)
    }

    #[test]
    fn a_domain_before_a_name_is_own_by_its_netbios_or_its_dns_name() {
        let domains = domains("", false);
        for own in [
            r"CORP\alice",
            r"corp\alice",
            r"Corp.contoso.example\alice",
            "alice",
        ] {
            assert!(!domains.is_foreign(own), "{own}");
        }
        for foreign in [
            r"OTHER\alice",
            r"contoso\alice",
            r"\alice",
            r"OTHER\alice@corp.contoso.example",
        ] {
            assert!(domains.is_foreign(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_netbios_name_that_is_set_is_the_one_and_the_first_label_is_none() {
        let domains = domains("CONTOSO", false);
        assert!(!domains.is_foreign(r"contoso\alice"));
        assert!(domains.is_foreign(r"CORP\alice"));
    }

    #[test]
    fn a_domain_behind_a_name_that_is_cut_off_must_be_the_bases_or_the_sources() {
        let cut = domains("", true);
        for own in ["alice@CORP.contoso.example", "alice@contoso.example"] {
            assert!(!cut.is_foreign(own), "{own}");
        }
        for foreign in ["alice@other.example", "alice@", "alice@corp"] {
            assert!(cut.is_foreign(foreign), "{foreign}");
            // Looked for as it is, it finds whose it is or nobody.
            assert!(!domains("", false).is_foreign(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_base_in_no_domain_makes_no_name_its_own() {
        let domains = Domains::new(Kind::ActiveDirectory, "o=contoso", "", &[], true);
        assert!(domains.is_foreign(r"\alice"));
        assert!(domains.is_foreign("alice@"));
    }

    #[test]
    fn openldap_has_no_domains() {
        let domains = Domains::new(Kind::OpenLdap, BASE, "", &[], true);
        assert!(!domains.is_foreign(r"OTHER\alice"));
        assert!(!domains.is_foreign("alice@other.example"));
    }
}
