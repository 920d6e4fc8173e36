//! The national clouds, and which hosts a node may speak to.
//!
//! Must not know tenants or applications.

use countersign_core::base::Shown;
use countersign_core::ledger::storage::{EntraCloud, EntraSettings};
use url::{Host, Url};

use super::settings::ConfigError;

/// One of Microsoft's clouds. Tenants of one are unknown in the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cloud {
    China,
    Global,
    UsDod,
    UsGov,
}

impl Cloud {
    /// The one that the settings name; `None`: they name none.
    pub(super) const fn named(name: EntraCloud) -> Option<Self> {
        match name {
            EntraCloud::Unspecified => None,
            EntraCloud::Global => Some(Self::Global),
            EntraCloud::UsGov => Some(Self::UsGov),
            EntraCloud::UsDod => Some(Self::UsDod),
            EntraCloud::China => Some(Self::China),
        }
    }

    /// The one to which the host belongs. DoD shares its host with the rest of the US
    /// Government and must be named.
    fn of(host: &str) -> Option<Self> {
        match host {
            "login.microsoftonline.com"
            | "login.microsoft.com"
            | "login.windows.net"
            | "sts.windows.net" => Some(Self::Global),
            "login.microsoftonline.us" => Some(Self::UsGov),
            "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => Some(Self::China),
            _ => None,
        }
    }

    const fn authority(self) -> &'static str {
        match self {
            Self::China => "https://login.partner.microsoftonline.cn",
            Self::Global => "https://login.microsoftonline.com",
            Self::UsDod | Self::UsGov => "https://login.microsoftonline.us",
        }
    }

    const fn graph(self) -> &'static str {
        match self {
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
            Self::Global => "https://graph.microsoft.com",
            Self::UsDod => "https://dod-graph.microsoft.us",
            Self::UsGov => "https://graph.microsoft.us",
        }
    }

    /// Whether a host of `other` may stand where this cloud is named.
    const fn shares_host_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::China, Self::China)
                | (Self::Global, Self::Global)
                | (Self::UsDod | Self::UsGov, Self::UsGov)
        )
    }
}

/// Where a tenant's tokens come from, and what they open.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    /// An origin.
    pub(super) authority: Url,
    /// An origin. Never from the settings, so that no operator can have a token that reads
    /// the directory sent elsewhere: the cloud's own, or the custom authority itself.
    ///
    /// The node's file need not pin it, for no password ever goes there, and it follows from
    /// what is pinned: who may receive the passwords of a cloud's users hands out the very
    /// tokens that its Graph receives. A Graph of one's own is the custom authority, with
    /// port and all, which is dangerous by its name and pinned like any other.
    pub(super) graph: Url,
}

impl Hosts {
    /// Whether they are Microsoft's own.
    pub(super) fn is_cloud(&self) -> bool {
        self.graph != self.authority
    }
}

/// What the settings say of hosts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// May be empty.
    pub(super) authority: &'a str,
    pub(super) cloud: Option<Cloud>,
    pub(super) dangerous_custom_authority: bool,
}

impl Wanted<'_> {
    /// The hosts, if this node may speak to them.
    pub(super) fn resolve(self, pinned: &PinnedHosts) -> Result<Hosts, ConfigError> {
        let shown = || Shown::from(self.authority).to_string();
        let text = match (self.authority, self.cloud) {
            ("", cloud) => cloud.unwrap_or(Cloud::Global).authority(),
            (authority, _) => authority,
        };
        let (authority, key) =
            origin(text, "https").ok_or_else(|| ConfigError::Authority(shown()))?;
        if !pinned.allows(&key) {
            return Err(ConfigError::Unpinned(Shown::from(text).to_string()));
        }
        let (host, port) = key;
        let own = Cloud::of(&host.to_string()).filter(|_| port == HTTPS_PORT);
        let graph = match (own, self.cloud) {
            (Some(own), Some(cloud)) if !cloud.shares_host_with(own) => {
                return Err(ConfigError::OtherCloud(shown()));
            }
            (Some(own), cloud) => origin(cloud.unwrap_or(own).graph(), "https")
                .map_or_else(|| authority.clone(), |(graph, _)| graph),
            (None, Some(_)) => return Err(ConfigError::OtherCloud(shown())),
            (None, None) if self.dangerous_custom_authority => authority.clone(),
            (None, None) => return Err(ConfigError::CustomAuthority(shown())),
        };
        Ok(Hosts { authority, graph })
    }
}

/// Hosts, each with a port, that may receive passwords; and proxies that may be asked to
/// connect to them.
///
/// A proxy sees no password: TLS goes through it, and the far end is held to its name as
/// ever. But it sees who is asked, how often and when, it can cut us off, and asking it
/// makes this node connect to whatever address the settings name. So it is pinned like the
/// hosts, in the node's own file, where no operator's token reaches. It is pinned apart from
/// them: what may carry a password sealed for another need not be good enough to receive it.
#[derive(Clone, Debug)]
pub struct PinnedHosts {
    passwords: Vec<Key>,
    proxies: Vec<Key>,
}

type Key = (Host<String>, u16);

impl PinnedHosts {
    /// Reads `host` (port 443) or `host:port` entries, which replace the public clouds; and
    /// `http://host:port` entries, each a proxy. Proxies alone leave the public clouds.
    ///
    /// # Errors
    /// [`ConfigError::Pinned`] names the first entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let (mut passwords, mut proxies, mut any) = (Vec::new(), Vec::new(), false);
        for entry in entries {
            any = true;
            let refused = || ConfigError::Pinned(Shown::from(entry).to_string());
            if entry.starts_with("http:") {
                proxies.push(proxy(entry).ok_or_else(refused)?.1);
            } else {
                let key = origin(&format!("https://{entry}"), "https");
                passwords.push(key.ok_or_else(refused)?.1);
            }
        }
        if passwords.is_empty() && any {
            passwords = Self::default().passwords;
        }
        Ok(Self { passwords, proxies })
    }

    /// Those that settings name, as of a node that lets them have their way.
    pub(super) fn named_by(settings: &EntraSettings) -> Self {
        let cloud = Cloud::named(settings.cloud()).unwrap_or(Cloud::Global);
        let authority = match &*settings.authority {
            "" => cloud.authority(),
            authority => authority,
        };
        let key = |named: Option<(Url, Key)>| named.map(|(_, key)| key).into_iter().collect();
        Self {
            passwords: key(origin(authority, "https")),
            proxies: key(proxy(&settings.proxy)),
        }
    }

    fn allows(&self, key: &Key) -> bool {
        self.passwords.contains(key)
    }

    /// The proxy of the settings, if it is pinned. Empty: none.
    pub(super) fn proxy(&self, text: &str) -> Result<Option<Url>, ConfigError> {
        if text.is_empty() {
            return Ok(None);
        }
        let shown = || Shown::from(text).to_string();
        let (url, key) = proxy(text).ok_or_else(|| ConfigError::Proxy(shown()))?;
        if !self.proxies.contains(&key) {
            return Err(ConfigError::UnpinnedProxy(shown()));
        }
        Ok(Some(url))
    }
}

/// The token endpoints of the public clouds and their aliases.
impl Default for PinnedHosts {
    fn default() -> Self {
        Self::parse(PUBLIC_CLOUDS).expect("the names of the public clouds are host names")
    }
}

/// A bare origin, and what pins compare: host and port.
fn origin(text: &str, scheme: &str) -> Option<(Url, Key)> {
    let url = Url::parse(text).ok()?;
    let bare = url.scheme() == scheme
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    let key = (url.host()?.to_owned(), url.port_or_known_default()?);
    bare.then_some((url, key))
}

/// A proxy names its port: there is no usual one.
fn proxy(text: &str) -> Option<(Url, Key)> {
    let (_, port) = text.trim_end_matches('/').rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    origin(text, "http")
}

const HTTPS_PORT: u16 = 443;

/// Public, US Government, China; then their aliases.
const PUBLIC_CLOUDS: [&str; 7] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        authority: &str,
        cloud: Option<Cloud>,
        dangerous_custom_authority: bool,
    ) -> Result<Hosts, ConfigError> {
        let wanted = Wanted {
            authority,
            cloud,
            dangerous_custom_authority,
        };
        let pins = PUBLIC_CLOUDS.into_iter().chain(["127.0.0.1:8443"]);
        wanted.resolve(&PinnedHosts::parse(pins)?)
    }

    #[test]
    fn each_cloud_has_its_authority_and_its_graph() {
        let hosts = [
            (
                Cloud::Global,
                "login.microsoftonline.com",
                "graph.microsoft.com",
            ),
            (
                Cloud::UsGov,
                "login.microsoftonline.us",
                "graph.microsoft.us",
            ),
            (
                Cloud::UsDod,
                "login.microsoftonline.us",
                "dod-graph.microsoft.us",
            ),
            (
                Cloud::China,
                "login.partner.microsoftonline.cn",
                "microsoftgraph.chinacloudapi.cn",
            ),
        ];
        for (cloud, authority, graph) in hosts {
            let by_name = resolved("", Some(cloud), false).expect("a cloud");
            assert_eq!(by_name.authority.host_str(), Some(authority), "{cloud:?}");
            assert_eq!(by_name.graph.host_str(), Some(graph), "{cloud:?}");
            let both = format!("https://{authority}");
            assert!(resolved(&both, Some(cloud), false).is_ok(), "{cloud:?}");
        }
        let alias = resolved("https://login.chinacloudapi.cn", None, false).expect("an alias");
        assert_eq!(
            alias.graph.host_str(),
            Some("microsoftgraph.chinacloudapi.cn")
        );
        let usual = resolved("", None, false).expect("the usual one");
        assert_eq!(
            usual.authority.as_str(),
            "https://login.microsoftonline.com/"
        );
    }

    #[test]
    fn an_authority_of_another_cloud_than_the_named_one_is_refused() {
        for (authority, cloud) in [
            ("https://login.microsoftonline.com", Cloud::UsGov),
            ("https://login.microsoftonline.us", Cloud::Global),
            ("https://login.microsoftonline.us", Cloud::China),
            ("https://127.0.0.1:8443", Cloud::Global),
        ] {
            let refused = resolved(authority, Some(cloud), true);
            assert!(
                matches!(refused, Err(ConfigError::OtherCloud(_))),
                "{authority}"
            );
        }
    }

    #[test]
    fn an_authority_that_is_no_cloud_must_be_said_to_be_dangerous() {
        let refused = resolved("https://127.0.0.1:8443", None, false);
        assert!(matches!(refused, Err(ConfigError::CustomAuthority(_))));
        let custom = resolved("https://127.0.0.1:8443", None, true).expect("said so");
        assert_eq!(custom.graph, custom.authority);
        let unpinned = resolved("https://127.0.0.1:8444", None, true);
        assert!(matches!(unpinned, Err(ConfigError::Unpinned(_))));
    }

    #[test]
    fn a_proxy_is_pinned_apart_from_the_hosts() {
        let text = "http://proxy.contoso.example:3128";
        let pinned = PinnedHosts::parse([text, "a.example:3128"]).expect("pins");
        let proxy = pinned.proxy(text).expect("a proxy").expect("one");
        assert_eq!(proxy.as_str(), "http://proxy.contoso.example:3128/");
        assert!(matches!(pinned.proxy(""), Ok(None)));
        for unpinned in ["http://a.example:3128", "http://proxy.contoso.example:8080"] {
            assert!(
                matches!(pinned.proxy(unpinned), Err(ConfigError::UnpinnedProxy(_))),
                "{unpinned}"
            );
        }
        let as_host = Wanted {
            authority: "https://proxy.contoso.example:3128",
            cloud: None,
            dangerous_custom_authority: true,
        };
        assert!(matches!(
            as_host.resolve(&pinned),
            Err(ConfigError::Unpinned(_))
        ));
        for odd in [
            "proxy.contoso.example:3128",
            "http://proxy.contoso.example",
            "https://proxy.contoso.example:3128",
            "socks5://proxy.contoso.example:3128",
            "http://user:pw@proxy.contoso.example:3128",
            "http://proxy.contoso.example:3128/path",
        ] {
            assert!(
                matches!(pinned.proxy(odd), Err(ConfigError::Proxy(_))),
                "{odd}"
            );
        }
    }

    #[test]
    fn proxies_alone_leave_the_public_clouds() {
        let pinned = PinnedHosts::parse(["http://proxy.contoso.example:3128"]).expect("a pin");
        let usual = Wanted {
            authority: "",
            cloud: None,
            dangerous_custom_authority: false,
        };
        assert!(usual.resolve(&pinned).is_ok());
        assert!(
            usual
                .resolve(&PinnedHosts::parse([]).expect("none"))
                .is_err()
        );
    }
}
