/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_PORTS_UV_H
#define FULLET_APP_PORTS_UV_H

#include "app/cleaner.h"
#include "app/ports.h"
#include "io/http_client.h"
#include "io/keep_file.h"
#include "io/loop.h"

/* The ports over real sockets and the real database. */
struct ports_uv {
	struct loop *loop;
	struct http_client *http;
	struct lws_room *room;
	struct store *store;
	struct file_keeper *keeper;
	struct cleaner *cleaner;
};

/* `self` must stay where it is while the ports are used. */
void ports_uv_fill(struct ports_uv *self, struct ports *ret);

#endif
