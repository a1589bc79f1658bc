//! The verdict on a case: Postgres reads its statement, and the proof is made under the case's grants, as in a session.

use super::Verdict;
use crate::cli::judge::Judge;
use crate::decision::Deny;
use crate::rules::Case;
use crate::token::grant::Grant;

pub async fn verdict(judge: &mut Judge, case: &Case) -> anyhow::Result<Verdict> {
    let grants = case.grants.iter().map(|text| text.parse::<Grant>()).collect::<Result<Vec<_>, _>>()?;
    Ok(match judge.decide(&case.sql, &[&grants], &case.params).await? {
        Ok(()) => Verdict::Permit,
        Err(deny) => deny.into(),
    })
}

impl From<Deny> for Verdict {
    fn from(deny: Deny) -> Self {
        Verdict::Deny { code: deny.reason.code().to_owned(), message: deny.message }
    }
}
