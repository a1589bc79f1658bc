//! `FROMEXPR`, `JOINEXPR` and `RANGETBLREF`: what is joined to what, under which conditions.

use super::reader::{Read, Reader, unknown_node};
use super::tree::{FromExpr, JoinExpr, JoinNode, JoinType};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn join_tree(&mut self) -> Read<FromExpr> {
        let outer = self.open("FROMEXPR")?;
        let from = self.list_field("fromlist", Self::join_node)?;
        let quals = self.optional_field("quals", Self::expr)?;
        self.end(outer)?;
        Ok(FromExpr { from, quals })
    }

    #[inline(never)]
    fn join_node(&mut self) -> Read<JoinNode> {
        match self.peek_node_name() {
            b"RANGETBLREF" => Ok(JoinNode::Ref(self.range_table_ref()?)),
            b"JOINEXPR" => Ok(JoinNode::Join(self.join_expr()?)),
            b"FROMEXPR" => Ok(JoinNode::From(Box::new(self.join_tree()?))),
            name => unknown_node(name),
        }
    }

    pub(super) fn range_table_ref(&mut self) -> Read<u32> {
        let outer = self.open("RANGETBLREF")?;
        let index = self.unsigned_field("rtindex")?;
        self.end(outer)?;
        Ok(index)
    }

    #[inline(never)]
    fn join_expr(&mut self) -> Read<Box<JoinExpr>> {
        let outer = self.open("JOINEXPR")?;
        let join_type = self.join_type_field("jointype")?;
        let natural = self.bool_field("isNatural")?;
        self.field("larg")?;
        let left = self.join_node()?;
        self.field("rarg")?;
        let right = self.join_node()?;
        let join = self.join_tail(join_type, natural, left, right)?;
        self.end(outer)?;
        Ok(join)
    }

    /// Apart from the sides, which nest, so that it stands on the stack once.
    #[inline(never)]
    fn join_tail(&mut self, join_type: JoinType, natural: bool, left: JoinNode, right: JoinNode) -> Read<Box<JoinExpr>> {
        let using = self.string_list_field("usingClause")?;
        self.optional_field("join_using_alias", Self::alias)?;
        let quals = self.optional_field("quals", Self::expr)?;
        self.optional_field("alias", Self::alias)?;
        let rt_index = self.unsigned_field("rtindex")?;
        Ok(Box::new(JoinExpr { join_type, natural, left, right, using, quals, rt_index }))
    }

    /// `JoinType` of `nodes.h`. The kinds from 4 on are the planner's.
    pub(super) fn join_type_field(&mut self, name: &'static str) -> Read<JoinType> {
        match self.int_field(name)? {
            0 => Ok(JoinType::Inner),
            1 => Ok(JoinType::Left),
            2 => Ok(JoinType::Full),
            3 => Ok(JoinType::Right),
            _ => self.bad_value("a kind of join that can be written"),
        }
    }
}
