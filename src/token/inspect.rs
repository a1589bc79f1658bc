//! What a token or chain says about itself, for a person to read. Nothing is verified.

use super::block::GrantTexts;
use super::chain::{CHAIN_PREFIX, Chain, SignedBlock, Token};
use super::encoding;
use super::error::TokenError;
use super::grant::printable;
use super::proof::Proof;
use std::fmt::{self, Display, Formatter};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    pub chain: Chain,
    pub proof: Option<Proof>,
    pub length: usize,
}

pub fn inspect(text: &str) -> Result<Inspection, TokenError> {
    let prefix = text.split('.').next();
    let (chain, proof) = if prefix == Some(CHAIN_PREFIX) {
        (Chain::parse(text)?, None)
    } else {
        let token = Token::parse(text)?;
        (token.chain, Some(token.proof))
    };
    Ok(Inspection { chain, proof, length: text.len() })
}

impl Display for Inspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, signed) in self.chain.blocks().iter().enumerate() {
            write_block(f, index, signed)?;
        }
        match &self.proof {
            Some(proof) => write_proof(f, proof)?,
            None => writeln!(f, "no proof: a chain to be delegated further, sealed or proven by its last subject")?,
        }
        writeln!(f, "{} bytes; nothing of this was verified", self.length)
    }
}

fn write_block(f: &mut Formatter<'_>, index: usize, SignedBlock { block, id, .. }: &SignedBlock) -> fmt::Result {
    writeln!(f, "block {index}  {}", encoding::encode(id))?;
    writeln!(f, "  {:<11} {}", if index == 0 { "root key" } else { "parent" }, encoding::encode(&block.parent))?;
    writeln!(f, "  subject     {} {}", block.subject_name, encoding::encode(&block.subject_key))?;
    writeln!(f, "  audience    {}", block.audience)?;
    writeln!(f, "  valid       {} to {}", utc(block.not_before), utc(block.expires))?;
    writeln!(f, "  depth       {}", block.depth_left)?;
    writeln!(f, "  statements  {}", budget(block.statement_budget))?;
    writeln!(f, "  rows        {}", budget(block.row_budget))?;
    if let Some(certificate) = block.certificate {
        writeln!(f, "  certificate {}", encoding::encode(&certificate))?;
    }
    match &block.grants {
        GrantTexts::Parent => writeln!(f, "  grants      all of its parent"),
        GrantTexts::List(texts) => {
            writeln!(f, "  grants")?;
            texts.iter().try_for_each(|text| writeln!(f, "    {}", printable(text)))
        }
    }
}

fn write_proof(f: &mut Formatter<'_>, proof: &Proof) -> fmt::Result {
    writeln!(f, "proof    {}", proof.kind.as_str())?;
    writeln!(f, "  chain       {}", encoding::encode(&proof.chain))?;
    writeln!(f, "  audience    {}", proof.audience)?;
    writeln!(f, "  valid       {} to {}", utc(proof.not_before), utc(proof.expires))?;
    writeln!(f, "  jti         {}", encoding::encode(&proof.jti))
}

fn budget(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// Unix seconds as `2026-01-31T23:59:59Z`, by the civil calendar of Howard Hinnant's `days_from_civil`, inverted.
pub fn utc(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let second = seconds.rem_euclid(86_400);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on, so that the leap day is the last of a year.
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn seconds_are_printed_as_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_767_225_599), "2025-12-31T23:59:59Z");
        assert_eq!(utc(9_007_199_254_740_991), "285428751-11-12T07:36:31Z");
    }
}
