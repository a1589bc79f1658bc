//! Changes of type and collation.

use super::super::reader::{Read, Reader};
use super::super::tree::Expr;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn relabel_type(&mut self) -> Read<Expr> {
        let outer = self.begin("RELABELTYPE")?;
        let arg = self.boxed_field("arg")?;
        let result_type = self.oid_field("resulttype")?;
        let type_mod = self.int_field("resulttypmod")?;
        let collation = self.oid_field("resultcollid")?;
        let form = self.coercion_form_field("relabelformat")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Relabel { arg, result_type, type_mod, collation, form, location })
    }

    #[inline(never)]
    pub(super) fn coerce_via_io(&mut self) -> Read<Expr> {
        let outer = self.begin("COERCEVIAIO")?;
        let arg = self.boxed_field("arg")?;
        let result_type = self.oid_field("resulttype")?;
        let collation = self.oid_field("resultcollid")?;
        let form = self.coercion_form_field("coerceformat")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::CoerceViaIo { arg, result_type, collation, form, location })
    }

    #[inline(never)]
    pub(super) fn array_coerce(&mut self) -> Read<Expr> {
        let outer = self.begin("ARRAYCOERCEEXPR")?;
        let arg = self.boxed_field("arg")?;
        let element = self.boxed_field("elemexpr")?;
        let result_type = self.oid_field("resulttype")?;
        let type_mod = self.int_field("resulttypmod")?;
        let collation = self.oid_field("resultcollid")?;
        self.coercion_form_field("coerceformat")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::ArrayCoerce { arg, element, result_type, type_mod, collation, location })
    }

    #[inline(never)]
    pub(super) fn convert_rowtype(&mut self) -> Read<Expr> {
        let outer = self.begin("CONVERTROWTYPEEXPR")?;
        let arg = self.boxed_field("arg")?;
        let result_type = self.oid_field("resulttype")?;
        self.coercion_form_field("convertformat")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::ConvertRowtype { arg, result_type, location })
    }

    #[inline(never)]
    pub(super) fn coerce_to_domain(&mut self) -> Read<Expr> {
        let outer = self.begin("COERCETODOMAIN")?;
        let arg = self.boxed_field("arg")?;
        let result_type = self.oid_field("resulttype")?;
        let type_mod = self.int_field("resulttypmod")?;
        let collation = self.oid_field("resultcollid")?;
        let form = self.coercion_form_field("coercionformat")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::CoerceToDomain { arg, result_type, type_mod, collation, form, location })
    }

    #[inline(never)]
    pub(super) fn coerce_to_domain_value(&mut self) -> Read<Expr> {
        let outer = self.begin("COERCETODOMAINVALUE")?;
        let type_oid = self.oid_field("typeId")?;
        self.int_field("typeMod")?;
        let collation = self.oid_field("collation")?;
        self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::CoerceToDomainValue { type_oid, collation })
    }

    #[inline(never)]
    pub(super) fn collate(&mut self) -> Read<Expr> {
        let outer = self.begin("COLLATEEXPR")?;
        let arg = self.boxed_field("arg")?;
        let collation = self.oid_field("collOid")?;
        let location = self.location_field("location")?;
        self.end(outer)?;
        Ok(Expr::Collate { arg, collation, location })
    }
}
