//! A source is looked at, step by step, without any user's password.

use crate::login::Ledger;
use crate::operate::{Action, Caller, Operate, OperateError};
use crate::sources::{Finding, SourceKind};

/// What was found at a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Examined {
    /// Its name.
    pub source: String,
    /// Step by step.
    pub findings: Vec<Finding>,
}

impl<L: Ledger> Operate<L> {
    /// Looks at the source of this kind and name, from this node. An empty name is the only
    /// one of its kind. `domain`: of the users that are asked for; empty: the source's first.
    ///
    /// # Errors
    /// When there is none, or several and no name.
    pub async fn examine_source(
        &self,
        caller: &Caller,
        kind: SourceKind,
        name: &str,
        domain: &str,
    ) -> Result<Examined, OperateError> {
        self.reading(caller, Action::SettingsTest)?;
        if kind == SourceKind::OldServer {
            return self.examine_old_server(name).await;
        }
        let sources = self.sources.current();
        let mut found = sources.iter().filter(|source| {
            source.kind() == Some(kind) && (name.is_empty() || source.settings.name == name)
        });
        let Some(source) = found.next() else {
            if name.is_empty() {
                let why = "there is no source of this kind in the settings";
                return Err(OperateError::invalid("source", why));
            }
            return Err(OperateError::NotFound {
                kind: kind.noun(),
                name: name.to_owned(),
            });
        };
        if found.next().is_some() {
            let why = "there are several sources of this kind: name one";
            return Err(OperateError::invalid("source", why));
        }
        let first = source.settings.domains.first().map(String::as_str);
        let domain = Some(domain).filter(|domain| !domain.is_empty()).or(first);
        Ok(Examined {
            source: source.settings.name.clone(),
            findings: source.examine(domain).await,
        })
    }

    async fn examine_old_server(&self, name: &str) -> Result<Examined, OperateError> {
        let all = self.sources.old_servers().current();
        let mut found = all
            .iter()
            .filter(|old| name.is_empty() || old.settings.name == name);
        let Some(old) = found.next() else {
            return Err(OperateError::NotFound {
                kind: SourceKind::OldServer.noun(),
                name: name.to_owned(),
            });
        };
        if found.next().is_some() {
            let why = "there are several old servers: name one";
            return Err(OperateError::invalid("forward", why));
        }
        Ok(Examined {
            source: old.settings.name.clone(),
            findings: old.examine().await,
        })
    }
}
