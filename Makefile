# SPDX-License-Identifier: Apache-2.0
# batchspool: `make help` lists what there is.

CC ?= cc
BUILD ?= build
PREFIX ?= /usr/local
SAN ?=
OPT ?= -O2 -g
WERROR ?= -Werror
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
       -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wswitch-enum $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ifneq ($(SAN),)
HARDEN = -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDSAN = -fsanitize=$(SAN)
else
LDSAN = -pie -Wl,-z,relro,-z,now
endif
CFLAGS_ALL = -std=c11 $(OPT) $(WARN) $(HARDEN) -pthread -MMD -MP $(CFLAGS)
# Each program is linked to those of them that it uses.
LIBS = -Wl,--as-needed -lcurl -lcjson -llmdb -lcrypto -larchive -lidn2 -lexpat -lz -lsodium -ljwt -lm -pthread

LAYERS = base os helper spool net store source sink notify report engine api cmd
LIB_SRC = $(filter-out %_main.c,$(foreach l,$(LAYERS),$(wildcard src/$(l)/*.c)))
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
PROGRAMS = $(patsubst src/cmd/%_main.c,$(BUILD)/%,$(wildcard src/cmd/*_main.c))
# Programs that steps of a source run (`exec`).
HELPERS = $(patsubst src/helper/%_main.c,$(BUILD)/batchspool-%,$(wildcard src/helper/*_main.c))
TOOLS = $(patsubst tools/%.c,$(BUILD)/tools/%,$(wildcard tools/*.c))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
LIB = $(BUILD)/libbatchspool.a

.DEFAULT_GOAL = all
.SECONDARY:

include $(wildcard mk/*.mk)

all: $(PROGRAMS) $(HELPERS) $(TOOLS) ## build the programs into build/

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(LIB): $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

# The dashboard is built in.
WEB_FILES = $(sort $(patsubst src/web/%,%,$(wildcard src/web/*.html src/web/*.css src/web/*.js src/web/*.svg src/web/vendor/*.js src/web/vendor/*.css)))
$(BUILD)/web_files.c: $(BUILD)/tools/embed $(WEB_FILES:%=src/web/%) Makefile
	$< src/web $(WEB_FILES) >$@.tmp && mv $@.tmp $@

$(BUILD)/obj/web_files.o: $(BUILD)/web_files.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

REPORT_LIBS = -lxlsxwriter -lhpdf -lfribidi
$(BUILD)/batchspool-report: LIBS += $(REPORT_LIBS)
$(BUILD)/batchspool-httpd: LIBS += -lmicrohttpd
$(BUILD)/batchspool-httpd: $(BUILD)/obj/web_files.o

$(PROGRAMS): $(BUILD)/%: $(BUILD)/obj/src/cmd/%_main.o $(LIB)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LIBS)

$(HELPERS): $(BUILD)/batchspool-%: $(BUILD)/obj/src/helper/%_main.o $(LIB)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

$(BUILD)/tools/%: $(BUILD)/obj/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS) -lmicrohttpd -lz

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS) -lcmocka

$(BUILD)/tests/test_report $(BUILD)/tests/test_results_report: LIBS += $(REPORT_LIBS)

# Its table names the handlers of everything.
$(BUILD)/tests/test_route: LIBS += $(BUILD)/obj/web_files.o -lmicrohttpd
$(BUILD)/tests/test_route: $(BUILD)/obj/web_files.o

unit: $(UNIT)
	@set -e; for t in $(UNIT); do echo "# $$t"; $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; grep -h 'tests.* run\|PASSED.*test(s)' $$t.log | tail -n 1; done

check: deps-check ## unit tests, functional tests, a sample of the crash tests (under 5 minutes)
	@$(MAKE) --no-print-directory all $(UNIT)
	@tests/run check

check-all: deps-check-all ## everything: lint, sanitizers, every crash point, power loss, real servers, fuzz smoke
	@$(MAKE) --no-print-directory all $(UNIT)
	@tests/run all

demo: deps ## the main job on a metered API on loopback: 10,000 records in 25 pages
	@$(MAKE) --no-print-directory -j2 all >$(BUILD).log 2>&1 || { mkdir -p $(BUILD); cat $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log
	@tools/demo.sh

lint: deps-check-all ## clang-format, clang-tidy, cppcheck, layers, man pages, shellcheck
	@tests/lint

compile_commands.json: ## for clangd and clang-tidy
	@rm -rf $(BUILD)-cc && bear -- $(MAKE) --no-print-directory BUILD=$(BUILD)-cc all $(UNIT:$(BUILD)/%=$(BUILD)-cc/%) >/dev/null && rm -rf $(BUILD)-cc

install: all ## into DESTDIR/PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/libexec/batchspool $(DESTDIR)/etc/batchspool/sources $(DESTDIR)/etc/batchspool/lease
	install -d $(DESTDIR)/etc/batchspool/notices
	install -m 755 $(BUILD)/batchspool $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(BUILD)/batchspoold $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BUILD)/batchspool-report $(HELPERS) $(DESTDIR)$(PREFIX)/libexec/batchspool/
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7/
	install -m 644 man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	for f in etc/batchspool.json etc/sources/*.json etc/lease/* etc/notices/*; do t=$(DESTDIR)/etc/batchspool/$${f#etc/}; test -e $$t || install -m 640 $$f $$t; done

clean: ## remove what was built
	rm -rf $(BUILD) $(BUILD)-* compile_commands.json

help: ## this list
	@grep -hE '^[a-z_.-]+:.*## ' Makefile mk/*.mk 2>/dev/null | sed -E 's/:.*## /\t/' | expand -t 24

.PHONY: all unit check check-all demo lint install clean help

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
