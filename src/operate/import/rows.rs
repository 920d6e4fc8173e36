//! One row of an import: into a record, rehearsed, and reported.

use countersign_core::base::limits::USER_TOKENS_MAX;
use countersign_core::base::{Name, UserId};
use countersign_core::import::{RowOutcome, TokenRow};
use countersign_core::ledger::storage::{self, Refusal, TokenState, UserStatus};
use countersign_core::ledger::{Read, StoreError, fields, query};

use super::{ImportOptions, RowReport};
use crate::login::Ledger;
use crate::operate::error::said;
use crate::operate::house::draw_id;
use crate::operate::tokens::parameters_stored;
use crate::operate::{Operate, OperateError};

impl<L: Ledger> Operate<L> {
    /// The record of a row, its seed sealed.
    pub(super) fn import_row(
        &self,
        options: ImportOptions,
        row: &TokenRow,
    ) -> Result<storage::ImportRow, OperateError> {
        let state = if options.pending {
            TokenState::Pending
        } else {
            TokenState::Active
        };
        let mut token = storage::Token {
            id: draw_id(&mut self.chance()),
            serial: row.serial.clone(),
            label: label(row),
            state: state.into(),
            ..parameters_stored(row.parameters)
        };
        let number = token.id.to_be_bytes();
        let context = fields::token_seed(self.cluster_id()?, &number);
        token.seed = self.seal(&context, &row.seed)?;
        let user = row.upn.as_ref().map(|name| storage::User {
            id: draw_id(&mut self.chance()),
            name: name.clone(),
            status: UserStatus::Active.into(),
            ..Default::default()
        });
        Ok(storage::ImportRow {
            number: row.line.try_into().unwrap_or(u32::MAX),
            user,
            token: Some(token),
        })
    }

    /// What an import would say now, without doing it. A long file asks the store a million
    /// times.
    pub(super) async fn rehearsed(
        &self,
        outcomes: Vec<RowOutcome>,
    ) -> Result<Vec<RowReport>, OperateError> {
        self.aside(move |view| {
            let rehearse = |outcome: &RowOutcome| match outcome {
                Ok(row) => rehearsed_row(view, row),
                Err(error) => Ok(unreadable(error)),
            };
            let reports: Result<_, StoreError> = outcomes.iter().map(rehearse).collect();
            Ok(reports?)
        })
        .await
    }
}

fn rehearsed_row(tables: &impl Read, row: &TokenRow) -> Result<RowReport, StoreError> {
    let refused = |why: String| RowReport {
        line: row.line,
        refused: Some(why),
        note: warnings(row),
    };
    if query::token_by_serial(tables, &row.serial)?.is_some() {
        return Ok(refused("the serial number is taken".to_owned()));
    }
    let Some(upn) = &row.upn else {
        return Ok(taken(row, "would go to the inventory"));
    };
    let name = match Name::fold(upn) {
        Ok(name) => name,
        Err(error) => return Ok(refused(format!("the upn is no name: {error}"))),
    };
    let Some(UserId(owner)) = query::user_id_by_name(tables, &name)? else {
        return Ok(taken(row, "would make user and token"));
    };
    if query::token_ids_of(tables, UserId(owner))?.len() >= USER_TOKENS_MAX {
        return Ok(refused(format!(
            "a user has at most {USER_TOKENS_MAX} tokens"
        )));
    }
    Ok(taken(row, "would make a token for a known user"))
}

/// The reports of a chunk: what could not be read, and what the ledger said of the rest.
/// `spoilt` refuses the rows that were good in themselves.
pub(super) fn reports(
    outcomes: &[RowOutcome],
    done: &[storage::RowOutcome],
    spoilt: Option<&str>,
) -> Vec<RowReport> {
    let mut done = done.iter();
    let report = |outcome: &RowOutcome| match outcome {
        Err(error) => unreadable(error),
        Ok(row) => reported(row, done.next(), spoilt),
    };
    outcomes.iter().map(report).collect()
}

fn reported(row: &TokenRow, done: Option<&storage::RowOutcome>, spoilt: Option<&str>) -> RowReport {
    let refusal = done.map_or(Refusal::Unspecified, storage::RowOutcome::refusal);
    let detail = done.map_or("", |done| &done.detail);
    let refused = if refusal == Refusal::Unspecified {
        spoilt.map(str::to_owned)
    } else if detail.is_empty() {
        Some(said(refusal).to_owned())
    } else {
        Some(detail.to_owned())
    };
    RowReport {
        line: row.line,
        note: match refused {
            Some(_) => warnings(row),
            None => taken(row, detail).note,
        },
        refused,
    }
}

fn unreadable(error: &countersign_core::import::RowError) -> RowReport {
    RowReport {
        line: error.line,
        refused: Some(error.fault.to_string()),
        note: String::new(),
    }
}

fn taken(row: &TokenRow, what: &str) -> RowReport {
    let warnings = warnings(row);
    let between = if warnings.is_empty() || what.is_empty() {
        ""
    } else {
        "; "
    };
    RowReport {
        line: row.line,
        refused: None,
        note: format!("{what}{between}{warnings}"),
    }
}

fn warnings(row: &TokenRow) -> String {
    let texts: Vec<_> = row.warnings.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn label(row: &TokenRow) -> String {
    let parts = [&*row.manufacturer, &*row.model];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}
