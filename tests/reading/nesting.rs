//! Deep trees, spliced from the captured `SELECT 1`.

use pgwarrant::reading::Version;

use super::fixtures::all;

/// The text of `SELECT 1` in one line, with a slot for what stands in place of the constant.
pub fn select_around(version: Version) -> (String, String, String) {
    let fixture = all(version).iter().find(|fixture| fixture.sql == "SELECT 1").unwrap();
    let text = String::from_utf8(fixture.analysed.clone()).unwrap().replace('\n', " ").trim_end().to_owned();
    let start = text.find("{CONST").unwrap();
    let end = start + text[start..].find('}').unwrap() + 1;
    (text[..start].to_owned(), text[start..end].to_owned(), text[end..].to_owned())
}

/// `levels` times `before … after` around `middle`.
fn around(before: &str, middle: &str, after: &str, levels: usize) -> String {
    format!("{}{middle}{}", before.repeat(levels), after.repeat(levels))
}

pub type Nest = fn(Version, usize) -> String;

pub const NESTS: [(&str, Nest); 10] = [
    ("null tests", |version, levels| {
        in_select(version, "{NULLTEST :arg ", " :nulltesttype 0 :argisrow false :location -1}", levels)
    }),
    ("connectives", |version, levels| in_select(version, "{BOOLEXPR :boolop not :args (", ") :location 7}", levels)),
    ("calls", |version, levels| {
        let before = "{OPEXPR :opno 551 :opfuncid 177 :opresulttype 23 :opretset false :opcollid 0 :inputcollid 0 :args (";
        in_select(version, before, ") :location 9}", levels)
    }),
    ("cases", |version, levels| {
        let before = "{CASEEXPR :casetype 23 :casecollid 0 :arg <> :args ({CASEWHEN :expr ";
        let after = " :result {CASETESTEXPR :typeId 23 :typeMod -1 :collation 0} :location 7}) :defresult <> :location 7}";
        in_select(version, before, after, levels.div_ceil(2))
    }),
    ("sub-selects", |version, levels| {
        let (head, constant, tail) = select_around(version);
        let before = format!("{head}{{SUBLINK :subLinkType 4 :subLinkId 0 :testexpr <> :operName <> :subselect ");
        around(&before, &format!("{head}{constant}{tail}"), &format!(" :location 7}}{tail}"), levels.div_ceil(3))
    }),
    ("derived tables", |version, levels| {
        let (head, constant, tail) = select_around(version);
        let innermost = format!("{head}{constant}{tail}");
        let (before, after) = innermost.split_once(":rtable <>").unwrap();
        let (kind, rest) = entry_around(version);
        let before = format!("{before}:rtable ({{RANGETBLENTRY {kind}:subquery ");
        around(&before, &innermost, &format!(" {rest}}}){after}"), levels.div_ceil(2))
    }),
    ("aggregates", |version, levels| {
        let presorted = if version == Version::V15 { "" } else { " :aggpresorted false" };
        let before = "{AGGREF :aggfnoid 2116 :aggtype 23 :aggcollid 0 :inputcollid 0 :aggtranstype 0 :aggargtypes (o 23) \
                      :aggdirectargs <> :args ({TARGETENTRY :expr ";
        let after = format!(
            " :resno 1 :resname <> :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}}) :aggorder <> :aggdistinct <> \
             :aggfilter <> :aggstar false :aggvariadic false :aggkind n{presorted} :agglevelsup 0 :aggsplit 0 :aggno -1 \
             :aggtransno -1 :location 7}}"
        );
        in_select(version, before, &after, levels.div_ceil(2))
    }),
    ("joins", |version, levels| {
        let before = "{JOINEXPR :jointype 0 :isNatural false :larg ";
        let after = " :rarg {RANGETBLREF :rtindex 1} :usingClause <> :join_using_alias <> :quals <> :alias <> :rtindex 0}";
        let joins = around(before, "{RANGETBLREF :rtindex 1}", after, levels);
        in_select(version, "", "", 0).replace(":fromlist <>", &format!(":fromlist ({joins})"))
    }),
    ("set operations", |version, levels| {
        let before = "{SETOPERATIONSTMT :op 1 :all true :larg ";
        let after = " :rarg {RANGETBLREF :rtindex 1} :colTypes (o 23) :colTypmods (i -1) :colCollations (o 0) :groupClauses <>}";
        let operations = around(before, "{RANGETBLREF :rtindex 1}", after, levels);
        in_select(version, "", "", 0).replace(":setOperations <>", &format!(":setOperations {operations}"))
    }),
    ("common table expressions", |version, levels| {
        let innermost = in_select(version, "", "", 0);
        let (head, tail) = innermost.split_once(":cteList <>").unwrap();
        let before = format!("{head}:cteList ({{COMMONTABLEEXPR :ctename a :aliascolnames <> :ctematerialized 0 :ctequery ");
        let after = format!(
            " :search_clause <> :cycle_clause <> :location 5 :cterecursive false :cterefcount 1 :ctecolnames (\"a\") \
             :ctecoltypes (o 23) :ctecoltypmods (i -1) :ctecolcollations (o 0)}}){tail}"
        );
        around(&before, &innermost, &after, levels.div_ceil(2))
    }),
];

fn in_select(version: Version, before: &str, after: &str, levels: usize) -> String {
    let (head, constant, tail) = select_around(version);
    format!("{head}{}{tail}", around(before, &constant, after, levels))
}

/// The fields of a subquery entry before and after its query.
fn entry_around(version: Version) -> (&'static str, &'static str) {
    let head = ":alias <> :eref {ALIAS :aliasname q :colnames <>} :rtekind 1 ";
    let tail = match version {
        Version::V15 => {
            ":security_barrier false :lateral false :inh false :inFromCl true :requiredPerms 0 :checkAsUser 0 \
             :selectedCols (b) :insertedCols (b) :updatedCols (b) :extraUpdatedCols (b) :securityQuals <>"
        }
        Version::V16 => {
            ":security_barrier false :relid 0 :relkind <> :rellockmode 0 :perminfoindex 0 :lateral false :inh false \
             :inFromCl true :securityQuals <>"
        }
        Version::V17 | Version::V18 => {
            ":security_barrier false :relid 0 :inh false :relkind <> :rellockmode 0 :perminfoindex 0 :lateral false \
             :inFromCl true :securityQuals <>"
        }
    };
    (head, tail)
}
