// SPDX-License-Identifier: Apache-2.0
#include "engine/paused.h"

#include "base/str.h"
#include "net/governor.h"

#include <stdlib.h>
#include <string.h>

#define GOVERNOR_BYTES 65536 /* the most that is kept of one */

bool paused_for_access(const char *reason) {
    return strcmp(reason, "unauthorized") == 0 || strcmp(reason, "token") == 0;
}

bool paused_tried_anew(const char *reason) {
    return paused_for_access(reason) || strcmp(reason, "dead_host") == 0;
}

const char *paused_advice(const char *reason, const struct source *source, char out[PAUSED_ADVICE_SIZE]) {
    char names[SOURCE_NAMES_SIZE] = "";
    *out = '\0';
    if (source)
        source_secret_names(source, NULL, 0, names);
    if (paused_for_access(reason))
        str_format(out, PAUSED_ADVICE_SIZE, "It refused the credentials: renew %s, then `batchspool reload`.", *names ? names : "them");
    else if (strcmp(reason, "dead_host") == 0)
        str_format(out, PAUSED_ADVICE_SIZE, "Its host cannot be reached. When its address is wrong, " JOB_WRONG_ADDRESS ".");
    return out;
}

static bool used_up(struct governor *governor, const struct source *source, int64_t now_us, struct paused *paused) {
    struct governor_rate rates[SOURCE_MAX_RATES];
    for (unsigned i = 0; i < source->rate_count; i++)
        rates[i] = (struct governor_rate){source->rates[i].limit, source->rates[i].interval_ms};
    if (!governor_configure(governor, rates, source->rate_count, 0))
        return false;
    const int64_t wait_us = governor_wait_us(governor, now_us);
    if (wait_us <= 0 || wait_us == INT64_MAX)
        return false;
    paused->until_us = now_us + wait_us;
    str_copy(paused->reason, sizeof paused->reason, "api_budget");
    return true;
}

bool paused_look(struct index *index, const char *name, const struct source *source, int64_t now_us, struct paused *paused) {
    struct governor *governor = governor_new();
    char *blob = malloc(GOVERNOR_BYTES);
    size_t length = GOVERNOR_BYTES;
    const char *reason = "";
    bool is = false;
    *paused = (struct paused){.until_us = 0};
    if (index && governor && blob && index_get_governor(index, name, blob, &length, NULL) == RC_OK && governor_load(governor, blob, length)) {
        paused->until_us = governor_paused_until_us(governor, &reason);
        is = paused->until_us > now_us;
        if (is)
            str_copy(paused->reason, sizeof paused->reason, *reason ? reason : "paused");
        else if (source)
            is = used_up(governor, source, now_us, paused);
    }
    free(blob);
    governor_free(governor);
    return is;
}
