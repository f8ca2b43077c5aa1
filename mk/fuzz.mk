# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets of tests/fuzz; what they find is kept as $(BUILD)-fuzz/crash-*.
FUZZ_S ?= 20
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -Isrc

fuzz: deps-check-all ## run each fuzz target for FUZZ_S seconds (20)
	@$(MAKE) --no-print-directory -s CC=clang SAN=fuzzer-no-link,address,undefined BUILD=$(BUILD)-fuzz $(BUILD)-fuzz/libbatchspool.a
	@set -e; for t in tests/fuzz/fuzz_*.c; do \
	  bin=$(BUILD)-fuzz/$$(basename $$t .c); \
	  clang $(FUZZ_FLAGS) -o $$bin $$t $(BUILD)-fuzz/libbatchspool.a $(LIBS); \
	  echo "# $$bin"; \
	  $$bin -max_total_time=$(FUZZ_S) -artifact_prefix=$(BUILD)-fuzz/crash- -verbosity=0; \
	done

.PHONY: fuzz
