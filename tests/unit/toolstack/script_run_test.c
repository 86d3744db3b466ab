/* SPDX-License-Identifier: MIT */
/*
 * Scripts that are run by another process.  vld's own ran in its sandbox: one that made
 * a namespace or loaded a module worked at "vl create" and failed at each restart.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "guest_help.h"
#include "libvellum/device_part.h"
#include "libvellum/script_run.h"

#define LONG_MS 60000

static char path[108];

static int listen_there(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(path, sizeof(path), "%s/script.sock", folder);
	memcpy(address.sun_path, path, sizeof(path));
	unlink(path);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
	setenv("VL_SCRIPT_SOCKET", path, 1);
	return fd;
}

/* A process that answers one request as systemd's vl-script does, or with a text of ours. */
static pid_t serve(const char *text)
{
	int listener = listen_there(), fd;
	pid_t pid = fork();

	if (pid == 0) {
		fd = accept(listener, NULL, NULL);
		setenv("WHO", "the server", 1);
		if (!text) {
			_exit(script_serve(fd) ? 1 : 0);
		}
		while (recv(fd, path, sizeof(path), 0) > 0) {}
		send(fd, text, strlen(text), MSG_NOSIGNAL);
		_exit(0);
	}
	close(listener);
	return pid;
}

static int served(pid_t pid)
{
	int status = -1;

	unsetenv("VL_SCRIPT_SOCKET");
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status;
}

static int run(const char *script, const char *action)
{
	return device_script_run(&host, script, "vif", 7, 0, "vif7.0", action,
				 "network interface 0", &error);
}

static void who_listens_runs_it(void)
{
	char text[256], expected[256], *seen;
	unsigned int open = descriptors();
	const char *script;
	pid_t pid;

	snprintf(text, sizeof(text),
		 "tr '\\0' '\\n' < /proc/$PPID/cmdline > /dev/null\n"
		 "echo \"$PPID $# $1 $2 $XENBUS_PATH $vif $PATH.$WHO\" > %s/seen",
		 folder);
	script = make_script("vif-mine", text);
	pid = serve(NULL);
	CU_ASSERT_EQUAL(run(script, "online"), 0);
	CU_ASSERT_EQUAL(served(pid), 0);
	CU_ASSERT_EQUAL(descriptors(), open);
	seen = read_text(in_folder("seen"));
	snprintf(expected, sizeof(expected),
		 "%d 2 online type_if=vif backend/vif/7/0 vif7.0 "
		 "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin.\n",
		 pid);
	CU_ASSERT_STRING_EQUAL(seen ? seen : "", expected);
	free(seen);
	/* Nobody else's business. */
	CU_ASSERT_EQUAL(run(script, "offline"), 0);
	seen = read_text(in_folder("seen"));
	CU_ASSERT_EQUAL(seen ? atoi(seen) : 0, getpid());
	free(seen);
}

static void its_reason_comes_back(void)
{
	const char *script = make_script("vif-mine", "echo 'no such bridge' >&2; exit 1");
	const char *killed = make_script("vif-killed", "kill -9 $$");
	pid_t pid = serve(NULL);

	CU_ASSERT_EQUAL(run(script, "online"), -EIO);
	HAS(error.text, "network interface 0: its script ");
	HAS(error.text, "/vif-mine online has failed: no such bridge");
	CU_ASSERT_EQUAL(served(pid), 0);
	pid = serve(NULL);
	CU_ASSERT_EQUAL(run(killed, "online"), -EIO);
	HAS(error.text, "/vif-killed online has failed: signal 9");
	CU_ASSERT_EQUAL(served(pid), 0);
	pid = serve(NULL);
	CU_ASSERT_EQUAL(run("/none/there", "online"), -ENOENT);
	HAS(error.text, "cannot execute its script /none/there: No such file");
	CU_ASSERT_EQUAL(served(pid), 0);
	pid = serve("-110 the last words");
	CU_ASSERT_EQUAL(run(script, "online"), -ETIMEDOUT);
	HAS(error.text, "/vif-mine did not end within 40 s: the last words");
	served(pid);
}

static void nobody_runs_it(void)
{
	static const char *const answers[] = { "", "0", "x y", "999999 no", "-40000 no" };
	const char *script = make_script("vif-mine", "exit 0");
	char huge[600] = "";
	pid_t pid;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		pid = serve(answers[i]);
		CU_ASSERT_EQUAL(run(script, "online"), -ECOMM);
		HAS(error.text, "/vif-mine: vl-script has not answered");
		served(pid);
	}
	memset(huge, 'x', sizeof(huge) - 1);
	pid = serve(huge);
	CU_ASSERT_EQUAL(run(script, "online"), -ECOMM);
	HAS(error.text, "vellum-script.socket (");
	served(pid);
	/* It is there, and nobody behind it; it is not there; it is no path. */
	setenv("VL_SCRIPT_SOCKET", path, 1);
	CU_ASSERT_EQUAL(run(script, "online"), -ECOMM);
	HAS(error.text, "Connection refused");
	unlink(path);
	CU_ASSERT_EQUAL(run(script, "online"), -ECOMM);
	HAS(error.text, "No such file or directory");
	setenv("VL_SCRIPT_SOCKET", huge, 1);
	CU_ASSERT_EQUAL(run(script, "online"), -ECOMM);
	HAS(error.text, "File name too long");
	/* Empty: not set. */
	setenv("VL_SCRIPT_SOCKET", "", 1);
	CU_ASSERT_EQUAL(run(script, "online"), 0);
	unsetenv("VL_SCRIPT_SOCKET");
}

/* What script_serve() gives for these bytes; `answer` is what it has sent. */
static int request(const char *bytes, size_t size, char answer[64])
{
	ssize_t got;
	int fds[2], rc;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CU_ASSERT_EQUAL(send(fds[0], bytes, size, 0), (ssize_t)size);
	shutdown(fds[0], SHUT_WR);
	rc = script_serve(fds[1]);
	close(fds[1]);
	got = recv(fds[0], answer, 63, 0);
	answer[got > 0 ? got : 0] = '\0';
	close(fds[0]);
	return rc;
}

#define ASK(text) request(text, sizeof(text) - 1, answer)

static void requests(void)
{
	char answer[64], many[300] = "9000\0/bin/true", *huge;

	CU_ASSERT_EQUAL(ASK("60000\0/bin/true\0\0"), 0);
	CU_ASSERT_STRING_EQUAL(answer, "0 ");
	CU_ASSERT_EQUAL(ASK("60000\0/bin/false\0x\0\0A=b\0C=d\0"), 0);
	CU_ASSERT_STRING_EQUAL(answer, "256 ");
	CU_ASSERT_EQUAL(ASK("100\0/bin/sleep\0"
			    "1000\0\0"),
			0);
	CU_ASSERT_STRING_EQUAL(answer, "-110 ");
	CU_ASSERT_EQUAL(ASK("60000\0/bin/true\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("60000\0/bin/true\0\0A=b"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("60000\0true\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("60000\0\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("60000\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("\0/bin/true\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("-1\0/bin/true\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("0\0/bin/true\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("99999999999999999999\0/bin/true\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK("9x\0/bin/true\0\0"), -EBADMSG);
	CU_ASSERT_EQUAL(ASK(""), -EBADMSG);
	CU_ASSERT_STRING_EQUAL(answer, "");
	/* More words than there is room for: arguments, then variables. */
	for (size_t i = 15; i < sizeof(many); i++) {
		many[i] = i % 2 ? 'a' : '\0';
	}
	CU_ASSERT_EQUAL(request(many, 299, answer), -EBADMSG);
	many[16] = many[15] = '\0';
	CU_ASSERT_EQUAL(request(many, 299, answer), -EBADMSG);
	huge = calloc(1, 20000);
	CU_ASSERT_EQUAL(request(huge, 20000, answer), -EMSGSIZE);
	free(huge);
}

CU_TestInfo script_run_tests[] = {
	{ "who listens runs it", who_listens_runs_it },
	{ "its reason comes back", its_reason_comes_back },
	{ "nobody runs it", nobody_runs_it },
	{ "requests", requests },
	CU_TEST_INFO_NULL,
};
