//! `tenant_id = 7` in other words. Some of them say less than they seem to, or something else.

use super::{Care, Generator};
use rand::Rng;

/// They say it, each in a way that a proof may know.
const PLAIN: [&str; 6] = ["@ = 7", "7 = @", "@ IN (7)", "@ = ANY (ARRAY[7])", "@ = ANY ('{7}')", "@ BETWEEN 7 AND 7"];

const BORDER: [&str; 68] = [
    "@ IN (7, 8)",
    "@ IN (7, NULL)",
    "@ = ANY ('{7, 8}')",
    "@ = ANY ('{7, NULL}')",
    "@ = ANY (ARRAY[[7], [8]])",
    "@ >= 7 AND @ <= 7",
    "@ > 6 AND @ < 8",
    "@ >= 7",
    "@ BETWEEN 7 AND 8",
    "@ BETWEEN SYMMETRIC 8 AND 6 AND @ <> 8",
    "NOT (@ <> 7)",
    "NOT (@ <> 7 OR @ IS NULL)",
    "NOT (@ = 7)",
    "NOT (@ NOT IN (7, NULL))",
    "NOT (NOT (@ = 7))",
    "@ IS NOT DISTINCT FROM 7",
    "NOT (@ IS DISTINCT FROM 7)",
    "(@ = 7) IS TRUE",
    "(@ = 7) IS NOT FALSE",
    "(@ = 7) IS NOT UNKNOWN",
    "(@ = 7) IS NOT NULL",
    "(@ = 7) = true",
    "(@ = 7) <> false",
    "(@ = 7) = (@ = 7)",
    "(@ <> 7) IS FALSE",
    "@ = 7::bigint",
    "@::bigint = 7",
    "@::smallint = 7",
    "@ = 7.0",
    "@::text = '7'",
    "@ = '7'",
    "@ = (SELECT 7)",
    "@ = (SELECT 7 WHERE false)",
    "@ IN (SELECT 7)",
    "@ IN (SELECT unnest(ARRAY[7]))",
    "@ IN (SELECT generate_series(7, 7))",
    "@ IN (VALUES (7))",
    "@ IN (VALUES (7), (8))",
    "@ NOT IN (VALUES (8))",
    "(@, 1) = (7, 1)",
    "(@, 1) IN ((7, 1), (8, 2))",
    "(@, 0) <= (7, 0)",
    "(@, 1) <> (8, 1)",
    "CASE WHEN @ = 7 THEN true ELSE false END",
    "CASE WHEN @ = 7 THEN true END",
    "CASE @ WHEN 8 THEN false ELSE true END",
    "CASE WHEN @ <> 7 THEN NULL ELSE @ = 7 END",
    "coalesce(@ = 7, false)",
    "coalesce(@ = 7, true)",
    "coalesce(NULL, @) = 7",
    "coalesce(@, 7) = 7",
    "nullif(@, 8) = 7",
    "nullif(@ = 7, false)",
    "(@ = 7 OR false)",
    "(@ = 7 OR @ = 7)",
    "(@ = 7 OR NULL)",
    "(@ = 7 OR 1 = 0)",
    "(@ = 7 OR 'a' = 'b')",
    "((@ = 7 OR @ = 8) AND @ <> 8)",
    "(@ = 8 AND @ = 7 OR @ = 7)",
    "@ = 7 + 0",
    "@ = ALL (ARRAY[7])",
    "@ = ALL ('{}'::int[])",
    "@ <> ALL (ARRAY[8])",
    "@ = least(7, 8)",
    "greatest(@, 7) = 7",
    "EXISTS (SELECT 1 WHERE @ = 7)",
    "EXISTS (SELECT 1 FROM (VALUES (7)) AS v (n) WHERE v.n = @)",
];

impl Generator {
    pub(super) fn pin(&mut self, column: &str) -> String {
        let text = match (self.care, self.rng.gen_range(0..10)) {
            (Care::Proper, 0..=7) => PLAIN[0],
            (Care::Proper, _) | (_, 0 | 1) => self.pick(&PLAIN),
            (_, 2..=4) => PLAIN[0],
            (_, 5) => "@ = 8",
            _ => self.pick(&BORDER),
        };
        text.replace('@', column)
    }
}
