"""The page's style sheet, and the digest by which the browser knows that it is ours (CSP level 3, style-src hash)."""

import base64
import hashlib

STYLE = (
    ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#f5f6f8;--card:#fff;--faint:#57606a;--rule:#d0d7de;"
    "--good:#116329;--bad:#a40e26;--wait:#7a4d00;--link:#0550ae;--yes:#1a7f37;--no:#8c959f}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--card:#161b22;--faint:#9ba5b0;"
    "--rule:#30363d;--good:#56d364;--bad:#ff8f87;--wait:#e3b341;--link:#79c0ff;--yes:#3fb950;--no:#6e7681}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    'font:17px/1.5 system-ui,"Noto Sans CJK SC","Noto Sans SC","Microsoft YaHei",sans-serif}'
    "header,main,footer{max-width:52rem;margin:0 auto;padding:.6rem 1rem}"
    "header{display:flex;justify-content:space-between;color:var(--faint)}footer{color:var(--faint);font-size:.85rem}"
    "a{color:var(--link)}.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.3rem;background:var(--card)}"
    "section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:.9rem 1.1rem;margin:0 0 .9rem}"
    "h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:0 0 .5rem}p{margin:.2rem 0}"
    ".verdict{border-left:10px solid}.verdict.working{border-left-color:var(--good)}"
    ".verdict.waiting{border-left-color:var(--wait)}.verdict.attention{border-left-color:var(--bad)}"
    ".mark{display:inline-block;width:1.6em}.working .mark{color:var(--good)}.waiting .mark{color:var(--wait)}"
    ".attention .mark{color:var(--bad)}"
    "ul{margin:0;padding-left:1.2rem}li{margin:.25rem 0}.urgent strong{color:var(--bad)}.later strong{color:var(--wait)}"
    "table{width:100%;border-collapse:collapse}th,td{text-align:left;padding:.35rem .5rem .35rem 0;"
    "border-bottom:1px solid var(--rule);font-weight:normal}thead th{color:var(--faint);font-size:.85rem}"
    "td.good{color:var(--good)}td.bad{color:var(--bad)}.bars{vertical-align:-3px}.bar{fill:var(--ink)}"
    ".bar.off{fill:var(--rule)}.big{font-size:1.9rem}.big span{font-size:1rem;color:var(--faint)}"
    ".plot{width:100%;height:auto}.yes{fill:var(--yes);background:var(--yes)}.no{fill:var(--no);background:var(--no)}"
    ".axis{fill:var(--ink);font-size:13px;text-anchor:middle}.ground{stroke:var(--rule)}"
    ".legend{list-style:none;padding:0;display:flex;gap:1.2rem;font-size:.9rem}"
    ".key{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}"
    "dl{display:grid;grid-template-columns:minmax(9rem,auto) 1fr;gap:.3rem 1rem;margin:0}dt{color:var(--faint)}dd{margin:0}"
    "summary{cursor:pointer;color:var(--link)}details{margin:.4rem 0}"
    "@media(max-width:30rem){body{font-size:16px}td span{font-size:.85rem}h1{font-size:1.35rem}"
    ".axis{font-size:23px}tbody th{white-space:nowrap}}"
)
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
