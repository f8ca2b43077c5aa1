# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets of tests/fuzz; what breaks one is kept as $(BUILD)-fuzz/crash-*.
FUZZ_S ?= 20
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -Isrc
FUZZ = $(BUILD)-fuzz

# A definition of each paginator, in the form that fuzz_source wants: definition, job and answer with a NUL between them. The answer is the header, too, from its first < on.
FUZZ_SOURCE = {"name":"x","steps":[{"http":{"url":"https://h.example/items"}}],"paginator":{"type":%s},"data_selector":"/results","primary_key":"/id"}\0{"source":"x"}\0%s
FUZZ_ANSWER = {"results":[{"id":1},{"id":2}],"total":5,"more":true,"next":
define FUZZ_SEEDS
seed() { printf '$(FUZZ_SOURCE)' "$$2" '$(FUZZ_ANSWER)'"$$3}" >$(FUZZ)/seed/source-$$1; }; \
seed single_page '"single_page"' 0; \
seed offset '"offset","limit":2,"has_more_path":"/more"' 0; \
seed page_number '"page_number","limit":2,"base_page":1,"total_header":"X-Total"' '"<5"'; \
seed cursor '"cursor","cursor_path":"/next","cursor_param":"after"' '{"id":2}'; \
seed header_cursor '"header_cursor","cursor_key":"X-Next","cursor_param":"after"' '"<b"'; \
seed header_link '"header_link"' '"</items?page=2>;rel=next;x="'; \
seed json_link '"json_link","next_url_path":"/next"' '"/items?page=2"'; \
seed split '"offset","limit":2,"total_path":"/total","maximum_offset":4,"split":{"minimum":0,"maximum":100,"params":{"a":"$${range.from}","b":"$${range.to}"}}' 0; \
printf '%s\0{"source":"propertyradar","criteria":[{"name":"State","value":["CA"]}]}\0{"results":[{"RadarID":"P1"}],"totalResultCount":1,"totalCost":"0.05"}' \
  "$$(cat etc/sources/propertyradar.json)" >$(FUZZ)/seed/source; \
printf 'cbs_access=abc; x={"y"}; bs_refresh=ops~0123456789abcdef0123456789abcdef~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' >$(FUZZ)/seed/credentials-cookie; \
printf 'fBearer bsk_0123456789abcdef_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' >$(FUZZ)/seed/credentials-field; \
printf 'j{"iss":"batchspool-httpd","aud":"batchspool","sub":"ops","role":"admin","iat":1795000000,"exp":1795000900,"jti":"1","fam":"2","epoch":"3"}' \
  >$(FUZZ)/seed/credentials-claims; \
printf 'ohttps://batch.example:443' >$(FUZZ)/seed/credentials-origin; \
printf '</x?key=1>; rel="prev next"' >$(FUZZ)/seed/link; \
printf '7Request ID;Date;Records;Amount (EUR)\r\n"r""1";23.11.2026 17:05;1.200;1.234,50 \303\251\r\nTotal;;;5\r\n' >$(FUZZ)/seed/invoice; \
printf '30 2,3-5 */2 JAN-mar mon,5-7' >$(FUZZ)/seed/cron; \
printf '{"v":1,"event":"completed","to":"mailto:a@example.com","job_id":"20261128T100000Z-aaaaaaaaaaaa-x","seq":9,"created_at":"2026-11-28T10:00:00Z","awaits":"results/x/y","values":{"a":"<b>\\n"}}\0{{#a}}{{a}}{{/a}}' \
  >$(FUZZ)/seed/notice; \
printf '{"v":1,"event":"digest","to":"https://h.example/x","created_at":"2026-11-28T10:00:00Z","digest_of":["20261128T100000Z-0123456789ab-held"]}' >$(FUZZ)/seed/notice-digest; \
printf '{"cron":"@daily","timezone":"Europe/Berlin","every":"PT2H","start":"2026-01-01T00:00:00Z","job":{"source":"x","max_cost":1.50}}' >$(FUZZ)/seed/schedule; \
printf '2{"access_token":"abc","token_type":"Bearer","expires_in":60}' >$(FUZZ)/seed/token; \
printf 'https://h.example/items?limit=2&offset=0\0000{"total":5,"data":[{"id":1},{"id":2}],"next":"/items?limit=2&offset=2"}\0000{"data":[{"id":3}]}' >$(FUZZ)/seed/detect; \
printf 'status:failed,held source:items older:2h newer:P7D is:unloaded created_after:2026-01-01T00:00:00Z "a word" reno' >$(FUZZ)/seed/filter; \
printf '0url,label\nexample.com,home\n"https://B\303\274cher.example:443/a,b/#x";y\nhttp://[::1]:8080//\nnot a url\n' >$(FUZZ)/seed/url_list; \
printf '2<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://e.example/?a=1&amp;b=2</loc></url></urlset>' >$(FUZZ)/seed/url_list-sitemap; \
printf '\357\273\277User-agent: *\r\nDisallow: /\nSitemap : https://e.example/s.xml.gz # x\rSITEMAP:http://f.example/\n' >$(FUZZ)/seed/robots; \
(printf 2; printf 'e.example\nf.example\n' | gzip) >$(FUZZ)/seed/url_list-gzip; \
printf '{"answer":{"id":"https://e.example/","lighthouseResult":{"lighthouseVersion":"12.8.2","categories":{"performance":{"score":0.9}},"audits":{"speed-index":{"numericValue":1},"x-insight":{"title":"X","metricSavings":{"LCP":1},"details":{"debugData":{"wastedBytes":2}}}}},"loadingExperience":{"origin_fallback":true,"metrics":{"CUMULATIVE_LAYOUT_SHIFT_SCORE":{"percentile":7,"category":"FAST","distributions":[{"proportion":0.9}]}}}},"item":{"url":{"url":"https://e.example","labels":{"a":"b"}},"strategy":"mobile"},"run":"r"}' \
  >$(FUZZ)/seed/pagespeed; \
printf '/api/batch-jobs/20261123T170501Z-4f9c2a01b7d3-reno/files/%%31/raw' >$(FUZZ)/seed/path; \
printf '{"type":"object","properties":{"a":{"type":["string","null"],"pattern":"^[a-z]{2}$$","maxLength":9},"b":{"$$ref":"#/$$defs/d"}},"required":["a"],"additionalProperties":false,"$$defs":{"d":{"type":"array","items":{"enum":[1,"x"]},"minItems":1}}}\0{"a":"xy","b":[1,"x"]}' >$(FUZZ)/seed/json_schema; \
printf 'II*\0\010\0\0\0\004\0\0\001\004\0\001\0\0\0\004\0\0\0\001\001\004\0\001\0\0\0\004\0\0\0\021\001\004\0\001\0\0\0\010\0\0\0\027\001\004\0\001\0\0\0\020\0\0\0\0\0\0\0' >$(FUZZ)/seed/docform-tiff; \
printf '%%PDF-1.5\n7 0 obj\n<< /Type /XRef /Encrypt 5 0 R >>\nstream\nendstream\nstartxref\n9\n%%%%EOF\n' >$(FUZZ)/seed/docform-pdf; \
printf '\377\330\377\300\000\013\010\000\020\000\040\001\001\021\000\377\332\000\004\000\000data\377\331' >$(FUZZ)/seed/docform-jpeg; \
printf '  3.1 The Tenant shall pay from 25/03/2019.\n\n(a) on 1 May 2020\f\f\303\244\342\200\234quoted\342\200\235 instal-\nments ... at the end\n' >$(FUZZ)/seed/chunks; \
printf '%s\0%s' '{"document":{"type":"lease","date":"1 May 2019","missing_schedules":["1"]},"fields":{"t":{"value":"ACME","unit":null,"status":"found","page":1,"quote":"The tenant is ACME"},"term":{"value":10,"unit":"years","status":"found","page":1,"quote":null},"commencement_date":{"value":"03/04/2019","unit":null,"status":"found","page":1,"quote":"begins"},"expiry_date":{"value":null,"unit":null,"status":"n/a","page":null,"quote":null}},"rent":[{"from":"2019-04-03","to":null,"amount":5,"page":2,"quote":"paid"}],"options":[{"kind":"break","window_from":"3/4/2021","window_to":null,"page":null,"quote":null}],"dates":[],"clauses":[]}' \
  '{"document":{"missing_schedules":[]},"fields":{},"rent":[],"options":[],"dates":[],"clauses":[]}' >$(FUZZ)/seed/record; \
printf '{"model":"m","choices":[{"message":{"content":"```json\\n{}\\n```","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1},"text":{"images":[{"page":2}],"page_count":3,"left_out":[{"page":1}]},"vision":[{"choices":[{"message":{"content":"seen"}}]}]}' >$(FUZZ)/seed/record-answer; \
printf 'Ten (10) years from 25th March 2019\000010 yrs, GBP 20,000.00 p.a. (US$$5), not without consent' >$(FUZZ)/seed/wording; \
printf '{"name":"x","settings":{"u":"https://h.example/","k":"Bearer $${secret:k?}","n":2,"o":""},"steps":[{"http":{"url":"$${settings.u}","headers":{"A":"$${settings.k}"}}}],"paginator":{"type":"offset","limit":"$${settings.n}"},"data_selector":""}\0{"source":"x"}\0[1,2]' \
  >$(FUZZ)/seed/source-settings; \
printf '%s\0%s' '{"group":"G","document":{"sha256":"aa","name":"a","date":"2019-01-01","illegible_pages":[1]},"fields":{"term":{"value":5,"unit":"years","status":"found","quote_verified":false},"b":{"status":"not_found"}},"rent":[{"from":"2019-01-01","to":"2020-01-01","amount":5}],"checks":[{"id":"rent_gaps","result":"failed","text":"t"}]}' \
  '{"declared":"done","fields":{"aa":{"term":{"decision":"corrected","value":6},"check_rent_gaps":{"decision":"confirmed","was":"t"}}},"rows":{"aa":{"rent":{"a1":{"decision":"added","values":{"from":"2021-01-01"},"cells":{"to":{"decision":"corrected","value":"2022-01-01"}}}}}}}' >$(FUZZ)/seed/lease_review; \
printf '%s\n' '{"cassette":1,"source":"x","total":2,"parts":[{"part":"a","total":2}],"job":{"source":"x"}}' \
  '{"batch":1,"paid":true,"request":{"method":"GET","url":"https://h.example/"},"status":200,"headers":{"x-total":"2"},"body":"[1]"}' \
  '{"batch":2,"request":{},"status":200,"base64":"/w=="}' >$(FUZZ)/seed/cassette; \
printf '%s\n' '{"cassette":2,"source":"x","job_id":"j","job":{"ns":[1,2]}}' '{"document":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","base64":"YQ=="}' \
  '{"batch":1,"step":"a","attempt":2,"request":{"headers":[],"method":"GET","url":"https://h.example/1"},"status":200,"headers":{},"body":"{\"l\":[1,2],\"v\":\"x\"}"}' \
  '{"batch":1,"step":"p","part":1,"end":"other_way","reason":"helper","error":"e","request":{},"status":0,"headers":{}}' \
  '{"batch":1,"step":"p","part":1,"way":1,"cached_at":"2026-01-01T00:00:00Z","request":{},"status":200,"headers":{},"body":"{}"}' \
  '{"batch":1,"step":"r","request":{},"status":200,"headers":{},"body":"{\"r\":[{}]}"}' \
  '{"batch":2,"step":"a","end":"in_doubt","reason":"status_500","request":{},"status":500,"headers":{},"base64":"/w=="}' >$(FUZZ)/seed/cassette-steps
endef

fuzz: deps-check-all ## run each fuzz target for FUZZ_S seconds (20)
	@$(MAKE) --no-print-directory -s CC=clang SAN=fuzzer-no-link,address,undefined BUILD=$(FUZZ) $(FUZZ)/libbatchspool.a
	@mkdir -p $(FUZZ)/seed; $(FUZZ_SEEDS)
	@set -e; for t in tests/fuzz/fuzz_*.c; do \
	  bin=$(FUZZ)/$$(basename $$t .c); mkdir -p $$bin.corpus; \
	  clang $(FUZZ_FLAGS) -o $$bin $$t $(FUZZ)/libbatchspool.a $(LIBS) -lmicrohttpd; \
	  $$bin -max_len=65536 -max_total_time=$(FUZZ_S) -artifact_prefix=$(FUZZ)/crash- $$bin.corpus $(FUZZ)/seed >$$bin.log 2>&1 || { tail -n 40 $$bin.log; exit 1; }; \
	  echo "$$(basename $$bin): $$(tail -n 1 $$bin.log)"; \
	done

.PHONY: fuzz
