//! Devices: each login and each visit, written down.

use std::time::Duration;

use countersign::device::{Answer, Credentials, Device, Lines};
use countersign_core::base::Secret;

use crate::dice::Dice;
use crate::history::{Due, Heard, Login, Password, Visit};
use crate::recorder::Recorder;
use crate::world::{Client, Node, World};

/// What a user types, where.
#[derive(Clone, Debug)]
pub(crate) struct Typed<'w> {
    pub(crate) client: &'w Client,
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) code: String,
    pub(crate) is_code_right: bool,
    pub(crate) caller: String,
}

/// How long a device waits for one answer, and how often it asks one server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Patience {
    pub(crate) timeout: Duration,
    pub(crate) tries: u32,
}

impl Patience {
    /// DESIGN, L1.
    pub(crate) const USUAL: Self = Self {
        timeout: Duration::from_secs(3),
        tries: 3,
    };

    /// One packet, and gone before most answers.
    pub(crate) const fn hasty(millis: u64) -> Self {
        Self {
            timeout: Duration::from_millis(millis),
            tries: 1,
        }
    }
}

/// All devices of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Devices<'r> {
    pub(crate) world: &'r World,
    pub(crate) recorder: &'r Recorder,
}

impl Devices<'_> {
    /// One packet to one server, sent again until there is an answer.
    pub(crate) async fn login(
        &self,
        typed: &Typed<'_>,
        node: &Node,
        patience: Patience,
        dice: &mut Dice,
    ) -> anyhow::Result<Heard> {
        let device = Device {
            servers: vec![node.radius],
            secret: typed.client.secret.duplicate(),
            timeout: patience.timeout,
            tries: patience.tries,
            source: Some(typed.client.source),
            identifier: "countersign-chaos".to_owned(),
            dangerous_unprotected_replies: false,
        };
        let password = Secret::from(self.octets(typed));
        let credentials = Credentials {
            state: None,
            name: &typed.user,
            password: &password,
            caller: &typed.caller,
        };
        let begun = self.recorder.at();
        let report = device
            .login(&credentials, &mut Lines::default(), dice)
            .await?;
        let heard = match report.answer {
            Some(Answer::Accept) => Heard::Accept,
            Some(Answer::Reject(text) | Answer::Challenge(text, _)) => Heard::Reject(text),
            None => Heard::Silence,
        };
        self.recorder.login(Login {
            client: typed.client.name,
            user: typed.user.clone(),
            password: typed.password,
            code: typed.code.clone(),
            is_code_right: typed.is_code_right,
            caller: typed.caller.clone(),
            node: node.id,
            is_patient: patience == Patience::USUAL,
            begun,
            ended: self.recorder.at(),
            heard: heard.clone(),
        });
        Ok(heard)
    }

    /// A login of a device that asks server after server until one answers.
    pub(crate) async fn visit(
        &self,
        typed: &Typed<'_>,
        due: Due,
        dice: &mut Dice,
    ) -> anyhow::Result<Heard> {
        let servers: Vec<&Node> = self.world.nodes.iter().collect();
        let begun = self.recorder.at();
        let mut heard = Heard::Silence;
        for server in dice.shuffled(&servers) {
            heard = self.login(typed, server, Patience::USUAL, dice).await?;
            if heard != Heard::Silence {
                break;
            }
        }
        self.recorder.visit(Visit {
            user: typed.user.clone(),
            due,
            begun,
            ended: self.recorder.at(),
            heard: heard.clone(),
        });
        Ok(heard)
    }

    fn octets(&self, typed: &Typed<'_>) -> String {
        match typed.password {
            Password::None => typed.code.clone(),
            Password::Right => format!("{}{}", self.world.password, typed.code),
            Password::Wrong(number) => format!("not-this-{number}-{}", typed.code),
        }
    }
}
