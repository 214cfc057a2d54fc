/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_LIMITS_H
#define FULLET_BASE_LIMITS_H

/* Every ceiling of the program, with its reason. Sizes are bytes unless the name says more. */

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

/* Nesting of a JSON text: Discord and ComfyUI stay below 20. */
#define JSON_DEPTH_MAX 64

/* A gateway payload after decompression: GUILD_CREATE of a large guild is some megabytes. */
#define GATEWAY_PAYLOAD_MAX (16 * MIB)
/* Discord: a payload that we send may have 4096 bytes (close code 4002 otherwise). */
#define GATEWAY_SEND_MAX 4096
/* zstd-stream: the window (2^n bytes) that a gateway may make us allocate; 8 MiB is what the
 * zstd format recommends every decoder to accept. */
#define GATEWAY_WINDOW_LOG 23

/* The body of a Discord REST answer: a channel list of 500 channels is below 1 MiB. */
#define DISCORD_ANSWER_MAX (8 * MIB)
/* Discord: request <= 25 MiB, a file <= 10 MiB unless the guild is boosted. */
#define DISCORD_REQUEST_MAX (25 * MIB)
#define DISCORD_FILE_MAX (10 * MIB)
#define DISCORD_FILES_MAX 10
/* Pictures fetched and not yet posted: while Discord does not take them no new run begins, so that
 * their bytes stay bounded. */
#define UNPOSTED_MAX 16
/* Calls waiting in the REST queue; beyond it new edits are dropped, new posts refused. */
#define REST_QUEUE_MAX 20000
/* Beside them, what interactions are answered: acknowledgements, 500 a second, each of which is
 * given up after 3 s; and in so many of these places the words that follow, a few a job, and
 * what makes channels. */
#define REST_ACKS_MAX	 4000
#define REST_ANSWERS_MAX 2000

/* A ComfyUI answer in JSON: /object_info of a server with many custom nodes is ~10 MiB. */
#define COMFY_ANSWER_MAX (32 * MIB)
/* A picture or video fetched from ComfyUI. */
#define COMFY_FILE_MAX (128 * MIB)
/* Its dimensions: what Pillow, in which ComfyUI itself and many a program open pictures, takes
 * without the warning of a bomb, and 360 MB decoded in a viewer; the side, which most graphics cards
 * can show. */
#define COMFY_PICTURE_PIXELS_MAX 89478485
#define COMFY_PICTURE_SIDE_MAX	 16384
/* A WebSocket message of ComfyUI: previews are <= 512 px, errors carry tracebacks. */
#define COMFY_MESSAGE_MAX (16 * MIB)
#define COMFY_SERVERS_MAX 64
/* Why a job went to its card, in its row; names are short. */
#define PLACED_WHY_MAX 1000
/* `fullet explain`: two lines for each card. */
#define EXPLAIN_MAX (64 * KIB)
/* Roles of PRIORITY_ROLES: few servers have more that pay. */
#define PRIORITY_ROLES_MAX 16
/* More memory than any card has; whoever claims more is not believed. */
#define CARD_BYTES_MAX ((int64_t)(16 * 1024 * 1024 * MIB))

/* A workflow file: the largest exports seen are below 300 KiB. */
#define WORKFLOW_FILE_MAX (4 * MIB)
#define WORKFLOW_NODES_MAX 4000
#define WORKFLOWS_MAX 200
/* Names in the folder of workflows that are looked at all, refused and superfluous ones too. */
#define FLUJOS_NAMES_MAX 1000
/* Its sidecar; a description in it, which stands in a list of models; and the gigabytes that a card
 * may be said to need. */
#define WORKFLOW_META_MAX	 (256 * KIB)
#define WORKFLOW_DESCRIPTION_MAX 200
#define WORKFLOW_VRAM_GB_MAX	 1024
/* A picture that carries a workflow: upscaled ones of 16 megapixels are below 40 MiB. */
#define WORKFLOW_PICTURE_MAX (64 * MIB)
/* Inputs of one kind (prompts, models, ...) in a workflow, and what is told of a bad one. */
#define WORKFLOW_INPUTS_MAX 1000
#define WORKFLOW_PROBLEMS_MAX 50
/* Discord: name and value of an option's choice have 1 to 100 characters. */
#define WORKFLOW_NAME_MAX 100

/* What a member may choose where a workflow's sidecar says nothing: below, models draw nothing
 * sensible; above, a card is busy for minutes or out of memory. */
#define WORKFLOW_SIDE_MIN  64
#define WORKFLOW_SIDE_MAX  2048
#define WORKFLOW_STEPS_MAX 150
#define WORKFLOW_CFG_MAX   30
/* Pictures of one job. */
#define WORKFLOW_COUNT_MAX 4
/* Pictures of one pass: beyond it a card of 24 GB is out of memory at usual sizes, and who is
 * first waits for the last. */
#define BATCH_MAX 16
/* Pixels and steps in the measure of a picture's work: their product stays in 64 bits. */
#define WORK_MAX INT64_C(2000000000)
/* LoRA files that a server may have, and the bytes of a name, which holds its folders. */
#define LORAS_MAX     5000
#define LORA_NAME_MAX 400

/* What a member may type; the command table tells Discord the same. */
#define PROMPT_CHARS_MAX 1500
/* PROMPT_CHARS_MAX characters of at most 4 bytes. */
#define PROMPT_BYTES_MAX (4 * PROMPT_CHARS_MAX)
/* What a member may choose besides: beyond these a card would be busy for no better picture. */
#define STEPS_MAX 150
#define CFG_MAX	  30
#define COUNT_MAX 4
/* Discord: UTF-16 units in a message's content; characters in an alt text, a choice's name. */
#define MESSAGE_UNITS_MAX 2000
#define ALT_TEXT_CHARS_MAX 500
#define CHOICE_UNITS_MAX 100
#define CHOICES_MAX 25
/* Of a prompt, in the live message and beside the picture; of a foreign reason in a sentence; of
 * a workflow's title. Together, with every character escaped, they stay below MESSAGE_UNITS_MAX. */
#define LIVE_PROMPT_CHARS_MAX 200
#define PICTURE_PROMPT_CHARS_MAX 300
#define REASON_CHARS_MAX 300
#define TITLE_CHARS_MAX 80
/* Of a prompt in a list of jobs; how many jobs a member is shown of his own. */
#define LIST_PROMPT_CHARS_MAX 80
#define LIST_JOBS_MAX	      50
/* Roles with ADMINISTRATOR in a server: Discord has at most 250 roles in all. */
#define ADMIN_ROLES_MAX 250
/* A preview that is uploaded to Discord again and again. */
#define PREVIEW_MAX (1 * MIB)

/* Discord: 500 channels in a guild, 50 in a category. */
#define GUILD_CHANNELS_MAX 500
#define CATEGORY_CHANNELS_MAX 50
/* Deleted channels that are remembered, lest a list that is older brings them back: in the minute that a
 * list may be under way no more are deleted than two categories have. */
#define GONE_CHANNELS_MAX 100

/* What an administrator may set: pictures of a member that wait at once, pictures of a member a
 * day, roles with limits of their own (Discord: 250 roles in a guild), banned members. */
#define CAP_MAX		100
#define QUOTA_MAX	100000
#define ROLE_LIMITS_MAX 250
#define BANNED_MAX	1000

/* Words of administrators that are remembered, lest one be done twice: Discord gives again what came in
 * the seconds before a crash. */
#define ADMIN_WORDS_MAX 32

/* Ended jobs are kept for statistics: this long before the newest one, and this many. */
#define STORE_KEEP_MS   (INT64_C(30) * 24 * 3600 * 1000)
#define STORE_KEEP_ROWS 100000
/* Pruned after so many ended jobs, at most so many rows at once: a start stays short. */
#define STORE_PRUNE_EVERY 500
#define STORE_PRUNE_ROWS  2000
/* A picture in the database: what fits into a message of Discord, or an input of that size. */
#define STORE_PICTURE_MAX (64 * MIB)
/* Pictures to edit that are fetched and cleaned at a time: each is held in memory. */
#define INPUTS_MAX 4
/* A member's last picture is kept so long for /edit; README promises it. */
#define LAST_PICTURE_MS (INT64_C(24) * 3600 * 1000)
/* And so large: whatever could be posted. */
#define LAST_PICTURE_MAX DISCORD_REQUEST_MAX
/* What autocompletion chooses from, and what a member is given of his own in one file. */
#define RECENT_PROMPTS_MAX 50
#define MEMBER_JOBS_MAX	   20000
/* What is remembered of run times: workflows on cards, of which the longest unused are forgotten
 * first; and the characters of one. */
#define LEARNED_ROWS_MAX  2000
#define LEARNED_VALUE_MAX 2000
/* Characters of a card's or workflow's name in a key of the database. */
#define LEARNED_NAME_MAX 190
/* Statements in one transaction: a longer queue is still answered in short turns. */
#define STORE_BATCH_MAX 256
/* How long a reader of the same file (a backup, `fullet check`) may hold up a write. */
#define STORE_BUSY_MS 5000
/* A database server: until it is connected, and without any sign of life from it during a statement.
 * One that hangs must hold up neither the start nor the end of the program. */
#define STORE_CONNECT_S 5
#define STORE_SILENCE_S 15
/* An idle connection is used so often: one that died is noticed before it is needed, and the server
 * may give up a client that it has not heard of for several times as long. */
#define STORE_PING_MS	     30000
#define STORE_CLIENT_GONE_S 150
/* Between two tries to reach a database that is away. */
#define STORE_RETRY_MIN_MS 250
#define STORE_RETRY_MAX_MS 5000
/* What is kept for a database that is away: more than a night of a busy server, and some pictures. */
#define STORE_KEPT_MAX	     1000
#define STORE_KEPT_BYTES_MAX (32 * MIB)
/* How long the one-bot lock of a database may still be held by a predecessor that was killed. */
#define STORE_LOCK_MS 5000
/* A disk with less than this left will soon refuse rows; `fullet check` says so. */
#define STORE_DISK_MIN (16 * MIB)

/* A stranger's picture: what Discord takes without a subscription is 10 MiB, a telephone's largest
 * photo below 25. */
#define PICTURE_BYTES_MAX (25 * MIB)
/* The usual telephones make 48 to 50 megapixels; one takes 4 bytes, decoded. */
#define PICTURE_PIXELS_MAX 51000000
/* A JPEG's side is below it, and products of two sides stay far from overflowing. */
#define PICTURE_SIDE_MAX 30000
/* What a picture is scaled down to if a workflow asks for nothing, and its PNG, which then stays
 * below STORE_PICTURE_MAX whatever it shows. */
#define CLEAN_PIXELS_MAX 16000000
#define CLEAN_PNG_MAX	 STORE_PICTURE_MAX
/* Sides are multiples of 8 to 64 where a model wants that. */
#define CLEAN_MULTIPLE_MAX 256
/* The cleaner: its address space (50 megapixels of HEIC take two thirds of it), the time on the
 * wall for one picture on a slow and busy computer, the processor's seconds of one picture and
 * those after which it gives way to a new one, as after so many pictures; how long it may wait. */
#define CLEAN_MEMORY_MAX (1536 * MIB)
#define CLEAN_MS	 20000
#define CLEAN_CPU_S	 20
#define CLEAN_CPU_ALL_S	 60
#define CLEAN_SERVED_MAX 200
#define CLEAN_IDLE_MS	 60000
/* Pictures that wait for the cleaner: each is held in memory. */
#define CLEAN_QUEUE_MAX 16

/* Connections kept for reuse: Discord needs one, each ComfyUI server a few. */
#define HTTP_IDLE_CONNECTIONS_MAX 16
/* To one host without HTTP/2; further requests wait for a free one. */
#define HTTP_HOST_CONNECTIONS_MAX 16
/* Of the local server: the head of a request (ours are below 2 KiB, a browser's below 8), its
 * connections, and what may wait to be sent to a peer that does not read (a picture or two). */
#define SERVER_HEAD_MAX  (32 * KIB)
#define SERVER_CONNS_MAX 512
#define SERVER_OUT_MAX   (256 * MIB)
/* What the sandbox's page sends is a command with its options, files in base64 among them. */
#define PAGE_BODY_MAX (96 * MIB)
/* A message that a peer of the local server may send: a gateway payload is below 4 KiB. */
#define SERVER_WS_MESSAGE_MAX (16 * MIB)
/* What waits to be sent on a WebSocket of ours. */
#define WEBSOCKET_OUT_MAX (32 * MIB)

/* An .env file. */
#define ENV_FILE_MAX (256 * KIB)
/* DATABASE_URL: hosts, paths of certificates and a password fit many times over. */
#define DATABASE_URL_MAX (4 * KIB)

#ifdef FULLET_SMALL_LIMITS
#include "base/limits_small.h"
#endif

#endif
