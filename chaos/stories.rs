//! What users and devices do. Each story has a user of its own, so that every question at
//! the source and every budget belongs to one story.

use std::time::Duration;

use futures_util::future::{join_all, try_join};

use crate::device::{Devices, Patience, Typed};
use crate::dice::Dice;
use crate::history::{Due, Heard, Password};
use crate::world::Node;

/// What happens, and about how many logins it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Story {
    /// One right login.
    Right,
    /// The answer is lost; the device asks again with a new packet.
    LostAnswer,
    /// Two devices with the same login at different servers at one time.
    Twins,
    /// The same login once more, a while later, elsewhere.
    Again,
    /// Somebody who saw the code uses it, too, after the user.
    Replay,
    /// Somebody who saw the code uses it at the same time.
    Race,
    /// A wrong password to every server at one time, and then the right one.
    WrongPassword,
    /// A wrong code to every server at one time.
    WrongCode,
    /// Through the client that is tightened now and then.
    Gate,
}

impl Story {
    /// One of them.
    pub(crate) fn drawn(dice: &mut Dice) -> Self {
        let one = dice.one_of(&STORIES);
        one.copied().unwrap_or(Self::Right)
    }

    /// Logins that it takes, without retries.
    pub(crate) fn logins(self) -> u64 {
        match self {
            Self::Right | Self::Gate => 1,
            Self::LostAnswer | Self::Twins | Self::Again | Self::Replay | Self::Race => 2,
            Self::WrongCode => 3,
            Self::WrongPassword => 4,
        }
    }

    /// Carries it out.
    pub(crate) async fn run(
        self,
        devices: Devices<'_>,
        user: u64,
        dice: &mut Dice,
    ) -> anyhow::Result<()> {
        let (tell, typed) = (Teller(devices), first(devices, self, user, dice));
        match self {
            Self::Right => devices.visit(&typed, Due::Accept, dice).await.map(drop),
            Self::Gate => devices.visit(&typed, Due::Nothing, dice).await.map(drop),
            Self::LostAnswer => tell.lost_answer(&typed, dice).await,
            Self::Twins => tell.twins(&typed, dice).await,
            Self::Again => tell.again(&typed, dice).await,
            Self::Replay => tell.replay(&typed, dice).await,
            Self::Race => tell.race(&typed, dice).await,
            Self::WrongPassword => tell.wrong_password(&typed, dice).await,
            Self::WrongCode => tell.wrong_code(typed, dice).await,
        }
    }
}

/// The right login that the story is about.
fn first<'w>(devices: Devices<'w>, story: Story, user: u64, dice: &mut Dice) -> Typed<'w> {
    let world = devices.world;
    let needs_password = matches!(story, Story::WrongPassword) || dice.percent(60);
    let client = if matches!(story, Story::Gate) {
        &world.gate
    } else if needs_password {
        &world.vpn
    } else {
        &world.proxy
    };
    let has_password = client.name == world.vpn.name;
    // The app of one in four is half a minute fast.
    let ahead = i64::from(dice.percent(25));
    Typed {
        client,
        user: world.user(user),
        password: if has_password {
            Password::Right
        } else {
            Password::None
        },
        code: world.code(ahead),
        is_code_right: true,
        caller: caller(dice),
    }
}

fn caller(dice: &mut Dice) -> String {
    let (net, host) = (dice.below(250), dice.between(1, 250));
    format!("198.18.{net}.{host}")
}

struct Teller<'r>(Devices<'r>);

impl<'r> Teller<'r> {
    async fn lost_answer(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let nodes = self.servers(dice);
        if let Some(node) = nodes.first() {
            let patience = Patience::hasty(dice.between(1, 400));
            self.0.login(typed, node, patience, dice).await?;
        }
        self.0.visit(typed, Due::Accept, dice).await.map(drop)
    }

    async fn twins(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let mut other = split(dice);
        let one = self.0.visit(typed, Due::Accept, dice);
        let other = self.0.visit(typed, Due::Accept, &mut other);
        try_join(one, other).await.map(drop)
    }

    async fn again(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        self.0.visit(typed, Due::Accept, dice).await?;
        pause(dice, 8_000).await;
        self.0.visit(typed, Due::Nothing, dice).await.map(drop)
    }

    async fn replay(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let heard = self.0.visit(typed, Due::Accept, dice).await?;
        pause(dice, 3_000).await;
        let thief = elsewhere(typed);
        // Where the user was not let in, the code is still free.
        if heard == Heard::Accept {
            self.0.visit(&thief, Due::Nothing, dice).await?;
        }
        Ok(())
    }

    async fn race(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let (thief, mut other) = (elsewhere(typed), split(dice));
        let one = self.0.visit(typed, Due::AcceptOfOne, dice);
        let other = self.0.visit(&thief, Due::AcceptOfOne, &mut other);
        try_join(one, other).await.map(drop)
    }

    async fn wrong_password(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let wrong = Typed {
            password: Password::Wrong(0),
            ..typed.clone()
        };
        self.everywhere(&wrong, dice).await?;
        self.0.visit(typed, Due::Nothing, dice).await.map(drop)
    }

    async fn wrong_code(&self, typed: Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let wrong = Typed {
            code: self.0.world.wrong_code(dice.below(1_000_000)),
            is_code_right: false,
            ..typed
        };
        self.everywhere(&wrong, dice).await
    }

    async fn everywhere(&self, typed: &Typed<'_>, dice: &mut Dice) -> anyhow::Result<()> {
        let asks = self.servers(dice).into_iter().map(|node| {
            let mut dice = split(dice);
            async move {
                let patience = Patience::USUAL;
                self.0.login(typed, node, patience, &mut dice).await
            }
        });
        let asks: Vec<_> = asks.collect();
        let heard = join_all(asks).await;
        heard
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()
            .map(drop)
    }

    fn servers(&self, dice: &mut Dice) -> Vec<&'r Node> {
        let servers: Vec<_> = self.0.world.nodes.iter().collect();
        dice.shuffled(&servers)
    }
}

/// The same code in other hands.
fn elsewhere<'w>(typed: &Typed<'w>) -> Typed<'w> {
    Typed {
        caller: "203.0.113.66".to_owned(),
        ..typed.clone()
    }
}

/// For what happens at the same time.
pub(crate) fn split(dice: &mut Dice) -> Dice {
    Dice::new(dice.below(u64::MAX), "split", 0)
}

async fn pause(dice: &mut Dice, millis_max: u64) {
    tokio::time::sleep(Duration::from_millis(dice.below(millis_max))).await;
}

/// As often as they stand here.
const STORIES: [Story; 16] = [
    Story::Right,
    Story::Right,
    Story::Right,
    Story::Right,
    Story::LostAnswer,
    Story::LostAnswer,
    Story::Twins,
    Story::Twins,
    Story::Again,
    Story::Again,
    Story::Replay,
    Story::Race,
    Story::WrongPassword,
    Story::WrongCode,
    Story::Gate,
    Story::Gate,
];
