# SPDX-License-Identifier: Apache-2.0
# Records of page speed analyses, made up: jq -n --argjson urls N --arg run ID --argjson worse 0|1 -f pagespeed.jq
def noise($n): (($n * 7919 + 104729) * 31 % 9973) / 9973;
def band($v; $good; $poor): if $v <= $good then "FAST" elif $v <= $poor then "AVERAGE" else "SLOW" end;
def metric($v; $good; $poor): {p75: $v, category: band($v; $good; $poor), good: 0.71, needs_improvement: 0.19, poor: 0.10};
def field($scope; $x; $slow):
    (1400 + 2600 * $x + $slow * 900 | floor) as $lcp | (90 + 260 * $x | floor) as $inp | (($x * 22 | floor) / 100) as $cls
    | {scope: $scope, category: band($lcp; 2500; 4000), lcp_ms: metric($lcp; 2500; 4000), inp_ms: metric($inp; 200; 500), cls: metric($cls; 0.1; 0.25),
       fcp_ms: metric($lcp - 500; 1800; 3000), ttfb_ms: (if $x > 0.5 then null else metric(400 + 500 * $x | floor; 800; 1800) end)};
def savings($x): [
    {id: "unused-javascript", title: "Reduce unused JavaScript", ms: (900 * $x | floor), bytes: (240000 * $x | floor)},
    {id: "render-blocking-insight", title: "Render blocking requests", ms: (600 * $x | floor), bytes: null},
    {id: "modern-image-formats", title: "Serve images in next-gen formats", ms: (1200 * $x | floor), bytes: (900000 * $x | floor)},
    {id: "uses-long-cache-ttl", title: "Serve static assets with an efficient cache policy", ms: null, bytes: (300000 * $x | floor)}]
    | to_entries | map(select($x > 0.2 * .key) | .value);
def tree: ["", "pricing", "about", "blog/2026/11/how-we-cut-our-largest-contentful-paint-in-half", "docs/getting-started", "contact", "produkte/stühle?farbe=grün&größe=m", "careers"];
{results: [range($urls) as $u | ("mobile", "desktop") as $s
    | (noise($u * 2 + (if $s == "mobile" then 1 else 0 end)) * (if $s == "mobile" then 1 else 0.6 end)) as $x | (if $worse == 1 and $u % 7 == 3 then 1 else 0 end) as $slow
    | ($u % 9 == 4) as $quiet | ([0, (99 - 62 * $x - 18 * $slow | floor)] | max) as $p
    | (if $quiet then null else field(if $u % 5 == 2 then "origin_fallback" else "page" end; $x; $slow) end) as $f
    | {url: "https://www.client-\($u % 4 + 1).example/\(tree[$u % 8])\(if $u >= 8 then "?p=\($u)" else "" end)", final_url: "https://www.client-\($u % 4 + 1).example/\(tree[$u % 8])",
       labels: {client: "Client \($u % 4 + 1)", template: (["home", "pricing", "about", "article", "docs", "contact", "product", "careers"][$u % 8])}, strategy: $s, run: $run, engine: "service",
       lighthouse_version: "12.2.1", fetched_at: "2026-11-28T10:\(10 + $u % 50):0\($u % 10)Z", cached_at: null, attempts: 1, status: "ok", error_class: null, error: null,
       warnings: (if $u % 11 == 0 then ["The page loaded too slowly to finish within the time limit. Results may be incomplete."] else [] end),
       scores: {performance: $p, accessibility: (88 + $u % 13), best_practices: (if $u % 6 == 1 then null else 96 end), seo: 92},
       lab: {fcp_ms: (900 + 1500 * $x), lcp_ms: (1500 + 3100 * $x + 800 * $slow), cls: (($x * 0.21 * 1000 | floor) / 1000), tbt_ms: (40 + 700 * $x | floor), speed_index_ms: (1300 + 3000 * $x),
             server_response_ms: (120 + 300 * $x | floor), total_bytes: (400000 + 2600000 * $x | floor)},
       savings: savings($x), field: $f, origin: (if $f then field("origin"; $x * 0.8; 0) else null end),
       cwv_pass: (if $f then ($f.lcp_ms.category == "FAST" and $f.inp_ms.category == "FAST" and $f.cls.category == "FAST") else null end)}]}
