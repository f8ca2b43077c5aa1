// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_sources.h"

#include <stdio.h>
#include <string.h>

static double number(const cJSON *json, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

void sources_limits_print(const cJSON *limits) {
    const cJSON *budget, *cost = cJSON_GetObjectItemCaseSensitive(limits, "daily_cost");
    if (!limits)
        return;
    printf("  at once %.0f of %.0f", number(limits, "concurrency"), number(limits, "max_concurrency"));
    if (number(limits, "learned_distance_s") > 0)
        printf("; learned: one in %.3f s", number(limits, "learned_distance_s"));
    cJSON_ArrayForEach(budget, cJSON_GetObjectItemCaseSensitive(limits, "budgets")) {
        printf("; %.0f of %.0f requests in %.15g s used", number(budget, "used"), number(budget, "limit"), number(budget, "seconds"));
        if (*sources_text(budget, "resets_at"))
            printf(" (until %s)", sources_text(budget, "resets_at"));
    }
    if (cost)
        printf("; %s of %s %s left until %s", sources_text(cost, "left"), sources_text(cost, "cap"), sources_text(cost, "currency"),
               sources_text(cost, "resets_at"));
    if (*sources_text(limits, "paused"))
        printf("; paused until %s: %s", sources_text(limits, "paused_until"), sources_text(limits, "paused"));
    else if (strcmp(sources_text(limits, "circuit_breaker"), "trying") == 0)
        printf("; its host was dead, one request tries it");
    putchar('\n');
}
