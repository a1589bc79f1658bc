//! Leaves: columns, constants, parameters.

use super::super::reader::{Read, Reader};
use super::super::tree::{Const, Expr, ParamKind, Var};

/// A by-value datum is printed as the whole machine word.
const WORD: usize = 8;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn var(&mut self) -> Read<Expr> {
        let outer = self.begin("VAR")?;
        // Negative numbers are the planner's own (INNER_VAR and the like).
        let rel = self.unsigned_field("varno")?;
        let column = self.short_field("varattno")?;
        let type_oid = self.oid_field("vartype")?;
        let type_mod = self.int_field("vartypmod")?;
        let collation = self.oid_field("varcollid")?;
        if self.version.has_nulling_rels() {
            self.skip_bitmapset_field("varnullingrels")?;
        }
        let levels_up = self.unsigned_field("varlevelsup")?;
        if self.version.has_returning_old_new() {
            // OLD and NEW of RETURNING are not told apart in the tree, so they are not read.
            self.constant_int_field("varreturningtype", 0)?;
        }
        self.unsigned_field("varnosyn")?;
        self.short_field("varattnosyn")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Var(Var { rel, column, type_oid, type_mod, collation, levels_up, location }))
    }

    #[inline(never)]
    pub(super) fn constant(&mut self) -> Read<Expr> {
        let outer = self.begin("CONST")?;
        let type_oid = self.oid_field("consttype")?;
        let type_mod = self.int_field("consttypmod")?;
        let collation = self.oid_field("constcollid")?;
        let type_len = self.int_field("constlen")?;
        let by_value = self.bool_field("constbyval")?;
        let is_null = self.bool_field("constisnull")?;
        let location = self.location_field("location")?;
        self.field("constvalue")?;
        let datum = if is_null {
            if !self.null() {
                return self.not_empty();
            }
            None
        } else {
            Some(self.datum_of(type_len, by_value)?)
        };
        self.end(outer)?;
        Ok(Expr::Const(Const { type_oid, type_mod, collation, type_len, by_value, datum, location }))
    }

    /// `outDatum`: the length of the type or of the value, then as many bytes, or a whole word of a by-value type.
    fn datum_of(&mut self, type_len: i32, by_value: bool) -> Read<Vec<u8>> {
        let (length, bytes) = self.datum()?;
        let expected = if by_value { WORD } else { length as usize };
        let fixed = type_len < 0 || i64::from(length) == i64::from(type_len);
        if bytes.len() == expected && fixed { Ok(bytes) } else { self.bad_value("as many bytes as the datum has") }
    }

    #[inline(never)]
    pub(super) fn param(&mut self) -> Read<Expr> {
        let outer = self.begin("PARAM")?;
        let kind = match self.int_field("paramkind")? {
            0 => ParamKind::Extern,
            2 => ParamKind::Sublink,
            3 => ParamKind::MultiExpr,
            // 1, EXEC, is the planner's.
            _ => return self.bad_value("a kind of parameter"),
        };
        let id = self.unsigned_field("paramid")?;
        let type_oid = self.oid_field("paramtype")?;
        let type_mod = self.int_field("paramtypmod")?;
        let collation = self.oid_field("paramcollid")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Param { kind, id, type_oid, type_mod, collation, location })
    }
}
