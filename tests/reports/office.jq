# SPDX-License-Identifier: Apache-2.0
# Records whose values a spreadsheet likes to spoil: jq -n --argjson rows N -f office.jq
def texts: ["001-234-56", "01234", "00501", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "=HYPERLINK(\"http://evil.example\",\"x\")", "1E5", "3/4", "2026-11-28", "TRUE", "  blanks  ", "two\nlines", "tab\there",
    "say \"so\", he said", "'quoted", "מקרקעין", "العقار رقم ٧", "山田商店", "संपत्ति", "Ñandú Straße Łódź", "Ωμέγα", "Недвижимость", "🏠 house", "e\u0301", "#N/A", "1,234.50", "50%", "_x0041_", "a\u0000b\u0007c"];
{results: [range($rows) as $i | {id: "K\($i)", apn: texts[$i % (texts | length)], zip: (10000000 + $i | tostring | .[3:]), price: (if $i % 7 == 0 then null else $i * 1.25 - 3 end), count: $i, tiny: (if $i == 0 then 1e-7 else null end),
    large: (if $i == 0 then 123456789012345 else null end), flag: ($i % 2 == 0), note: (if $i == 1 then "x" * 40000 elif $i == 2 then "é" * 32767 elif $i == 3 then "🏠" * 20000 else null end)}]}
