//! Whole fields, name and value: those that are kept, and those that are only made sure of.

use super::reader::{Read, Reader};
use super::tree::{Location, Oid};

impl Reader<'_> {
    pub(super) fn int_field(&mut self, name: &'static str) -> Read<i32> {
        self.field(name)?;
        self.int()
    }

    pub(super) fn unsigned_field(&mut self, name: &'static str) -> Read<u32> {
        self.field(name)?;
        self.unsigned()
    }

    pub(super) fn short_field(&mut self, name: &'static str) -> Read<i16> {
        self.field(name)?;
        self.short()
    }

    pub(super) fn oid_field(&mut self, name: &'static str) -> Read<Oid> {
        self.unsigned_field(name)
    }

    pub(super) fn bool_field(&mut self, name: &'static str) -> Read<bool> {
        self.field(name)?;
        self.boolean()
    }

    pub(super) fn character_field(&mut self, name: &'static str) -> Read<u8> {
        self.field(name)?;
        self.character()
    }

    pub(super) fn string_field(&mut self, name: &'static str) -> Read<Option<String>> {
        self.field(name)?;
        self.string()
    }

    pub(super) fn name_field(&mut self, name: &'static str) -> Read<String> {
        self.field(name)?;
        self.name()
    }

    pub(super) fn location_field(&mut self, name: &'static str) -> Read<Location> {
        self.field(name)?;
        match self.int()? {
            -1 => Ok(None),
            at => match u32::try_from(at) {
                Ok(at) => Ok(Some(at)),
                Err(_) => self.bad_value("a location"),
            },
        }
    }

    pub(super) fn int_list_field(&mut self, name: &'static str) -> Read<Vec<i32>> {
        self.field(name)?;
        self.int_list()
    }

    pub(super) fn unsigned_list_field(&mut self, name: &'static str) -> Read<Vec<u32>> {
        self.field(name)?;
        self.unsigned_list()
    }

    pub(super) fn oid_list_field(&mut self, name: &'static str) -> Read<Vec<Oid>> {
        self.field(name)?;
        self.oid_list()
    }

    pub(super) fn string_list_field(&mut self, name: &'static str) -> Read<Vec<String>> {
        self.field(name)?;
        self.string_list()
    }

    pub(super) fn list_field<T>(&mut self, name: &'static str, element: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        self.field(name)?;
        self.list(element)
    }

    /// A node, or `None` for `<>`.
    pub(super) fn optional_field<T>(&mut self, name: &'static str, node: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        self.field(name)?;
        if self.null() { Ok(None) } else { node(self).map(Some) }
    }

    // --- fields that are consumed and not kept ---

    /// A pointer or list that only the planner or a rewritten utility fills.
    pub(super) fn empty_field(&mut self, name: &'static str) -> Read<()> {
        self.field(name)?;
        if self.null() { Ok(()) } else { self.not_empty() }
    }

    pub(super) fn empty_bitmapset_field(&mut self, name: &'static str) -> Read<()> {
        self.field(name)?;
        if self.bitmapset()?.is_empty() { Ok(()) } else { self.not_empty() }
    }

    pub(super) fn constant_int_field(&mut self, name: &'static str, value: i32) -> Read<()> {
        if self.int_field(name)? == value { Ok(()) } else { self.not_empty() }
    }

    pub(super) fn false_field(&mut self, name: &'static str) -> Read<()> {
        if self.bool_field(name)? { self.not_empty() } else { Ok(()) }
    }

    pub(super) fn skip_bitmapset_field(&mut self, name: &'static str) -> Read<()> {
        self.field(name)?;
        self.bitmapset().map(drop)
    }
}
