//! `SETOPERATIONSTMT`: UNION, INTERSECT, EXCEPT.

use super::reader::{Read, Reader, unknown_node};
use super::tree::{SetOpKind, SetOpNode, SetOperation};

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn set_operation(&mut self) -> Read<SetOperation> {
        let outer = self.open("SETOPERATIONSTMT")?;
        let kind = match self.int_field("op")? {
            1 => SetOpKind::Union,
            2 => SetOpKind::Intersect,
            3 => SetOpKind::Except,
            _ => return self.bad_value("a set operation"),
        };
        let all = self.bool_field("all")?;
        self.field("larg")?;
        let left = self.set_operation_node()?;
        self.field("rarg")?;
        let right = self.set_operation_node()?;
        let column_types = self.oid_list_field("colTypes")?;
        self.int_list_field("colTypmods")?;
        let column_collations = self.oid_list_field("colCollations")?;
        let group_clauses = self.list_field("groupClauses", Self::sort_group_clause)?;
        self.end(outer)?;
        Ok(SetOperation { kind, all, left, right, column_types, column_collations, group_clauses })
    }

    #[inline(never)]
    fn set_operation_node(&mut self) -> Read<SetOpNode> {
        match self.peek_node_name() {
            b"RANGETBLREF" => Ok(SetOpNode::Ref(self.range_table_ref()?)),
            b"SETOPERATIONSTMT" => Ok(SetOpNode::Op(Box::new(self.set_operation()?))),
            name => unknown_node(name),
        }
    }
}
