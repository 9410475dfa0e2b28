"""The one style sheet: light and dark, wide and narrow. System fonts, nothing fetched."""

STYLE = """
:root { color-scheme: light dark; --page: #fff; --card: #f6f7f9; --ink: #1b1f24; --quiet: #5b6470; --line: #dfe3e8;
  --link: #0b57d0; --good: #0b6b3a; --good-bg: #e0f4e8; --wait: #7a4b00; --wait-bg: #fdf0d5; --bad: #a81d1d;
  --bad-bg: #fde7e7; --bar: #2f6fde; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --card: #1d2127; --ink: #e6e9ed; --quiet: #9aa4b0;
  --line: #323942; --link: #8ab4f8; --good: #7bdca4; --good-bg: #133524; --wait: #f5c469; --wait-bg: #3a2c0c;
  --bad: #ff9c95; --bad-bg: #431b1b; --bar: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.5rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .5rem 2rem; padding-bottom: 1rem;
  border-bottom: 1px solid var(--line); }
h1 { margin: 0 auto 0 0; font-size: 1.5rem; letter-spacing: -.01em; }
h2 { margin: 2rem 0 .75rem; font-size: 1.125rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
a { color: var(--link); text-underline-offset: .2em; padding: .25rem 0; }
a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 2px; }
code { font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--card);
  padding: .1em .35em; border-radius: 4px; overflow-wrap: anywhere; }
.state { margin: 1.25rem 0 0; padding: .75rem 1rem; border-radius: 8px; }
.good { color: var(--good); background: var(--good-bg); }
.wait { color: var(--wait); background: var(--wait-bg); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .75rem 1rem .75rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { padding-block: .5rem; color: var(--quiet); font-size: .8125rem; font-weight: 500; }
tbody th { font-weight: 600; overflow-wrap: anywhere; max-width: 26rem; }
td { white-space: nowrap; }
time small { display: block; }
small, .quiet, .provider { color: var(--quiet); font-weight: 400; }
small { font-size: .8125rem; }
.error { margin: .25rem 0 0; color: var(--bad); font-size: .875rem; font-weight: 400; }
.badge { display: inline-block; padding: .0625rem .625rem; border-radius: 1rem; font-size: .8125rem; font-weight: 500; }
.badge.ok { color: var(--good); background: var(--good-bg); }
.badge.waiting, .badge.disabled { color: var(--quiet); background: var(--card); }
.badge.retrying { color: var(--wait); background: var(--wait-bg); }
.badge.stopped { color: var(--bad); background: var(--bad-bg); }
progress { width: 6rem; height: .5rem; margin-right: .25rem; accent-color: var(--bar); }
.empty { padding: 1.25rem 1.5rem; border: 1px dashed var(--line); border-radius: 8px; }
.empty p { margin: 0 0 .5rem; }
.empty ol { margin: 0; padding-left: 1.25rem; }
dl { margin: 0; }
dt { padding-top: .75rem; border-top: 1px solid var(--line); }
dt code { background: none; padding: 0; font-weight: 600; }
dd { margin: .125rem 0 .75rem; }
dd p { margin: .375rem 0 0; }
@media (max-width: 46rem) {
  body { padding: 1.25rem 1rem 3rem; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr { display: block; padding: .75rem 0; border-bottom: 1px solid var(--line); }
  .cards th, .cards td { display: block; max-width: none; padding: .125rem 0; border: 0; white-space: normal; }
  .cards td { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; text-align: right; }
  .cards td::before { content: attr(data-label); color: var(--quiet); font-size: .875rem; }
}
"""
