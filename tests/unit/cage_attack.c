/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sits in the cleaner's cage and tries to get out, one way a run: `cage_attack FENCE WAY`. It is
 * part of no installed program. FENCE "all" is the cage as it is; "landlock" and "ceilings" stand
 * alone, to know that each holds by itself. Its end tells what became of it: killed, or HELD, or
 * OUT.
 */
#include "../../src/cleaner/cage.c"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { OUT = 0, HELD = 10, UNKNOWN = 11 };

static int verdict(long result)
{
	return result < 0 ? HELD : OUT;
}

static int read_file(void)
{
	return verdict(open("/etc/passwd", O_RDONLY));
}

static int write_file(void)
{
	return verdict(open("/tmp/fullet-cage-attack", O_WRONLY | O_CREAT, 0600));
}

static int make_folder(void)
{
	return verdict(mkdir("/tmp/fullet-cage-attack.d", 0700));
}

static int remove_file(void)
{
	return verdict(unlink("/tmp/fullet-cage-attack"));
}

static int internet(void)
{
	return verdict(socket(AF_INET, SOCK_STREAM, 0));
}

static int local_socket(void)
{
	return verdict(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int connect_out(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return verdict(connect(STDOUT_FILENO, (struct sockaddr *)&to, sizeof(to)));
}

static int send_descriptor(void)
{
	struct msghdr message = {0};

	return verdict(sendmsg(STDOUT_FILENO, &message, 0));
}

static int child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return verdict(pid);
}

static int child_by_clone3(void)
{
	uint64_t arguments[8] = {0, 0, 0, 0, SIGCHLD};
	long pid = syscall(SYS_clone3, arguments, sizeof(arguments));

	if (pid == 0)
		_exit(0);
	return verdict(pid);
}

static int program(void)
{
	execl("/bin/true", "true", NULL);
	return HELD;
}

static int trace(void)
{
	return verdict(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int signal_parent(void)
{
	return verdict(kill(getppid(), 0));
}

static int read_parent(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {&byte, 1};

	return verdict(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int code_in_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0) == MAP_FAILED
		       ? HELD
		       : OUT;
}

static int make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return verdict(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int file_in_memory(void)
{
	return verdict(syscall(SYS_memfd_create, "x", 0));
}

static int terminal(void)
{
	return verdict(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int more_memory(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	return verdict(setrlimit(RLIMIT_AS, &all));
}

static int become_root(void)
{
	return verdict(setresuid(0, 0, 0));
}

static int be_traced(void)
{
	return verdict(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int new_namespace(void)
{
	return verdict(unshare(CLONE_NEWUSER));
}

static int ring(void)
{
	char parameters[120] = {0};

	return verdict(syscall(SYS_io_uring_setup, 1, parameters));
}

static int other_architecture(void)
{
#ifdef __x86_64__ /* 32-bit calls have other numbers: 20 is getpid there, writev here */
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
	return verdict(result);
#else
	return HELD;
#endif
}

static int take_memory(void)
{
	void *p = mmap(
		NULL, CLEAN_MEMORY_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? HELD : OUT;
}

/* Standard error is given as a file by the test. */
static int grow_file(void)
{
	return verdict(write(STDERR_FILENO, "x", 1));
}

static int duplicate(void)
{
	return verdict(dup(STDIN_FILENO));
}

/* What must go on: else nothing were decoded. */
static void *nothing(void *arg)
{
	return arg;
}

static int thread(void)
{
	pthread_t id;
	void *p = malloc(64 * MIB);

	if (!p || pthread_create(&id, NULL, nothing, NULL) != 0 || pthread_join(id, NULL) != 0)
		return UNKNOWN;
	free(p);
	return HELD;
}

static const struct way {
	const char *name;
	int (*run)(void);
} ways[] = {
	{"read-file", read_file},
	{"write-file", write_file},
	{"make-folder", make_folder},
	{"remove-file", remove_file},
	{"internet", internet},
	{"local-socket", local_socket},
	{"connect", connect_out},
	{"send-descriptor", send_descriptor},
	{"child", child},
	{"clone3", child_by_clone3},
	{"program", program},
	{"trace", trace},
	{"signal-parent", signal_parent},
	{"read-parent", read_parent},
	{"code-in-memory", code_in_memory},
	{"make-executable", make_executable},
	{"file-in-memory", file_in_memory},
	{"terminal", terminal},
	{"more-memory", more_memory},
	{"become-root", become_root},
	{"be-traced", be_traced},
	{"new-namespace", new_namespace},
	{"io-uring", ring},
	{"other-architecture", other_architecture},
	{"take-memory", take_memory},
	{"grow-file", grow_file},
	{"duplicate", duplicate},
	{"thread", thread},
};

static int close_fence(const char *fence)
{
	struct wire_hello hello = {0};
	int r;

	if (strcmp(fence, "none") == 0)
		return 0;
	r = cage_enter(&hello);
	if (r < 0)
		return r;
	if (strcmp(fence, "landlock") == 0)
		r = close_landlock(&hello) || hello.landlock == 0 ? -ENOSYS : 0;
	else if (strcmp(fence, "ceilings") == 0)
		r = set_ceilings();
	else
		r = cage_close(&hello);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return UNKNOWN;
	for (size_t i = 0; i < countof(ways); i++)
		if (strcmp(ways[i].name, argv[2]) == 0)
			return close_fence(argv[1]) < 0 ? UNKNOWN : ways[i].run();
	return UNKNOWN;
}
