//! One test for each way in which a tree text can lead a reader astray, named after it.

use pgwarrant::reading::flat::{self, Item};
use pgwarrant::reading::tree::{Const, Expr, JoinNode, OpKind, Query, RteKind, Trees};
use pgwarrant::reading::{self, MAX_BYTES, Unreadable, Version};

use super::fixtures::{Fixture, VERSIONS, fixture};

fn read(fixture: &Fixture, version: Version) -> Trees {
    reading::read(version, &fixture.analysed, &fixture.rewritten).unwrap()
}

/// The analysed text in one line, to change it by hand.
fn text(version: Version, name: &str) -> String {
    String::from_utf8(fixture(version, name).analysed.clone()).unwrap().replace('\n', " ").trim_end().to_owned()
}

fn constants(query: &Query) -> Vec<Const> {
    let constant = |item: Item| if let Item::Const(constant) = item { Some(constant.clone()) } else { None };
    flat::query(query).into_iter().filter_map(constant).collect()
}

fn constant_at(version: Version, name: &str, literal: &str) -> Option<Const> {
    let fixture = fixture(version, name);
    let at = fixture.sql.find(literal).unwrap() as u32;
    constants(&read(fixture, version).analysed).into_iter().find(|constant| constant.location == Some(at))
}

fn word(value: i64) -> Option<Vec<u8>> {
    Some(value.to_le_bytes().to_vec())
}

#[test]
fn braces_forged_by_a_cut_inside_an_escape_are_refused() {
    for version in VERSIONS {
        let fixture = fixture(version, "forged-braces");
        assert!(String::from_utf8_lossy(&fixture.analysed).contains("\\}\\\n}\\}"), "the cut forges a brace");
        assert_eq!(reading::read_analysed(version, &fixture.analysed).map(drop), Err(Unreadable::CutToken));
        assert_eq!(reading::read_rewritten(version, &fixture.rewritten).map(drop), Err(Unreadable::CutToken));
    }
}

#[test]
fn braces_forged_among_newlines_of_a_name_are_refused_though_every_line_is_short() {
    for version in VERSIONS {
        let fixture = fixture(version, "forged-braces-among-newlines");
        let text = String::from_utf8_lossy(&fixture.analysed);
        let (_, cut) = text.split_once(":resname").unwrap();
        assert!(cut.contains("\\\n}\\}"), "the cut forges a brace");
        assert!(cut.lines().take(4).all(|line| line.len() < 78), "and no line shows it");
        assert_eq!(reading::read_analysed(version, &fixture.analysed).map(drop), Err(Unreadable::CutToken));
    }
}

#[test]
fn honest_names_of_full_length_are_no_cuts() {
    for version in VERSIONS {
        for (name, length) in [("long-honest-name", 63), ("long-name-of-spaces", 63), ("long-name-of-multibyte", 63)] {
            let trees = read(fixture(version, name), version);
            assert_eq!(trees.analysed.target_list[0].name.as_ref().map(String::len), Some(length), "{version:?} {name}");
        }
    }
}

#[test]
fn an_alias_that_looks_like_a_field_is_an_alias() {
    for version in VERSIONS {
        let query = read(fixture(version, "odd-relation-alias"), version).analysed;
        let names: Vec<&str> = query.range_table.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, [":relid", "<>", "a\\", "{"], "{version:?}");
        let relids: Vec<u32> = query
            .range_table
            .iter()
            .map(|entry| match &entry.kind {
                RteKind::Relation { relid, .. } => *relid,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(relids.iter().all(|relid| *relid == relids[0] && *relid > 16_384), "{version:?} {relids:?}");
    }
}

#[test]
fn odd_column_names_come_back_whole() {
    let expected =
        ["weird } name", ":relid", "{}", "<>", "1", "a b", "back\\slash", "tab\tx", "{QUERY", "(", "\"q\"", "-5", "+", "<x", ":"];
    for version in VERSIONS {
        let query = read(fixture(version, "odd-names"), version).analysed;
        let names: Vec<&str> = query.target_list.iter().filter_map(|target| target.name.as_deref()).collect();
        assert_eq!(names, expected, "{version:?}");
    }
}

#[test]
fn a_field_out_of_its_place_is_refused_by_name() {
    for version in VERSIONS {
        let text = text(version, "exists");
        let cases = [
            (":hasAggs false :hasWindowFuncs false", ":hasWindowFuncs false :hasAggs false", "hasAggs"),
            (":hasAggs false ", "", "hasAggs"),
            (":hasAggs false ", ":hasAggs false :hasAggs false ", "hasWindowFuncs"),
            (":hasAggs false ", ":hasAggs false :surprise 1 ", "hasWindowFuncs"),
        ];
        for (found, changed, expected) in cases {
            let changed = text.replacen(found, changed, 1);
            assert_ne!(changed, text, "{found}");
            let read = reading::read_analysed(version, changed.as_bytes()).map(drop);
            assert_eq!(read, Err(Unreadable::Unexpected { node: "QUERY", expected }), "{version:?} {found}");
        }
    }
}

#[test]
fn a_field_has_exactly_one_value() {
    for version in VERSIONS {
        for (found, changed) in [(":relkind r", ":relkind r r"), (":relkind r", ":relkind"), (":rtindex 1}", ":rtindex 1 }")] {
            let text = text(version, "exists");
            let changed = text.replacen(found, changed, 1);
            assert_ne!(changed, text);
            assert!(reading::read_analysed(version, changed.as_bytes()).is_err(), "{version:?} {found}");
        }
    }
}

#[test]
fn what_only_the_planner_fills_is_refused_when_filled() {
    let cases = [
        ("in-list", ":hashfuncid 0", ":hashfuncid 65", "SCALARARRAYOPEXPR", "hashfuncid"),
        ("aggregates", ":aggsplit 0", ":aggsplit 9", "AGGREF", "aggsplit"),
        ("aggregates", ":aggtranstype 0", ":aggtranstype 20", "AGGREF", "aggtranstype"),
        ("window", ":runCondition <>", ":runCondition ({CONST})", "", "runCondition"),
        ("generate-series", ":funcparams (b)", ":funcparams (b 1)", "RANGETBLFUNCTION", "funcparams"),
    ];
    for version in VERSIONS {
        for (name, found, changed, node, field) in cases {
            let text = text(version, name);
            let changed = text.replacen(found, changed, 1);
            assert_ne!(changed, text, "{version:?} {name} {found}");
            match reading::read_analysed(version, changed.as_bytes()) {
                Err(Unreadable::NotEmpty { node: by, field: at }) => {
                    assert!(node.is_empty() || node == by, "{by}");
                    assert_eq!(field, at);
                }
                other => panic!("{version:?} {name}: {:?}", other.map(drop)),
            }
        }
    }
}

#[test]
fn the_text_of_another_version_is_refused() {
    for version in VERSIONS {
        for other in VERSIONS.into_iter().filter(|other| *other != version) {
            // 16 to 18 differ in what this statement has: MERGE fields, sort clauses, variables.
            let fixture = fixture(version, "group-having");
            assert!(reading::read(other, &fixture.analysed, &fixture.rewritten).is_err(), "{version:?} read as {other:?}");
        }
    }
}

#[test]
fn a_missing_second_tree_is_no_empty_one() {
    for version in VERSIONS {
        let honest = fixture(version, "exists");
        assert!(reading::read(version, &honest.analysed, b"").is_err());
        assert!(reading::read(version, b"", &honest.rewritten).is_err());
        assert!(reading::read(version, &honest.rewritten, &honest.analysed).is_err(), "the two are not interchangeable");
        let nothing = fixture(version, "rule-nothing");
        assert_eq!(read(nothing, version).rewritten, [], "DO INSTEAD NOTHING");
        assert_eq!(read(fixture(version, "rule-conditional"), version).rewritten.len(), 2);
    }
}

#[test]
fn a_truncated_text_is_refused_wherever_it_ends() {
    for version in VERSIONS {
        for name in ["exists", "odd-names", "window-frames"] {
            let text = fixture(version, name).analysed.trim_ascii_end();
            for end in (0..text.len()).step_by(17).chain(text.len() - 60..text.len()) {
                assert!(reading::read_analysed(version, &text[..end]).is_err(), "{version:?} {name} up to {end}");
            }
            assert!(reading::read_analysed(version, text).is_ok());
        }
    }
}

#[test]
fn bytes_behind_the_tree_are_refused() {
    for version in VERSIONS {
        let honest = text(version, "exists");
        for tail in [" ", "x", "}", " <>", "\n\n", &format!(" {honest}")] {
            let read = reading::read_analysed(version, format!("{honest}{tail}").as_bytes()).map(drop);
            assert_eq!(read, Err(Unreadable::TrailingText), "{version:?} {tail:.20}");
        }
        assert!(reading::read_analysed(version, format!("{honest}\n").as_bytes()).is_ok());
    }
}

#[test]
fn a_huge_text_is_refused_before_it_is_read() {
    let text = vec![b' '; MAX_BYTES + 1];
    assert_eq!(reading::read(Version::V18, &text, &text), Err(Unreadable::TooLong));
}

#[test]
fn a_permission_entry_must_belong_to_one_range_table_entry() {
    for version in [Version::V16, Version::V17, Version::V18] {
        let text = text(version, "only");
        let permissions = |found: &str, changed: &str| {
            let changed = text.replacen(found, changed, 1);
            assert_ne!(changed, text);
            reading::read_analysed(version, changed.as_bytes()).map(drop)
        };
        let wrong = |index| Err(Unreadable::Permissions { index });
        assert_eq!(permissions(":perminfoindex 1", ":perminfoindex 2"), wrong(2), "{version:?}: none there");
        assert_eq!(permissions(":perminfoindex 1", ":perminfoindex 0"), wrong(1), "{version:?}: nobody's");
        assert_eq!(permissions("{RTEPERMISSIONINFO :relid ", "{RTEPERMISSIONINFO :relid 9"), wrong(1), "{version:?}: another's");
    }
}

#[test]
fn permissions_are_the_same_on_every_version() {
    for version in VERSIONS {
        let query = read(fixture(version, "system-columns"), version).analysed;
        let permissions = query.range_table[0].permissions.as_ref().unwrap();
        assert_eq!((permissions.required, permissions.check_as_user), (2, 0));
        assert_eq!(permissions.selected.iter().copied().collect::<Vec<_>>(), [-6, -2, -1], "tableoid, xmin, ctid");
        let whole = read(fixture(version, "join-whole-row"), version).analysed;
        let selected = &whole.range_table[0].permissions.as_ref().unwrap().selected;
        assert_eq!(selected.iter().copied().collect::<Vec<_>>(), [0], "a whole row");
        // A view's entry keeps its permissions apart from those of the tables that it reads as its owner.
        let view = &read(fixture(version, "view-unprivileged"), version).rewritten[0];
        let owner_reads = flat::query(view).iter().filter(|item| matches!(item, Item::Node("RTEPERMISSIONINFO"))).count();
        assert!(owner_reads >= 4, "{version:?} {owner_reads}");
    }
}

#[test]
fn constants_that_postgres_merged_are_one_constant() {
    for version in VERSIONS {
        let query = read(fixture(version, "group-constant-merged"), version).analysed;
        let merged: Vec<Const> = constants(&query).into_iter().filter(|constant| constant.type_oid == 25).collect();
        assert_eq!(merged.len(), 1, "{version:?} {merged:?}");
    }
}

#[test]
fn negative_numbers_are_folded_at_the_minus_with_the_type_of_the_whole() {
    for version in VERSIONS {
        let at = |literal| constant_at(version, "negative-edges", literal);
        let edge4 = at("-2147483648").unwrap();
        assert_eq!((edge4.type_oid, edge4.datum), (23, word(-2_147_483_648)), "{version:?} int4");
        let edge8 = at("-9223372036854775808").unwrap();
        assert_eq!((edge8.type_oid, edge8.datum), (20, word(i64::MIN)), "{version:?} int8");
        assert_eq!(at("2147483648 OR price").unwrap().type_oid, 20);
        assert_eq!(at("- 7").unwrap().datum, word(-7));
        assert_eq!(at("9223372036854775808 OR id = -(1)").unwrap().type_oid, 1700, "numeric");
        assert_eq!(at("5 OR id = - 7"), None, "nothing stands where the digits stand");
    }
}

#[test]
fn in_with_one_element_is_a_plain_operator() {
    for version in VERSIONS {
        let query = read(fixture(version, "in-list-of-one"), version).analysed;
        let quals = query.join_tree.unwrap().quals.unwrap();
        let Expr::Bool { args, .. } = quals else { panic!("{quals:?}") };
        assert!(args.iter().all(|arg| matches!(arg, Expr::Op { kind: OpKind::Op, .. })), "{version:?} {args:?}");
    }
}

#[test]
fn between_symmetric_shows_each_bound_twice() {
    for version in VERSIONS {
        let fixture = fixture(version, "between");
        let at = fixture.sql.find("5 AND 2").unwrap() as u32;
        let query = read(fixture, version).analysed;
        assert_eq!(constants(&query).iter().filter(|constant| constant.location == Some(at)).count(), 2);
    }
}

#[test]
fn type_modifiers_have_no_constant_of_their_own() {
    for version in VERSIONS {
        assert_eq!(constant_at(version, "casts", "10), price"), None, "varchar(10)");
        assert_eq!(constant_at(version, "casts", "6,1"), None, "numeric(6,1)");
        assert_eq!(constant_at(version, "casts-interval", "3) '1.23456 s'"), None, "interval(3)");
    }
}

#[test]
fn the_field_of_extract_is_a_constant_where_no_literal_is() {
    for version in VERSIONS {
        let year = constant_at(version, "extract-and-sql-syntax", "year FROM born").unwrap();
        assert_eq!(year.type_oid, 25);
        assert!(year.datum.unwrap().ends_with(b"year"));
    }
}

#[test]
fn join_trees_lead_to_their_relations() {
    for version in VERSIONS {
        let query = read(fixture(version, "join-nested"), version).analysed;
        let from = query.join_tree.unwrap().from;
        let [JoinNode::Join(join)] = &from[..] else { panic!("{from:?}") };
        assert!(matches!(join.left, JoinNode::Ref(1)), "{version:?}");
        let JoinNode::Join(inner) = &join.right else { panic!("{:?}", join.right) };
        assert_eq!(inner.using, ["id"]);
        assert!(inner.rt_index > 0 && join.rt_index > inner.rt_index);
    }
}

#[test]
fn placeholders_of_a_view_are_not_in_the_from_clause() {
    let query = &read(fixture(Version::V15, "view"), Version::V15).rewritten[0];
    let RteKind::Subquery { query: body, .. } = &query.range_table[0].kind else { panic!("the view became its query") };
    let placeholders: Vec<&str> =
        body.range_table.iter().filter(|entry| !entry.in_from_clause).map(|entry| entry.name.as_str()).collect();
    assert_eq!(placeholders, ["old", "new"]);
    let query = &read(fixture(Version::V18, "view"), Version::V18).rewritten[0];
    assert!(matches!(query.range_table[0].kind, RteKind::Subquery { view_relid: 16_385.., view_relkind: b'v', .. }));
}

#[test]
fn a_dropped_column_keeps_its_place_among_the_columns_of_a_join() {
    for version in VERSIONS {
        let query = &read(fixture(version, "view-over-dropped-column"), version).rewritten[0];
        let RteKind::Subquery { query: view, .. } = &query.range_table[0].kind else { panic!("the view became its query") };
        let joins = view.range_table.iter().filter_map(|entry| match &entry.kind {
            RteKind::Join { alias_vars, .. } => Some(alias_vars),
            _ => None,
        });
        let dropped: Vec<Vec<bool>> = joins
            .map(|vars| vars.iter().map(|var| matches!(var, Expr::Const(Const { type_oid: 0, datum: None, .. }))).collect())
            .collect();
        assert_eq!(dropped, [vec![false, true, false, false]], "{version:?}");
    }
}
