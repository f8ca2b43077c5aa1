// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "source/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Five fields, and a whole schedule: what is taken is due some time, in order, on whole minutes, and gives a job file that is JSON. */

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void five_fields(const char *text) {
    static const char *const zones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"};
    struct cron cron;
    struct err err = {0};
    int64_t now = INT64_C(1774000000), due;

    if (cron_parse(text, &cron, &err) != RC_OK) {
        require(err.text[0] != '\0');
        return;
    }
    require(cron.minutes != 0 && cron.hours != 0 && cron.days != 0 && cron.months != 0 && cron.weekdays != 0);
    for (unsigned i = 0; i < 12; i++) {
        /* Of the clock's own times one may never be shown in the one hour that is left out; no others are lost. */
        if (!cron_next(&cron, zones[i % 4], now, &due)) {
            return;
        }
        require(due > now && due % 60 == 0);
        now = due;
    }
}

static void whole(const char *text, size_t size) {
    struct schedule schedule;
    struct slice job;
    struct buf out = BUF_INIT(1u << 20);
    struct schedule_passed passed;
    int64_t due;

    if (schedule_parse("fuzz", text, size, &schedule, &job, NULL) != RC_OK) {
        return;
    }
    require(job.data >= text && job.data + job.length <= text + size);
    if (schedule_next(&schedule, 0, &due)) {
        require(due <= schedule.until_s);
        require(schedule_passed(&schedule, due - 1, due, &passed) && passed.count == 1 && passed.last_s == due);
    }
    require(schedule_job(job, "fuzz", &out) == RC_OK);
    require(json_check(buf_text(&out), out.length, &json_rules_config, NULL) == RC_OK || memchr(text, '\\', size) != NULL);
    buf_reset(&out);
    require(schedule_enable((struct slice){.data = text, .length = size}, !schedule.enabled, &out) == RC_OK);
    struct schedule other;
    require(schedule_parse("fuzz", buf_text(&out), out.length, &other, &job, NULL) == RC_OK && other.enabled != schedule.enabled);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    five_fields(text);
    whole(text, size);
    free(text);
    return 0;
}
