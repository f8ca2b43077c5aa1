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
LIBS = -lcurl -lcjson -llmdb -lcrypto -pthread

LAYERS = base os spool net store source sink notify engine
LIB_SRC = $(foreach l,$(LAYERS),$(wildcard src/$(l)/*.c)) $(filter-out $(wildcard src/cmd/*_main.c),$(wildcard src/cmd/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
PROGRAMS = $(patsubst src/cmd/%_main.c,$(BUILD)/%,$(wildcard src/cmd/*_main.c))
TOOLS = $(patsubst tools/%.c,$(BUILD)/tools/%,$(wildcard tools/*.c))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
LIB = $(BUILD)/libbatchspool.a

.DEFAULT_GOAL = all
.SECONDARY:

include $(wildcard mk/*.mk)

all: $(PROGRAMS) $(TOOLS) ## build the programs into build/

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(LIB): $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(PROGRAMS): $(BUILD)/%: $(BUILD)/obj/src/cmd/%_main.o $(LIB)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)

$(BUILD)/tools/%: $(BUILD)/obj/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS) -lmicrohttpd

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDSAN) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS) -lcmocka

unit: $(UNIT) ## build and run the unit tests
	@set -e; for t in $(UNIT); do $$t; done

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile mk/*.mk 2>/dev/null | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: all unit clean help

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
