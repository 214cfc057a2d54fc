/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_COMMAND_LINE_H
#define FULLET_APP_COMMAND_LINE_H

/* The program's subcommands; main.c picks one. Each gets what follows its name and returns the exit
 * status: 0 in order, 1 not, 2 a mistake in the command line. */
int command_run(int argc, char **argv);
int command_sandbox(int argc, char **argv);
int command_check(int argc, char **argv);
int command_sync(int argc, char **argv);
int command_workflow(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_sched(int argc, char **argv);
int command_version(int argc, char **argv);

/* A warning goes to stderr; for config_load(). */
void command_warn(void *ctx, const char *sentence);
/* Says why (taken), or what the error r means when it is NULL; 1. */
int command_failed(char *why, int r);

#endif
