// SPDX-License-Identifier: Apache-2.0
// A program that never touches OpenCL. Prints all of itself that a library could change: look-ups,
// signals, mask, environment, descriptors, threads.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char** environ;

static void print_folder(const char* path) {
  int count = 0;
  DIR* const folder = opendir(path);
  while (folder != NULL && readdir(folder) != NULL) ++count;
  if (folder != NULL) closedir(folder);
  printf("%s %d\n", path, count);
}

static void print_lookups(void) {
  void* const first = dlsym(RTLD_NEXT, "malloc");
  int same = 1;
  for (int i = 0; i < 1000; ++i) same = same && dlsym(RTLD_NEXT, "malloc") == first;
  Dl_info where;
  const int found = dladdr(first, &where);
  printf("malloc %d %d %s %s\n", first != NULL, same, found ? where.dli_sname : "",
         found ? strrchr(where.dli_fname, '/') : "");
  printf("curl %p\n", dlsym(RTLD_DEFAULT, "curl_easy_init"));
  printf("clock %d\n", dlsym(RTLD_DEFAULT, "clock") != NULL);
  printf("cl %p\n", dlsym(RTLD_DEFAULT, "clGetDeviceIDs"));
  printf("error %d\n", dlerror() != NULL);
}

int main(int argc, char** argv) {
  (void)argv;
  print_lookups();
  for (int i = 1; i < 65; ++i) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigaction(i, NULL, &action);
    printf("%d:%lx ", i, (unsigned long)action.sa_handler);
  }
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  printf("\nblocked %d\n", sigisemptyset(&blocked));
  const mode_t mask = umask(0);
  printf("umask %o\n", mask);
  for (char** variable = environ; *variable != NULL; ++variable)
    if (strncmp(*variable, "LD_PRELOAD=", 11) != 0) printf("%s\n", *variable);
  print_folder("/proc/self/fd");
  print_folder("/proc/self/task");
  if (argc > 1) fflush(stdout), _exit(7);
  return 0;
}
