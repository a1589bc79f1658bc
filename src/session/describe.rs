//! Descriptions that the proxy answers by itself, from what the certified statement showed.

use bytes::{BufMut, Bytes, BytesMut};

use super::failure::Failure;
use crate::wire::Oid;
use crate::wire::frontend::{Format, Formats};
use crate::wire::{backend, reply};

/// ParameterDescription with the agent's own parameters only: those of the template's literals are ours.
pub fn parameters(types: &[Oid], out: &mut BytesMut) {
    // At most 65,535 parameters fit the Parse that gave them.
    let _ = reply::parameter_description(out, types);
}

/// RowDescription, or NoData, from the body that the upstream gave for text formats.
/// `formats` are those of the portal; a statement is described as if all were text.
pub fn rows(description: Option<&Bytes>, formats: &Formats, out: &mut BytesMut) -> Result<(), Failure> {
    let Some(body) = description else {
        out.extend_from_slice(reply::NO_DATA);
        return Ok(());
    };
    let start = out.len();
    out.put_u8(b'T');
    // A body that came in a message goes out in one of the same length.
    out.put_u32(body.len() as u32 + 4);
    out.extend_from_slice(body);
    if *formats != Formats::All(Format::Text) {
        patch_formats(&mut out[start + 5..], formats)?;
    }
    Ok(())
}

/// Number of columns of a RowDescription's body.
pub fn columns(description: Option<&Bytes>) -> usize {
    description.and_then(|body| body.first_chunk::<2>()).map_or(0, |count| u16::from_be_bytes(*count).into())
}

/// Name, type and modifier of each column: what a client relies on. Whose column it is may change.
pub fn column_types(description: Option<&Bytes>) -> Option<Vec<(Bytes, Oid, i32)>> {
    let fields = backend::row_description(description?).ok()?;
    Some(fields.iter().map(|f| (Bytes::copy_from_slice(f.name), f.type_oid, f.type_modifier)).collect())
}

/// Result format codes must be none, one, or one a column (`PortalSetResultFormat`).
pub fn check_formats(formats: &Formats, columns: usize) -> Result<(), Failure> {
    match formats {
        Formats::Each(each) if each.len() != columns => {
            Err(Failure::new("08P01", format!("bind message has {} result formats but query has {columns} columns", each.len())))
        }
        Formats::Each(_) | Formats::All(_) => Ok(()),
    }
}

/// Writes each column's format code: the last two of the 18 bytes behind its name.
fn patch_formats(body: &mut [u8], formats: &Formats) -> Result<(), Failure> {
    let malformed = || Failure::new("XX000", "the server's row description is malformed");
    let count = body.first_chunk::<2>().map(|c| u16::from_be_bytes(*c)).ok_or_else(malformed)?;
    let mut at = 2;
    for column in 0..usize::from(count) {
        let name = body.get(at..).and_then(|rest| rest.iter().position(|b| *b == 0)).ok_or_else(malformed)?;
        at += name + 1 + 16;
        let code = body.get_mut(at..at + 2).ok_or_else(malformed)?;
        let format = formats.get(column).unwrap_or(Format::Text);
        code.copy_from_slice(&(format as i16).to_be_bytes());
        at += 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reply::Column;

    fn description(names: &[&str]) -> Bytes {
        let mut out = BytesMut::new();
        let columns: Vec<_> = names.iter().map(|n| Column::text(n)).collect();
        reply::row_description(&mut out, &columns).unwrap();
        out.freeze().slice(5..)
    }

    #[test]
    fn a_portals_formats_stand_in_its_description() {
        let body = description(&["a", "", "ccc"]);
        for (formats, want) in [
            (Formats::All(Format::Text), [0, 0, 0]),
            (Formats::All(Format::Binary), [1, 1, 1]),
            (Formats::Each(vec![Format::Text, Format::Binary, Format::Text]), [0, 1, 0]),
        ] {
            let mut out = BytesMut::new();
            rows(Some(&body), &formats, &mut out).unwrap();
            let sent = out.freeze().slice(5..);
            let found: Vec<i16> = backend::row_description(&sent).unwrap().iter().map(|f| f.format).collect();
            assert_eq!(found, want);
        }
    }

    #[test]
    fn a_wrong_number_of_formats_is_refused_as_postgres_does() {
        let formats = Formats::Each(vec![Format::Text, Format::Text]);
        assert_eq!(check_formats(&formats, 3).unwrap_err().sqlstate, "08P01");
        assert!(check_formats(&formats, 2).is_ok());
        assert!(check_formats(&Formats::All(Format::Binary), 3).is_ok());
        assert_eq!(columns(Some(&description(&["a", "b"]))), 2);
        assert_eq!(columns(None), 0);
    }
}
