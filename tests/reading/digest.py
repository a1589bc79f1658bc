"""What nodes.py sees in two trees, as sorted lines `NODE value value …`: the scalar fields that the typed tree keeps, node by node.

The Rust tests make the same lines from the typed tree. Both readers were written apart, so a field that one reads at the wrong place,
drops or invents shows as a difference.
"""
import sys
import nodes
sys.setrecursionlimit(4000)

def num(v): return str(int(v)) if v not in (b"true", b"false") else ("1" if v == b"true" else "0")
def less(by): return lambda v: str(int(v) - by)
def text(v): return "-" if v is None else "'" + unescaped(v).hex()
def text15(v): return "'" if v is None else text(v)
def unescaped(v):
    out, i = bytearray(), 0
    if v == b'""': return b""
    while i < len(v):
        if v[i] == 0x5c: i += 1; out.append(0x20 if v[i] == 0x0a else v[i])
        else: out.append(v[i])
        i += 1
    return bytes(out)
def texts(v): return "[" + " ".join(unescaped(x[1:-1]).hex() for x in v or []) + "]"
def nums(v): return "[" + " ".join(str(x) for x in v or []) + "]"
def columns(v): return "[" + " ".join(str(x - 7) for x in sorted(v)) + "]"
def char(v): return "0" if v is None else str(v[0])
def there(v): return "0" if v is None else "1"
def isnull(v): return "1" if int(v) == 0 else "0"
def boolop(v): return {b"and": "0", b"or": "1", b"not": "2"}[v]
def flip(v): return "1" if int(v) == 0 else "0"
def sublink(v): return v.decode()

def spec(words):
    return [(w, num) for w in words.split()]
OP = spec("opno opfuncid opresulttype opretset opcollid inputcollid location")
NODES = {
    "FROMEXPR": [], "CASEWHEN": [], "RANGETBLREF": spec("rtindex"),
    "JOINEXPR": [("jointype", num), ("isNatural", num), ("usingClause", texts), ("rtindex", num)],
    "TARGETENTRY": [("resno", num), ("resname", text)] + spec("ressortgroupref resorigtbl resorigcol resjunk"),
    "SORTGROUPCLAUSE": spec("tleSortGroupRef eqop sortop nulls_first hashable"),
    "WINDOWCLAUSE": spec("frameOptions startInRangeFunc endInRangeFunc inRangeColl winref"),
    "ROWMARKCLAUSE": spec("rti strength waitPolicy pushedDown"),
    "SETOPERATIONSTMT": [("op", less(1)), ("all", num), ("colTypes", nums), ("colCollations", nums)],
    "WITHCHECKOPTION": [("kind", num), ("relname", text), ("cascaded", num)],
    "ONCONFLICTEXPR": spec("action constraint exclRelIndex"),
    "TABLESAMPLECLAUSE": spec("tsmhandler"),
    "RANGETBLFUNCTION": [("funccolcount", num), ("funccoltypes", nums)],
    "COMMONTABLEEXPR": [("ctename", text), ("ctematerialized", num), ("search_clause", there), ("cycle_clause", there),
        ("cycle_clause", lambda v: "0" if v is None else num(v["cycle_mark_neop"])), ("cterecursive", num), ("cterefcount", num),
        ("ctecolnames", texts), ("ctecoltypes", nums)],
    "VAR": spec("varno varattno vartype vartypmod varcollid varlevelsup location"),
    "PARAM": spec("paramkind paramid paramtype paramtypmod paramcollid location"),
    "AGGREF": spec("aggfnoid aggtype aggcollid inputcollid aggstar agglevelsup location") + [("aggargtypes", nums)],
    "GROUPINGFUNC": spec("agglevelsup location"),
    "WINDOWFUNC": spec("winfnoid wintype wincollid inputcollid winref winstar winagg location"),
    "FUNCEXPR": spec("funcid funcresulttype funcretset funcvariadic funcformat funccollid inputcollid location"),
    "NAMEDARGEXPR": [("name", text), ("argnumber", num), ("location", num)],
    "OPEXPR": OP, "DISTINCTEXPR": OP, "NULLIFEXPR": OP,
    "SCALARARRAYOPEXPR": spec("opno opfuncid useOr inputcollid location"),
    "BOOLEXPR": [("boolop", boolop), ("location", num)],
    "NULLTEST": [("nulltesttype", isnull), ("argisrow", num), ("location", num)],
    "BOOLEANTEST": spec("booltesttype location"),
    "RELABELTYPE": spec("resulttype resulttypmod resultcollid relabelformat location"),
    "COERCEVIAIO": spec("resulttype resultcollid coerceformat location"),
    "ARRAYCOERCEEXPR": spec("resulttype resulttypmod resultcollid location"),
    "CONVERTROWTYPEEXPR": spec("resulttype location"),
    "COLLATEEXPR": spec("collOid location"),
    "COERCETODOMAIN": spec("resulttype resulttypmod resultcollid coercionformat location"),
    "SUBSCRIPTINGREF": spec("refcontainertype refelemtype refrestype reftypmod refcollid"),
    "FIELDSELECT": spec("fieldnum resulttype resultcollid"),
    "FIELDSTORE": [("resulttype", num), ("fieldnums", nums)],
    "ARRAYEXPR": spec("array_typeid element_typeid array_collid multidims location"),
    "ROWEXPR": [("row_typeid", num), ("row_format", num), ("colnames", texts), ("location", num)],
    "CASEEXPR": spec("casetype casecollid location"),
    "CASETESTEXPR": spec("typeId typeMod collation"),
    "COALESCEEXPR": spec("coalescetype coalescecollid location"),
    "MINMAXEXPR": spec("minmaxtype minmaxcollid inputcollid") + [("op", flip), ("location", num)],
    "SUBLINK": [("subLinkType", sublink), ("location", num)],
    "SQLVALUEFUNCTION": spec("op type typmod location"),
    "SETTODEFAULT": spec("typeId location"),
    "CURRENTOFEXPR": [("cvarno", num), ("cursor_name", text), ("cursor_param", num)],
    "NEXTVALUEEXPR": spec("seqid typeId"),
    "INFERENCEELEM": spec("infercollid inferopclass"),
    "RETURNINGEXPR": spec("retlevelsup retold"),
    "MERGESUPPORTFUNC": spec("msftype location"),
}
QUERY = spec("canSetTag") + [(None, "0")] + spec("resultRelation hasAggs hasWindowFuncs hasTargetSRFs hasSubLinks hasDistinctOn"
    " hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity mergeTargetRelation override groupDistinct limitOption")
KINDS = {
    0: [("relid", num), ("relkind", char), ("inh", num), ("rellockmode", num)],
    1: [("security_barrier", num), ("relid", num), ("relkind", char)],
    2: [("jointype", num), ("joinmergedcols", num), ("joinleftcols", nums), ("joinrightcols", nums)],
    3: spec("funcordinality"), 5: [("coltypes", nums)],
    6: [("ctename", text), ("ctelevelsup", num), ("self_reference", num), ("coltypes", nums)], 9: [],
}

def permission_line(n):
    return " ".join(["RTEPERMISSIONINFO", num(n["requiredPerms"]), num(n["checkAsUser"])] + [columns(n[f]) for f in ("selectedCols", "insertedCols", "updatedCols")])

class Digest:
    def __init__(s, version): s.version, s.lines = version, []
    def line(s, name, values): s.lines.append(" ".join([name] + values))
    def value(s, v, infos=None):
        if isinstance(v, nodes.Node): s.node(v, infos)
        elif type(v) is list:
            for x in v: s.value(x, infos)
    def node(s, n, infos):
        if n.name in ("ALIAS", "CTECYCLECLAUSE", "CTESEARCHCLAUSE", "RTEPERMISSIONINFO"): return
        if n.name == "QUERY":
            infos = n.get("rteperminfos") or []
            s.line("QUERY", [str(int(n["commandType"]) - 1)] + [num(n.get(f, b"0")) if f else as_is for f, as_is in QUERY])
        elif n.name == "RANGETBLENTRY": s.entry(n, infos)
        elif n.name == "CONST":
            datum = n["constvalue"]
            s.line("CONST", [num(n[f]) for f in "consttype consttypmod constcollid constlen constbyval location".split()] + ["-" if datum is None else "'" + datum.data.hex()])
        elif n.name == "GROUPINGSET":
            refs = n["content"] if isinstance(n["content"], nodes.IntList) else []
            s.line("GROUPINGSET", [num(n["kind"]), nums(refs)])
        elif n.name == "ROWCOMPAREEXPR":
            s.line(n.name, [num(n.get("cmptype") or n.get("rctype"))] + [nums(n[f]) for f in ("opnos", "opfamilies", "inputcollids")])
        elif n.name == "MERGEACTION":
            match = num(n["matchKind"]) if s.version >= 17 else ("0" if n["matched"] == b"true" else "2")
            s.line(n.name, [match, str(int(n["commandType"]) - 1), num(n["override"]), nums(n["updateColnos"])])
        else: s.line(n.name, [how(n[f]) for f, how in NODES[n.name]])
        for f, v in n.fields: s.value(v, infos)
    def entry(s, n, infos):
        kind = int(n["rtekind"])
        shown = [("0" if n.get(f) is None and f == "relid" else how(n.get(f))) for f, how in KINDS[kind]]
        eref = n["eref"]
        # A dropped column keeps its place as a null of no type.
        if kind == 2: s.lines += ["CONST 0 -1 0 0 1 -1 -"] * (n["joinaliasvars"] or []).count(None)
        s.line("RANGETBLENTRY", [(text15 if s.version == 15 else text)(eref["aliasname"]), texts(eref["colnames"]), num(n["lateral"]), num(n["inFromCl"]), str(kind)] + shown)
        if s.version == 15: permissions = n
        else: permissions = infos[int(n["perminfoindex"]) - 1] if int(n.get("perminfoindex", b"0")) else None
        if permissions is not None:
            line = permission_line(permissions)
            if kind == 0 or line != "RTEPERMISSIONINFO 0 0 [] [] []": s.lines.append(line)
        elif kind == 0: s.lines.append("RTEPERMISSIONINFO 0 0 [] [] []")

def of(version, analysed, rewritten):
    """Empty for what is not read."""
    try: return digest(version, analysed, rewritten)
    except (nodes.Unreadable, RecursionError, KeyError): return ""

def digest(version, analysed, rewritten):
    trees = nodes.parse(analysed) + [q for v in nodes.parse(rewritten) for q in (v or [])]
    if any(q["utilityStmt"] is not None for q in trees): return ""
    digest = Digest(version)
    for q in trees: digest.value(q)
    return "\n".join(sorted(digest.lines))
