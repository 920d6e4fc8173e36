//! The operator: users made, disabled and enabled, a client tightened and loosened, each
//! write at a random node, and again under its request id until it is answered.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::Entropy;
use tokio::sync::watch;
use tonic::Code;

use crate::admin::{KEPT, Operator};
use crate::device::{Patience, Typed};
use crate::dice::Dice;
use crate::history::{Fate, Heard, Password, SECOND, What, Write};
use crate::run::Run;
use crate::stories::split;
use crate::world::GATE;

/// Makes users, one after the other.
pub(crate) async fn add(run: Arc<Run>, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let mut dice = Dice::new(run.seed, "add", 0);
    let mut number = 0;
    while !*stop.borrow() {
        number += 1;
        let name = format!("{KEPT}{number}@contoso.example");
        write(&run, What::AddUser(name), &mut dice).await;
        tokio::time::sleep(Duration::from_millis(dice.between(100, 900))).await;
    }
    Ok(())
}

/// Tightens the gate for a while, again and again.
pub(crate) async fn turn_gate(run: Arc<Run>, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let mut dice = Dice::new(run.seed, "gate", 0);
    while !*stop.borrow() {
        tokio::time::sleep(Duration::from_millis(dice.between(2_000, 6_000))).await;
        write(&run, What::Tighten(GATE), &mut dice).await;
        tokio::time::sleep(Duration::from_millis(dice.between(1_000, 4_000))).await;
        write(&run, What::Loosen(GATE), &mut dice).await;
    }
    Ok(())
}

/// Disables a user who logs in all the while, and enables the user again.
pub(crate) async fn flip(
    run: Arc<Run>,
    stream: u64,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let mut dice = Dice::new(run.seed, "flip", stream);
    while !*stop.borrow()
        && let Some(number) = run.users.take()
    {
        let user = run.world.user(number);
        let (ended, ending) = watch::channel(false);
        let operator = async {
            let mut dice = split(&mut dice);
            pause(&mut dice).await;
            write(&run, What::Disable(user.clone()), &mut dice).await;
            pause(&mut dice).await;
            write(&run, What::Enable(user.clone()), &mut dice).await;
            pause(&mut dice).await;
            ended.send_replace(true);
        };
        let mut others = Dice::new(run.seed, "flipped", number);
        let (logins, ()) = tokio::join!(keep_trying(&run, &user, ending, &mut others), operator);
        logins?;
    }
    Ok(())
}

/// The same login every so often, and one with the next code now and then.
async fn keep_trying(
    run: &Run,
    user: &str,
    ended: watch::Receiver<bool>,
    dice: &mut Dice,
) -> anyhow::Result<()> {
    let first = Typed {
        client: &run.world.proxy,
        user: user.to_owned(),
        password: Password::None,
        code: run.world.code(0),
        is_code_right: true,
        caller: "198.51.100.7".to_owned(),
    };
    while !*ended.borrow() {
        let fresh = Typed {
            code: run.world.code(1),
            ..first.clone()
        };
        let typed = if dice.percent(20) { &fresh } else { &first };
        if let Some(node) = dice.one_of(&run.world.nodes) {
            let patience = Patience::hasty(700);
            let _heard: Heard = run.devices().login(typed, node, patience, dice).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn pause(dice: &mut Dice) {
    tokio::time::sleep(Duration::from_millis(dice.between(200, 1_500))).await;
}

/// One write, until it is answered or the operator gives up.
async fn write(run: &Run, what: What, dice: &mut Dice) {
    let request_id = dice.array();
    let begun = run.recorder.at();
    let mut tries = Vec::new();
    let fate = loop {
        if run.recorder.at().saturating_sub(begun) > PATIENCE {
            break Fate::Unknown;
        }
        let Some(operator) = dice.one_of(&run.operators) else {
            break Fate::Refused;
        };
        let (said, fate) = once(operator, &what, request_id).await;
        tries.push((operator.node, said));
        if let Some(fate) = fate {
            break fate;
        }
        tokio::time::sleep(Duration::from_millis(dice.between(20, 200))).await;
    };
    run.recorder.write(Write {
        what,
        begun,
        ended: run.recorder.at(),
        fate,
        tries,
    });
}

/// What a node says to a write; none: it may be done or not.
async fn once(operator: &Operator, what: &What, id: [u8; 16]) -> (String, Option<Fate>) {
    match operator.write(what, id).await {
        Ok(()) => ("done".to_owned(), Some(Fate::Acknowledged)),
        Err(status) => {
            let fate = match status.code() {
                Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
                | Code::Unauthenticated => Some(Fate::Refused),
                Code::Ok
                | Code::Aborted
                | Code::Cancelled
                | Code::DataLoss
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::ResourceExhausted
                | Code::Unavailable
                | Code::Unknown => None,
            };
            (format!("{:?}: {}", status.code(), status.message()), fate)
        }
    }
}

const PATIENCE: u64 = 30 * SECOND;
