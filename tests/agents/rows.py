"""How the rows of this directory are written down: see README.md."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent


class Rows:
    """Rows in the form of tests/corpus/README.md, numbered by class."""

    def __init__(self, kind):
        self.kind, self.rows, self.counts = kind, [], {}

    def __call__(self, cls, persona, sql, why, params=None, types=None, setup=None, **more):
        self.counts[cls] = self.counts.get(cls, 0) + 1
        row = {"id": "%s-%s-%03d" % (self.kind[0], cls, self.counts[cls]), "class": cls, "kind": self.kind, "persona": persona}
        if setup is not None:
            row["setup"] = setup
        row["sql"] = sql
        if params is not None:
            row["params"] = params
        if types is not None:
            row["types"] = types
        row.update(more)
        row["why"] = why
        self.rows.append(row)

    def write(self, name):
        (HERE / name).write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in self.rows))
        print(name, len(self.rows), self.counts)
