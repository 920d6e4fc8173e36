//! `countersign rule …`

mod document;
mod forwarded;
mod listed;
mod replay;
mod secret;
mod shown;
mod trial;

use std::path::PathBuf;

use serde_json::json;

use super::confirm::{Confirm, end};
use super::connection::{Named, Session};
use super::failure::Failure;
use super::recall::recalled;
use crate::admin::api;
use crate::admin::api::rule_service_client::RuleServiceClient;
use crate::operate::RuleWritten;

use listed::read;
use secret::{open_to_all, with_secret};

/// What can be done with the rules.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a rule
    Add {
        name: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        parts: Parts,
    },
    /// Lists the rules in their order
    List,
    /// Shows one rule, or prints all of them as TOML
    Show { name: Option<String> },
    /// Changes a rule; what is not given stays, a list that is given takes the old one's place
    Set {
        name: String,
        /// Another name
        #[arg(long)]
        rename: Option<String>,
        #[command(flatten)]
        parts: Parts,
    },
    /// Removes a rule
    Remove { name: String },
    /// Moves a rule, by default to the end
    Move {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Replaces all rules by those of a TOML file
    Apply {
        /// The file; - is standard input
        file: PathBuf,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Keeps rules that were applied with --confirm
    Confirm,
    /// Puts back what was before rules that were applied with --confirm
    Revert,
    /// Tells which rule decides a login, and what it would be granted; nobody logs in by it
    Test(trial::Test),
    /// Tells who still goes to an old server, and how many without a token never did
    Forwarded(forwarded::Forwarded),
    /// Tells which past logins of this node a draft would decide otherwise
    Replay(replay::Replay),
}

/// Where a rule is put.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Before this rule
    #[arg(long, value_name = "RULE")]
    before: Option<String>,
    /// Before all others
    #[arg(long, conflicts_with = "before")]
    first: bool,
}

/// What a rule says. A condition that is given several times holds by any of its values.
#[derive(Debug, clap::Args)]
pub(super) struct Parts {
    /// Name of a client
    #[arg(long)]
    client: Vec<String>,
    /// Directory name or alias of a user
    #[arg(long)]
    user: Vec<String>,
    /// Group of the user
    #[arg(long)]
    group: Vec<String>,
    /// Domain of the user's names
    #[arg(long)]
    domain: Vec<String>,
    /// Network of the caller, by a Calling-Station-Id that is an address
    #[arg(long, value_name = "CIDR")]
    address: Vec<String>,
    /// Attribute of the request: NAS-Identifier=fw1, or Called-Station-Id^=vpn- where it
    /// begins so; all must hold
    #[arg(long, value_name = "NAME=VALUE")]
    nas: Vec<String>,
    /// Time of the week: "mon-fri 08:00-18:00 +01:00"
    #[arg(long)]
    hours: Vec<String>,
    /// When it ends: 2027-03-01, or 2027-03-01T08:00:00+01:00; '' for never
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// What a login must show; forward: whatever an old server asks for, of users without a
    /// token
    #[arg(long, value_parser = ["both", "code", "password", "forward", "deny"])]
    factors: Option<String>,
    /// The old server that decides where the factors are forward, by its name in the settings
    #[arg(long, value_name = "SERVER")]
    to: Option<String>,
    /// The password alone lets in users without a token, each so often; 0: tokens do not matter
    #[arg(long, value_name = "COUNT")]
    initial_logins: Option<u32>,
    /// When a code is spent; by default as the client says
    #[arg(long, value_parser = ["on-accept", "on-match"])]
    burn_code: Option<String>,
    /// How the code is come by: behind the password, asked for in an answer of its own, or
    /// either
    #[arg(long, value_parser = ["append", "challenge", "either"])]
    prompt: Option<String>,
    /// How a code is sent to a user who answers a challenge with nothing, or with "send"; ''
    /// sends none
    #[arg(long, value_parser = ["email", "sms", ""])]
    passcode: Option<String>,
    /// Whatever else is shown: the directory's account must be there, and neither disabled,
    /// locked nor expired; '' asks for nothing
    #[arg(long, value_parser = ["required", ""])]
    account: Option<String>,
    /// Group of the directory of which that account must be in one
    #[arg(long)]
    account_group: Vec<String>,
    /// Attribute of the Accept: Fortinet-Group-Name={groups}
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<String>,
    /// Attribute of the Accept whose value is a secret, from a file: Tunnel-Password:1=FILE;
    /// - is standard input
    #[arg(long, value_name = "NAME=FILE")]
    secret_attribute: Vec<String>,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut client = RuleServiceClient::new(session.named());
        match self {
            end_it @ (Self::Confirm | Self::Revert) => {
                let confirmed = matches!(end_it, Self::Confirm);
                let seen = read(session, &mut client).await?.revision;
                end(session, api::TrialSubject::Rules, confirmed, seen).await
            }
            Self::Apply { file, confirm } => {
                let (rules, expected) = document::read(&file)?;
                put(session, client, (rules, expected), confirm.within()).await?;
                confirm.remind("rule");
                Ok(())
            }
            Self::List => {
                read(session, &mut client).await?.list(session);
                Ok(())
            }
            Self::Show { name } => {
                let listed = read(session, &mut client).await?;
                listed.show(session, name.as_deref())
            }
            Self::Test(test) => test.run(session, client).await,
            Self::Replay(replay) => replay.run(session, client).await,
            Self::Forwarded(forwarded) => forwarded.run(session, client).await,
            edit @ (Self::Add { .. }
            | Self::Move { .. }
            | Self::Remove { .. }
            | Self::Set { .. }) => {
                if let Some(done) = recalled(session, "rules.put").await? {
                    tell(session, done.revision, &done.note);
                    return Ok(());
                }
                let mut listed = read(session, &mut client).await?;
                edit.edit(&mut listed.rules)?;
                put(session, client, (listed.rules, listed.revision), 0).await
            }
        }
    }

    /// Changes the list that was read. What contradicts itself the node refuses.
    fn edit(self, rules: &mut Vec<RuleWritten>) -> Result<(), Failure> {
        match self {
            Self::Add { name, place, parts } => {
                let mut rule = RuleWritten {
                    name,
                    ..RuleWritten::default()
                };
                parts.over(&mut rule)?;
                place.insert(rules, rule)
            }
            Self::Set {
                name,
                rename,
                parts,
            } => {
                let at = position(rules, &name)?;
                if let Some(rule) = rules.get_mut(at) {
                    parts.over(rule)?;
                    rule.name = rename.unwrap_or(name);
                }
                Ok(())
            }
            Self::Remove { name } => {
                rules.remove(position(rules, &name)?);
                Ok(())
            }
            Self::Move { name, place } => {
                let rule = rules.remove(position(rules, &name)?);
                place.insert(rules, rule)
            }
            Self::Apply { .. }
            | Self::Confirm
            | Self::Forwarded(_)
            | Self::List
            | Self::Replay(_)
            | Self::Revert
            | Self::Show { .. }
            | Self::Test(_) => Ok(()),
        }
    }
}

impl Place {
    fn insert(self, rules: &mut Vec<RuleWritten>, rule: RuleWritten) -> Result<(), Failure> {
        let at = match self.before {
            Some(before) => position(rules, &before)?,
            None if self.first => 0,
            None => rules.len(),
        };
        rules.insert(at, rule);
        Ok(())
    }
}

impl Parts {
    fn over(self, rule: &mut RuleWritten) -> Result<(), Failure> {
        let mut attributes = self.attribute;
        attributes.iter().try_for_each(|text| open_to_all(text))?;
        for text in &self.secret_attribute {
            attributes.push(with_secret(text)?);
        }
        for (field, given) in [
            (&mut rule.clients, self.client),
            (&mut rule.users, self.user),
            (&mut rule.groups, self.group),
            (&mut rule.domains, self.domain),
            (&mut rule.addresses, self.address),
            (&mut rule.nas, self.nas),
            (&mut rule.hours, self.hours),
            (&mut rule.account_groups, self.account_group),
            (&mut rule.attributes, attributes),
        ] {
            if !given.is_empty() {
                *field = given
                    .into_iter()
                    .filter(|value| !value.is_empty())
                    .collect();
            }
        }
        for (field, given) in [
            (&mut rule.until, self.until),
            (&mut rule.factors, self.factors),
            (&mut rule.to, self.to),
            (&mut rule.burn_code, self.burn_code),
            (&mut rule.prompt, self.prompt),
            (&mut rule.passcode, self.passcode),
            (&mut rule.account, self.account),
        ] {
            if let Some(given) = given {
                *field = given;
            }
        }
        rule.initial_logins = self.initial_logins.unwrap_or(rule.initial_logins);
        Ok(())
    }
}

async fn put(
    session: &Session,
    mut client: RuleServiceClient<Named>,
    (rules, expected_revision): (Vec<RuleWritten>, u64),
    confirm_within: u32,
) -> Result<(), Failure> {
    let put = api::PutRulesRequest {
        request_id: session.request_id(),
        rules: rules.into_iter().map(api::Rule::from).collect(),
        expected_revision,
        confirm_within,
    };
    let done = session.done(client.put_rules(put).await)?;
    tell(session, done.revision, &done.note);
    Ok(())
}

fn tell(session: &Session, revision: u64, note: &str) {
    let mut columns = vec!["revision"];
    if !note.is_empty() {
        columns.push("note");
    }
    let shown = json!({ "revision": revision, "note": note });
    session.output.one(&columns, &shown);
}

/// Case does not tell two rules apart.
fn position(rules: &[RuleWritten], name: &str) -> Result<usize, Failure> {
    let mut rules = rules.iter();
    let found = rules.position(|rule| rule.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| Failure::Refused(format!("no rule is called {name:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(names: &[&str]) -> Vec<RuleWritten> {
        let rule = |name: &&str| RuleWritten {
            name: (*name).to_owned(),
            groups: vec!["vpn".to_owned()],
            ..RuleWritten::default()
        };
        names.iter().map(rule).collect()
    }

    fn edited(names: &[&str], command: Command) -> Vec<RuleWritten> {
        let mut rules = rules(names);
        command.edit(&mut rules).expect("a known rule");
        rules
    }

    fn names(rules: &[RuleWritten]) -> Vec<&str> {
        rules.iter().map(|rule| &*rule.name).collect()
    }

    fn moved(before: Option<&str>, first: bool) -> Vec<RuleWritten> {
        let before = before.map(str::to_owned);
        let place = Place { before, first };
        let name = "b".to_owned();
        edited(&["a", "b", "c"], Command::Move { name, place })
    }

    #[test]
    fn a_rule_is_moved_before_another_to_the_front_or_to_the_end() {
        assert_eq!(names(&moved(Some("A"), false)), ["b", "a", "c"]);
        assert_eq!(names(&moved(None, true)), ["b", "a", "c"]);
        assert_eq!(names(&moved(None, false)), ["a", "c", "b"]);
    }

    #[test]
    fn a_rule_that_is_not_there_cannot_be_changed() {
        let name = "x".to_owned();
        let mut rules = rules(&["a"]);
        assert!(Command::Remove { name }.edit(&mut rules).is_err());
        assert_eq!(names(&rules), ["a"]);
    }

    #[test]
    fn what_is_not_given_stays_and_an_empty_value_clears_a_list() {
        use clap::Parser as _;

        #[derive(clap::Parser)]
        struct Line {
            #[command(subcommand)]
            command: Command,
        }
        let set = |line: &str| {
            let words = std::iter::once("rule").chain(line.split(' '));
            let line = Line::try_parse_from(words).expect("a command");
            edited(&["a"], line.command).remove(0)
        };
        let changed = set("set a --factors code --attribute Class=x --rename b");
        assert_eq!((&*changed.name, &*changed.factors), ("b", "code"));
        assert_eq!(
            (changed.groups, changed.attributes.len()),
            (vec!["vpn".to_owned()], 1)
        );
        assert!(set("set a --group=").groups.is_empty());
        let ends = set("set a --factors forward --to old --until 2027-03-01");
        let said = (&*ends.factors, &*ends.to, &*ends.until);
        assert_eq!(said, ("forward", "old", "2027-03-01"));
        let initial = set("set a --initial-logins 3 --until=");
        assert_eq!((initial.initial_logins, &*initial.until), (3, ""));
    }
}
