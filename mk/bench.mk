# SPDX-License-Identifier: Apache-2.0
# What tools/bench measures, against peers that are installed here: SQLite's shell, and better-sqlite3, which is compiled when its binary cannot be had.
DEPS_BENCH = $(DEPS_DEMO) perl git sqlite3 g++ $(DEPS_NODE) $(if $(shell command -v python3),,python3) $(if $(wildcard /usr/include/node/node_version.h),,libnode-dev)
BENCH_ROWS ?=
BENCH_OUT = $(if $(BENCH_ROWS),$(BUILD)/bench,docs/bench)
BENCH_TOOLS = $(patsubst tools/bench/%.c,$(BUILD)/bench/%,$(wildcard tools/bench/*.c))

bench: deps-bench ## speed, CPU and memory against other ways to do the same (5 minutes); into docs/bench
	@$(MAKE) --no-print-directory -s -j2 all $(BENCH_TOOLS) $(BUILD)/bench/npm/installed
	@tools/bench/bench.pl $(BUILD) $(BUILD)/bench/npm $(BENCH_OUT)/results.json $(BENCH_ROWS)
	@tools/bench/report.pl $(BENCH_OUT)/results.json $(if $(BENCH_ROWS),,$(BENCH_OUT)/README.md)

deps-bench:
	$(call install_packages,$(DEPS_BENCH))

$(BUILD)/bench/%: tools/bench/%.c Makefile mk/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDSAN) $(LDFLAGS) -o $@ $<

# Debian's headers of Node, so that nothing but npm's registry is asked.
$(BUILD)/bench/npm/installed: tools/bench/package-lock.json tools/bench/package.json
	@mkdir -p $(@D) && cp $^ $(@D)/
	@echo 'installing better-sqlite3 (a minute when it is compiled)'
	@cd $(@D) && npm_config_nodedir=/usr npm ci --no-audit --no-fund --no-update-notifier >npm.log 2>&1 || { tail -n 20 npm.log; exit 1; }
	@touch $@

.PHONY: bench deps-bench
