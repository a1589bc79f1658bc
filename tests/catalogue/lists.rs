//! The vetted names, by class. `name` covers every overload, `name(argument types)` one and wins over the name.
//!
//! *Total* means: raises no error on any stored value of its argument types. Left aside: running out of memory, a result
//! over 1 GB, what a collation does not support, and `date_trunc` in 4714 BC (docs/functions.md).

/// Never raises.
pub const TOTAL: &str = r#"
# text
textcat textanycat anytextcat concat concat_ws lower upper initcap length(text) length(character) textlen
length(bytea) bytea(smallint) bytea(integer) bytea(bigint) char_length character_length octet_length bit_length btrim ltrim rtrim left right reverse strpos position(text, text)
position(bytea, bytea) replace translate ascii md5 sha224 sha256 sha384 sha512 starts_with to_hex
substr(text, integer) substring(text, integer) substr(bytea, integer) substring(bytea, integer)
quote_ident quote_literal quote_nullable string_to_array(text, text) string_to_array(text, text, text)
text_pattern_lt text_pattern_le text_pattern_ge text_pattern_gt
bpchar_pattern_lt bpchar_pattern_le bpchar_pattern_ge bpchar_pattern_gt byteacat bit_count
# casts that lose nothing or cut silently
text(name) text(character) text("char") text(boolean) text(inet) name(text) name(character) name(character varying)
bpchar(name) bpchar("char") varchar(name) char(text) bool(integer)
int4(smallint) int4(boolean) int4("char") int8(integer) int8(smallint) int8(oid)
float4(smallint) float4(integer) float4(bigint) float8(smallint) float8(integer) float8(bigint) float8(real)
numeric(real) numeric(double precision) numeric(integer) numeric(bigint) numeric(smallint) cidr(inet) macaddr8(macaddr) interval(time without time zone)
# booleans and null counting
num_nulls num_nonnulls
# integers: what cannot overflow
int2and int2or int2xor int2not int2shl int2shr int2up int4and int4or int4xor int4not int4shl int4shr int4up
int8and int8or int8xor int8not int8shl int8shr int8up
# floats and numerics: sign only, and rounding of floats
float4abs float4um float4up float8abs float8um float8up abs(real) abs(double precision) sign
ceil(double precision) ceiling(double precision) floor(double precision) round(double precision)
trunc(double precision) dround dtrunc numeric_abs numeric_uminus numeric_uplus abs(numeric) scale min_scale trim_scale pi
# jsonb: validated when stored (json is not total: ->> of \u0000 raises)
jsonb_object_field jsonb_object_field_text jsonb_array_element jsonb_array_element_text jsonb_extract_path
jsonb_extract_path_text jsonb_contains jsonb_contained jsonb_exists jsonb_exists_any jsonb_exists_all jsonb_typeof
jsonb_pretty json_typeof
# arrays
array_length array_ndims array_lower array_upper array_dims cardinality arraycontains arraycontained arrayoverlap
array_to_string unnest(anyarray) unnest(anymultirange)
# date and time
now clock_timestamp statement_timestamp transaction_timestamp isfinite date(timestamp without time zone)
date(timestamp with time zone) time(timestamp without time zone)
uuid_extract_timestamp uuid_extract_version gen_random_uuid uuidv4 uuidv7() random()
# ranges
isempty lower_inc upper_inc lower_inf upper_inf
range_contains range_contained_by range_contains_elem elem_contained_by_range range_overlaps range_before range_after
range_overleft range_overright range_adjacent range_contains_multirange range_contained_by_multirange
multirange_contains_elem elem_contained_by_multirange multirange_contains_range multirange_contains_multirange
multirange_contained_by_range multirange_contained_by_multirange range_overlaps_multirange multirange_overlaps_range
multirange_overlaps_multirange range_before_multirange multirange_before_range multirange_before_multirange
range_after_multirange multirange_after_range multirange_after_multirange
# text search
ts_match_vq ts_match_qv numnode strip length(tsvector) tsq_mcontains tsq_mcontained
# network
host family masklen network netmask hostmask broadcast abbrev inet_same_family
network_sub network_subeq network_sup network_supeq network_overlap
# aggregates and window functions
count min max bool_and bool_or every any_value bit_and(smallint) bit_and(integer) bit_and(bigint)
bit_or(smallint) bit_or(integer) bit_or(bigint) bit_xor(smallint) bit_xor(integer) bit_xor(bigint)
row_number rank() dense_rank() percent_rank() cume_dist() lag lead first_value last_value
# the session's own
version current_database current_schema current_schemas current_user session_user getpgusername pg_typeof
pg_client_encoding getdatabaseencoding pg_size_pretty(bigint)
"#;

/// Vetted, but can raise.
pub const PARTIAL: &str = r#"
# text and bytes
split_part overlay format string_agg chr unistr normalize is_normalized casefold parse_ident to_ascii
convert convert_from convert_to encode decode length(bytea, name) get_byte set_byte get_bit set_bit
like_escape bytealike byteanlike like(bytea, bytea) notlike(bytea, bytea) similar_escape similar_to_escape
regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
regexp_split_to_table regexp_substr substring(text, text) substring(text, text, text) string_to_table
substr(bytea, integer, integer) substring(bytea, integer, integer) to_bin to_oct
# casts
int2 int4 int8 float4 float8 numeric bool(jsonb) char(integer) varchar(character varying, integer, boolean)
bpchar(character, integer, boolean) oid(bigint) money bytea
bit varbit macaddr(macaddr8) xid(xid8)
# arithmetic
int2pl int2mi int2mul int2div int2mod int2um int2abs int4pl int4mi int4mul int4div int4mod int4um int4abs
int8pl int8mi int8mul int8div int8mod int8um int8abs
int24pl int24mi int24mul int24div int28pl int28mi int28mul int28div int42pl int42mi int42mul int42div
int48pl int48mi int48mul int48div int82pl int82mi int82mul int82div int84pl int84mi int84mul int84div
float4pl float4mi float4mul float4div float8pl float8mi float8mul float8div
float48pl float48mi float48mul float48div float84pl float84mi float84mul float84div
numeric_add numeric_sub numeric_mul numeric_div numeric_mod numeric_div_trunc numeric_sqrt numeric_exp numeric_ln numeric_log
abs mod div gcd lcm ceil ceiling floor round trunc(numeric) trunc(numeric, integer) sqrt cbrt exp ln log log10
power(double precision, double precision) pow(double precision, double precision) dpow dsqrt dcbrt dexp dlog1 dlog10
degrees radians sin cos tan cot asin acos atan atan2 sinh cosh tanh asinh acosh atanh
sind cosd tand cotd asind acosd atand atan2d erf erfc gamma lgamma width_bucket
cash_pl cash_mi cash_mul_int2 cash_mul_int4 cash_mul_int8 cash_mul_flt4 cash_mul_flt8 cash_div_int2 cash_div_int4
cash_div_int8 cash_div_flt4 cash_div_flt8 cash_div_cash int2_mul_cash int4_mul_cash int8_mul_cash flt4_mul_cash flt8_mul_cash
bitand bitor bitxor bitnot bitcat bitshiftleft bitshiftright length(bit) substring(bit, integer) substring(bit, integer, integer)
position(bit, bit) overlay(bit, bit, integer) overlay(bit, bit, integer, integer)
random(integer, integer) random(bigint, bigint) random(numeric, numeric)
# to and from text
to_char to_date to_number to_timestamp
# json
json_object_field json_object_field_text json_array_element json_array_element_text json_extract_path
json_extract_path_text json_array_length json_array_elements json_array_elements_text json_each json_each_text
json_object_keys json_strip_nulls json_object json_build_array json_build_object to_json row_to_json array_to_json
jsonb_array_length jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys
jsonb_strip_nulls jsonb_object jsonb_build_array jsonb_build_object to_jsonb jsonb_concat jsonb_delete jsonb_delete_path
jsonb_set jsonb_set_lax jsonb_insert json_agg jsonb_agg json_agg_strict jsonb_agg_strict json_object_agg jsonb_object_agg
json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict
jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
jsonb_path_exists jsonb_path_exists_opr jsonb_path_match jsonb_path_match_opr jsonb_path_query jsonb_path_query_array
jsonb_path_query_first jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_tz jsonb_path_query_array_tz
jsonb_path_query_first_tz
# arrays
array_append array_prepend array_cat array_position array_positions array_remove array_replace array_agg trim_array
array_reverse array_sort generate_subscripts generate_series
# date and time
age(timestamp without time zone) age(timestamp with time zone)
age(timestamp without time zone, timestamp without time zone) age(timestamp with time zone, timestamp with time zone)
date_mi date_pli date_mii integer_pl_date date_pl_interval date_mi_interval date_add date_subtract date_bin
date_trunc(text, timestamp with time zone, text) date_trunc(text, interval)
date_part extract(text, time without time zone) extract(text, time with time zone) extract(text, interval)
datetime_pl datetimetz_pl timedate_pl timetzdate_pl interval_pl_date interval_pl_time interval_pl_timestamp
interval_pl_timestamptz interval_pl_timetz interval_pl interval_mi interval_mul mul_d_interval interval_div interval_um
justify_days justify_hours justify_interval interval(interval, integer)
timestamp timestamptz time timetz timestamp_mi timestamp_mi_interval timestamp_pl_interval timestamptz_mi
timestamptz_mi_interval timestamptz_pl_interval time_mi_interval time_mi_time time_pl_interval timetz_mi_interval
timetz_pl_interval timezone overlaps make_date make_interval make_time make_timestamp make_timestamptz uuidv7(interval)
# enums, ranges
enum_first enum_last enum_range int4range int8range numrange daterange tsrange tstzrange range_union range_intersect
range_minus range_merge range_agg range_intersect_agg multirange int4multirange int8multirange nummultirange datemultirange
tsmultirange tstzmultirange multirange_union multirange_intersect multirange_minus range_adjacent_multirange
multirange_adjacent_range multirange_adjacent_multirange range_overleft_multirange multirange_overleft_range
multirange_overleft_multirange range_overright_multirange multirange_overright_range multirange_overright_multirange
record_eq record_ne record_lt record_le record_gt record_ge
# text search; a configuration may name dictionaries, so it must be the server's own
to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline setweight
ts_delete ts_filter tsvector_concat tsvector_to_array array_to_tsvector tsquery_and tsquery_or tsquery_not tsquery_phrase
ts_match_tt ts_match_tq querytree ts_rewrite(tsquery, tsquery, tsquery) unnest(tsvector)
jsonb_to_tsvector(jsonb, jsonb) jsonb_to_tsvector(regconfig, jsonb, jsonb)
# network
set_masklen inet_merge inetand inetor inetnot inetpl inetmi inetmi_int8 int8pl_inet
# aggregates and window functions
sum avg stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp
regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
bit_and(bit) bit_or(bit) bit_xor(bit) mode percentile_cont percentile_disc rank dense_rank percent_rank cume_dist
ntile nth_value in_range
max(record) min(record) pg_size_pretty(numeric) pg_size_bytes pg_collation_for pg_column_size
"#;

/// Allowed only over the filtered catalogue views: what they tell is of the object that a row of the view names.
pub const INTROSPECTION: &str = r#"
pg_table_is_visible pg_type_is_visible pg_function_is_visible pg_operator_is_visible pg_opclass_is_visible
pg_opfamily_is_visible pg_collation_is_visible pg_conversion_is_visible pg_ts_config_is_visible pg_ts_dict_is_visible
pg_ts_parser_is_visible pg_ts_template_is_visible pg_statistics_obj_is_visible
format_type pg_get_userbyid obj_description col_description shobj_description
pg_get_expr pg_get_constraintdef pg_get_indexdef pg_get_partkeydef
pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result
pg_encoding_to_char pg_char_to_encoding oidvectortypes pg_options_to_table
pg_relation_is_updatable pg_column_is_updatable pg_index_column_has_property pg_index_has_property pg_indexam_has_property
information_schema._pg_expandarray information_schema._pg_index_position information_schema._pg_truetypid
information_schema._pg_truetypmod information_schema._pg_char_max_length information_schema._pg_char_octet_length
information_schema._pg_numeric_precision information_schema._pg_numeric_precision_radix
information_schema._pg_numeric_scale information_schema._pg_datetime_precision information_schema._pg_interval_type
"#;

/// The argument at the index (0-based) must be a constant of at most 10,000.
pub const CAPPED: &[(&str, u8)] = &[("repeat lpad rpad", 1)];

/// Total when the argument at the index is a constant that the named check admits, partial otherwise.
pub const CONSTANT: &[(&str, &str)] = &[
    (
        "textlike textnlike texticlike texticnlike namelike namenlike nameiclike nameicnlike bpcharlike bpcharnlike \
         bpchariclike bpcharicnlike like(text, text) like(name, text) notlike(text, text) notlike(name, text)",
        "1:like_pattern",
    ),
    (
        "textregexeq textregexne texticregexeq texticregexne nameregexeq nameregexne nameicregexeq nameicregexne \
         bpcharregexeq bpcharregexne bpcharicregexeq bpcharicregexne",
        "1:regex",
    ),
    ("substr(text, integer, integer) substring(text, integer, integer)", "2:not_negative"),
    ("date_trunc(text, timestamp without time zone) date_trunc(text, timestamp with time zone)", "0:trunc_field"),
    (
        "extract(text, timestamp without time zone) extract(text, timestamp with time zone) \
         date_part(text, timestamp without time zone) date_part(text, timestamp with time zone)",
        "0:timestamp_field",
    ),
    ("extract(text, date)", "0:date_field"),
];

/// The only volatile functions that are vetted: a clock, and chance. None of them pins anything.
pub const VOLATILE: &[&str] = &["clock_timestamp", "random", "gen_random_uuid", "uuidv4", "uuidv7"];

/// Why the rest is refused; `*` is any run of characters. The first that fits.
pub const REFUSED: &[(&str, &str)] = &[
    ("large objects", "lo_* loread lowrite"),
    ("advisory locks", "pg_advisory_* pg_try_advisory_*"),
    ("waits", "pg_sleep*"),
    ("sequences", "nextval setval currval lastval pg_sequence_* pg_get_sequence_data pg_nextoid pg_get_serial_sequence"),
    (
        "settings belong to the session: use SET and SHOW",
        "set_config current_setting pg_show_all_settings pg_settings_get_flags setseed",
    ),
    (
        "runs SQL or reads a table that a string names",
        "query_to_xml* table_to_xml* schema_to_xml* database_to_xml* cursor_to_xml* ts_stat ts_rewrite currtid2",
    ),
    (
        "reads files or the server's configuration",
        "pg_ls_* pg_read_* pg_stat_file pg_current_logfile pg_relation_file* pg_filenode_relation pg_hba_* pg_ident_* \
         pg_show_all_file_settings pg_config pg_conf_load_time pg_control_* pg_tablespace_location pg_extension_update_paths \
         pg_available_* pg_get_loaded_modules",
    ),
    ("tells what exists and who may use it", "has_* pg_has_role row_security_active acl* makeaclitem pg_get_acl"),
    ("names an object in a string", "to_reg* regclass pg_get_object_address pg_input_*"),
    (
        "shows a definition",
        "pg_get_*def pg_get_*def_* pg_get_function_* pg_get_partition_* pg_describe_object pg_identify_object*",
    ),
    ("statistics of other sessions and tables", "pg_stat_* pg_mcv_list_items pg_lock_status pg_cursor pg_prepared_*"),
    ("sizes of tables", "*_size pg_column_toast_chunk_id pg_column_compression"),
    (
        "transaction identifiers",
        "txid_* pg_snapshot_* pg_current_snapshot pg_current_xact_* pg_visible_in_snapshot pg_xact_* pg_last_* mxid_age age pg_export_snapshot pg_get_multixact_members",
    ),
    (
        "administers the server",
        "pg_cancel_* pg_terminate_* pg_log_* pg_reload_* pg_rotate_* pg_promote pg_switch_* pg_backup_* pg_wal* pg_create_* pg_is_wal_* \
         pg_current_wal_* pg_notify pg_notification_* pg_listening_* pg_clear_* pg_restore_* brin_* gin_clean_* pg_import_* \
         pg_replication_* pg_logical_* pg_drop_* pg_copy_* pg_sync_* pg_get_wal_* pg_get_shmem_* pg_get_backend_* \
         pg_get_replication_* pg_show_replication_* pg_event_trigger_* pg_extension_config_dump pg_stop_* pg_available_wal_* \
         binary_upgrade_* pg_blocking_pids pg_safe_snapshot_* pg_isolation_* pg_backend_pid pg_get_aios pg_split_walfile_name",
    ),
    ("where the server is", "inet_server_* inet_client_* pg_postmaster_* system_user"),
    ("runs the checks of a row type's domains", "*_populate_record* *_to_record*"),
    ("cost grows with its argument", "array_fill factorial power pow numeric_power"),
    ("XML is not vetted", "xml* xpath* *_xml"),
    (
        "hashes and comparison support",
        "hash* bt* *cmp *_cmp *_hash *_hash_extended *_larger *_smaller *larger *smaller *_subdiff *_canonical",
    ),
    (
        "support function of an aggregate or type",
        "*_accum *_accum_inv *_avg *_sum *_combine *_transfn *_statefunc *send *_send float8_* *typmodin int8inc* int8dec* numeric_inc int4inc *_validator",
    ),
    (
        "geometric functions are not vetted",
        "box* circle* path* lseg* line* point* poly* dist_* close_* inter_* on_* pt_* area center diagonal diameter height width radius slope npoints isclosed isopen ishorizontal isvertical isparallel isperp pclose popen bound_box",
    ),
];
