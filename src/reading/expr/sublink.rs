//! Sub-selects within expressions.

use super::super::reader::{Read, Reader};
use super::super::tree::{Expr, SubLinkType};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn sub_link(&mut self) -> Read<Expr> {
        let outer = self.begin("SUBLINK")?;
        let kind = match self.int_field("subLinkType")? {
            0 => SubLinkType::Exists,
            1 => SubLinkType::All,
            2 => SubLinkType::Any,
            3 => SubLinkType::RowCompare,
            4 => SubLinkType::Expr,
            5 => SubLinkType::MultiExpr,
            6 => SubLinkType::Array,
            // 7, CTE, is the planner's.
            _ => return self.bad_value("a kind of sub-select"),
        };
        self.unsigned_field("subLinkId")?;
        let test = self.optional_boxed_field("testexpr")?;
        self.string_list_field("operName")?;
        self.field("subselect")?;
        let query = self.boxed_query()?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::SubLink { kind, test, query, location })
    }
}
