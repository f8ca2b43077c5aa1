# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets of tests/fuzz; what breaks one is kept as $(BUILD)-fuzz/crash-*.
FUZZ_S ?= 20
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -Isrc
FUZZ = $(BUILD)-fuzz

# One seed: definition, job and answer with a NUL between them, as fuzz_source wants them; the others take it apart as text.
fuzz: deps-check-all ## run each fuzz target for FUZZ_S seconds (20)
	@$(MAKE) --no-print-directory -s CC=clang SAN=fuzzer-no-link,address,undefined BUILD=$(FUZZ) $(FUZZ)/libbatchspool.a
	@mkdir -p $(FUZZ)/seed && printf '%s\0{"source":"propertyradar","criteria":[{"name":"State","value":["CA"]}]}\0{"results":[{"RadarID":"P1"}],"totalResultCount":1,"totalCost":"0.05"}' \
	  "$$(cat etc/sources/propertyradar.json)" >$(FUZZ)/seed/source
	@set -e; for t in tests/fuzz/fuzz_*.c; do \
	  bin=$(FUZZ)/$$(basename $$t .c); mkdir -p $$bin.corpus; \
	  clang $(FUZZ_FLAGS) -o $$bin $$t $(FUZZ)/libbatchspool.a $(LIBS); \
	  $$bin -max_len=65536 -max_total_time=$(FUZZ_S) -artifact_prefix=$(FUZZ)/crash- $$bin.corpus $(FUZZ)/seed >$$bin.log 2>&1 || { tail -n 40 $$bin.log; exit 1; }; \
	  echo "$$(basename $$bin): $$(tail -n 1 $$bin.log)"; \
	done

.PHONY: fuzz
