//! How a client's logins are judged, as options.

use crate::admin::api;

/// How a client's logins are judged.
#[derive(Debug, clap::Args)]
pub(super) struct Policy {
    /// What a login must show; without it every login is refused
    #[arg(long, value_enum)]
    factors: Option<Factors>,
    /// Whether requests must carry a Message-Authenticator
    #[arg(long, value_enum)]
    message_authenticator: Option<MessageAuthenticator>,
    /// Milliseconds that the device waits for one answer
    #[arg(long)]
    timeout_ms: Option<u32>,
    /// How often it asks one server
    #[arg(long)]
    tries: Option<u32>,
    /// How many servers it asks
    #[arg(long)]
    servers: Option<u32>,
    /// Milliseconds in which the same login again is a retry; 0: computed
    #[arg(long)]
    retry_grace_ms: Option<u32>,
    /// No retry grace at all (RFC 6238 §5.2 to the letter)
    #[arg(long)]
    strict_grace: Option<bool>,
    /// Domain of bare user names
    #[arg(long)]
    default_domain: Option<String>,
    /// Language of the texts that users read: de, pt-BR; by default the common ones
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// When a code is spent
    #[arg(long, value_enum)]
    burn_code: Option<BurnCode>,
    /// What is answered while no password source can be asked
    #[arg(long, value_enum)]
    on_source_down: Option<OnSourceDown>,
    /// Seconds in which the same caller is let in again by the same code; 0: never
    #[arg(long, value_name = "SECONDS")]
    revalidation_secs: Option<u32>,
    /// How a user's name may be typed; several with commas
    #[arg(long, value_enum, value_delimiter = ',')]
    name_forms: Vec<NameForm>,
    /// The least that a login shows, whatever the rules say; one of several with commas
    #[arg(long, value_enum, value_delimiter = ',')]
    allow: Vec<Allowed>,
    /// Packets a second that each node takes, or none for no limit
    #[arg(long, value_parser = rate)]
    rate: Option<Rate>,
    /// Packets at once; by default those of one second
    #[arg(long)]
    burst: Option<u32>,
}

/// Packets a second; `None`: no limit.
#[derive(Clone, Copy, Debug)]
struct Rate(Option<u32>);

/// 0 would drop every packet, which nobody means.
fn rate(text: &str) -> Result<Rate, String> {
    match text.parse() {
        Ok(0) => Err("0 would drop every packet; none takes the limit away".to_owned()),
        Ok(rate) => Ok(Rate(Some(rate))),
        Err(_) if text == "none" => Ok(Rate(None)),
        Err(_) => Err("a number of packets a second, or none".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Factors {
    /// The password and the code behind it
    #[value(name = "both")]
    PasswordAndCode,
    /// The code alone
    Code,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum MessageAuthenticator {
    /// Requests without one are dropped
    Require,
    /// As limit-proxy-state until the device has sent a right one, then as require
    Auto,
    /// Requests that carry Proxy-State and none are dropped
    LimitProxyState,
    /// Everything is taken: an attacker between may turn a refusal into an Accept
    No,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum NameForm {
    /// Every form
    All,
    /// user@domain
    Upn,
    /// DOMAIN\\user
    DownLevel,
    /// user
    Bare,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Allowed {
    /// Whatever the rules ask for
    Any,
    Both,
    Code,
    Password,
    Forward,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum BurnCode {
    OnAccept,
    OnMatch,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnSourceDown {
    Reject,
    Silent,
}

impl Policy {
    /// What was given, over what was there.
    pub(super) fn over(self, mut policy: api::ClientPolicy) -> api::ClientPolicy {
        put(&mut policy.timeout_ms, self.timeout_ms);
        put(&mut policy.tries, self.tries);
        put(&mut policy.servers, self.servers);
        put(&mut policy.retry_grace_ms, self.retry_grace_ms);
        put(&mut policy.strict_grace, self.strict_grace);
        put(&mut policy.default_domain, self.default_domain);
        put(&mut policy.language, self.language);
        let factors = self.factors.map(|it| match it {
            Factors::PasswordAndCode => api::Factors::PasswordAndCode.into(),
            Factors::Code => api::Factors::Code.into(),
        });
        put(&mut policy.factors, factors);
        let mode = self.message_authenticator.map(|it| match it {
            MessageAuthenticator::Require => api::MessageAuthenticator::Require.into(),
            MessageAuthenticator::LimitProxyState => {
                api::MessageAuthenticator::LimitProxyState.into()
            }
            MessageAuthenticator::Auto => api::MessageAuthenticator::Auto.into(),
            MessageAuthenticator::No => api::MessageAuthenticator::No.into(),
        });
        put(&mut policy.message_authenticator, mode);
        let burn = self.burn_code.map(|it| match it {
            BurnCode::OnAccept => api::BurnCode::OnAccept.into(),
            BurnCode::OnMatch => api::BurnCode::OnMatch.into(),
        });
        put(&mut policy.burn_code, burn);
        let down = self.on_source_down.map(|it| match it {
            OnSourceDown::Reject => api::OnSourceDown::Reject.into(),
            OnSourceDown::Silent => api::OnSourceDown::Silent.into(),
        });
        put(&mut policy.on_source_down, down);
        limits(&mut policy, self.rate, self.burst);
        let millis = self.revalidation_secs.map(|secs| secs.saturating_mul(1000));
        put(&mut policy.revalidation_ms, millis);
        if !self.name_forms.is_empty() {
            policy.name_forms = name_forms(&self.name_forms);
        }
        if !self.allow.is_empty() {
            policy.allowed_factors = allowed(&self.allow);
        }
        policy
    }

    /// Whether the mode of the Message-Authenticator is set to learn, anew if it learns.
    pub(super) const fn learns_anew(&self) -> bool {
        matches!(self.message_authenticator, Some(MessageAuthenticator::Auto))
    }
}

/// A client without a limit has no burst either.
fn limits(policy: &mut api::ClientPolicy, rate: Option<Rate>, burst: Option<u32>) {
    if let Some(Rate(rate)) = rate {
        policy.rate = rate.unwrap_or(0);
        policy.burst = if rate.is_none() { 0 } else { policy.burst };
    }
    put(&mut policy.burst, burst);
}

/// None: every form.
fn name_forms(given: &[NameForm]) -> Vec<i32> {
    let form = |it: &NameForm| match it {
        NameForm::All => None,
        NameForm::Upn => Some(api::NameForm::Upn.into()),
        NameForm::DownLevel => Some(api::NameForm::DownLevel.into()),
        NameForm::Bare => Some(api::NameForm::Bare.into()),
    };
    if given.contains(&NameForm::All) {
        return Vec::new();
    }
    given.iter().filter_map(form).collect()
}

/// None: whatever the rules ask for.
fn allowed(given: &[Allowed]) -> Vec<i32> {
    let factors = |it: &Allowed| match it {
        Allowed::Any => None,
        Allowed::Both => Some(api::Factors::PasswordAndCode.into()),
        Allowed::Code => Some(api::Factors::Code.into()),
        Allowed::Password => Some(api::Factors::Password.into()),
        Allowed::Forward => Some(api::Factors::Forward.into()),
    };
    if given.contains(&Allowed::Any) {
        return Vec::new();
    }
    given.iter().filter_map(factors).collect()
}

fn put<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}
