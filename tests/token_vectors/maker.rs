//! Makes tokens, right and wrong, from text. It shares no code with the library, so that a slip in the one shows
//! against the other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

pub const BLOCK_LABEL: &[u8] = b"pgwarrant block v1\0";
pub const PROOF_LABEL: &[u8] = b"pgwarrant proof v1\0";

pub const NOW: i64 = 1_800_000_000;
pub const AUDIENCE: &str = "shop@pgwarrant";

pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A fixed key for a name: the vectors are the same whenever they are made.
pub fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(format!("pgwarrant test vector key: {name}")).into())
}

pub fn root_id(public: &[u8; 32]) -> [u8; 32] {
    Sha256::digest([b"pgwarrant root key v1\0".as_slice(), public].concat()).into()
}

fn block_id(parent: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::digest([b"pgwarrant block id v1\0".as_slice(), parent, bytes].concat()).into()
}

pub fn signature(label: &[u8], bytes: &[u8], signer: &SigningKey) -> Vec<u8> {
    signer.sign(&[label, bytes].concat()).to_bytes().to_vec()
}

/// JSON as pairs of raw text, so that it can be wrong in every way.
#[derive(Clone)]
pub struct Draft {
    fields: Vec<(String, String)>,
    padding: usize,
}

impl Draft {
    fn new(fields: &[(&str, String)]) -> Draft {
        let quoted = |(name, raw): &(&str, String)| (format!("\"{name}\""), raw.clone());
        Draft { fields: fields.iter().map(quoted).collect(), padding: 0 }
    }

    /// Sets the raw JSON of a field, at the end if it is new.
    pub fn with(mut self, name: &str, raw: impl Into<String>) -> Draft {
        let name = format!("\"{name}\"");
        match self.fields.iter_mut().find(|(field, _)| *field == name) {
            Some((_, value)) => *value = raw.into(),
            None => self.fields.push((name, raw.into())),
        }
        self
    }

    pub fn without(mut self, name: &str) -> Draft {
        self.fields.retain(|(field, _)| *field != format!("\"{name}\""));
        self
    }

    /// So many spaces before the closing brace.
    pub fn padded(mut self, padding: usize) -> Draft {
        self.padding = padding;
        self
    }

    /// Adds a member as it stands, even if its name is there already.
    pub fn also(mut self, raw_name: &str, raw: &str) -> Draft {
        self.fields.push((raw_name.to_owned(), raw.to_owned()));
        self
    }

    pub fn grants(self, grants: &[&str]) -> Draft {
        let list = serde_json::to_string(grants).unwrap();
        self.with("grants", list)
    }

    pub fn text(&self) -> String {
        let members: Vec<String> = self.fields.iter().map(|(name, raw)| format!("{name}:{raw}")).collect();
        format!("{{{}{}}}", members.join(","), " ".repeat(self.padding))
    }
}

pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub const PARENT_GRANTS: [&str; 3] = [
    "SELECT (id, name, email) ON public.customers WHERE tenant_id IN (7, 8) LIMIT 100",
    "SELECT (*) ON public.orders WHERE tenant_id = 7 AND placed_on BETWEEN '2026-01-01' AND '2026-12-31'",
    "EXECUTE ON FUNCTION public.order_total(integer)",
];

pub const CHILD_GRANT: &str = "SELECT (id, name) ON public.customers WHERE tenant_id = 7 LIMIT 10";

/// A block with all that it needs but its parent.
pub fn block(subject: &str) -> Draft {
    let key = quoted(&base64url(key(subject).verifying_key().as_bytes()));
    Draft::new(&[
        ("v", "1".into()),
        ("nonce", quoted(&base64url(&Sha256::digest(subject)[..16]))),
        ("key", key),
        ("sub", quoted(subject)),
        ("aud", quoted(AUDIENCE)),
        ("nbf", (NOW - 60).to_string()),
        ("exp", (NOW + 3600).to_string()),
        ("depth", "3".into()),
        ("grants", serde_json::to_string(&PARENT_GRANTS).unwrap()),
        ("statements", "1000".into()),
        ("rows", "\"unlimited\"".into()),
    ])
}

pub fn child(subject: &str) -> Draft {
    block(subject).with("depth", "2").grants(&[CHILD_GRANT])
}

pub fn proof() -> Draft {
    Draft::new(&[
        ("v", "1".into()),
        ("kind", quoted("sealed")),
        ("aud", quoted(AUDIENCE)),
        ("jti", quoted(&base64url(&[7; 16]))),
        ("nbf", NOW.to_string()),
        ("exp", (NOW + 3600).to_string()),
    ])
}

pub fn live() -> Draft {
    proof().with("kind", quoted("live")).with("exp", (NOW + 60).to_string())
}

/// A token being put together: its parts, and the id that the next part must name.
#[derive(Clone)]
pub struct Maker {
    pub segments: Vec<String>,
    pub last: [u8; 32],
}

impl Maker {
    /// Block 0, signed by a root.
    pub fn root(draft: Draft, root: &str) -> Maker {
        let id = root_id(key(root).verifying_key().as_bytes());
        Maker { segments: Vec::new(), last: id }.block_named("root", draft, root)
    }

    pub fn block(self, draft: Draft, signer: &str) -> Maker {
        self.block_named("parent", draft, signer)
    }

    fn block_named(self, field: &str, draft: Draft, signer: &str) -> Maker {
        // A draft that names a parent of its own keeps it.
        let names = draft.text().contains(&format!("\"{field}\":\""));
        let draft = if names { draft } else { draft.with(field, quoted(&base64url(&self.last))) };
        self.raw_block(draft.text().as_bytes(), &key(signer))
    }

    pub fn raw_block(mut self, bytes: &[u8], signer: &SigningKey) -> Maker {
        self.last = block_id(&self.last, bytes);
        self.part(bytes, &signature(BLOCK_LABEL, bytes, signer))
    }

    pub fn part(mut self, bytes: &[u8], signature: &[u8]) -> Maker {
        self.segments.extend([base64url(bytes), base64url(signature)]);
        self
    }

    pub fn proof_text(&self, draft: Draft) -> String {
        draft.with("chain", quoted(&base64url(&self.last))).text()
    }

    pub fn proof(self, draft: Draft, signer: &str) -> String {
        let text = self.proof_text(draft);
        let signature = signature(PROOF_LABEL, text.as_bytes(), &key(signer));
        self.part(text.as_bytes(), &signature).token()
    }

    pub fn token(&self) -> String {
        format!("pgw1.{}", self.segments.join("."))
    }
}

/// A chain of two blocks, without its proof.
pub fn two() -> Maker {
    Maker::root(block("planner"), "root").block(child("worker"), "planner")
}

/// A token of two blocks that is as it must be.
pub fn valid() -> String {
    two().proof(proof(), "worker")
}

/// A valid first block under a child of one's own making.
pub fn with_child(child: Draft) -> String {
    Maker::root(block("planner"), "root").block(child, "planner").proof(proof(), "worker")
}

/// One block, of one's own making.
pub fn with_root(draft: Draft) -> String {
    Maker::root(draft, "root").proof(proof(), "planner")
}

/// The same with a proof of one's own making.
pub fn with_proof(draft: Draft) -> String {
    two().proof(draft, "worker")
}
