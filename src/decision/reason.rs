//! Reason codes: stable words that an agent, a test or a dashboard can match on.
//! They stand in the constraint field (`n`) of the ErrorResponse and in the ledger.

/// Why a statement was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Syntax,
    StatementNotAllowed,
    ReadingMismatch,
    Unreadable,
    UnknownRelation,
    RelationNotGranted,
    NoRule,
    UnboundedScan,
    PredicateNotImplied,
    ColumnNotGranted,
    ColumnHidden,
    FunctionNotAllowed,
    OperatorNotAllowed,
    TypeNotAllowed,
    ErrorLeak,
    ImpliedCode,
    CostBomb,
    TooComplex,
    InListTooLong,
    RangeTooWide,
    RowLimit,
    ResultTooLarge,
    SettingNotAllowed,
    NodeNotAllowed,
    CatalogueChanged,
    WitnessMismatch,
    UndefinedObject,
    TokenInvalid,
    TokenExpired,
    LedgerUnavailable,
    UpstreamUnavailable,
    Protocol,
    FeatureNotSupported,
    StatementFailed,
}

impl Reason {
    pub fn code(self) -> &'static str {
        match self {
            Reason::Syntax => "syntax",
            Reason::StatementNotAllowed => "statement_not_allowed",
            Reason::ReadingMismatch => "reading_mismatch",
            Reason::Unreadable => "unreadable",
            Reason::UnknownRelation => "unknown_relation",
            Reason::RelationNotGranted => "relation_not_granted",
            Reason::NoRule => "no_rule",
            Reason::UnboundedScan => "unbounded_scan",
            Reason::PredicateNotImplied => "predicate_not_implied",
            Reason::ColumnNotGranted => "column_not_granted",
            Reason::ColumnHidden => "column_hidden",
            Reason::FunctionNotAllowed => "function_not_allowed",
            Reason::OperatorNotAllowed => "operator_not_allowed",
            Reason::TypeNotAllowed => "type_not_allowed",
            Reason::ErrorLeak => "error_leak",
            Reason::ImpliedCode => "implied_code",
            Reason::CostBomb => "cost_bomb",
            Reason::TooComplex => "too_complex",
            Reason::InListTooLong => "in_list_too_long",
            Reason::RangeTooWide => "range_too_wide",
            Reason::RowLimit => "row_limit",
            Reason::ResultTooLarge => "result_too_large",
            Reason::SettingNotAllowed => "setting_not_allowed",
            Reason::NodeNotAllowed => "node_not_allowed",
            Reason::CatalogueChanged => "catalogue_changed",
            Reason::WitnessMismatch => "witness_mismatch",
            Reason::UndefinedObject => "undefined_object",
            Reason::TokenInvalid => "token_invalid",
            Reason::TokenExpired => "token_expired",
            Reason::LedgerUnavailable => "ledger_unavailable",
            Reason::UpstreamUnavailable => "upstream_unavailable",
            Reason::Protocol => "protocol",
            Reason::FeatureNotSupported => "feature_not_supported",
            Reason::StatementFailed => "statement_failed",
        }
    }

    /// The SQLSTATE that goes with the reason.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Reason::Syntax => "42601",
            Reason::UnknownRelation => "42501",
            Reason::StatementNotAllowed
            | Reason::ReadingMismatch
            | Reason::Unreadable
            | Reason::RelationNotGranted
            | Reason::NoRule
            | Reason::UnboundedScan
            | Reason::PredicateNotImplied
            | Reason::ColumnNotGranted
            | Reason::ColumnHidden
            | Reason::FunctionNotAllowed
            | Reason::OperatorNotAllowed
            | Reason::TypeNotAllowed
            | Reason::ErrorLeak
            | Reason::ImpliedCode
            | Reason::SettingNotAllowed
            | Reason::NodeNotAllowed
            | Reason::UndefinedObject => "42501",
            Reason::CostBomb
            | Reason::TooComplex
            | Reason::InListTooLong
            | Reason::RangeTooWide
            | Reason::RowLimit
            | Reason::ResultTooLarge => "53400",
            Reason::CatalogueChanged | Reason::WitnessMismatch => "40001",
            Reason::TokenInvalid | Reason::TokenExpired => "28000",
            Reason::LedgerUnavailable => "58030",
            Reason::UpstreamUnavailable => "08006",
            Reason::Protocol => "08P01",
            Reason::FeatureNotSupported => "0A000",
            Reason::StatementFailed => "XX000",
        }
    }
}
