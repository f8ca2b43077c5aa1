// SPDX-License-Identifier: Apache-2.0
#include "cmd/config_sources.h"

#include "base/str.h"
#include "source/check.h"
#include "source/source.h"

#include <string.h>

static void read_all(struct check *check, const cJSON *object) {
    const cJSON *one;
    if (!cJSON_IsObject(object)) {
        check_fail(check, NULL, "must be an object of names of sources, each with an object of its settings");
        return;
    }
    cJSON_ArrayForEach(one, object) {
        const size_t mark = check_enter(check, one->string, 0);
        if (!str_is_name(one->string))
            check_fail(check, NULL, "is no name of a source: 1 to 64 of A-Z a-z 0-9 _ -");
        else
            source_settings_check(check, one);
        check_leave(check, mark);
    }
}

enum rc config_sources_read(char out[CONFIG_SOURCE_SETTINGS_BYTES], const char *file, const char *text, size_t length, const char *member, struct err *err) {
    struct check check;
    struct buf printed = BUF_INIT(CONFIG_SOURCE_SETTINGS_BYTES - 1);
    enum rc rc = check_open(&check, file, text, length, &json_rules_config_commented, err);
    memset(out, 0, CONFIG_SOURCE_SETTINGS_BYTES);
    if (!rc) {
        const cJSON *object = member ? cJSON_GetObjectItemCaseSensitive(check.root, member) : check.root;
        if (member)
            check_enter(&check, member, 0);
        read_all(&check, object);
        if (!check.rc && template_print(object, &printed))
            check_fail(&check, NULL, "is longer than %zu bytes", printed.max);
        rc = check.rc;
        if (!rc && cJSON_GetArraySize(object))
            memcpy(out, buf_text(&printed), printed.length);
    }
    buf_release(&printed);
    check_release(&check);
    return rc ? RC_FATAL : RC_OK;
}
