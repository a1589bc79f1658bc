//! The lines of `digest.py`, from the typed tree.

use pgwarrant::reading::flat::{self, Item};
use pgwarrant::reading::tree::Trees;

pub fn digest(trees: &Trees) -> String {
    let mut lines: Vec<String> = Vec::new();
    // Scalars belong to the node before them until a list or another node begins.
    let mut open = false;
    for item in flat::trees(trees) {
        match item {
            Item::Node(name) => lines.push(name.to_owned()),
            Item::Const(constant) => lines.push(format!(
                "CONST {} {} {} {} {} {} {}",
                constant.type_oid,
                constant.type_mod,
                constant.collation,
                constant.type_len,
                u8::from(constant.by_value),
                location(constant.location),
                constant.datum.as_deref().map_or("-".into(), |datum| format!("'{}", hex(datum)))
            )),
            Item::Param(param) => lines.push(format!(
                "PARAM {} {} {} {} {} {}",
                param.kind as u8,
                param.id,
                param.type_oid,
                param.type_mod,
                param.collation,
                location(param.location)
            )),
            Item::List(_) => {}
            scalar if open => {
                let line = lines.last_mut().unwrap();
                line.push(' ');
                line.push_str(&shown(scalar));
            }
            scalar => panic!("{scalar:?} belongs to no node"),
        }
        open = match item {
            Item::Node(_) => true,
            Item::List(_) | Item::Const(_) | Item::Param(_) => false,
            _ => open,
        };
    }
    lines.sort();
    lines.join("\n")
}

fn shown(scalar: Item) -> String {
    match scalar {
        Item::Number(number) => number.to_string(),
        Item::Text(None) => "-".into(),
        Item::Text(Some(text)) => format!("'{}", hex(text.as_bytes())),
        Item::Texts(texts) => list(texts.iter().map(|text| hex(text.as_bytes()))),
        Item::Oids(oids) => list(oids.iter().map(u32::to_string)),
        Item::Ints(ints) => list(ints.iter().map(i32::to_string)),
        Item::Columns(columns) => list(columns.iter().map(i16::to_string)),
        Item::Location(at) => location(at),
        Item::Node(_) | Item::List(_) | Item::Const(_) | Item::Param(_) => unreachable!("no scalar"),
    }
}

fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(" "))
}

fn location(at: Option<u32>) -> String {
    at.map_or("-1".into(), |at| at.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
