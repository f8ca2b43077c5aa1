// SPDX-License-Identifier: Apache-2.0
#ifndef NOTIFY_WEBHOOK_H
#define NOTIFY_WEBHOOK_H

#include "notify/notifier.h"

extern const struct notifier_row notifier_webhook;

#endif
