"""The plausibility guard: were cents taken for dollars?

One rule: it answers only when both figures are large enough to compare and their ratio is *near* 100 or 0.01.
"""

from __future__ import annotations

from decimal import Decimal

# Discounts, free allowances and unpriced models move the ratio by a factor of a few, hardly ever by fifty.
_HUNDREDFOLD = (Decimal(50), Decimal(200))
_HUNDREDTH = (Decimal("0.005"), Decimal("0.02"))
# The smaller figure must reach ten cents. Below that an account with one cheap priced model and a dollar's worth of
# images would look like a unit mistake; at ten cents a real one shows as ten dollars, still early.
FLOOR = Decimal("0.10")


def implausible(billed: Decimal, estimated: Decimal) -> str | None:
    """One sentence when billed ÷ estimated looks like a mistaken unit. Hand in like with like: the same days,
    and only what was priced on both sides as far as that can be told.
    """
    if min(billed, estimated) < FLOOR:
        return None
    ratio = billed / estimated
    figures = f"billed ${billed:,.2f} against an estimate of ${estimated:,.2f}"
    if _HUNDREDFOLD[0] <= ratio <= _HUNDREDFOLD[1]:
        return f"{figures} is about 100 times too much: cents were probably taken for dollars"
    if _HUNDREDTH[0] <= ratio <= _HUNDREDTH[1]:
        return f"{figures} is about a hundredth of it: dollars were probably taken for cents"
    return None
