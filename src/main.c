/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/command_line.h"
#include "app/config.h"
#include "app/memory.h"

struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments, *help;
};

static const struct subcommand subcommands[] = {
	{"run", command_run, "", "Starts the bot. Without DISCORD_TOKEN it starts the sandbox."},
	{"sandbox", command_sandbox,
		"[--no-bot] [--cert FILE --key FILE] [--heartbeat-ms N] [--no-rate-limits]",
		"A pretend Discord (and, without COMFY_URL, a pretend ComfyUI) on 127.0.0.1 with a "
		"page to "
		"try everything in. --no-bot starts only the servers and prints their addresses."},
	{"check", command_check, "",
		"Tells line by line whether token, server, permissions, ComfyUI, workflows and "
		"database are "
		"in order; exit status 0 only if all are."},
	{"sync", command_sync, "", "Registers the commands in ALLOWED_GUILD_ID when they differ."},
	{"workflow", command_workflow, "FILE [--json]",
		"Prints what was understood of a workflow, an export or a picture made by ComfyUI, "
		"with the sidecar beside it; --json for programs."},
	{"backup", command_backup, "FILE",
		"Writes all that the database holds into a file, also while the bot runs."},
	{"restore", command_restore, "FILE [--force]",
		"Puts a backup into the database of DATABASE_URL, of whatever kind; --force if it "
		"holds jobs already."},
	{"explain", command_explain, "JOB",
		"Tells why a job went to its card, or why it waits now; also while the bot runs."},
	{"sched", command_sched, "--stdio",
		"The scheduler alone, in a conversation of JSON lines with a simulator or a judge "
		"(protocol 1, see docs/SCHEDULING.md)."},
	{"version", command_version, "", "Prints the version."},
};

static void print_help(FILE *to)
{
	char *settings = config_help();

	fprintf(to,
		"usage: fullet COMMAND [--help]\n\n"
		"FuLLet lets the members of a Discord server make pictures on your own GPUs.\n\n"
		"Commands:\n");
	for (size_t i = 0; i < countof(subcommands); i++)
		fprintf(to, "  %-9s %s\n", subcommands[i].name, subcommands[i].help);
	fprintf(to, "\nSettings, in .env or in the environment (which wins):\n%s", settings);
	free(settings);
}

/* The token is in our memory: neither a core dump nor another process of the user may have it. */
static void guard_memory(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak checker reads this process from another one */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Started with a closed stream (cron, CI), the next file opened would take its number: the log
 * would be written into the database, and libuv refuses to close a number below 3. */
static void keep_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	keep_standard_streams();
	guard_memory();
	config_hide_environment();
	memory_tune();
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") ||
		str_eq(argv[1], "help")) {
		print_help(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	for (size_t i = 0; i < countof(subcommands); i++) {
		const struct subcommand *c = &subcommands[i];

		if (!str_eq(argv[1], c->name))
			continue;
		if (argc > 2 && (str_eq(argv[2], "--help") || str_eq(argv[2], "-h"))) {
			printf("usage: fullet %s %s\n\n%s\n", c->name, c->arguments, c->help);
			return 0;
		}
		return c->run(argc - 2, argv + 2);
	}
	if (str_eq(argv[1], "--version"))
		return command_version(0, NULL);
	fprintf(stderr, "fullet: there is no command '%s'; see fullet --help\n", argv[1]);
	return 2;
}
