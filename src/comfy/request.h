/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_REQUEST_H
#define FULLET_COMFY_REQUEST_H

#include "comfy/client.h"
#include "comfy/history.h"

/* The requests of the client. Each fills *ret, which the caller frees. */

/* POST /prompt. Never `number` (equal numbers give 500 and run anyway), and extra_data as an
 * object (null kills the server's worker). */
void request_prompt(const struct comfy_config *config, const char *prompt_id, const char *client_id,
	const char *graph, struct http_request *ret);
/* POST /upload/image, of a PNG; a file of this name is replaced. */
void request_upload(const struct comfy_config *config, const char *name, struct blob *picture,
	struct http_request *ret);
void request_history(
	const struct comfy_config *config, const char *prompt_id, struct http_request *ret);
/* POST /queue {"delete":[id]}: takes a waiting prompt out. */
void request_delete(
	const struct comfy_config *config, const char *prompt_id, struct http_request *ret);
void request_interrupt(
	const struct comfy_config *config, const char *prompt_id, struct http_request *ret);
/* /view of one file of type output; quality 0: as it is, else as WebP of this quality. */
void request_view(const struct comfy_config *config, const struct output_file *file, int quality,
	struct http_request *ret);
/* The WebSocket's URL and headers. */
void request_websocket(
	const struct comfy_config *config, const char *client_id, struct http_request *ret);

/* The value of the Authorization header; NULL without a key, or when the key cannot be a header. */
char *request_authorization(const char *api_key);
char *base64_encode(const void *data, size_t len);

#endif
