// SPDX-License-Identifier: Apache-2.0
#include "cmd/cmd_documents.h"

#include "base/str.h"
#include "spool/document.h"

#include <string.h>

static int add_document(struct cmd *cmd, const char *path, const char *group, cJSON *list) {
    const char *slash = strrchr(path, '/');
    struct document document;
    struct docform form;
    struct err err = {0};
    enum rc rc = document_put_file(cmd->spool, path, &document, &form, &err);
    if (rc)
        return rc == RC_PERM ? cmd_fail(cmd, EXIT_DATA, "%s", err.text) : cmd_fail_rc(cmd, rc, &err);
    cJSON_AddItemToArray(list, document_json(&document, form.type, slash ? slash + 1 : path, group));
    if (document.known)
        cmd_say(cmd, "%s is stored already", path);
    return EXIT_DONE;
}

int cmd_documents(struct cmd *cmd, const struct cmd_list *files, const char *source, const char *group, struct buf *job) {
    cJSON *json = cJSON_CreateObject(), *list = cJSON_CreateArray();
    int code = EXIT_DONE;
    cJSON_AddStringToObject(json, "source", source);
    cJSON_AddItemToObject(json, "documents", list);
    for (size_t i = 0; !code && i < files->count; i++)
        code = add_document(cmd, files->items[i], group, list);
    char *text = code ? NULL : cJSON_Print(json);
    cJSON_Delete(json);
    if (!code && (!text || buf_printf(job, "%s\n", text)))
        code = cmd_fail(cmd, EXIT_DATA, "the job is longer than %zu bytes: submit fewer documents at a time", job->max);
    cJSON_free(text);
    return code;
}
