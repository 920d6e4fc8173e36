//! The source that is in force now; settings replace it while logins run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;

use super::entra::Entra;
use crate::login::{Answer, PasswordSource, Question};

/// What the settings say about the password source.
#[derive(Debug)]
pub enum Source {
    /// None is configured.
    Absent,
    /// Microsoft Entra ID.
    Entra(Box<Entra>),
    /// One is configured that this node must not or cannot use.
    Misconfigured,
}

/// The password source of the driver. A question under way ends at the source it began
/// with; the next one goes to the new.
#[derive(Debug)]
pub struct Sources {
    current: ArcSwap<Source>,
}

impl Sources {
    /// Starts with no source: nothing is asked before settings are applied.
    #[must_use]
    pub fn new() -> Self {
        Self {
            current: ArcSwap::from_pointee(Source::Absent),
        }
    }

    /// Puts `source` in force.
    pub fn adopt(&self, source: Source) {
        self.current.store(Arc::new(source));
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self::new()
    }
}

impl PasswordSource for Sources {
    async fn ask(&self, question: Question) -> Answer {
        if question.password.is_empty() {
            // A directory may take it for an anonymous question and say yes.
            return not_asked(Reason::EmptyPassword);
        }
        match &*self.current.load_full() {
            Source::Absent => not_asked(Reason::SourceDown),
            // Apart from the login's own task: most logins ask nobody, and a task that holds
            // this future would be as large for them.
            Source::Entra(entra) => Box::pin(entra.ask(question)).await,
            Source::Misconfigured => not_asked(Reason::SourceMisconfigured),
        }
    }
}

const fn not_asked(reason: Reason) -> Answer {
    Answer {
        outcome: SourceOutcome::NotAsked,
        reason,
        code: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_core::base::Secret;

    use super::*;

    async fn asked(source: Source, password: &str) -> Answer {
        let sources = Sources::new();
        sources.adopt(source);
        sources
            .ask(Question {
                name: "alice@contoso.example".to_owned(),
                password: Secret::from(password.to_owned()),
                timeout: Duration::from_secs(1),
            })
            .await
    }

    #[tokio::test]
    async fn without_a_source_nothing_is_asked() {
        assert_eq!(
            asked(Source::Absent, "pa55").await,
            not_asked(Reason::SourceDown)
        );
    }

    #[tokio::test]
    async fn a_source_that_may_not_be_used_is_not_asked() {
        let answer = asked(Source::Misconfigured, "pa55").await;
        assert_eq!(answer, not_asked(Reason::SourceMisconfigured));
    }

    #[tokio::test]
    async fn an_empty_password_reaches_no_source() {
        let answer = asked(Source::Misconfigured, "").await;
        assert_eq!(answer, not_asked(Reason::EmptyPassword));
    }

    #[tokio::test]
    async fn a_login_has_no_room_of_its_own_for_a_question_to_entra() {
        let sources = Sources::new();
        let asking = sources.ask(Question {
            name: String::new(),
            password: Secret::from(String::new()),
            timeout: Duration::ZERO,
        });
        assert!(size_of_val(&asking) <= 512, "{}", size_of_val(&asking));
    }
}
