"""Costs in the columns of FOCUS, the FinOps Open Cost and Usage Specification: docs/exports.md has the mapping.

One rule: what nobody billed is no BilledCost. An estimate stands in ListCost, ContractedCost and x_EstimatedCost.
"""

from __future__ import annotations

from exporter.store.export_columns import Column, Kind, hashed

SERVICES = {"openai": ("OpenAI", "OpenAI API", "Project"), "anthropic": ("Anthropic", "Claude API", "Workspace")}
"""Who sells it, what it is called, what its scopes are. Of others we know the provider's name alone."""

_ESTIMATED = "r.source IN ('priced_usage', 'request')"
_CREDIT = "r.amount_usd < 0"
_METERED = "r.source IN ('cost_api', 'priced_usage', 'request')"
_COUNTED = f"({_ESTIMATED} AND r.quantity > 0)"  # only an estimate is known to be of a quantity of ours
_MONTH = "date_trunc('month', r.date::timestamp)"


def _by_provider(place: int, other: str) -> str:
    cases = " ".join(f"WHEN '{provider}' THEN '{words[place]}'" for provider, words in SERVICES.items())
    return f"CASE r.provider {cases} ELSE {other} END"


def _unless_credit(sql: str) -> str:
    return f"CASE WHEN NOT {_CREDIT} THEN {sql} END"


def _usage_only(sql: str) -> str:
    return f"CASE WHEN NOT {_CREDIT} AND {_METERED} THEN {sql} END"


_BILLED = f"CASE WHEN {_ESTIMATED} THEN 0 ELSE r.amount_usd END"
_UNIT = "CASE WHEN r.unit = '' THEN 'Units' ELSE initcap(replace(r.unit, '_', ' ')) END"
_PRICED = f"CASE WHEN {_COUNTED} THEN r.quantity / CASE WHEN r.unit = 'tokens' THEN 1000000 ELSE 1 END ELSE 1 END"
_PRICE = _unless_credit(f"r.amount_usd / ({_PRICED})")
_SELLER = _by_provider(0, "r.provider")
_AI = "r.category = 'ai' OR r.provider IN ('openai', 'anthropic')"
_SKU = "coalesce(nullif(r.model, ''), nullif(r.meter, ''), r.report)"
_SCOPE = "nullif(r.scope, '')"
_HIDDEN = f"nullif({hashed('r.scope')}, '')"
_SKU_PRICE = f"concat_ws('/', {_SKU}, nullif(r.meter, ''), nullif(r.service_tier, ''))"
_DETAILS = (
    "nullif(jsonb_strip_nulls(jsonb_build_object('x_ModelId', nullif(r.model, ''),"
    " 'x_ServiceTier', nullif(r.service_tier, ''))), '{}')"
)


def _time(name: str, sql: str) -> Column:
    return Column(name, sql, Kind.TIME)


def _money(name: str, sql: str) -> Column:
    return Column(name, sql, Kind.DECIMAL)


def _text(name: str, sql: str, hidden: str = "") -> Column:
    return Column(name, sql, Kind.TEXT, hidden)


_COMMON = (
    _money("BilledCost", _BILLED),
    Column("BillingAccountId", "r.account"),
    _text("BillingAccountName", "coalesce(nullif(r.account_name, ''), r.account)"),
    Column("BillingAccountType", "'Organization'"),
    Column("BillingCurrency", "'USD'"),
    _time("BillingPeriodEnd", f"{_MONTH} + interval '1 month'"),
    _time("BillingPeriodStart", _MONTH),
    Column("ChargeCategory", f"CASE WHEN {_CREDIT} THEN 'Credit' WHEN {_METERED} THEN 'Usage' ELSE 'Purchase' END"),
    Column("ChargeClass", "NULL::text"),
    _text("ChargeDescription", f"concat_ws(' ', {_by_provider(1, 'r.provider')}, nullif(r.model, ''), r.meter)"),
    Column(
        "ChargeFrequency",
        f"CASE WHEN {_CREDIT} THEN 'One-Time' WHEN {_METERED} THEN 'Usage-Based' ELSE 'Recurring' END",
    ),
    _time("ChargePeriodEnd", "(r.date + 1)::timestamp"),
    _time("ChargePeriodStart", "r.date::timestamp"),
    _money("ConsumedQuantity", _usage_only(f"CASE WHEN {_COUNTED} THEN r.quantity ELSE 1 END")),
    _text("ConsumedUnit", _usage_only(f"CASE WHEN {_COUNTED} THEN {_UNIT} ELSE 'Units' END")),
    _money("ContractedCost", "r.amount_usd"),
    _money("ContractedUnitPrice", _PRICE),
    _money("EffectiveCost", _BILLED),
    Column("InvoiceId", "NULL::text"),
    Column("InvoiceIssuerName", _SELLER),
    _money("ListCost", "r.amount_usd"),
    _money("ListUnitPrice", _PRICE),
    Column("PricingCategory", _unless_credit("'Standard'")),
    Column("PricingCurrency", "'USD'"),
    _money("PricingCurrencyContractedUnitPrice", _PRICE),
    _money("PricingCurrencyEffectiveCost", _BILLED),
    _money("PricingCurrencyListUnitPrice", _PRICE),
    _money("PricingQuantity", _unless_credit(_PRICED)),
    _text(
        "PricingUnit",
        _unless_credit(
            f"CASE WHEN NOT {_COUNTED} THEN 'Units' WHEN r.unit = 'tokens' THEN '1000000 Tokens' ELSE {_UNIT} END"
        ),
    ),
    Column("ServiceCategory", f"CASE WHEN {_AI} THEN 'AI and Machine Learning' ELSE 'Other' END"),
    Column("ServiceName", _by_provider(1, "r.provider")),
    Column("ServiceSubcategory", f"CASE WHEN {_AI} THEN 'Generative AI' ELSE 'Other (Other)' END"),
    _text("SkuId", _unless_credit(_SKU)),
    _text("SkuMeter", _unless_credit("nullif(r.meter, '')")),
    Column("SkuPriceDetails", _unless_credit(_DETAILS), Kind.TAGS),
    _text("SkuPriceId", _unless_credit(_SKU_PRICE)),
    _text("SubAccountId", _SCOPE, _HIDDEN),
    _text("SubAccountName", f"coalesce(nullif(r.scope_name, ''), {_SCOPE})", _HIDDEN),
    Column("SubAccountType", f"CASE WHEN r.scope <> '' THEN {_by_provider(2, chr(39) + 'Project' + chr(39))} END"),
    Column("Tags", "CASE r.team WHEN '' THEN '{}' ELSE jsonb_build_object('team', r.team) END", Kind.TAGS),
)
_OWN = (
    Column("x_Confidence", "r.confidence"),
    _money("x_EstimatedCost", f"CASE WHEN {_ESTIMATED} THEN r.amount_usd ELSE 0 END"),
    Column("x_SourceKind", "r.source"),
    Column("x_SourceProvider", "r.provider"),
)
_NAMED = {
    # Usage measurement obliges to show this one, empty as it is.
    "1.2": (Column("CommitmentDiscountStatus", "NULL::text"), Column("ProviderName", _SELLER),
            Column("PublisherName", _SELLER)),
    "1.4": (Column("HostProviderName", _SELLER), Column("ServiceProviderName", _SELLER)),
}  # fmt: skip

FOCUS = {version: (*sorted((*_COMMON, *own)), *_OWN) for version, own in _NAMED.items()}
"""The columns of each version: by name, and ours last."""
