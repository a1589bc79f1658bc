//! Facts of one scope, grouped: columns that are equal, with everything known of their one value.

use crate::catalogue::snapshot::BtreeRole;
use crate::shape::constant::Constant;
use crate::shape::model::{ArrayParam, Column, Fact, SourceId, Term};
use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
pub struct Class<'f> {
    pub columns: Vec<Column>,
    pub constants: Vec<&'f Constant>,
    pub not_distinct: Vec<&'f Constant>,
    pub lists: Vec<&'f [Constant]>,
    pub arrays: Vec<ArrayParam>,
    pub compares: Vec<Compare<'f>>,
    pub dependents: Vec<&'f BTreeSet<SourceId>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Compare<'f> {
    pub role: BtreeRole,
    pub constant: &'f Constant,
    pub of_date: bool,
}

/// The classes of a set of facts, by column.
pub struct Classes<'f> {
    parent: HashMap<Column, Column>,
    classes: HashMap<Column, Class<'f>>,
    pub never: bool,
}

impl<'f> Classes<'f> {
    pub fn of(facts: &[&'f Fact]) -> Self {
        let mut c = Classes { parent: HashMap::new(), classes: HashMap::new(), never: false };
        for fact in facts {
            match fact {
                Fact::Equal(Term::Column(a), Term::Column(b)) | Fact::Alias(a, b) => c.union(*a, *b),
                Fact::Never => c.never = true,
                Fact::Equal(..)
                | Fact::NotDistinct(..)
                | Fact::In(..)
                | Fact::InArray(..)
                | Fact::Compare { .. }
                | Fact::ParamIsNull(_)
                | Fact::Or(_) => {}
            }
        }
        let members: Vec<Column> = c.parent.keys().copied().collect();
        for m in members {
            let root = c.find(m);
            c.classes.entry(root).or_default().columns.push(m);
        }
        for fact in facts {
            match fact {
                Fact::Equal(Term::Column(a), other) | Fact::Equal(other, Term::Column(a)) => match other {
                    Term::Constant(k) => c.class(*a).constants.push(k),
                    Term::Dependent(sources) => c.class(*a).dependents.push(sources),
                    Term::Column(_) | Term::Unknown => {}
                },
                Fact::NotDistinct(a, k) => c.class(*a).not_distinct.push(k),
                Fact::In(a, list) => c.class(*a).lists.push(list),
                Fact::InArray(a, param) => c.class(*a).arrays.push(*param),
                Fact::Compare { column, role, constant, of_date } => {
                    c.class(*column).compares.push(Compare { role: *role, constant, of_date: *of_date });
                }
                Fact::Equal(..) | Fact::Alias(..) | Fact::ParamIsNull(_) | Fact::Never | Fact::Or(_) => {}
            }
        }
        c
    }

    pub fn get(&self, column: Column) -> Option<&Class<'f>> {
        self.classes.get(&self.root(column))
    }

    fn class(&mut self, column: Column) -> &mut Class<'f> {
        let root = self.find(column);
        let class = self.classes.entry(root).or_default();
        if class.columns.is_empty() {
            class.columns.push(column);
        }
        class
    }

    fn root(&self, column: Column) -> Column {
        let mut at = column;
        while let Some(&up) = self.parent.get(&at) {
            if up == at {
                break;
            }
            at = up;
        }
        at
    }

    fn find(&mut self, column: Column) -> Column {
        let root = self.root(column);
        self.parent.insert(column, root);
        root
    }

    fn union(&mut self, a: Column, b: Column) {
        let (a, b) = (self.find(a), self.find(b));
        self.parent.insert(a, b);
        self.parent.entry(b).or_insert(b);
    }
}
