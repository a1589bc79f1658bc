//! Queries, SELECTs, WITH, ORDER BY, windows.

use sqlparser::ast::{
    Cte, Distinct, Fetch, GroupByExpr, GroupByWithModifier, LimitClause, LockClause, NamedWindowDefinition, NamedWindowExpr,
    Offset, OrderBy, OrderByKind, Parens, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    SetOperator, SetQuantifier, Table, Values, WildcardAdditionalOptions, WindowFrame, WindowFrameBound, WindowSpec, With,
};

use super::{Walk, refuse_if, unknown_node};
use crate::decision::deny::Deny;

impl<'q> Walk<'q, '_> {
    pub(super) fn query(&mut self, query: &'q Query) -> Result<(), Deny> {
        let Query { with, body, order_by, limit_clause, fetch, locks, for_clause, settings, format_clause, pipe_operators } =
            query;
        refuse_if(for_clause.is_some(), "FOR XML, JSON or BROWSE")?;
        refuse_if(settings.is_some(), "SETTINGS")?;
        refuse_if(format_clause.is_some(), "FORMAT")?;
        refuse_if(!pipe_operators.is_empty(), "a pipe operator")?;
        if let Some(with) = with {
            self.with(with)?;
        }
        self.push_set(body);
        if let Some(order_by) = order_by {
            self.order_by(order_by)?;
        }
        if let Some(limit_clause) = limit_clause {
            self.limit(limit_clause)?;
        }
        if let Some(Fetch { with_ties: _, percent, quantity }) = fetch {
            refuse_if(*percent, "FETCH … PERCENT")?;
            self.push_exprs(quantity);
        }
        for lock in locks {
            self.lock(lock);
        }
        Ok(())
    }

    /// Without RECURSIVE a CTE sees those before it; with it, all of them.
    fn with(&mut self, with: &'q With) -> Result<(), Deny> {
        let With { with_token: _, recursive, cte_tables } = with;
        if *recursive {
            self.enter(cte_tables.iter().map(|cte| cte.alias.name.value.clone()).collect())?;
        }
        for cte in cte_tables {
            let Cte { alias, query, from, materialized: _, closing_paren_token: _ } = cte;
            refuse_if(from.is_some(), "FROM after a WITH query")?;
            self.alias(Some(alias))?;
            self.push_query(query);
            if !*recursive {
                self.enter(vec![alias.name.value.clone()])?;
            }
        }
        Ok(())
    }

    fn order_by(&mut self, order_by: &'q OrderBy) -> Result<(), Deny> {
        let OrderBy { kind, interpolate } = order_by;
        refuse_if(interpolate.is_some(), "INTERPOLATE")?;
        match kind {
            OrderByKind::All(_) => Err(unknown_node("ORDER BY ALL")),
            OrderByKind::Expressions(order) => self.push_order(order),
        }
    }

    fn limit(&mut self, limit: &'q LimitClause) -> Result<(), Deny> {
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                refuse_if(!limit_by.is_empty(), "LIMIT … BY")?;
                self.push_exprs(limit);
                if let Some(Offset { value, rows: _ }) = offset {
                    self.push_expr(value);
                }
                Ok(())
            }
            LimitClause::OffsetCommaLimit { .. } => Err(unknown_node("LIMIT offset, count")),
        }
    }

    /// The clause keeps no position of its own, so the first one of the statement is looked for among the tokens.
    fn lock(&mut self, lock: &'q LockClause) {
        let LockClause { lock_type: _, of: _, nonblock: _ } = lock;
        let strengths = ["update", "share", "no", "key"];
        let clause = self.tokens.windows(2).find(|pair| {
            pair[0].is_word(self.text, "for") && strengths.iter().any(|strength| pair[1].is_word(self.text, strength))
        });
        let position = clause.map_or_else(|| self.start(), |pair| pair[0].start);
        self.found.names.locking.get_or_insert(position);
    }

    pub(super) fn set_expr(&mut self, set: &'q SetExpr) -> Result<(), Deny> {
        match set {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => {
                self.push_query(query);
                Ok(())
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                match op {
                    SetOperator::Union | SetOperator::Except | SetOperator::Intersect => {}
                    SetOperator::Minus => return Err(unknown_node("MINUS")),
                }
                match set_quantifier {
                    SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => {}
                    SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                        return Err(unknown_node("UNION BY NAME"));
                    }
                }
                self.push_set(left);
                self.push_set(right);
                Ok(())
            }
            SetExpr::Values(Values { explicit_row, value_keyword, rows }) => {
                refuse_if(*explicit_row || *value_keyword, "VALUE or VALUES ROW")?;
                for Parens { opening_token: _, content, closing_token: _ } in rows {
                    self.push_exprs(content);
                }
                Ok(())
            }
            SetExpr::Table(table) => {
                let Table { table_name, schema_name } = table.as_ref();
                let name = table_name.as_ref().ok_or_else(|| unknown_node("TABLE without a name"))?;
                let first = schema_name.as_ref().unwrap_or(name);
                let position = self.position(first.span);
                self.add_relation(schema_name.as_ref().map(|schema| schema.value.clone()), name.value.clone(), position)
            }
            SetExpr::Insert(write) | SetExpr::Update(write) | SetExpr::Delete(write) | SetExpr::Merge(write) => self.write(write),
        }
    }

    fn select(&mut self, select: &'q Select) -> Result<(), Deny> {
        let Select {
            select_token,
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        refuse_if(select_modifiers.is_some(), "a modifier of SELECT")?;
        refuse_if(top.is_some(), "TOP")?;
        refuse_if(exclude.is_some(), "EXCLUDE")?;
        refuse_if(!lateral_views.is_empty(), "LATERAL VIEW")?;
        refuse_if(prewhere.is_some(), "PREWHERE")?;
        refuse_if(!connect_by.is_empty(), "CONNECT BY")?;
        refuse_if(!cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty(), "CLUSTER, DISTRIBUTE or SORT BY")?;
        refuse_if(qualify.is_some(), "QUALIFY")?;
        refuse_if(value_table_mode.is_some(), "AS STRUCT or AS VALUE")?;
        refuse_if(!matches!(flavor, SelectFlavor::Standard), "FROM before SELECT")?;
        if into.is_some() {
            self.found.into.get_or_insert(self.position(select_token.0.span));
        }
        match distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(exprs)) => self.push_exprs(exprs),
        }
        for item in projection {
            self.select_item(item)?;
        }
        for table in from {
            self.table_with_joins(table)?;
        }
        self.push_exprs(selection);
        self.group_by(group_by)?;
        self.push_exprs(having);
        for NamedWindowDefinition(_, definition) in named_window {
            match definition {
                NamedWindowExpr::NamedWindow(_) => return Err(unknown_node("WINDOW name AS name")),
                NamedWindowExpr::WindowSpec(spec) => self.window(spec)?,
            }
        }
        Ok(())
    }

    pub(super) fn select_item(&mut self, item: &'q SelectItem) -> Result<(), Deny> {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, alias: _ } => self.push_expr(expr),
            SelectItem::ExprWithAliases { .. } => return Err(unknown_node("several aliases of one expression")),
            SelectItem::QualifiedWildcard(kind, options) => {
                self.wildcard(options)?;
                match kind {
                    SelectItemQualifiedWildcardKind::ObjectName(_) => {}
                    SelectItemQualifiedWildcardKind::Expr(expr) => self.push_expr(expr),
                }
            }
            SelectItem::Wildcard(options) => self.wildcard(options)?,
        }
        Ok(())
    }

    pub(super) fn wildcard(&mut self, options: &'q WildcardAdditionalOptions) -> Result<(), Deny> {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let optioned = opt_ilike.is_some()
            || opt_exclude.is_some()
            || opt_except.is_some()
            || opt_replace.is_some()
            || opt_rename.is_some()
            || opt_alias.is_some();
        refuse_if(optioned, "an option after *")
    }

    fn group_by(&mut self, group_by: &'q GroupByExpr) -> Result<(), Deny> {
        let (exprs, modifiers) = match group_by {
            GroupByExpr::All(modifiers) => (&[][..], modifiers),
            GroupByExpr::Expressions(exprs, modifiers) => (exprs.as_slice(), modifiers),
        };
        refuse_if(matches!(group_by, GroupByExpr::All(_)), "GROUP BY ALL")?;
        self.push_exprs(exprs);
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::GroupingSets(expr) => self.push_expr(expr),
                GroupByWithModifier::Rollup | GroupByWithModifier::Cube | GroupByWithModifier::Totals => {
                    return Err(unknown_node("GROUP BY … WITH"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn window(&mut self, spec: &'q WindowSpec) -> Result<(), Deny> {
        let WindowSpec { window_name: _, partition_by, order_by, window_frame } = spec;
        self.push_exprs(partition_by);
        self.push_order(order_by)?;
        if let Some(WindowFrame { units: _, start_bound, end_bound }) = window_frame {
            for bound in std::iter::once(start_bound).chain(end_bound) {
                match bound {
                    WindowFrameBound::CurrentRow => {}
                    WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => self.push_boxed(offset),
                }
            }
        }
        Ok(())
    }
}
